"""How methods solve problems with one response."""

from collections.abc import Mapping

from sklearn.utils import Bunch

from ... import rivals
from ...engine.scoring import Solution
from ...engine.specification import AnyProblem, Settings, Solver
from ...solvers import NoisyProblem, fit_estimator, gamma_map


def best_lasso(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - it has no settings
    """Find the Lasso's best penalty with the truth at hand."""
    return Solution(rivals.best_lasso(data.X, data.y, data.coef))


def mcp_path(problem: NoisyProblem, data: Bunch, settings: Settings) -> Solution:
    """Follow skglm's path: the first exact fit on data without noise, the support of best evidence with noise.

    Settings: "noise_free" and "noisy", the arguments of :class:`sparsevae.experiments.rivals.McpPath`.
    """
    if problem.snr_db is None:
        return Solution(rivals.McpPath(**settings["noise_free"]).noise_free(data.X, data.y))
    return Solution(rivals.McpPath(**settings["noisy"]).noisy(data.X, data.y))


SOLVERS: Mapping[str, Solver] = {
    "estimator": fit_estimator,
    "best_lasso": best_lasso,
    "mcp_path": mcp_path,
    "gamma_map": gamma_map,
}
