"""How methods fit a linear model to noisy data."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from ...engine.scoring import Solution
from ...engine.specification import Settings, Solver
from ...solvers import load_class
from .fitted import Array, Fit, Fitted


class FittingProblem(Protocol):
    """A problem that asks for fits, one or many."""

    def answer(self, data: Bunch, fit: Fit) -> Solution:
        """Fit and collect what is asked for."""


def noisy_regression(problem: FittingProblem, data: Bunch, settings: Settings) -> Solution:
    """Fit a regressor of the scikit-learn kind.

    Settings: "estimator", as "module:class"; its "parameters"; "scaled", whether columns are standardised before.
    """

    def fit(X: Array, y: Array) -> Fitted:
        model: Any = load_class(settings["estimator"])(**settings["parameters"])
        if not settings["scaled"]:
            return _fitted(model.fit(X, y))
        scaler = StandardScaler().fit(X)
        found = _fitted(model.fit(scaler.transform(X), y))
        coef = found.coef / scaler.scale_
        return found._replace(coef=coef, intercept=found.intercept - float(scaler.mean_ @ coef))

    return problem.answer(data, fit)


def _fitted(model: Any) -> Fitted:
    coef = np.ravel(model.coef_)
    support = getattr(model, "support_", None)
    return Fitted(
        coef,
        float(model.intercept_),
        np.flatnonzero(coef) if support is None else support,
        getattr(model, "inclusion_prob_", None),
        getattr(model, "credible_sets_", ()),
    )


def susie(problem: FittingProblem, data: Bunch, settings: Settings) -> Solution:
    """Fit a sum of single effects with pysusie. Settings: the options of ``pysusie.susie``."""
    import pysusie

    def fit(X: Array, y: Array) -> Fitted:
        found: Any = pysusie.susie(X, y, **settings)
        intercept, *coef = pysusie.coef_susie(found)
        chosen = np.flatnonzero(found.pip > 0.5)
        return Fitted(np.array(coef), float(intercept), chosen, found.pip, found.sets["cs"] or ())

    return problem.answer(data, fit)


SOLVERS: Mapping[str, Solver] = {"noisy_regression": noisy_regression, "susie": susie}
