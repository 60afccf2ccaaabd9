"""What networks say of their latent variables: sorted norms and variances, histograms. Needs matplotlib."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .specification import Figure, Number
from .trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of each metric that is drawn from facts: the fact, and what it is.
FACTS = {
    "norms": ("column_norms", "norm of the decoder's column"),
    "variances": ("variances", "mean posterior variance"),
    "histogram": ("histogram", "share of posterior variances"),
}
_LARGEST_VARIANCE = 1.25
_COLOURS = "viridis"
# Inches: a histogram, and what is around all of them.
_CELL, _BESIDE, _ABOVE = (2.4, 1.5), 1.8, 1.6


def size(figure: Figure, records: Sequence[Record]) -> tuple[float, float]:
    """Return width and height of a panel, in inches."""
    if figure.metric != "histogram":
        return 8.6, 4.6
    series, places = _grid(figure, records)
    return max(6.0, _BESIDE + _CELL[0] * len(places)), _ABOVE + _CELL[1] * len(series)


def draw_facts(axes: "Axes", figure: Figure, records: Sequence[Record]) -> None:
    """Draw sorted norms or variances, a curve a place, or histograms, one for each series and place.

    Curves are means over trials, bars from the least to the largest; histograms have all trials.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    figure : Figure
        What the trials belong to.
    records : sequence of Record
        The trials; those without the fact are left out.
    """
    axes.set_title(f"{figure.name}: {figure.title}")
    if figure.metric == "histogram":
        _draw_histograms(axes, figure, records)
    else:
        _draw_sorted(axes, figure, records)


def _fact(figure: Figure, records: Sequence[Record], series: str, place: Number) -> NDArray[np.float64]:
    """Return the fact of each trial at one place, a row a trial."""
    name = FACTS[figure.metric][0]
    mine = [record for record in records if (record.key.series, record.key.value) == (series, place)]
    found: list[Any] = [record.score.facts[name] for record in mine if record.score and name in record.score.facts]
    return np.array(found, np.float64)


def _grid(figure: Figure, records: Sequence[Record]) -> tuple[list[str], list[Number]]:
    """List series, in the order of the figure, and places of the trials that have the fact."""
    name = FACTS[figure.metric][0]
    told = [record.key for record in records if record.score and name in record.score.facts]
    order = list(dict.fromkeys([*figure.series, *(key.series for key in told)]))
    there = {key.series for key in told}
    return [series for series in order if series in there], sorted({key.value for key in told})


def _draw_sorted(axes: "Axes", figure: Figure, records: Sequence[Record]) -> None:
    from matplotlib import colormaps

    series, places = _grid(figure, records)
    curves = [(name, place) for name in series for place in places]
    for number, (name, place) in enumerate(curves):
        values = _fact(figure, records, name, place)
        if not len(values):
            continue
        colour = colormaps[_COLOURS](0.9 * number / max(1, len(curves) - 1))
        x = np.arange(1, values.shape[1] + 1)
        label = f"{name}, {place:g}" if len(series) > 1 else f"{place:g}"
        axes.plot(x, values.mean(axis=0), color=colour, marker="o", markersize=4, label=label)
        axes.vlines(x, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.35, linewidth=1)
    axes.set(xlabel="latent variable, in order", ylabel=FACTS[figure.metric][1])
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    if curves:
        axes.legend(
            title=figure.label,
            frameon=False,
            fontsize="small",
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
        )


def _draw_histograms(axes: "Axes", figure: Figure, records: Sequence[Record]) -> None:
    series, places = _grid(figure, records)
    axes.set(xlabel=f"posterior variance, by {figure.label}", ylabel=FACTS[figure.metric][1], xticks=[], yticks=[])
    # Ticks are those of the histograms, which stand where the axes would have none.
    axes.yaxis.labelpad = 34
    axes.spines[:].set_visible(False)
    height, width = 1 / max(1, len(series)), 1 / max(1, len(places))
    for row, name in enumerate(series):
        for column, place in enumerate(places):
            counts = _fact(figure, records, name, place).sum(axis=0)
            if not counts.ndim:
                continue
            bounds = (column * width, 1 - (row + 0.82) * height, 0.9 * width, 0.72 * height)
            inset = axes.inset_axes(bounds)
            edges = np.linspace(0, _LARGEST_VARIANCE, len(counts) + 1)
            inset.stairs(counts / counts.sum(), edges, fill=True, color="#0072b2")
            inset.set(yscale="log", ylim=(1e-5, 1.5), xlim=(0, _LARGEST_VARIANCE), xticks=[0, 0.5, 1])
            inset.set_title(f"{name}, {place:g}" if name else f"{place:g}", fontsize="small", pad=2)
            inset.tick_params(labelsize="x-small", labelleft=column == 0)
