"""Deep autoencoders on images, and what they say of their latent variables. PyTorch is imported when one is trained."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from ...engine.scoring import Solution
from ...engine.specification import Settings, Solver
from .problem import CovarianceProblem

# Environment variable with the device on which networks are trained; the CPU without it.
DEVICE = "SPARSEVAE_DEVICE"


def deep_vae(problem: CovarianceProblem, data: Bunch, settings: Settings) -> Solution:
    """Train a network of the problem's capacity and reconstruct the images with it.

    Settings: "parameters" of ManifoldVae but for sizes; "width_of", the covariance whose network of that capacity has
    the width; and "cost", how many times as long a step takes as that of others, by the number of latent variables:
    steps are fewer by it. The facts: latent variables that are used by the rules of means, of columns and of variances
    ("mean", "columns", "variance") and after the best rotation ("directions"), root mean squares along all directions,
    falling ("spectrum"), the decoder's variance, the energy at the end, steps, width of the layers and number of
    weights.
    """
    from ....torch import ManifoldVae

    parameters = dict(settings["parameters"])
    parameters["n_steps"] = round(parameters["n_steps"] / settings["cost"].get(str(problem.n_components), 1.0))
    hidden = (problem.width(settings["width_of"]),) * problem.n_blocks
    model = ManifoldVae(
        problem.n_components,
        encoder_hidden=hidden,
        device=os.environ.get(DEVICE) or "cpu",
        random_state=data.seed,
        **parameters,
    )
    # PyTorch asks OpenMP, which counts for each thread apart: the limit of the whole run does not reach this one.
    with threadpool_limits(limits=1, user_api="openmp"):
        return Solution(model.fit(data.X).denoise(data.X), facts=_facts(model, hidden[0]))


def _facts(model: Any, width: int) -> dict[str, Any]:
    spectrum = np.sqrt(np.linalg.eigvalsh(model.mean_moment_)[::-1].clip(0))
    return {
        **{rule: len(model.active_dimensions(rule)) for rule in ("mean", "columns", "variance")},
        "directions": len(model.active_directions()),
        "spectrum": [_short(value) for value in spectrum],
        "noise_var": _short(model.noise_var_),
        "energy": _short(model.energy_path_[-1]),
        "steps": model.n_iter_,
        "width": width,
        "weights": sum(values.numel() for values in model.network_.parameters()),
    }


def _short(value: float) -> float:
    """Round to six digits, which is what the store needs."""
    return float(f"{value:.6g}")


SOLVERS: Mapping[str, Solver] = {"deep_vae": deep_vae}
