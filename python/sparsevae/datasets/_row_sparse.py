"""Coefficients of many responses that share one support, and the responses with or without noise."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from .. import _core
from .._input.arrays import matrix, product
from .._input.interchange import exchange
from .._input.parameters import check_option, check_size, read_number
from .._input.random import RandomState, draw_seed
from ..exceptions import NonFiniteError
from ._design import DESIGNS, make_design

_ROW_SCALES = ("none", "unit", "jeffreys")


def make_row_sparse_coef(
    n_features: int,
    n_responses: int,
    n_nonzero: int,
    *,
    rank: int | None = None,
    row_scale: str = "none",
    random_state: RandomState = None,
) -> NDArray[np.float64]:
    """Draw coefficients of many responses that are nonzero for the same `n_nonzero` features.

    Parameters
    ----------
    n_features : int
        Number of features, at least 1.
    n_responses : int
        Number of responses, at least 1.
    n_nonzero : int
        Number of features with nonzero coefficients, from 0 to `n_features`.
    rank : int or None, default=None
        Number of factors of the nonzero coefficients, from 1 to min(`n_features`, `n_responses`), see Notes. None draws
        each of them on its own.
    row_scale : {"none", "unit", "jeffreys"}, default="none"
        Euclidean norms of the nonzero columns of the result, which are rows of the paper's U0, see Notes.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    ndarray of shape (n_responses, n_features), float64
        The coefficients, laid out as scikit-learn's ``coef_``: ``Y = X @ coef.T``.

    Raises
    ------
    ParameterError
        If a parameter lies outside its range or the result does not fit in memory.

    Notes
    -----
    With `rank`, the nonzero coefficients are the sum of `rank` outer products of standard normal vectors, one entry per
    response and one per nonzero feature; their rank is min(`rank`, `n_nonzero`, `n_responses`). Without, they are
    independent standard normals, of full rank.

    The nonzero columns then keep their norms ("none"), are divided by them ("unit"), or are also multiplied by
    independent numbers between 0.01 and 100 whose logarithms are uniform ("jeffreys"), the density being
    1 / (2 log(100) nu).

    References
    ----------
    Wipf, "Marginalization is not Marginal", ICML 2023, app. A: "unit" is figure 2a, "jeffreys" figure 2b, where the
    range is stated as [a, 1/a] with a = 0.01. The paper sums r outer products, as many as nonzero rows, but means
    tau < r of them; it states neither tau nor the number of responses.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_row_sparse_coef
    >>> coef = make_row_sparse_coef(200, 100, 30, rank=5, row_scale="unit", random_state=0)
    >>> coef.shape, int(np.linalg.matrix_rank(coef))
    ((100, 200), 5)
    >>> norms = np.linalg.norm(coef, axis=0)
    >>> int(np.count_nonzero(norms)), bool(np.allclose(norms[norms > 0], 1))
    (30, True)
    """
    return _core.make_row_sparse_coef(
        check_size("n_features", n_features),
        check_size("n_responses", n_responses),
        check_size("n_nonzero", n_nonzero, least=0),
        None if rank is None else check_size("rank", rank),
        check_option("row_scale", row_scale, _ROW_SCALES),
        draw_seed(random_state),
    )


@exchange
def plant_responses(
    X: ArrayLike,
    *,
    n_responses: int = 100,
    n_nonzero: int = 20,
    rank: int | None = None,
    row_scale: str = "unit",
    snr_db: float | None = None,
    random_state: RandomState = None,
) -> Bunch:
    """Draw row-sparse coefficients for a given design and compute the responses, with or without noise.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The design, used as it is.
    n_responses : int, default=100
        Number of responses.
    n_nonzero : int, default=20
        Number of features with nonzero coefficients.
    rank : int or None, default=None
        Number of factors of the nonzero coefficients, see :func:`make_row_sparse_coef`.
    row_scale : str, default="unit"
        Norms of the nonzero coefficients of one feature, see :func:`make_row_sparse_coef`.
    snr_db : float or None, default=None
        Signal-to-noise ratio in decibels, 10 log10(mean square of X coef^T / noise_var), the mean taken over all
        entries and not centred. None adds no noise.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    Bunch
        ``X`` of shape (n_samples, n_features), ``Y`` of shape (n_samples, n_responses), ``coef`` of shape
        (n_responses, n_features), ``noise_var`` (float, the same for all responses, 0.0 without noise) and ``support``,
        the increasing indices of the features with nonzero coefficients.

    Raises
    ------
    ShapeError
        If `X` is not two-dimensional.
    NonFiniteError
        If `X` holds NaN or infinity, or X coef^T overflows.
    ParameterError
        If a parameter lies outside its range, or `snr_db` is given and X coef^T is zero.

    Notes
    -----
    :func:`plant_response` takes its ratio from the variance about the mean, as Goldfish does. Wipf adds noise of 20 dB
    and defines no ratio; the one here is that of the squared Frobenius norms of signal and expected noise.

    References
    ----------
    Wipf, "Marginalization is not Marginal", ICML 2023, app. A.

    Examples
    --------
    >>> from sparsevae.datasets import make_meg_leadfield, plant_responses
    >>> X = make_meg_leadfield(random_state=0).X
    >>> problem = plant_responses(X, n_responses=50, n_nonzero=10, rank=5, snr_db=20, random_state=0)
    >>> problem.Y.shape, problem.coef.shape, problem.support.shape
    ((100, 50), (50, 200), (10,))
    """
    return _plant(matrix("X", X), n_responses, n_nonzero, rank, row_scale, snr_db, draw_seed(random_state))


def _plant(
    X: NDArray[np.float64],
    n_responses: int,
    n_nonzero: int,
    rank: int | None,
    row_scale: str,
    snr_db: float | None,
    seed: int,
) -> Bunch:
    coef = make_row_sparse_coef(X.shape[1], n_responses, n_nonzero, rank=rank, row_scale=row_scale, random_state=seed)
    with np.errstate(over="ignore", invalid="ignore"):
        Y, noise_var = product(X, coef.T), 0.0
    if not np.isfinite(Y).all():
        raise NonFiniteError("`X` coef^T overflows; rescale `X`")
    if snr_db is not None:
        Y, noise_var = _core.add_response_noise(Y, read_number("snr_db", snr_db), seed)
    return Bunch(X=X, Y=Y, coef=coef, noise_var=noise_var, support=np.flatnonzero(coef.any(axis=0)))


def make_row_sparse_regression(
    n_samples: int = 100,
    n_features: int = 200,
    *,
    n_responses: int = 100,
    n_nonzero: int = 20,
    rank: int | None = None,
    row_scale: str = "unit",
    design: str = "gaussian",
    correlation: float = 0.9,
    block_size: int = 10,
    unit_norm: bool = True,
    snr_db: float | None = None,
    random_state: RandomState = None,
) -> Bunch:
    """Draw a whole problem with many responses: design, row-sparse coefficients, responses and, if asked for, noise.

    Parameters
    ----------
    n_samples : int, default=100
        Rows of the design.
    n_features : int, default=200
        Columns of the design.
    n_responses : int, default=100
        Number of responses.
    n_nonzero : int, default=20
        Number of features with nonzero coefficients.
    rank : int or None, default=None
        Number of factors of the nonzero coefficients, see :func:`make_row_sparse_coef`.
    row_scale : str, default="unit"
        Norms of the nonzero coefficients of one feature, see :func:`make_row_sparse_coef`.
    design : {"gaussian", "random_walk", "toeplitz", "block"}, default="gaussian"
        Kind of design, each documented at its own function.
    correlation : float, default=0.9
        Correlation of the columns; used by "toeplitz" and "block".
    block_size : int, default=10
        Columns of a block; used by "block".
    unit_norm : bool, default=True
        Divide each column by its Euclidean norm.
    snr_db : float or None, default=None
        Signal-to-noise ratio in decibels, as for :func:`plant_responses`. None adds no noise.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    Bunch
        ``X``, ``Y``, ``coef``, ``noise_var`` and ``support``, as from :func:`plant_responses`.

    Raises
    ------
    ParameterError
        If a parameter lies outside its range.

    References
    ----------
    Wipf, "Marginalization is not Marginal", ICML 2023, app. A.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_row_sparse_regression
    >>> problem = make_row_sparse_regression(n_nonzero=50, rank=5, row_scale="jeffreys", random_state=0)
    >>> problem.X.shape, problem.Y.shape, len(problem.support)
    ((100, 200), (100, 100), 50)
    >>> bool(np.allclose(problem.X @ problem.coef.T, problem.Y))
    True
    """
    kind = check_option("design", design, DESIGNS)
    seed = draw_seed(random_state)
    X = make_design(
        kind,
        n_samples,
        n_features,
        unit_norm=unit_norm,
        random_state=seed,
        correlation=correlation,
        block_size=block_size,
    )
    return _plant(X, n_responses, n_nonzero, rank, row_scale, snr_db, seed)
