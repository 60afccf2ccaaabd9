"""How methods separate outliers from a low-rank matrix."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ...engine.scoring import Solution
from ...engine.specification import AnyProblem, Settings, Solver
from ...solvers import load_class


def separation(problem: AnyProblem, data: Bunch, settings: Settings) -> Solution:  # noqa: ARG001 - the data say it all
    """Separate outliers from a low-rank matrix.

    Settings: "estimator", as "module:class", and its "parameters". The facts are the rank and the number of outliers.
    """
    model: Any = load_class(settings["estimator"])(**settings["parameters"]).fit(data.X)
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


SOLVERS: Mapping[str, Solver] = {
    "separation": separation,
    "best_robust_pca": best_robust_pca,
}
