"""Weights of samples, held to what they mean: noise of another variance."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sparsevae import PreconditionedVae, SimultaneousSparseVae, VaeSlr, fit_many
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError


def heteroscedastic(seed, n_samples=120, n_features=60):
    """Ten times the noise in half of the samples."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)) + 3
    coef = np.zeros(n_features)
    coef[rng.choice(n_features, 4, replace=False)] = rng.choice([-1.0, 1.0], 4)
    deviation = np.where(np.arange(n_samples) % 2, 3.0, 0.3)
    return X, X @ coef + 7 + deviation * rng.standard_normal(n_samples), coef, 1 / deviation**2


def test_weights_make_better_estimates_where_noise_differs():
    errors = []
    for seed in range(8):
        X, y, coef, weights = heteroscedastic(seed)
        models = VaeSlr().fit(X, y, weights), VaeSlr().fit(X, y)
        errors.append([np.linalg.norm(model.coef_ - coef) for model in models])
        assert models[0].noise_var_ == pytest.approx(1.0, rel=0.6)
    weighted, unweighted = np.mean(errors, axis=0)
    assert weighted < 0.5 * unweighted


@pytest.mark.parametrize("model", [VaeSlr, PreconditionedVae])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_coefficients_and_intercept_are_those_of_weighted_least_squares_on_the_support(model, fit_intercept):
    X, y, _, weights = heteroscedastic(1)
    fitted = model(support_rule="evidence", fit_intercept=fit_intercept).fit(X, y, weights)
    columns = np.column_stack([X[:, fitted.support_], np.full(len(X), float(fit_intercept))])
    root = np.sqrt(weights)
    solution = np.linalg.lstsq(root[:, None] * columns, root * y, rcond=None)[0]
    np.testing.assert_allclose(fitted.coef_[fitted.support_], solution[:-1], rtol=1e-8)
    assert fitted.intercept_ == pytest.approx(solution[-1] if fit_intercept else 0.0, rel=1e-8)
    left = root * (y - columns @ solution)
    spare = len(X) - columns.shape[1] + (not fit_intercept)
    assert fitted.noise_var_ == pytest.approx(left @ left / spare, rel=1e-8)


def test_equal_weights_change_nothing_but_the_unit_of_the_noise():
    X, y, _, _ = heteroscedastic(2)
    one, four = (
        VaeSlr(support_rule="evidence").fit(X, y),
        VaeSlr(support_rule="evidence").fit(X, y, np.full(len(X), 4.0)),
    )
    np.testing.assert_array_equal(one.support_, four.support_)
    np.testing.assert_allclose(four.coef_, one.coef_, rtol=1e-9, atol=1e-12)
    assert four.intercept_ == pytest.approx(one.intercept_)
    assert four.noise_var_ == pytest.approx(4 * one.noise_var_)
    np.testing.assert_allclose(four.coef_var_, one.coef_var_, rtol=1e-8)


@pytest.mark.parametrize("averaging", [False, True])
def test_samples_of_weight_zero_are_as_if_they_were_not_there(averaging):
    X, y, _, weights = heteroscedastic(3)
    weights[::3] = 0.0
    y[::3] = 1e6
    model = VaeSlr(model_averaging=averaging).fit(X, y, weights)
    rest = VaeSlr(model_averaging=averaging).fit(X[weights > 0], y[weights > 0], weights[weights > 0])
    np.testing.assert_allclose(model.predict(X), rest.predict(X), rtol=1e-9)
    np.testing.assert_allclose(model.predict(X, return_std=True)[1], rest.predict(X, return_std=True)[1], rtol=1e-6)


def test_draws_of_the_intercept_belong_to_those_of_the_coefficients():
    X, y, _, weights = heteroscedastic(4)
    model = VaeSlr(model_averaging=True).fit(X, y, weights)
    mean, std = model.predict(X, return_std=True)
    assert np.average(mean, weights=weights) == pytest.approx(np.average(y, weights=weights))
    # Weighted residuals have the noise's variance.
    assert np.average((y - mean) ** 2, weights=weights) * weights.mean() == pytest.approx(model.noise_var_, rel=0.5)
    assert (std > np.sqrt(model.noise_var_)).all()


def test_noise_free_data_are_certified_with_any_weights():
    rng = np.random.default_rng(5)
    X, coef = rng.standard_normal((40, 80)), np.zeros(80)
    coef[[3, 14, 15]] = 1.0, -2.0, 0.5
    model = VaeSlr().fit(X, X @ coef + 2, rng.uniform(0.1, 10, 40))
    assert model.certified_
    np.testing.assert_allclose(model.coef_, coef, atol=1e-10)
    assert model.intercept_ == pytest.approx(2)


def test_many_responses_are_weighted_as_each_alone():
    X, y, _, weights = heteroscedastic(6)
    Y = np.column_stack([y, y[::-1]])
    for model, response in zip(fit_many(VaeSlr(), X, Y, sample_weight=weights), Y.T, strict=True):
        alone = VaeSlr().fit(X, response, weights)
        np.testing.assert_allclose(model.coef_, alone.coef_, rtol=1e-12)
        assert model.intercept_ == pytest.approx(alone.intercept_, rel=1e-12)


def test_weights_of_several_responses_are_a_diagonal_covariance_of_the_noise():
    X, y, _, weights = heteroscedastic(7)
    Y = np.column_stack([y, 2 * y + np.sin(np.arange(len(y)))])
    weighted = SimultaneousSparseVae().fit(X, Y, weights)
    covariance = SimultaneousSparseVae(noise_cov=np.diag(1 / weights)).fit(X, Y)
    np.testing.assert_array_equal(weighted.support_, covariance.support_)
    np.testing.assert_allclose(weighted.coef_, covariance.coef_, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(weighted.intercept_, covariance.intercept_, rtol=1e-7)
    with pytest.raises(ParameterError, match="noise_cov"):
        SimultaneousSparseVae(noise_cov=np.diag(1 / weights)).fit(X, Y, weights)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones(119), ShapeError, r"shape \(119,\)"),
        (np.ones((120, 1)), ShapeError, r"shape \(120, 1\)"),
        (np.full(120, -1.0), ParameterError, "must not be negative"),
        (np.zeros(120), ParameterError, "0 weights that are not zero, but 2"),
        (np.r_[np.nan, np.ones(119)], NonFiniteError, "sample_weight"),
        (np.full(120, 1e308), ParameterError, "beyond the range"),
        (["a"] * 120, DataTypeError, "sample_weight"),
    ],
)
def test_what_is_no_weight_is_refused_by_name(weights, error, message):
    X, y, _, _ = heteroscedastic(8)
    with pytest.raises(error, match=message):
        VaeSlr().fit(X, y, weights)


def test_metadata_reach_the_fit_through_a_search():
    X, y, _, weights = heteroscedastic(9)
    search = GridSearchCV(VaeSlr(), {"support_rule": ["evidence", "projection"]}, cv=3)
    search.fit(X, y, sample_weight=weights)
    alone = VaeSlr(**search.best_params_).fit(X, y, weights)
    np.testing.assert_array_equal(search.best_estimator_.coef_, alone.coef_)


def test_tensors_are_weights_too():
    torch = pytest.importorskip("torch")
    X, y, _, weights = heteroscedastic(10)
    model = VaeSlr().fit(*map(torch.from_numpy, (X, y)), torch.from_numpy(weights))
    np.testing.assert_array_equal(model.coef_.numpy(), VaeSlr().fit(X, y, weights).coef_)
