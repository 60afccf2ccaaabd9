"""The rivals for many responses: closed forms, certificates, and what scikit-learn and its users expect."""

import inspect
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from problems import gaussian, orthonormal, put
from scipy.optimize import minimize_scalar
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sparsevae.baselines import BasisPursuit, ConcaveAutoencoder, GroupBasisPursuit, LogAutoencoder
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import DataTypeError, NonFiniteError, NumericalError, ParameterError, ShapeError
from sparsevae.experiments.rivals import GammaMap, best_multi_task_lasso

MODELS = [ConcaveAutoencoder, GroupBasisPursuit, LogAutoencoder]
each = pytest.mark.parametrize("model", MODELS)
WEIGHTS = [1.0, 3.0, "n_responses"]
X = gaussian(20, 40)
COEF = np.zeros((4, 40))
COEF[:, [3, 14, 15]] = np.random.default_rng(1).standard_normal((4, 3))
Y = X @ COEF.T


def problem(n_nonzero, d=50, n=100, n_responses=10, rank=3, noise=0.0, seed=0):
    """Responses of a given rank, rows of norm 1."""
    rng = np.random.default_rng(seed)
    design, coef = rng.standard_normal((d, n)), np.zeros((n_responses, n))
    support = np.sort(rng.choice(n, n_nonzero, replace=False))
    rows = rng.standard_normal((n_nonzero, rank)) @ rng.standard_normal((rank, n_responses))
    coef[:, support] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
    responses = design @ coef.T
    return design, responses + noise * rng.standard_normal(responses.shape), coef, support


# Closed forms and certificates.


@pytest.mark.parametrize("log_weight", WEIGHTS)
@pytest.mark.parametrize("shape", [(12, 8), (8, 8)], ids=["tall", "square"])
def test_the_autoencoder_on_an_orthonormal_design_is_its_closed_form(shape, log_weight):
    Q, noise_var = orthonormal(*shape), 1e-3
    weight = 5.0 if log_weight == "n_responses" else log_weight
    b = np.random.default_rng(1).standard_normal((8, 5))
    b[[1, 4, 6]] *= 0.1 * np.sqrt(weight * noise_var) / np.linalg.norm(b[[1, 4, 6]], axis=1, keepdims=True)
    # What no coefficients reproduce only adds to the objective.
    left = np.random.default_rng(2).standard_normal((shape[0], 5))
    left -= Q @ (Q.T @ left)
    model = LogAutoencoder(noise_var=noise_var, log_weight=log_weight, tol=1e-12, fit_intercept=False)
    model.fit(Q, Q @ b + left)
    length = np.linalg.norm(b, axis=1)
    root = np.sqrt(np.maximum(length**2 - 4 * weight * noise_var, 0))
    expected = np.where(root > 0, (length + root) / 2, 0.0)
    assert model.status_ == "converged"
    np.testing.assert_array_equal(model.support_, [0, 2, 3, 5, 7])
    np.testing.assert_allclose(model.coef_.T, b * (expected / length)[:, None], atol=1e-8)
    np.testing.assert_allclose(model.prior_var_, expected**2 / weight, atol=1e-8)
    squares, misfit = np.sum(model.coef_**2, axis=0), np.sum((Q @ b + left - model.predict(Q)) ** 2)
    kept = misfit / noise_var + weight * np.log(squares[model.support_]).sum()
    # The other rows are at the smoothing, 1e-12 of the largest square of the first solution.
    assert model.objective_ - kept == pytest.approx(3 * weight * np.log(1e-12 * (length**2).max()), rel=0.02)


def test_the_autoencoder_of_one_response_and_feature_is_a_minimum_of_its_scalar_form():
    x, noise_var = np.array([[1.0], [2.0], [-1.0]]), 0.01
    y = 0.7 * x + 0.1 * np.array([[1.0], [0.0], [-1.0]])
    found = minimize_scalar(
        lambda u: np.sum((y - x * u) ** 2) / noise_var + np.log(u**2), bounds=(0.3, 1.2), options={"xatol": 1e-10}
    )
    model = LogAutoencoder(noise_var=noise_var, fit_intercept=False).fit(x, y)
    assert model.coef_.item() == pytest.approx(found.x, rel=1e-6)
    assert model.objective_ == pytest.approx(found.fun, rel=1e-6)


