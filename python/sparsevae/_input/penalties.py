"""Concave penalties of squared row norms, as users choose them."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..exceptions import ParameterError
from .parameters import check_number

_Array: TypeAlias = NDArray[np.float64]

Penalty: TypeAlias = str | float | Callable[[_Array], tuple[ArrayLike, ArrayLike]]
"""What a user passes."""
CheckedPenalty: TypeAlias = str | float | Callable[[_Array], tuple[_Array, _Array]]
"""A name, a power, or a function of which two arrays of the shape of its argument are sure."""


def check_penalty(penalty: Any, *names: str) -> CheckedPenalty:
    """Refuse what is none of the names, no power greater than 0 and at most 1, and no function.

    Parameters
    ----------
    penalty : object
        What the user passed.
    *names : str
        The strings that are allowed.

    Raises
    ------
    ParameterError
        With the value and what is wanted; also where a function returns anything but two arrays of numbers of the
        shape of its argument.
    """
    quoted = ", ".join(f'"{name}"' for name in names)
    wanted = f"{quoted}, a number greater than 0 and at most 1, or a function of squared row norms"
    if isinstance(penalty, str):
        if penalty not in names:
            raise ParameterError(f"`penalty` is {penalty!r}, but it must be {wanted}")
        return penalty
    return _checked(penalty) if callable(penalty) else check_number("penalty", penalty, wanted, above=0.0, most=1.0)


def _checked(penalty: Callable[[_Array], tuple[ArrayLike, ArrayLike]]) -> Callable[[_Array], tuple[_Array, _Array]]:
    """Let only two arrays of the right shape through."""

    def checked(squares: _Array) -> tuple[_Array, _Array]:
        returned = penalty(squares)
        try:
            values, slopes = (np.asarray(part, dtype=np.float64) for part in returned)
        except (TypeError, ValueError):
            values = slopes = np.empty(0)
        if values.shape != squares.shape or slopes.shape != squares.shape:
            raise ParameterError(
                f"`penalty` returns {returned!r:.200}, but it must return two arrays of real numbers of the shape of "
                f"its argument, {squares.shape}"
            )
        return values, slopes

    return checked
