"""What figures of many responses show, where it is no rate of success by the problem's own judgement."""

from dataclasses import dataclass
from typing import ClassVar

from ...engine.metric import Metric
from ...engine.scoring import Score


@dataclass(frozen=True)
class OwnRate(Metric):
    """Rate of exact recovery by each method's own choice of which rows are nonzero, their number not given."""

    name: ClassVar[str] = "own"

    def success(self, score: Score) -> bool:
        """Tell whether the support is exact as it was stated."""
        return score.f1 == 1


OWN_RATE = OwnRate()
