"""Methods for noisy data: ours, and rivals as their users run them, penalties chosen by cross-validation."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...engine.specification import Method

_RIVALS = "sparsevae.experiments.families.statistics.rivals"
_FOLDS = 10


def _regression(name: str, path: str, parameters: Mapping[str, Any], *, scaled: bool = True, **rest: Any) -> Method:
    settings = {"estimator": path, "parameters": dict(parameters), "scaled": scaled}
    return Method(name, "noisy_regression", settings, special=True, **rest)


METHODS = (
    _regression("VaeSlr()", "sparsevae:VaeSlr", {}, scaled=False, effort=10.0, style=("#005a9c", "o")),
    _regression(
        "VaeSlr(model_averaging=True)",
        "sparsevae:VaeSlr",
        {"model_averaging": True},
        scaled=False,
        effort=10.0,
        style=("#d6480a", "D"),
        note="Predictions are averages over supports; the columns chosen are those of VaeSlr().",
    ),
    _regression(
        "LassoCV", "sklearn.linear_model:LassoCV", {"cv": _FOLDS, "n_jobs": 1}, effort=8.0, style=("#111111", "x")
    ),
    _regression(
        "ElasticNetCV",
        "sklearn.linear_model:ElasticNetCV",
        {"cv": _FOLDS, "l1_ratio": [0.1, 0.5, 0.9, 0.99], "n_jobs": 1},
        effort=40.0,
        style=("#8c8c8c", "+"),
    ),
    _regression(
        "RidgeCV",
        "sklearn.linear_model:RidgeCV",
        {"alphas": np.logspace(-2, 5, 50).tolist()},
        style=("#dd9d00", "s"),
        note="It keeps all columns.",
    ),
    _regression("relaxed lasso, CV", f"{_RIVALS}:RelaxedLassoCv", {}, effort=15.0, style=("#1b9e77", "^")),
    _regression(
        "MCP, CV",
        f"{_RIVALS}:McpCv",
        {},
        package="skglm",
        effort=15.0,
        style=("#8f5f0f", ">"),
    ),
    _regression(
        "abess", "abess:LinearRegression", {}, scaled=False, package="abess", style=("#c2649a", "v"), note="By EBIC."
    ),
    _regression(
        "abess, CV",
        "abess:LinearRegression",
        {"cv": _FOLDS},
        scaled=False,
        package="abess",
        effort=2.0,
        style=("#882255", "<"),
    ),
    Method("SuSiE", "susie", {"L": 10}, package="pysusie", effort=10.0, style=("#2ca02c", "s"), special=True),
)
