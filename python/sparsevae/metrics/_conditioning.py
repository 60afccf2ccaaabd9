"""How well a matrix is conditioned for the recovery of sparse vectors."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._input.arrays import matrix
from .._input.interchange import exchange
from .._input.parameters import check_count, check_number
from .._input.random import RandomState, draw_seed
from ..exceptions import ParameterError

# Numbers in one stack of submatrices, 8 MB, and these times its shorter side: a tenth of a second, between two of which
# Ctrl-C is noticed.
_STACK, _WORK = 2**20, 2**24
# Seeds of more draws need more than 1 GB, and the draws themselves days.
_MOST_DRAWS = 2**27


@exchange
def stable_rank(A: ArrayLike) -> float:
    """Compute the squared Frobenius norm over the squared spectral norm.

    Parameters
    ----------
    A : array-like of shape (n_samples, n_features)
        The matrix.

    Returns
    -------
    float
        From 1 to the rank of `A`, which it reaches if all nonzero singular values are equal. The unit of `A` cancels.

    Raises
    ------
    ShapeError
        If `A` is not two-dimensional or is empty.
    DataTypeError
        If `A` is not numeric.
    NonFiniteError
        If `A` holds NaN or infinity.
    ParameterError
        If `A` is zero.

    Notes
    -----
    Takes the singular values of `A`: O(n_samples n_features min(n_samples, n_features)) operations.

    References
    ----------
    Welper, "Non-Convex Compressed Sensing with Training Data", 2021, sec. 4.

    Examples
    --------
    >>> from sparsevae.metrics import stable_rank
    >>> stable_rank([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    1.25
    """
    values = np.linalg.svd(_unit_scaled(matrix("A", A)), compute_uv=False)
    return float(np.sum((values / values[0]) ** 2))


@exchange
def restricted_isometry_bound(
    A: ArrayLike,
    n_nonzero: int,
    *,
    n_draws: int = 1000,
    scale: float | None = None,
    random_state: RandomState = 0,
) -> float:
    """Bound the restricted isometry constant from below by sampling sets of columns.

    The constant of order k is the least e such that (1 - e) ||x|| <= ||c A x|| <= (1 + e) ||x||, norms not squared, for
    all x with k nonzeros at most, where c is `scale`. This is the least e that the sampled supports of x allow. It
    never exceeds the constant and may be far below it: a small value proves nothing, a large one shows that the
    property fails.

    Parameters
    ----------
    A : array-like of shape (n_samples, n_features)
        The matrix.
    n_nonzero : int
        Order k, from 1 to n_features.
    n_draws : int, default=1000
        Number of supports, each drawn uniformly from all sets of `n_nonzero` columns, from 1 to 2**27.
    scale : float or None, default=None
        Positive factor c on `A`. None takes sqrt(n_features) / ||A||_F, the paper's, under which the squared norms of
        the columns have mean 1.
    random_state : int, Generator, RandomState or None, default=0
        Source of the seed. Under one integer the first supports do not change with `n_draws`, so that the bound can
        only grow with it.

    Returns
    -------
    float
        The largest distance from 1 of a singular value of any sampled set of columns of c A, at least 0. Where
        `n_nonzero` exceeds n_samples it is at least 1.

    Raises
    ------
    ShapeError
        If `A` is not two-dimensional or is empty.
    DataTypeError
        If `A` is not numeric.
    NonFiniteError
        If `A` holds NaN or infinity.
    ParameterError
        If a parameter lies outside its range, or `A` is zero or c A overflows.

    Notes
    -----
    Where the norms are squared, as most authors do, the constant is another, d, with e <= d <= 2 e + e ** 2.

    The theorem on A X, with components X whose columns S scales to norm 1, wants (8) with the factor of A itself: call
    with ``A @ X @ S`` and ``scale=sqrt(n_features) / norm(A)``.

    Takes the singular values of `n_draws` matrices of shape (n_samples, `n_nonzero`):
    O(n_draws n_samples n_nonzero min(n_samples, n_nonzero)) operations. Ctrl-C is noticed between two matrices.

    References
    ----------
    Welper, "Non-Convex Compressed Sensing with Training Data", 2021, sec. 1 (the property), Algorithm 1 and eq. 8 (the
    scaling). It asks for less than 4 / sqrt(41) = 0.6246 at order 2 k to recover k nonzeros by the l1 norm; Foucart and
    Rauhut, "A Mathematical Introduction to Compressive Sensing", 2013, Theorem 6.12, prove that for squared norms.

    Examples
    --------
    >>> from sparsevae.datasets import make_gaussian_design, make_random_walk_design
    >>> from sparsevae.metrics import restricted_isometry_bound
    >>> restricted_isometry_bound(make_gaussian_design(120, 200, random_state=0), 4) < 0.4
    True
    >>> restricted_isometry_bound(make_random_walk_design(120, 200, random_state=0), 4) > 0.9
    True
    """
    values = matrix("A", A)
    n_samples, n_features = values.shape
    n_nonzero = check_count("n_nonzero", n_nonzero, 1, f"an integer from 1 to the number of columns, {n_features}")
    if n_nonzero > n_features:
        raise ParameterError(f"`n_nonzero` is {n_nonzero}, but it must be at most the number of columns, {n_features}")
    n_draws = check_count("n_draws", n_draws)
    if n_draws > _MOST_DRAWS:
        raise ParameterError(f"`n_draws` is {n_draws}, but it must be at most {_MOST_DRAWS}")
    if scale is None:
        values = _unit_scaled(values)
        columns = (math.sqrt(n_features) / np.linalg.norm(values) * values).T
    else:
        scale = check_number("scale", scale, "a finite number greater than 0, or None", above=0.0)
        with np.errstate(over="ignore"):
            columns = scale * values.T
        if not np.isfinite(columns).all():
            raise ParameterError(f"`scale` is {scale!r}, but it must be small enough for scale * A to be finite")
    # More columns than rows have a vector of zero image, which the singular values leave out.
    bound = 1.0 if n_nonzero > n_samples else 0.0
    seeds = np.random.SeedSequence(draw_seed(random_state)).generate_state(n_draws, np.uint64)
    size = min(_STACK, _WORK // min(n_samples, n_nonzero)) // (n_samples * n_nonzero)
    for chunk in np.split(seeds, range(0, n_draws, max(1, size))[1:]):
        supports = np.array([_core.sample_support(n_features, n_nonzero, int(seed)) for seed in chunk])
        singular = np.linalg.svd(columns[supports], compute_uv=False)
        bound = max(bound, float(np.abs(singular - 1).max()))
    return bound


def _unit_scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide by the largest absolute value: squares then neither overflow nor vanish together."""
    largest = np.abs(values).max()
    if largest == 0:
        raise ParameterError("`A` is zero, but a matrix with a nonzero entry is needed")
    scaled: NDArray[np.float64] = values / largest
    return scaled
