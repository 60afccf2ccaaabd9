"""What figures of noisy data show: errors of predictions, supports, credible sets, calibration, false discoveries."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ....metrics import wilson_interval
from ...drawing import multiples
from ...drawing.curves import UNKNOWN, Curve, draw_curves
from ...engine.intervals import bootstrap, mean
from ...engine.metric import Metric, Panel
from ...engine.metrics import HeatMapMetric
from ...engine.point import Point
from ...engine.scoring import Score
from .problem import BINS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

# A probability from which on a column is said to have an effect.
_PROBABLE = 0.5
_CHOSEN = "n_columns"
# Of a logarithmic axis of signal-to-noise ratios.
_TICKS = (0.1, 1)


def _numbers(scores: Sequence[Score], fact: str) -> list[float]:
    return [float(score.facts[fact]) for score in scores if fact in score.facts]


@dataclass(frozen=True)
class MeanNumber(Metric):
    """Mean of a number of each trial, with the bootstrap's 95% interval.

    Attributes
    ----------
    fact : str
        Name of the fact.
    axis_label : str
        What it is, in words.
    """

    fact: ClassVar[str]
    axis_label: ClassVar[str]

    def values(self, scores: Sequence[Score]) -> list[float]:
        """Return the numbers of some trials."""
        return _numbers(scores, self.fact)

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute the mean and its interval."""
        found = self.values(scores)
        return dict(zip(self.measure, (mean(found), *bootstrap(found)), strict=True))

    def number(self, value: float) -> str:
        """Write a number."""
        return "-" if math.isnan(value) else f"{value:.2f}"

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return f"mean of the {self.axis_label}, 95% interval"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return the label."""
        del panel
        return {"ylabel": self.axis_label}


@dataclass(frozen=True)
class SmallMultiples(MeanNumber):
    """A mean, drawn over a logarithmic axis in a grid of panels, one a series, whose name is "row, column"."""

    scale: ClassVar[Mapping[str, Any]] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Add the mean number of columns chosen."""
        return (*super().columns, _CHOSEN)

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute the mean, its interval, and the mean number of columns chosen."""
        return {**super().aggregate(scores), _CHOSEN: mean(_numbers(scores, _CHOSEN))}

    def draw(self, axes: "Axes", panel: Panel) -> None:
        """Draw the grid; a method looks the same in all panels."""
        multiples.draw_grid(
            axes,
            self._cells(panel),
            title=panel.heading,
            labels=(panel.label, self.axis_label),
            settings={"xscale": "log", "xticks": _TICKS, "xticklabels": [f"{x:g}" for x in _TICKS], **self.scale},
        )

    def size(self, axes: "Axes", panel: Panel) -> tuple[float, float]:
        """Return width and height of the grid."""
        del axes
        return multiples.grid_size(self._cells(panel))

    def _cells(self, panel: Panel) -> dict[tuple[str, str], list[Curve]]:
        cells: dict[tuple[str, str], list[Curve]] = {}
        there = {point.series for point in panel.points}
        for series in filter(there.__contains__, [*panel.series, *sorted(there - set(panel.series))]):
            row, _, column = series.partition(", ")
            mine = [point for point in panel.points if point.series == series]
            for method in dict.fromkeys(point.method for point in mine):
                points = [point for point in mine if point.method == method]
                low, middle, high = zip(*map(self.interval, points), strict=True)
                style = panel.styles.get(method, UNKNOWN)
                x = [point.x for point in points]
                curve = Curve(method, x, middle, low, high, style, emphasised=method in panel.emphasised)
                cells.setdefault((row, column), []).append(curve)
        return cells


@dataclass(frozen=True)
class RelativeTestError(SmallMultiples):
    """Expected squared error of a prediction over the variance of the noise: 1 is the truth."""

    name: ClassVar[str] = "rte"
    measure: ClassVar[tuple[str, str, str]] = ("rte", "rte_low", "rte_high")
    lower_is_better: ClassVar[bool] = True
    fact: ClassVar[str] = "relative_test_error"
    axis_label: ClassVar[str] = "relative test error"


@dataclass(frozen=True)
class SupportF1(SmallMultiples):
    """F1 of the support, as each method states it."""

    name: ClassVar[str] = "f1"
    measure: ClassVar[tuple[str, str, str]] = ("f1", "f1_low", "f1_high")
    axis_label: ClassVar[str] = "F1 of the support"
    scale: ClassVar[Mapping[str, Any]] = {"ylim": (-0.03, 1.03)}

    def values(self, scores: Sequence[Score]) -> list[float]:
        """Return the scores."""
        return [score.f1 for score in scores]


@dataclass(frozen=True)
class Explained(MeanNumber):
    """R^2 of cross-validation: mean, least and largest over the repetitions."""

    name: ClassVar[str] = "r2"
    measure: ClassVar[tuple[str, str, str]] = ("r2", "r2_low", "r2_high")
    fact: ClassVar[str] = "r2"
    axis_label: ClassVar[str] = "R^2 of cross-validation"

    @property
    def columns(self) -> tuple[str, ...]:
        """Add the mean number of columns chosen."""
        return (*super().columns, _CHOSEN)

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute mean, least and largest, and the mean number of columns chosen."""
        found = self.values(scores) or [math.nan]
        numbers = (mean(found), min(found), max(found), mean(_numbers(scores, _CHOSEN)))
        return dict(zip((*self.measure, _CHOSEN), numbers, strict=True))

    def number(self, value: float) -> str:
        """Write a number."""
        return "-" if math.isnan(value) else f"{value:.3f}"

    def cell(self, point: Point, seconds: float = math.nan) -> str:
        """Write the number, its range, and how many columns are chosen."""
        return f"{super().cell(point, seconds)} ({point.n_columns:.0f})"

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return f"mean {self.axis_label}, least and largest (columns chosen)"

    def draw(self, axes: "Axes", panel: Panel) -> None:
        """Draw a row for each method, the best above, a dot for each repetition."""
        rows = self._rows(panel)
        multiples.draw_dots(
            axes,
            rows,
            styles=panel.styles,
            notes={point.method: f"{point.n_columns:.0f} columns" for point in panel.points},
            title=panel.heading,
            label=self.axis_label,
        )

    def size(self, axes: "Axes", panel: Panel) -> tuple[float, float]:
        """Return width and height of the rows."""
        del axes
        return multiples.dots_size(self._rows(panel))

    def _rows(self, panel: Panel) -> dict[str, list[float]]:
        best = sorted(panel.points, key=lambda point: -point.r2)
        scores = [(record.key.method, record.score) for record in panel.records if record.score]
        return {
            point.method: self.values([score for method, score in scores if method == point.method]) for point in best
        }


