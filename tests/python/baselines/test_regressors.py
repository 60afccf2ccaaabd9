"""The rivals as scikit-learn and its users meet them, and their linear programs against others written out here."""

import inspect
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from problems import put, three_nonzeros
from scipy.optimize import linprog
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sparsevae import _core, baselines
from sparsevae.baselines import AugmentedBasisPursuit, BasisPursuit, CovarianceFreeEm, ReweightedBasisPursuit
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import DataTypeError, NonFiniteError, NumericalError, ParameterError, ShapeError

# Those of many responses, and those of none, have files of their own.
OTHERS = {"ConcaveAutoencoder", "GroupBasisPursuit", "LogAutoencoder", "RobustPca"}
MODELS = [getattr(baselines, name) for name in baselines.__all__ if name not in OTHERS]
PURSUITS = [AugmentedBasisPursuit, BasisPursuit, ReweightedBasisPursuit]
every = pytest.mark.parametrize("model", MODELS)
each_pursuit = pytest.mark.parametrize("model", PURSUITS)
X, Z, Y = three_nonzeros()


def ready(model, **options):
    """A model that recovers `Z`: peeling needs a covariance, since 20 samples of 40 features hide it."""
    return model(covariance=np.eye(40), **options) if model is AugmentedBasisPursuit else model(**options)


def program(X, y, weights):
    """Weighted l1 minimisation with one bound variable for each absolute value, by an interior-point method."""
    d, n = X.shape
    identity = np.eye(n)
    found = linprog(
        np.r_[np.zeros(n), weights],
        A_ub=np.block([[identity, -identity], [-identity, -identity]]),
        b_ub=np.zeros(2 * n),
        A_eq=np.hstack([X, np.zeros((d, n))]),
        b_eq=y,
        bounds=[(None, None)] * n + [(0, None)] * n,
        method="highs-ipm",
    )
    assert found.status == 0
    return found.x[:n], found.fun


def peeled_by_hand(covariance, threshold, t):
    """Peeling as the paper has it: with the n x n projection, and spans by pseudo-inverses."""
    values, vectors = np.linalg.eigh(covariance)
    P = sum((np.outer(v, v) for value, v in zip(values, vectors.T, strict=True) if value >= threshold), 0 * covariance)
    chosen = {i for i in range(len(P)) if P[i, i] < 1 - 1 / (9 * t**2)}
    for _ in range(t):
        span = P[:, sorted(chosen)]
        inside = span @ np.linalg.pinv(span, rcond=1e-10)
        chosen |= {i for i in range(len(P)) if np.sum((inside @ P[:, i]) ** 2) >= (1 / (6 * t)) ** 2}
    return sorted(chosen)


def near_dependencies(n=60, pairs=((0, 1), (10, 40)), gap=1e-3):
    covariance = np.eye(n)
    for i, j in pairs:
        covariance[i, j] = covariance[j, i] = 1 - gap
    return covariance


@parametrize_with_checks([model() for model in MODELS])
def test_scikit_learn_checks_pass(estimator, check):
    with warnings.catch_warnings():
        # Their data are noisy, with more samples than features: nothing reproduces them, which is right to say.
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@every
def test_documented_parameters_and_attributes_are_those_that_exist(model):
    def names(section):
        text = inspect.getdoc(model).split(f"{section}\n{'-' * len(section)}\n")[1].split("\n\n")[0]
        return {name for line in re.findall(r"^(\w[\w, ]*) : ", text, re.M) for name in line.split(", ")}

    fitted = ready(model).fit(pd.DataFrame(X, columns=[f"c{j}" for j in range(40)]), Y)
    assert names("Attributes") == {name for name in vars(fitted) if name.endswith("_")}
    assert names("Parameters") == set(fitted.get_params())
    assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(model).parameters.values())
    assert list(fitted.feature_names_in_[:2]) == ["c0", "c1"]
    np.testing.assert_array_equal(fitted.coef_, ready(model).fit(X, Y).coef_)


def test_defaults_are_those_of_the_core():
    for name, defaults in _core.baseline_defaults().items():
        parameters = inspect.signature(getattr(baselines, name)).parameters
        assert {key: parameters[key].default for key in defaults} == defaults, name