def test_the_autoencoder_ends_at_a_fixed_point_of_its_least_squares():
    design, responses, _, _ = problem(12, noise=0.02)
    for log_weight in WEIGHTS:
        weight = 10.0 if log_weight == "n_responses" else log_weight
        model = LogAutoencoder(noise_var=4e-4, log_weight=log_weight, tol=1e-10, fit_intercept=False)
        model.fit(design, responses)
        w = np.sum(model.coef_**2, axis=0) / weight
        np.testing.assert_allclose(model.prior_var_, w, rtol=1e-10)
        covariance = (design * w) @ design.T + 4e-4 * np.eye(50)
        again = w[:, None] * (design.T @ np.linalg.solve(covariance, responses))
        np.testing.assert_allclose(model.coef_.T, again, atol=1e-8)


@pytest.mark.parametrize("noise_var", [0.0, 1e-10, 4e-4, 0.1])
@pytest.mark.parametrize("log_weight", WEIGHTS)
@pytest.mark.parametrize("n_nonzero", [12, 45])
def test_the_objective_of_the_autoencoder_never_increases(n_nonzero, log_weight, noise_var):
    design, responses, _, _ = problem(n_nonzero, noise=np.sqrt(noise_var))
    model = LogAutoencoder(noise_var=noise_var, log_weight=log_weight).fit(design, responses)
    path = model.objective_path_
    assert len(path) == model.n_iter_ + 1
    assert model.objective_ == path[-1] < path[0]
    assert np.diff(path).max() <= 1e-9 * np.abs(path).max()


def test_the_weight_of_the_logarithm_matters_with_noise_alone():
    design, responses, _, support = problem(12, noise=0.05, n_responses=30)
    one, all_of_them = (
        LogAutoencoder(noise_var=0.0025, log_weight=weight).fit(design, responses) for weight in (1.0, "n_responses")
    )
    np.testing.assert_array_equal(all_of_them.support_, support)
    assert len(one.support_) > len(support)
    exact = design @ one.coef_.T
    first, second = (LogAutoencoder(log_weight=weight).fit(design, exact) for weight in (1.0, "n_responses"))
    np.testing.assert_allclose(first.coef_, second.coef_, atol=1e-12)
    np.testing.assert_allclose(first.prior_var_, 30 * second.prior_var_, rtol=1e-9)


def softened(squares):
    """Lemma D.2 for ``h(w) = log(1 + w)``: the minimum over `w` of ``squares / w + h(w)``, where ``w**2 / (1 + w)`` is
    the square."""
    w = (squares + np.sqrt(squares**2 + 4 * squares)) / 2
    return squares / w + np.log1p(w), 1 / w


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        ("log", lambda s: np.log(s)),
        (0.3, lambda s: s**0.15),
        (1.0, lambda s: np.sqrt(s)),
        (softened, lambda s: softened(s)[0]),
    ],
    ids=["log", "0.3", "1", "any"],
)
def test_every_penalty_of_one_response_and_feature_has_a_minimum_of_its_scalar_form(penalty, value):
    x, noise_var = np.array([[1.0], [2.0], [-1.0]]), 0.01
    y = 0.7 * x + 0.1 * np.array([[1.0], [0.0], [-1.0]])
    found = minimize_scalar(
        lambda u: np.sum((y - x * u) ** 2) / noise_var + 2 * value(u**2), bounds=(0.3, 1.2), options={"xatol": 1e-10}
    )
    model = ConcaveAutoencoder(penalty=penalty, weight=2, noise_var=noise_var, fit_intercept=False).fit(x, y)
    assert model.coef_.item() == pytest.approx(found.x, rel=1e-6)
    assert model.objective_ == pytest.approx(found.fun, rel=1e-6)
    # In other units the penalty of a power has another weight, and one that was given is another.
    if not callable(penalty):
        weight = 2 / 0.7 ** (0 if penalty == "log" else penalty)
        scaled = ConcaveAutoencoder(penalty=penalty, weight=weight, noise_var=49 * noise_var, fit_intercept=False)
        assert scaled.fit(10 * x, 7 * y).coef_.item() == pytest.approx(0.7 * model.coef_.item())


