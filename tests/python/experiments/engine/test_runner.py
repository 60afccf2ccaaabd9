"""Trials side by side: threads and clusters change no number."""

import dataclasses
import multiprocessing
import os
import sys

import pytest
from joblib import parallel_config
from sparsevae import experiments
from sparsevae.exceptions import ParameterError, SchedulerError


def outcome(results):
    return [(record.key, record.problem_seed, record.score) for record in results.records]


def test_methods_see_the_same_problems_whatever_else_runs(small):
    both, alone = small(), small(methods=["Lasso"])
    assert [entry for entry in outcome(both) if entry[0].method == "Lasso"] == outcome(alone)
    for record in both.records:
        key = record.key
        assert record.problem_seed == experiments.problem_seed(0, key.value, key.trial)


def test_results_depend_on_the_seed_and_not_on_the_number_of_threads(small):
    assert small(jobs=1).csv() == small(jobs=4).csv()
    assert small(jobs=1).csv() != small(jobs=1, seed=1).csv()


def test_a_cluster_that_cannot_be_used_is_a_typed_error(small, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(experiments.engine.runner, "_CONNECT_SECONDS", 0.3)
    with pytest.raises(SchedulerError, match=r"127\.0\.0\.1:9"):
        small(scheduler="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SchedulerError, match=r"sparsevae\[dask\]"):
        small(scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("address", ["garbage", "", "tcp://", "tcp://host", "host:port", "http//x:1", 8786])
def test_what_is_no_address_is_refused_at_once(address, small):
    with pytest.raises(ParameterError, match=r"`scheduler` is .*, but it must be an address such as tcp://HOST:8786"):
        small(scheduler=address)


def test_there_are_no_more_threads_than_cores(small, monkeypatch):
    asked = []

    def config(**options):
        asked.append(options["n_jobs"])
        return parallel_config(**options)

    monkeypatch.setattr(experiments.engine.runner, "parallel_config", config)
    small(jobs=10**6, methods=["Lasso"])
    assert asked == [os.cpu_count()]


@pytest.mark.slow
def test_a_cluster_of_two_processes_gives_the_numbers_of_threads(small):
    distributed = pytest.importorskip("distributed")
    options = {"methods": ["VaeSlr", "Lasso", "basis pursuit"], "trials": 4}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        far = small(scheduler=cluster.scheduler_address, **options)
    near = small(**options)
    assert far.csv() == near.csv()
    assert outcome(far) == outcome(near)


def test_processes_find_what_threads_find(small, tmp_path):
    plans, _ = experiments.lay_out([experiments.FIGURES["fig1a"]], trials=2, methods=["VaeSlr", "Lasso"], quick=True)
    tasks = list(plans[0].tasks())
    with experiments.Store(tmp_path / "trials.sqlite") as store:
        found = experiments.execute(tasks, store, jobs=2, processes=True)
        assert sorted(store.records(), key=lambda record: record.key) == sorted(found, key=lambda record: record.key)
    near = [(record.key, record.problem_seed, record.score) for record in sorted(found, key=lambda record: record.key)]
    assert near == outcome(small())


class Deadly:
    """Ends whatever process reads its pickle."""

    def __reduce__(self):
        return os._exit, (1,)


def test_a_process_that_dies_is_an_error_and_not_the_end_of_all_waiting(tmp_path):
    plans, _ = experiments.lay_out([experiments.FIGURES["fig1a"]], trials=2, methods=["VaeSlr"], quick=True)
    tasks = [dataclasses.replace(task, problem=Deadly()) for task in plans[0].tasks()]
    with experiments.Store(tmp_path / "trials.sqlite") as store, pytest.raises(SchedulerError, match="has died"):
        experiments.execute(tasks, store, jobs=2, processes=True)
    assert not multiprocessing.active_children()
