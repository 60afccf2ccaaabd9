"""Data of the estimators: arrays, the columns of the fit, and the dtype of the result."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import column_or_1d, validate_data

from ..exceptions import DataTypeError, ShapeError
from .arrays import ELEMENTS, check_finite, is_sparse, not_finite, not_real, read_real, real_array
from .columns import ColumnBlocks, open_columns

_FLOATS = (np.float64, np.float32)


def read_design(X: Any, *, any_kind: bool = False) -> Any:
    """Refuse what is no matrix of real numbers; return it, missing values as NaN.

    Of `any_kind` it may be sparse, or :class:`ColumnBlocks`, which are returned as they are.

    Raises
    ------
    DataTypeError, ShapeError
        As in `read_real`, and for another number of dimensions than two.
    """
    if any_kind:
        X = open_columns(X)
        if is_sparse(X) and X.dtype.kind not in "fiub":
            raise not_real("X", X.dtype)
        if isinstance(X, ColumnBlocks) or is_sparse(X):
            return X
    elif isinstance(X, ColumnBlocks):
        raise DataTypeError("`X` is read in blocks of columns, but an array is needed here")
    X = read_real("X", X)
    shape = X.shape
    if len(shape) != 2:
        raise ShapeError(
            f"`X` has shape {shape}, but (n_samples, n_features) is needed. Reshape your data: "
            "X.reshape(-1, 1) makes one column of it, X.reshape(1, -1) one row"
        )
    return X


def fit_arrays(
    estimator: Any, X: Any, y: Any, *, multi_output: bool = False, any_kind: bool = False, reset: bool = True
) -> tuple[Any, Any, float]:
    """Return float64 views or copies of the data, and the unit roundoff of the least precise of them.

    Sets the number of columns of `estimator`, and their names, or compares them unless `reset`. A design of `any_kind`
    that the core reads is returned as it lies: an array of any of its elements, compressed sparse columns or
    :class:`ColumnBlocks`. The core looks for values of it that are not finite, so that they are not looked for here.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    X, name = read_design(X, any_kind=any_kind), "Y" if multi_output else "y"
    rows = X.shape[0]
    shape: tuple[int, ...] = ()
    if y is not None:
        y = read_real(name, y)
        shape = y.shape
        if multi_output and len(shape) != 2:
            advice = ": use Y.reshape(-1, 1), or VaeSlr for one response" if len(shape) == 1 else ""
            raise ShapeError(f"`Y` has shape {shape}, but (n_samples, n_responses) is needed{advice}")
        # One column is let through for scikit-learn to warn about.
        if not multi_output and len(shape) != 1 and shape[1:] != (1,):
            raise ShapeError(
                f"`y` has shape {shape}, but (n_samples,) is needed: one response. For several, use fit_many, or "
                "SimultaneousSparseVae if they share their support"
            )
        if shape[0] != rows:
            message = f"`{name}` has {shape[0]} rows, but `X` has {rows}: the numbers of samples are inconsistent"
            raise ShapeError(message)
        check_finite(name, np.asarray(y, np.float64), getattr(y, "columns", None))
    options: dict[str, Any] = {"y": y, "reset": reset}
    if not isinstance(X, ColumnBlocks):
        options |= {"y_numeric": True, "multi_output": multi_output}
    try:
        X, y = _validate(estimator, X, any_kind=any_kind, **options)
    except TypeError as error:
        raise DataTypeError(f"`X` cannot be used: {error}") from error
    except ValueError as error:
        culprit = name if y is None or 0 in shape[1:] else "X"
        raise ShapeError(f"`{culprit}` cannot be used: {error}") from error
    if isinstance(X, ColumnBlocks) and not multi_output:
        y = column_or_1d(y, warn=True)
    # The core finds values that are not finite on its first pass over the design, but knows no names.
    names = getattr(estimator, "feature_names_in_", None)
    if not any_kind or names is not None:
        check_finite("X", X, names)
    single = X.dtype == np.float32 or y.dtype == np.float32
    precision = np.finfo(np.float32 if single else np.float64).eps / 2
    # The core reads any strides, but no misaligned values.
    if not any_kind or isinstance(X, np.ndarray):
        X = np.require(X, None if any_kind else np.float64, "A")
    return X, np.require(y, np.float64, "A"), float(precision)