@dataclass(frozen=True)
class PooledShare(Metric, ABC):
    """A share of what all trials at a place have together, with Wilson's 95% interval.

    Attributes
    ----------
    axis_label : str
        What it is, in words.
    """

    axis_label: ClassVar[str]

    @abstractmethod
    def counts(self, scores: Sequence[Score]) -> tuple[int, int]:
        """Return how many there are that count, and of how many."""

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute the share and its interval."""
        part, whole = self.counts(scores)
        return dict(
            zip(self.measure, (part / whole if whole else math.nan, *wilson_interval(part, whole)), strict=True)
        )

    def number(self, value: float) -> str:
        """Write a share, in percent."""
        return "-" if math.isnan(value) else super().number(value)

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return f"{self.axis_label}, percent, 95% interval"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return label and limits."""
        return {**super().vertical(panel), "ylabel": self.axis_label}


@dataclass(frozen=True)
class Coverage(PooledShare):
    """Credible sets that hold an effect: 95% are promised."""

    name: ClassVar[str] = "coverage"
    measure: ClassVar[tuple[str, str, str]] = ("coverage", "coverage_low", "coverage_high")
    axis_label: ClassVar[str] = "sets that hold an effect"

    def counts(self, scores: Sequence[Score]) -> tuple[int, int]:
        """Count sets."""
        facts = [score.facts for score in scores]
        return sum(fact["n_true_sets"] for fact in facts), sum(len(fact["set_sizes"]) for fact in facts)


@dataclass(frozen=True)
class Power(PooledShare):
    """Effects that are in a credible set."""

    name: ClassVar[str] = "power"
    measure: ClassVar[tuple[str, str, str]] = ("power", "power_low", "power_high")
    axis_label: ClassVar[str] = "effects in a set"

    def counts(self, scores: Sequence[Score]) -> tuple[int, int]:
        """Count effects."""
        facts = [score.facts for score in scores]
        return sum(fact["n_found"] for fact in facts), sum(fact["n_effects"] for fact in facts)


