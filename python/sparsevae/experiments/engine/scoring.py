"""What a method answers to a problem, and how good an answer is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ...exceptions import ParameterError
from ...metrics import mse_after_least_squares, relative_error, support_f1

Array: TypeAlias = NDArray[np.float64]

# Largest coefficient, or norm over the responses, that counts as zero where a support is refitted.
THRESHOLD = 1e-3


class Solution(NamedTuple):
    """What a method answers.

    The estimate: coefficients, or the clean matrix; whether it was certified as the sparsest; sizes that order the
    columns, if others than its own; entries taken for outliers; and what else the method says, of JSON types.
    """

    coef: Array
    certified: bool = False
    sizes: Array | None = None
    outlier_mask: NDArray[np.bool_] | None = None
    facts: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Score:
    """How good an estimate is, and in `facts` what the method says beyond it; NaN where a number has no meaning."""

    support_match: bool
    f1: float
    l2_error_over_n: float
    relative_error: float
    mse_after_least_squares: float
    certified: bool
    wrong_certificate: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


def facts_text(facts: Mapping[str, Any]) -> str:
    """Write facts as JSON with sorted keys, or raise ParameterError."""
    try:
        return json.dumps(facts, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the facts of a solution must be of JSON types: {error}") from error


def support_score(
    data: Bunch, solution: Solution, *, success: bool, f1: float | None = None, refit_error: float | None = None
) -> Score:
    """Score coefficients.

    Parameters
    ----------
    data : Bunch
        The problem that was drawn, with ``coef`` and ``support``.
    solution : Solution
        The answer.
    success : bool
        Whether the trial succeeds.
    f1, refit_error : float or None, default=None
        F1 of the support and mean squared error after least squares on it; None for those of one response, or of many
        on one support.

    Returns
    -------
    Score
        The score.
    """
    coef = solution.coef
    found = np.flatnonzero(np.atleast_2d(coef).any(axis=0))
    return Score(
        support_match=success,
        f1=support_f1(data.coef, coef) if f1 is None else f1,
        l2_error_over_n=float(np.linalg.norm(coef - data.coef)) / coef.shape[-1],
        relative_error=relative_error(data.coef, coef),
        mse_after_least_squares=_refit_error(data, coef) if refit_error is None else refit_error,
        certified=solution.certified,
        wrong_certificate=solution.certified and not np.array_equal(found, data.support),
    )


def largest_match(data: Bunch, sizes: Array) -> bool:
    """Tell whether the largest columns, as many as there are true ones, are the true ones.

    The number of true columns is known to the score, for all methods alike.

    Parameters
    ----------
    data : Bunch
        The problem that was drawn, with ``support``.
    sizes : ndarray of shape (n_features,)
        What orders the columns, zero for those that are out.

    Returns
    -------
    bool
        Whether they are, and none of them is out.
    """
    largest = np.argsort(-sizes, kind="stable")[: len(data.support)]
    return bool(np.array_equal(np.sort(largest), data.support) and sizes[data.support].all())


def matrix_score(truth: Array, solution: Solution, *, largest: float, f1: float = np.nan) -> Score:
    """Score the estimate of a clean matrix.

    Parameters
    ----------
    truth : ndarray of shape (n_samples, n_features)
        The clean matrix.
    solution : Solution
        The answer, of which nothing is certified.
    largest : float
        Normalised mean squared error below which the trial succeeds.
    f1 : float, default=nan
        F1 of the outliers; NaN where the method names none.

    Returns
    -------
    Score
        The score.
    """
    error = relative_error(truth, solution.coef)
    return Score(
        support_match=error**2 < largest,
        f1=f1,
        l2_error_over_n=float(np.linalg.norm(solution.coef - truth)) / truth.shape[1],
        relative_error=error,
        mse_after_least_squares=np.nan,
        certified=False,
        wrong_certificate=False,
    )


def _refit_error(data: Bunch, coef: Array) -> float:
    """Compute the mean squared error after least squares, of one response or of many on one support."""
    # Of many responses, one row each: a column is nonzero if it is so for any.
    support = np.linalg.norm(np.atleast_2d(coef), axis=0) > THRESHOLD
    if data.coef.ndim == 1:
        return mse_after_least_squares(data.X, data.y, data.coef, support)
    refitted = np.zeros_like(data.coef)
    if support.any():
        refitted[:, support] = np.linalg.lstsq(data.X[:, support], data.y, rcond=None)[0].T
    return float(np.mean((refitted - data.coef) ** 2))
