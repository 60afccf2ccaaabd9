"""RobustVae: recovery beside RobustPca, plain expectation maximisation, missing entries; input and output."""

import inspect
import itertools
import os
import pickle
import re
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from problems import relative_error
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from sparsevae import RobustVae, _core
from sparsevae.baselines import RobustPca
from sparsevae.exceptions import DataTypeError, NonFiniteError, NumericalError, ParameterError, ShapeError

# Rank over features, share of outliers: where the squared error is below 1e-6 in MATH.md.
RECOVERED = [
    *itertools.product([0.05, 0.1], [0.05, 0.1, 0.2]),
    (0.05, 0.3),
    *itertools.product([0.2, 0.3], [0.05, 0.1]),
]
CELLS = list(itertools.product([0.05, 0.1, 0.2, 0.3], [0.05, 0.1, 0.2, 0.3, 0.4]))


def corrupted(share_rank=0.1, share=0.1, seed=0, n=200, d=50, decay=1.0):
    rng = np.random.default_rng([int(1000 * share_rank), int(100 * share), seed])
    rank = round(share_rank * d)
    scale = np.geomspace(1, decay, rank)
    truth = rng.standard_normal((n, rank)) * scale @ rng.standard_normal((rank, d)) / np.linalg.norm(scale)
    mask = rng.random((n, d)) < share
    return np.where(mask, rng.standard_normal((n, d)), truth), truth, mask


@parametrize_with_checks([RobustVae(), RobustVae(allow_missing=True, floor=1e-3)])
@pytest.mark.filterwarnings("ignore:RobustVae:sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("share_rank", "share"), CELLS)
@pytest.mark.filterwarnings("ignore:RobustVae:sklearn.exceptions.ConvergenceWarning")
def test_every_cell_is_as_in_the_table_and_no_worse_than_the_convex_relaxation(share_rank, share):
    for seed in range(2):
        X, truth, mask = corrupted(share_rank, share, seed)
        model = RobustVae().fit(X)
        found = relative_error(model.low_rank_, truth)
        assert found < max(1e-9, 2 * relative_error(RobustPca().fit(X).low_rank_, truth))
        if (share_rank, share) in RECOVERED:
            assert found < 1e-9
            assert model.rank_ == round(share_rank * 50)
            assert (model.outlier_mask_ == mask).mean() > 0.999


@pytest.mark.parametrize("decay", [0.1, 0.01])
def test_weak_directions_are_found_as_the_floor_falls(decay):
    X, truth, _ = corrupted(0.2, 0.1, decay=decay)
    model = RobustVae().fit(X)
    assert model.rank_ == 10
    assert relative_error(model.low_rank_, truth) < 1e-9


def test_reaches_the_minimum_of_plain_expectation_maximisation():
    X, truth, _ = corrupted(0.1, 0.1, n=80, d=20)
    model = RobustVae(tol=1e-9, max_iter=1000).fit(X)
    scale = np.sqrt(np.mean(X**2))
    Y, (n, d) = X / scale, X.shape
    Psi, D = Y.T @ Y / n + 1e-3 * np.eye(d), np.ones((n, d))
    for step in range(600):
        floor = max(1e-7, 0.5 * (1e-7 / 0.5) ** (step / 100))
        C = Psi + D[:, :, None] * np.eye(d)
        inverse = np.linalg.inv(C)
        v = np.einsum("nij,nj->ni", inverse, Y)
        energy = np.sum(Y * v) + np.linalg.slogdet(C)[1].sum()
        L, S = v @ Psi, D * v
        Psi = L.T @ L / n + Psi - Psi @ inverse.mean(axis=0) @ Psi
        D = np.maximum(S**2 + D - D**2 * np.einsum("nii->ni", inverse), floor)
    assert relative_error(L * scale, truth) < 1e-9
    np.testing.assert_allclose(model.low_rank_, L * scale, atol=1e-5)
    # Plain steps take superfluous directions to zero slowly; here they are left out.
    assert energy - 1e-3 * abs(energy) < model.energy_ <= energy


def test_energy_is_that_of_the_fitted_parts_and_falls_at_the_last_floor():
    X, _, _ = corrupted(0.1, 0.3)
    model = RobustVae(tol=1e-6, max_iter=1000).fit(X)
    C = model.components_.T @ model.components_ + model.outlier_var_[:, :, None] * np.eye(50)
    v = np.linalg.solve(C, X[:, :, None])[:, :, 0]
    size = X.size * np.log(model.scale_**2)
    energy = np.sum(X * v) + np.linalg.slogdet(C)[1].sum() - size
    assert model.energy_ == pytest.approx(energy, rel=1e-4)
    np.testing.assert_allclose(model.low_rank_, v @ model.components_.T @ model.components_, atol=1e-6)
    assert (np.diff(model.energy_path_[101:]) <= 1e-10).all()
    assert len(model.energy_path_) == model.n_iter_
    assert (model.outlier_var_ >= 1e-7 * model.scale_**2 * (1 - 1e-12)).all()


def test_parts_add_up_and_outliers_are_exactly_zero_elsewhere():
    X, _, mask = corrupted()
    model = RobustVae().fit(X)
    np.testing.assert_array_equal(model.outliers_[~model.outlier_mask_], 0)
    assert np.abs(X - model.low_rank_ - model.outliers_).max() < 2 * np.sqrt(1e-7) * model.scale_
    assert not (model.outlier_mask_ & ~mask).any()
    gram = model.components_ @ model.components_.T
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-10 * gram.max())
    assert (np.diff(np.diag(gram)) <= 0).all()


