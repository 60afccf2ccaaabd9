"""Argument checks shared by the data sets; ranges that the core knows are left to it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import check_count
from ..exceptions import NonFiniteError, ParameterError, ShapeError


def as_count(name: str, value: Any, minimum: int = 1) -> int:
    """Return `value` as an integer of at least `minimum` that the core can hold, or raise ParameterError."""
    count = check_count(name, value, minimum)
    if count >= 2**63:
        raise ParameterError(f"`{name}` is {value!r}, but it must be less than 2**63")
    return count


def as_real(name: str, value: Any) -> float:
    """Return `value` as a float, or raise ParameterError."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(f"`{name}` is {value!r}, but it must be a real number that float64 holds") from None


def as_share(name: str, value: Any) -> float:
    """Return `value` as a float from 0 to 1, or raise ParameterError."""
    share = as_real(name, value)
    if not 0 <= share <= 1:
        raise ParameterError(f"`{name}` is {value!r}, but it must be at least 0 and at most 1")
    return share


def as_option(name: str, value: Any, options: tuple[str, ...]) -> str:
    """Return `value` if it is one of `options`, or raise ParameterError."""
    if not isinstance(value, str) or value not in options:
        raise ParameterError(f"`{name}` is {value!r}, but it must be one of {', '.join(options)}")
    return value


def as_design(X: ArrayLike, name: str = "X") -> NDArray[np.float64]:
    """Return `X` as a matrix of finite floats, or raise ShapeError or NonFiniteError."""
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or 0 in X.shape:
        raise ShapeError(f"`{name}` has shape {X.shape}, but two dimensions, neither empty, are needed")
    if not np.isfinite(X).all():
        raise NonFiniteError(f"`{name}` has a NaN or an infinite value")
    return X
