"""One trial: draw a problem, solve it, score the estimate, take the time."""

import socket
import time
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from .. import __version__
from ..metrics import mse_after_least_squares, relative_error, support_f1
from .solvers import SOLVERS
from .specification import AnyProblem, Method, Number, problem_seed
from .training_problem import TrainingProblem

_THRESHOLD = 1e-3


@dataclass(frozen=True, order=True)
class Key:
    """What names a trial: there is one row in the store for each."""

    figure: str
    series: str
    method: str
    value: Number
    trial: int
    seed: int
    settings: str


@dataclass(frozen=True)
class Task:
    """A trial that is still to be done, with all that it takes; it travels to workers."""

    key: Key
    problem: AnyProblem
    method: Method


@dataclass(frozen=True)
class Score:
    """How good an estimate is."""

    support_match: bool
    f1: float
    l2_error_over_n: float
    relative_error: float
    mse_after_least_squares: float
    certified: bool
    wrong_certificate: bool


@dataclass(frozen=True)
class Record:
    """A trial that is done: its score, or the error that ended it."""

    key: Key
    problem_seed: int
    version: str
    host: str
    started: str
    wall_seconds: float
    cpu_seconds: float
    score: Score | None
    error: str = ""


def _refit_error(data: Bunch, support: NDArray[np.bool_]) -> float:
    """Compute the mean squared error after least squares, of one response or of many on one support."""
    if data.coef.ndim == 1:
        return mse_after_least_squares(data.X, data.y, data.coef, support)
    coef = np.zeros_like(data.coef)
    if support.any():
        coef[:, support] = np.linalg.lstsq(data.X[:, support], data.y, rcond=None)[0].T
    return float(np.mean((coef - data.coef) ** 2))


def _support_scores(problem: AnyProblem, data: Bunch, coef: NDArray[np.float64]) -> tuple[float, float]:
    """Compute F1 of the support and the error of a refit; means over test problems, each with a support of its own."""
    if isinstance(problem, TrainingProblem):
        rows = list(zip(data.y.T, data.coef, coef, strict=True))
        errors = [mse_after_least_squares(data.X, y, true, np.abs(found) > _THRESHOLD) for y, true, found in rows]
        return float(np.mean([support_f1(true, found) for _, true, found in rows])), float(np.mean(errors))
    # Of many responses, one row each: a column is nonzero if it is so for any.
    norms = np.linalg.norm(np.atleast_2d(coef), axis=0)
    return support_f1(data.coef, coef), _refit_error(data, norms > _THRESHOLD)


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
            coef = solution.coef
            found = np.flatnonzero(np.atleast_2d(coef).any(axis=0))
            f1, refit_error = _support_scores(task.problem, data, coef)
            score = Score(
                support_match=task.problem.matches(data, coef, solution.sizes),
                f1=f1,
                l2_error_over_n=float(np.linalg.norm(coef - data.coef)) / coef.shape[-1],
                relative_error=relative_error(data.coef, coef),
                mse_after_least_squares=refit_error,
                certified=solution.certified,
                wrong_certificate=solution.certified and not np.array_equal(found, data.support),
            )
        except Exception as problem:
            # One trial must not end a run of hours: the error is kept, counted as a failure and shown.
            wall, cpu = time.perf_counter() - wall_start, time.thread_time() - cpu_start
            error = f"{type(problem).__name__}: {problem}"
    return Record(key, seed, __version__, socket.gethostname(), started, wall, cpu, score, error)