def test_a_power_of_1_is_group_basis_pursuit():
    design, responses, _, _ = problem(25)
    convex = GroupBasisPursuit(tol=1e-10, max_iter=100_000).fit(design, responses)
    model = ConcaveAutoencoder(penalty=1, max_iter=20_000, tol=1e-9).fit(design, responses)
    assert model.status_ == "converged"
    norms = np.linalg.norm(model.coef_, axis=0)
    assert norms.sum() == pytest.approx(np.linalg.norm(convex.coef_, axis=0).sum(), rel=1e-6)
    np.testing.assert_allclose(model.coef_, convex.coef_, atol=1e-3)
    # The inverse slope of the norm, as a function of its square.
    np.testing.assert_allclose(model.prior_var_, 2 * norms, rtol=1e-9)


def test_the_penalty_of_lemma_d_2_is_that_of_scales_and_codes_at_their_best():
    design, responses, _, support = problem(12, noise=0.02)
    model = ConcaveAutoencoder(penalty=softened, weight=4, noise_var=4e-4, tol=1e-10, fit_intercept=False)
    model.fit(design, responses)
    assert set(support) <= set(model.support_)
    squares, w = np.sum(model.coef_**2, axis=0)[model.support_], 4 * model.prior_var_[model.support_]
    # Eq. 47 in the codes' squared norms, at the best ones: its slope is 0.
    np.testing.assert_allclose(squares / w**2, 1 / (1 + w), rtol=1e-8)
    misfit = np.sum((responses - model.predict(design)) ** 2) / 4e-4
    value = misfit + 4 * np.sum(squares / w + np.log1p(w))
    # The rows that are zero are at the smoothing.
    assert model.objective_ == pytest.approx(value, abs=4 * 88 * 1e-5)
    # Lemma D.1, eq. 45: the codes are linear in the data.
    variances = model.prior_var_
    B = variances[:, None] * (design.T @ np.linalg.inv((design * variances) @ design.T + 4e-4 * np.eye(50)))
    np.testing.assert_allclose(model.coef_.T, B @ responses, atol=1e-7)


def test_powers_below_1_solve_what_group_basis_pursuit_does_not():
    solved = dict.fromkeys((0.1, 0.5, 1.0), 0)
    for seed in range(5):
        design, responses, coef, _ = problem(25, seed=seed)
        for power in solved:
            fitted = ConcaveAutoencoder(penalty=power, fit_intercept=False).fit(design, responses)
            solved[power] += np.allclose(fitted.coef_, coef, atol=1e-8)
    assert solved[0.1] >= 4 > solved[1.0]
    assert solved[0.5] >= solved[1.0]


@pytest.mark.parametrize(
    "returned",
    [None, 1.0, (np.ones(3), np.ones(3)), ("a", "b"), np.ones((2, 7))],
    ids=["none", "one", "3", "text", "7"],
)
def test_a_penalty_that_returns_anything_else_is_refused_by_name(returned):
    with pytest.raises(ParameterError, match=r"(?s)`penalty` returns .*, but it must return two arrays"):
        ConcaveAutoencoder(penalty=lambda _: returned).fit(X, Y)


def test_what_a_penalty_raises_reaches_the_caller():
    def broken(squares):
        raise ZeroDivisionError(f"{squares.shape}")

    with pytest.raises(ZeroDivisionError, match=r"\(40,\)"):
        ConcaveAutoencoder(penalty=broken).fit(X, Y)


