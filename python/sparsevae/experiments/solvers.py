"""The few ways in which methods solve a problem; a method is one of them with settings."""

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ..transfer.l1 import basis_pursuit
from ..transfer.welper_recover import WelperRecover
from . import manifold_solvers, rivals, training_rivals
from .scoring import Solution
from .specification import AnyProblem, Problem, Settings, SupportProblem

Array: TypeAlias = NDArray[np.float64]


# Each takes the kinds of problems that its figures have.
Solver: TypeAlias = Callable[[Any, Bunch, Settings], Solution]


def _named(path: str) -> Any:
    """Return the class that "module:class" names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def fit_estimator(problem: SupportProblem, data: Bunch, settings: Settings) -> Solution:
    """Fit a regressor of the scikit-learn kind.

    Settings: "estimator", as "module:class"; its "parameters"; the "attribute" with the estimate, "coef_" if absent;
    "sizes", an attribute that orders the columns where the number of nonzero ones is told to the judge;
    and "told", a list of parameters that take what the problem knows: "covariance", "n_nonzero", and with noise
    "noise_var" or "tolerance", its variance or its expected norm; both keep their own values where there is none.
    """
    parameters: dict[str, Any] = dict(settings.get("parameters", {}))
    for fact in settings.get("told", ()):
        if fact in ("noise_var", "tolerance"):
            if problem.snr_db is not None:
                norm = float(np.sqrt(data.noise_var * data.y.size))
                parameters[fact] = data.noise_var if fact == "noise_var" else norm
        elif fact == "covariance" and isinstance(problem, Problem):
            parameters[fact] = problem.covariance(data)
        else:
            parameters[fact] = getattr(problem, fact)
    model: Any = _named(settings["estimator"])(**parameters).fit(data.X, data.y)
    attribute = settings.get("attribute", "coef_")
    # A certificate speaks of `coef_` alone.
    certified = attribute == "coef_" and bool(getattr(model, "certified_", False))
    sizes = np.asarray(getattr(model, settings["sizes"]), np.float64) if "sizes" in settings else None
    return Solution(np.asarray(getattr(model, attribute), np.float64), certified, sizes)


def fit_each(problem: SupportProblem, data: Bunch, settings: Settings) -> Solution:
    """Fit a regressor to each response alone; settings as for :func:`fit_estimator`, of which nothing is certified."""
    alone = [Bunch(X=data.X, y=side) for side in data.y.T]
    return Solution(np.stack([fit_estimator(problem, one, settings).coef for one in alone]))


def trained(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - the data say it all
    """Train on easier problems, then solve the test problems.

    Settings: "parameters" of WelperRecover, and "ablation", what is used of the training in place of the components,
    a function of :mod:`sparsevae.experiments.training_rivals` that takes the solutions of the easy training problems.
    """
    model = WelperRecover(**settings["parameters"]).fit(data.X, data.B)
    if "ablation" in settings:
        solve = getattr(training_rivals, settings["ablation"])
        return Solution(solve(data.X, data.y, model.training_coef_[:, model.kept_]).T)
    return Solution(model.recover(data.y).coef.T)


def l1_minimisation(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - it has none
    """Solve the test problems by the l1 norm, by the same homotopy that training uses."""
    return Solution(basis_pursuit(data.X, data.y).coef.T)


def reweighted_least_squares(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - as above
    """Solve the test problems by reweighted least squares.

    Settings: the options of :func:`sparsevae.experiments.training_rivals.reweighted_least_squares`.
    """
    return Solution(training_rivals.reweighted_least_squares(data.X, data.y, **settings).T)


def best_lasso(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - it has no settings
    """Find the Lasso's best penalty with the truth at hand."""
    return Solution(rivals.best_lasso(data.X, data.y, data.coef))


def best_multi_task_lasso(problem: SupportProblem, data: Bunch, settings: Settings) -> Solution:
    """Find the best penalty of the Lasso for many responses with the truth at hand.

    Settings: "noise_free" and "noisy", the options of :func:`rivals.best_multi_task_lasso`.
    """
    options = settings["noise_free" if problem.snr_db is None else "noisy"]
    return Solution(rivals.best_multi_task_lasso(data.X, data.y, data.coef, **options))


def mcp_path(problem: SupportProblem, data: Bunch, settings: Settings) -> Solution:
    """Follow skglm's path: the first exact fit on data without noise, the support of best evidence with noise.

    Settings: "noise_free" and "noisy", the arguments of :class:`rivals.McpPath`.
    """
    if problem.snr_db is None:
        return Solution(rivals.McpPath(**settings["noise_free"]).noise_free(data.X, data.y))
    return Solution(rivals.McpPath(**settings["noisy"]).noisy(data.X, data.y))


def gamma_map(problem: SupportProblem, data: Bunch, settings: Settings) -> Solution:
    """Run gamma-MAP, which cannot do without the variance of the noise.

    Settings: "max_iter"; "noise_var", what stands for no noise; and "update_mode", that of MNE-Python, 2 if absent.
    """
    noise_var = settings["noise_var"] if problem.snr_db is None else data.noise_var
    kernel = rivals.GammaMap(settings["max_iter"], update_mode=settings.get("update_mode", 2))
    return Solution(kernel.solve(data.X, data.y, noise_var))


def separation(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - the data say it all
    """Separate outliers from a low-rank matrix.

    Settings: "estimator", as "module:class", and its "parameters". The facts are the rank and the number of outliers.
    """
    model: Any = _named(settings["estimator"])(**settings["parameters"]).fit(data.X)
    facts = {"rank": int(model.rank_), "outliers": int(model.outlier_mask_.sum())}
    return Solution(model.low_rank_, outlier_mask=model.outlier_mask_, facts=facts)


def best_robust_pca(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:
    """Find the best weight of principal component pursuit with the truth at hand.

    Settings: "parameters" of RobustPca, and "weights", multiples of its usual one. The facts say which it was.
    """
    found = []
    for weight in settings["weights"]:
        options = {**settings["parameters"], "outlier_weight": weight / np.sqrt(max(data.X.shape))}
        solution = separation(problem, data, {"estimator": "sparsevae.baselines:RobustPca", "parameters": options})
        solution = solution._replace(facts={**solution.facts, "weight": weight})
        found.append((problem.score(data, solution).relative_error, solution))
    return min(found, key=lambda pair: pair[0])[1]


SOLVERS: Mapping[str, Solver] = MappingProxyType(
    {
        "estimator": fit_estimator,
        "each": fit_each,
        "trained": trained,
        "l1_minimisation": l1_minimisation,
        "reweighted_least_squares": reweighted_least_squares,
        "best_lasso": best_lasso,
        "best_multi_task_lasso": best_multi_task_lasso,
        "mcp_path": mcp_path,
        "gamma_map": gamma_map,
        "separation": separation,
        "best_robust_pca": best_robust_pca,
        "manifold_vae": manifold_solvers.manifold_vae,
        "tuned_autoencoder": manifold_solvers.tuned_autoencoder,
    }
)
