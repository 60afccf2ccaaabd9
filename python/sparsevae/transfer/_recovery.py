"""What a recovery returns."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recovery:
    """Solutions of hard problems, and how each was found.

    For one right-hand side given as a vector, the last axis of every array is missing, and numbers are plain numbers.

    Parameters
    ----------
    coef : ndarray of shape (n_features, n_problems)
        Solutions, in units of `b` over units of the column; exact zeros.
    combinator : ndarray of shape (n_components, n_problems)
        Coefficients of the components; of the level that solved the problem, see ``WelperRecover.levels_``.
    residual : ndarray of shape (n_problems,)
        Norm of ``b - A @ coef`` as a share of the norm of `b`.
    status : ndarray of shape (n_problems,), str
        "recovered": a sparse combination of components solves the problem to `tol`. "dense": one does that has as many
        members as there are independent equations, as any right-hand side in their range has. "infeasible": none does;
        `coef` is no solution.
    max_nonzero : ndarray of shape (n_problems,), int64
        Bound on the nonzeros of the training solutions behind the components that were used.
    """

    coef: Any
    combinator: Any
    residual: Any
    status: Any
    max_nonzero: Any
