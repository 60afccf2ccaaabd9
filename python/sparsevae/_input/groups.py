"""Groups of columns as users give them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import ParameterError, ShapeError


def group_labels(groups: Any, n_features: int) -> NDArray[np.int64] | None:
    """Give each group a number, from 0 in the order of their first columns; None for None.

    Parameters
    ----------
    groups : None, array-like of shape (n_features,), or list of array-like of int
        One label per column, or the columns of each group; groups may differ in size.
    n_features : int
        Columns of the design.

    Returns
    -------
    ndarray of shape (n_features,), int64, or None
        The group of each column.

    Raises
    ------
    ShapeError
        If there is not one label per column.
    ParameterError
        If lists of columns overlap, leave a column out, or name one that does not exist; if a label is missing.
    """
    if groups is None:
        return None
    wanted = "None, one label per column, or a list with the columns of each group"
    if isinstance(groups, (str, bytes)) or not hasattr(groups, "__len__") or getattr(groups, "shape", None) == ():
        raise ParameterError(f"`groups` is {groups!r}, but it must be {wanted}")
    if len(groups) and all(hasattr(group, "__len__") and not isinstance(group, str) for group in groups):
        return _from_lists(groups, n_features)
    try:
        labels = np.asarray(groups)
    except ValueError as error:
        raise ParameterError(f"`groups` is ragged, but it must be {wanted}") from error
    if labels.shape != (n_features,):
        raise ShapeError(
            f"`groups` has shape {labels.shape}, but ({n_features},), one label per column of `X`, is needed"
        )
    # As given, since NumPy makes text of a NaN among text.
    if any(
        label is None or label is np.ma.masked or (isinstance(label, (float, np.floating)) and not np.isfinite(label))
        for label in groups
    ):
        raise ParameterError("`groups` has a label that is None, masked, NaN or infinite")
    try:
        _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    except TypeError as error:
        raise ParameterError(
            f"`groups` has labels that cannot be compared ({error}), but it must be {wanted}"
        ) from error
    return np.argsort(np.argsort(first))[codes].astype(np.int64)


def _from_lists(groups: Any, n_features: int) -> NDArray[np.int64]:
    labels = np.full(n_features, -1, dtype=np.int64)
    for number, group in enumerate(groups):
        columns = np.asarray(group)
        if columns.size and columns.dtype.kind not in "iu":
            raise ParameterError(f"`groups` has {group!r}, but a group must be a list of column numbers")
        for column in columns.ravel():
            if not 0 <= column < n_features:
                raise ParameterError(f"`groups` has column {column}, but `X` has columns 0 to {n_features - 1}")
            if labels[column] >= 0:
                raise ParameterError(f"`groups` has column {column} in two groups, but groups must not overlap")
            labels[column] = number
    left = np.flatnonzero(labels < 0)
    if left.size:
        raise ParameterError(
            f"`groups` leaves out column {left[0]}, but each column must be in a group (one of its own, if need be)"
        )
    return labels
