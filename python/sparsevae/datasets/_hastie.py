"""The benchmark of Hastie, Tibshirani and Tibshirani (2020) for regression with noise."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import matmul_toeplitz
from sklearn.utils import Bunch

from .. import _core
from .._input.parameters import check_count, check_positive, check_size
from .._input.random import RandomState, draw_seed
from ..exceptions import ParameterError
from ._design import make_toeplitz_design

_TYPES = (1, 2, 3, 5)
# Ends of the coefficients of type 3.
_LARGEST, _SMALLEST = 10.0, 0.5


def make_hastie_regression(
    n_samples: int = 100,
    n_features: int = 10,
    *,
    n_nonzero: int = 5,
    coef_type: int = 2,
    correlation: float = 0.35,
    snr: float = 1.0,
    random_state: RandomState = None,
) -> Bunch:
    """Draw a problem of the benchmark of Hastie, Tibshirani and Tibshirani: correlated columns, much noise.

    Rows are N(0, Sigma) with ``Sigma[i, j] = correlation ** abs(i - j)``, the response is ``X @ coef`` and noise of
    variance ``coef @ Sigma @ coef / snr``. There is no intercept.

    Parameters
    ----------
    n_samples : int, default=100
        Rows of the design, at least 2.
    n_features : int, default=10
        Columns of the design.
    n_nonzero : int, default=5
        Large coefficients s, from 1 to `n_features`.
    coef_type : {1, 2, 3, 5}, default=2
        Coefficients: 1, s ones at places spread evenly from first to last; 2, the first s are 1; 3, the first s fall
        evenly from 10 to 0.5; 5, the first s are 1, all others halve from one to the next. The paper leaves 4 out.
    correlation : float, default=0.35
        Correlation of neighbouring columns, from 0 to less than 1.
    snr : float, default=1.0
        Signal-to-noise ratio, greater than 0: variance of the signal in the population over that of the noise. A
        perfect prediction has an R^2 of ``snr / (1 + snr)``.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    Bunch
        ``X`` of shape (n_samples, n_features), ``y`` of shape (n_samples,), ``coef`` of shape (n_features,),
        ``noise_var`` (float) and ``support``, the increasing indices of the nonzero coefficients.

    Raises
    ------
    ParameterError
        If a parameter lies outside its range.

    Notes
    -----
    The paper's settings (n_samples, n_features, n_nonzero) are low (100, 10, 5), medium (500, 100, 5), high-5 (50,
    1000, 5) and high-10 (100, 1000, 10), at correlations 0, .35 and .7 and ratios of .05, .09, .14, .25, .42, .71,
    1.22, 2.07, 3.52 and 6.

    References
    ----------
    Hastie, Tibshirani and Tibshirani, "Best subset, forward stepwise or lasso? Analysis and recommendations based on
    extensive comparisons", Statistical Science 35, 2020, sec. 3.1.

    Examples
    --------
    >>> from sparsevae.datasets import make_hastie_regression
    >>> data = make_hastie_regression(50, 1000, coef_type=1, snr=2.07, random_state=0)
    >>> data.X.shape, data.support.tolist()
    ((50, 1000), [0, 250, 500, 749, 999])
    """
    seed = draw_seed(random_state)
    n_samples = check_count("n_samples", n_samples, 2)
    coef = _coefficients(check_size("n_features", n_features), check_size("n_nonzero", n_nonzero), coef_type)
    snr = check_positive("snr", snr)
    X = make_toeplitz_design(n_samples, n_features, correlation=correlation, unit_norm=False, random_state=seed)
    signal = X @ coef
    wanted = float(coef @ matmul_toeplitz(float(correlation) ** np.arange(n_features), coef)) / snr
    # The core adds noise at a ratio to the variance that the signal has in the sample.
    y, noise_var = _core.add_noise(signal, 10 * float(np.log10(signal.var() / wanted)), seed)
    return Bunch(X=X, y=y, coef=coef, noise_var=noise_var, support=np.flatnonzero(coef))


def _coefficients(n_features: int, n_nonzero: int, coef_type: int) -> NDArray[np.float64]:
    if n_nonzero > n_features:
        raise ParameterError(f"`n_nonzero` is {n_nonzero}, but it must be at most `n_features`, which is {n_features}")
    if isinstance(coef_type, bool) or coef_type not in _TYPES:
        raise ParameterError(f"`coef_type` is {coef_type!r}, but it must be one of {', '.join(map(str, _TYPES))}")
    coef = np.zeros(n_features)
    if coef_type == 1:
        coef[np.linspace(0, n_features - 1, n_nonzero).round().astype(int)] = 1.0
    else:
        coef[:n_nonzero] = np.linspace(_LARGEST, _SMALLEST, n_nonzero) if coef_type == 3 else 1.0
    if coef_type == 5:
        coef[n_nonzero:] = 0.5 ** np.arange(1, n_features - n_nonzero + 1)
    return coef
