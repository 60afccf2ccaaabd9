"""Several responses that share their support."""

import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from problems import LAYOUTS, quietly
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import r2_score
from sparsevae import SimultaneousSparseVae, VaeSlr, energies
from sparsevae.datasets import make_row_sparse_regression, make_sparse_regression
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError

OPTIMIZERS = ["auto", "em", "mm", "mackay", "adam"]
COVARIANCES = ["full", "diagonal"]
ENERGIES = {"full": energies.marginal_energy, "diagonal": energies.separable_energy}
RULES = [*itertools.product(COVARIANCES, ["em", "mm"])]
rng = np.random.default_rng(0)


def fit(X, Y, **options):
    return SimultaneousSparseVae(**options).fit(X, Y)


def refusal(kind, message, data, **options):
    with pytest.raises(kind, match=message):
        fit(data.X, data.Y, **options)


EXACT = make_row_sparse_regression(30, 60, n_responses=6, n_nonzero=10, random_state=0)
NOISY = make_row_sparse_regression(40, 60, n_responses=8, n_nonzero=4, snr_db=20, random_state=0)
EITHER = pytest.mark.parametrize("data", [EXACT, NOISY], ids=["noise-free", "noisy"])


# Recovery.


@pytest.mark.parametrize("n_nonzero", [20, 50, 70, 90])
@pytest.mark.parametrize("seed", [0, 1])
def test_noise_free_data_are_recovered_with_a_certificate(n_nonzero, seed):
    data = make_row_sparse_regression(100, 200, n_responses=10, n_nonzero=n_nonzero, rank=5, random_state=seed)
    model = fit(data.X, data.Y, fit_intercept=False)
    assert model.certified_
    assert model.status_ == "certified"
    np.testing.assert_array_equal(model.support_, data.support)
    assert np.linalg.norm(model.coef_ - data.coef) < 1e-3 * np.linalg.norm(data.coef)


@pytest.mark.parametrize("seed", range(25))
def test_no_certificate_is_wrong(seed):
    draw = np.random.default_rng(seed)
    n_samples = int(draw.integers(5, 40))
    n_features = int(n_samples * draw.uniform(1.2, 4))
    n_responses, n_nonzero = int(draw.integers(1, 12)), int(draw.integers(1, n_samples + 5))
    data = make_row_sparse_regression(
        n_samples,
        n_features,
        n_responses=n_responses,
        n_nonzero=min(n_nonzero, n_features),
        rank=min(n_responses, int(draw.integers(1, 5))),
        design=["gaussian", "random_walk", "toeplitz", "block"][seed % 4],
        row_scale=["none", "unit", "jeffreys"][seed % 3],
        random_state=seed,
    )
    model = quietly(fit, data.X, data.Y, fit_intercept=False, n_restarts=5, max_iter=500, noise_var="anneal")
    if model.certified_:
        np.testing.assert_array_equal(model.support_, data.support)
        assert np.linalg.norm(model.coef_ - data.coef) < 1e-3 * np.linalg.norm(data.coef)


@pytest.mark.parametrize("seed", range(3))
def test_unknown_noise_of_20_db_is_seen_through(seed):
    data = make_row_sparse_regression(100, 200, n_responses=10, n_nonzero=20, snr_db=20, random_state=seed)
    model = fit(data.X, data.Y, fit_intercept=False)
    assert model.status_ == "noisy"
    np.testing.assert_array_equal(model.support_, data.support)
    assert 0.7 < model.noise_var_ / data.noise_var < 1.4


@pytest.mark.parametrize("optimizer", ["auto", "em", "mm", "mackay"])
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_many_responses_teach_the_noise(covariance, optimizer):
    data = make_row_sparse_regression(50, 100, n_responses=50, n_nonzero=10, snr_db=20, random_state=0)
    model = fit(data.X, data.Y, noise_var="learn", covariance=covariance, optimizer=optimizer, fit_intercept=False)
    assert 0.5 < model.noise_var_ / data.noise_var < 2
    np.testing.assert_array_equal(model.support_, data.support)


