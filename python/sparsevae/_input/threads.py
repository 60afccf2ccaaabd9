"""How many threads a call may use."""

import os
from typing import Any

from ..exceptions import ParameterError
from .parameters import check_count

_WANTED = "None, -1 or an integer of at least 1"


def thread_count(n_jobs: Any, n_tasks: int) -> int:
    """Turn `n_jobs` into a number of threads for the core: at most one a task and one a core, 0 for one a core.

    Raises
    ------
    ParameterError
        If `n_jobs` is neither None, -1 nor an integer of at least 1.
    """
    if n_jobs is None:
        return 1
    count = check_count("n_jobs", n_jobs, -1, _WANTED)
    if count == 0:
        raise ParameterError(f"`n_jobs` is {n_jobs!r}, but it must be {_WANTED}")
    # More threads than tasks or cores would idle.
    return min(max(count, 0), n_tasks, os.cpu_count() or 1)


def fit_threads(n_jobs: Any, *, is_large: bool) -> int:
    """Turn `n_jobs` into the number of threads that share one fit, of a large design or another; 0 for one a core.

    Raises
    ------
    ParameterError
        As from :func:`thread_count`.
    """
    cores = os.cpu_count() or 1
    if n_jobs is None and is_large:
        most = os.environ.get("OMP_NUM_THREADS", "")
        return min(cores, int(most)) if most.isdecimal() and int(most) > 0 else cores
    return thread_count(n_jobs, cores)
