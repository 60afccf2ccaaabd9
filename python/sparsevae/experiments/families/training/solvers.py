"""How methods solve test problems, with training problems or without."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils import Bunch

from .... import WelperRecover, basis_pursuit
from ...engine.scoring import Solution
from ...engine.specification import AnyProblem, Settings, Solver
from ...solvers import NoisyProblem, fit_estimator
from . import rivals


def fit_each(problem: NoisyProblem, data: Bunch, settings: Settings) -> Solution:
    """Fit a regressor to each response alone; settings as for :func:`fit_estimator`, of which nothing is certified."""
    alone = [Bunch(X=data.X, y=side) for side in data.y.T]
    return Solution(np.stack([fit_estimator(problem, one, settings).coef for one in alone]))


def trained(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - the data say it all
    """Train on easier problems, then solve the test problems.

    Settings: "parameters" of WelperRecover, and "ablation", what is used of the training in place of the components,
    a function of :mod:`sparsevae.experiments.families.training.rivals` that takes the solutions of the easy training
    problems.
    """
    model = WelperRecover(**settings["parameters"]).fit(data.X, data.B)
    if "ablation" in settings:
        solve = getattr(rivals, settings["ablation"])
        return Solution(solve(data.X, data.y, model.training_coef_[:, model.kept_]).T)
    return Solution(model.recover(data.y).coef.T)


def l1_minimisation(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - it has none
    """Solve the test problems by the l1 norm, by the same homotopy that training uses."""
    return Solution(basis_pursuit(data.X, data.y).coef.T)


def reweighted_least_squares(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - as above
    """Solve the test problems by reweighted least squares.

    Settings: the options of :func:`sparsevae.experiments.families.training.rivals.reweighted_least_squares`.
    """
    return Solution(rivals.reweighted_least_squares(data.X, data.y, **settings).T)


SOLVERS: Mapping[str, Solver] = {
    "each": fit_each,
    "trained": trained,
    "l1_minimisation": l1_minimisation,
    "reweighted_least_squares": reweighted_least_squares,
}
