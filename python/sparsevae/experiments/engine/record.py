"""What is kept of a trial: its key, its score or its error, its times."""

from dataclasses import dataclass
from typing import TypeAlias

from .scoring import Score

Number: TypeAlias = int | float


@dataclass(frozen=True, order=True)
class Key:
    """What names a trial: there is one row in the store for each."""

    figure: str
    series: str
    method: str
    value: Number
    trial: int
    seed: int
    settings: str


@dataclass(frozen=True)
class Record:
    """A trial that is done: its score, or the error that ended it."""

    key: Key
    problem_seed: int
    version: str
    host: str
    started: str
    wall_seconds: float
    cpu_seconds: float
    score: Score | None
    error: str = ""
