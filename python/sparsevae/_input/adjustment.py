"""Data adjusted for covariates, beside the weights of samples and an intercept (Frisch, Waugh and Lovell)."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from ..exceptions import NumericalError, ParameterError

Array = NDArray[np.float64]

# A covariate is taken for a combination of others if they leave less than this share of its norm. Chosen by hand.
_DEPENDENT = 1e-10


class Adjustment:
    """Samples scaled by the roots of their weights, without the directions of an intercept and of covariates.

    A sample of weight `w` has noise of variance ``noise_var / w``; one of weight 0 is left out. Reflections take what
    the intercept and the covariates span to the first samples, which are then dropped: what is left has noise of one
    variance and neither of them. Least squares on all columns and least squares on what is left have the same
    coefficients.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,)
        Not negative, not all 0.
    covariates : ndarray of shape (n_samples, n_covariates)
        Columns that are fitted whatever else is.
    fit_intercept : bool
        Whether there is an intercept.
    name : str
        What the caller calls the covariates.

    Attributes
    ----------
    mean_weights : ndarray of shape (n_samples,)
        Weights that sum to 1: those of the estimate of an intercept.
    mean_share : float
        Variance of that estimate over that of the noise; 0 without an intercept.

    Raises
    ------
    ParameterError
        If covariates depend on each other or on the intercept, or leave no sample.
    """

    def __init__(self, weights: Array, covariates: Array, *, fit_intercept: bool, name: str = "always_select") -> None:
        self._used = weights > 0
        self._root: Array = np.sqrt(weights[self._used])
        self._fit_intercept = fit_intercept
        total = weights.sum()
        self.mean_weights: Array = weights / total
        self.mean_share = float(1 / total) if fit_intercept else 0.0
        scaled = self._scale(covariates)
        self.covariate_means: Array = self.mean_weights @ covariates if fit_intercept else np.zeros(covariates.shape[1])
        spanned = np.column_stack([self._root, scaled]) if fit_intercept else scaled
        self._size = spanned.shape[1]
        if self._size >= len(self._root):
            raise ParameterError(
                f"`{name}` has {covariates.shape[1]} columns, but {len(self._root)} samples allow "
                f"{len(self._root) - 1 - fit_intercept} at most"
            )
        norms = np.linalg.norm(spanned, axis=0)
        self._reflectors, self._scales, _, info = lapack.dgeqrf(spanned)
        self._triangle: Array = np.triu(self._reflectors[: self._size])
        left = np.abs(np.diag(self._triangle))
        if info or (left <= _DEPENDENT * norms).any():
            place = int(np.argmax(left <= _DEPENDENT * norms)) - fit_intercept
            raise ParameterError(
                f"`{name}` has a column, the one at place {place}, that depends on those before it or on the "
                "intercept, but they must be independent"
            )

    def _scale(self, values: Array) -> Array:
        rows = values[self._used]
        if self._fit_intercept:
            rows = rows - self.mean_weights @ values
        return np.asarray(rows * self._root[:, None])

    def split(self, values: Array) -> tuple[Array, Array]:
        """Split the columns of `values`, of shape (n_samples, n_columns): along intercept and covariates, and the rest.

        Returns
        -------
        along : ndarray of shape (n_covariates, n_columns)
            What :meth:`coefficients` takes.
        rest : ndarray of shape (n_left, n_columns)
            The adjusted data.
        """
        rotated = self._scale(values)
        if self._size:
            multiply = lapack.dormqr
            scales, reflectors = self._scales, self._reflectors
            work = int(multiply("L", "T", reflectors, scales, rotated, -1)[1][0])
            rotated, _, info = multiply("L", "T", reflectors, scales, rotated, work)
            if info:
                raise NumericalError("the adjustment for weights and covariates failed")
        return rotated[int(self._fit_intercept) : self._size], rotated[self._size :]

    def coefficients(self, along: Array) -> Array:
        """Coefficients of the covariates for what `along` has of them, a column for each of its own."""
        inner = self._triangle[self._fit_intercept :, self._fit_intercept :]
        return np.asarray(solve_triangular(inner, along)) if len(inner) else along

    def covariance(self) -> Array:
        """Covariance of these coefficients over the variance of the noise, shape (n_covariates, n_covariates)."""
        inverse = self.coefficients(np.eye(self._size - self._fit_intercept))
        return inverse @ inverse.T