@pytest.mark.parametrize("noise_var", ["auto", 1e-4, 0.01])
@pytest.mark.parametrize("optimizer", ["auto", "em", "mm"])
@pytest.mark.parametrize("snr_db", [None, 20])
def test_one_response_is_fitted_as_by_the_estimator_of_one(noise_var, optimizer, snr_db):
    data = make_sparse_regression(40, 60, n_nonzero=5, snr_db=snr_db, random_state=0)
    options = {"noise_var": noise_var, "optimizer": optimizer, "n_restarts": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        alone = VaeSlr(**options).fit(data.X, data.y)
    model = quietly(fit, data.X, data.y[:, None], **options)
    np.testing.assert_array_equal(model.support_, alone.support_)
    np.testing.assert_allclose(model.coef_, alone.coef_[None], rtol=1e-12)
    np.testing.assert_allclose(model.prior_var_, alone.prior_var_, rtol=1e-12)
    assert model.energy_ == pytest.approx(alone.energy_, rel=1e-12)
    assert model.status_ == alone.status_


# Equivariance.


@EITHER
def test_scales_of_columns_and_responses_only_rescale_coefficients(data):
    scale = 10 ** rng.uniform(-3, 3, data.X.shape[1])
    expected = fit(data.X, data.Y)
    model = fit(data.X * scale, data.Y * 1e3)
    np.testing.assert_array_equal(expected.support_, data.support)
    np.testing.assert_array_equal(model.support_, data.support)
    np.testing.assert_allclose(model.coef_ * scale, 1e3 * expected.coef_, rtol=1e-7)
    np.testing.assert_allclose(model.prior_var_ * scale**2, 1e6 * expected.prior_var_, rtol=1e-5)
    if data is NOISY:
        assert model.noise_var_ == pytest.approx(1e6 * expected.noise_var_, rel=1e-6)


@pytest.mark.parametrize(("covariance", "optimizer"), [*RULES, ("full", "auto")])
def test_scales_of_columns_do_not_change_a_descent(covariance, optimizer):
    scale = 10 ** rng.uniform(-3, 3, NOISY.X.shape[1])
    options = {"covariance": covariance, "optimizer": optimizer, "noise_var": NOISY.noise_var}
    expected = fit(NOISY.X, NOISY.Y, **options)
    model = fit(NOISY.X * scale, NOISY.Y, **options)
    np.testing.assert_array_equal(model.support_, expected.support_)
    np.testing.assert_allclose(model.coef_ * scale, expected.coef_, rtol=1e-7)
    assert model.energy_ == pytest.approx(expected.energy_, rel=1e-8)


@EITHER
def test_rotated_responses_have_rotated_coefficients(data):
    rotation = np.linalg.qr(rng.standard_normal((data.Y.shape[1],) * 2))[0]
    expected, model = fit(data.X, data.Y), fit(data.X, data.Y @ rotation)
    np.testing.assert_array_equal(model.support_, expected.support_)
    np.testing.assert_allclose(model.coef_, rotation.T @ expected.coef_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.coef_norm_, expected.coef_norm_, rtol=1e-8)


@EITHER
def test_repeated_responses_get_the_same_coefficients(data):
    model = fit(data.X, np.tile(data.Y, 3), fit_intercept=False)
    np.testing.assert_array_equal(model.support_, data.support)
    for part in np.split(model.coef_, 3):
        np.testing.assert_allclose(part, model.coef_[: len(part)], rtol=1e-8, atol=1e-12)
    assert model.certified_ == (data is EXACT)


@pytest.mark.parametrize("snr_db", [None, 20])
def test_there_may_be_more_responses_than_samples(snr_db):
    data = make_row_sparse_regression(30, 60, n_responses=100, n_nonzero=8, snr_db=snr_db, random_state=0)
    model = fit(data.X, data.Y)
    np.testing.assert_array_equal(model.support_, data.support)
    assert model.coef_.shape == (100, 60)
    assert model.certified_ == (snr_db is None)


# Options.


@pytest.mark.parametrize("noise_var", ["auto", "anneal", "learn", 1e-4])
@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_every_option_gives_finite_results(optimizer, covariance, noise_var, fit_intercept):
    options = {"optimizer": optimizer, "covariance": covariance, "noise_var": noise_var, "n_steps": 300}
    options["support_rule"] = "evidence"
    if optimizer == "adam" and noise_var == "anneal":
        refusal(ParameterError, "`noise_var`", NOISY, **options)
        return
    model = quietly(fit, NOISY.X, NOISY.Y, fit_intercept=fit_intercept, n_restarts=2, max_iter=300, **options)
    for name in ("coef_", "intercept_", "prior_var_", "coef_var_", "support_cov_", "energy_", "noise_var_"):
        assert np.isfinite(getattr(model, name)).all(), name
    np.testing.assert_array_equal(model.support_, np.flatnonzero(model.coef_norm_))
    np.testing.assert_allclose(model.coef_norm_, np.linalg.norm(model.coef_, axis=0))
    np.testing.assert_array_equal(model.coef_var_[model.support_], model.support_cov_.diagonal())
    assert (model.coef_var_[model.support_] > 0).all()
    if noise_var == 1e-4:
        assert model.noise_var_ == pytest.approx(1e-4)
    assert hasattr(model, "posterior_mean_") == (optimizer == "adam")
    if optimizer == "adam":
        assert model.posterior_mean_.shape == model.coef_.shape

    # Least squares on the support, whatever chose it.
    design = np.c_[NOISY.X[:, model.support_], np.full((len(NOISY.X), int(fit_intercept)), 1.0)]
    expected = np.linalg.lstsq(design, NOISY.Y)[0]
    found = np.c_[model.coef_[:, model.support_], model.intercept_][:, : design.shape[1]].T
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("noise_var", [1e-4, 1e-3, "learn"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_energy_is_that_of_the_covariance_at_the_minimum(covariance, optimizer, noise_var):
    options = {"covariance": covariance, "optimizer": optimizer, "noise_var": noise_var, "n_steps": 300}
    model = quietly(fit, NOISY.X, NOISY.Y, fit_intercept=False, max_iter=300, **options)
    expected = ENERGIES[covariance](NOISY.X, NOISY.Y, model.prior_var_, model.noise_var_)[0]
    assert model.energy_ == pytest.approx(expected, rel=1e-8)
    if optimizer != "adam":
        assert model.energy_path_[-1] == pytest.approx(model.energy_, rel=1e-10)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_energy_of_a_search_is_that_of_its_prior_variances(covariance):
    model = fit(NOISY.X, NOISY.Y, fit_intercept=False, covariance=covariance)
    expected = ENERGIES[covariance](NOISY.X, NOISY.Y, model.prior_var_, model.noise_var_)[0]
    assert model.energy_ == pytest.approx(expected, rel=1e-8)


def test_energy_of_centred_data_has_one_dimension_less():
    centred = NOISY.X - NOISY.X.mean(axis=0), NOISY.Y - NOISY.Y.mean(axis=0)
    model = fit(NOISY.X, NOISY.Y)
    expected = energies.marginal_energy(*centred, model.prior_var_, model.noise_var_)[0]
    assert model.energy_ == pytest.approx(expected - NOISY.Y.shape[1] * np.log(model.noise_var_), rel=1e-8)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("noise_var", [1e-6, 1e-3])
@pytest.mark.parametrize(("covariance", "optimizer"), RULES)
def test_descents_never_rise(covariance, optimizer, noise_var, grouped):
    groups = np.arange(NOISY.X.shape[1]) // 3 if grouped else None
    options = {"covariance": covariance, "optimizer": optimizer, "noise_var": noise_var, "groups": groups}
    path = quietly(fit, NOISY.X, NOISY.Y, max_iter=300, **options).energy_path_
    assert len(path) > 10
    assert (np.diff(path) <= 1e-12 * np.abs(path[1:])).all()


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("grouped", [False, True])
def test_descents_end_where_the_gradient_vanishes_or_points_outward(covariance, grouped):
    n = NOISY.X.shape[1]
    groups = np.arange(n) // 3 if grouped else np.arange(n)
    options = {"covariance": covariance, "optimizer": "mm", "noise_var": NOISY.noise_var, "fit_intercept": False}
    model = fit(NOISY.X, NOISY.Y, groups=groups if grouped else None, tol=1e-10, max_iter=10**5, **options)
    _, gradient, _ = ENERGIES[covariance](NOISY.X, NOISY.Y, model.prior_var_, model.noise_var_)
    slope = np.bincount(groups, gradient * model.prior_var_)
    assert np.abs(slope).max() < 1e-3
    unused = np.bincount(groups, model.prior_var_) < 1e-9 * model.prior_var_.max()
    assert unused.any()
    assert (np.bincount(groups, gradient)[unused] > 0).all()


def test_posterior_covariance_is_that_of_the_model():
    model = fit(NOISY.X, NOISY.Y, noise_var=NOISY.noise_var, fit_intercept=False)
    chosen = NOISY.X[:, model.support_]
    precision = chosen.T @ chosen / NOISY.noise_var + np.diag(1 / model.prior_var_[model.support_])
    np.testing.assert_allclose(model.support_cov_, np.linalg.inv(precision), rtol=1e-8, atol=1e-14)


# Starts.


@pytest.mark.parametrize("optimizer", ["auto", "em", "mm", "mackay"])
@pytest.mark.parametrize("noise_var", [NOISY.noise_var, "learn"])
def test_two_starts_reach_the_same_minimum_of_an_easy_problem(optimizer, noise_var):
    n = NOISY.X.shape[1]
    starts = [None, np.ones(n), 10 ** np.random.default_rng(0).uniform(-2, 2, n)]
    options = {"optimizer": optimizer, "noise_var": noise_var, "tol": 1e-8, "max_iter": 20_000}
    first, *others = (fit(NOISY.X, NOISY.Y, prior_var_init=start, **options) for start in starts)
    np.testing.assert_array_equal(first.support_, NOISY.support)
    for other in others:
        np.testing.assert_array_equal(other.support_, first.support_)
        np.testing.assert_allclose(other.prior_var_[other.support_], first.prior_var_[other.support_], rtol=1e-4)
        assert other.energy_ == pytest.approx(first.energy_, rel=1e-4)


def test_a_descent_goes_on_from_where_it_was():
    options = {"noise_var": 1e-3, "optimizer": "mm", "tol": 0.0}
    whole = quietly(fit, NOISY.X, NOISY.Y, max_iter=40, **options)
    half = quietly(fit, NOISY.X, NOISY.Y, max_iter=20, **options)
    rest = quietly(fit, NOISY.X, NOISY.Y, max_iter=20, prior_var_init=half.prior_var_, **options)
    np.testing.assert_allclose(rest.energy_path_, whole.energy_path_[19:39], rtol=1e-9)


def test_a_solution_that_is_known_is_certified_at_once():
    clean = make_row_sparse_regression(20, 60, n_responses=3, n_nonzero=8, random_state=0)
    first = fit(clean.X, clean.Y, fit_intercept=False)
    again = fit(clean.X, clean.Y, fit_intercept=False, prior_var_init=first.prior_var_)
    assert first.n_iter_ > again.n_iter_ == 0
    assert again.certified_
    np.testing.assert_allclose(again.coef_, first.coef_, rtol=1e-12)


BAD_STARTS = {
    "too short": (np.ones(59), ShapeError, {}),
    "too long": (np.ones(61), ShapeError, {}),
    "a matrix": (np.ones((60, 1)), ShapeError, {}),
    "negative": (np.r_[np.ones(59), -1], ParameterError, {}),
    "infinite": (np.r_[np.ones(59), np.inf], (ParameterError, NonFiniteError), {}),
    "NaN": (np.r_[np.ones(59), np.nan], (ParameterError, NonFiniteError), {}),
    "text": (["a"] * 60, DataTypeError, {}),
    "for training": (np.ones(60), ParameterError, {"optimizer": "adam"}),
    "unequal in a group": (np.arange(1.0, 61), ParameterError, {"groups": np.arange(60) // 2}),
}


@pytest.mark.parametrize(("start", "kind", "options"), BAD_STARTS.values(), ids=BAD_STARTS)
def test_bad_starts_are_refused(start, kind, options):
    refusal(kind, "`prior_var_init`", NOISY, prior_var_init=start, **{"noise_var": 0.1, **options})


# Groups.

LABELS = np.repeat(np.arange(20), 3)
GROUP_COEF = np.zeros((5, 60))
GROUP_COEF[:, np.isin(LABELS, [2, 7, 19])] = rng.standard_normal((5, 9))
GROUPED = NOISY.X @ GROUP_COEF.T + 0.01 * rng.standard_normal((40, 5))
SEARCHES = [*itertools.product(COVARIANCES, ["auto", "em", "mm"], ["auto", "learn", 1e-4])]


@pytest.mark.parametrize(("covariance", "optimizer", "noise_var"), SEARCHES)
def test_columns_of_a_group_are_chosen_together(covariance, optimizer, noise_var):
    options = {"covariance": covariance, "optimizer": optimizer, "noise_var": noise_var}
    model = fit(NOISY.X, GROUPED, groups=LABELS, **options)
    np.testing.assert_array_equal(model.support_, np.flatnonzero(np.isin(LABELS, [2, 7, 19])))
    np.testing.assert_allclose(model.prior_var_, np.repeat(model.prior_var_[::3], 3), rtol=1e-12)
    np.testing.assert_allclose(model.coef_, GROUP_COEF, atol=0.05)


@pytest.mark.parametrize("noise_var", ["auto", 1e-4])
def test_every_way_to_write_the_groups_gives_the_same_bits(noise_var):
    lists = [columns.tolist() for columns in np.split(np.arange(60), 20)]
    ways = [
        LABELS,
        -7.5 * LABELS,
        LABELS.tolist(),
        [f"region {g}" for g in LABELS],
        pd.Series(LABELS).astype(str),
        LABELS.astype(np.uint8),
        lists,
        lists[::-1],
        tuple(np.array(columns[::-1]) for columns in lists),
        np.arange(60).reshape(20, 3),
        [*lists, []],
    ]
    expected = fit(NOISY.X, GROUPED, groups=LABELS, noise_var=noise_var)
    for groups in ways:
        model = fit(NOISY.X, GROUPED, groups=groups, noise_var=noise_var)
        np.testing.assert_array_equal(model.coef_, expected.coef_)
        np.testing.assert_array_equal(model.prior_var_, expected.prior_var_)


def test_groups_of_one_column_are_no_groups():
    options = {"noise_var": NOISY.noise_var, "optimizer": "mm", "tol": 1e-10, "max_iter": 10**5}
    alone, single = (fit(NOISY.X, NOISY.Y, groups=groups, **options) for groups in (None, np.arange(60)))
    np.testing.assert_array_equal(single.support_, alone.support_)
    np.testing.assert_allclose(single.prior_var_[alone.support_], alone.prior_var_[alone.support_], rtol=1e-6)
    assert single.energy_ == pytest.approx(alone.energy_, rel=1e-8)


@pytest.mark.parametrize("noise", [0, 0.01])
@pytest.mark.parametrize("noise_var", ["auto", 1e-4])
def test_groups_may_differ_in_size(noise, noise_var):
    sizes = [1, 5, 2, 9, 3, 7, 1, 4, 8, 20]
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(10), sizes))
    coef = np.where(np.isin(labels, [1, 4, 6]), np.random.default_rng(2).standard_normal((5, 60)), 0)
    Y = NOISY.X @ coef.T + noise * np.random.default_rng(3).standard_normal((40, 5))
    model = fit(NOISY.X, Y, groups=labels, noise_var=noise_var)
    np.testing.assert_array_equal(model.support_, np.flatnonzero(coef[0]))
    assert model.certified_ == (noise == 0 and noise_var == "auto")


@pytest.mark.parametrize("noise_var", ["auto", "learn", 1e-4])
def test_columns_of_a_group_may_depend_on_each_other(noise_var):
    X = NOISY.X.copy()
    X[:, 2::3] = X[:, ::3] - 2 * X[:, 1::3]
    Y = X @ GROUP_COEF.T + 0.01 * np.random.default_rng(0).standard_normal((40, 5))
    model = fit(X, Y, groups=LABELS, noise_var=noise_var)
    assert set(LABELS[model.support_]) == {2, 7, 19}
    np.testing.assert_allclose(model.predict(X), X @ GROUP_COEF.T, atol=0.1)
    assert np.isfinite(model.support_cov_).all()


def test_constant_columns_take_no_part_in_their_group():
    X = NOISY.X.copy()
    X[:, 6] = 3.0
    coef = GROUP_COEF.copy()
    coef[:, 6] = 0
    model = fit(X, X @ coef.T + 1, groups=LABELS)
    np.testing.assert_array_equal(model.support_, np.flatnonzero(coef[0]))
    np.testing.assert_allclose(model.intercept_, 1)


def listed(columns, last=60):
    return [list(range(columns)), list(range(columns, last))]


BAD_GROUPS = {
    "overlap": ([[*range(30), 31], range(30, 60)], ParameterError, "column 31 in two groups"),
    "repeated column": ([[*range(30), 3], range(30, 60)], ParameterError, "column 3 in two groups"),
    "missing column": (listed(30, 59), ParameterError, "leaves out column 59"),
    "column out of range": (listed(30, 61), ParameterError, "column 60, but `X` has columns 0 to 59"),
    "negative column": ([[-1, *range(30)], range(30, 59)], ParameterError, "column -1"),
    "fractional columns": ([[0.0, 1.5], range(2, 60)], ParameterError, "list of column numbers"),
    "masks": ([[True] * 60], ParameterError, "list of column numbers"),
    "wrong length": (LABELS[1:], ShapeError, r"shape \(59,\), but \(60,\)"),
    "none": ([], ShapeError, r"shape \(0,\)"),
    "NaN": (np.r_[LABELS[1:], np.nan], ParameterError, "NaN"),
    "NaN among text": ([*map(str, LABELS[1:]), np.nan], ParameterError, "NaN"),
    "None": ([*LABELS[1:].tolist(), None], ParameterError, "None"),
    "text and numbers": (pd.Series([*LABELS[1:].tolist(), "a"]), ParameterError, "cannot be compared"),
    "lists and labels": ([[0], [1], 2], ParameterError, "ragged"),
    "a word": ("sensors", ParameterError, "'sensors'"),
    "a number": (3, ParameterError, "3"),
    "an array without a dimension": (np.array(3), ParameterError, "3"),
}


@pytest.mark.parametrize(("groups", "kind", "message"), BAD_GROUPS.values(), ids=BAD_GROUPS)
def test_bad_groups_are_refused(groups, kind, message):
    refusal(kind, f"^`groups`.*{message}", NOISY, groups=groups)


# Covariance of the noise.


def covariance_of(n, seed=0):
    root = np.random.default_rng(seed).standard_normal((n, n))
    return root @ root.T / n + 0.05 * np.eye(n)


SENSORS = covariance_of(40)
COLOURED = (
    NOISY.X @ NOISY.coef.T
    + 2.0
    + 0.05 * np.linalg.cholesky(SENSORS) @ np.random.default_rng(1).standard_normal(NOISY.Y.shape)
)


@EITHER
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("noise_var", ["auto", 1e-4])
def test_white_noise_needs_no_covariance(data, fit_intercept, noise_var):
    options = {"fit_intercept": fit_intercept, "noise_var": noise_var, "support_rule": "evidence"}
    without = fit(data.X, data.Y, **options)
    # Where there is no noise, less than promised is reported.
    model = quietly(SimultaneousSparseVae(noise_cov=np.eye(len(data.X)), **options).fit, data.X, data.Y)
    np.testing.assert_array_equal(model.support_, without.support_)
    np.testing.assert_allclose(model.coef_, without.coef_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.intercept_, without.intercept_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.residual_, without.residual_, atol=1e-10)
    # At the noise that stands for 0, 1e-12 of the data, rounding shows in the energy.
    assert model.energy_ == pytest.approx(without.energy_, rel=1e-5)
    assert model.status_ == without.status_


@pytest.mark.parametrize("noise_var", ["auto", 0.0025])
def test_data_are_whitened_as_by_hand(noise_var):
    whitener = np.linalg.inv(np.linalg.cholesky(SENSORS))
    options = {"fit_intercept": False, "noise_var": noise_var, "support_rule": "evidence"}
    Y = COLOURED - 2.0
    by_hand = fit(whitener @ NOISY.X, whitener @ Y, **options)
    model = fit(NOISY.X, Y, noise_cov=SENSORS, **options)
    np.testing.assert_array_equal(model.support_, by_hand.support_)
    np.testing.assert_allclose(model.coef_, by_hand.coef_, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(model.residual_, Y - NOISY.X @ model.coef_.T, atol=1e-12)
    assert model.noise_var_ == pytest.approx(by_hand.noise_var_, rel=1e-7)
    assert model.energy_ == pytest.approx(by_hand.energy_, rel=1e-7)
    scaled = fit(NOISY.X, Y, noise_cov=SENSORS * 1e-6, **options | {"noise_var": "auto"})
    if noise_var == "auto":
        np.testing.assert_allclose(scaled.coef_, model.coef_, rtol=1e-7, atol=1e-10)
        assert scaled.noise_var_ == pytest.approx(1e6 * model.noise_var_, rel=1e-6)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize(("factor", "found"), [(0.01, "small"), (1, None), (100, "large")])
def test_a_residual_that_noise_cov_does_not_promise_is_told(fit_intercept, factor, found):
    Y = COLOURED - (0.0 if fit_intercept else 2.0)
    options = {"noise_cov": factor * SENSORS, "noise_var": 0.0025, "fit_intercept": fit_intercept}
    if found is None:
        np.testing.assert_array_equal(fit(NOISY.X, Y, **options).support_, NOISY.support)
    else:
        with pytest.warns(ConvergenceWarning, match=f'too {found}.*check `noise_cov`.*noise_var="learn"'):
            fit(NOISY.X, Y, **options)


def test_intercepts_are_those_of_generalised_least_squares():
    model = fit(NOISY.X, COLOURED, noise_cov=SENSORS, support_rule="evidence")
    np.testing.assert_array_equal(model.support_, NOISY.support)
    whitener = np.linalg.inv(np.linalg.cholesky(SENSORS))
    design = np.c_[NOISY.X[:, model.support_], np.ones(40)]
    expected = np.linalg.lstsq(whitener @ design, whitener @ COLOURED)[0]
    np.testing.assert_allclose(model.coef_[:, model.support_], expected[:-1].T, rtol=1e-8)
    np.testing.assert_allclose(model.intercept_, expected[-1], rtol=1e-8)
    np.testing.assert_allclose(model.intercept_, 2, atol=0.1)
    np.testing.assert_allclose(model.residual_, COLOURED - design @ expected, atol=1e-10)
    assert 0.7 < model.noise_var_ / 0.05**2 < 1.4


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_covariance_may_be_singular(fit_intercept):
    basis = np.linalg.qr(np.random.default_rng(2).standard_normal((40, 32)))[0]
    Y = NOISY.X @ NOISY.coef.T + 0.01 * basis @ np.random.default_rng(3).standard_normal((32, 8))
    options = {"fit_intercept": fit_intercept, "support_rule": "evidence"}
    model = fit(NOISY.X, Y, noise_cov=basis @ basis.T, **options)
    np.testing.assert_array_equal(model.support_, NOISY.support)
    np.testing.assert_allclose(model.coef_, NOISY.coef, atol=0.05)
    if not fit_intercept:
        projected = fit(basis.T @ NOISY.X, basis.T @ Y, **options)
        np.testing.assert_allclose(model.coef_, projected.coef_, rtol=1e-7, atol=1e-10)


def test_a_covariance_singular_along_the_intercept_is_refused():
    centring = np.eye(40) - 1 / 40
    refusal(ParameterError, "fit_intercept=False", NOISY, noise_cov=centring)
    model = fit(NOISY.X, NOISY.Y, noise_cov=centring, fit_intercept=False, support_rule="evidence")
    expected = fit(NOISY.X, NOISY.Y, support_rule="evidence")
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-7, atol=1e-10)


def entry(value, at=(0, 1), both=False):
    covariance = SENSORS.copy()
    covariance[at] = value
    if both:
        covariance[at[::-1]] = value
    return covariance


BAD_COVARIANCES = {
    "wrong size": (np.eye(39), ShapeError, r"shape \(39, 39\), but \(40, 40\)"),
    "not square": (np.ones((40, 39)), ShapeError, r"shape \(40, 39\)"),
    "a vector": (np.ones(40), ShapeError, r"shape \(40,\)"),
    "not symmetric": (entry(9.0), ParameterError, "not symmetric"),
    "negative eigenvalue": (np.diag([-1.0, *np.ones(39)]), ParameterError, "eigenvalues from -1 to 1"),
    "indefinite": (entry(50.0, both=True), ParameterError, "eigenvalues"),
    "zero": (np.zeros((40, 40)), ParameterError, "eigenvalues from 0 to 0"),
    "NaN": (entry(np.nan), NonFiniteError, "NaN"),
    "infinite": (entry(np.inf, both=True), NonFiniteError, "infinit"),
    "complex": (SENSORS * 1j, DataTypeError, "complex"),
    "text": ([["a"]], DataTypeError, "dtype"),
}


@pytest.mark.parametrize(("covariance", "kind", "message"), BAD_COVARIANCES.values(), ids=BAD_COVARIANCES)
def test_bad_covariances_are_refused(covariance, kind, message):
    with pytest.raises(kind, match="`noise_cov`") as caught:
        fit(NOISY.X, NOISY.Y, noise_cov=covariance)
    assert caught.match(f"(?i){message}")


# Data at the boundary.


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize(
    "options", [{}, {"noise_var": 0.0025, "groups": LABELS, "noise_cov": SENSORS}], ids=["", "all"]
)
def test_every_layout_gives_the_same_bits(layout, options):
    before = NOISY.X.copy(), COLOURED.copy()
    expected = fit(NOISY.X, COLOURED, **options)
    found = fit(layout(NOISY.X), layout(COLOURED), **options)
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    np.testing.assert_allclose(found.residual_, expected.residual_, atol=1e-14)
    np.testing.assert_array_equal(NOISY.X, before[0])
    np.testing.assert_array_equal(COLOURED, before[1])


def test_data_of_single_precision_are_certified_to_their_own():
    X = EXACT.X.astype(np.float32)
    Y = (X.astype(float) @ EXACT.coef.T).astype(np.float32)
    model = fit(X, Y)
    assert model.certified_
    np.testing.assert_array_equal(model.support_, EXACT.support)
    assert model.coef_.dtype == model.intercept_.dtype == model.predict(X).dtype == np.float32
    np.testing.assert_allclose(model.coef_, EXACT.coef, rtol=1e-3, atol=1e-3)


def test_feature_names_go_in_and_are_checked_on_the_way_out():
    frame = pd.DataFrame(NOISY.X, columns=[f"source{j}" for j in range(60)])
    responses = pd.DataFrame(NOISY.Y, columns=[f"t{t}" for t in range(8)])
    model = fit(frame, responses)
    assert list(model.feature_names_in_) == list(frame.columns)
    assert model.n_features_in_ == 60
    np.testing.assert_array_equal(model.coef_, fit(NOISY.X, NOISY.Y).coef_)
    with pytest.raises(ShapeError, match="feature names should match"):
        model.predict(frame[frame.columns[::-1]])


BAD_RESPONSES = {
    "no columns": (NOISY.Y[:, :0], ShapeError, "`Y`.*0 feature"),
    "one dimension": (NOISY.Y[:, 0], ShapeError, r"`Y` has shape \(40,\).*Y.reshape\(-1, 1\), or VaeSlr"),
    "three dimensions": (NOISY.Y[None], ShapeError, r"`Y` has shape \(1, 40, 8\), but \(n_samples, n_responses\)"),
    "missing": (None, ShapeError, "`Y`"),
    "too few rows": (NOISY.Y[1:], ShapeError, "`Y` has 39 rows"),
    "NaN": (np.where(np.arange(8) == 3, np.nan, NOISY.Y), NonFiniteError, r"`Y`.*\[0, 3\]"),
    "text": (NOISY.Y.astype(str), DataTypeError, "`Y`"),
    "complex": (NOISY.Y * 1j, DataTypeError, "`Y`"),
}


@pytest.mark.parametrize(("responses", "kind", "message"), BAD_RESPONSES.values(), ids=BAD_RESPONSES)
def test_bad_responses_are_refused_by_name(responses, kind, message):
    with pytest.raises(kind, match=message):
        fit(NOISY.X, responses)


@pytest.mark.parametrize("covariance", ["Full", "sparse", None, 1, True])
def test_bad_covariance_kinds_are_refused(covariance):
    refusal(ParameterError, "^`covariance` is .*, but it must be ", NOISY, covariance=covariance)


@pytest.mark.parametrize("options", [{}, {"noise_var": 1.0}, {"groups": LABELS}, {"fit_intercept": False}])
def test_pure_noise_warns_and_gives_zeros(options):
    Y = np.random.default_rng(5).standard_normal((40, 6))
    with pytest.warns(ConvergenceWarning, match="no column was chosen"):
        model = fit(NOISY.X, Y, **options)
    assert not model.coef_.any()
    assert model.support_.size == model.support_cov_.size == 0
    np.testing.assert_allclose(model.intercept_, Y.mean(axis=0) if model.fit_intercept else 0, atol=1e-15)
    mean, deviation = model.predict(NOISY.X[:3], return_std=True)
    np.testing.assert_array_equal(mean, np.tile(model.intercept_, (3, 1)))
    assert (deviation > 0).all()
    assert not model.certified_


def test_constant_responses_are_left_to_the_intercept():
    model = fit(NOISY.X, np.tile([1.5, -2.0, 0.0], (40, 1)))
    np.testing.assert_allclose(model.intercept_, [1.5, -2, 0])
    assert model.support_.size == 0
    np.testing.assert_array_equal(model.explained_variance_ratio_, 1)
    mixed = fit(EXACT.X, np.c_[EXACT.Y[:, :3], np.full(30, 7.0)])
    np.testing.assert_array_equal(mixed.support_, EXACT.support)
    np.testing.assert_allclose(mixed.intercept_, [0, 0, 0, 7], atol=1e-10)
    np.testing.assert_allclose(mixed.coef_[3], 0, atol=1e-10)


# What comes out.


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shift", [0, 5])
def test_residuals_and_shares_are_consistent(fit_intercept, shift):
    Y = NOISY.Y + (shift if fit_intercept else 0)
    model = fit(NOISY.X, Y, fit_intercept=fit_intercept, support_rule="evidence")
    np.testing.assert_allclose(model.residual_, Y - model.predict(NOISY.X), atol=1e-12)
    about = Y - Y.mean(axis=0) if fit_intercept else Y
    shares = 1 - (model.residual_**2).sum(axis=0) / (about**2).sum(axis=0)
    np.testing.assert_allclose(model.explained_variance_ratio_, shares, rtol=1e-12)
    assert model.score(NOISY.X, Y) == pytest.approx(r2_score(Y, model.predict(NOISY.X)), rel=1e-12)
    if fit_intercept:
        assert model.score(NOISY.X, Y) == pytest.approx(shares.mean(), rel=1e-12)
    spare = Y.size - Y.shape[1] * (len(model.support_) + fit_intercept)
    assert model.noise_var_ == pytest.approx((model.residual_**2).sum() / spare, rel=1e-9)


@pytest.mark.parametrize("noise_var", ["auto", 0.09])
def test_predictive_standard_deviation_covers_new_data(noise_var):
    draw = np.random.default_rng(0)
    coef = np.zeros((6, 40))
    coef[:, [3, 17, 30]] = draw.standard_normal((6, 3)) + 1
    X, new = draw.standard_normal((60, 40)), draw.standard_normal((2000, 40))
    Y = X @ coef.T + 0.5 + 0.3 * draw.standard_normal((60, 6))
    mean, deviation = fit(X, Y, noise_var=noise_var).predict(new, return_std=True)
    assert (mean.shape, deviation.shape) == ((2000, 6), (2000,))
    truth = new @ coef.T + 0.5 + 0.3 * draw.standard_normal(mean.shape)
    covered = np.abs(truth - mean) < 1.96 * deviation[:, None]
    assert 0.9 < covered.mean() < 0.98


def test_noise_of_new_samples_is_not_known_from_a_covariance():
    model = fit(NOISY.X, COLOURED, noise_cov=SENSORS)
    np.testing.assert_allclose(model.predict(NOISY.X), COLOURED - model.residual_, atol=1e-12)
    with pytest.raises(ParameterError, match="`return_std` is True, but with `noise_cov`"):
        model.predict(NOISY.X, return_std=True)


def test_predictions_need_a_fit_and_the_same_columns():
    with pytest.raises(NotFittedError):
        SimultaneousSparseVae().predict(NOISY.X)
    with pytest.raises(ShapeError, match=r"59 features, but .* is expecting 60"):
        fit(NOISY.X, NOISY.Y).predict(NOISY.X[:, 1:])


def test_pickle_and_clone_keep_what_they_should():
    model = fit(NOISY.X, COLOURED, noise_var=0.0025, groups=LABELS, noise_cov=SENSORS, random_state=3)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(NOISY.X), model.predict(NOISY.X))
    copy = clone(model)
    assert not hasattr(copy, "coef_")
    assert copy.get_params().keys() == model.get_params().keys()
    np.testing.assert_array_equal(copy.groups, LABELS)
    np.testing.assert_array_equal(copy.fit(NOISY.X, COLOURED).coef_, model.coef_)


@pytest.mark.parametrize(
    "options",
    [{}, {"noise_var": 1e-4}, {"optimizer": "adam", "n_steps": 300}, {"noise_var": "anneal", "n_restarts": 3}],
)
def test_the_same_seed_gives_the_same_bits(options):
    first, second = (quietly(fit, NOISY.X, NOISY.Y, **options) for _ in range(2))
    for name in ("coef_", "prior_var_", "energy_path_", "support_cov_", "noise_var_"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_second_fit_leaves_nothing_of_the_first():
    model = quietly(fit, NOISY.X, NOISY.Y, optimizer="adam", n_steps=300)
    model.set_params(optimizer="auto").fit(EXACT.X, EXACT.Y)
    assert model.coef_.shape == (6, 60)
    assert vars(model).keys() == vars(fit(EXACT.X, EXACT.Y)).keys()


def test_unfinished_fits_warn():
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        fit(NOISY.X, NOISY.Y, noise_var=1e-4, max_iter=2)


def test_verbose_prints_to_standard_error_only(capfd):
    fit(NOISY.X, NOISY.Y)
    assert capfd.readouterr() == ("", "")
    fit(NOISY.X, NOISY.Y, verbose=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "noisy" in err
