"""Numbers over two quantities as heat maps, one a method."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

# Method, series and place of a cell.
Cell: TypeAlias = tuple[str, str, float]

# One hue, so that light and dark tell the colours apart.
_COLOURS, _NOTHING, _FRAME = "Blues", "0.85", "0.5"
# Above this share of the scale numbers are white.
_DARK = 0.55
# Inches: a cell, and what is beside and above the cells.
_CELL, _BESIDE, _ABOVE = (0.62, 0.5), 2.6, 1.7
# Letters of a method's name above one cell.
_LETTERS = 8


def size(cells: Iterable[Cell]) -> tuple[float, float]:
    """Return width and height, in inches, in which the numbers of a panel can be read."""
    methods, series, places = _axes_of(cells)
    width = _BESIDE + _CELL[0] * (len(methods) * (len(places) + 1) - 1)
    return max(width, 6.0), _ABOVE + _CELL[1] * len(series)


def draw_heat_maps(
    axes: "Axes",
    known: Mapping[Cell, float],
    *,
    scale: Callable[[NDArray[np.float64]], "Normalize"],
    text: Callable[[float], str],
    title: str,
    label: str,
    bar_label: str,
) -> None:
    """Draw the heat maps of all methods side by side, on one scale; grey was not run.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    known : mapping of (method, series, place) to float
        The numbers, methods and series in their order.
    scale : callable
        From all numbers, NaN where nothing was run, to their scale of colours.
    text : callable
        Writes a number.
    title, label, bar_label : str
        Of the axes, of their horizontal one, and of the bar of colours.
    """
    methods, series, places = _axes_of(known)
    period = len(places) + 1
    values: NDArray[np.float64] = np.full((len(series), len(methods) * period - 1), math.nan)
    for (method, name, x), value in known.items():
        values[series.index(name), methods.index(method) * period + places.index(x)] = value
    norm = scale(values)
    for start in range(0, values.shape[1], period):
        # The image lies between what was not run and a frame, without which white cells would have no edge.
        ends = (start - 0.5, start + len(places) - 0.5)
        axes.axvspan(*ends, color=_NOTHING, linewidth=0, zorder=-1)
        axes.axvspan(*ends, facecolor="none", edgecolor=_FRAME, linewidth=0.8, zorder=2)
    image = axes.imshow(values, cmap=_COLOURS, norm=norm, aspect="auto", interpolation="nearest")
    for row, column in zip(*np.nonzero(~np.isnan(values)), strict=True):
        value = values[row, column]
        colour = "white" if norm(value) > _DARK else "black"
        axes.text(column, row, text(value), ha="center", va="center", color=colour, fontsize=7)
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
    axes.set_xlabel(label)
    axes.set_title(title, pad=22 + 13 * any("\n" in name for name in names))
    bar = axes.figure.colorbar(image, ax=axes, pad=0.01)
    bar.set_label(bar_label)


def _axes_of(cells: Iterable[Cell]) -> tuple[list[str], list[str], list[float]]:
    """List methods, series and places, of those that are there."""
    methods, series, places = (list(dict.fromkeys(parts)) for parts in zip(*cells, strict=True))
    return methods, series, sorted(places)
