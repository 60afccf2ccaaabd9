"""Argument checks of the theory: numbers, and data of one or several responses."""

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import check_finite, check_real, real_array
from .._validation import as_float, check_type
from ..exceptions import ParameterError, ShapeError

Array = NDArray[np.float64]


def data_arrays(X: Any, Y: Any) -> tuple[Array, Array]:
    design = real_array("X", X, 2, "(n_samples, n_features)")
    single = len(check_real("Y", Y)) == 1
    responses = real_array("Y", Y, 1 if single else 2, "(n_samples,) or (n_samples, n_responses)")
    responses = responses[:, None] if single else responses
    if len(responses) != len(design):
        raise ShapeError(f"`Y` has {len(responses)} rows, but `X` has {len(design)}: one per sample is needed")
    if 0 in design.shape + responses.shape:
        raise ShapeError(f"`X` and `Y` have shapes {design.shape} and {responses.shape}, but no axis may be empty")
    check_finite("X", design)
    check_finite("Y", responses)
    return design, responses


def real(name: str, value: Any, wanted: str, least: float | None = None) -> float:
    """Check a finite number: greater than 0, or of at least `least`."""
    check_type(name, value, numbers.Real, wanted)
    number = as_float(name, value, wanted)
    if not math.isfinite(number) or (number <= 0 if least is None else number < least):
        raise ParameterError(f"`{name}` is {value!r}, but it must be {wanted}")
    return number
