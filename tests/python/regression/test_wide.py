"""Wide designs, searched by a working set of columns."""

import re

import numpy as np
import pytest
from sparsevae import SimultaneousSparseVae, VaeSlr
from sparsevae.datasets import make_row_sparse_regression, make_sparse_regression
from sparsevae.exceptions import ParameterError

N_SAMPLES, N_FEATURES = 60, 4_000


@pytest.fixture(scope="module")
def data():
    return make_sparse_regression(N_SAMPLES, N_FEATURES, n_nonzero=4, design="gaussian", snr_db=25, random_state=1)


def test_passes_are_counted_where_there_is_a_working_set_and_are_zero_elsewhere(data):
    assert VaeSlr().fit(data.X, data.y).n_passes_ >= 2
    narrow = np.union1d(data.support, np.arange(500))
    assert VaeSlr().fit(data.X[:, narrow], data.y).n_passes_ == 0


def test_results_speak_of_all_columns(data):
    model = VaeSlr().fit(data.X, data.y)
    assert np.array_equal(model.support_, data.support)
    assert model.coef_.shape == model.inclusion_prob_.shape == model.coef_var_.shape == (N_FEATURES,)
    assert all(columns.max() < N_FEATURES for columns, _ in model.selection_path_[1:])
    named = {int(j) for columns in model.credible_sets_ for j in columns}
    assert set(data.support) <= named


def test_averages_of_a_working_set_predict_with_their_uncertainty(data):
    model = VaeSlr(model_averaging=True).fit(data.X, data.y)
    assert np.count_nonzero(model.coef_var_) < N_FEATURES
    assert (model.coef_var_[data.support] > 0).all()
    new = np.random.default_rng(0).standard_normal((400, N_FEATURES))
    mean, std = model.predict(new, return_std=True)
    truth = new @ data.coef
    np.testing.assert_allclose(mean, new @ model.coef_ + model.intercept_)
    inside = np.abs(mean - truth) < 2 * std
    assert inside.mean() > 0.9


def test_weights_of_samples_reach_the_working_set(data):
    weights = np.ones(N_SAMPLES)
    weights[:5] = 1e-8
    y = data.y.copy()
    y[:5] += 100
    model = VaeSlr().fit(data.X, y, sample_weight=weights)
    assert model.n_passes_ >= 2
    assert np.array_equal(model.support_, data.support)


def test_float32_and_fortran_order_find_the_same_columns(data):
    for X in (data.X.astype(np.float32), np.asfortranarray(data.X)):
        assert np.array_equal(VaeSlr().fit(X, data.y).support_, data.support)


def test_threads_share_a_fit_and_change_no_bit(capfd):
    data = make_sparse_regression(80, 4000, n_nonzero=4, snr_db=20, random_state=7)
    alone = VaeSlr().fit(data.X, data.y)
    for n_jobs in (2, -1):
        shared = VaeSlr(n_jobs=n_jobs, verbose=True).fit(data.X, data.y)
        assert shared.coef_.tobytes() == alone.coef_.tobytes()
        assert shared.inclusion_prob_.tobytes() == alone.inclusion_prob_.tobytes()
    assert f"{alone.n_passes_} passes" in capfd.readouterr().err


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "2"])
def test_other_numbers_of_threads_are_refused(n_jobs):
    with pytest.raises(ParameterError, match="`n_jobs`"):
        VaeSlr(n_jobs=n_jobs).fit(np.eye(4)[:, :3], np.arange(4.0))


def test_a_pass_shows_columns_and_bytes(capfd):
    X = np.asfortranarray(np.random.default_rng(0).integers(0, 3, (100, 400_000), dtype=np.int8))
    y = X[:, 7] - 2.0 * X[:, 70_000] + np.random.default_rng(1).standard_normal(100)
    model = VaeSlr(verbose=True).fit(X, y)
    assert model.support_.tolist() == [7, 70_000]
    assert re.search(r"pass 1  [\d,]+ of 400,000 columns \([\d.]+ GB\)", capfd.readouterr().err)


# Several responses.


@pytest.fixture(scope="module", params=[5, 80])
def rows(request):
    return make_row_sparse_regression(
        N_SAMPLES, N_FEATURES, n_responses=request.param, n_nonzero=6, snr_db=15, design="gaussian", random_state=2
    )


@pytest.mark.parametrize("rule", ["projection", "evidence"])
def test_rows_are_found_by_a_working_set(rows, rule):
    model = SimultaneousSparseVae(support_rule=rule).fit(rows.X, rows.Y)
    assert model.n_passes_ >= 2
    np.testing.assert_array_equal(model.support_, rows.support)
    assert model.coef_.shape == (rows.Y.shape[1], N_FEATURES)


def test_fits_of_one_seed_are_the_same_bits(rows):
    first, second = (SimultaneousSparseVae(random_state=3).fit(rows.X, rows.Y) for _ in range(2))
    np.testing.assert_array_equal(first.coef_, second.coef_)
    np.testing.assert_array_equal(first.inclusion_prob_, second.inclusion_prob_)


def test_averages_over_rows_of_a_working_set_predict_with_their_uncertainty(rows):
    model = SimultaneousSparseVae(model_averaging=True).fit(rows.X, rows.Y)
    new = np.random.default_rng(0).standard_normal((200, N_FEATURES))
    mean, std = model.predict(new, return_std=True)
    # Predictive intervals of 95% are for the responses, noise included.
    noise = (rows.Y - rows.X @ rows.coef.T).std()
    truth = new @ rows.coef.T + noise * np.random.default_rng(1).standard_normal(mean.shape)
    assert 0.9 < (np.abs(mean - truth) < 1.96 * std[:, None]).mean() < 0.99


def test_identical_responses_are_one(data):
    one = SimultaneousSparseVae().fit(data.X, data.y[:, None])
    ten = SimultaneousSparseVae().fit(data.X, np.tile(data.y[:, None], 10))
    np.testing.assert_array_equal(ten.support_, one.support_)
    np.testing.assert_array_equal(ten.coef_, np.tile(one.coef_, (10, 1)))
    np.testing.assert_array_equal(ten.intercept_, np.tile(one.intercept_, 10))
    assert ten.noise_var_ == one.noise_var_


@pytest.mark.parametrize("columns", [N_FEATURES, 300])
def test_a_response_that_comes_twice_counts_once(data, columns):
    X = data.X[:, np.union1d(data.support, np.arange(columns))]
    noise = 0.2 * data.y.std() * np.random.default_rng(4).standard_normal((N_SAMPLES, 3))
    Y, order = data.y[:, None] * [1.0, -1.0, 2.0] + noise, [0, 1, 1, 2, 0]
    once, again = SimultaneousSparseVae().fit(X, Y), SimultaneousSparseVae().fit(X, Y[:, order])
    assert len(once.support_) == len(data.support)
    np.testing.assert_array_equal(again.support_, once.support_)
    np.testing.assert_array_equal(again.coef_, once.coef_[order])
    # A product of five responses may round otherwise than one of three.
    np.testing.assert_allclose(again.predict(X), once.predict(X)[:, order], rtol=0, atol=1e-13)
