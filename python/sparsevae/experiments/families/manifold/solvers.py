"""Networks that are trained on samples with outliers. PyTorch is imported when one is asked for."""

import math
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from ...engine.scoring import Solution
from ...engine.specification import Settings, Solver
from .problem import DigitsProblem, ManifoldProblem

NetworkProblem: TypeAlias = ManifoldProblem | DigitsProblem

# Environment variable with the device on which networks are trained; the CPU without it.
DEVICE = "SPARSEVAE_DEVICE"


def manifold_vae(problem: NetworkProblem, data: Bunch, settings: Settings) -> Solution:
    """Train an autoencoder and clean the samples with it.

    Settings: "parameters" of ManifoldVae but for the sizes of the network, which the problem has, and "epochs", passes
    over the samples in place of a number of steps. The facts are what the network says of its latent variables: how
    many it needs by either rule ("columns", "variance"), the norms of the decoder's first columns, falling, the mean
    posterior variances, ascending, and a histogram of all of them from 0 to 1.25; those of variances only where it has
    any. "truth" is the dimension of the manifold, where it is known.
    """
    from ....torch import ManifoldVae

    parameters = {**settings["parameters"], **problem.network(), "random_state": data.seed}
    if settings.get("epochs"):
        batch = min(parameters["batch_size"], len(data.X))
        parameters["n_steps"] = settings["epochs"] * math.ceil(len(data.X) / batch)
    # PyTorch asks OpenMP, which counts for each thread apart: the limit of the whole run does not reach this one.
    with threadpool_limits(limits=1, user_api="openmp"):
        model = ManifoldVae(device=os.environ.get(DEVICE) or "cpu", **parameters).fit(data.X)
        facts = _facts(model, data)
        if isinstance(problem, ManifoldProblem):
            facts["truth"] = problem.dimension
        return Solution(model.denoise(data.X), facts=facts)


def _facts(model: Any, data: Bunch) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "columns": len(model.active_dimensions("columns")),
        "column_norms": _short(sorted(model.column_norms_, reverse=True)),
        "steps": model.n_iter_,
    }
    if model.covariance == "diagonal":
        variances = model.posterior_var_statistics(data.X)
        facts["variance"] = len(model.active_dimensions("variance"))
        facts["variances"] = _short(variances.mean)
        facts["histogram"] = [int(count) for count in variances.counts]
    return facts


def tuned_autoencoder(problem: NetworkProblem, data: Bunch, settings: Settings) -> Solution:
    """Train an autoencoder with each weight of the penalty; the best is picked with the truth at hand.

    Settings: as for :func:`manifold_vae`, and "penalty_weights". The facts say which weight it was, and the errors of
    all.
    """
    found = []
    for weight in settings["penalty_weights"]:
        parameters = {**settings["parameters"], "penalty_weight": weight}
        solution = manifold_vae(problem, data, {**settings, "parameters": parameters})
        found.append((problem.score(data, solution).relative_error ** 2, weight, solution))
    _, best, solution = min(found, key=lambda entry: entry[0])
    errors = _short([error for error, _, _ in found])
    return solution._replace(facts={**solution.facts, "penalty_weight": best, "errors": errors})


def _short(values: Any) -> list[float]:
    """Round to six digits, which is what the store needs."""
    return [float(f"{value:.6g}") for value in values]


SOLVERS: Mapping[str, Solver] = {"manifold_vae": manifold_vae, "tuned_autoencoder": tuned_autoencoder}
