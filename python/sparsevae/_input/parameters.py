"""Parameters as users give them: numbers, counts and choices, refused with the name, what was found and what is wanted.

What is computed in Rust has its range checked there: a number or a count is then read here without one.
"""

import math
import numbers
from typing import Any

import numpy as np

from ..exceptions import ParameterError

# The core counts in 64 bits; nothing runs that long.
MOST = 2**62


def _refuse(name: str, value: Any, wanted: str) -> ParameterError:
    return ParameterError(f"`{name}` is {value!r}, but it must be {wanted}")


def check_type(name: str, value: Any, kind: Any, wanted: str) -> None:
    """Refuse a parameter of another type.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    # A bool is an Integral to Python, but not to users.
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise _refuse(name, value, wanted)


def check_flag(name: str, value: Any) -> bool:
    """Refuse what is neither True nor False; return it.

    Raises
    ------
    ParameterError
        With the name and the value.
    """
    check_type(name, value, (bool, np.bool_), "True or False")
    return bool(value)


def check_verbose(value: Any) -> None:
    """Refuse a `verbose` that is neither True nor False nor an integer.

    Raises
    ------
    ParameterError
        With the value.
    """
    check_type("verbose", value, (bool, numbers.Integral), "True, False or an integer")


def check_count(name: str, value: Any, least: int = 1, wanted: str | None = None) -> int:
    """Refuse what is no integer of at least `least`; return it.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    wanted = wanted or f"an integer of at least {least}"
    check_type(name, value, numbers.Integral, wanted)
    if value < least:
        raise _refuse(name, value, wanted)
    return int(value)


def check_optional_count(name: str, value: Any) -> int | None:
    """Refuse what is neither None nor an integer of at least 1; return it.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    return None if value is None else check_count(name, value, 1, "None or an integer of at least 1")


def check_size(name: str, value: Any, least: int = 1) -> int:
    """Refuse what is no integer of at least `least` that the core can hold; return it.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    count = check_count(name, value, least)
    if count >= 2**63:
        raise _refuse(name, value, "less than 2**63")
    return count


def as_float(name: str, value: Any, wanted: str) -> float:
    """Refuse what is no real number that float64 can hold; return it, whatever its range.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    check_type(name, value, numbers.Real, wanted)
    try:
        return float(value)
    except OverflowError:
        raise ParameterError(f"`{name}` is beyond the range of float64, but it must be {wanted}") from None


def check_number(
    name: str,
    value: Any,
    wanted: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> float:
    """Refuse what is no finite number in a range: `least` and `most` are in it, `above` and `below` are not.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    number = as_float(name, value, wanted)
    if not (math.isfinite(number) and least <= number <= most and above < number < below):
        raise _refuse(name, value, wanted)
    return number


def check_positive(name: str, value: Any, *, below: float = math.inf) -> float:
    """Refuse what is no finite number greater than 0, and less than `below`; return it.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    return check_number(name, value, f"a finite number greater than 0{_limit(below)}", above=0.0, below=below)


def check_not_negative(name: str, value: Any, *, below: float = math.inf) -> float:
    """Refuse what is no finite number of at least 0, and less than `below`; return it.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    return check_number(name, value, f"a finite number of at least 0{_limit(below)}", least=0.0, below=below)


def _limit(below: float) -> str:
    return "" if below == math.inf else f" and less than {below:g}"


def read_number(name: str, value: Any) -> float:
    """Return what Python reads as a number, such as text or an array of one, as a float.

    Raises
    ------
    ParameterError
        With the name and the value.
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise _refuse(name, value, "a real number that float64 holds") from None


def read_share(name: str, value: Any) -> float:
    """Return what Python reads as a number from 0 to 1 as a float.

    Raises
    ------
    ParameterError
        With the name and the value.
    """
    share = read_number(name, value)
    if not 0 <= share <= 1:
        raise _refuse(name, value, "at least 0 and at most 1")
    return share


def check_option(name: str, value: Any, options: tuple[str, ...]) -> str:
    """Refuse what is none of `options`; return it.

    Raises
    ------
    ParameterError
        With the name, the value and the options.
    """
    if not isinstance(value, str) or value not in options:
        raise _refuse(name, value, f"one of {', '.join(options)}")
    return value


def check_room(name: str, value: str, shape: int | tuple[int, ...], dtype: Any = np.float64) -> None:
    """Refuse what has no room; nothing is written to it, so that the look costs nothing.

    Raises
    ------
    ParameterError
        With the name of the parameter, and what is said of its value.
    """
    try:
        np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        raise ParameterError(f"`{name}` {value}, but memory does not suffice for so many: {error}") from error
