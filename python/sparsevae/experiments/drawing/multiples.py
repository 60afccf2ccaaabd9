"""Small multiples: curves in a grid of panels, and dots in rows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .curves import UNKNOWN, Curve, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches: a panel of a grid, a row of dots, and what is around all of them.
_CELL, _BESIDE, _ABOVE = (2.7, 1.9), 3.6, 1.4
_ROW, _DOTS_WIDTH, _DOTS_ABOVE = 0.32, 8.0, 1.5
# Share of a cell that its axes take, across and down; the rest is for ticks and the name.
_SHARE = (0.86, 0.76)
_EMPHASISED, _PLAIN = 2.2, 1.0


def grid_size(cells: Mapping[tuple[str, str], Sequence[Curve]]) -> tuple[float, float]:
    """Return width and height of a grid of curves, in inches."""
    rows, columns = _grid(cells)
    return _BESIDE + _CELL[0] * len(columns), _ABOVE + _CELL[1] * len(rows)


def draw_grid(
    axes: "Axes",
    cells: Mapping[tuple[str, str], Sequence[Curve]],
    *,
    title: str,
    labels: tuple[str, str],
    settings: Mapping[str, Any],
) -> None:
    """Draw curves with intervals in a grid of panels, with one legend beside them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    cells : mapping of (row, column) to sequence of Curve
        The curves of each panel, the same ones in all.
    title : str
        Of the axes.
    labels : tuple of two str
        Of the horizontal and of the vertical axis.
    settings : mapping
        Scales and limits of each panel, by the names of ``matplotlib.axes.Axes.set``.
    """
    rows, columns = _grid(cells)
    axes.set_title(title, pad=16)
    # Ticks are those of the panels, for which their cells have room below; to the left there is none.
    axes.set(xlabel=labels[0], ylabel=labels[1], xticks=[], yticks=[])
    axes.xaxis.labelpad, axes.yaxis.labelpad = 0, 34
    axes.spines[:].set_visible(False)
    width, height = 1 / max(1, len(columns)), 1 / max(1, len(rows))
    for (row, column), curves in cells.items():
        left, bottom = columns.index(column) * width, 1 - (rows.index(row) + _SHARE[1]) * height
        inset = axes.inset_axes((left, bottom, _SHARE[0] * width, _SHARE[1] * height))
        for curve in curves:
            colour, marker = curve.style
            thick = _EMPHASISED if curve.emphasised else _PLAIN
            look: dict[str, Any] = {"color": colour, "marker": marker, "linewidth": thick, "zorder": 2 + thick}
            inset.plot(curve.x, curve.middle, linestyle=curve.line, markersize=3, label=curve.label, **look)
            inset.vlines(curve.x, curve.low, curve.high, color=colour, alpha=0.4, linewidth=1)
        inset.set(**settings)
        inset.set_title(", ".join(filter(None, (row, column))), fontsize="small", pad=2)
        inset.tick_params(labelsize="x-small", which="both")
        inset.grid(visible=True, alpha=0.3)
    shown = next(iter(cells.values()), ())
    for curve in shown:
        colour, marker = curve.style
        axes.plot([], [], color=colour, marker=marker, linestyle=curve.line, label=curve.label)
    if shown:
        legend_beside(axes)


def dots_size(rows: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """Return width and height of rows of dots, in inches."""
    return _DOTS_WIDTH, _DOTS_ABOVE + _ROW * len(rows)


def draw_dots(
    axes: "Axes",
    rows: Mapping[str, Sequence[float]],
    *,
    styles: Mapping[str, tuple[str, str]],
    notes: Mapping[str, str],
    title: str,
    label: str,
) -> None:
    """Draw a row for each name: a dot a number, a line from the least to the largest, a bar at the mean.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    rows : mapping of str to sequence of float
        The numbers, from the top.
    styles : mapping of str to (colour, marker)
        How names look.
    notes : mapping of str to str
        What stands at the right end of a row.
    title, label : str
        Of the axes, and of their horizontal one.
    """
    for place, (name, values) in enumerate(rows.items()):
        colour, marker = styles.get(name, UNKNOWN)
        if len(values):
            axes.hlines(place, min(values), max(values), color=colour, alpha=0.4)
            axes.plot(values, [place] * len(values), color=colour, marker=marker, linestyle="", markersize=4, alpha=0.6)
            axes.plot(sum(values) / len(values), place, color=colour, marker="|", markersize=16, markeredgewidth=2.5)
        axes.text(1.01, place, notes.get(name, ""), transform=axes.get_yaxis_transform(), va="center", fontsize="small")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set(xlabel=label, title=title)
    axes.grid(visible=True, axis="x", alpha=0.3)


def _grid(cells: Mapping[tuple[str, str], Sequence[Curve]]) -> tuple[list[str], list[str]]:
    return list(dict.fromkeys(row for row, _ in cells)), list(dict.fromkeys(column for _, column in cells))
