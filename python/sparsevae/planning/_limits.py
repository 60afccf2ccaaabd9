"""What is known without a simulation: numbers of samples that methods need, and sizes that effects need."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from scipy.stats import norm

from .._input.parameters import check_count, read_number
from ..exceptions import ParameterError


@dataclass(frozen=True)
class Limits:
    """Known limits of finding `n_nonzero` of `n_features` columns; see :func:`limits`.

    Attributes
    ----------
    n_features, n_nonzero : int
        Columns, and those among them that have an effect.
    snr : float
        Signal-to-noise ratio; infinite without noise.
    dimension_samples : int
        Samples below which no method finds the sparsest solution, even without noise.
    information_samples : float
        Samples below which no method finds all columns reliably: independent columns, equal effects.
    lasso_samples : float
        Samples that the Lasso needs: 2 k log(p - k) + k + 1.
    l1_samples : float
        Samples that l1 minimisation needs without noise.
    """

    n_features: int
    n_nonzero: int
    snr: float
    dimension_samples: int
    information_samples: float
    lasso_samples: float
    l1_samples: float

    def least_effect(self, n_samples: int) -> float:
        """Size of an effect that stands out from `n_features` chance correlations: sqrt(2 log(p) / n).

        Per standard deviation of its column, in units of that of the noise.
        """
        return math.sqrt(2 * math.log(self.n_features) / n_samples)


def read_snr(snr: object) -> float:
    """Read a signal-to-noise ratio, greater than 0, or infinite."""
    ratio = read_number("snr", snr)
    if not ratio > 0:
        raise ParameterError(
            f"`snr` is {snr!r}, but it must be greater than 0, math.inf without noise: a ratio of variances. Of "
            "decibels, it is 10 ** (decibels / 10)"
        )
    return ratio


def limits(n_features: int, n_nonzero: int, snr: float = math.inf, *, fit_intercept: bool = True) -> Limits:
    """Compute the known limits of finding a few columns with an effect among many.

    Parameters
    ----------
    n_features : int
        Number of columns p.
    n_nonzero : int
        Number of columns with an effect k, from 1 to `n_features`.
    snr : float, default=math.inf
        Signal-to-noise ratio, greater than 0: variance of the signal over that of the noise.
    fit_intercept : bool, default=True
        Whether there is an intercept, which costs one sample.

    Returns
    -------
    Limits
        All presume independent normal columns but `dimension_samples`, which holds for columns in general position.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Notes
    -----
    ``dimension_samples`` is k + 1: with k samples any k columns fit. Almost every solution of k < n nonzeros is the
    only one as sparse; that all are takes 2 k samples.

    ``information_samples`` is the larger of two bounds for exact recovery: by the number of supports, 2 log C(p, k) /
    log(1 + snr), and by the last column where all others are known, 2 log(p - k + 1) / log(1 + snr / k). Below, the
    probability of an error is bounded away from 0 (Fano). Finding a share of the columns takes less.

    ``lasso_samples`` is a threshold for large sizes: the Lasso finds the signs of all coefficients that are large
    enough above it, and fails below it, whatever the size of the coefficients and the penalty.

    ``l1_samples`` is the statistical dimension of the cone in which the l1 norm falls: minimisation of that norm fails
    below it and succeeds above it, within about the square root of p.

    References
    ----------
    Wainwright (2009), "Sharp thresholds for high-dimensional and noisy sparsity recovery using l1-constrained quadratic
    programming (Lasso)", IEEE Transactions on Information Theory 55; "Information-theoretic limits on sparsity recovery
    in the high-dimensional and noisy setting", in the same volume.

    Amelunxen, Lotz, McCoy and Tropp (2014), "Living on the edge: phase transitions in convex programs with random
    data", Information and Inference 3, sec. 4.

    Examples
    --------
    >>> from sparsevae.planning import limits
    >>> found = limits(1000, 10, snr=1.0)
    >>> found.dimension_samples, round(found.information_samples), round(found.lasso_samples), round(found.l1_samples)
    (12, 157, 150, 62)
    """
    p, k = check_count("n_features", n_features), check_count("n_nonzero", n_nonzero)
    if k > p:
        raise ParameterError(f"`n_nonzero` is {k}, but it must be at most the number of columns, which is {p}")
    ratio = read_snr(snr)
    centred = int(fit_intercept)
    information = float(k + 1)
    if math.isfinite(ratio):
        supports = gammaln(p + 1) - gammaln(k + 1) - gammaln(p - k + 1)
        by_all = 2 * supports / math.log1p(ratio)
        by_last = 2 * math.log(p - k + 1) / math.log1p(ratio / k)
        information = max(information, by_all, by_last)
    return Limits(
        p,
        k,
        ratio,
        dimension_samples=k + 1 + centred,
        information_samples=float(information) + centred,
        lasso_samples=2 * k * math.log(max(p - k, 1)) + k + 1 + centred,
        l1_samples=_l1_samples(p, k) + centred,
    )


def _l1_samples(p: int, k: int) -> float:
    """Statistical dimension of the descent cone of the l1 norm in p dimensions, at k nonzeros."""

    def width(log_level: float) -> float:
        level = np.exp(log_level)
        excess = (1 + level**2) * norm.sf(level) - level * norm.pdf(level)
        return float(k * (1 + level**2) + (p - k) * 2 * excess)

    return min(float(minimize_scalar(width, bounds=(-12, 4), method="bounded").fun), float(p))
