"""Ctrl-C during long fits."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from sparsevae import PreconditionedVae, SimultaneousSparseVae, VaeSlr, WelperRecover, basis_pursuit, fit_many
from sparsevae.datasets import make_sparse_regression, make_training_problems

HOPELESS = make_sparse_regression(100, 200, n_nonzero=80, random_state=0)
HOPELESS_ROWS = np.c_[HOPELESS.y, HOPELESS.y[::-1]]
WIDE = make_sparse_regression(200, 4000, n_nonzero=120, random_state=0)
LESSONS = make_training_problems(400, 2000, 100, n_problems=2000, random_state=0)
FOREVER = {"max_iter": 10**9, "n_restarts": 10**9, "noise_var": "anneal"}
RUNS = {
    "fit": lambda: VaeSlr(**FOREVER).fit(HOPELESS.X, HOPELESS.y),
    "fit, verbose": lambda: VaeSlr(verbose=True, **FOREVER).fit(HOPELESS.X, HOPELESS.y),
    "descent": lambda: PreconditionedVae(noise_var=1e-3, tol=0, max_iter=10**9).fit(HOPELESS.X, HOPELESS.y),
    "wide": lambda: VaeSlr(**FOREVER).fit(WIDE.X, WIDE.y),
    "several responses": lambda: SimultaneousSparseVae(**FOREVER).fit(HOPELESS.X, HOPELESS_ROWS),
    "basis pursuit": lambda: basis_pursuit(LESSONS.A, LESSONS.B, n_jobs=2),
    "training": lambda: WelperRecover().fit(LESSONS.A, LESSONS.B),
    "training, verbose": lambda: WelperRecover(verbose=True, n_jobs=2).fit(LESSONS.A, LESSONS.B),
    "fit_many": lambda: fit_many(VaeSlr(**FOREVER), HOPELESS.X, np.tile(HOPELESS.y[:, None], 8), n_jobs=2),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_interrupt_stops_a_fit_within_a_fifth_of_a_second(run):
    sent = []

    def press():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.5, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert time.perf_counter() - sent[0] < 0.2


def test_an_error_of_the_progress_stream_reaches_the_caller(monkeypatch):
    class Closed:
        def write(self, _):
            raise BrokenPipeError("nobody reads")

    monkeypatch.setattr("sys.stderr", Closed())
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        VaeSlr(verbose=True, **FOREVER).fit(HOPELESS.X, HOPELESS.y)
