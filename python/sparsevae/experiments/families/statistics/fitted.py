"""What a fit says, the same of every package."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


class Fitted(NamedTuple):
    """A linear model in the units of the data, the columns that it chose, and where it has them their probabilities.

    Sets are arrays of columns, of which one or more have an effect.
    """

    coef: Array
    intercept: float
    support: NDArray[np.intp]
    inclusion_prob: Array | None = None
    credible_sets: Sequence[NDArray[np.intp]] = ()


# From a design and a response.
Fit: TypeAlias = Callable[[Array, Array], Fitted]
