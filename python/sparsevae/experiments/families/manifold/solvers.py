"""Networks that are trained on samples with outliers. PyTorch is imported when one is asked for."""

import math
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from ...engine.scoring import Solution
from ...engine.specification import Settings, Solver
from .problem import DigitsProblem, ManifoldProblem

NetworkProblem: TypeAlias = ManifoldProblem | DigitsProblem
Array: TypeAlias = NDArray[np.float64]

# Environment variable with the device on which networks are trained; the CPU without it.
DEVICE = "SPARSEVAE_DEVICE"
# By which a penalty is picked: shares of samples that are held out, at most so many, and of their entries replaced.
_HELD, _MOST_HELD, _ALTERED = 0.05, 5000, 0.1


def manifold_vae(problem: NetworkProblem, data: Bunch, settings: Settings) -> Solution:
    """Train an autoencoder and clean the samples with it.

    Settings: "parameters" of ManifoldVae but for the sizes of the network, which the problem has, and "epochs", passes
    over the samples in place of a number of steps. The facts are what the network says of its latent variables: how
    many it needs by either rule ("columns", "variance"), the norms of the decoder's first columns, falling, the mean
    posterior variances, ascending, and a histogram of all of them from 0 to 1.25; those of variances only where it has
    any. "truth" is the dimension of the manifold, where it is known.
    """
    # PyTorch asks OpenMP, which counts for each thread apart: the limit of the whole run does not reach this one.
    with threadpool_limits(limits=1, user_api="openmp"):
        return _answer(problem, data, _trained(problem, data, data.X, settings))


def _trained(problem: NetworkProblem, data: Bunch, X: Array, settings: Settings) -> Any:
    """Train an autoencoder on some of the samples."""
    from ....torch import ManifoldVae

    parameters = {**settings["parameters"], **problem.network(), "random_state": data.seed}
    if settings.get("epochs"):
        batch = min(parameters["batch_size"], len(X))
        parameters["n_steps"] = settings["epochs"] * math.ceil(len(X) / batch)
    return ManifoldVae(device=os.environ.get(DEVICE) or "cpu", **parameters).fit(X)


def _answer(problem: NetworkProblem, data: Bunch, model: Any) -> Solution:
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
    """Train an autoencoder with each weight of the penalty, and pick one without the truth.

    A twentieth of the samples, 5,000 at most, is held out of all trainings. Of their entries a tenth is replaced by
    entries of other samples, and the weight that predicts best what stood there is taken.

    Settings: as for :func:`manifold_vae`, and "penalty_weights". The facts say which weight it was, and of all weights
    the misfit of the entries that were replaced and the error, by which a reader who knows the truth may pick another.
    """
    kept, held = _split(data)
    altered, hidden = _altered(held, data.seed)
    found = []
    with threadpool_limits(limits=1, user_api="openmp"):
        for weight in settings["penalty_weights"]:
            parameters = {**settings["parameters"], "penalty_weight": weight}
            model = _trained(problem, data, kept, {**settings, "parameters": parameters})
            solution = _answer(problem, data, model)
            misfit = _misfit((held - model.denoise(altered))[hidden], model)
            found.append((misfit, weight, solution, problem.score(data, solution).relative_error ** 2))
    _, picked, solution, _ = min(found, key=lambda entry: entry[0])
    choice = {
        "penalty_weight": picked,
        "penalty_weights": list(settings["penalty_weights"]),
        "entries": _short([misfit for misfit, *_ in found]),
        "errors": _short([error for *_, error in found]),
    }
    return solution._replace(facts={**solution.facts, **choice})


def _split(data: Bunch) -> tuple[Array, Array]:
    """Divide the samples at random into those to train on and those that are held out."""
    count = min(_MOST_HELD, max(2, round(_HELD * len(data.X))))
    order = np.random.default_rng([data.seed, 0]).permutation(len(data.X))
    return data.X[np.sort(order[count:])], data.X[order[:count]]


def _altered(held: Array, seed: int) -> tuple[Array, NDArray[np.bool_]]:
    """Replace some entries by those of other samples, so that nothing is assumed of outliers; tell which."""
    hidden = np.random.default_rng([seed, 1]).random(held.shape) < _ALTERED
    return np.where(hidden, np.roll(held, 1, axis=0), held), hidden


def _misfit(residuals: Array, model: Any) -> float:
    """Mean logarithm of squared residuals plus the floor, in units of the training: the energy's part for the data."""
    return float(np.log((residuals / model.scale_) ** 2 + model.floor).mean())


def _short(values: Any) -> list[float]:
    """Round to six digits, which is what the store needs."""
    return [float(f"{value:.6g}") for value in values]


SOLVERS: Mapping[str, Solver] = {"manifold_vae": manifold_vae, "tuned_autoencoder": tuned_autoencoder}
