"""What figures of networks show of their latent variables: how many are used, norms, posterior variances."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...drawing import latent
from ...engine.metric import Panel
from ...engine.metrics import HeatMapMetric
from ...engine.scoring import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

# Right end of the histograms of variances that trials keep.
LARGEST_VARIANCE = 1.25


@dataclass(frozen=True)
class LatentVariables(HeatMapMetric):
    """Number of latent variables that a network uses: mean, least and largest over the trials.

    Attributes
    ----------
    rule : str
        The fact that says how many they are: "columns", by the norms of the decoder's columns, or "variance", by the
        posterior variances.
    """

    name: ClassVar[str] = "dimensions"
    measure: ClassVar[tuple[str, str, str]] = ("dimensions", "dimensions_low", "dimensions_high")
    axis_label: ClassVar[str] = "nonzero columns (mean)"
    bar_label: ClassVar[str] = "nonzero columns (mean)"
    own_trials: ClassVar[bool] = True
    rule: ClassVar[str] = "columns"

    def success(self, score: Score) -> bool:
        """Tell whether the number is the true one."""
        truth = score.facts.get("truth")
        return truth is not None and score.facts.get(self.rule) == truth

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute mean, least and largest number."""
        counts = [float(score.facts[self.rule]) for score in scores if self.rule in score.facts] or [math.nan]
        return dict(zip(self.measure, (math.fsum(counts) / len(counts), min(counts), max(counts)), strict=True))

    def number(self, value: float) -> str:
        """Write a mean number."""
        return "-" if math.isnan(value) else f"{value:.1f}"

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return "mean number of latent variables that are needed"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return label and lower limit."""
        del panel
        return {"ylabel": self.axis_label, "ylim": (0, None)}

    def scale(self, values: NDArray[np.float64]) -> "Normalize":
        """Return a linear scale: the lighter, the fewer."""
        from matplotlib.colors import Normalize

        return Normalize(0, np.nanmax(values, initial=1.0))


@dataclass(frozen=True)
class SortedNumbers(LatentVariables):
    """Numbers of each latent variable, sorted, which trials keep as a fact.

    Attributes
    ----------
    fact : str
        Name of the fact.
    """

    name: ClassVar[str] = "norms"
    fact: ClassVar[str] = "column_norms"
    axis_label: ClassVar[str] = "norm of the decoder's column"

    def draw(self, axes: "Axes", panel: Panel) -> None:
        """Draw a curve for each series and place."""
        latent.draw_sorted(axes, self._rows(panel), title=panel.heading, label=self.axis_label, legend=panel.label)

    def size(self, axes: "Axes", panel: Panel) -> tuple[float, float]:
        """Return width and height."""
        del axes, panel
        return latent.SORTED_SIZE

    def _rows(self, panel: Panel) -> latent.Rows:
        """Return the fact for each series and place, a row a trial; trials without it are left out."""
        told = [record for record in panel.records if record.score and self.fact in record.score.facts]
        there = [record.key.series for record in told]
        series = [name for name in dict.fromkeys([*panel.series, *there]) if name in there]
        places = sorted({record.key.value for record in told})
        return {
            (name, place): np.array(
                [
                    record.score.facts[self.fact]
                    for record in told
                    if record.score and (record.key.series, record.key.value) == (name, place)
                ],
                np.float64,
            )
            for name in series
            for place in places
        }


@dataclass(frozen=True)
class PosteriorVariances(SortedNumbers):
    """Mean posterior variances of each latent variable, sorted."""

    name: ClassVar[str] = "variances"
    rule: ClassVar[str] = "variance"
    fact: ClassVar[str] = "variances"
    axis_label: ClassVar[str] = "mean posterior variance"


@dataclass(frozen=True)
class VarianceHistogram(SortedNumbers):
    """Histogram of the posterior variances of all samples."""

    name: ClassVar[str] = "histogram"
    rule: ClassVar[str] = "variance"
    fact: ClassVar[str] = "histogram"
    axis_label: ClassVar[str] = "share of posterior variances"

    def draw(self, axes: "Axes", panel: Panel) -> None:
        """Draw a histogram for each series and place."""
        labels = (f"posterior variance, by {panel.label}", self.axis_label)
        latent.draw_histograms(axes, self._rows(panel), largest=LARGEST_VARIANCE, title=panel.heading, labels=labels)

    def size(self, axes: "Axes", panel: Panel) -> tuple[float, float]:
        """Return width and height."""
        del axes
        return latent.histograms_size(self._rows(panel))


DIMENSIONS_USED, COLUMN_NORMS = LatentVariables(), SortedNumbers()
VARIANCES, HISTOGRAM = PosteriorVariances(), VarianceHistogram()

# Metrics of networks, and the fact that says by which rule the latent variables that are needed are counted.
DIMENSIONS = {metric.name: metric.rule for metric in (DIMENSIONS_USED, COLUMN_NORMS, VARIANCES, HISTOGRAM)}