@every
def test_easy_problems_are_solved_with_and_without_intercept(model):
    fitted = ready(model, fit_intercept=False).fit(X, Y)
    np.testing.assert_array_equal(fitted.support_, [3, 14, 15])
    np.testing.assert_allclose(fitted.coef_, Z, atol=1e-6)
    assert fitted.intercept_ == 0
    assert fitted.status_ in ("optimal", "converged")
    shifted = ready(model).fit(X + 5, Y + 7)
    np.testing.assert_array_equal(shifted.support_, [3, 14, 15])
    np.testing.assert_allclose(shifted.coef_, Z, atol=1e-6)
    np.testing.assert_allclose(shifted.predict(X + 5), Y + 7, atol=1e-4)


@every
@pytest.mark.parametrize(("design_unit", "response_unit"), [(1e-3, 1e5), (1e6, 1e-2), (1e-140, 1.0), (1.0, 1e140)])
def test_units_of_the_data_only_rescale_the_result(model, design_unit, response_unit):
    data = make_sparse_regression(30, 60, n_nonzero=12, design="random_walk", random_state=0)
    options, scaled = {}, {}
    if model is AugmentedBasisPursuit:
        # The threshold is in the unit of the covariance, which 1e-140 would take out of range.
        design_unit = max(design_unit, 1e-3)
        options, scaled = {"threshold": 0.001}, {"threshold": 0.001 * design_unit**2}
    elif model is CovarianceFreeEm:
        options = scaled = {"max_iter": 30}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain = model(**options).fit(data.X, data.y)
        other = model(**scaled).fit(data.X * design_unit, data.y * response_unit)
    unit = response_unit / design_unit
    size = np.abs(plain.coef_).max()
    np.testing.assert_allclose(other.coef_ / unit, plain.coef_, atol=1e-5 * size)
    np.testing.assert_array_equal(other.support_, plain.support_)
    assert other.status_ == plain.status_


@every
def test_pickle_and_clone_keep_what_they_should(model):
    fitted = ready(model).fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert not hasattr(clone(fitted), "coef_")


@every
def test_single_precision_goes_in_and_out(model):
    single = ready(model).fit(X.astype(np.float32), Y.astype(np.float32))
    assert single.coef_.dtype == single.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(single.support_, [3, 14, 15])
    assert ready(model).fit(X, Y).coef_.dtype == np.float64


@every
def test_constant_columns_and_responses_have_defined_results(model):
    design = X.copy()
    design[:, 0], design[:, 1] = 0.0, 0.1
    fitted = ready(model).fit(design, Y + 2)
    np.testing.assert_array_equal(fitted.support_, [3, 14, 15])
    assert fitted.intercept_ == pytest.approx(2)
    constant = ready(model).fit(X, np.full(20, 1.7))
    assert (constant.intercept_, constant.support_.size) == (1.7, 0)


BAD_DATA = {
    "X with NaN": (put(X, np.nan), Y, NonFiniteError, r"`X`.*\[0, 3\]"),
    "y with infinity": (X, put(Y, np.inf), NonFiniteError, r"`y`.*\[3\]"),
    "fewer rows in y": (X, Y[:-1], ShapeError, "`y` has 19 rows"),
    "1-d X": (Y, Y, ShapeError, r"`X` has shape \(20,\)"),
    "2-d y": (X, X, ShapeError, r"`y` has shape \(20, 40\)"),
    "no y": (X, None, ShapeError, "`y`"),
    "no columns": (X[:, :0], Y, ShapeError, "`X`.*0 feature"),
    "complex X": (X + 1j, Y, DataTypeError, "`X` has dtype complex128"),
    "text y": (X, Y.astype(str), DataTypeError, "`y` has dtype <U"),
}


