"""Weighted l1 minimisation under linear equations, as a linear program."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

from ..exceptions import NumericalError
from ._regressor import Array, Problem

# Contributions to the solution below this share of the largest are rounding errors of the simplex method.
_ROUNDING = 1e-9
# Those of the data may grow to this many units.
_ROUNDINGS = 64


class Equations(NamedTuple):
    """``rows @ coef = target``: all that least squares of `y` on `X` says, with orthonormal rows.

    `values` are the singular values of `X`.
    """

    rows: Array
    target: Array
    values: Array
    to_dual: Array
    residual: float
    rounding: float
    warning: str | None


class Vertex(NamedTuple):
    """A vertex of the solutions, the multipliers of the equations, and the number of simplex iterations."""

    coef: Array
    dual: Array
    n_iter: int


def least_squares_equations(problem: Problem) -> Equations:
    """Find the equations that ``coef`` solves if and only if it minimises ``norm(y - X @ coef)``, for any responses.

    Parameters
    ----------
    problem : Problem
        Design, and one response or many.

    Returns
    -------
    Equations
        As many as `X` has rank; `to_dual`, of shape (n_samples, rank), maps their multipliers to those of the samples;
        `residual` is the distance of `y` from the column space, as a share of its norm; `warning` speaks of it where it
        exceeds `rounding`, the share of the whole that the precision of the data allows.
    """
    X, y = problem.X, problem.y
    U, s, rows = np.linalg.svd(X, full_matrices=False)
    rank = int((s > max(X.shape) * np.finfo(np.float64).eps * s[0]).sum())
    U, s, rows = U[:, :rank], s[:rank], rows[:rank]
    image = U.T @ y
    length = float(np.linalg.norm(y))
    residual = float(np.linalg.norm(y - U @ image)) / length if length else 0.0
    rounding = max(_ROUNDING, _ROUNDINGS * problem.precision)
    warning, name, centred = None, "`Y`" if y.ndim == 2 else "`y`", " once centred" if problem.centred else ""
    if residual > rounding:
        warning = (
            f"no coefficients reproduce {name}: {residual:.2g} of its norm lies outside the column space of `X`, which "
            f"has shape {X.shape} and rank {rank}{centred}. `coef_` is the best of the least-squares solutions"
        )
    return Equations(rows, (image.T / s).T, s, U / s, residual, rounding, warning)


def minimise_weighted_l1(equations: Equations, weights: Array) -> Vertex:
    """Solve ``min weights @ abs(coef)`` subject to the equations by the dual simplex method.

    Parameters
    ----------
    equations : Equations
        From `least_squares_equations`.
    weights : ndarray of shape (n_features,)
        At least 0. A coefficient of weight 0 is free.

    Returns
    -------
    Vertex
        With `dual` such that ``abs(rows.T @ dual) <= weights`` and ``target @ dual`` is the minimum.

    Raises
    ------
    NumericalError
        If HiGHS finds no optimum.

    Notes
    -----
    The coefficients that the simplex method leaves nonzero are solved for once more by least squares, to full
    precision.
    """
    A, target = equations.rows, equations.target
    rank, n = A.shape
    unit = float(np.abs(target).max(initial=0.0))
    if rank in (0, n) or unit == 0:
        # One solution, or zero.
        coef = A.T @ target
        return Vertex(coef, A @ (weights * np.sign(coef)), 0)
    scale = float(weights.max()) or 1.0
    # Free coefficients are one variable, all others the difference of two.
    split = np.flatnonzero(weights > 0)
    costs = np.r_[weights, weights[split]] / scale
    bounds = np.full((len(costs), 2), (0.0, np.inf))
    bounds[:n][weights == 0, 0] = -np.inf
    found = linprog(
        costs,
        A_eq=np.hstack([A, -A[:, split]]),
        b_eq=target / unit,
        bounds=bounds,
        method="highs-ds",
        options={"presolve": False},
    )
    if found.status != 0:
        raise NumericalError(f"the linear program was not solved: {found.message}")
    coef = found.x[:n]
    coef[split] -= found.x[n:]
    size = np.abs(coef) * np.linalg.norm(A, axis=0)
    basis = np.flatnonzero(size > equations.rounding * size.max())
    coef = np.zeros(n)
    coef[basis] = np.linalg.lstsq(A[:, basis], target, rcond=None)[0]
    return Vertex(coef, scale * found.eqlin.marginals, int(found.nit))
