"""One picture a figure: curves with intervals, and the authors' recorded rates. Needs matplotlib."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import heat_maps, latent_drawing
from .comparison import DEFAULT_ESTIMATORS
from .methods import METHODS
from .reference import recorded_rates
from .specification import Figure
from .summary import Point, Timing, seconds
from .trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SERIES = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#e69f00", "v"), ("#56b4e9", "P"))
_LEGEND_ROWS = 20
_LINES = ("-", "--", ":", "-.")
_UNKNOWN = ("0.4", "o")
# Mean squared errors below this are rounding; a logarithmic axis needs a floor.
_FLOOR = 1e-34
_RATES = (("low", "rate", "high"), 0.0)
_DRAWN = {
    "mse": (("mse_low", "mse", "mse_high"), _FLOOR),
    "nmse": (("nmse_low", "nmse", "nmse_high"), _FLOOR),
    "dimensions": (("dimensions_low", "dimensions", "dimensions_high"), 0.0),
}
# Width over which curves are spread, as a share of the axis.
_SPREAD = 0.05
# Line widths and opacities of bars: of the default estimators, and of all others.
_OURS, _OTHERS = (2.4, 0.6), (1.2, 0.35)


def panel_size(
    axes: "Axes", figure: Figure, points: Sequence[Point], records: Sequence[Record] = ()
) -> tuple[float, float]:
    """Return the width and the height of a panel that is drawn, legend or heat maps included, in inches."""
    if heat_maps.is_heat_map(figure):
        return heat_maps.size(points)
    if figure.metric in latent_drawing.FACTS:
        return latent_drawing.size(figure, records)
    return 5.6 + 3.0 * _legend_columns(axes), 4.6


def _legend_columns(axes: "Axes") -> int:
    """Count the columns of a legend beside the axes, so that none is longer than the axes are high."""
    return max(1, -(-len(axes.get_lines()) // _LEGEND_ROWS))


def draw(
    axes: "Axes",
    figure: Figure,
    points: Sequence[Point],
    timings: Sequence[Timing] = (),
    records: Sequence[Record] = (),
) -> None:
    """Draw the curves of a figure.

    A method has the same colour and marker in every figure. In a figure with several series, colour and marker tell
    the series, and the line the method. The default estimators have the thickest lines. Bars are Wilson's 95%
    intervals of rates, the bootstrap's of mean squared errors, or from the least to the largest normalised one or
    number of latent variables. Rates that the authors recorded are dashed, with hollow markers. Normalised mean squared
    errors and numbers of latent variables are heat maps where there are several series.

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
    if heat_maps.is_heat_map(figure):
        heat_maps.draw_heat_maps(axes, figure, points)
        return
    if figure.metric in latent_drawing.FACTS:
        latent_drawing.draw_facts(axes, figure, records)
        return
    timed = figure.metric == "seconds"
    methods = list(dict.fromkeys(point.method for point in points))
    curves = list(dict.fromkeys((point.method, point.series) for point in points))
    places = sorted({point.x for point in points})
    # Curves that lie on one another are drawn side by side.
    step = _SPREAD * (places[-1] - places[0]) / len(curves) if curves and not timed else 0.0
    for number, (method, series) in enumerate(curves):
        mine = [point for point in points if (point.method, point.series) == (method, series)]
        if figure.series:
            place = [*figure.series, series].index(series)
            (colour, marker), line = _SERIES[place % len(_SERIES)], _LINES[methods.index(method) % len(_LINES)]
            label = f"{series}, {method}" if len(methods) > 1 else series
        else:
            known = METHODS.get(method)
            (colour, marker), line, label = known.style if known else _UNKNOWN, "-", method
        if timed:
            spent = {timing.x: seconds(figure, timing) for timing in timings if timing.method == method}
            low = middle = high = [spent[point.x] for point in mine]
        else:
            names, floor = _DRAWN.get(figure.metric, _RATES)
            low, middle, high = ([max(getattr(point, name), floor) for point in mine] for name in names)
        x = [point.x + (number - (len(curves) - 1) / 2) * step for point in mine]
        width, opacity = _OURS if method in DEFAULT_ESTIMATORS else _OTHERS
        axes.plot(x, middle, color=colour, marker=marker, linestyle=line, linewidth=width, markersize=5, label=label)
        axes.vlines(x, low, high, color=colour, alpha=opacity, linewidth=1)
    title = f"{figure.name}: {figure.title}"
    if figure.series and len(methods) == 1:
        title += f", {methods[0]}"
    recorded = recorded_rates(figure.name)
    for method, (x_recorded, rates) in (recorded or {}).items():
        colour, marker = METHODS[method].style
        axes.plot(
            x_recorded,
            rates,
            color=colour,
            marker=marker,
            linestyle="--",
            linewidth=1,
            markersize=5,
            markerfacecolor="none" if marker not in "x+" else colour,
            label=f"{method}, as recorded",
        )
    if recorded is None:
        title += "\n(without the authors' recorded rates: not at hand)"
    axes.set(xlabel=figure.label, title=title)
    if figure.metric == "mse":
        axes.set(ylabel="mean squared error after least squares", yscale="log")
    elif figure.metric == "nmse":
        axes.set(ylabel="normalised mean squared error (median)", yscale="log")
    elif figure.metric == "dimensions":
        axes.set(ylabel="nonzero columns (mean)")
        axes.set_ylim(bottom=0)
    elif timed:
        axes.set(ylabel=f"{figure.clock} time, seconds (median)", xscale="log", yscale="log")
    else:
        axes.set(ylabel=figure.problem.goal, ylim=(-0.03, 1.03))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(
        frameon=False,
        fontsize="small",
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        ncols=_legend_columns(axes),
    )
