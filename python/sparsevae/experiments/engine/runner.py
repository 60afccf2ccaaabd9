"""Trials side by side: on the cores of this machine, or on a Dask cluster."""

import importlib.util
import multiprocessing
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from typing import Any

from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from ... import __version__
from ..._input.parameters import check_optional_count
from ...exceptions import ParameterError, SchedulerError
from .record import Record
from .store import Store
from .trial import Task, run_trial

_CONNECT_SECONDS = 20
# A host by name or number, and a port; or a scheduler in this process.
_ADDRESS = re.compile(r"(?:[a-z]+://)?(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}|inproc://\S+")


def execute(
    tasks: Sequence[Task],
    store: Store,
    *,
    jobs: int | None = None,
    processes: bool = False,
    scheduler: str | None = None,
    progress: bool = False,
) -> list[Record]:
    """Do trials and store each as it ends.

    Parameters
    ----------
    tasks : sequence of Task
        What to do, in this order.
    store : Store
        Where to keep them.
    jobs : int or None, default=None
        Trials at a time; None for as many as there are cores, which is also the most. A cluster decides itself.
    processes : bool, default=False
        Whether each of these has a process of its own, for which the main module must be one that can be imported;
        otherwise it is a thread. Threads of solvers in Python wait for each other, those that train networks as well.
    scheduler : str or None, default=None
        Address of a Dask scheduler; None for this machine.
    progress : bool, default=False
        Whether to show progress and the time left on standard error, if that is a terminal.

    Returns
    -------
    list of Record
        The trials, in the order in which they ended.

    Raises
    ------
    ParameterError
        If `jobs` is no count, or `scheduler` no address.
    SchedulerError
        If the cluster cannot be used, or a process dies.
    StoreError
        If the store cannot be written.
    """
    check_optional_count("jobs", jobs)
    if scheduler is not None and not (isinstance(scheduler, str) and _ADDRESS.fullmatch(scheduler)):
        raise ParameterError(f"`scheduler` is {scheduler!r}, but it must be an address such as tcp://HOST:8786")
    if not tasks:
        return []
    records, jobs = [], min(jobs or len(tasks), len(tasks), os.cpu_count() or 1)
    by_processes = processes and scheduler is None and jobs > 1
    with (
        _bar(len(tasks), shown=progress) as advance,
        closing(_by_processes(tasks, jobs) if by_processes else _by_joblib(tasks, jobs, scheduler)) as results,
    ):
        for record in results:
            store.add(record)
            records.append(record)
            advance()
    return records


def _by_processes(tasks: Sequence[Task], jobs: int) -> Generator[Record, None, None]:
    context, others = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, context, _start)
    try:
        for done in as_completed([pool.submit(run_trial, task, limit_threads=True) for task in tasks]):
            yield done.result()
    except BrokenProcessPool as error:
        raise SchedulerError(
            "a process of the run has died, perhaps for lack of memory: the same run, with fewer `jobs`, goes on"
        ) from error
    finally:
        # Also where the run is stopped: no trial is waited for.
        ours = set(multiprocessing.active_children()) - others
        for process in ours:
            process.terminate()
        pool.shutdown(cancel_futures=True)
        for process in ours:
            process.join()


def _start() -> None:
    """Prepare a process for trials: solvers that give up warn, and Ctrl-C is for the process that started this one."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _by_joblib(tasks: Sequence[Task], jobs: int, scheduler: str | None) -> Generator[Record, None, None]:
    with _backend(jobs, scheduler):
        work = (delayed(run_trial)(task, limit_threads=scheduler is not None) for task in tasks)
        # One trial a batch: each reaches the store as soon as it is done.
        with closing(Parallel(return_as="generator_unordered", batch_size=1)(work)) as results:
            yield from results


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[], object]]:
    """Count trials on standard error, if it is a terminal and tqdm is there."""
    if not shown or importlib.util.find_spec("tqdm") is None:
        yield lambda: None
        return
    from tqdm import tqdm

    # None: silent where standard error is no terminal.
    with tqdm(total=total, unit="trial", disable=None, smoothing=0.05) as bar:
        yield bar.update


@contextmanager
def _backend(jobs: int, scheduler: str | None) -> Iterator[None]:
    if scheduler is not None:
        with _client(scheduler) as client, parallel_config(backend="dask", client=client):
            yield
        return
    # Solvers that give up warn; the rates show it. Both settings hold for the process, so they are made once, here.
    with (
        warnings.catch_warnings(),
        threadpool_limits(limits=1),
        parallel_config(backend="threading", n_jobs=jobs),
    ):
        warnings.simplefilter("ignore")
        yield


def _versions() -> str:
    return __version__


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise SchedulerError(f"a cluster needs Dask: pip install 'sparsevae[dask]' ({error})") from error
    try:
        client: Any = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SchedulerError(f"no Dask scheduler answers at {scheduler!r}: {error}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError as error:
            raise SchedulerError(f"the Dask scheduler at {scheduler!r} has no workers") from error
        try:
            versions = client.run(_versions)
        except Exception as error:
            raise SchedulerError(f"the workers of {scheduler!r} cannot run sparsevae: {error}") from error
        others = sorted(set(versions.values()) - {__version__})
        if others:
            found = ", ".join(others)
            raise SchedulerError(
                f"workers of {scheduler!r} have sparsevae {found}, but {__version__} is needed, as here"
            )
        yield client
