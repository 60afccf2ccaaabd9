"""Methods for samples of nonlinear manifolds with outliers, and how long each of them is trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...engine.specification import Method

# Training at the scale of a laptop, at that of the paper (sec. 5.1: Adam, 200 epochs, batches of 100), and in a quick
# run, which only shows that it runs.
_TRAINING: dict[str, Any] = {"n_steps": 10_000, "batch_size": 200, "learning_rate": 1e-3}
_PAPER, _EPOCHS = {"batch_size": 100, "learning_rate": 1e-4, "weight_decay": 0.0005}, 200
_QUICK = {"n_steps": 30}

# Weight decay without which the penalty of an autoencoder means little (sec. 5.1).
_DECAY = 0.0005
# From the weight of the VAE, 1, to that of the paper for the squares.
_WEIGHTS = [1.0, 10.0, 100.0, 1000.0]

# Images most pixels of which are 0: without the warm-up all latent variables are given up. Pixels are from 0 to 1, so
# that their unit is known. The floor is one for all sets and methods; without the decay, columns vanish late.
_IMAGES = {"warmup_share": 0.7, "scale": 1.0, "floor": 0.03, "weight_decay": _DECAY}
# With 30% outliers the weight 0.1 has the error of 1.
_IMAGES_STEPS, _IMAGES_WEIGHTS = 3000, [1.0, 10.0]


def _network(
    name: str,
    solver: str,
    own: Mapping[str, Any],
    *,
    weights: Sequence[float] = (),
    n_steps: int = _TRAINING["n_steps"],
    **rest: Any,
) -> Method:
    parameters = {**_TRAINING, "n_steps": n_steps, **own}
    own_weights, quick_weights = ({"penalty_weights": found} if found else {} for found in (weights, weights[:1]))
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


def _images(name: str, own: Mapping[str, Any], *, weights: Sequence[float] = (), **rest: Any) -> Method:
    solver = "tuned_autoencoder" if weights else "manifold_vae"
    return _network(name, solver, {**_IMAGES, **own}, weights=weights, n_steps=_IMAGES_STEPS, **rest)


_DETERMINISTIC = {"covariance": "none", "weight_decay": _DECAY}
_TUNED = "The weight of its penalty is picked by held-out entries, without the truth."
_WARM = "The terms of the latent variables rise from 0, pixels keep their unit, one floor for all sets."

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
        weights=_WEIGHTS,
        effort=8000.0,
        style=("#762a83", "s"),
        note=f"An autoencoder without variances. {_TUNED}",
    ),
    _network(
        "AE-l1",
        "tuned_autoencoder",
        {**_DETERMINISTIC, "penalty": "l1"},
        weights=_WEIGHTS,
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
    _images("ManifoldVae, images", {}, effort=2000.0, style=("#01665e", "o"), note=_WARM),
    _images(
        "ManifoldVae, images, 5 draws",
        {"n_draws": 5},
        effort=5000.0,
        style=("#80cdc1", "P"),
        note=f"Five draws of the latent variables a sample and step. {_WARM}",
    ),
    _images(
        "AE-l2, images",
        _DETERMINISTIC,
        weights=_IMAGES_WEIGHTS,
        effort=6000.0,
        style=("#9970ab", "s"),
        note=f"An autoencoder without variances, the same unit, floor and steps. {_TUNED}",
    ),
    _images(
        "AE, images, no penalty",
        {"covariance": "none", "penalty_weight": 0.0},
        effort=2000.0,
        style=("#d8b365", "v"),
        note="An autoencoder without variances and without a penalty, the same unit, floor and steps.",
    ),
)
