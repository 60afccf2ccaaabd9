"""Pictures of figures: each metric draws its panel, panels stand below one another. Needs matplotlib."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ... import plotting
from ...exceptions import ParameterError
from .metric import Panel
from .point import Point, Timing
from .record import Record
from .registry import METHODS, default_estimators
from .specification import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure


def panel(
    figure: Figure, points: Sequence[Point], timings: Sequence[Timing] = (), records: Sequence[Record] = ()
) -> Panel:
    """Collect what the metric of a figure draws."""
    return Panel(
        name=figure.name,
        title=figure.title,
        label=figure.label,
        series=tuple(figure.series),
        goal=figure.problem.goal,
        clock=figure.clock,
        points=points,
        timings=timings,
        records=records,
        styles={name: method.style for name, method in METHODS.items()},
        emphasised=frozenset(default_estimators()),
    )


def draw(
    axes: "Axes",
    figure: Figure,
    points: Sequence[Point],
    timings: Sequence[Timing] = (),
    records: Sequence[Record] = (),
) -> None:
    """Draw a figure as its metric does: by default curves with intervals, the default estimators with thick lines.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    figure : Figure
        What the points belong to.
    points : sequence of Point
        From :func:`sparsevae.experiments.summarise`.
    timings : sequence of Timing, default=()
        From :func:`sparsevae.experiments.time_spent`; a figure of times draws them.
    records : sequence of Record, default=()
        The trials; a figure of norms or variances draws what they say.
    """
    figure.metric.draw(axes, panel(figure, points, timings, records))


def stack(figures: Sequence[tuple[Figure, Panel]]) -> "MatplotlibFigure":
    """Draw panels below one another, each as high as its metric says, in a picture made without a display."""
    if not figures:
        raise ParameterError("there are no results to draw")
    picture, grid = plotting.new_figure(len(figures), 1)
    sizes = []
    for (figure, shown), (axes,) in zip(figures, grid, strict=True):
        figure.metric.draw(axes, shown)
        sizes.append(figure.metric.size(axes, shown))
    widths, heights = zip(*sizes, strict=True)
    rows = grid[0][0].get_gridspec()
    if rows is not None and len(set(heights)) > 1:
        rows.set_height_ratios(heights)
    picture.set_size_inches(max(widths), sum(heights))
    return picture
