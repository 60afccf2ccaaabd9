"""What figures of one response show: rates beside those that the authors recorded, errors on the support found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...drawing.curves import UNKNOWN, Curve
from ...engine.metric import Curves, Metric, Panel
from ...engine.metrics import ROUNDING
from ...engine.point import Point
from .reference import recorded_rates


@dataclass(frozen=True)
class RateBesideAuthors(Metric):
    """Rate of exact recovery; rates that the authors recorded are dashed, with hollow markers."""

    def references(self, panel: Panel) -> tuple[Curves, str]:
        """Return the authors' curves, and whether they are missing."""
        recorded = recorded_rates(panel.name)
        if recorded is None:
            return (), "\n(without the authors' recorded rates: not at hand)"
        found = [
            Curve(f"{method}, as recorded", x, rates, style=panel.styles.get(method, UNKNOWN), line="--", beside=method)
            for method, (x, rates) in recorded.items()
        ]
        return found, ""


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


RATE_BESIDE_AUTHORS, REFITTED_ERROR = RateBesideAuthors(), RefittedError()
