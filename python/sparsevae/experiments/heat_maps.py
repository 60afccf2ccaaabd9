"""Errors, or numbers of latent variables, over two quantities as heat maps, one a method. Needs matplotlib."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .specification import Figure
from .summary import Point, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# One hue, so that light and dark tell the colours apart.
_COLOURS, _NOTHING, _FRAME = "Blues", "0.85", "0.5"
# Errors at or below the first are white: nothing more is to be seen there. The second is failure.
_LEAST, _MOST = 1e-6, 1.0
# Above this share of the scale numbers are white.
_DARK = 0.55
# Inches: a cell, and what is beside and above the cells.
_CELL, _BESIDE, _ABOVE = (0.62, 0.5), 2.6, 1.7
# Letters of a method's name above one cell.
_LETTERS = 8


def is_heat_map(figure: Figure) -> bool:
    """Tell whether a figure is drawn as heat maps: it is of errors or dimensions, and has several series."""
    return figure.metric in ("nmse", "dimensions") and len(figure.series) > 1


def size(points: Sequence[Point]) -> tuple[float, float]:
    """Return width and height, in inches, in which the numbers of a panel can be read."""
    methods, series, places = _axes_of(points)
    width = _BESIDE + _CELL[0] * (len(methods) * (len(places) + 1) - 1)
    return max(width, 6.0), _ABOVE + _CELL[1] * len(series)


def draw_heat_maps(axes: "Axes", figure: Figure, points: Sequence[Point]) -> None:
    """Draw medians of normalised mean squared errors: white is recovered, dark is failure, grey was not run.

    Or mean numbers of latent variables: the lighter, the fewer. All methods have one scale.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw: the heat maps of all methods, side by side.
    figure : Figure
        What the points belong to.
    points : sequence of Point
        From :func:`sparsevae.experiments.summarise`.
    """
    from matplotlib.colors import LogNorm, Normalize

    errors = figure.metric == "nmse"
    methods, series, places = _axes_of(points)
    known = {(p.method, p.series, p.x): p.nmse if errors else p.dimensions for p in points}
    period = len(places) + 1
    values: NDArray[np.float64] = np.full((len(series), len(methods) * period - 1), math.nan)
    for (method, name, x), value in known.items():
        values[series.index(name), methods.index(method) * period + places.index(x)] = value
    scale = LogNorm(*_scale(values), clip=True) if errors else Normalize(0, np.nanmax(values, initial=1.0))
    for start in range(0, values.shape[1], period):
        # The image lies between what was not run and a frame, without which white cells would have no edge.
        ends = (start - 0.5, start + len(places) - 0.5)
        axes.axvspan(*ends, color=_NOTHING, linewidth=0, zorder=-1)
        axes.axvspan(*ends, facecolor="none", edgecolor=_FRAME, linewidth=0.8, zorder=2)
    image = axes.imshow(values, cmap=_COLOURS, norm=scale, aspect="auto", interpolation="nearest")
    for row, column in zip(*np.nonzero(~np.isnan(values)), strict=True):
        value = values[row, column]
        colour = "white" if scale(value) > _DARK else "black"
        text = short(value) if errors else f"{value:.1f}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    # Long names of narrow maps take two lines.
    names = [name.replace(", ", ",\n") if len(name) > _LETTERS * len(places) else name for name in methods]
    for number in range(len(methods)):
        middle = number * period + (len(places) - 1) / 2
        axes.text(middle, -0.6, names[number], ha="center", va="bottom", fontsize="medium")
    ticks = [number * period + column for number in range(len(methods)) for column in range(len(places))]
    axes.set_xticks(ticks, [f"{place:g}" for _ in methods for place in places])
    axes.set_yticks(range(len(series)), series)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(figure.label)
    axes.set_title(f"{figure.name}: {figure.title}", pad=22 + 13 * any("\n" in name for name in names))
    bar = axes.figure.colorbar(image, ax=axes, pad=0.01)
    bar.set_label("NMSE (median)" if errors else "nonzero columns (mean)")


def _axes_of(points: Sequence[Point]) -> tuple[list[str], list[str], list[float]]:
    """List methods, series and places, of those that are there."""
    methods = list(dict.fromkeys(point.method for point in points))
    series = list(dict.fromkeys(point.series for point in points))
    return methods, series, sorted({point.x for point in points})


def _scale(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the scale: powers of ten around the errors, as far as differences mean anything."""
    known = values[np.isfinite(values)]
    least = float(np.clip(known.min(initial=_MOST), _LEAST, _MOST / 10))
    return 10 ** math.floor(math.log10(least)), _MOST
