"""Random designs, from well to badly conditioned."""

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._input.parameters import check_flag, check_option, check_size, read_number
from .._input.random import RandomState, draw_seed

DESIGNS = ("gaussian", "random_walk", "toeplitz", "block")
_DCT_ROWS = ("random", "low")


def make_design(
    kind: str,
    n_samples: int,
    n_features: int,
    *,
    unit_norm: bool,
    random_state: RandomState,
    correlation: float = 0.0,
    block_size: int = 1,
) -> NDArray[np.float64]:
    """Draw a design of any kind; arguments that the kind does not know are ignored."""
    return _core.make_design(
        kind,
        check_size("n_samples", n_samples),
        check_size("n_features", n_features),
        read_number("correlation", correlation),
        check_size("block_size", block_size),
        check_flag("unit_norm", unit_norm),
        draw_seed(random_state),
    )


def make_gaussian_design(
    n_samples: int, n_features: int, *, unit_norm: bool = True, random_state: RandomState = None
) -> NDArray[np.float64]:
    """Draw a design of independent standard normal entries.

    Parameters
    ----------
    n_samples, n_features : int
        Rows and columns, at least 1.
    unit_norm : bool, default=True
        Divide each column by its Euclidean norm.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    ndarray of shape (n_samples, n_features), float64
        The design.

    Raises
    ------
    ParameterError
        If a size is not a positive integer or the design does not fit in memory.

    References
    ----------
    Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025, sec. 5.1.

    Examples
    --------
    >>> from sparsevae.datasets import make_gaussian_design
    >>> X = make_gaussian_design(100, 200, random_state=0)
    >>> X.shape
    (100, 200)
    """
    return make_design("gaussian", n_samples, n_features, unit_norm=unit_norm, random_state=random_state)


def make_random_walk_design(
    n_samples: int, n_features: int, *, unit_norm: bool = True, random_state: RandomState = None
) -> NDArray[np.float64]:
    """Draw a design each row of which is a Gaussian random walk across the columns.

    Before the columns are scaled, columns i and j (counted from 1) have covariance min(i, j), so neighbours are nearly
    parallel and the design is badly conditioned.

    Parameters
    ----------
    n_samples, n_features : int
        Rows and columns, at least 1.
    unit_norm : bool, default=True
        Divide each column by its Euclidean norm.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    ndarray of shape (n_samples, n_features), float64
        The design.

    Raises
    ------
    ParameterError
        If a size is not a positive integer or the design does not fit in memory.

    References
    ----------
    Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025, sec. 5.2, eq. 19.

    Examples
    --------
    >>> from sparsevae.datasets import make_random_walk_design
    >>> X = make_random_walk_design(100, 200, random_state=0)
    >>> bool(X[:, 150] @ X[:, 151] > 0.99)
    True
    """
    return make_design("random_walk", n_samples, n_features, unit_norm=unit_norm, random_state=random_state)


def make_toeplitz_design(
    n_samples: int,
    n_features: int,
    *,
    correlation: float = 0.9,
    unit_norm: bool = True,
    random_state: RandomState = None,
) -> NDArray[np.float64]:
    """Draw a design whose columns i and j have correlation `correlation` ** abs(i - j).

    Each row is a stationary autoregression of order one across the columns.

    Parameters
    ----------
    n_samples, n_features : int
        Rows and columns, at least 1.
    correlation : float, default=0.9
        Correlation of neighbouring columns, strictly between -1 and 1.
    unit_norm : bool, default=True
        Divide each column by its Euclidean norm.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    ndarray of shape (n_samples, n_features), float64
        The design.

    Raises
    ------
    ParameterError
        If a size is not a positive integer, the design does not fit in memory, or `correlation` is out of range.

    Examples
    --------
    >>> from sparsevae.datasets import make_toeplitz_design
    >>> X = make_toeplitz_design(10_000, 3, correlation=0.5, random_state=0)
    >>> bool(abs(X[:, 0] @ X[:, 2] - 0.25) < 0.05)
    True
    """
    return make_design(
        "toeplitz", n_samples, n_features, unit_norm=unit_norm, random_state=random_state, correlation=correlation
    )


def make_block_design(
    n_samples: int,
    n_features: int,
    *,
    correlation: float = 0.9,
    block_size: int = 10,
    unit_norm: bool = True,
    random_state: RandomState = None,
) -> NDArray[np.float64]:
    """Draw a design of equicorrelated blocks of columns; different blocks are independent.

    Parameters
    ----------
    n_samples, n_features : int
        Rows and columns, at least 1.
    correlation : float, default=0.9
        Correlation of two columns of one block, at least 0 and less than 1.
    block_size : int, default=10
        Consecutive columns that form a block; the last block may be smaller.
    unit_norm : bool, default=True
        Divide each column by its Euclidean norm.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    ndarray of shape (n_samples, n_features), float64
        The design.

    Raises
    ------
    ParameterError
        If a size is not a positive integer, the design does not fit in memory, or `correlation` is out of range.

    Examples
    --------
    >>> from sparsevae.datasets import make_block_design
    >>> X = make_block_design(10_000, 4, correlation=0.8, block_size=2, random_state=0)
    >>> bool(X[:, 0] @ X[:, 1] > 0.7), bool(abs(X[:, 1] @ X[:, 2]) < 0.1)
    (True, True)
    """
    return make_design(
        "block",
        n_samples,
        n_features,
        unit_norm=unit_norm,
        random_state=random_state,
        correlation=correlation,
        block_size=block_size,
    )


def make_partial_dct_design(
    n_samples: int,
    n_features: int,
    *,
    rows: str = "random",
    unit_norm: bool = True,
    random_state: RandomState = None,
) -> NDArray[np.float64]:
    """Take rows of the orthonormal discrete cosine transform (DCT-II) of size `n_features`.

    Parameters
    ----------
    n_samples : int
        Number of rows, from 1 to `n_features`.
    n_features : int
        Size of the transform, at least 1.
    rows : {"random", "low"}, default="random"
        Rows drawn without replacement, or those of the lowest frequencies. The second are badly conditioned in the
        sense of the restricted isometry property: neighbouring columns are nearly parallel.
    unit_norm : bool, default=True
        Divide each column by its Euclidean norm. Without, the rows are orthonormal.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed; "low" draws nothing from it.

    Returns
    -------
    ndarray of shape (n_samples, n_features), float64
        The design, rows by increasing frequency. Row k and column j of the transform, counted from 0, have the entry
        c_k cos(pi k (2 j + 1) / (2 n_features)), with c_0 = sqrt(1 / n_features) and otherwise
        c_k = sqrt(2 / n_features).

    Raises
    ------
    ParameterError
        If a parameter lies outside its range or the design does not fit in memory. Also with `unit_norm`, if the rows
        drawn are all zero in one column: of an odd `n_features`, for example, all odd frequencies are zero in the
        middle.

    Notes
    -----
    Computes one cosine an entry.

    References
    ----------
    Ahmed, Natarajan and Rao, "Discrete cosine transform", IEEE Transactions on Computers, 1974.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_partial_dct_design
    >>> X = make_partial_dct_design(60, 200, unit_norm=False, random_state=0)
    >>> bool(np.allclose(X @ X.T, np.eye(60)))
    True
    """
    return _core.make_partial_dct_design(
        check_size("n_samples", n_samples),
        check_size("n_features", n_features),
        check_option("rows", rows, _DCT_ROWS),
        check_flag("unit_norm", unit_norm),
        draw_seed(random_state),
    )
