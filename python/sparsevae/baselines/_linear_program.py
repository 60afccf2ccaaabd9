"""l1 minimisation under linear equations: what the pursuits share, and the linear program of HiGHS."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

from .. import _core
from ..exceptions import NumericalError
from ._regressor import Array, Problem

# Contributions to the solution below this share of the largest are rounding errors of the simplex method.
_ROUNDING = 1e-9
# Those of the data may grow to this many units.
_ROUNDINGS = 64


class Equations(NamedTuple):
    """``rows @ coef = target``: all that least squares of `y` on `X` says, with orthonormal rows."""

    rows: Array
    target: Array
    to_dual: Array
    residual: float
    rounding: float


class Vertex(NamedTuple):
    """A vertex of the solutions, the multipliers of the equations, and the number of simplex iterations."""

    coef: Array
    dual: Array
    n_iter: int


def rounding_of(problem: Problem) -> float:
    """Share of the whole that the precision of the data allows."""
    return max(_ROUNDING, _ROUNDINGS * problem.precision)


def misfit_warning(problem: Problem, residual: float, rank: int) -> str | None:
    """Say by how much `y` lies outside the column space of `X`, where that is more than rounding."""
    if residual <= rounding_of(problem):
        return None
    name, centred = "`Y`" if problem.y.ndim == 2 else "`y`", " once centred" if problem.centred else ""
    return (
        f"no coefficients reproduce {name}: {residual:.2g} of its norm lies outside the column space of `X`, which "
        f"has shape {problem.X.shape} and rank {rank}{centred}. `coef_` is the best of the least-squares solutions"
    )


def unsolved(advice: str = "") -> NumericalError:
    """Say that no solution of a linear program was proved to be optimal."""
    return NumericalError(
        f"the linear program was not solved: neither the path nor the simplex method ended with a certificate{advice}"
    )


def least_squares_equations(problem: Problem) -> Equations:
    """Find the equations that ``coef`` solves if and only if it minimises ``norm(y - X @ coef)``, for one response.

    Parameters
    ----------
    problem : Problem
        Design and response.

    Returns
    -------
    Equations
        As many as `X` has rank; `to_dual`, of shape (n_samples, rank), maps their multipliers to those of the samples;
        `residual` is the distance of `y` from the column space, as a share of its norm; `rounding` is the share of the
        whole that the precision of the data allows.
    """
    found = _core.least_squares_equations(problem.X, problem.y[:, None])
    return Equations(found["rows"], found["target"][:, 0], found["to_dual"], found["residual"], rounding_of(problem))


def minimise_l1(equations: Equations) -> Vertex:
    """Solve ``min sum(abs(coef))`` subject to the equations by the dual simplex method of HiGHS.

    Parameters
    ----------
    equations : Equations
        From `least_squares_equations`.

    Returns
    -------
    Vertex
        With `dual` such that ``abs(rows.T @ dual) <= 1`` and ``target @ dual`` is the minimum.

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
        return Vertex(coef, A @ np.sign(coef), 0)
    found = linprog(
        np.ones(2 * n),
        A_eq=np.hstack([A, -A]),
        b_eq=target / unit,
        bounds=(0, None),
        method="highs-ds",
        options={"presolve": False},
    )
    if found.status != 0:
        raise NumericalError(f"the linear program was not solved: {found.message}")
    coef = found.x[:n] - found.x[n:]
    size = np.abs(coef) * np.linalg.norm(A, axis=0)
    basis = np.flatnonzero(size > equations.rounding * size.max())
    coef = np.zeros(n)
    coef[basis] = np.linalg.lstsq(A[:, basis], target, rcond=None)[0]
    return Vertex(coef, found.eqlin.marginals, int(found.nit))
