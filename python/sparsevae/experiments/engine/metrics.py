"""Metrics that several families share: errors of matrices, numbers of latent variables, what may be heat maps."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..drawing import heat_maps
from .metric import Interval, Metric, Panel
from .point import Point
from .scoring import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

# Errors below this are rounding; a logarithmic axis needs a floor.
ROUNDING = 1e-34
# Errors at or below the first are white in a heat map: nothing more is to be seen there. The second is failure.
_LEAST, _MOST = 1e-6, 1.0


def short(value: float) -> str:
    """Write a number that may be of any order: one digit if it is less than 0.001, otherwise two.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    str
        The text; "-" for NaN.

    Examples
    --------
    >>> from sparsevae.experiments.engine.metrics import short
    >>> short(2.17e-13), short(0.0217)
    ('2e-13', '0.022')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.1g}" if value < 1e-3 else f"{value:.2g}"


@dataclass(frozen=True)
class HeatMapMetric(Metric, ABC):
    """A number that is drawn as heat maps, one a method, where a figure has several series; else as curves."""

    axis_label: ClassVar[str]
    bar_label: ClassVar[str]

    @abstractmethod
    def scale(self, values: NDArray[np.float64]) -> "Normalize":
        """Return the scale of colours of some numbers, NaN among them."""

    def cell(self, point: Point, seconds: float = math.nan) -> str:
        """Write the number alone."""
        return self.number(self.interval(point, seconds)[1])

    def draw(self, axes: "Axes", panel: Panel) -> None:
        """Draw heat maps, or curves."""
        if not self._over_two(panel):
            super().draw(axes, panel)
            return
        heat_maps.draw_heat_maps(
            axes,
            {place: interval[1] for place, interval in self._cells(panel).items()},
            scale=self.scale,
            text=self.number,
            title=panel.heading,
            label=panel.label,
            bar_label=self.bar_label,
        )

    def size(self, axes: "Axes", panel: Panel) -> tuple[float, float]:
        """Return width and height of heat maps, or of curves."""
        return heat_maps.size(self._cells(panel)) if self._over_two(panel) else super().size(axes, panel)

    def _over_two(self, panel: Panel) -> bool:
        return len(panel.series) > 1 and len(panel.points) > 0

    def _cells(self, panel: Panel) -> dict[heat_maps.Cell, Interval]:
        return {(point.method, point.series, point.x): self.interval(point) for point in panel.points}


@dataclass(frozen=True)
class NormalisedError(HeatMapMetric):
    """Normalised mean squared error of a matrix: median, least and largest over the trials.

    In heat maps white is recovered, dark is failure.
    """

    name: ClassVar[str] = "nmse"
    measure: ClassVar[tuple[str, str, str]] = ("nmse", "nmse_low", "nmse_high")
    lower_is_better: ClassVar[bool] = True
    floor: ClassVar[float] = ROUNDING
    axis_label: ClassVar[str] = "normalised mean squared error (median)"
    bar_label: ClassVar[str] = "NMSE (median)"

    def aggregate(self, scores: Sequence[Score]) -> Mapping[str, float]:
        """Compute median, least and largest of the squares of the relative errors."""
        shares = [score.relative_error**2 for score in scores] or [math.nan]
        return dict(zip(self.measure, (float(np.median(shares)), min(shares), max(shares)), strict=True))

    def number(self, value: float) -> str:
        """Write an error of any order."""
        return short(value)

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return "median of the normalised mean squared error"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return label and scale."""
        del panel
        return {"ylabel": self.axis_label, "yscale": "log"}

    def scale(self, values: NDArray[np.float64]) -> "Normalize":
        """Return a logarithmic scale from a power of ten below the errors, as far as differences mean anything."""
        from matplotlib.colors import LogNorm

        known = values[np.isfinite(values)]
        least = float(np.clip(known.min(initial=_MOST), _LEAST, _MOST / 10))
        return LogNorm(10 ** math.floor(math.log10(least)), _MOST, clip=True)


@dataclass(frozen=True)
class LatentVariables(HeatMapMetric):
    """Number of latent variables that a network uses: mean, least and largest over the trials.

    Attributes
    ----------
    rule : str
        The fact that says how many they are, by one of the rules of :class:`sparsevae.torch.ManifoldVae`.
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


NMSE = NormalisedError()