def test_the_logarithm_by_name_is_the_autoencoder_of_the_logarithm():
    design, responses, _, _ = problem(12, noise=0.05)
    named = ConcaveAutoencoder(weight="n_responses", noise_var=0.0025).fit(design, responses)
    log = LogAutoencoder(log_weight="n_responses", noise_var=0.0025).fit(design, responses)
    np.testing.assert_array_equal(named.coef_, log.coef_)
    assert named.objective_ == log.objective_


@pytest.mark.parametrize("tolerance", [0.0, 1.0])
@pytest.mark.parametrize("n_nonzero", [8, 30])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_group_basis_pursuit_is_optimal_by_its_dual(n_nonzero, tolerance, fit_intercept):
    design, responses, _, _ = problem(n_nonzero)
    model = GroupBasisPursuit(tolerance=tolerance, tol=1e-9, fit_intercept=fit_intercept).fit(design, responses)
    A, B = (Z - Z.mean(axis=0) * fit_intercept for Z in (design, responses))
    assert model.status_ == "optimal"
    assert np.linalg.norm(B - A @ model.coef_.T) == pytest.approx(tolerance, abs=1e-8)
    dual = model.dual_coef_
    products = A.T @ dual
    assert np.linalg.norm(products, axis=1).max() < 1 + 1e-9
    norms = np.linalg.norm(model.coef_, axis=0)
    bound = np.sum(B * dual) - tolerance * np.linalg.norm(dual)
    assert bound == pytest.approx(norms.sum(), rel=2e-9)
    assert model.gap_ == pytest.approx(1 - bound / norms.sum(), abs=1e-12)
    # Complementarity, row by row where it is clear.
    large = norms > 1e-3
    np.testing.assert_allclose(products[large], model.coef_.T[large] / norms[large, None], atol=1e-3)
    assert not model.coef_[:, np.linalg.norm(products, axis=1) < 0.99].any()


def test_group_basis_pursuit_on_an_orthonormal_design_is_the_group_soft_threshold():
    Q = orthonormal(12, 8)
    b = np.random.default_rng(1).standard_normal((8, 5)) * np.geomspace(0.1, 3, 8)[:, None]
    length = np.linalg.norm(b, axis=1)
    shrunk = np.maximum(length - 0.8, 0.0)
    tolerance = np.linalg.norm(length - shrunk)
    model = GroupBasisPursuit(tolerance=tolerance, tol=1e-12, fit_intercept=False).fit(Q, Q @ b)
    np.testing.assert_allclose(model.coef_.T, b * (shrunk / length)[:, None], atol=1e-6)
    np.testing.assert_array_equal(model.support_, np.flatnonzero(shrunk))
    exact = GroupBasisPursuit(fit_intercept=False).fit(Q, Q @ b)
    np.testing.assert_allclose(exact.coef_.T, b, atol=1e-12)


@pytest.mark.parametrize("design", ["gaussian", "random_walk"])
def test_group_basis_pursuit_of_one_response_is_basis_pursuit(design):
    for n_nonzero in (5, 20):
        data = make_sparse_regression(40, 80, n_nonzero=n_nonzero, design=design, random_state=0)
        group = GroupBasisPursuit(tol=1e-10, max_iter=100_000).fit(data.X, data.y[:, None])
        single = BasisPursuit().fit(data.X, data.y)
        assert group.status_ == "optimal"
        np.testing.assert_allclose(group.coef_[0], single.coef_, atol=1e-6 * np.abs(single.coef_).max())
        np.testing.assert_array_equal(group.support_, single.support_)


@pytest.mark.parametrize("tolerance", [1.0001 * np.linalg.norm(Y), 1e300])
def test_a_tolerance_that_zero_meets_leaves_nothing(tolerance):
    model = GroupBasisPursuit(tolerance=tolerance, fit_intercept=False).fit(X, Y)
    assert (model.status_, model.support_.size, model.gap_) == ("optimal", 0, 0)


