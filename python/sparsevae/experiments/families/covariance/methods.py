"""The networks: they differ in the last layer of the encoder, and in the width where they have equal capacity."""

from typing import Any

from ...engine.specification import Method

_TRAINING: dict[str, Any] = {
    "networks": "resnet",
    "noise_var": "auto",
    "floor": 1e-3,
    "n_steps": 2500,
    "batch_size": 100,
    "learning_rate": 1e-3,
}
# Time of a step with a full covariance over one with a diagonal one, at equal numbers of weights: minima of CPU time on
# one core.
_COST = {"16": 1.04, "32": 1.08, "64": 1.28}
_QUICK = {"n_steps": 20, "batch_size": 20}


def _method(name: str, covariance: str, style: tuple[str, str], **rest: Any) -> Method:
    parameters = {**_TRAINING, "covariance": covariance}
    return Method(
        name,
        "deep_vae",
        {"parameters": parameters, "width_of": covariance, "cost": {}, **rest},
        paper={"parameters": {**parameters, "n_steps": 50_000}},
        quick={"parameters": {**parameters, **_QUICK}},
        package="torch",
        extra="torch",
        effort=5000.0,
        style=style,
        special=True,
    )


METHODS = (
    _method("deep VAE, diagonal", "diagonal", ("#e66101", "s")),
    _method("deep VAE, full", "full", ("#542788", "o"), cost=_COST),
    _method("deep VAE, full, same width", "full", ("#998ec3", "^"), width_of="diagonal"),
)
