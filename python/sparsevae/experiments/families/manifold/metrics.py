"""What figures of networks show of their latent variables: how many are used, norms, posterior variances."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...drawing import latent
from ...engine.metric import Panel
from ...engine.metrics import LatentVariables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Right end of the histograms of variances that trials keep.
LARGEST_VARIANCE = 1.25


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
        known = [record for record in panel.records if record.score and self.fact in record.score.facts]
        there = [record.key.series for record in known]
        series = [name for name in dict.fromkeys([*panel.series, *there]) if name in there]
        places = sorted({record.key.value for record in known})
        return {
            (name, place): np.array(
                [
                    record.score.facts[self.fact]
                    for record in known
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
