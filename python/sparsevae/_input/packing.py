"""Fitted attributes with a number for each column, which are kept without their zeros where columns are many."""

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

# Columns from which zeros are left out: fewer take less than 32 KiB an attribute.
_LARGE = 2**12


class Packed:
    """A vector of which most entries are zero.

    Parameters
    ----------
    values : ndarray of shape (size,)

    Attributes
    ----------
    size : int
    places : ndarray of int32 or int64
        Where it is not zero, ascending.
    values : ndarray
        What it is there.
    """

    __slots__ = ("places", "size", "values")

    def __init__(self, values: NDArray[Any]) -> None:
        self.size = values.size
        places = np.flatnonzero(values)
        self.values = values[places]
        self.places = places.astype(np.int32 if self.size < 2**31 else np.int64)

    def dense(self) -> NDArray[Any]:
        """Make the vector, not to be written to: what is written would be lost."""
        out = np.zeros(self.size, self.values.dtype)
        out[self.places] = self.values
        out.flags.writeable = False
        return out


class PerColumn:
    """An attribute that is an array to its readers; of many columns most of which are zero, it is kept packed."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember the name, under which it lies among the attributes of the estimator."""
        self._name = name

    @overload
    def __get__(self, estimator: None, owner: type) -> "PerColumn": ...

    @overload
    def __get__(self, estimator: object, owner: type) -> NDArray[Any]: ...

    def __get__(self, estimator: object | None, owner: type) -> "NDArray[Any] | PerColumn":
        """Give the array, made anew if it is packed."""
        if estimator is None:
            return self
        try:
            found = vars(estimator)[self._name]
        except KeyError:
            message = f"{type(estimator).__name__!r} object has no attribute {self._name!r}"
            raise AttributeError(message) from None
        return found.dense() if isinstance(found, Packed) else found

    def __set__(self, estimator: object, values: Any) -> None:
        """Keep an array, or what is left of it."""
        if type(values) is np.ndarray and values.size >= _LARGE and 2 * np.count_nonzero(values) < values.size:
            values = Packed(values)
        vars(estimator)[self._name] = values

    def __delete__(self, estimator: object) -> None:
        """Remove it."""
        del vars(estimator)[self._name]


def as_row(estimator: object, name: str) -> csr_array:
    """Return an attribute as a sparse row, without making the array if it is packed."""
    found = vars(estimator)[name]
    packed = found if isinstance(found, Packed) else Packed(np.asarray(found))
    # Copies: what is done to the row is not done to the estimator.
    return csr_array((packed.values.copy(), packed.places.copy(), [0, len(packed.places)]), shape=(1, packed.size))
