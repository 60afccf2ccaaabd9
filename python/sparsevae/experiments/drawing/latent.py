"""What networks say of their latent variables: sorted norms and variances, histograms."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .curves import legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of each series and place, in their order, what the trials say, a row a trial; there may be none.
Rows: TypeAlias = Mapping[tuple[str, float], NDArray[np.float64]]

SORTED_SIZE = (8.6, 4.6)
_COLOURS = "viridis"
# Inches: a histogram, and what is around all of them.
_CELL, _BESIDE, _ABOVE = (2.4, 1.5), 1.8, 1.6


def draw_sorted(axes: "Axes", rows: Rows, *, title: str, label: str, legend: str) -> None:
    """Draw sorted numbers, a curve for each series and place: means over trials, bars from the least to the largest.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    rows : mapping of (series, place) to ndarray of shape (n_trials, n_latent)
        The numbers.
    title, label, legend : str
        Of the axes, of their vertical one, and of the legend.
    """
    from matplotlib import colormaps

    axes.set_title(title)
    several = len({series for series, _ in rows}) > 1
    for number, ((series, place), values) in enumerate(rows.items()):
        if not len(values):
            continue
        colour = colormaps[_COLOURS](0.9 * number / max(1, len(rows) - 1))
        x = np.arange(1, values.shape[1] + 1)
        name = f"{series}, {place:g}" if several else f"{place:g}"
        axes.plot(x, values.mean(axis=0), color=colour, marker="o", markersize=4, label=name)
        axes.vlines(x, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.35, linewidth=1)
    axes.set(xlabel="latent variable, in order", ylabel=label)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    if rows:
        legend_beside(axes, title=legend)


def histograms_size(rows: Rows) -> tuple[float, float]:
    """Return width and height of a panel of histograms, in inches."""
    series, places = _grid(rows)
    return max(6.0, _BESIDE + _CELL[0] * len(places)), _ABOVE + _CELL[1] * len(series)


def draw_histograms(axes: "Axes", rows: Rows, *, largest: float, title: str, labels: tuple[str, str]) -> None:
    """Draw a histogram for each series and place, of all trials together.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    rows : mapping of (series, place) to ndarray of shape (n_trials, n_bins)
        Counts in bins of equal width.
    largest : float
        Right end of the last bin; the first begins at 0.
    title : str
        Of the axes.
    labels : tuple of two str
        Of the horizontal and of the vertical axis.
    """
    series, places = _grid(rows)
    axes.set_title(title)
    axes.set(xlabel=labels[0], ylabel=labels[1], xticks=[], yticks=[])
    # Ticks are those of the histograms, which stand where the axes would have none.
    axes.yaxis.labelpad = 34
    axes.spines[:].set_visible(False)
    height, width = 1 / max(1, len(series)), 1 / max(1, len(places))
    for (name, place), trials in rows.items():
        if not len(trials):
            continue
        row, column, counts = series.index(name), places.index(place), trials.sum(axis=0)
        inset = axes.inset_axes((column * width, 1 - (row + 0.82) * height, 0.9 * width, 0.72 * height))
        edges = np.linspace(0, largest, len(counts) + 1)
        inset.stairs(counts / counts.sum(), edges, fill=True, color="#0072b2")
        inset.set(yscale="log", ylim=(1e-5, 1.5), xlim=(0, largest), xticks=[0, 0.5, 1])
        inset.set_title(f"{name}, {place:g}" if name else f"{place:g}", fontsize="small", pad=2)
        inset.tick_params(labelsize="x-small", labelleft=column == 0)


def _grid(rows: Rows) -> tuple[list[str], list[float]]:
    series, places = dict.fromkeys(name for name, _ in rows), dict.fromkeys(place for _, place in rows)
    return list(series), list(places)
