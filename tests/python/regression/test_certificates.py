"""A certificate is never false, whatever the scale, rounding and ties of the data."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from certificate_families import FAMILIES
from sklearn.exceptions import ConvergenceWarning
from sparsevae import VaeSlr
from sparsevae.datasets import make_sparse_regression
from sparsevae.energies import marginal_energy
from sparsevae.torch import solve_batch


@pytest.mark.parametrize("family", FAMILIES)
def test_no_certificate_is_false(family):
    for seed in range(3 if family.startswith("compressed") else 12):
        model, X, y, support = FAMILIES[family](np.random.default_rng([9, seed]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        if model.certified_:
            np.testing.assert_array_equal(model.support_, support, f"seed {seed}")


def test_a_large_mean_does_not_hide_the_support():
    rng = np.random.default_rng(46)
    X, z = rng.standard_normal((6, 8)), np.zeros(8)
    z[[1, 4]] = rng.standard_normal(2)
    model = VaeSlr().fit(X, X @ z + 1e5)
    assert model.certified_
    np.testing.assert_array_equal(model.support_, [1, 4])


def test_rows_of_unlike_scale_do_not_forgive_a_misfit():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((10, 20)) * np.logspace(-5, 5, 10)[:, None]
    support = np.sort(rng.choice(20, 2, replace=False))
    with pytest.warns(ConvergenceWarning, match="without a certified solution"):
        model = VaeSlr(fit_intercept=False).fit(X, X[:, support] @ [1, 1e-5])
    np.testing.assert_array_equal(model.support_, support)


@pytest.mark.parametrize("exponent", range(-13, -7))
@pytest.mark.parametrize("design", ["gaussian", "random_walk"])
@pytest.mark.parametrize("shape", [(200, 50), (50, 100)])
def test_data_of_8_to_13_digits_have_the_right_support_at_once(shape, design, exponent):
    data = make_sparse_regression(*shape, n_nonzero=8, design=design, random_state=7)
    noise = 10.0**exponent * np.linalg.norm(data.y) / shape[0] ** 0.5
    y = data.y + noise * np.random.default_rng(1007).standard_normal(shape[0])
    model = VaeSlr(fit_intercept=False).fit(data.X, y)
    np.testing.assert_array_equal(model.support_, data.support)
    assert model.status_ == ("certified" if model.certified_ else "converged")
    assert model.n_iter_ < 300


def test_coefficients_are_as_accurate_as_least_squares_on_the_support():
    X = np.vander(np.linspace(-1, 1, 40), 25, increasing=True)
    coef = np.zeros(25)
    coef[[2, 9, 17, 24]] = [0.3, -1.7, 0.9, 2.1]
    model = VaeSlr(fit_intercept=False).fit(X, X @ coef)
    least_squares = np.linalg.lstsq(X[:, model.support_], X @ coef, rcond=None)[0]
    theirs = np.abs(least_squares - coef[model.support_]).max()
    np.testing.assert_array_equal(model.support_, [2, 9, 17, 24])
    assert np.abs(model.coef_ - coef).max() <= max(theirs, 1e-15)


def exact_energy(X, y, prior_var, noise_var):
    """Eliminate in rational numbers."""
    columns = [(Fraction(w), [Fraction(v) for v in x]) for w, x in zip(prior_var, X.T, strict=True) if w > 0]
    rows = [[sum(w * x[a] * x[b] for w, x in columns) for b in range(len(y))] for a in range(len(y))]
    energy = 0.0
    for a, row in enumerate(rows):
        row[a] += Fraction(noise_var)
        row.append(Fraction(y[a]))
    for a, row in enumerate(rows):
        energy += float(row[-1] ** 2 / row[a]) + math.log(row[a].numerator) - math.log(row[a].denominator)
        for below in rows[a + 1 :]:
            factor = below[a] / row[a]
            below[a:] = [v - factor * u for v, u in zip(below[a:], row[a:], strict=True)]
    return energy


def test_dependent_columns_beside_noise_of_rounding_have_a_report_with_the_right_energy():
    index = list(FAMILIES).index("hilbert")
    model, X, y, _ = FAMILIES["hilbert"](np.random.default_rng([index, 957]))
    model.fit(X, y)
    assert not model.certified_
    np.testing.assert_allclose(model.predict(X), y, rtol=0, atol=4 * np.sqrt(model.noise_var_))
    assert model.energy_ == pytest.approx(exact_energy(X, y, model.prior_var_, model.noise_var_), rel=1e-9)


def test_ties_of_coefficients_and_entries_are_not_certified_each_alone_is():
    rng = np.random.default_rng(3)
    signs, normal = rng.choice([-1.0, 1.0], (30, 60)), rng.standard_normal((30, 60))
    # Columns of unlike norm: the tie is one of the numbers given, not of scaled ones.
    binary = np.random.default_rng(2).integers(0, 2, (30, 60)).astype(float)
    chosen, tied, generic = [4, 20, 51], np.array([1.0, -1.0, 2.0]), np.array([1.0, -1.37, 2.71])
    cases = [
        (signs, tied, False),
        (signs, generic, True),
        (normal, tied, True),
        (binary, tied, False),
        (binary, generic, True),
    ]
    for X, z, certified in cases:
        model = VaeSlr().fit(X, X[:, chosen] @ z)
        np.testing.assert_array_equal(model.support_, chosen)
        assert model.certified_ == certified
        assert model.status_ == ("certified" if certified else "converged")
        batch = solve_batch(torch.tensor(X), torch.tensor((X[:, chosen] @ z)[None]), noise_var="anneal")
        assert bool(batch.converged[0]) == certified


def test_a_sample_that_repeats_another_changes_nothing():
    data = make_sparse_regression(60, 100, n_nonzero=5, snr_db=10, random_state=1)
    once = VaeSlr().fit(data.X, data.y)
    again = np.r_[np.arange(60), np.arange(60)], np.r_[np.arange(60), 7, 7], np.r_[np.arange(60), 59]
    for rows in again:
        model = VaeSlr().fit(data.X[rows], data.y[rows])
        np.testing.assert_array_equal(model.coef_, once.coef_)
        assert model.noise_var_ == once.noise_var_
    replicates = np.r_[data.y, data.y + np.random.default_rng(0).standard_normal(60)]
    assert VaeSlr().fit(np.r_[data.X, data.X], replicates).noise_var_ > 0.2


@pytest.mark.parametrize("seed", range(6))
def test_the_energy_at_the_reported_variances_is_the_reported_one_where_columns_are_doubled(seed):
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((20, 30))
    X = np.hstack([half, half])
    y = X[:, :12] @ rng.standard_normal(12) + 1e-9 * (seed % 2) * rng.standard_normal(20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = VaeSlr(fit_intercept=False, max_iter=300).fit(X, y)
    value, in_prior_var, _ = marginal_energy(X, y, model.prior_var_, model.noise_var_)
    assert value == pytest.approx(model.energy_, rel=1e-9)
    assert value == pytest.approx(exact_energy(X, y, model.prior_var_, model.noise_var_), rel=1e-9)
    # Twins explain the same, chosen or not.
    np.testing.assert_allclose(in_prior_var[:30], in_prior_var[30:], rtol=1e-6, atol=1e-6 * np.abs(in_prior_var).max())


def test_noise_free_data_that_are_not_solved_are_told():
    data = make_sparse_regression(50, 1000, n_nonzero=20, random_state=20_000)
    model = VaeSlr().fit(data.X, data.y)
    assert model.status_ == "noisy"
    with pytest.warns(ConvergenceWarning, match="without a certified solution"):
        model = VaeSlr(noise_var="anneal", n_restarts=3).fit(data.X, data.y)
    assert model.status_ == "iteration_limit"
    solved = make_sparse_regression(50, 1000, n_nonzero=8, random_state=0)
    assert VaeSlr().fit(solved.X, solved.y).status_ == "certified"
