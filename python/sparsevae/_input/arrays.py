"""Arrays as users give them: refused with the name of the argument, what was found and what is wanted."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError

Array = NDArray[np.float64]

# What the core reads as it lies, in the byte order of the machine; all else is converted to float64.
_ELEMENTS = ("float64", "float32", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ELEMENTS = tuple(np.dtype(name) for name in _ELEMENTS)
# Entries that are looked at together for values that are not finite.
_PANEL = 2**20
# Multiplications of a product between which Ctrl-C is noticed: a tenth of a second on one core.
_PRODUCT = 2**30


class RightHandSides(NamedTuple):
    """Right-hand sides as columns, whether there was one only, given as a vector, and the dtype of the results."""

    values: Array
    single: bool
    dtype: type[np.floating[Any]]


def not_real(name: str, dtype: Any) -> DataTypeError:
    """Say that an array of this dtype holds no real numbers."""
    prefix = "Complex data not supported: " if np.dtype(dtype).kind == "c" else ""
    return DataTypeError(f"{prefix}`{name}` has dtype {dtype}, but real numbers are needed")


def is_sparse(array: Any) -> bool:
    """Tell whether an array is a sparse one of SciPy."""
    return hasattr(array, "toarray") and hasattr(array, "nnz")


def as_numbers(name: str, block: Any) -> Any:
    """Return what the core reads of a block of columns: an aligned array, or compressed sparse columns.

    Raises
    ------
    DataTypeError
        If it holds no real numbers.
    """
    block = block.tocsc() if is_sparse(block) else np.asarray(block)
    if block.dtype.kind not in "fiub":
        raise not_real(name, block.dtype)
    if is_sparse(block):
        return block if block.dtype in ELEMENTS else block.astype(np.float64)
    return np.require(block, None if block.dtype in ELEMENTS else np.float64, "A")


def read_real(name: str, array: Any) -> Any:
    """Refuse what NumPy cannot hold as an array of real numbers; return an array, or the frame, missing values as NaN.

    Missing are the masked entries of a masked array and pandas' ``NA``.

    Raises
    ------
    DataTypeError
        If `array` is sparse, a matrix, complex, text, dates, or objects that are no numbers; with a frame's column.
    NonFiniteError
        If a number is beyond the range of float64.
    ShapeError
        If it is ragged.
    """
    _check_kind(name, array)
    if isinstance(array, np.ma.MaskedArray) and array.dtype.kind in "fiubO":
        array = np.where(np.ma.getmaskarray(array), np.nan, array.data)
    try:
        values = np.asarray(array)
    except ValueError as error:
        raise ShapeError(f"`{name}` is ragged, but rows of one length are needed: {error}") from error
    except OverflowError as error:
        raise _beyond(name) from error
    columns = getattr(array, "columns", None)
    if values.dtype.kind in "fiub":
        return values if columns is None else array
    if values.dtype.kind != "O":
        raise not_real(name, values.dtype)
    missing = np.vectorize(_is_missing, otypes=[bool])(values)
    numbers = np.where(missing, np.nan, values)
    _check_objects(name, numbers, columns)
    numbers = numbers.astype(np.float64)
    if columns is None:
        return numbers
    # scikit-learn reads the names of the columns.
    return type(array)(numbers, columns=columns) if missing.any() else array


def _check_kind(name: str, array: Any) -> None:
    if is_sparse(array):
        raise DataTypeError(f"Sparse data was passed for `{name}`, but a dense array is needed: use {name}.toarray()")
    # pandas has the accessor only where all columns are sparse.
    if hasattr(array, "columns") and hasattr(array, "sparse"):
        raise DataTypeError(
            f"Sparse data was passed for `{name}`, but dense columns are needed: use {name}.sparse.to_dense()"
        )
    if isinstance(array, np.matrix):
        raise DataTypeError(f"`{name}` is a np.matrix, but an array is needed: use np.asarray({name})")


def _check_objects(name: str, values: np.ndarray[Any, Any], columns: Any) -> None:
    """Refuse objects that are no numbers of float64; with the column, where they have names."""
    if columns is not None and values.ndim == 2:
        for column, entries in zip(columns, values.T, strict=True):
            _check_objects(f"{name}` at column `{column}", entries, None)
        return
    text = next((value for value in values.flat if isinstance(value, (str, bytes))), None)
    if text is not None:
        raise DataTypeError(f"`{name}` has dtype object and holds the text {text!r}, but real numbers are needed")
    try:
        values.astype(np.float64)
    except OverflowError as error:
        raise _beyond(name) from error
    except (TypeError, ValueError) as error:
        raise DataTypeError(f"`{name}` has dtype object, but real numbers are needed: {error}") from error


def _is_missing(value: Any) -> bool:
    # pandas is not imported for it.
    return type(value).__name__ == "NAType"


def _beyond(name: str) -> NonFiniteError:
    return NonFiniteError(f"`{name}` holds a number beyond the range of float64, but only finite values can be used")


def row_blocks(values: np.ndarray[Any, Any]) -> Iterator[slice]:
    """Rows of an array, some at a time, so that results of them need little memory and Ctrl-C is noticed."""
    rows = max(1, _PANEL // max(values[:1].size, 1))
    for first in range(0, len(values), rows):
        yield slice(first, first + rows)


def check_finite(
    name: str, values: np.ndarray[Any, Any], columns: Any = None, places: Any = None, *, missing: bool = False
) -> None:
    """Refuse NaN and infinity.

    `columns` are names for the message, where there are any; `places` are the indices of the columns, if these are some
    of several. NaN is let through where entries may be `missing`.

    Raises
    ------
    NonFiniteError
        With the index of the first.
    """
    if values.dtype.kind != "f":
        return
    if values.ndim == 0:
        if not np.isfinite(values):
            raise not_finite(name, [])
        return
    for rows in row_blocks(values):
        finite = np.isfinite(values[rows])
        if missing:
            finite |= np.isnan(values[rows])
        if finite.all():
            continue
        index = [int(i) for i in np.argwhere(~finite)[0]]
        index[0] += rows.start
        if places is not None:
            index[1] = int(places[index[1]])
        raise not_finite(name, index, columns)


def not_finite(name: str, index: Sequence[int], columns: Any = None) -> NonFiniteError:
    """Say where a value is NaN or infinite."""
    place = "" if columns is None or len(index) < 2 else f", row {index[0]} of column {columns[index[1]]!r}"
    return NonFiniteError(
        f"`{name}` has a NaN or an infinite value at index {list(index)}{place}; only finite values can be fitted"
    )


def check_results(source: str, results: dict[str, np.ndarray[Any, Any]]) -> None:
    """Refuse data whose results, each under its name, are beyond the range of their dtype.

    Raises
    ------
    ParameterError
        With the name of the data, and of the first such result.
    """
    for name, values in results.items():
        if not np.isfinite(values).all():
            raise ParameterError(
                f"`{source}` is scaled so that `{name}` is beyond the range of {values.dtype}, but it must be "
                "rescaled to within 1e100 of 1"
            )


def real_array(name: str, array: Any, ndim: int, shape: str) -> np.ndarray[Any, Any]:
    """Aligned float64 values of `array`, which must have `ndim` dimensions; `shape` names them in the message.

    Raises
    ------
    DataTypeError, ShapeError
        As in `read_real`, and for another number of dimensions.
    """
    values = np.require(read_real(name, array), dtype=np.float64, requirements="A")
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
    array = read_real(name, array)
    ndim = 1 if array.ndim == 1 else 2
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
    right = read_real(name, b)
    shape = right.shape
    if len(shape) not in (1, 2) or shape[0] != n_samples or 0 in shape:
        raise ShapeError(
            f"`{name}` has shape {shape}, but ({n_samples},) or ({n_samples}, n_problems) is needed: one row for each "
            "row of `A`, one column for each problem"
        )
    values = np.require(right, np.float64, "A")
    check_finite(name, values)
    single_precision = np.float32 in (getattr(A, "dtype", None), getattr(b, "dtype", None))
    return RightHandSides(
        values.reshape(n_samples, -1), len(shape) == 1, np.float32 if single_precision else np.float64
    )


def product(a: Array, b: Array) -> Array:
    """Multiply matrices a few rows at a time, so that Ctrl-C is noticed within a large product."""
    out = np.empty((len(a), b.shape[1]))
    rows = max(1, _PRODUCT // max(b.size, 1))
    for first in range(0, len(a), rows):
        np.matmul(a[first : first + rows], b, out=out[first : first + rows])
    return out
