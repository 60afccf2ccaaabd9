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
# More curves than these are not told apart on one pair of axes: each has a panel of its own, so many in a row.
MOST_CURVES, _IN_A_ROW = 8, 4
_OTHERS, _EACH_CELL, _EACH_BESIDE, _EACH_ABOVE = "0.8", (2.45, 1.75), 1.0, 1.3


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


def each_size(axes: "Axes") -> tuple[float, float]:
    """Return width and height of axes on which `draw_each` has drawn, in inches."""
    rows = -(-len(axes.child_axes) // _IN_A_ROW)
    beside = _BESIDE if axes.get_legend() else _EACH_BESIDE
    return beside + _EACH_CELL[0] * _IN_A_ROW, _EACH_ABOVE + _EACH_CELL[1] * rows


def draw_each(
    axes: "Axes",
    curves: Sequence[Curve],
    references: Sequence[Curve] = (),
    *,
    title: str,
    label: str,
    settings: Mapping[str, Any],
) -> None:
    """Draw each curve with its intervals in a panel of its own, before all others in grey.

    Those that stand out have their colour in every panel.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    curves : sequence of Curve
        What is drawn.
    references : sequence of Curve, default=()
        Curves without intervals: in the panel of the curve that they belong to, in all of them, with a legend, or in
        one of their own.
    title, label : str
        Of the axes, and of their horizontal one.
    settings : mapping
        Label, scale and limits of the vertical axis, by the names of ``matplotlib.axes.Axes.set``.
    """
    labels = {curve.label for curve in curves}
    shared = [curve for curve in references if curve.everywhere]
    shown = [*curves, *(curve for curve in references if curve.beside not in labels and curve not in shared)]
    rows = -(-len(shown) // _IN_A_ROW)
    axes.set_title(title, pad=18)
    axes.set(xlabel=label, ylabel=settings.get("ylabel", ""), xticks=[], yticks=[])
    axes.xaxis.labelpad, axes.yaxis.labelpad = -6, 34
    axes.spines[:].set_visible(False)
    own = {name: value for name, value in settings.items() if name != "ylabel"}
    first: Axes | None = None
    for number, curve in enumerate(shown):
        row, column = divmod(number, _IN_A_ROW)
        left, bottom = column / _IN_A_ROW, 1 - (row + _SHARE[1]) / rows
        bounds = (left, bottom, _SHARE[0] / _IN_A_ROW, _SHARE[1] / rows)
        inset = axes.inset_axes(bounds, sharex=first, sharey=first)
        first = first or inset
        for other in curves:
            colour, width = (other.style[0], _EMPHASISED) if other.emphasised else (_OTHERS, _PLAIN)
            inset.plot(other.x, other.middle, color=colour, linewidth=width)
        for other in (curve, *(other for other in references if other.everywhere or other.beside == curve.label)):
            colour, marker = other.style
            face = colour if other in curves else "none"
            look: dict[str, Any] = {"linestyle": other.line, "linewidth": _PLAIN, "markersize": 4, "zorder": 3}
            look |= {"color": colour, "marker": marker, "markerfacecolor": face, "label": other.label}
            inset.plot(other.x, other.middle, **look)
            if other in curves:
                inset.vlines(other.x, other.low, other.high, color=colour, alpha=0.6, linewidth=1)
        inset.set(**own)
        inset.set_title(curve.label, fontsize="small", pad=2)
        inset.tick_params(labelsize="x-small", which="both", labelleft=column == 0)
        inset.grid(visible=True, alpha=0.3)
    if first and shared:
        names = [curve.label for curve in shared]
        legend_beside(axes, handles=[line for line in first.get_lines() if line.get_label() in names])


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