def spiked(n, d, rank=2, share=0.05, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))
    mask = rng.random((n, d)) < share
    X = np.where(mask, 10 * rng.standard_normal((n, d)), truth + noise * rng.standard_normal((n, d)))
    return X, truth, mask


@pytest.mark.parametrize("weak", [1.0, 0.1, 0.01])
def test_directions_that_outliers_hide_at_the_start_are_found(weak):
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((400, 3)) * [1, 1, weak] @ rng.standard_normal((3, 150))
    mask = rng.random(truth.shape) < 0.03
    X = np.where(mask, 10 * rng.standard_normal(truth.shape), truth)
    # Few directions stand out of the outliers, and the steps start from these alone.
    values = np.linalg.eigvalsh(X.T @ X)[::-1]
    standing = 3 if weak == 1.0 else 2
    assert values[standing - 1] > 10 * values[standing]
    model = RobustVae().fit(X)
    assert model.rank_ == 3
    np.testing.assert_allclose(model.low_rank_, truth, atol=1e-3)
    assert (model.outlier_mask_ == mask).mean() > 0.999


def test_more_features_than_samples_are_separated_as_their_transpose_is():
    for seed in range(3):
        X, truth, mask = spiked(30, 500, seed=seed)
        model, turned = RobustVae().fit(X), RobustVae().fit(X.T)
        assert (model.rank_, model.status_, turned.rank_) == (2, "converged", 2)
        np.testing.assert_allclose(model.low_rank_, truth, atol=1e-3)
        np.testing.assert_allclose(model.low_rank_, turned.low_rank_.T, atol=1e-9)
        np.testing.assert_allclose(model.outlier_var_, turned.outlier_var_.T, rtol=1e-6)
        np.testing.assert_array_equal(model.outlier_mask_, mask)
        assert model.components_.shape == (2, 500)
        gram = model.components_ @ model.components_.T
        np.testing.assert_allclose(gram, np.diag(np.sort(np.diag(gram))[::-1]), atol=1e-12 * gram.max())
        np.testing.assert_allclose(model.inverse_transform(model.transform(X)), model.low_rank_, atol=1e-5)
        np.testing.assert_allclose(np.mean(model.transform(X) ** 2, axis=0), 1, rtol=1e-4)
        assert RobustVae(n_components=1).fit(X).rank_ == 1


def test_missing_entries_of_more_features_than_samples_are_filled_in():
    X, truth, mask = spiked(30, 500)
    missing = np.random.default_rng(1).random(X.shape) < 0.2
    X[missing], X[7], X[:, 9] = np.nan, np.nan, np.nan
    model = RobustVae(allow_missing=True).fit(X)
    seen = np.ix_(np.arange(30) != 7, np.arange(500) != 9)
    np.testing.assert_allclose(model.low_rank_[seen], truth[seen], atol=1e-3)
    np.testing.assert_array_equal(model.outlier_mask_, mask & np.isfinite(X))
    for nothing in (model.low_rank_[7], model.low_rank_[:, 9], model.transform(X)[7]):
        np.testing.assert_allclose(nothing, 0, atol=1e-12)


