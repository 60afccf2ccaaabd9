"""Arrays as users give them: refused with the name of the argument, what was found and what is wanted."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..exceptions import DataTypeError, NonFiniteError, ShapeError

Array = NDArray[np.float64]


class RightHandSides(NamedTuple):
    """Right-hand sides as columns, whether there was one only, given as a vector, and the dtype of the results."""

    values: Array
    single: bool
    dtype: type[np.floating[Any]]


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


def matrix(name: str, array: Any) -> Array:
    """Aligned float64 values of a matrix that is not empty, all finite.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    values: Array = real_array(name, array, 2, "(n_samples, n_features)")
    if 0 in values.shape:
        raise ShapeError(f"`{name}` has shape {values.shape}, but at least one row and one column are needed")
    check_finite(name, values)
    return values


def response_columns(name: str, array: Any) -> Array:
    """Aligned float64 values of one response, or of several in columns: a matrix of one column for each.

    Raises
    ------
    DataTypeError, ShapeError
        With the name of the argument.
    """
    ndim = 1 if len(check_real(name, array)) == 1 else 2
    values: Array = real_array(name, array, ndim, "(n_samples,) or (n_samples, n_responses)")
    return values[:, None] if ndim == 1 else values


def problem_arrays(X: Any, Y: Any) -> tuple[Array, Array]:
    """Aligned float64 values of a design `X` and of one response, or several in columns, `Y`: all finite, not empty.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    design, responses = real_array("X", X, 2, "(n_samples, n_features)"), response_columns("Y", Y)
    if len(responses) != len(design):
        raise ShapeError(f"`Y` has {len(responses)} rows, but `X` has {len(design)}: one per sample is needed")
    if 0 in design.shape + responses.shape:
        raise ShapeError(f"`X` and `Y` have shapes {design.shape} and {responses.shape}, but no axis may be empty")
    check_finite("X", design)
    check_finite("Y", responses)
    return design, responses


def right_hand_sides(name: str, b: Any, A: Any, n_samples: int) -> RightHandSides:
    """Return one right-hand side, or many as columns, for a matrix `A` of `n_samples` rows.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    shape = check_real(name, b)
    if len(shape) not in (1, 2) or shape[0] != n_samples or 0 in shape:
        raise ShapeError(
            f"`{name}` has shape {shape}, but ({n_samples},) or ({n_samples}, n_problems) is needed: one row for each "
            "row of `A`, one column for each problem"
        )
    values = np.require(b, np.float64, "A")
    check_finite(name, values)
    single_precision = np.float32 in (getattr(A, "dtype", None), getattr(b, "dtype", None))
    return RightHandSides(
        values.reshape(n_samples, -1), len(shape) == 1, np.float32 if single_precision else np.float64
    )
