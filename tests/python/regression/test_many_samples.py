"""Wide designs of so many samples that the working set has fewer columns, and what is sampled of large ones."""

import numpy as np
import pytest
import scipy.sparse as sp
from sparsevae import SimultaneousSparseVae, VaeSlr

N_SAMPLES, N_FEATURES, N_NONZERO = 2_000, 5_000, 8


@pytest.fixture(scope="module")
def sparse():
    rng = np.random.default_rng(3)
    X = sp.random(N_SAMPLES, N_FEATURES, density=0.005, format="csc", random_state=rng, data_rvs=rng.standard_normal)
    support = np.sort(rng.choice(N_FEATURES, N_NONZERO, replace=False))
    coef = np.zeros(N_FEATURES)
    coef[support] = rng.choice([-1, 1], N_NONZERO) * rng.uniform(1, 2, N_NONZERO)
    return X, coef, support


def with_noise(signal, snr_db, seed=0):
    scale = signal.std() * 10 ** (-snr_db / 20)
    return signal + scale * np.random.default_rng(seed).standard_normal(signal.shape)


def test_sparse_columns_and_dense_ones_give_the_same_answer(sparse):
    X, coef, support = sparse
    y = 5 + with_noise(X @ coef, 20)
    of_sparse, of_dense = VaeSlr().fit(X, y), VaeSlr().fit(X.toarray(), y)
    assert of_sparse.n_passes_ >= 2
    for model in (of_sparse, of_dense):
        np.testing.assert_array_equal(model.support_, support)
        assert {int(j) for columns in model.credible_sets_ for j in columns} == set(support)
        assert (model.inclusion_prob_[support] > 0.99).all()
    np.testing.assert_allclose(of_sparse.coef_, of_dense.coef_, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(of_sparse.inclusion_prob_, of_dense.inclusion_prob_, atol=1e-6)
    assert of_sparse.noise_var_ == pytest.approx(of_dense.noise_var_, rel=1e-6)
    assert of_sparse.noise_var_ == pytest.approx(np.var(y - 5 - X @ coef), rel=0.1)


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_data_free_of_noise_are_certified_with_their_exact_coefficients(sparse, form):
    X, coef, support = sparse
    model = VaeSlr().fit(X if form == "sparse" else X.toarray(), X @ coef + 3)
    assert model.certified_
    assert model.n_passes_ >= 2
    np.testing.assert_array_equal(model.support_, support)
    np.testing.assert_allclose(model.coef_, coef, atol=1e-10)


def test_a_copy_of_a_chosen_column_shares_its_probability_and_takes_its_certificate(sparse):
    X, coef, support = sparse
    chosen, copy = support[0], int(np.setdiff1d([10, 11], support)[0])
    twice = X.tolil()
    twice[:, copy] = X[:, [chosen]]
    twice = twice.tocsc()
    model = VaeSlr().fit(twice, with_noise(twice @ coef, 20))
    assert any({chosen, copy} <= set(columns) for columns in model.credible_sets_)
    both = model.inclusion_prob_[[chosen, copy]]
    assert both.sum() == pytest.approx(1, abs=0.05)
    assert both.min() > 0.1
    assert not VaeSlr().fit(twice, twice @ coef).certified_


@pytest.mark.filterwarnings("ignore:.*no column was chosen")
def test_noise_alone_is_told_no_column(sparse):
    X, _, _ = sparse
    rng = np.random.default_rng(5)
    chosen = [VaeSlr().fit(X, rng.standard_normal(N_SAMPLES)).support_.size > 0 for _ in range(8)]
    # The level is 4%: three of eight are as rare as one in three hundred.
    assert sum(chosen) < 3


def test_samples_of_weight_zero_are_left_out_of_sparse_columns(sparse):
    X, coef, support = sparse
    y = with_noise(X @ coef, 20)
    weights = np.random.default_rng(1).uniform(0.5, 2, N_SAMPLES)
    weights[[0, 1, 70, 1_999]] = 0
    used = weights > 0
    wrong = np.where(used, y, 1e6)
    all_of_them = VaeSlr().fit(X, wrong, sample_weight=weights)
    fewer = VaeSlr().fit(X[used].tocsc(), y[used], sample_weight=weights[used])
    np.testing.assert_array_equal(all_of_them.support_, support)
    np.testing.assert_allclose(all_of_them.coef_, fewer.coef_, rtol=1e-6, atol=1e-12)


def test_several_responses_share_a_working_set_of_fewer_columns(sparse):
    X, coef, support = sparse
    signs = np.random.default_rng(2).choice([-1, 1], (4, N_FEATURES))
    Y = with_noise(X @ (signs * coef).T, 10)
    model = SimultaneousSparseVae().fit(X, Y)
    assert model.n_passes_ >= 2
    np.testing.assert_array_equal(model.support_, support)
    assert (model.inclusion_prob_[support] > 0.99).all()
    np.testing.assert_allclose(model.coef_[:, support], (signs * coef)[:, support], atol=0.5)


def test_the_posterior_is_sampled_of_designs_that_are_large_and_not_wide():
    rng = np.random.default_rng(8)
    X = rng.standard_normal((700, 1_600))
    X[:, 1_234] = X[:, 5] + 1e-3 * rng.standard_normal(700)
    y = with_noise(X[:, [5, 99]] @ [1.0, -1.0], 10)
    model = VaeSlr().fit(X, y)
    assert model.n_passes_ == 0
    sets = {frozenset(map(int, columns)) for columns in model.credible_sets_}
    assert sets == {frozenset([5, 1_234]), frozenset([99])}
    assert model.inclusion_prob_.shape == (1_600,)
    assert np.sort(np.argsort(model.inclusion_prob_)[-3:]).tolist() == [5, 99, 1_234]


def test_the_posterior_is_sampled_of_tall_designs_of_many_columns():
    rng = np.random.default_rng(9)
    X = rng.standard_normal((3_000, 900))
    y = with_noise(X[:, [3, 500]] @ [1.0, 1.0], 0)
    model = VaeSlr().fit(X, y)
    np.testing.assert_array_equal(model.support_, [3, 500])
    assert model.inclusion_prob_[[3, 500]].min() > 0.99
    assert model.inclusion_prob_.sum() < 4


@pytest.mark.filterwarnings("ignore:.*no column was chosen")
def test_noise_alone_is_told_no_column_of_a_tall_design_that_is_sampled_in_part():
    rng = np.random.default_rng(10)
    X = rng.standard_normal((2_000, 900))
    chosen = [VaeSlr().fit(X, rng.standard_normal(2_000)).support_.size > 0 for _ in range(8)]
    assert sum(chosen) < 3
