"""Ways to solve a problem that several families share; a method is one of them with settings."""

import importlib
from typing import Any, Protocol

import numpy as np
from sklearn.utils import Bunch

from . import rivals
from .engine.scoring import Solution
from .engine.specification import Settings


class NoisyProblem(Protocol):
    """A problem that says whether there is noise."""

    @property
    def snr_db(self) -> float | None:
        """Signal-to-noise ratio in decibels; None for no noise."""


def load_class(path: str) -> Any:
    """Return the class that "module:class" names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def fit_estimator(problem: NoisyProblem, data: Bunch, settings: Settings) -> Solution:
    """Fit a regressor of the scikit-learn kind.

    Settings: "estimator", as "module:class"; its "parameters"; the "attribute" with the estimate, "coef_" if absent;
    "sizes", an attribute that orders the columns where the number of nonzero ones is known to the score, if absent
    the probabilities of an effect where an estimator has them, else the estimate; and "told", a list of parameters that
    take what the problem knows: "covariance", "n_nonzero", and with noise "noise_var" or "tolerance", its variance or
    its expected norm; both keep their own values where there is none. It has an old name: stored trials have it, too.
    """
    parameters: dict[str, Any] = dict(settings.get("parameters", {}))
    for fact in settings.get("told", ()):
        if fact in ("noise_var", "tolerance"):
            if problem.snr_db is not None:
                norm = float(np.sqrt(data.noise_var * data.y.size))
                parameters[fact] = data.noise_var if fact == "noise_var" else norm
        else:
            known = getattr(problem, fact)
            parameters[fact] = known(data) if callable(known) else known
    model: Any = load_class(settings["estimator"])(**parameters).fit(data.X, data.y)
    attribute = settings.get("attribute", "coef_")
    # A certificate is about `coef_` alone.
    certified = attribute == "coef_" and bool(getattr(model, "certified_", False))
    sizes = getattr(model, settings["sizes"]) if "sizes" in settings else _probabilities(model, attribute)
    estimate = np.asarray(getattr(model, attribute), np.float64)
    return Solution(estimate, certified, None if sizes is None else np.asarray(sizes, np.float64))


def _probabilities(model: Any, attribute: str) -> Any:
    """Return the probabilities that columns have an effect, which belong to the support that `coef_` states."""
    return getattr(model, "inclusion_prob_", None) if attribute == "coef_" else None


def gamma_map(problem: NoisyProblem, data: Bunch, settings: Settings) -> Solution:
    """Run gamma-MAP, which cannot do without the variance of the noise.

    Settings: "max_iter"; "noise_var", what stands for no noise; and "update_mode", that of MNE-Python, 2 if absent.
    """
    noise_var = settings["noise_var"] if problem.snr_db is None else data.noise_var
    kernel = rivals.GammaMap(settings["max_iter"], update_mode=settings.get("update_mode", 2))
    return Solution(kernel.solve(data.X, data.y, noise_var))
