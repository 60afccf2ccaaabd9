"""Data whitened by a covariance between samples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr

from ..exceptions import ParameterError, ShapeError
from .arrays import check_finite, real_array

Array = NDArray[np.float64]

# Entries that should be equal may differ by this share of the largest.
_SYMMETRY = 1e-8


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
        If `noise_cov` is no covariance of the samples, or an intercept cannot be told from what it leaves out.
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
