"""The few ways in which methods solve a problem; a method is one of them with settings."""

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from . import rivals
from .specification import Problem, Settings

Array: TypeAlias = NDArray[np.float64]


class Solution(NamedTuple):
    """Coefficients, and whether they were certified as the sparsest."""

    coef: Array
    certified: bool = False


Solver: TypeAlias = Callable[[Problem, Bunch, Settings], Solution]


def fit_estimator(problem: Problem, data: Bunch, settings: Settings) -> Solution:
    """Fit a regressor of the scikit-learn kind.

    Settings: "estimator", as "module:class"; its "parameters"; the "attribute" with the estimate, "coef_" if absent;
    and "told", a list of parameters that take what the problem knows: "covariance", "n_nonzero".
    """
    module, _, name = str(settings["estimator"]).partition(":")
    parameters: dict[str, Any] = dict(settings.get("parameters", {}))
    for fact in settings.get("told", ()):
        parameters[fact] = problem.covariance(data) if fact == "covariance" else getattr(problem, fact)
    model: Any = getattr(importlib.import_module(module), name)(**parameters).fit(data.X, data.y)
    attribute = settings.get("attribute", "coef_")
    # A certificate speaks of `coef_` alone.
    certified = attribute == "coef_" and bool(getattr(model, "certified_", False))
    return Solution(np.asarray(getattr(model, attribute), np.float64), certified)


def best_lasso(problem: Problem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - it has no settings
    """Find the Lasso's best penalty with the truth at hand."""
    return Solution(rivals.best_lasso(data.X, data.y, data.coef))


def mcp_path(problem: Problem, data: Bunch, settings: Settings) -> Solution:
    """Follow skglm's path: the first exact fit on data without noise, the support of best evidence with noise.

    Settings: "noise_free" and "noisy", the arguments of :class:`rivals.McpPath`.
    """
    if problem.snr_db is None:
        return Solution(rivals.McpPath(**settings["noise_free"]).noise_free(data.X, data.y))
    return Solution(rivals.McpPath(**settings["noisy"]).noisy(data.X, data.y))


def gamma_map(problem: Problem, data: Bunch, settings: Settings) -> Solution:
    """Run gamma-MAP, which cannot do without the variance of the noise.

    Settings: "max_iter", and "noise_var", what stands for no noise.
    """
    noise_var = settings["noise_var"] if problem.snr_db is None else data.noise_var
    return Solution(rivals.GammaMap(settings["max_iter"]).solve(data.X, data.y, noise_var))


SOLVERS: Mapping[str, Solver] = MappingProxyType(
    {"estimator": fit_estimator, "best_lasso": best_lasso, "mcp_path": mcp_path, "gamma_map": gamma_map}
)
