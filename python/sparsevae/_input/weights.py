"""Weights of samples: their noise has the variance of the model over the weight."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import ParameterError, ShapeError
from .arrays import check_finite, real_array

Array = NDArray[np.float64]


def read_weights(weights: Any, n_samples: int) -> Array:
    """Return weights of as many samples as float64.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If they are of another number, not finite or negative.
    """
    values = real_array("sample_weight", weights, 1, f"({n_samples},)")
    if values.shape != (n_samples,):
        raise ShapeError(
            f"`sample_weight` has shape {values.shape}, but ({n_samples},), one weight per sample of `X`, is needed"
        )
    check_finite("sample_weight", values)
    if (values < 0).any():
        raise ParameterError(f"`sample_weight` has {values.min()}, but weights must not be negative")
    return values


class Weighting:
    """Checked weights, and what follows from them for an intercept.

    A sample of weight `w` has noise of variance ``noise_var / w``; one of weight 0 is left out.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Not negative, not all 0.
    n_samples : int
        Samples of the data.
    fit_intercept : bool
        Whether to take away the direction of an intercept.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        The weights.
    mean_weights : ndarray of shape (n_samples,)
        Weights that sum to 1: those of the estimate of an intercept.
    mean_share : float
        Variance of that estimate, over `noise_var`; 0 without an intercept.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If these are no weights of the samples.
    """

    def __init__(self, weights: Any, n_samples: int, *, fit_intercept: bool) -> None:
        values = read_weights(weights, n_samples)
        self._used = values > 0
        needed = 1 + fit_intercept
        if np.count_nonzero(self._used) < needed:
            count = np.count_nonzero(self._used)
            raise ParameterError(f"`sample_weight` has {count} weights that are not zero, but {needed} must be")
        self.values: Array = values
        with np.errstate(over="ignore"):
            total = values.sum()
        if not np.isfinite(total):
            raise ParameterError("`sample_weight` has a sum beyond the range of float64")
        self.mean_weights: Array = values / total
        self.mean_share = float(1 / total) if fit_intercept else 0.0
        self._root: Array = np.sqrt(values[self._used])
        self._reflector: Array | None = None
        if fit_intercept:
            self._reflector = self._root / np.linalg.norm(self._root)
            self._reflector[0] += 1.0
            self._reflector /= np.linalg.norm(self._reflector)

    def apply(self, values: Array) -> Array:
        """Scale the columns of `values`, of shape (n_samples, n_columns), so that all samples have the same noise.

        A reflection takes the direction of an intercept to the first sample, which is then dropped: what is left is one
        sample fewer, without an intercept.
        """
        rows = values[self._used]
        if self._reflector is None:
            return rows * self._root[:, None]
        rows = (rows - self.mean_weights @ values) * self._root[:, None]
        rows -= np.outer(self._reflector, 2 * (self._reflector @ rows))
        return rows[1:]
