"""Linear equations ``A @ x = b`` as users give them, for one right-hand side or many."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._arrays import check_finite, check_real, real_array
from .exceptions import ShapeError


class Sides(NamedTuple):
    """Right-hand sides as columns, whether there was one only, given as a vector, and the dtype of the results."""

    values: NDArray[np.float64]
    single: bool
    dtype: type[np.floating[Any]]


def matrix(name: str, A: Any) -> NDArray[np.float64]:
    """Return `A` as float64.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    values = real_array(name, A, 2, "(n_samples, n_features)")
    if 0 in values.shape:
        raise ShapeError(f"`{name}` has shape {values.shape}, but at least one row and one column are needed")
    check_finite(name, values)
    return values


def right_hand_sides(name: str, b: Any, A: Any, n_samples: int) -> Sides:
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
    return Sides(values.reshape(n_samples, -1), len(shape) == 1, np.float32 if single_precision else np.float64)
