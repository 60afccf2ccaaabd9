"""One trial: draw a problem, solve it, score the estimate, take the time."""

import json
import socket
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from threadpoolctl import threadpool_limits

from ... import __version__
from .record import Key, Record
from .registry import SOLVERS
from .scoring import facts_text
from .specification import AnyProblem, Method, problem_seed


@dataclass(frozen=True)
class Task:
    """A trial that is still to be done, with all that it takes; it travels to workers."""

    key: Key
    problem: AnyProblem
    method: Method


def run_trial(task: Task, limit_threads: bool = False) -> Record:  # noqa: FBT001 - internal
    """Do one trial. Whatever goes wrong is recorded.

    Parameters
    ----------
    task : Task
        What to do.
    limit_threads : bool, default=False
        Whether to hold linear algebra to one thread here; a run in one process does so once for all trials.

    Returns
    -------
    Record
        The trial with its score or its error.
    """
    key, started = task.key, datetime.now(UTC).isoformat(timespec="milliseconds")
    wall, cpu, score, error = 0.0, 0.0, None, ""
    seed = problem_seed(key.seed, key.value, key.trial)
    with threadpool_limits(limits=1) if limit_threads else nullcontext():
        wall_start, cpu_start = time.perf_counter(), time.thread_time()
        try:
            data = task.problem.draw(seed)
            # What counts is the time of the solver.
            wall_start, cpu_start = time.perf_counter(), time.thread_time()
            solution = SOLVERS[task.method.solver](task.problem, data, task.method.settings)
            wall, cpu = time.perf_counter() - wall_start, time.thread_time() - cpu_start
            scored = task.problem.score(data, solution)
            score = replace(scored, facts=json.loads(facts_text({**scored.facts, **solution.facts})))
        except Exception as problem:
            # One trial must not end a run of hours: the error is kept, counted as a failure and shown.
            wall, cpu = time.perf_counter() - wall_start, time.thread_time() - cpu_start
            error = f"{type(problem).__name__}: {problem}"
    return Record(key, seed, __version__, socket.gethostname(), started, wall, cpu, score, error)
