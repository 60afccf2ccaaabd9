"""What trained recovery is compared with: ablations, which use less of what was learned, and no training at all."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from .... import basis_pursuit

Array: TypeAlias = NDArray[np.float64]

# Singular values below this share of the largest count as zero, as in WelperRecover.
_RANK_TOL = 1e-8


def least_squares_on_span(A: Array, b: Array, solutions: Array) -> Array:
    """Solve by least squares over the span of the solutions of easy training problems.

    Parameters
    ----------
    A : ndarray of shape (n_samples, n_features)
        Matrix.
    b : ndarray of shape (n_samples, n_test)
        Right-hand sides.
    solutions : ndarray of shape (n_features, n_kept)
        The solutions. If there are none, zeros are returned.

    Returns
    -------
    ndarray of shape (n_features, n_test)
        Solutions. Where the span has more dimensions than `A` has rows, those of least norm.
    """
    if not solutions.shape[1]:
        return np.zeros((A.shape[1], b.shape[1]))
    left, values, _ = np.linalg.svd(solutions, full_matrices=False)
    basis = left[:, values > _RANK_TOL * values[0]]
    found: Array = basis @ np.linalg.lstsq(A @ basis, b, rcond=None)[0]
    return found


def solutions_as_components(A: Array, b: Array, solutions: Array) -> Array:
    """Solve by the l1 norm over combinations of the solutions of easy training problems, without a factorisation.

    Parameters
    ----------
    A : ndarray of shape (n_samples, n_features)
        Matrix.
    b : ndarray of shape (n_samples, n_test)
        Right-hand sides.
    solutions : ndarray of shape (n_features, n_kept)
        The solutions, scaled here so that their images under `A` have norm 1. If there are none, zeros are returned.

    Returns
    -------
    ndarray of shape (n_features, n_test)
        Solutions.
    """
    if not solutions.shape[1]:
        return np.zeros((A.shape[1], b.shape[1]))
    scaled = solutions / np.linalg.norm(A @ solutions, axis=0)
    found: Array = scaled @ basis_pursuit(A @ scaled, b).coef
    return found


def reweighted_least_squares(
    A: Array, b: Array, *, power: float, shrink: float, smallest: float = 1e-8, max_iter: int = 1000
) -> Array:
    r"""Descend on the sum of :math:`|x_j|^p` under :math:`A x = b` by iteratively reweighted least squares.

    Weights are :math:`(x_j^2 + \epsilon^2)^{p / 2 - 1}`, with `x` in units of the largest coefficient of the first, the
    solution of least norm. The smoothing :math:`\epsilon` starts at 1 and shrinks whenever a step changes `x` by less
    than :math:`\sqrt\epsilon / 100` of its norm.

    Parameters
    ----------
    A : ndarray of shape (n_samples, n_features)
        Matrix of full row rank.
    b : ndarray of shape (n_samples, n_test)
        Right-hand sides.
    power : float
        The power p, from 0 (logarithms) to 1.
    shrink : float
        Factor by which the smoothing shrinks, greater than 1.
    smallest : float, default=1e-8
        Smoothing at which the steps end.
    max_iter : int, default=1000
        Most steps.

    Returns
    -------
    ndarray of shape (n_features, n_test)
        Solutions.

    References
    ----------
    Daubechies, DeVore, Fornasier and Gunturk (2010), "Iteratively reweighted least squares minimization for sparse
    recovery", Communications on Pure and Applied Mathematics 63(1).

    Chartrand and Yin (2008), "Iteratively reweighted algorithms for compressive sensing", ICASSP, whose rule for the
    smoothing this is: it needs no number of nonzeros.
    """
    columns = []
    for side in b.T:
        x: Array = np.linalg.lstsq(A, side, rcond=None)[0]
        unit, smoothing = np.abs(x).max(), 1.0
        for _ in range(max_iter):
            roots = ((x / unit) ** 2 + smoothing**2) ** (0.5 - power / 4)
            q, r = np.linalg.qr(A.T * roots[:, None])
            last, x = x, roots * (q @ solve_triangular(r, side, trans="T"))
            if np.linalg.norm(x - last) < np.sqrt(smoothing) / 100 * np.linalg.norm(x):
                smoothing /= shrink
                if smoothing < smallest:
                    break
        columns.append(x)
    return np.stack(columns, axis=1)
