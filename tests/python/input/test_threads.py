"""How many threads a call may use."""

import os

from sparsevae._input.threads import thread_count


def test_there_are_no_more_threads_than_tasks_or_cores():
    cores = os.cpu_count()
    assert [thread_count(n_jobs, 2000) for n_jobs in (None, 1, 2000, 10**30)] == [1, 1, cores, cores]
    assert [thread_count(n_jobs, 1) for n_jobs in (2000, -1)] == [1, 0]
