"""Attributes of many columns, which are kept without their zeros."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sparsevae import PreconditionedVae, VaeSlr, fit_many
from sparsevae.datasets import make_sparse_regression

N_SAMPLES, N_FEATURES = 60, 6_000
NAMES = ("coef_", "prior_var_", "coef_var_", "inclusion_prob_")


@pytest.fixture(scope="module")
def data():
    return make_sparse_regression(N_SAMPLES, N_FEATURES, n_nonzero=4, design="gaussian", snr_db=25, random_state=1)


@pytest.fixture(scope="module")
def many(data):
    noise = 0.1 * np.random.default_rng(0).standard_normal(N_SAMPLES)
    Y = np.c_[data.y, data.X[:, [7, 300]] @ [2.0, -1.0] + noise, data.X @ data.coef]
    return Y, fit_many(VaeSlr(), data.X, Y)


def test_attributes_are_the_arrays_that_they_were(data, many):
    Y, models = many
    for y, model in zip(Y.T, models, strict=True):
        alone = VaeSlr().fit(data.X, y)
        for name in NAMES:
            values = getattr(model, name)
            assert (values.shape, values.dtype) == ((N_FEATURES,), np.dtype(np.float64))
            np.testing.assert_array_equal(values, getattr(alone, name))
        np.testing.assert_array_equal(np.flatnonzero(model.coef_), model.support_)
        np.testing.assert_allclose(model.predict(data.X), data.X @ model.coef_ + model.intercept_)
    certified = models[2]
    np.testing.assert_array_equal(certified.inclusion_prob_, data.coef != 0)
    np.testing.assert_allclose(certified.coef_, data.coef, atol=1e-10)


def test_what_is_kept_grows_with_what_is_not_zero_and_pickles_are_the_same(many):
    for model in many[1]:
        kept = sum(vars(model)[name].values.nbytes + vars(model)[name].places.nbytes for name in NAMES)
        # The working set is a sixth of the columns: an inclusion probability each, and nothing else.
        assert kept < 0.2 * sum(getattr(model, name).nbytes for name in NAMES)
        again = pickle.loads(pickle.dumps(model))
        for name in NAMES:
            np.testing.assert_array_equal(getattr(again, name), getattr(model, name))


def test_writing_to_an_array_that_is_not_kept_is_an_error_and_assignment_is_not(many):
    model = pickle.loads(pickle.dumps(many[1][0]))
    with pytest.raises(ValueError, match="read-only"):
        model.coef_[3] = 1.0
    model.coef_ = np.eye(1, N_FEATURES, 3)[0]
    assert (model.coef_[3], np.count_nonzero(model.coef_)) == (1.0, 1)
    del model.coef_
    with pytest.raises(AttributeError, match="no attribute 'coef_'"):
        _ = model.coef_
    with pytest.raises(AttributeError, match="'VaeSlr' object has no attribute 'coef_'"):
        _ = clone(model).coef_


@pytest.mark.parametrize("n_features", [20, N_FEATURES])
def test_coefficients_are_given_as_a_sparse_row(data, n_features):
    kept = np.union1d(data.support, np.arange(n_features - len(data.support)))[:n_features]
    kept = np.union1d(kept, data.support)
    X = data.X[:, kept]
    for model in (VaeSlr().fit(X, data.y), PreconditionedVae().fit(X, data.y)):
        row = model.sparse_coef_
        assert (row.shape, row.nnz) == ((1, X.shape[1]), len(model.support_))
        np.testing.assert_array_equal(row.toarray()[0], model.coef_)
        row.data[:] = 0.0
        assert model.coef_.any()


def test_rows_of_many_responses_stack(data, many):
    models = many[1]
    stacked = sp.vstack([model.sparse_coef_ for model in models])
    assert stacked.shape == (3, N_FEATURES)
    intercepts = [model.intercept_ for model in models]
    predicted = np.column_stack([model.predict(data.X) for model in models])
    np.testing.assert_allclose((stacked @ data.X.T).T + intercepts, predicted)


def test_columns_that_are_always_in_and_averages_are_kept_like_others(data):
    model = VaeSlr(always_select=[5], model_averaging=True).fit(data.X, data.y)
    assert model.prior_var_[5] == np.inf
    assert model.coef_var_[5] > 0
    assert 5 in model.support_
