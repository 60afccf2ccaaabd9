"""Section 5.2 of Wipf, "Marginalization is not Marginal": deep networks on MNIST, diagonal against full covariance."""

from typing import Any

from ...engine.metrics import NMSE
from ...engine.specification import Figure
from .metrics import DIRECTIONS, NONZERO_MEANS
from .problem import CovarianceProblem

_METHODS = ("deep VAE, diagonal", "deep VAE, full", "deep VAE, full, same width")
_CLAIM = "The full covariance has a lower error with fewer latent variables (sec. 5.2)."
_SHARED: dict[str, Any] = {
    "swept": "n_components",
    "values": (16, 32, 64),
    "problem": CovarianceProblem(),
    "methods": _METHODS,
    "choices": _METHODS,
    "label": "latent variables",
    "trials": 3,
    "quick_problem": {"n_samples": 200, "n_weights": 50_000},
    "paper": {"part": "all", "n_weights": 4_000_000},
    "note": "The paper gives no sizes. Here: 10,000 images, 1,000,000 weights in residual blocks.",
}

FIGURES = (
    Figure("covariance_error", "MNIST, error of reconstruction", claim=_CLAIM, metric=NMSE, **_SHARED),
    Figure(
        "covariance_dimensions",
        "MNIST, latent variables whose means are not 0",
        claim=_CLAIM,
        metric=NONZERO_MEANS,
        trials_of="covariance_error",
        **_SHARED,
    ),
    Figure(
        "covariance_directions",
        "MNIST, directions of the latent space in use",
        claim=_CLAIM,
        metric=DIRECTIONS,
        trials_of="covariance_error",
        **_SHARED,
    ),
)