@pytest.mark.parametrize("shape", [(200, 50), (50, 200)])
def test_less_than_one_entry_of_noise_is_expected_to_be_called_an_outlier(shape):
    wrong, found = [], []
    for seed in range(10):
        X, _, mask = spiked(*shape, rank=3, noise=0.3, seed=seed)
        model = RobustVae(floor=0.09 / np.mean(X**2)).fit(X)
        wrong.append(np.sum(model.outlier_mask_ & ~mask))
        found.append(np.sum(model.outlier_mask_ & mask) / mask.sum())
    assert np.mean(wrong) <= 1
    # Of normal outliers of size 10, those within 4.3 standard deviations of the noise look like it: a tenth.
    assert np.mean(found) == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("shape", [(200, 40), (40, 200)])
def test_outliers_of_features_of_small_scale_are_found_where_features_are_scaled(shape):
    X, truth, mask = spiked(*shape, rank=3, share=0.1)
    scales = np.logspace(0, 6, shape[1])
    scaled = RobustVae(scale_features=True).fit(X * scales)
    assert (scaled.outlier_mask_ == mask).mean() > 0.999
    np.testing.assert_allclose(scaled.low_rank_ / scales, truth, atol=1e-3)
    np.testing.assert_allclose(scaled.inverse_transform(scaled.transform(X * scales)) / scales, truth, atol=1e-3)
    # A median is proportional to its feature.
    np.testing.assert_allclose(scaled.scale_ / scales, RobustVae(scale_features=True).fit(X).scale_, rtol=1e-12)
    assert not RobustVae().fit(X * scales).outlier_mask_[:, scales < 10].any()


def test_missing_entries_are_filled_in():
    X, truth, mask = corrupted()
    missing = np.random.default_rng(1).random(X.shape) < 0.3
    X[missing] = np.nan
    model = RobustVae(allow_missing=True).fit(X)
    assert relative_error(model.low_rank_[missing], truth[missing]) < 1e-9
    assert not model.outlier_mask_[missing].any()
    assert (model.outlier_mask_ == (mask & ~missing)).mean() > 0.999
    np.testing.assert_array_equal(np.isnan(model.outlier_var_), missing)
    np.testing.assert_array_equal(model.outliers_[missing], 0)
    X[7], X[:, 9] = np.nan, np.nan
    emptied = RobustVae(allow_missing=True).fit(X)
    np.testing.assert_array_equal(emptied.low_rank_[7], 0)
    np.testing.assert_array_equal(emptied.low_rank_[:, 9], 0)
    rest = np.ix_(np.arange(200) != 7, np.arange(50) != 9)
    assert relative_error(emptied.low_rank_[rest], truth[rest]) < 1e-9
    np.testing.assert_array_equal(emptied.transform(X)[7], 0)


def test_new_samples_are_decoded_from_what_is_no_outlier():
    X, truth, _ = corrupted(n=260)
    model = RobustVae(allow_missing=True).fit(X[:200])
    assert relative_error(model.inverse_transform(model.transform(X[200:])), truth[200:]) < 1e-9
    np.testing.assert_allclose(model.inverse_transform(model.transform(X[:200])), model.low_rank_, atol=1e-4)
    X[200:][np.random.default_rng(0).random((60, 50)) < 0.2] = np.nan
    assert relative_error(model.inverse_transform(model.transform(X[200:])), truth[200:]) < 1e-9


def test_samples_of_any_element_are_read_as_they_lie():
    rng = np.random.default_rng(0)
    truth = rng.integers(-3, 4, (300, 2)) @ rng.integers(-2, 3, (2, 60))
    X = np.where(rng.random(truth.shape) < 0.1, rng.integers(-90, 90, truth.shape), truth).astype(np.int8)
    expected = RobustVae().fit(X.astype(float))
    assert (expected.rank_, relative_error(expected.low_rank_, truth) < 1e-9) == (2, True)
    for same in (X, np.asfortranarray(X), X.astype(np.float32)):
        model = RobustVae().fit(same)
        single = same.dtype == np.float32
        assert {model.low_rank_.dtype, model.outliers_.dtype} == {np.dtype(np.float32 if single else np.float64)}
        np.testing.assert_allclose(model.low_rank_, expected.low_rank_, rtol=1e-6 if single else 0, atol=1e-6 * single)
        np.testing.assert_array_equal(model.outlier_var_, expected.outlier_var_)
        np.testing.assert_array_equal(model.outliers_, np.where(model.outlier_mask_, model.outliers_, 0))
    with pytest.raises(DataTypeError, match=r"use X.toarray\(\)"):
        RobustVae().fit(csr_array(X))


