"""Basis pursuit for one right-hand side or many, exactly."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from .. import _core
from .._input.arrays import matrix, right_hand_sides
from .._input.interchange import exchange
from .._input.threads import thread_count
from ..exceptions import ParameterError

Array = NDArray[np.float64]

# Right-hand sides farther from the column space, as a share of their norm, have no solution.
_OUTSIDE = 1e-9
_METHODS = ("homotopy", "highs")


@dataclass(frozen=True)
class BasisPursuitResult:
    """Solutions of least l1 norm, and what proves them.

    For one right-hand side given as a vector, the last axis of every array is missing, and numbers are plain numbers.

    Parameters
    ----------
    coef : ndarray of shape (n_features, n_problems)
        Solutions, in units of `b` over units of the column; exact zeros.
    dual : ndarray of shape (n_samples, n_problems)
        Multipliers of the equations: ``abs(A.T @ dual) <= 1``, and ``b.T @ dual`` is the norm of the solution.
    gap : ndarray of shape (n_problems,)
        By how much the norm exceeds ``b.T @ dual``, as a share of it.
    infeasibility : ndarray of shape (n_problems,)
        By how much the largest of ``abs(A.T @ dual)`` exceeds 1.
    residual : ndarray of shape (n_problems,)
        Norm of what no solution reproduces, as a share of the norm of `b`.
    n_iter : ndarray of shape (n_problems,), int64
        Steps of the homotopy or of the simplex method.
    status : ndarray of shape (n_problems,), str
        "optimal"; "infeasible" where `b` lies outside the column space of `A`: the solution is that of the nearest
        point inside; "unsolved" where float64 did not suffice.
    """

    coef: Any
    dual: Any
    gap: Any
    infeasibility: Any
    residual: Any
    n_iter: Any
    status: Any


@exchange
def basis_pursuit(A: Any, b: Any, *, method: str = "homotopy", n_jobs: int | None = None) -> BasisPursuitResult:
    r"""Find, of all solutions of linear equations, those of least l1 norm.

    .. math:: \min_x \|x\|_1 \quad \text{subject to} \quad A x = b.

    Parameters
    ----------
    A : array-like of shape (n_samples, n_features)
        Matrix, of any rank.
    b : array-like of shape (n_samples,) or (n_samples, n_problems)
        Right-hand sides.
    method : {"homotopy", "highs"}, default="homotopy"
        "homotopy": the path of the Lasso, followed to its end; the simplex method helps where ties block it. "highs":
        the dual simplex method of HiGHS. Where the solution is unique, both give the same one.
    n_jobs : int or None, default=None
        Threads for many right-hand sides: None for one, -1 for as many as there are cores. The result does not depend
        on it. "highs" always takes one.

    Returns
    -------
    BasisPursuitResult
        Solutions and certificates, each with a gap and an infeasibility of at most 1e-9 where it is "optimal".

    Raises
    ------
    ShapeError
        If `A` has not two dimensions, or `b` does not match it.
    NonFiniteError
        If there is a NaN or an infinite value.
    DataTypeError
        If the data are complex, sparse, or no numbers.
    ParameterError
        If an option is unknown or out of range.
    NumericalError
        If a decomposition or HiGHS fails.

    Warns
    -----
    ConvergenceWarning
        If a status is not "optimal".

    Notes
    -----
    The rows of `A` are orthonormalised once, ``O(n_samples**2 * n_features)``. For each right-hand side a step of the
    homotopy costs ``O(n_features * k)`` with ``k`` nonzeros so far, and ``O(n_samples * n_features)`` where a column
    turns nonzero, unless right-hand sides are so many that the projection onto the rows is formed as a whole. There are
    about as many steps as nonzeros where the solution is sparse, a few times as many where columns are correlated.
    Memory: ``n_features`` numbers for each nonzero, and up to 1 GiB for the projection.

    References
    ----------
    Chen, Donoho and Saunders (2001), "Atomic Decomposition by Basis Pursuit", SIAM Review 43(1), eq. 1.1.

    Osborne, Presnell and Turlach (2000), "A new approach to variable selection in least squares problems", IMA Journal
    of Numerical Analysis 20(3), sec. 4.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae import basis_pursuit
    >>> from sparsevae.datasets import make_gaussian_design
    >>> A, x = make_gaussian_design(30, 60, random_state=0), np.zeros(60)
    >>> x[[3, 14, 15]] = 1.0, -2.0, 1.0
    >>> found = basis_pursuit(A, A @ x)
    >>> np.flatnonzero(found.coef), found.status, bool(found.gap < 1e-9)
    (array([ 3, 14, 15]), 'optimal', True)
    """
    if method not in _METHODS:
        raise ParameterError(f'`method` is {method!r}, but it must be "homotopy" or "highs"')
    values = matrix("A", A)
    sides = right_hand_sides("b", b, A, len(values))
    threads = thread_count(n_jobs, sides.values.shape[1])
    found = _by_highs(values, sides.values) if method == "highs" else _by_homotopy(values, sides.values, threads)
    status = np.where(found["residual"] > _OUTSIDE, "infeasible", np.asarray(found["status"], dtype=np.str_))
    failed = status[status != "optimal"]
    if failed.size:
        message = (
            f"basis_pursuit: {failed.size} of {status.size} problems are not solved: {', '.join(sorted(set(failed)))}; "
            f"up to {found['residual'].max():.2g} of the norm of a right-hand side lies outside the column space of `A`"
        )
        warnings.warn(message, ConvergenceWarning, stacklevel=3)
    fields: dict[str, Any] = {**found, "coef": found["coef"].astype(sides.dtype), "status": status}
    if sides.single:
        fields = {name: array[..., 0] if array.ndim == 2 else array[0].item() for name, array in fields.items()}
    return BasisPursuitResult(**fields)


def _by_homotopy(A: Array, b: Array, threads: int) -> dict[str, Any]:
    found: dict[str, Any] = dict(_core.basis_pursuit(A, b, threads))
    return found


def _by_highs(A: Array, b: Array) -> dict[str, Any]:
    # SciPy's solvers take a while to load.
    from ..baselines._linear_program import least_squares_equations, minimise_l1
    from ..baselines._regressor import Problem

    names = ("coef", "dual", "gap", "infeasibility", "residual", "n_iter")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for side in b.T:
        equations = least_squares_equations(Problem(A, side, 1.0, 1.0, np.finfo(np.float64).eps / 2, centred=False))
        vertex = minimise_l1(equations)
        dual, norm = equations.to_dual @ vertex.dual, np.abs(vertex.coef).sum()
        gap = abs(norm - side @ dual) / norm if norm > 0 else 0.0
        infeasibility = np.abs(A.T @ dual).max() - 1
        row = (vertex.coef, dual, gap, infeasibility, equations.residual, vertex.n_iter)
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)
    stacked = {name: np.stack(values, axis=-1) for name, values in columns.items()}
    return stacked | {"status": ["optimal"] * b.shape[1]}