def _validate(estimator: Any, X: Any, *, any_kind: bool, **options: Any) -> Any:
    """Let scikit-learn check the data; sparse matrices become compressed columns, once."""
    if isinstance(X, ColumnBlocks):
        return validate_data(estimator, X, skip_check_array=True, **options)
    kinds = {"dtype": ELEMENTS, "accept_sparse": ["csc"]} if any_kind else {"dtype": (np.float64, np.float32)}
    found = validate_data(estimator, X, ensure_all_finite=False, **kinds, **options)
    return tuple(map(_native, found)) if isinstance(found, tuple) else _native(found)


def _native(array: Any) -> Any:
    """Return the array in the byte order of the machine: of a data frame scikit-learn keeps another one."""
    if isinstance(array, np.ndarray) and not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array


def predict_array(estimator: Any, X: Any, *, reset: bool = False, missing: bool = False, any_kind: bool = False) -> Any:
    """Check rows that come without a response; return them as float64 or float32, or of `any_kind` as in `fit_arrays`.

    Compares the columns with those of the fit of `estimator`, or sets their number and names if `reset`. NaN is let
    through where entries may be `missing`.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    X = read_design(X, any_kind=any_kind)
    try:
        X = _validate(estimator, X, any_kind=any_kind, reset=reset)
    except TypeError as error:
        raise DataTypeError(f"`X` cannot be used: {error}") from error
    except ValueError as error:
        raise ShapeError(f"`X` cannot be used: {error}") from error
    if isinstance(X, ColumnBlocks):
        return X
    names = getattr(estimator, "feature_names_in_", None)
    if is_sparse(X):
        # Only a matrix with such a value is looked at entry by entry.
        if X.dtype.kind == "f" and not np.isfinite(X.data).all():
            entries = X.tocoo()
            bad = ~np.isfinite(entries.data)
            place = min(zip(entries.row[bad].tolist(), entries.col[bad].tolist(), strict=True))
            raise not_finite("X", place)
        return X
    check_finite("X", X, names, missing=missing)
    return X


def read_samples(
    estimator: Any, X: Any, *, reset: bool = True, missing: bool = False
) -> tuple[NDArray[Any], np.dtype[np.floating[Any]]]:
    """Check samples; return them as an array that the core reads as it lies, and the dtype of results.

    All else is as in `predict_array`; what is no array is refused.
    """
    X = np.require(predict_array(estimator, read_design(X), reset=reset, missing=missing, any_kind=True), None, "A")
    return X, np.dtype(np.float32 if X.dtype == np.float32 else np.float64)


def sample_array(estimator: Any, X: Any, *, reset: bool = True, missing: bool = False) -> tuple[Any, Any]:
    """Check samples; return them as float64, and the dtype of results. All else is as in `read_samples`."""
    X, dtype = read_samples(estimator, X, reset=reset, missing=missing)
    return np.require(X, np.float64, "A"), dtype


def latent_array(X: Any, n_components: int) -> tuple[NDArray[np.float64], np.dtype[np.floating[Any]]]:
    """Check latent variables; return them as float64, and the dtype of what is decoded from them.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    latent = real_array("X", X, 2, f"(n_samples, {n_components})")
    if latent.shape[1] != n_components:
        raise ShapeError(f"`X` has shape {latent.shape}, but {n_components} columns are needed")
    check_finite("X", latent)
    single = getattr(X, "dtype", None) == np.float32
    return latent, np.dtype(np.float32 if single else np.float64)


def result_dtype(precision: float, largest: float) -> type[np.floating[Any]]:
    """Choose the dtype of fitted coefficients: that of the data, or float64 where `largest` is beyond float32."""
    single = precision > np.finfo(np.float64).eps and largest <= np.finfo(np.float32).max
    return np.float32 if single else np.float64
