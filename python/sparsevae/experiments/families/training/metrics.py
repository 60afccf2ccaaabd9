"""What figures of learning from easier problems show, where it is no rate of success: times."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...engine.metric import Interval, Metric, Panel
from ...engine.point import Point


@dataclass(frozen=True)
class Seconds(Metric):
    """Median time of a trial; the rate of success where no times are asked for."""

    name: ClassVar[str] = "seconds"
    dodge: ClassVar[float] = 0.0
    shows_time: ClassVar[bool] = True

    def interval(self, point: Point, seconds: float = math.nan) -> Interval:
        """Return the time, which has no interval, or the rate with its own."""
        return super().interval(point) if math.isnan(seconds) else (seconds, seconds, seconds)

    def cell(self, point: Point, seconds: float = math.nan) -> str:
        """Write the time, or the rate with its interval."""
        return super().cell(point) if math.isnan(seconds) else f"{seconds:.2g}"

    def description(self, clock: str) -> str:
        """Say what the numbers of a table are."""
        return f"median {clock} seconds"

    def vertical(self, panel: Panel) -> Mapping[str, Any]:
        """Return the label, and logarithmic scales of both axes."""
        return {"ylabel": f"{panel.clock} time, seconds (median)", "xscale": "log", "yscale": "log"}


SECONDS = Seconds()
