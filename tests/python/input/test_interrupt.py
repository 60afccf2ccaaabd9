"""Ctrl-C during long calls."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from sparsevae import (
    AffineVae,
    ColumnBlocks,
    PreconditionedVae,
    RobustVae,
    SimultaneousSparseVae,
    VaeSlr,
    WelperRecover,
    basis_pursuit,
    fit_many,
)
from sparsevae.baselines import (
    AugmentedBasisPursuit,
    ConcaveAutoencoder,
    CovarianceFreeEm,
    GroupBasisPursuit,
    ReweightedBasisPursuit,
    SparseBayesianLearning,
)
from sparsevae.datasets import (
    make_gaussian_design,
    make_low_rank_outliers,
    make_meg_leadfield,
    make_partial_dct_design,
    make_row_sparse_coef,
    make_sparse_coef,
    make_sparse_regression,
    make_training_problems,
)
from sparsevae.metrics import restricted_isometry_bound

HOPELESS = make_sparse_regression(100, 200, n_nonzero=80, random_state=0)
HOPELESS_ROWS = np.c_[HOPELESS.y, HOPELESS.y[::-1]]
WIDE = make_sparse_regression(200, 4000, n_nonzero=120, random_state=0)
TRAINING = make_training_problems(400, 2000, 100, n_problems=2000, random_state=0)


def read_slowly(start, stop):
    time.sleep(0.02)
    return WIDE.X[:, start:stop]


LARGE = np.random.default_rng(0).standard_normal((2500, 2000))
SEPARATED = RobustVae().fit(LARGE[:400, :10] @ LARGE[:10, :100])
# Rows that overlap: tall without the memory.
SIGNAL = np.random.default_rng(0).standard_normal(500_000)
TALL = np.lib.stride_tricks.sliding_window_view(SIGNAL, 1000)
SLOW = ColumnBlocks(read_slowly, shape=WIDE.X.shape, block_bytes=8 * 200 * 20)
FOREVER = {"max_iter": 10**9, "n_restarts": 10**9, "noise_var": "anneal"}
ENDLESS = {"max_iter": 10**9, "tol": 0.0}
RUNS = {
    "fit": lambda: VaeSlr(**FOREVER).fit(HOPELESS.X, HOPELESS.y),
    "fit, verbose": lambda: VaeSlr(verbose=True, **FOREVER).fit(HOPELESS.X, HOPELESS.y),
    "descent": lambda: PreconditionedVae(noise_var=1e-3, tol=0, max_iter=10**9).fit(HOPELESS.X, HOPELESS.y),
    "wide": lambda: VaeSlr(**FOREVER).fit(WIDE.X, WIDE.y),
    "tall": lambda: VaeSlr().fit(TALL, SIGNAL[: len(TALL)] ** 2),
    "several responses": lambda: SimultaneousSparseVae(**FOREVER).fit(HOPELESS.X, HOPELESS_ROWS),
    "slow columns": lambda: VaeSlr().fit(SLOW, WIDE.y),
    "slow columns, several responses": lambda: SimultaneousSparseVae().fit(SLOW, np.c_[WIDE.y, WIDE.y[::-1]]),
    "slow columns, many responses": lambda: fit_many(VaeSlr(), SLOW, np.c_[WIDE.y, -WIDE.y], n_jobs=2),
    "basis pursuit": lambda: basis_pursuit(TRAINING.A, TRAINING.B, n_jobs=2),
    "training": lambda: WelperRecover().fit(TRAINING.A, TRAINING.B),
    "training, verbose": lambda: WelperRecover(verbose=True, n_jobs=2).fit(TRAINING.A, TRAINING.B),
    "gaussian design": lambda: make_gaussian_design(10**7, 10, random_state=0),
    "cosines": lambda: make_partial_dct_design(3000, 30_000, random_state=0),
    "leadfield": lambda: make_meg_leadfield(300, 100_000, random_state=0),
    "low rank": lambda: make_low_rank_outliers(5000, 10_000, random_state=0),
    "sparse coefficients": lambda: make_sparse_coef(10**8, 3 * 10**7, random_state=0),
    "row-sparse coefficients": lambda: make_row_sparse_coef(20_000, 5000, 10_000, random_state=0),
    "training problems": lambda: make_training_problems(500, 2000, 1000, n_problems=20_000, random_state=0),
    "eigenvalues": lambda: AffineVae().fit(LARGE),
    "triangles": lambda: AffineVae().fit(LARGE[:, np.r_[:1000, :1000]]),
    "low rank and outliers": lambda: RobustVae(max_iter=10**9, tol=0.0).fit(LARGE),
    "other samples": lambda: SEPARATED.transform(np.tile(LARGE[:, :100], (40, 1))),
    "sparse Bayesian learning": lambda: SparseBayesianLearning(**ENDLESS).fit(HOPELESS.X, HOPELESS.y),
    "large covariances": lambda: SparseBayesianLearning(**ENDLESS).fit(LARGE[:1500], LARGE[:1500, 0] ** 2),
    "large precisions": lambda: SparseBayesianLearning(**ENDLESS).fit(LARGE[:, :1500], LARGE[:, 0] ** 2),
    "conjugate gradients": lambda: CovarianceFreeEm(**ENDLESS).fit(HOPELESS.X, HOPELESS.y),
    "reweighting": lambda: ReweightedBasisPursuit().fit(LARGE[:1000], LARGE[:1000, 0] ** 2),
    "peeling": lambda: AugmentedBasisPursuit().fit(LARGE, LARGE[:, 0] ** 2),
    "group basis pursuit": lambda: GroupBasisPursuit(**ENDLESS).fit(HOPELESS.X, HOPELESS_ROWS),
    "autoencoder": lambda: ConcaveAutoencoder(noise_var=0.01, **ENDLESS).fit(HOPELESS.X, HOPELESS_ROWS),
    "isometry": lambda: restricted_isometry_bound(TRAINING.A, 300, n_draws=10**5),
    "fit_many": lambda: fit_many(VaeSlr(**FOREVER), HOPELESS.X, np.tile(HOPELESS.y[:, None], 8), n_jobs=2),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_interrupt_stops_a_call_within_a_fifth_of_a_second(run):
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