@each
def test_rank_and_rotation_of_the_responses_change_nothing_but_the_rotation(model):
    design, responses, _, support = problem(12)
    Q = orthonormal(10, 10, seed=5)
    plain, rotated = model().fit(design, responses), model().fit(design, responses @ Q)
    np.testing.assert_array_equal(plain.support_, support)
    np.testing.assert_allclose(rotated.coef_, Q.T @ plain.coef_, atol=1e-9)


def test_the_autoencoder_solves_more_than_group_basis_pursuit():
    solved = dict.fromkeys(MODELS, 0)
    for seed in range(5):
        design, responses, coef, support = problem(25, seed=seed)
        for model in MODELS:
            fitted = model(fit_intercept=False).fit(design, responses)
            np.testing.assert_allclose(design @ fitted.coef_.T, responses, atol=1e-10)
            if np.array_equal(fitted.support_, support):
                np.testing.assert_allclose(fitted.coef_, coef, atol=1e-9)
                solved[model] += 1
    assert solved[LogAutoencoder] >= 4 > solved[GroupBasisPursuit]


# Limits.


@each
@pytest.mark.parametrize("max_iter", [1, 3])
def test_the_iteration_limit_is_a_status_and_a_warning_with_numbers(model, max_iter):
    design, responses, _, _ = problem(30)
    with pytest.warns(ConvergenceWarning, match=rf"`max_iter`, which is {max_iter};.* \d\.\de"):
        fitted = model(max_iter=max_iter).fit(design, responses)
    assert (fitted.status_, fitted.n_iter_) == ("iteration_limit", max_iter)
    if model is GroupBasisPursuit:
        # Whatever the steps, the responses are reproduced.
        assert fitted.gap_ <= 1
        np.testing.assert_allclose(fitted.predict(design), responses, atol=1e-10)


@each
def test_responses_outside_the_column_space_are_infeasible_and_warn_with_numbers(model):
    rng = np.random.default_rng(0)
    tall, responses = rng.standard_normal((30, 5)), rng.standard_normal((30, 3))
    with pytest.warns(ConvergenceWarning, match=r"reproduce `Y`: 0\.9\d? of its norm lies outside.*rank 5"):
        fitted = model().fit(tall, responses)
    assert fitted.status_ == "infeasible"
    exact = np.linalg.lstsq(np.c_[tall, np.ones(30)], responses)[0]
    np.testing.assert_allclose(np.c_[fitted.coef_, fitted.intercept_].T, exact, atol=1e-10)


def test_a_tolerance_below_what_no_coefficients_reproduce_is_infeasible():
    rng = np.random.default_rng(0)
    tall, responses = rng.standard_normal((30, 5)), rng.standard_normal((30, 3))
    with pytest.warns(ConvergenceWarning, match=r"`tolerance` is 0\.2 of the norm of `Y`, which is less"):
        fitted = GroupBasisPursuit(tolerance=2.0).fit(tall, responses)
    assert fitted.status_ == "infeasible"
    assert GroupBasisPursuit(tolerance=0.99 * np.linalg.norm(responses)).fit(tall, responses).status_ == "optimal"


# What every estimator owes its users.


@parametrize_with_checks([model() for model in MODELS])
def test_scikit_learn_checks_pass(estimator, check):
    with warnings.catch_warnings():
        # Their data are noisy, with more samples than features: nothing reproduces them, which is right to say.
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@each
def test_documented_parameters_and_attributes_are_those_that_exist(model):
    def names(section):
        text = inspect.getdoc(model).split(f"{section}\n{'-' * len(section)}\n")[1].split("\n\n")[0]
        return {name for line in re.findall(r"^(\w[\w, ]*) : ", text, re.M) for name in line.split(", ")}

    frames = pd.DataFrame(X, columns=[f"c{j}" for j in range(40)]), pd.DataFrame(Y)
    fitted = model().fit(*frames)
    assert names("Attributes") == {name for name in vars(fitted) if name.endswith("_")}
    assert names("Parameters") == set(fitted.get_params())
    assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(model).parameters.values())
    np.testing.assert_array_equal(fitted.coef_, model().fit(X, np.asfortranarray(Y)).coef_)


