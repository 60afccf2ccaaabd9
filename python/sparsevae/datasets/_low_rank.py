"""Low-rank matrices with outliers."""

from sklearn.utils import Bunch

from .. import _core
from .._input.parameters import check_size, read_number
from .._input.random import RandomState, draw_seed


def make_low_rank_outliers(
    n_samples: int = 200,
    n_features: int = 50,
    *,
    rank: int = 5,
    outlier_share: float = 0.1,
    magnitude: float = 1.0,
    missing_share: float = 0.0,
    random_state: RandomState = None,
) -> Bunch:
    """Draw a matrix of low rank, some entries of which are replaced by outliers, and some missing.

    Parameters
    ----------
    n_samples, n_features : int, default=200, 50
        Rows and columns.
    rank : int, default=5
        Rank without outliers, from 1 to the shorter side.
    outlier_share : float, default=0.1
        Probability of an entry to be replaced, from 0 to 1.
    magnitude : float, default=1.0
        Standard deviation of what replaces it, normal of mean 0; the entries of the low-rank matrix have 1.
    missing_share : float, default=0.0
        Probability of an entry to be missing, at least 0 and less than 1.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed. Under one integer the first samples and features do not change when more are asked for, nor
        the outliers with `missing_share`, nor their places with `magnitude`.

    Returns
    -------
    Bunch
        All of shape (n_samples, n_features):

        - ``X``, float64, the data; NaN where an entry is missing
        - ``low_rank``, float64, the truth
        - ``outliers``, float64, what was added to it, missing or not: exactly 0 where ``outlier_mask`` is false
        - ``outlier_mask``, bool: which entries were replaced, missing or not
        - ``missing_mask``, bool: which entries are missing

    Raises
    ------
    ParameterError
        If a parameter lies outside its range or the result does not fit in memory.

    Notes
    -----
    The low-rank matrix is the product of two standard normal ones over the square root of `rank`. Takes time
    ``O(n_samples * n_features * rank)``.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", sec. 5.1: outliers replace entries
    and are standard normal.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_low_rank_outliers
    >>> data = make_low_rank_outliers(rank=3, outlier_share=0.2, missing_share=0.1, random_state=0)
    >>> data.X.shape, int(np.linalg.matrix_rank(data.low_rank))
    ((200, 50), 3)
    >>> seen = ~data.missing_mask
    >>> bool(np.allclose(data.X[seen], (data.low_rank + data.outliers)[seen]))
    True
    """
    made = _core.make_low_rank_outliers(
        check_size("n_samples", n_samples),
        check_size("n_features", n_features),
        check_size("rank", rank),
        read_number("outlier_share", outlier_share),
        read_number("magnitude", magnitude),
        read_number("missing_share", missing_share),
        draw_seed(random_state),
    )
    return Bunch(**made)
