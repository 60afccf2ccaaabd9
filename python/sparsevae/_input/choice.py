"""Columns as users name them: by index, by a mask, or by name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import ParameterError, ShapeError
from .arrays import check_finite, real_array


def column_indices(name: str, chosen: Any, n_features: int, names: Any = None) -> NDArray[np.int64]:
    """Read columns as sorted indices.

    Parameters
    ----------
    name : str
        What the caller calls them.
    chosen : None, or array-like of int, bool or str
        Indices, a mask of all columns, or names of columns; None for no column.
    n_features : int
        Number of columns.
    names : array-like of str, or None
        Names of the columns, where there are any.

    Raises
    ------
    ParameterError
        If a column does not exist or is given twice, or these are no columns.
    """
    wanted = "indices of columns, their names, or a mask of booleans"
    if chosen is None:
        return np.zeros(0, np.int64)
    values = np.asarray(chosen)
    if values.ndim != 1:
        raise ParameterError(f"`{name}` is {chosen!r}, but it must have {wanted}, in one dimension")
    if values.size == 0:
        return np.zeros(0, np.int64)
    if values.dtype == bool:
        if values.shape != (n_features,):
            raise ParameterError(f"`{name}` is a mask of length {len(values)}, but `X` has {n_features} columns")
        return np.flatnonzero(values).astype(np.int64)
    if values.dtype.kind in "UO" and all(isinstance(value, str) for value in values):
        if names is None:
            raise ParameterError(f"`{name}` has names of columns, but `X` has none: give indices")
        places = {column: place for place, column in enumerate(names)}
        missing = [value for value in values if value not in places]
        if missing:
            raise ParameterError(f"`{name}` has {str(missing[0])!r}, but `X` has no column of this name")
        values = np.array([places[value] for value in values])
    if values.dtype.kind not in "iu":
        raise ParameterError(f"`{name}` is {chosen!r}, but it must have {wanted}")
    outside = (values < 0) | (values >= n_features)
    if outside.any():
        raise ParameterError(
            f"`{name}` has {values[outside][0]}, but indices of the {n_features} columns are between 0 and "
            f"{n_features - 1}"
        )
    indices = np.unique(values).astype(np.int64)
    if len(indices) < len(values):
        raise ParameterError(f"`{name}` has a column twice, but each may be given once")
    return indices


def prior_odds_array(odds: Any, n_features: int) -> NDArray[np.float64] | None:
    """Read prior odds of columns: one number for each, none negative, not all 0.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If these are no odds of the columns.
    """
    if odds is None:
        return None
    values: NDArray[np.float64] = real_array("prior_odds", odds, 1, f"({n_features},)")
    if values.shape != (n_features,):
        raise ShapeError(
            f"`prior_odds` has shape {values.shape}, but ({n_features},), one per column of `X`, is needed"
        )
    check_finite("prior_odds", values)
    if (values < 0).any() or not values.any():
        raise ParameterError(
            f"`prior_odds` has a least entry of {values.min()}, but none may be negative, and not all 0"
        )
    return values
