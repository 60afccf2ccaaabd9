"""Principal component pursuit against an implementation of its own in NumPy; input and output."""

import os
import re
import signal
import threading

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from sparsevae.baselines import RobustPca
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError


def corrupted(n=60, d=30, rank=2, share=0.1, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d)) / np.sqrt(rank)
    return np.where(rng.random((n, d)) < share, 3 * rng.standard_normal((n, d)), truth), truth


def pursuit(X, weight=None, tol=1e-7, missing=None):
    """Algorithm 5 of Lin, Chen and Ma, in their orientation."""
    missing = np.zeros_like(X, bool) if missing is None else missing
    M = np.where(missing, 0, X).T
    lam = 1 / np.sqrt(max(M.shape)) if weight is None else weight
    norm2 = np.linalg.svd(M, compute_uv=False)[0]
    Y = M / max(norm2, np.abs(M).max() / lam)
    mu, E, A = 1.25 / norm2, np.zeros_like(M), np.zeros_like(M)
    limit = mu * 1e7
    step, left = 0, np.inf
    while left >= tol * np.linalg.norm(M):
        step += 1
        U, s, Vt = np.linalg.svd(M - E + Y / mu, full_matrices=False)
        A = U @ np.diag(np.maximum(s - 1 / mu, 0)) @ Vt
        T = M - A + Y / mu
        E = np.where(missing.T, M - A, np.maximum(T - lam / mu, 0) + np.minimum(T + lam / mu, 0))
        Z = M - A - E
        Y, mu = Y + mu * Z, min(1.5 * mu, limit)
        left = np.linalg.norm(Z)
    return A.T, np.where(missing, 0, E.T), step


@parametrize_with_checks([RobustPca()])
@pytest.mark.filterwarnings("ignore:RobustPca:sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("n", "d", "rank", "share"), [(60, 30, 2, 0.1), (20, 50, 3, 0.05), (40, 40, 10, 0.3)])
@pytest.mark.parametrize("weight", [None, 0.2])
def test_agrees_with_another_implementation(n, d, rank, share, weight):
    X, _ = corrupted(n, d, rank, share)
    low_rank, outliers, steps = pursuit(X, weight)
    model = RobustPca(outlier_weight=weight).fit(X)
    np.testing.assert_allclose(model.low_rank_, low_rank, atol=1e-9)
    np.testing.assert_allclose(model.outliers_, outliers, atol=1e-9)
    assert (model.n_iter_, model.status_) == (steps, "converged")
    assert model.rank_ == np.linalg.matrix_rank(low_rank, tol=1e-9)
    assert np.linalg.norm(X - model.low_rank_ - model.outliers_) / np.linalg.norm(X) == pytest.approx(model.residual_)
    np.testing.assert_array_equal(model.outlier_mask_, model.outliers_ != 0)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(model.rank_), atol=1e-12)
    recovered = model.low_rank_ @ model.components_.T @ model.components_
    np.testing.assert_allclose(recovered, model.low_rank_, atol=1e-10)


def test_few_outliers_and_low_rank_are_recovered():
    X, truth = corrupted(100, 100, 2, 0.05)
    model = RobustPca().fit(X)
    assert model.rank_ == 2
    assert np.sum((model.low_rank_ - truth) ** 2) < 1e-8 * np.sum(truth**2)


def test_missing_entries_agree_and_are_filled_in():
    X, truth = corrupted(100, 100, 2, 0.02)
    missing = np.random.default_rng(1).random(X.shape) < 0.1
    X[missing] = np.nan
    low_rank, outliers, _ = pursuit(X, missing=missing)
    model = RobustPca(allow_missing=True).fit(X)
    np.testing.assert_allclose(model.low_rank_, low_rank, atol=1e-9)
    np.testing.assert_allclose(model.outliers_, outliers, atol=1e-9)
    assert np.abs(model.low_rank_ - truth)[missing].max() < 1e-3
    X[3], X[:, 4] = np.nan, np.nan
    assert np.isfinite(RobustPca(allow_missing=True).fit(X).low_rank_).all()


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e200])
def test_the_unit_of_the_data_does_not_matter(scale):
    X, _ = corrupted()
    here, there = RobustPca().fit(X), RobustPca().fit(X * scale)
    np.testing.assert_allclose(there.low_rank_ / scale, here.low_rank_, atol=1e-9)
    assert there.n_iter_ == here.n_iter_


def test_zeros_have_rank_0_and_constant_features_are_no_obstacle():
    model = RobustPca().fit(np.zeros((4, 3)))
    assert (model.rank_, model.n_iter_, model.status_) == (0, 0, "converged")
    np.testing.assert_array_equal(model.low_rank_, 0)
    X, _ = corrupted()
    X[:, 2] = 1.0
    assert RobustPca().fit(X).status_ == "converged"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outlier_weight": 0.0}, "`outlier_weight` is 0"),
        ({"outlier_weight": np.nan}, "`outlier_weight` is NaN"),
        ({"outlier_weight": "a"}, "`outlier_weight` is 'a'"),
        ({"allow_missing": 1}, "`allow_missing` is 1"),
        ({"tol": 0.0}, "`tol` is 0"),
        ({"tol": 1}, "`tol` is 1"),
        ({"max_iter": 0}, "`max_iter` is 0"),
        ({"max_iter": 1.5}, "`max_iter` is 1.5"),
    ],
)
def test_parameters_out_of_range_are_named(options, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        RobustPca(**options).fit(np.eye(3))


@pytest.mark.parametrize(
    ("X", "missing", "error", "message"),
    [
        (np.ones(3), False, ShapeError, "`X` has shape (3,)"),
        (np.ones((0, 3)), False, ShapeError, "`X` cannot be used"),
        ([[1.0, np.nan]], False, NonFiniteError, "index [0, 1]"),
        ([[1.0, np.inf]], True, NonFiniteError, "index [0, 1]"),
        ([[np.nan, np.nan]], True, ParameterError, "missing in every entry"),
        ([[1j]], False, DataTypeError, "Complex"),
        (np.full((9, 9), 5e307), False, ParameterError, "`X` are scaled so that an entry or a singular value is"),
    ],
)
def test_data_that_cannot_be_used_are_refused(X, missing, error, message):
    with pytest.raises(error, match=re.escape(message)):
        RobustPca(allow_missing=missing).fit(X)


def test_unfinished_steps_warn_and_progress_goes_to_standard_error(capfd):
    X, _ = corrupted()
    with pytest.warns(ConvergenceWarning, match="3 steps left"):
        model = RobustPca(max_iter=3).fit(X)
    assert (model.n_iter_, model.status_) == (3, "iteration_limit")
    assert capfd.readouterr() == ("", "")
    RobustPca(verbose=True).fit(corrupted(300, 200, 10)[0])
    out, err = capfd.readouterr()
    assert out == ""
    assert "residual" in err
    assert RobustPca().fit(X.astype(np.float32)).low_rank_.dtype == np.float32


def many_times(X):
    for _ in range(100):
        RobustPca().fit(X)


def test_interrupt_stops_the_steps():
    X, _ = corrupted(400, 300, 30)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        many_times(X)
