"""Data whitened by a covariance between samples, and whether their residual keeps its promise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr
from scipy.stats import chi2

from ..exceptions import ParameterError, ShapeError
from .arrays import check_finite, real_array

Array = NDArray[np.float64]

# Entries that should be equal may differ by this share of the largest.
_SYMMETRY = 1e-8
# A mean square wrong by this factor, and more rarely so by chance, is reported. Chosen by hand: three sources of MEG or
# EEG at 10 dB are found with no others up to a factor of 3, and covariances are seldom known better than to one of 2.
_FACTOR = 2.0
_CHANCE = 1e-6


class Whitening:
    """The root of the inverse of a covariance, on the directions in which it is not singular.

    Parameters
    ----------
    noise_cov : array-like of shape (n_samples, n_samples)
        Covariance; symmetric, without negative eigenvalues.
    n_samples : int
        Samples of the data.
    fit_intercept : bool
        Whether to take away the direction of an intercept as well.

    Attributes
    ----------
    mean_weights : ndarray of shape (n_samples,)
        Weights of the generalised least-squares estimate of an intercept; only with one.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If `noise_cov` is no covariance of the samples, or an intercept cannot be distinguished from what it leaves out.
    """

    def __init__(self, noise_cov: Any, n_samples: int, *, fit_intercept: bool) -> None:
        covariance = real_array("noise_cov", noise_cov, 2, f"({n_samples}, {n_samples})")
        if covariance.shape != (n_samples, n_samples):
            raise ShapeError(
                f"`noise_cov` has shape {covariance.shape}, but ({n_samples}, {n_samples}), one row and one column per "
                "sample of `X`, is needed"
            )
        check_finite("noise_cov", covariance)
        largest = float(np.abs(covariance).max())
        if np.abs(covariance - covariance.T).max() > _SYMMETRY * largest:
            raise ParameterError("`noise_cov` is not symmetric, but a covariance must be")
        values, vectors = eigh(covariance)
        rounding = n_samples * np.finfo(np.float64).eps * largest
        if values[0] < -max(rounding, _SYMMETRY * largest) or values[-1] <= 0:
            raise ParameterError(
                f"`noise_cov` has eigenvalues from {values[0]:.3g} to {values[-1]:.3g}, but a covariance has no "
                "negative one and not only zeros"
            )
        kept = values > rounding
        self._root: Array = vectors[:, kept].T / np.sqrt(values[kept])[:, None]
        if fit_intercept:
            constant = self._root.sum(axis=1)
            square = float(constant @ constant)
            if square * largest < n_samples * _SYMMETRY:
                raise ParameterError(
                    "`noise_cov` is singular in the direction of an intercept: use fit_intercept=False"
                )
            self.mean_weights: Array = constant @ self._root / square
            self._root = qr(constant[:, None])[0][:, 1:].T @ self._root

    def apply(self, values: Array) -> Array:
        """Whiten the columns of `values`, of shape (n_samples, n_columns)."""
        # In one memory order, so that equal data give equal bits.
        return self._root @ np.ascontiguousarray(values)


def broken_promise(residual: Array, noise_var: float, n_dimensions: int, n_columns: int, n_chosen: int) -> str | None:
    """Compare a whitened residual with its noise variance, by the law of chi-square, and the columns with their number.

    Parameters
    ----------
    residual : ndarray of shape (n_samples, n_responses)
        What least squares on the chosen columns leaves of the whitened data.
    noise_var : float
        Variance that was promised.
    n_dimensions : int
        Dimensions in which the whitened data have noise.
    n_columns, n_chosen : int
        Columns of the design, and how many were chosen.

    Returns
    -------
    str or None
        What is wrong with the covariance of the noise; None where nothing is.
    """
    n_responses = residual.shape[1]
    # From (spark - 1 + rank) / 2 columns on, other columns explain even data without noise.
    if n_columns > n_dimensions and 2 * n_chosen >= n_dimensions + min(n_responses, n_dimensions):
        return (
            f"{n_chosen} columns in {n_dimensions} dimensions are more than {n_responses} responses can tell "
            "from others, so the covariance of the noise is too small: columns may be chosen to explain noise"
        )
    freedom = (n_dimensions - n_chosen) * n_responses
    if not freedom:
        return None
    total = float((residual**2).sum()) / noise_var
    ratio = total / freedom
    message = f"the whitened residual is {ratio:.2g} times what the covariance of the noise promises, which is too"
    if ratio > _FACTOR and chi2.sf(total, freedom) < _CHANCE:
        return f"{message} small: columns may be chosen to explain noise"
    if ratio < 1 / _FACTOR and chi2.cdf(total, freedom) < _CHANCE:
        return f"{message} large: columns may be missing"
    return None
