"""How methods solve problems with many responses."""

from collections.abc import Mapping

from sklearn.utils import Bunch

from ... import rivals
from ...engine.scoring import Solution
from ...engine.specification import Settings, Solver
from ...solvers import NoisyProblem, fit_estimator, gamma_map


def best_multi_task_lasso(problem: NoisyProblem, data: Bunch, settings: Settings) -> Solution:
    """Find the best penalty of the Lasso for many responses with the truth at hand.

    Settings: "noise_free" and "noisy", the options of :func:`sparsevae.experiments.rivals.best_multi_task_lasso`.
    """
    options = settings["noise_free" if problem.snr_db is None else "noisy"]
    return Solution(rivals.best_multi_task_lasso(data.X, data.y, data.coef, **options))


SOLVERS: Mapping[str, Solver] = {
    "estimator": fit_estimator,
    "best_multi_task_lasso": best_multi_task_lasso,
    "gamma_map": gamma_map,
}