@dataclass(frozen=True)
class SetSize(MeanNumber):
    """Columns of a credible set: median and quartiles over all sets at a place."""

    name: ClassVar[str] = "set_size"
    measure: ClassVar[tuple[str, str, str]] = ("set_size", "set_size_low", "set_size_high")
    lower_is_better: ClassVar[bool] = True
    axis_label: ClassVar[str] = "columns of a set"

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute median and quartiles."""
        sizes = [size for score in scores for size in score.facts["set_sizes"]] or [math.nan]
        return dict(zip(self.measure, np.quantile(sizes, [0.5, 0.25, 0.75]).tolist(), strict=True))

    def number(self, value: float) -> str:
        """Write a number of columns."""
        return "-" if math.isnan(value) else f"{value:g}"

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return "columns of a set, median and quartiles"


@dataclass(frozen=True)
class AveragePrecision(MeanNumber):
    """Average precision of the inclusion probabilities."""

    name: ClassVar[str] = "precision"
    measure: ClassVar[tuple[str, str, str]] = ("precision", "precision_low", "precision_high")
    fact: ClassVar[str] = "average_precision"
    axis_label: ClassVar[str] = "average precision"


@dataclass(frozen=True)
class FalseChoice(HeatMapMetric):
    """Share of data sets without any effect in which columns are chosen, with Wilson's 95% interval."""

    name: ClassVar[str] = "false_choice"
    lower_is_better: ClassVar[bool] = True
    axis_label: ClassVar[str] = "data sets with a column chosen"
    bar_label: ClassVar[str] = "share of data sets"
    allowed: ClassVar[int] = 0

    def success(self, score: Score) -> bool:
        """Tell whether more columns are chosen than are allowed."""
        return bool(score.facts[_CHOSEN] > self.allowed)

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return f"percent of {self.axis_label}"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return label and limits."""
        return {**super().vertical(panel), "ylabel": self.axis_label}

    def scale(self, values: NDArray[np.float64]) -> "Normalize":
        """Return a linear scale from none to all."""
        from matplotlib.colors import Normalize

        del values
        return Normalize(0, 1)


@dataclass(frozen=True)
class ManyFalseChoices(FalseChoice):
    """The same of more than three columns."""

    name: ClassVar[str] = "many_false_choices"
    axis_label: ClassVar[str] = "data sets with more than three columns chosen"
    allowed: ClassVar[int] = 3


@dataclass(frozen=True)
class Calibration(PooledShare):
    """Columns with an effect among those that are said to have one with some probability.

    A table has the share among columns of a probability of one half or more, beside their mean probability; the picture
    has bins of all probabilities, over all trials of a method.
    """

    name: ClassVar[str] = "calibration"
    measure: ClassVar[tuple[str, str, str]] = ("share", "share_low", "share_high")
    axis_label: ClassVar[str] = "columns with an effect"
    own_trials: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Add the mean probability."""
        return (*super().columns, "mean_prob")

    def counts(self, scores: Sequence[Score]) -> tuple[int, int]:
        """Count probable columns."""
        columns, _, effects = self._probable(scores)
        return round(effects), round(columns)

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute the share, its interval, and the mean probability."""
        columns, prob, _ = self._probable(scores)
        return {**super().aggregate(scores), "mean_prob": prob / columns if columns else math.nan}

    def cell(self, point: Point, seconds: float = math.nan) -> str:
        """Write the share with its interval, and the mean probability."""
        return f"{super().cell(point, seconds)} (said {self.number(point.mean_prob)})"

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return "percent with an effect of columns whose probability is one half or more, 95% interval (mean said)"

    def draw(self, axes: "Axes", panel: Panel) -> None:
        """Draw the share with an effect over the mean probability, a dot a bin; calibrated is the diagonal."""
        scores: dict[str, list[Score]] = {}
        for record in panel.records:
            if record.score:
                scores.setdefault(record.key.method, []).append(record.score)
        curves = [_diagram(method, mine, panel) for method, mine in scores.items()]
        diagonal = Curve("calibrated", (0.0, 1.0), (0.0, 1.0), style=("0.5", ""), line="--")
        draw_curves(
            axes,
            curves,
            [diagonal],
            title=panel.heading,
            label="mean probability of a bin",
            settings={"ylabel": self.axis_label, "xlim": (-0.02, 1.02), "ylim": (-0.02, 1.02)},
            dodge=0.0,
        )

    def _probable(self, scores: Sequence[Score]) -> tuple[float, float, float]:
        return tuple(_bins(scores)[:, np.array(BINS[:-1]) >= _PROBABLE].sum(axis=1).tolist())


def _bins(scores: Sequence[Score]) -> NDArray[np.float64]:
    """Columns, sums of probabilities and effects of each bin, over all trials."""
    counts = [score.facts["calibration"] for score in scores if "calibration" in score.facts]
    total: NDArray[np.float64] = np.sum([np.zeros((3, len(BINS) - 1)), *map(np.array, counts)], axis=0)
    return total


def _diagram(method: str, scores: Sequence[Score], panel: Panel) -> Curve:
    there = [bin_ for bin_ in _bins(scores).T if bin_[0]]
    low, high = zip(*(wilson_interval(round(effects), round(columns)) for columns, _, effects in there), strict=True)
    x, share = [prob / columns for columns, prob, _ in there], [effects / columns for columns, _, effects in there]
    return Curve(method, x, share, low, high, panel.styles.get(method, UNKNOWN), emphasised=True)


RTE, F1, EXPLAINED, CALIBRATION = RelativeTestError(), SupportF1(), Explained(), Calibration()
COVERAGE, POWER, SET_SIZE, PRECISION = Coverage(), Power(), SetSize(), AveragePrecision()
ANY_CHOSEN, MANY_CHOSEN = FalseChoice(), ManyFalseChoices()
