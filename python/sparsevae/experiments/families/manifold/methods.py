"""Methods for samples of nonlinear manifolds with outliers, and how long each of them is trained."""

from collections.abc import Mapping
from typing import Any

from ...engine.specification import Method

# Training at the scale of a laptop, at that of the paper (sec. 5.1: Adam, 200 epochs, batches of 100), and in a quick
# run, which only shows that it runs.
_TRAINING = {"n_steps": 10_000, "batch_size": 200, "learning_rate": 1e-3}
_PAPER, _EPOCHS = {"batch_size": 100, "learning_rate": 1e-4, "weight_decay": 0.0005}, 200
_QUICK = {"n_steps": 30}

# Weight decay without which the penalty of an autoencoder means little (sec. 5.1).
_DECAY = 0.0005
# From the weight of the VAE, 1, to that of the paper for the squares.
_WEIGHTS = [1.0, 10.0, 100.0, 1000.0]


def _network(name: str, solver: str, own: Mapping[str, Any], *, tuned: bool = False, **rest: Any) -> Method:
    parameters = {**_TRAINING, **own}
    own_weights, quick_weights = ({"penalty_weights": found} if tuned else {} for found in (_WEIGHTS, _WEIGHTS[:1]))
    return Method(
        name,
        solver,
        {"parameters": parameters, **own_weights},
        paper={"parameters": {**own, **_PAPER}, "epochs": _EPOCHS},
        quick={"parameters": {**parameters, **_QUICK}, "epochs": 0, **quick_weights},
        package="torch",
        extra="torch",
        special=True,
        **rest,
    )


_DETERMINISTIC = {"covariance": "none", "weight_decay": _DECAY}
_TUNED = "The weight of its penalty is picked by held-out entries, without the truth."

METHODS = (
    _network("ManifoldVae", "manifold_vae", {}, effort=2000.0, style=("#1b7837", "o")),
    _network(
        "ManifoldVae, 5 draws",
        "manifold_vae",
        {"n_draws": 5},
        effort=5000.0,
        style=("#a6dba0", "P"),
        note="Five draws of the latent variables a sample and step.",
    ),
    _network(
        "AE-l2",
        "tuned_autoencoder",
        {**_DETERMINISTIC, "penalty": "l2"},
        tuned=True,
        effort=8000.0,
        style=("#762a83", "s"),
        note=f"An autoencoder without variances. {_TUNED}",
    ),
    _network(
        "AE-l1",
        "tuned_autoencoder",
        {**_DETERMINISTIC, "penalty": "l1"},
        tuned=True,
        effort=8000.0,
        style=("#c2a5cf", "^"),
        note=f"An autoencoder without variances, absolute values in its penalty. {_TUNED}",
    ),
    _network(
        "AE, no penalty",
        "manifold_vae",
        {"covariance": "none", "penalty_weight": 0.0},
        effort=2000.0,
        style=("#5aae61", "v"),
        note="An autoencoder without variances and without a penalty.",
    ),
)
