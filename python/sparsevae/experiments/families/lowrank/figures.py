"""The affine case of Dai et al., "Hidden Talents of the Variational Autoencoder": phase transitions of robust PCA."""

from ...engine.metrics import NMSE
from ...engine.specification import Figure
from .problem import LowRankProblem

_METHODS = ("RobustVae", "RobustPca", "RobustPca, best weight")

FIGURES = (
    Figure(
        "lowrank_outliers",
        "Low-rank matrix with outliers, 200 x 50",
        "The affine VAE recovers matrices where the convex relaxation of robust PCA fails.",
        "outlier_share",
        (0.05, 0.1, 0.2, 0.3, 0.4),
        LowRankProblem(),
        _METHODS,
        choices=_METHODS,
        metric=NMSE,
        label="share of outliers",
        series={f"rank {rank}": {"rank": rank} for rank in (2, 5, 10, 15)},
        trials=10,
        note="The paper shows no phase transitions of the affine case: sizes are ours.",
    ),
    Figure(
        "lowrank_missing",
        "Low-rank matrix, 200 x 50, rank 5, 10% outliers, missing entries",
        "So it does where entries are missing, which the paper leaves out.",
        "missing_share",
        (0, 0.1, 0.2, 0.3, 0.4, 0.5),
        LowRankProblem(),
        _METHODS,
        choices=_METHODS,
        metric=NMSE,
        label="share of missing entries",
        trials=10,
    ),
)
