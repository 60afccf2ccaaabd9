"""Sparse coefficients, and responses with or without noise."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from .. import _core
from .._input.arrays import matrix
from .._input.interchange import exchange
from .._input.parameters import check_option, check_size, read_number
from .._input.random import RandomState, draw_seed
from ._design import DESIGNS, make_design

_LAWS = ("gaussian", "rayleigh", "chi_squared", "uniform", "poisson")


def make_sparse_coef(
    n_features: int, n_nonzero: int, *, law: str = "gaussian", random_state: RandomState = None
) -> NDArray[np.float64]:
    """Draw a coefficient vector with exactly `n_nonzero` nonzero entries at random positions.

    Parameters
    ----------
    n_features : int
        Length of the vector, at least 1.
    n_nonzero : int
        Number of nonzero entries, from 0 to `n_features`.
    law : {"gaussian", "rayleigh", "chi_squared", "uniform", "poisson"}, default="gaussian"
        Law of the nonzero entries, see Notes.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    ndarray of shape (n_features,), float64
        The coefficients.

    Raises
    ------
    ParameterError
        If `n_nonzero` lies outside its range or `law` is unknown.

    Notes
    -----
    The laws are the standard normal, Rayleigh of scale 1, chi-squared of two degrees of freedom, uniform between 0 and
    1, and Poisson of rate 1. A draw of zero is drawn again, which makes the Poisson zero-truncated. The paper names no
    parameters.

    Values may be small: a normal coefficient is below 0.001 in absolute value with probability 0.0008.

    References
    ----------
    Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025, app. D.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_sparse_coef
    >>> coef = make_sparse_coef(200, 20, law="rayleigh", random_state=0)
    >>> int(np.count_nonzero(coef))
    20
    """
    return _core.make_sparse_coef(
        check_size("n_features", n_features),
        check_size("n_nonzero", n_nonzero, least=0),
        check_option("law", law, _LAWS),
        draw_seed(random_state),
    )


@exchange
def plant_response(
    X: ArrayLike,
    *,
    n_nonzero: int = 20,
    law: str = "gaussian",
    snr_db: float | None = None,
    random_state: RandomState = None,
) -> Bunch:
    """Draw sparse coefficients for a given design and compute the response, with or without noise.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The design, used as it is.
    n_nonzero : int, default=20
        Number of nonzero coefficients.
    law : str, default="gaussian"
        Law of the nonzero coefficients, see :func:`make_sparse_coef`.
    snr_db : float or None, default=None
        Signal-to-noise ratio in decibels, 10 log10(Var(X coef) / noise_var). None adds no noise.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    Bunch
        ``X`` of shape (n_samples, n_features), ``y`` of shape (n_samples,), ``coef`` of shape (n_features,),
        ``noise_var`` (float, 0.0 without noise) and ``support``, the increasing indices of the nonzero coefficients.

    Raises
    ------
    ShapeError
        If `X` is not two-dimensional.
    NonFiniteError
        If `X` holds NaN or infinity, or X coef overflows.
    ParameterError
        If a parameter lies outside its range, or `snr_db` is given and X coef is constant.

    References
    ----------
    Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025, app. D.3 (noise).

    Examples
    --------
    >>> from sparsevae.datasets import make_block_design, plant_response
    >>> X = make_block_design(50, 100, random_state=0)
    >>> problem = plant_response(X, n_nonzero=5, snr_db=20, random_state=0)
    >>> problem.y.shape, problem.support.shape
    ((50,), (5,))
    """
    return _plant(matrix("X", X), n_nonzero, law, snr_db, draw_seed(random_state))


def _plant(X: NDArray[np.float64], n_nonzero: int, law: str, snr_db: float | None, seed: int) -> Bunch:
    coef = make_sparse_coef(X.shape[1], n_nonzero, law=law, random_state=seed)
    y, noise_var = X @ coef, 0.0
    if snr_db is not None:
        y, noise_var = _core.add_noise(y, read_number("snr_db", snr_db), seed)
    return Bunch(X=X, y=y, coef=coef, noise_var=noise_var, support=np.flatnonzero(coef))


def make_sparse_regression(
    n_samples: int = 100,
    n_features: int = 200,
    *,
    n_nonzero: int = 20,
    design: str = "gaussian",
    correlation: float = 0.9,
    block_size: int = 10,
    unit_norm: bool = True,
    law: str = "gaussian",
    snr_db: float | None = None,
    random_state: RandomState = None,
) -> Bunch:
    """Draw a whole problem: design, sparse coefficients, response and, if asked for, noise.

    Parameters
    ----------
    n_samples : int, default=100
        Rows of the design.
    n_features : int, default=200
        Columns of the design.
    n_nonzero : int, default=20
        Number of nonzero coefficients.
    design : {"gaussian", "random_walk", "toeplitz", "block"}, default="gaussian"
        Kind of design, each documented at its own function.
    correlation : float, default=0.9
        Correlation of the columns; used by "toeplitz" and "block".
    block_size : int, default=10
        Columns of a block; used by "block".
    unit_norm : bool, default=True
        Divide each column by its Euclidean norm.
    law : str, default="gaussian"
        Law of the nonzero coefficients, see :func:`make_sparse_coef`.
    snr_db : float or None, default=None
        Signal-to-noise ratio in decibels, 10 log10(Var(X coef) / noise_var). None adds no noise.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    Bunch
        ``X``, ``y``, ``coef``, ``noise_var`` and ``support``, as from :func:`plant_response`.

    Raises
    ------
    ParameterError
        If a parameter lies outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_sparse_regression
    >>> problem = make_sparse_regression(design="random_walk", random_state=0)
    >>> problem.X.shape, len(problem.support)
    ((100, 200), 20)
    >>> bool(np.allclose(problem.X @ problem.coef, problem.y))
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
    return _plant(X, n_nonzero, law, snr_db, seed)