def test_latent_variables_of_a_sample_do_not_depend_on_how_many_there_are():
    X, _, _ = corrupted()
    model = RobustVae(n_anneal=20).fit(X)
    # More entries than are encoded at a time.
    many = np.tile(X, (30, 1))
    np.testing.assert_allclose(model.transform(many), np.tile(model.transform(X), (30, 1)), atol=1e-9)
    many[5500, 3] = np.nan
    with pytest.raises(NonFiniteError, match=r"index \[5500, 3\]"):
        model.transform(many)


def test_components_can_be_limited():
    X, truth, _ = corrupted()
    assert RobustVae(n_components=5).fit(X).rank_ == 5
    assert RobustVae(n_components=3).fit(X).rank_ <= 3
    assert relative_error(RobustVae(n_components=50).fit(X).low_rank_, truth) < 1e-9
    for count in (51, 10**30):
        with pytest.raises(ParameterError, match="number of features, 50"):
            RobustVae(n_components=count).fit(X)


def test_threads_change_no_bit():
    X, _, _ = corrupted(0.2, 0.2)
    alone = RobustVae().fit(X)
    for n_jobs in (1, 2, 3, -1):
        other = RobustVae(n_jobs=n_jobs).fit(X)
        for name in ("low_rank_", "components_", "energy_path_", "outlier_var_"):
            np.testing.assert_array_equal(getattr(other, name), getattr(alone, name))
        np.testing.assert_array_equal(other.transform(X), alone.transform(X))


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e150])
def test_the_unit_of_the_data_does_not_matter(scale):
    X, _, _ = corrupted()
    here, there = RobustVae().fit(X), RobustVae().fit(X * scale)
    np.testing.assert_allclose(there.low_rank_ / scale, here.low_rank_, atol=1e-8)
    assert (there.rank_, there.n_iter_) == (here.rank_, here.n_iter_)


