"""How many latent variables are used: as they are, and after the rotation that leaves the fewest."""

from dataclasses import dataclass
from typing import ClassVar

from ...engine.metrics import LatentVariables


@dataclass(frozen=True)
class NonzeroMeans(LatentVariables):
    """Number of latent variables whose means are not 0 for all images: mean, least and largest over the trials."""

    name: ClassVar[str] = "means"
    rule: ClassVar[str] = "mean"
    axis_label: ClassVar[str] = "latent variables in use (mean)"
    bar_label: ClassVar[str] = "latent variables in use (mean)"


@dataclass(frozen=True)
class UsedDirections(NonzeroMeans):
    """Number of directions of the latent space along which the means are not 0: mean, least and largest."""

    name: ClassVar[str] = "directions"
    rule: ClassVar[str] = "directions"
    axis_label: ClassVar[str] = "directions in use (mean)"
    bar_label: ClassVar[str] = "directions in use (mean)"


NONZERO_MEANS, DIRECTIONS = NonzeroMeans(), UsedDirections()
