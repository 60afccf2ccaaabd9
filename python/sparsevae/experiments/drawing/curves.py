"""Curves with intervals, a legend beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours and markers of series.
SERIES = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#e69f00", "v"), ("#56b4e9", "P"))
UNKNOWN = ("0.4", "o")
# Width over which curves are spread, as a share of the axis.
SPREAD = 0.05
_LEGEND_ROWS = 20
# Line widths and opacities of intervals: of curves that stand out, and of all others.
_EMPHASISED, _PLAIN = (2.4, 0.6), (1.2, 0.35)


@dataclass(frozen=True)
class Curve:
    """A curve: places, values, and for each the ends of an interval, empty for none."""

    label: str
    x: Sequence[float]
    middle: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    style: tuple[str, str] = UNKNOWN
    line: str = "-"
    emphasised: bool = False


def moved_apart(curves: Sequence[Curve], spread: float) -> list[Curve]:
    """Return curves side by side, over a share of the axis, so that those with the same values are all seen."""
    places = [x for curve in curves for x in curve.x]
    step = spread * (max(places) - min(places)) / len(curves) if places else 0.0
    shifts = [(number - (len(curves) - 1) / 2) * step for number in range(len(curves))]
    return [replace(curve, x=[x + shift for x in curve.x]) for curve, shift in zip(curves, shifts, strict=True)]


def draw_curves(
    axes: "Axes",
    curves: Sequence[Curve],
    references: Sequence[Curve] = (),
    *,
    title: str,
    label: str,
    settings: Mapping[str, Any],
    spread: float = SPREAD,
) -> None:
    """Draw curves with their intervals, and others to compare them with, thin and with hollow markers.

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
    spread : float, default=0.05
        Share of the axis over which curves are moved apart, so that those with the same values are all seen.
    """
    for curve in moved_apart(curves, spread):
        width, opacity = _EMPHASISED if curve.emphasised else _PLAIN
        colour, marker = curve.style
        look: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": curve.line, "linewidth": width}
        axes.plot(curve.x, curve.middle, markersize=5, label=curve.label, **look)
        axes.vlines(curve.x, curve.low, curve.high, color=colour, alpha=opacity, linewidth=1)
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
            markerfacecolor="none" if marker not in "x+" else colour,
            label=curve.label,
        )
    axes.set(xlabel=label, title=title)
    axes.set(**settings)
    axes.grid(visible=True, alpha=0.3)
    legend_beside(axes, ncols=_legend_columns(axes))


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