def test_zeros_and_constant_features_and_single_samples_are_defined():
    model = RobustVae().fit(np.zeros((6, 4)))
    assert (model.rank_, model.scale_) == (0, 1.0)
    assert not model.low_rank_.any()
    assert not model.outlier_mask_.any()
    assert model.transform(np.ones((2, 4))).shape == (2, 0)
    np.testing.assert_array_equal(model.inverse_transform(np.zeros((2, 0))), np.zeros((2, 4)))
    X, truth, _ = corrupted()
    shifted = RobustVae().fit(X + 1.0)
    assert (shifted.rank_, relative_error(shifted.low_rank_, truth + 1.0) < 1e-9) == (6, True)
    # One dimension or as many outliers as samples: the cost of a feature on its own is the same.
    X[:, 3] = truth[:, 3] = 1.0
    model = RobustVae().fit(X)
    assert relative_error(np.delete(model.low_rank_, 3, axis=1), np.delete(truth, 3, axis=1)) < 1e-9
    np.testing.assert_allclose((model.low_rank_ + model.outliers_)[:, 3], 1.0, atol=1e-3)
    assert np.isfinite(RobustVae(max_iter=1000).fit(np.ones((1, 3))).low_rank_).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"floor": 0.0}, "`floor` is 0"),
        ({"floor": -1e-3}, "`floor` is -0.001"),
        ({"floor": 0.5}, "`floor` is 0.5"),
        ({"floor": np.nan}, "`floor` is NaN"),
        ({"floor": "low"}, "`floor` is 'low'"),
        ({"n_components": 0}, "`n_components` is 0"),
        ({"n_components": 1.5}, "`n_components` is 1.5"),
        ({"allow_missing": "yes"}, "`allow_missing` is 'yes'"),
        ({"scale_features": 1}, "`scale_features` is 1"),
        ({"n_anneal": -1}, "`n_anneal` is -1"),
        ({"max_iter": 0}, "`max_iter` is 0"),
        ({"tol": -1.0}, "`tol` is -1"),
        ({"tol": np.inf}, "`tol` is inf"),
        ({"n_jobs": 0}, "`n_jobs` is 0"),
    ],
)
def test_parameters_out_of_range_are_named(options, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        RobustVae(**options).fit(np.eye(3))


@pytest.mark.parametrize(
    ("X", "missing", "error", "message"),
    [
        (np.ones(3), False, ShapeError, "`X` has shape (3,)"),
        (np.ones((0, 3)), False, ShapeError, "`X` cannot be used"),
        ([[1.0, np.nan]], False, NonFiniteError, "index [0, 1]"),
        ([[1.0, np.inf]], True, NonFiniteError, "index [0, 1]"),
        ([[np.nan, np.nan]], True, ParameterError, "missing in every entry"),
        ([[1j]], False, DataTypeError, "Complex"),
        (
            1e160 * np.random.default_rng(0).standard_normal((20, 40)),
            False,
            ParameterError,
            "`X` are scaled so that the variance of an outlier is",
        ),
    ],
)
def test_data_that_cannot_be_used_are_refused(X, missing, error, message):
    with pytest.raises(error, match=re.escape(message)):
        RobustVae(allow_missing=missing).fit(X)


def test_a_floor_too_small_for_float64_is_named():
    with pytest.raises(NumericalError, match=r"`floor` 1e-300, but a larger one is needed"):
        RobustVae(floor=1e-300).fit(np.random.default_rng(0).standard_normal((20, 40)))


def test_other_methods_refuse_what_does_not_fit():
    model = RobustVae().fit(corrupted()[0])
    with pytest.raises(ShapeError, match="49 features"):
        model.transform(np.ones((2, 49)))
    with pytest.raises(NonFiniteError):
        model.transform(np.full((2, 50), np.nan))
    with pytest.raises(ShapeError, match="5 columns are needed"):
        model.inverse_transform(np.ones((2, 4)))


def test_unfinished_steps_warn_and_progress_goes_to_standard_error(capfd):
    X, _, _ = corrupted()
    with pytest.warns(ConvergenceWarning, match="20 steps, 20 of them annealing"):
        assert RobustVae(max_iter=20).fit(X).status_ == "iteration_limit"
    assert capfd.readouterr() == ("", "")
    RobustVae(verbose=True).fit(corrupted(n=1500, d=100)[0])
    out, err = capfd.readouterr()
    assert out == ""
    assert "step" in err


def test_interrupt_stops_a_fit_within_a_fifth_of_a_second():
    X, _, _ = corrupted(0.3, 0.4, n=2000, d=100)
    sent = []

    def press():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.5, press).start()
    with pytest.raises(KeyboardInterrupt):
        RobustVae(tol=0.0, max_iter=10**9, n_jobs=2).fit(X)
    assert time.perf_counter() - sent[0] < 0.2


def test_dtypes_names_and_pickles():
    X, _, _ = corrupted()
    single = RobustVae(floor=1e-6).fit(X.astype(np.float32))
    assert {single.low_rank_.dtype, single.outliers_.dtype, single.transform(X.astype(np.float32)).dtype} == {
        np.dtype(np.float32)
    }
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(50)])
    named = RobustVae().fit(frame)
    assert named.get_feature_names_out().tolist() == [f"robustvae{k}" for k in range(5)]
    again = pickle.loads(pickle.dumps(named))
    np.testing.assert_array_equal(again.transform(frame), named.transform(frame))
    np.testing.assert_array_equal(RobustVae().fit(np.asfortranarray(X)).low_rank_, named.low_rank_)


def test_defaults_are_those_of_the_core_and_everything_is_documented():
    defaults = _core.robust_defaults()
    for model, name in ((RobustVae, "robust_vae"), (RobustPca, "robust_pca")):
        parameters = inspect.signature(model).parameters
        assert {key: parameters[key].default for key in defaults[name]} == defaults[name]
        fitted = model().fit(pd.DataFrame(corrupted()[0], columns=[f"x{j}" for j in range(50)]))

        def names(section, of=model):
            text = inspect.getdoc(of).split(f"{section}\n{'-' * len(section)}\n")[1].split("\n\n")[0]
            return set(re.findall(r"^(\w+) : ", text, re.M))

        assert names("Attributes") == {key for key in vars(fitted) if key.endswith("_")}
        assert names("Parameters") == set(parameters)
