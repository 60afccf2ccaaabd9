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
# The paper took 1000 for the squares.
_WEIGHTS, _PAPER_WEIGHTS = [1.0, 10.0, 100.0], [1.0, 10.0, 100.0, 1000.0, 10000.0]


def _network(name: str, solver: str, own: Mapping[str, Any], *, weights: bool = False, **rest: Any) -> Method:
    parameters = {**_TRAINING, **own}
    grids: dict[str, dict[str, Any]] = {"own": {}, "paper": {}, "quick": {}}
    if weights:
        grids = {
            "own": {"penalty_weights": _WEIGHTS},
            "paper": {"penalty_weights": _PAPER_WEIGHTS},
            "quick": {"penalty_weights": _WEIGHTS[:1]},
        }
    return Method(
        name,
        solver,
        {"parameters": parameters, **grids["own"]},
        paper={"parameters": {**own, **_PAPER}, "epochs": _EPOCHS, **grids["paper"]},
        quick={"parameters": {**parameters, **_QUICK}, "epochs": 0, **grids["quick"]},
        package="torch",
        extra="torch",
        special=True,
        **rest,
    )


_DETERMINISTIC = {"covariance": "none", "weight_decay": _DECAY}
_TUNED = "The weight of its penalty is picked with the truth at hand."

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
        weights=True,
        effort=8000.0,
        style=("#762a83", "s"),
        note=f"An autoencoder without variances. {_TUNED}",
    ),
    _network(
        "AE-l1",
        "tuned_autoencoder",
        {**_DETERMINISTIC, "penalty": "l1"},
        weights=True,
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
