"""Curves with intervals, a legend beside them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours and markers of series.
SERIES = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#e69f00", "v"), ("#56b4e9", "P"))
UNKNOWN = ("0.4", "o")
# How far a point may be moved from its place: as a share of the gap to its nearer neighbour, and of the axis.
DODGE, _FARTHEST = 0.1, 0.01
_LEGEND_ROWS = 20
# Width of a line and size of a marker that lie beneath all others, and the factors from each to the next one.
_WIDTH, _THINNER, _MARKER, _SMALLER = 3.2, 0.8, 10.0, 0.85


@dataclass(frozen=True)
class Curve:
    """A curve: places, values, and for each the ends of an interval, empty for none.

    One to compare with may name in `beside` the label of the curve that it belongs to, or be in every panel.
    """

    label: str
    x: Sequence[float]
    middle: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    style: tuple[str, str] = UNKNOWN
    line: str = "-"
    emphasised: bool = False
    beside: str = ""
    everywhere: bool = False


def moved_apart(curves: Sequence[Curve], dodge: float = DODGE) -> list[Curve]:
    """Return curves a little to the side of their places, at most `dodge` of the gap to the nearer neighbour."""
    places = [place for curve in curves for place in curve.x]
    farthest = _FARTHEST * (max(places) - min(places)) if places else 0.0
    found = []
    for number, curve in enumerate(curves):
        side = 2 * number / (len(curves) - 1) - 1 if len(curves) > 1 else 0.0
        x = [place + side * min(dodge * gap, farthest) for place, gap in zip(curve.x, gaps(curve.x), strict=True)]
        found.append(replace(curve, x=x))
    return found


def draw_curves(
    axes: "Axes",
    curves: Sequence[Curve],
    references: Sequence[Curve] = (),
    *,
    title: str,
    label: str,
    settings: Mapping[str, Any],
    dodge: float = DODGE,
) -> None:
    """Draw curves with their intervals, and others to compare them with, thin and with hollow markers.

    Curves with the same values are all seen: those that stand out lie beneath, each next one is thinner and has smaller
    markers, and every second has hollow ones.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    curves : sequence of Curve
        What is drawn, in the order of the legend.
    references : sequence of Curve, default=()
        Curves without intervals, last in the legend.
    title, label : str
        Of the axes, and of their horizontal one.
    settings : mapping
        Label, scale and limits of the vertical axis, by the names of ``matplotlib.axes.Axes.set``.
    dodge : float, default=0.1
        How far a point is moved at most, as a share of the gap to its nearer neighbour, so that intervals do not
        cover each other; 0.01 of the axis is the limit.
    """
    beneath = sorted(range(len(curves)), key=lambda number: not curves[number].emphasised)
    ranks = {number: rank for rank, number in enumerate(beneath)}
    for number, curve in enumerate(moved_apart(curves, dodge)):
        colour, marker = curve.style
        rank = ranks[number]
        axes.plot(
            curve.x,
            curve.middle,
            color=colour,
            marker=marker,
            linestyle=curve.line,
            linewidth=_WIDTH * _THINNER**rank,
            markersize=_MARKER * _SMALLER**rank,
            markerfacecolor="none" if rank % 2 else colour,
            zorder=2 + rank / len(curves),
            label=curve.label,
        )
        axes.vlines(curve.x, curve.low, curve.high, color=colour, alpha=0.5, linewidth=1)
    for curve in references:
        colour, marker = curve.style
        axes.plot(
            curve.x,
            curve.middle,
            color=colour,
            marker=marker,
            linestyle=curve.line,
            linewidth=1,
            markersize=5,
            markerfacecolor="none",
            label=curve.label,
        )
    axes.set(xlabel=label, title=title)
    axes.set(**settings)
    axes.grid(visible=True, alpha=0.3)
    legend_beside(axes, ncols=_legend_columns(axes))


def gaps(places: Sequence[float]) -> list[float]:
    """Return for each place the distance to the nearest other one, 0 if there is none."""
    known = sorted(set(places))
    nearest = dict.fromkeys(known, math.inf)
    for one, other in pairwise(known):
        nearest[one], nearest[other] = min(nearest[one], other - one), other - one
    return [nearest[place] if len(known) > 1 else 0.0 for place in places]


def legend_beside(axes: "Axes", **options: Any) -> None:
    """Put a legend to the right of the axes."""
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    axes.legend(frameon=False, fontsize="small", **place, **options)


def size(axes: "Axes") -> tuple[float, float]:
    """Return width and height of axes with curves that are drawn, legend included, in inches."""
    return 5.6 + 3.0 * _legend_columns(axes), 4.6


def _legend_columns(axes: "Axes") -> int:
    """Count the columns of a legend beside the axes, so that none is longer than the axes are high."""
    return max(1, -(-len(axes.get_lines()) // _LEGEND_ROWS))