@each
def test_easy_problems_are_solved_with_and_without_intercept(model):
    fitted = model(fit_intercept=False).fit(X, Y)
    np.testing.assert_array_equal(fitted.support_, [3, 14, 15])
    np.testing.assert_allclose(fitted.coef_, COEF, atol=1e-9)
    np.testing.assert_array_equal(fitted.intercept_, np.zeros(4))
    shifted = model().fit(X + 5, Y + np.arange(4))
    np.testing.assert_array_equal(shifted.support_, [3, 14, 15])
    np.testing.assert_allclose(shifted.coef_, COEF, atol=1e-9)
    np.testing.assert_allclose(shifted.predict(X + 5), Y + np.arange(4), atol=1e-8)
    assert shifted.score(X + 5, Y + np.arange(4)) == pytest.approx(1)


@each
@pytest.mark.parametrize(("design_unit", "response_unit"), [(1e-3, 1e5), (1e6, 1e-2), (1e-140, 1.0), (1.0, 1e140)])
def test_units_of_the_data_only_rescale_the_result(model, design_unit, response_unit):
    design, responses, _, _ = problem(25)
    plain, other = model().fit(design, responses), model().fit(design * design_unit, responses * response_unit)
    np.testing.assert_allclose(other.coef_ * (design_unit / response_unit), plain.coef_, atol=1e-7)
    np.testing.assert_array_equal(other.support_, plain.support_)
    if model is LogAutoencoder:
        change = 2 * 100 * np.log(response_unit / design_unit)
        assert other.objective_ == pytest.approx(plain.objective_ + change, rel=1e-4)


def test_noise_and_tolerance_are_in_units_of_the_responses():
    design, responses, _, _ = problem(12, noise=0.05)
    for model, options, power in [
        (LogAutoencoder, {"noise_var": 0.0025}, 2),
        (GroupBasisPursuit, {"tolerance": 1.0}, 1),
    ]:
        scaled = {name: value * 1e3**power for name, value in options.items()}
        plain, other = model(**options).fit(design, responses), model(**scaled).fit(design, 1e3 * responses)
        np.testing.assert_allclose(other.coef_, 1e3 * plain.coef_, atol=1e-4)
        np.testing.assert_array_equal(other.support_, plain.support_)


@each
def test_pickle_and_clone_keep_what_they_should(model):
    fitted = model().fit(X, Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))
    assert not hasattr(clone(fitted), "coef_")


@each
def test_single_precision_goes_in_and_out(model):
    single = model().fit(X.astype(np.float32), Y.astype(np.float32))
    dtypes = {single.coef_.dtype, single.intercept_.dtype, single.predict(X.astype(np.float32)).dtype}
    assert dtypes == {np.dtype(np.float32)}
    assert single.status_ in ("optimal", "converged")
    np.testing.assert_array_equal(single.support_, [3, 14, 15])
    assert model().fit(X, Y).coef_.dtype == np.float64


@each
def test_constant_columns_and_responses_have_defined_results(model):
    design, responses = X.copy(), Y + 2
    design[:, 0], design[:, 1], responses[:, 2] = 0.0, 0.1, 1.7
    fitted = model().fit(design, responses)
    np.testing.assert_array_equal(fitted.support_, [3, 14, 15])
    np.testing.assert_allclose(fitted.intercept_, [2, 2, 1.7, 2])
    np.testing.assert_allclose(fitted.coef_[2], 0, atol=1e-12)
    constant = model().fit(X, np.full((20, 2), 1.7))
    assert (constant.intercept_.tolist(), constant.support_.size) == ([1.7, 1.7], 0)


