"""How many threads a call may use."""

import os

from sparsevae._input.threads import fit_threads, thread_count


def test_there_are_no_more_threads_than_tasks_or_cores():
    cores = os.cpu_count()
    assert [thread_count(n_jobs, 2000) for n_jobs in (None, 1, 2000, 10**30)] == [1, 1, cores, cores]
    assert [thread_count(n_jobs, 1) for n_jobs in (2000, -1)] == [1, 0]


def test_one_large_fit_has_a_thread_a_core_but_no_more_than_the_environment_says(monkeypatch):
    cores = os.cpu_count()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [fit_threads(None, is_large=is_large) for is_large in (True, False)] == [cores, 1]
    for said, threads in [("1", 1), ("10000", cores), ("0", cores), ("4,2", cores)]:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert fit_threads(None, is_large=True) == threads
    assert [fit_threads(n_jobs, is_large=False) for n_jobs in (1, -1, 10**30)] == [1, 0, cores]
