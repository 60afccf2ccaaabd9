"""What a figure shows of its trials: a metric scores them, names their columns, writes and draws them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ..drawing import curves, multiples
from ..drawing.curves import Curve
from .point import POINT_COLUMNS, Point, Timing
from .record import Record
from .scoring import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Interval: TypeAlias = tuple[float, float, float]
Curves: TypeAlias = Sequence[Curve]


@dataclass(frozen=True)
class Panel:
    """What is to be drawn: the words of a figure, its trials, and how methods look."""

    name: str
    title: str
    label: str
    series: tuple[str, ...]
    goal: str
    clock: str
    points: Sequence[Point]
    timings: Sequence[Timing]
    records: Sequence[Record]
    styles: Mapping[str, tuple[str, str]]
    emphasised: frozenset[str]

    @property
    def heading(self) -> str:
        """Name and title."""
        return f"{self.name}: {self.title}"


@dataclass(frozen=True)
class Metric:
    """Rate of success, and what a metric of another kind says otherwise.

    A subclass overrides what differs; `measure` and `aggregate` alone make a metric of another number of a trial.

    Attributes
    ----------
    name : str
        Short name.
    measure : tuple of three str
        Columns of a point that are shown: a number over the trials, and the ends of its interval or range. Those that
        not every point has are columns of the table, and come from `aggregate`.
    lower_is_better : bool
        Whether the method with the lower number leads.
    floor : float
        Least number that is drawn.
    dodge : float
        How far a point is drawn from its place at most, as a share of the gap to its nearer neighbour.
    shows_time : bool
        Whether the table is of times, and needs no column of them.
    own_trials : bool
        Whether a figure shows, of trials that it shares with others, only those of its own methods, values and series.
    """

    name: ClassVar[str] = "rate"
    measure: ClassVar[tuple[str, str, str]] = ("rate", "low", "high")
    lower_is_better: ClassVar[bool] = False
    floor: ClassVar[float] = 0.0
    dodge: ClassVar[float] = curves.DODGE
    shows_time: ClassVar[bool] = False
    own_trials: ClassVar[bool] = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a table of points that only figures of this metric have."""
        return tuple(name for name in self.measure if name not in POINT_COLUMNS)

    def success(self, score: Score) -> bool:
        """Tell whether a trial is a success."""
        return score.support_match

    def applies(self, score: Score) -> bool:
        """Tell whether a score says what is shown; those of earlier versions may lack it."""
        del score
        return True

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute the values of `columns` from the trials at one place that ended without an error."""
        del scores
        return {}

    def interval(self, point: Point, seconds: float = math.nan) -> Interval:
        """Return the number that is shown, between the ends of its interval.

        Parameters
        ----------
        point : Point
            The place.
        seconds : float, default=nan
            Median time of the trials there.

        Returns
        -------
        tuple of three float
            Low end, number, high end.
        """
        del seconds
        middle, low, high = (float(getattr(point, name)) for name in self.measure)
        return low, middle, high

    def number(self, value: float) -> str:
        """Write a number: here a rate, in percent."""
        return f"{100 * value:.0f}"

    def cell(self, point: Point, seconds: float = math.nan) -> str:
        """Write what a table has of a place, by the arguments of `interval`."""
        low, middle, high = self.interval(point, seconds)
        return f"{self.number(middle)} {self.number(low)}-{self.number(high)}"

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return "percent recovered exactly, 95% interval"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return what ``matplotlib.axes.Axes.set`` is to set: label, scale and limits of the vertical axis."""
        return {"ylabel": panel.goal, "ylim": (-0.03, 1.03)}

    def references(self, panel: Panel) -> tuple[Curves, str]:
        """Return curves of others to compare with, and a line below the title."""
        del panel
        return (), ""

    def draw(self, axes: "Axes", panel: Panel) -> None:
        """Draw a panel: curves with intervals, or, if there are many, a small panel for each of them.

        A method has the same colour and marker in every figure. In a figure with several series, colour and marker tell
        the series, and each of several methods has a small panel of its own.
        """
        references, remark = self.references(panel)
        title, settings = panel.heading, self.vertical(panel)
        if self._is_split(panel):
            scales = {name: value for name, value in settings.items() if name != "ylabel"}
            labels = (panel.label, settings["ylabel"])
            multiples.draw_grid(axes, self._by_method(panel), title=title + remark, labels=labels, settings=scales)
            return
        if panel.series and panel.points:
            title += f", {panel.points[0].method}"
        draw, options = (multiples.draw_each, {}) if _many(panel) else (curves.draw_curves, {"dodge": self.dodge})
        draw(
            axes,
            self._curves(panel),
            references,
            title=title + remark,
            label=panel.label,
            settings=settings,
            **options,
        )

    def size(self, axes: "Axes", panel: Panel) -> tuple[float, float]:
        """Return width and height, in inches, of a panel that is drawn."""
        if self._is_split(panel):
            return multiples.grid_size(self._by_method(panel))
        return multiples.each_size(axes) if _many(panel) else curves.size(axes)

    @staticmethod
    def _is_split(panel: Panel) -> bool:
        """Tell whether each method has a small panel of its own."""
        return bool(panel.series) and len({point.method for point in panel.points}) > 1

    def _by_method(self, panel: Panel) -> dict[tuple[str, str], Curves]:
        """Return the curves of the small panel of each method."""
        methods = dict.fromkeys(point.method for point in panel.points)
        own = {name: [point for point in panel.points if point.method == name] for name in methods}
        return {
            (name, ""): curves.moved_apart(self._curves(replace(panel, points=points)), self.dodge)
            for name, points in own.items()
        }

    def _curves(self, panel: Panel) -> list[Curve]:
        seconds = {(time.method, time.series, time.x): time.median(panel.clock) for time in panel.timings}
        found = []
        for method, series in dict.fromkeys((point.method, point.series) for point in panel.points):
            mine = [point for point in panel.points if (point.method, point.series) == (method, series)]
            if panel.series:
                style = curves.SERIES[[*panel.series, series].index(series) % len(curves.SERIES)]
            else:
                style = panel.styles.get(method, curves.UNKNOWN)
            drawn = [self.interval(point, seconds.get((method, series, point.x), math.nan)) for point in mine]
            low, middle, high = ([max(value, self.floor) for value in values] for values in zip(*drawn, strict=True))
            x = [point.x for point in mine]
            emphasised = method in panel.emphasised
            found.append(Curve(series or method, x, middle, low, high, style, emphasised=emphasised))
        return found


def _many(panel: Panel) -> bool:
    """Tell whether a panel has more curves than can be told apart on one pair of axes."""
    return len({(point.method, point.series) for point in panel.points}) > multiples.MOST_CURVES


RATE = Metric()