BAD_DATA = {
    "X with NaN": (put(X, np.nan), Y, NonFiniteError, r"`X`.*\[0, 3\]"),
    "Y with infinity": (X, put(Y, np.inf), NonFiniteError, r"`Y`.*\[0, 3\]"),
    "fewer rows in Y": (X, Y[:-1], ShapeError, "`Y` has 19 rows"),
    "1-d X": (Y[:, 0], Y, ShapeError, r"`X` has shape \(20,\)"),
    "1-d Y": (X, Y[:, 0], ShapeError, r"`Y` has shape \(20,\), but \(n_samples, n_responses\) is needed"),
    "no response": (X, Y[:, :0], ShapeError, "`Y`"),
    "complex Y": (X, Y + 1j, DataTypeError, "`Y`"),
    "text in X": (X.astype(str), Y, DataTypeError, "`X`"),
}


@each
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_are_refused_by_name(model, case):
    design, responses, kind, message = BAD_DATA[case]
    with pytest.raises(kind, match=message):
        model().fit(design, responses)


@each
def test_bad_data_for_predict_are_refused(model):
    with pytest.raises(NotFittedError):
        model().predict(X)
    fitted = model().fit(X, Y)
    for bad, kind in [(Y[:, 0], ShapeError), (X[:, 1:], ShapeError), (X * np.nan, NonFiniteError)]:
        with pytest.raises(kind, match="`X`"):
            fitted.predict(bad)


BAD_PARAMETERS = {
    "fit_intercept": [1, None, "yes"],
    "max_iter": [0, -1, 2.0, True, None],
    "tol": [-1e-9, np.nan, np.inf, "x", True, None],
    "noise_var": ["learn", -1.0, np.nan, np.inf, True, None, 1e-320, 10**400],
    "tolerance": ["auto", -1.0, np.nan, np.inf, True, None, 10**400],
    "log_weight": ["n_features", 0, -1.0, np.nan, np.inf, True, None, 10**400],
    "weight": ["n_features", 0, -1.0, np.nan, np.inf, True, None, 10**400],
    "penalty": ["l1", 0, -0.5, 1.1, np.nan, True, None, lambda s: (s, 0 * s)],
}


@each
def test_bad_parameters_are_refused_by_name(model):
    for name in model().get_params():
        for value in BAD_PARAMETERS[name]:
            with pytest.raises(ParameterError, match=f"^`{name}` is .*, but it must be "):
                model(**{name: value}).fit(X, Y * 1e20)


@each
def test_results_beyond_float64_are_a_typed_error(model):
    for exponent in (-200, 200):
        with pytest.raises(NumericalError, match="scaled so"):
            model().fit(X * 10.0**exponent, Y * 10.0**-exponent)


# Rivals from other packages.


def test_the_best_penalty_of_the_multi_task_lasso_finds_an_easy_support():
    design, responses, coef, support = problem(8)
    best = best_multi_task_lasso(design, responses, coef)
    assert best.shape == coef.shape
    np.testing.assert_array_equal(np.flatnonzero(np.linalg.norm(best, axis=0) > 1e-3), support)
    np.testing.assert_allclose(best, coef, atol=1e-4)
    zero = best_multi_task_lasso(design, responses, np.zeros_like(coef))
    assert not zero.any()


@pytest.mark.parametrize("update_mode", [1, 2])
def test_gamma_map_takes_one_response_or_many(update_mode):
    pytest.importorskip("mne")
    design, responses, coef, _ = problem(20)
    before = design.copy(), responses.copy()
    kernel = GammaMap(update_mode=update_mode)
    found = kernel.solve(design, responses)
    assert found.shape == coef.shape
    np.testing.assert_allclose(found, coef, atol=1e-4)
    data = make_sparse_regression(50, 100, n_nonzero=10, random_state=0)
    np.testing.assert_allclose(kernel.solve(data.X, data.y), data.coef, atol=1e-4)
    for array, old in zip((design, responses), before, strict=True):
        np.testing.assert_array_equal(array, old)
