"""Arrays as users give them: refused with the name of the argument, what was found and what is wanted."""

from typing import Any

import numpy as np

from .exceptions import DataTypeError, NonFiniteError, ShapeError


def check_real(name: str, array: Any) -> tuple[int, ...]:
    """Refuse what NumPy cannot hold as an array of real numbers; return its shape.

    Raises
    ------
    DataTypeError
        If `array` is sparse, complex, text, dates, or objects that are no numbers.
    ShapeError
        If it is ragged.
    """
    if hasattr(array, "toarray") and hasattr(array, "nnz"):
        raise DataTypeError(f"Sparse data was passed for `{name}`, but a dense array is needed: use {name}.toarray()")
    try:
        values = np.asarray(array)
    except ValueError as error:
        raise ShapeError(f"`{name}` is ragged, but rows of one length are needed: {error}") from error
    if values.dtype.kind in "fiub":
        return values.shape
    if values.dtype.kind == "c":
        raise DataTypeError(
            f"Complex data not supported: `{name}` has dtype {values.dtype}, but real numbers are needed"
        )
    if values.dtype.kind != "O":
        raise DataTypeError(f"`{name}` has dtype {values.dtype}, but real numbers are needed")
    try:
        values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataTypeError(f"`{name}` has dtype object, but real numbers are needed: {error}") from error
    return values.shape


def check_finite(name: str, values: np.ndarray[Any, Any]) -> None:
    """Refuse NaN and infinity.

    Raises
    ------
    NonFiniteError
        With the index of the first.
    """
    finite = np.isfinite(values)
    if not finite.all():
        index = [int(i) for i in np.argwhere(~finite)[0]]
        raise NonFiniteError(
            f"`{name}` has a NaN or an infinite value at index {index}; only finite values can be fitted"
        )


def real_array(name: str, array: Any, ndim: int, shape: str) -> np.ndarray[Any, Any]:
    """Aligned float64 values of `array`, which must have `ndim` dimensions; `shape` names them in the message.

    Raises
    ------
    DataTypeError, ShapeError
        As in `check_real`, and for another number of dimensions.
    """
    check_real(name, array)
    values = np.require(array, dtype=np.float64, requirements="A")
    if values.ndim != ndim:
        raise ShapeError(f"`{name}` has shape {values.shape}, but {shape} is needed")
    return values
