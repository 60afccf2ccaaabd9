"""Methods for many responses whose coefficients share their nonzero rows."""

from collections.abc import Mapping
from typing import Any

from ...engine.specification import Method

_VAE, _BASELINES = "sparsevae:SimultaneousSparseVae", "sparsevae.baselines"
# What stands for no noise in the paper.
_NOISE = {"noise_var": 1e-10}
# In a quick run hopeless problems may end early.
_QUICK_STEPS = 500
_GIVEN = "It knows the variance of the noise, if there is any."


def _rows(name: str, path: str, parameters: Mapping[str, Any], *, known: str = "noise_var", **rest: Any) -> Method:
    settings: dict[str, Any] = {"estimator": path, "parameters": {"fit_intercept": False, **parameters}}
    if path == _VAE:
        # The prior variances of the minimum, before columns are chosen.
        settings["sizes"] = "prior_var_"
        rest["quick"] = {"parameters": {**settings["parameters"], "max_iter": _QUICK_STEPS}}
    if known:
        settings["told"] = [known]
        rest.setdefault("note", _GIVEN)
    return Method(name, "estimator", settings, special=True, **rest)


METHODS = (
    _rows("SimultaneousSparseVae", _VAE, {}, effort=30.0, style=("#1f78b4", "o")),
    _rows(
        "SimultaneousSparseVae, noise unknown",
        _VAE,
        {},
        known="",
        effort=30.0,
        style=("#a6cee3", "o"),
        note="It knows nothing and finds out whether there is noise.",
    ),
    _rows(
        "SimultaneousSparseVae, MM",
        _VAE,
        {"optimizer": "mm", "support_rule": "posterior", **_NOISE},
        effort=40.0,
        style=("#08306b", "P"),
        note=f"The paper's optimiser at its fixed noise variance; nonzero is what the posterior says. {_GIVEN}",
    ),
    _rows("SimultaneousSparseVae, diagonal", _VAE, {"covariance": "diagonal"}, effort=30.0, style=("#33a02c", "s")),
    _rows(
        "SimultaneousSparseVae, diagonal MM",
        _VAE,
        {"covariance": "diagonal", "optimizer": "mm", "support_rule": "posterior", **_NOISE},
        effort=30.0,
        style=("#b2df8a", "X"),
        note=f"The paper's optimiser at its fixed noise variance, where it equals the paper's autoencoder. {_GIVEN}",
    ),
    _rows("log autoencoder", f"{_BASELINES}:LogAutoencoder", {}, effort=30.0, style=("#e31a1c", "v")),
    _rows(
        "log autoencoder, weight L",
        f"{_BASELINES}:LogAutoencoder",
        {"log_weight": "n_responses"},
        effort=30.0,
        style=("#fb9a99", "^"),
        note=f"Its logarithms are weighted by the number of responses, as those of the diagonal VAE. {_GIVEN}",
    ),
    _rows(
        "group basis pursuit",
        f"{_BASELINES}:GroupBasisPursuit",
        {},
        known="tolerance",
        effort=100.0,
        style=("#b15928", "D"),
        note="The group lasso. With noise it knows the expected norm of the noise.",
    ),
    Method(
        "MultiTaskLasso, best penalty",
        "best_multi_task_lasso",
        # Longer and finer paths take many times as long and end no differently.
        {
            "noise_free": {"smallest": 1e-5, "n_alphas": 40, "tol": 1e-11, "max_iter": 300},
            "noisy": {"smallest": 1e-2, "n_alphas": 30, "tol": 1e-6, "max_iter": 300},
        },
        effort=100.0,
        style=("#4d4d4d", "+"),
        note="Its penalty is picked with the truth at hand.",
        special=True,
    ),
    *(
        Method(
            f"MNE gamma-MAP, mode {mode}",
            "gamma_map",
            # Ten times as many steps take as much longer and end no differently.
            {"max_iter": 1_000, "update_mode": mode, **_NOISE},
            package="mne",
            effort=50.0,
            style=(colour, "h"),
            note=f"{note} {_GIVEN}",
            special=True,
        )
        for mode, colour, note in ((1, "#c51b8a", "MacKay's update."), (2, "#fa9fb5", "The convex-bound update."))
    ),
)
