"""Sparse Bayesian learning: against the posterior written out, the energy of the linear VAE, and each other."""

import warnings

import numpy as np
import pytest
from problems import three_nonzeros
from sklearn.exceptions import ConvergenceWarning
from sparsevae import energies
from sparsevae.baselines import CovarianceFreeEm, SparseBayesianLearning
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import NumericalError

each = pytest.mark.parametrize("model", [CovarianceFreeEm, SparseBayesianLearning])
X, _, Y = three_nonzeros()


def posterior_written_out(design, y, model):
    """Mean and covariance by the inverse of the n x n matrix, at the variances of a fitted model."""
    inverse = np.diag(1 / model.prior_var_)
    covariance = np.linalg.inv(design.T @ design / model.noise_var_ + inverse)
    return covariance @ design.T @ y / model.noise_var_, covariance


@pytest.mark.parametrize("shape", [(20, 50), (50, 20)], ids=["wide", "tall"])
def test_exact_em_is_the_posterior_and_climbs_the_evidence(shape):
    data = make_sparse_regression(*shape, n_nonzero=5, snr_db=20, random_state=0)
    noise_var, values = 1e-2 * np.mean(data.y**2), []
    for steps in (1, 3, 10, 30):
        with pytest.warns(ConvergenceWarning, match=f"`max_iter`, which is {steps}"):
            model = SparseBayesianLearning(
                noise_var=noise_var, max_iter=steps, prune=0.0, tol=0.0, fit_intercept=False
            ).fit(data.X, data.y)
        mean, covariance = posterior_written_out(data.X, data.y, model)
        np.testing.assert_allclose(model.coef_, mean, atol=1e-9 * np.abs(mean).max())
        np.testing.assert_allclose(model.posterior_var_, covariance.diagonal(), rtol=1e-6)
        assert model.noise_var_ == pytest.approx(noise_var)
        values.append(energies.marginal_energy(data.X, data.y, model.prior_var_, noise_var)[0])
    assert (np.diff(values) < 0).all()


def test_exact_em_ends_at_a_fixed_point():
    data = make_sparse_regression(40, 20, n_nonzero=5, snr_db=20, random_state=0)
    model = SparseBayesianLearning(prune=0.0, tol=1e-9, max_iter=50_000, fit_intercept=False).fit(data.X, data.y)
    assert model.status_ == "converged"
    np.testing.assert_allclose(
        model.prior_var_, model.coef_**2 + model.posterior_var_, atol=1e-7 * model.prior_var_.max()
    )
    left, share = data.y - data.X @ model.coef_, model.posterior_var_ / model.prior_var_
    assert model.noise_var_ == pytest.approx((left @ left + model.noise_var_ * (1 - share).sum()) / 40, rel=1e-6)
    assert 0.2 * data.noise_var < model.noise_var_ < 5 * data.noise_var


@pytest.mark.parametrize("shape", [(30, 60), (60, 30)], ids=["wide", "tall"])
def test_probed_variances_are_within_their_monte_carlo_error(shape):
    """Five standard deviations of the estimator for every variance, and one for their root mean square."""
    data = make_sparse_regression(*shape, n_nonzero=5, snr_db=20, design="random_walk", random_state=0)
    n_probes = 400
    for steps in (1, 20):
        with pytest.warns(ConvergenceWarning, match="max_iter"):
            model = CovarianceFreeEm(
                noise_var=1e-2 * np.mean(data.y**2), n_probes=n_probes, max_iter=steps, cg_tol=1e-10, prune=0.0,
                fit_intercept=False,
            ).fit(data.X, data.y)  # fmt: skip
        w = model.prior_var_
        mean, covariance = posterior_written_out(data.X, data.y, model)
        np.testing.assert_allclose(model.coef_, mean, atol=1e-6 * np.abs(mean).max())
        others = covariance**2 - np.diag(covariance.diagonal() ** 2)
        deviation = np.sqrt(w * (others / w).sum(axis=1) / n_probes)
        error = (model.posterior_var_ - covariance.diagonal()) / deviation
        assert np.abs(error).max() < 5
        assert 0.5 < np.sqrt(np.mean(error**2)) < 1.5
        assert model.n_unsolved_ == 0
        assert model.n_cg_iter_ > steps


def test_covariance_free_em_ends_where_exact_em_does():
    for seed, design in enumerate(["gaussian", "random_walk"]):
        data = make_sparse_regression(50, 80, n_nonzero=12, design=design, random_state=seed)
        exact = SparseBayesianLearning().fit(data.X, data.y)
        free = CovarianceFreeEm(max_iter=200).fit(data.X, data.y)
        np.testing.assert_array_equal(free.support_, exact.support_)
        np.testing.assert_array_equal(free.support_, data.support)
        np.testing.assert_allclose(free.coef_, exact.coef_, atol=1e-4 * np.abs(exact.coef_).max())
        np.testing.assert_allclose(free.prior_var_, exact.prior_var_, atol=1e-3 * exact.prior_var_.max())


def test_probes_depend_on_the_seed_alone():
    data = make_sparse_regression(30, 60, n_nonzero=5, random_state=0)
    options = {"max_iter": 3, "prune": 0.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first, again, other = (
            CovarianceFreeEm(random_state=seed, **options).fit(data.X, data.y).prior_var_ for seed in (1, 1, 2)
        )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_conjugate_gradients_that_do_not_suffice_are_counted():
    data = make_sparse_regression(30, 60, n_nonzero=5, design="random_walk", random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = CovarianceFreeEm(cg_max_iter=2, max_iter=4).fit(data.X, data.y)
    assert (model.n_unsolved_, model.n_cg_iter_) == (5, 10)


def test_a_noise_variance_too_small_for_float64_is_a_numerical_error():
    twice = np.vstack([X, X])
    with pytest.raises(NumericalError, match=r"`noise_var` is too small for float64.*size 40"):
        SparseBayesianLearning(noise_var=1e-40).fit(twice, np.r_[Y, Y])


@each
def test_pruning_zeroes_small_coefficients_only(model):
    free = model(prune=0.0).fit(X, Y)
    pruned = model(prune=0.5).fit(X, Y)
    assert free.support_.size > 3
    assert pruned.support_.tolist() == [14, 15]
    np.testing.assert_array_equal(pruned.coef_[[14, 15]], free.coef_[[14, 15]])
    np.testing.assert_array_equal(pruned.prior_var_, free.prior_var_)


@each
def test_scaling_a_column_only_rescales_its_coefficient(model):
    data = make_sparse_regression(30, 60, n_nonzero=8, design="random_walk", random_state=0)
    scale = np.random.default_rng(0).lognormal(0, 3, 60)
    options = {"max_iter": 40} if model is CovarianceFreeEm else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain = model(**options).fit(data.X, data.y)
        other = model(**options).fit(data.X * scale, data.y)
    np.testing.assert_array_equal(other.support_, plain.support_)
    np.testing.assert_allclose(other.coef_ * scale, plain.coef_, atol=1e-5 * np.abs(plain.coef_).max())