@every
@pytest.mark.parametrize(("design", "response", "kind", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data_is_refused_by_name(model, design, response, kind, message):
    with pytest.raises(kind, match=message):
        ready(model).fit(design, response)


@every
def test_bad_data_for_predict_is_refused(model):
    with pytest.raises(NotFittedError):
        model().predict(X)
    fitted = ready(model).fit(X, Y)
    for bad, kind in [(Y, ShapeError), (X[:, 1:], ShapeError), (X * np.nan, NonFiniteError), (X + 1j, DataTypeError)]:
        with pytest.raises(kind, match="`X`"):
            fitted.predict(bad)


BAD_PARAMETERS = {
    "fit_intercept": [1, None, "yes"],
    "epsilon": [0, -1.0, np.nan, np.inf, True, None, "0.1", 10**400],
    "max_iter": [0, -1, 2.0, True, None],
    "tol": [-1e-9, np.nan, np.inf, "x", True, None],
    "n_nonzero": [0, -1, 2.5, True, None],
    "threshold": [-0.1, np.nan, np.inf, None],
    "noise_var": ["auto", 0, -1.0, np.nan, np.inf, True, None, 1e-320, 10**400],
    "prune": [-0.1, 1, np.nan, None],
    "n_probes": [0, 1.5, True, None],
    "cg_max_iter": [0, 1.5, None],
    "cg_tol": [0, 1, -1.0, np.nan, None],
    "random_state": [-1, 1.5, "a", 2**64],
}


@every
def test_bad_parameters_are_refused_by_name(model):
    known = set(model().get_params()) - {"covariance"}
    assert known <= set(BAD_PARAMETERS)
    for name in known:
        for value in BAD_PARAMETERS[name]:
            with pytest.raises(ParameterError, match=f"^`{name}` is .*, but it must be "):
                model(**{name: value}).fit(X, Y * 1e20)


def test_bad_covariances_are_refused():
    skew = np.eye(40)
    skew[0, 1] = 0.5
    for covariance, kind, message in [
        (np.eye(39), ShapeError, r"\(40, 40\) is needed"),
        (np.ones((40, 39)), ShapeError, r"has shape \(40, 39\)"),
        (np.ones(40), ShapeError, r"has shape \(40,\)"),
        (np.eye(40) * np.nan, NonFiniteError, "`covariance`"),
        (np.eye(40) * 1j, DataTypeError, "`covariance`"),
        (skew, ParameterError, "not symmetric"),
    ]:
        with pytest.raises(kind, match=message):
            AugmentedBasisPursuit(covariance=covariance).fit(X, Y)


@every
def test_results_beyond_float64_are_a_typed_error(model):
    for exponent in (-200, 200):
        with pytest.raises((NumericalError, ParameterError), match=r"scaled so|a share of the mean square"):
            ready(model).fit(X * 10.0**exponent, Y * 10.0**-exponent)


# The linear programs.


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("design", ["gaussian", "random_walk"])
@pytest.mark.parametrize("n_nonzero", [5, 25])
def test_basis_pursuit_is_optimal_by_its_dual_and_by_another_program(design, n_nonzero, fit_intercept):
    data = make_sparse_regression(50, 100, n_nonzero=n_nonzero, design=design, random_state=1)
    model = BasisPursuit(fit_intercept=fit_intercept).fit(data.X, data.y)
    A, b = (data.X - data.X.mean(0), data.y - data.y.mean()) if fit_intercept else (data.X, data.y)
    np.testing.assert_allclose(A @ model.coef_, b, atol=1e-12 * np.abs(b).max())
    value = np.abs(model.coef_).sum()
    assert b @ model.dual_coef_ == pytest.approx(value, rel=1e-10)
    assert np.abs(A.T @ model.dual_coef_).max() < 1 + 1e-7
    assert value == pytest.approx(program(A, b, np.ones(100))[1], rel=1e-7)
    assert model.support_.size <= 50
    assert model.residual_ < 1e-13


def test_augmented_basis_pursuit_agrees_with_the_program_written_out():
    covariance = near_dependencies()
    rng = np.random.default_rng(0)
    for trial in range(5):
        design = rng.multivariate_normal(np.zeros(60), covariance, 30, method="eigh")
        truth = np.zeros(60)
        truth[[0, 1, 10, 40]] = 30, -30, 20, -21
        truth[rng.choice(np.arange(41, 60), 4 + 2 * trial, replace=False)] = rng.standard_normal(4 + 2 * trial)
        y = design @ truth
        model = AugmentedBasisPursuit(covariance=covariance, fit_intercept=False).fit(design, y)
        assert model.unpenalised_.tolist() == peeled_by_hand(covariance, 0.1, 5) == [0, 1, 10, 40]
        assert model.n_small_ == 2
        weights = np.ones(60)
        weights[model.unpenalised_] = 0
        coef, value = program(design, y, weights)
        assert weights @ np.abs(model.coef_) == pytest.approx(value, rel=1e-8)
        np.testing.assert_allclose(model.coef_, coef, atol=1e-8 * np.abs(truth).max())
        assert (trial > 1) or (model.support_ == np.flatnonzero(truth)).all()


@pytest.mark.parametrize("n_nonzero", [1, 3, 10])
def test_peeling_is_that_of_the_paper(n_nonzero):
    rng = np.random.default_rng(n_nonzero)
    design = rng.standard_normal((200, 30))
    # Three dependencies of some coordinates each, of different closeness.
    for j, size in ((0, 1e-2), (7, 0.1), (20, 0.3)):
        design[:, j] = design[:, j + 1 : j + 4].sum(axis=1) + size * design[:, j]
    model = AugmentedBasisPursuit(n_nonzero=n_nonzero, fit_intercept=False).fit(design, design[:, 29])
    expected = peeled_by_hand(design.T @ design / 200, 0.1, n_nonzero)
    assert model.unpenalised_.tolist() == expected
    assert len(expected) >= 4


def test_peeling_goes_on_for_as_many_rounds_as_nonzeros():
    # Each coordinate of the dependency shows only after the one before it has been peeled.
    loadings = 0.03 ** np.arange(8)
    loadings /= np.linalg.norm(loadings)
    covariance = np.eye(8) - 0.99 * np.outer(loadings, loadings)
    for rounds in (1, 2, 3):
        model = AugmentedBasisPursuit(covariance=covariance, n_nonzero=rounds).fit(X[:, :8], X[:, 0])
        assert model.unpenalised_.tolist() == list(range(rounds + 1))
        assert model.n_iter_ == rounds


def test_augmented_basis_pursuit_is_basis_pursuit_on_the_covariance_of_a_random_walk():
    data = make_sparse_regression(40, 80, n_nonzero=10, design="random_walk", random_state=0)
    steps = np.arange(1.0, 81)
    model = AugmentedBasisPursuit(covariance=np.minimum.outer(steps, steps)).fit(data.X, data.y)
    assert model.unpenalised_.size == model.n_iter_ == model.n_small_ == 0
    expected = BasisPursuit().fit(data.X, data.y).coef_
    np.testing.assert_allclose(model.coef_, expected, atol=1e-10 * np.abs(expected).max())


def test_a_covariance_of_too_few_samples_leaves_nothing_penalised_and_warns():
    with pytest.warns(ConvergenceWarning, match="40 of 40 coordinates are left out.*21 eigenvalues"):
        model = AugmentedBasisPursuit().fit(X, Y)
    assert model.status_ == "unpenalised"
    np.testing.assert_allclose(model.predict(X), Y, atol=1e-9)


@each_pursuit
def test_responses_outside_the_column_space_are_infeasible_and_warn_with_numbers(model):
    rng = np.random.default_rng(0)
    tall, y = rng.standard_normal((30, 5)), rng.standard_normal(30)
    with pytest.warns(ConvergenceWarning, match=r"0\.85 of its norm lies outside.*rank 5"):
        fitted = model().fit(tall, y)
    assert fitted.status_ == "infeasible"
    exact = np.linalg.lstsq(np.c_[tall, np.ones(30)], y)[0]
    np.testing.assert_allclose(np.r_[fitted.coef_, fitted.intercept_], exact, atol=1e-12)
    assert fitted.residual_ == pytest.approx(np.linalg.norm(y - fitted.predict(tall)) / np.linalg.norm(y - y.mean()))


def test_reweighting_lowers_its_concave_objective_and_solves_more():
    solved = {BasisPursuit: 0, ReweightedBasisPursuit: 0}
    for seed in range(6):
        data = make_sparse_regression(50, 100, n_nonzero=21, random_state=seed)
        first = BasisPursuit(fit_intercept=False).fit(data.X, data.y)
        values, epsilon = [], 0.1 * np.abs(first.coef_).max()
        for rounds in (1, 2, 4, 20):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = ReweightedBasisPursuit(max_iter=rounds, fit_intercept=False).fit(data.X, data.y)
            values.append(np.log(np.abs(model.coef_) + epsilon).sum())
        assert (np.diff([np.log(np.abs(first.coef_) + epsilon).sum(), *values]) <= 1e-9).all()
        np.testing.assert_allclose(data.X @ model.coef_, data.y, atol=1e-12)
        if model.status_ == "converged":
            np.testing.assert_allclose(model.weights_, epsilon / (np.abs(model.coef_) + epsilon), atol=1e-6)
        for kind, fitted in ((BasisPursuit, first), (ReweightedBasisPursuit, model)):
            solved[kind] += set(fitted.support_) == set(data.support)
    assert solved[ReweightedBasisPursuit] > solved[BasisPursuit]
