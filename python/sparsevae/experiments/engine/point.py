"""A method at a place of a sweep, in numbers: rates, errors and times over its trials."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .record import Number


@dataclass(frozen=True)
class Point:
    """One method at one point of a sweep; means are over trials without errors, NaN where there are none.

    What the metric of the figure adds is in `own`, by the names of its columns, each of which is an attribute, too:
    ``point.nmse`` is ``point.own["nmse"]``.
    """

    figure: str
    series: str
    method: str
    x: Number
    trials: int
    errors: int
    successes: int
    rate: float
    low: float
    high: float
    f1: float
    l2_error_over_n: float
    relative_error: float
    mse: float
    mse_low: float
    mse_high: float
    certified: int
    wrong_certificates: int
    own: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __getattr__(self, name: str) -> Any:
        """Return what the metric calls by a name."""
        try:
            return self.__dict__["own"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None


@dataclass(frozen=True)
class Timing:
    """How long one method took at one point of a sweep, in seconds."""

    figure: str
    series: str
    method: str
    x: Number
    trials: int
    wall_median: float
    cpu_median: float
    cpu_total: float

    def median(self, clock: str) -> float:
        """Return the median that a clock tells: "CPU" or "wall"."""
        return self.wall_median if clock == "wall" else self.cpu_median


# What every figure has, whatever its metric.
POINT_COLUMNS = tuple(column.name for column in fields(Point) if column.name != "own")
TIMING_COLUMNS = tuple(column.name for column in fields(Timing))
