"""How close an estimate comes to the true sparse coefficients, and how sure a rate of success is."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._input.arrays import check_finite, read_real
from .._input.interchange import exchange
from .._input.parameters import check_count, check_not_negative
from ..exceptions import ParameterError, ShapeError

# The normal quantile of a 95% interval.
_Z = 1.959963984540054


@exchange
def support_match(coef_true: ArrayLike, coef: ArrayLike, *, threshold: float = 1e-3) -> bool:
    """Tell whether the estimate has exactly the true support.

    A coefficient counts as nonzero if its absolute value exceeds `threshold`, in the truth as in the estimate; a
    feature of many responses if the Euclidean norm of its coefficients does. The mean over trials is the recovery rate
    of the paper's figures.

    Parameters
    ----------
    coef_true, coef : array-like of shape (n_features,) or (n_responses, n_features)
        True and estimated coefficients, in the same unit.
    threshold : float, default=1e-3
        Largest value or norm that counts as zero, in the unit of the coefficients. The default is the paper's and
        presumes coefficients of order one.

    Returns
    -------
    bool
        True if both supports are the same set.

    Raises
    ------
    ShapeError
        If the arrays are neither one- nor two-dimensional, or differ in shape.
    NonFiniteError
        If an array holds NaN or infinity.
    DataTypeError
        If an array is not numeric.
    ParameterError
        If `threshold` is negative or not finite.

    References
    ----------
    Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025, sec. 5 (support recovery rate).

    Examples
    --------
    >>> from sparsevae.metrics import support_match
    >>> support_match([0, 2.0, -1.0], [1e-6, 1.8, -1.1])
    True
    >>> support_match([0, 2.0, -1.0], [0.1, 2.0, -1.0])
    False
    >>> support_match([[0, 2.0, -1.0], [0, 1.0, 0]], [[0, 1.8, -1.1], [1e-6, 1.2, 0.1]])
    True
    """
    return bool(np.array_equal(*_supports(coef_true, coef, threshold)))


@exchange
def support_f1(coef_true: ArrayLike, coef: ArrayLike, *, threshold: float = 1e-3) -> float:
    """Compute the F1 score of the estimated support: the harmonic mean of precision and recall.

    Parameters
    ----------
    coef_true, coef : array-like of shape (n_features,) or (n_responses, n_features)
        True and estimated coefficients, in the same unit.
    threshold : float, default=1e-3
        Largest value, or norm over the responses, that counts as zero, in the unit of the coefficients.

    Returns
    -------
    float
        From 0 (no common index) to 1 (the same support); 1 if both supports are empty.

    Raises
    ------
    ShapeError
        If the arrays are neither one- nor two-dimensional, or differ in shape.
    NonFiniteError
        If an array holds NaN or infinity.
    DataTypeError
        If an array is not numeric.
    ParameterError
        If `threshold` is negative or not finite.

    Examples
    --------
    >>> from sparsevae.metrics import support_f1
    >>> support_f1([1.0, 1.0, 0, 0], [1.0, 0, 0, 1.0])
    0.5
    """
    true, found = _supports(coef_true, coef, threshold)
    total = int(true.sum() + found.sum())
    return 2 * int((true & found).sum()) / total if total else 1.0


@exchange
def relative_error(coef_true: ArrayLike, coef: ArrayLike) -> float:
    """Compute the Euclidean norm of the error over that of the true coefficients, of all responses together.

    Parameters
    ----------
    coef_true, coef : array-like of shape (n_features,) or (n_responses, n_features)
        True and estimated coefficients, in the same unit.

    Returns
    -------
    float
        The norm of ``coef - coef_true`` divided by the norm of `coef_true`, without unit.

    Raises
    ------
    ShapeError
        If the arrays are neither one- nor two-dimensional, or differ in shape.
    NonFiniteError
        If an array holds NaN or infinity.
    DataTypeError
        If an array is not numeric.
    ParameterError
        If `coef_true` is zero.

    Examples
    --------
    >>> from sparsevae.metrics import relative_error
    >>> relative_error([3.0, 4.0, 0], [3.0, 4.0, 1.0])
    0.2
    """
    true, found = _pair(coef_true, coef)
    scale = np.abs(true).max(initial=0.0)
    if scale == 0:
        raise ParameterError("`coef_true` is zero, so no error can be relative to it")
    return float(np.linalg.norm(found / scale - true / scale) / np.linalg.norm(true / scale))


@exchange
def mse_after_least_squares(X: ArrayLike, y: ArrayLike, coef_true: ArrayLike, support: ArrayLike) -> float:
    """Refit by least squares on an estimated support and compute the mean squared error of the coefficients.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The design.
    y : array-like of shape (n_samples,)
        The response.
    coef_true : array-like of shape (n_features,)
        True coefficients.
    support : array-like of int, or of bool and shape (n_features,)
        The estimated support, as indices or as a mask.

    Returns
    -------
    float
        The mean over all features of the squared error, in the squared unit of the coefficients. Off the support the
        estimate is zero.

    Raises
    ------
    ShapeError
        If the shapes do not agree.
    NonFiniteError
        If an array holds NaN or infinity.
    DataTypeError
        If an array is not numeric.
    ParameterError
        If `support` holds an index out of range.

    Notes
    -----
    Where the chosen columns are linearly dependent the solution of least norm is taken.

    References
    ----------
    Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025, app. D.2, fig. 3(b).

    Examples
    --------
    >>> from sparsevae.metrics import mse_after_least_squares
    >>> mse_after_least_squares([[1.0, 1.0], [0.0, 1.0]], [2.0, 0.0], [2.0, 0.0], support=[0])
    0.0
    """
    X, y, coef_true = _as_float("X", X, 2), _as_float("y", y, 1), _as_float("coef_true", coef_true, 1)
    if y.shape != X.shape[:1]:
        raise ShapeError(f"`y` has shape {y.shape}, but {X.shape[:1]} is needed to match the rows of `X`")
    if coef_true.shape != X.shape[1:]:
        raise ShapeError(f"`coef_true` has shape {coef_true.shape}, but {X.shape[1:]} is needed to match `X`")
    mask = _as_mask(support, X.shape[1])
    coef = np.zeros_like(coef_true)
    if mask.any():
        coef[mask] = np.linalg.lstsq(X[:, mask], y, rcond=None)[0]
    return float(np.mean((coef - coef_true) ** 2)) if coef.size else 0.0


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Compute Wilson's 95% interval of a rate.

    Parameters
    ----------
    successes, trials : int
        Counts, ``0 <= successes <= trials``.

    Returns
    -------
    low, high : float
        The interval, within 0 and 1; (0, 1) if there are no trials.

    Raises
    ------
    ParameterError
        If the counts are no integers or out of their range.

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22.

    Examples
    --------
    >>> from sparsevae.metrics import wilson_interval
    >>> low, high = wilson_interval(20, 20)
    >>> round(low, 3), high
    (0.839, 1.0)
    """
    successes, trials = check_count("successes", successes, 0), check_count("trials", trials, 0)
    if successes > trials:
        raise ParameterError(f"`successes` is {successes}, but it must be at most `trials`, which is {trials}")
    if trials == 0:
        return 0.0, 1.0
    rate, square = successes / trials, _Z * _Z
    centre = rate + square / (2 * trials)
    half = _Z * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2))
    scale = 1 + square / trials
    # At the ends rounding must not exclude the rate itself.
    low = 0.0 if successes == 0 else (centre - half) / scale
    high = 1.0 if successes == trials else (centre + half) / scale
    return low, high


