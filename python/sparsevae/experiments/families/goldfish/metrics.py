"""What figures of one response show: rates beside the authors' and thresholds, errors on the support found, ranks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ....planning import limits
from ...drawing.curves import UNKNOWN, Curve
from ...engine.metric import Curves, Metric, Panel
from ...engine.metrics import ROUNDING
from ...engine.point import Point
from ...engine.scoring import Score
from .reference import recorded_rates

# Thresholds of independent normal columns, as attributes of limits, and how they are drawn.
_LINES = (":", "-.")
_THRESHOLDS = {"Wainwright's threshold of the Lasso": "lasso_samples", "threshold of l1 minimisation": "l1_samples"}


@dataclass(frozen=True)
class RateBesideLimits(Metric):
    """Rate of exact recovery; vertical lines stand where independent normal columns have thresholds of the l1 norm.

    Parameters
    ----------
    n_features : int
        Columns.
    n_nonzero : int or None, default=None
        Nonzero coefficients, where samples are swept.
    n_samples : int or None, default=None
        Samples, where nonzero coefficients are swept.
    """

    n_features: int
    n_nonzero: int | None = None
    n_samples: int | None = None

    def references(self, panel: Panel) -> tuple[Curves, str]:
        """Return a vertical line for each threshold: least samples, or most nonzero coefficients."""
        del panel
        lines = zip(self.places().items(), _LINES, strict=True)
        return [
            Curve(f"{words}, {place:.0f}", (place, place), (0, 1), style=(UNKNOWN[0], ""), line=line, everywhere=True)
            for (words, place), line in lines
        ], ""

    def places(self) -> dict[str, float]:
        """Compute the thresholds of :func:`sparsevae.planning.limits`, without an intercept."""
        if self.n_nonzero is not None:
            known = limits(self.n_features, self.n_nonzero, fit_intercept=False)
            return {words: getattr(known, name) for words, name in _THRESHOLDS.items()}
        most = self.n_samples or 0
        sizes = [limits(self.n_features, k, fit_intercept=False) for k in range(1, most)]
        return {
            words: max((size.n_nonzero for size in sizes if getattr(size, name) <= most), default=0)
            for words, name in _THRESHOLDS.items()
        }


@dataclass(frozen=True)
class RateBesideAuthors(Metric):
    """Rate of exact recovery; rates that the authors recorded are dashed, with hollow markers.

    Parameters
    ----------
    thresholds : RateBesideLimits or None, default=None
        What else is drawn for comparison.
    """

    thresholds: RateBesideLimits | None = None

    def references(self, panel: Panel) -> tuple[Curves, str]:
        """Return the authors' curves and thresholds, and whether the former are missing."""
        lines = self.thresholds.references(panel)[0] if self.thresholds else ()
        recorded = recorded_rates(panel.name)
        if recorded is None:
            return lines, "\n(without the authors' recorded rates: not at hand)"
        found = [
            Curve(f"{method}, as recorded", x, rates, style=panel.styles.get(method, UNKNOWN), line="--", beside=method)
            for method, (x, rates) in recorded.items()
        ]
        return [*found, *lines], ""


@dataclass(frozen=True)
class RefittedError(Metric):
    """Mean squared error after least squares on the support that was found, with the bootstrap's 95% interval."""

    name: ClassVar[str] = "mse"
    measure: ClassVar[tuple[str, str, str]] = ("mse", "mse_low", "mse_high")
    lower_is_better: ClassVar[bool] = True
    floor: ClassVar[float] = ROUNDING

    def number(self, value: float) -> str:
        """Write an error."""
        return "-" if math.isnan(value) else f"{value:.1e}"

    def cell(self, point: Point, seconds: float = math.nan) -> str:
        """Write the error alone."""
        return self.number(self.interval(point, seconds)[1])

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return "mean squared error"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return label and scale."""
        del panel
        return {"ylabel": "mean squared error after least squares", "yscale": "log"}


@dataclass(frozen=True)
class LargestRate(Metric):
    """Rate at which the columns that a method ranks first, as many as there are nonzero ones, are the true ones."""

    name: ClassVar[str] = "largest"

    def success(self, score: Score) -> bool:
        """Tell whether they are."""
        return bool(score.facts.get(self.name))

    def applies(self, score: Score) -> bool:
        """Tell whether the trial says so: those of version 0.2.0 and before do not."""
        return self.name in score.facts

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        del clock
        return "percent whose largest are the true ones, 95% interval"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return label and limits."""
        return {**super().vertical(panel), "ylabel": "the largest are the true ones"}


RATE_BESIDE_AUTHORS, REFITTED_ERROR, LARGEST_RATE = RateBesideAuthors(), RefittedError(), LargestRate()
