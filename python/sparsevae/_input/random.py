"""One way from every kind of `random_state` to the 64-bit seed that the Rust core takes."""

import operator
from typing import TypeAlias

import numpy as np

from ..exceptions import ParameterError

RandomState: TypeAlias = int | np.random.Generator | np.random.RandomState | None

_SEEDS = 2**64


def draw_seed(random_state: RandomState) -> int:
    """Turn `random_state` into a seed.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None
        An integer is the seed itself. A generator gives one draw and moves on. None draws from the operating system.

    Returns
    -------
    int
        At least 0 and less than 2**64.

    Raises
    ------
    ParameterError
        If `random_state` is of another type or an integer out of range.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_SEEDS, dtype=np.uint64))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_SEEDS, dtype=np.uint64))
    try:
        seed = operator.index(random_state)
    except TypeError:
        seed = -1
    if not 0 <= seed < _SEEDS:
        raise ParameterError(
            f"`random_state` is {random_state!r}, but it must be None, an integer of at least 0 and less than 2**64, "
            "a numpy.random.Generator or a numpy.random.RandomState"
        )
    return seed