def _as_float(name: str, values: ArrayLike, *ndims: int) -> NDArray[np.float64]:
    array = np.asarray(read_real(name, values), np.float64)
    if array.ndim not in ndims:
        wanted = " or ".join(str(ndim) for ndim in ndims)
        raise ShapeError(f"`{name}` has {array.ndim} dimensions, but needs {wanted}")
    check_finite(name, array)
    return array


def _as_mask(support: ArrayLike, n_features: int) -> NDArray[np.bool_]:
    array: NDArray[Any] = np.asarray(support)
    if array.ndim != 1:
        raise ShapeError(f"`support` has {array.ndim} dimensions, but needs 1")
    if array.dtype.kind == "b":
        if array.shape != (n_features,):
            raise ShapeError(f"`support` is a mask of shape {array.shape}, but {(n_features,)} is needed")
        return array
    mask = np.zeros(n_features, dtype=np.bool_)
    if array.size:
        if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= n_features:
            raise ParameterError(f"`support` must hold a mask or integers from 0 to {n_features - 1}")
        mask[array] = True
    return mask


def _pair(coef_true: ArrayLike, coef: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    true, found = _as_float("coef_true", coef_true, 1, 2), _as_float("coef", coef, 1, 2)
    if true.shape != found.shape:
        raise ShapeError(f"`coef` has shape {found.shape}, but {true.shape} is needed to match `coef_true`")
    return true, found


def _supports(coef_true: ArrayLike, coef: ArrayLike, threshold: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    true, found = _pair(coef_true, coef)
    most = check_not_negative("threshold", threshold)
    return _sizes(true) > most, _sizes(found) > most


def _sizes(coef: NDArray[np.float64]) -> NDArray[np.float64]:
    """Absolute values, or the norms over the responses, of any size that float64 can hold."""
    if coef.ndim == 1:
        return np.abs(coef)
    largest = np.abs(coef).max(axis=0, initial=0.0)
    unit = np.where(largest > 0, largest, 1.0)
    norms: NDArray[np.float64] = unit * np.linalg.norm(coef / unit, axis=0)
    return norms
