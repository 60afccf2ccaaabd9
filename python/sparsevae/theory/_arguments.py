"""The data of the theory: a design, and one response or several."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._input.arrays import check_finite, real_array, response_columns
from ..exceptions import ShapeError

Array = NDArray[np.float64]


def data_arrays(X: Any, Y: Any) -> tuple[Array, Array]:
    design, responses = real_array("X", X, 2, "(n_samples, n_features)"), response_columns("Y", Y)
    if len(responses) != len(design):
        raise ShapeError(f"`Y` has {len(responses)} rows, but `X` has {len(design)}: one per sample is needed")
    if 0 in design.shape + responses.shape:
        raise ShapeError(f"`X` and `Y` have shapes {design.shape} and {responses.shape}, but no axis may be empty")
    check_finite("X", design)
    check_finite("Y", responses)
    return design, responses
