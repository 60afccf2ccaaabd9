"""Figures of noisy data: the benchmark, real data, fine mapping, data without effects, calibration."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.linalg import toeplitz
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso, LassoCV, LinearRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch
from sparsevae import VaeSlr, cli, experiments
from sparsevae.datasets import make_hastie_regression
from sparsevae.exceptions import DataUnavailableError
from sparsevae.experiments import (
    FIGURES,
    METHODS,
    BenchmarkProblem,
    CrossValidationProblem,
    FineMappingProblem,
    NormalEffectsProblem,
    NullProblem,
    Score,
    Solution,
)
from sparsevae.experiments.families.statistics import fine_mapping, metrics, real_data
from sparsevae.experiments.families.statistics.fitted import Fitted
from sparsevae.experiments.families.statistics.problem import BINS
from sparsevae.experiments.families.statistics.rivals import McpCv, RelaxedLassoCv
from sparsevae.experiments.families.statistics.solvers import noisy_regression
from sparsevae.metrics import wilson_interval

OURS = ["VaeSlr()", "VaeSlr(model_averaging=True)"]
BUILT_IN = [*OURS, "LassoCV", "RidgeCV", "relaxed lasso, CV"]
GROUPS = ("benchmark", "calibration", "prediction", "finemapping", "null")
SMALL = BenchmarkProblem(40, 12, 3, snr=4.0)
EMPTY = Score(
    support_match=True,
    f1=math.nan,
    l2_error_over_n=math.nan,
    relative_error=math.nan,
    mse_after_least_squares=math.nan,
    certified=False,
    wrong_certificate=False,
)


def scored(**facts):
    return dataclasses.replace(EMPTY, facts=facts)


def fitted(coef, support=None, **rest):
    coef = np.asarray(coef, float)
    return Fitted(coef, rest.pop("intercept", 0.0), np.flatnonzero(coef) if support is None else support, **rest)


@pytest.fixture
def genotypes(monkeypatch):
    """Blocks of alike columns in place of the real ones, which need their file."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.standard_normal((150, 8)), 3, axis=1) + 0.2 * rng.standard_normal((150, 24))
    monkeypatch.setattr(fine_mapping, "_genotypes", lambda: X)
    return X


def quick(name, **options):
    return experiments.run(name, **({"quick": True, "trials": 1, "jobs": 1} | options))


def test_relative_test_error_is_that_of_a_new_sample():
    problem = dataclasses.replace(SMALL, correlation=0.7, coef_type=5)
    data = problem.draw(0)
    wrong = np.random.default_rng(1).standard_normal(12)
    facts = problem.answer(data, lambda *_: fitted(data.coef + wrong, intercept=0.5)).facts
    error = wrong @ toeplitz(0.7 ** np.arange(12)) @ wrong + 0.25
    assert facts["relative_test_error"] == pytest.approx(1 + error / data.noise_var)
    assert facts["n_columns"] == 12
    assert problem.answer(data, lambda *_: fitted(data.coef)).facts["relative_test_error"] == 1


def test_the_support_is_what_a_method_states_and_small_effects_do_not_count():
    problem = dataclasses.replace(SMALL, n_features=14, coef_type=5)
    data = problem.draw(0)
    # Twelve coefficients are above 0.001, of 14 that are not zero.
    assert (data.coef != 0).all()
    for support, f1 in ((np.arange(12), 1.0), (np.arange(14), 24 / 26), (np.arange(6), 12 / 18)):
        answer = problem.answer(data, lambda *_, support=support: fitted(np.ones(14), support))
        score = problem.score(data, answer)
        assert (score.f1, score.support_match) == (pytest.approx(f1), f1 == 1)


def test_normal_effects_are_as_many_at_random_places_and_have_the_ratio_to_the_noise():
    problem = NormalEffectsProblem(20_000, 8, 3, correlation=0.7, snr=2.0)
    drawn = [problem.draw(seed) for seed in range(6)]
    assert {len(data.support) for data in drawn} == {1, 2, 3}
    for data in drawn:
        np.testing.assert_array_equal(np.flatnonzero(data.coef), data.support)
        noise = data.y - data.X @ data.coef
        assert (data.X @ data.coef).var() / noise.var() == pytest.approx(2.0, rel=0.1)
        assert noise.var() == pytest.approx(data.noise_var, rel=0.05)
    assert len({tuple(data.support) for data in drawn}) > 3


def slow_to_compile(methods):
    """Mark those whose package compiles for half a minute."""
    return [pytest.param(name, marks=[pytest.mark.slow] if "MCP" in name else []) for name in methods]


@pytest.mark.parametrize("method", slow_to_compile(FIGURES["benchmark_low"].choices))
def test_every_method_predicts_where_there_is_little_noise(method):
    if METHODS[method].package:
        pytest.importorskip(METHODS[method].package, exc_type=ImportError)
    figure = dataclasses.replace(FIGURES["benchmark_low"], problem=SMALL, values=(50,), series={})
    results = experiments.run(figure, methods=[method], trials=3, jobs=1)
    assert not [note for note in results.notes if "error" in note]
    (point,) = results.points
    assert point.errors == 0
    assert 1 < point.rte_low <= point.rte <= point.rte_high < 2
    assert point.f1 > (0.35 if method == "RidgeCV" else 0.6)
    assert METHODS[method].special


def test_coefficients_of_scaled_columns_come_back_in_units_of_the_data():
    data = SMALL.draw(3)
    X, scale = data.X * np.arange(1.0, 13.0) + 5, np.arange(1.0, 13.0)
    settings = METHODS["LassoCV"].settings
    found = {}
    for name, design in (("plain", data.X), ("moved", X)):
        changed = Bunch(**data | {"X": design})
        found[name] = noisy_regression(SMALL, changed, settings).coef
    np.testing.assert_allclose(found["moved"] * scale, found["plain"], rtol=1e-8, atol=1e-10)
    own = make_pipeline(StandardScaler(), LassoCV(cv=10)).fit(data.X, data.y)
    np.testing.assert_allclose(found["plain"], own[-1].coef_ / own[0].scale_)


def test_the_relaxed_lasso_mixes_the_lasso_with_least_squares_on_its_support():
    data = SMALL.draw(1)
    X, y = data.X - data.X.mean(axis=0), data.y - data.y.mean()
    alphas = np.array([0.5, 0.1])
    found = RelaxedLassoCv(n_mixtures=3).candidates(X, y, alphas).reshape(12, 3, 2)
    for number, alpha in enumerate(alphas):
        lasso = Lasso(alpha, fit_intercept=False, tol=1e-10).fit(X, y).coef_
        squares = np.zeros(12)
        squares[lasso != 0] = LinearRegression(fit_intercept=False).fit(X[:, lasso != 0], y).coef_
        for place, share in enumerate((0, 0.5, 1)):
            np.testing.assert_allclose(found[:, place, number], share * lasso + (1 - share) * squares, atol=1e-3)


@pytest.mark.parametrize(
    "estimator",
    [RelaxedLassoCv(n_folds=4), pytest.param(McpCv(n_folds=4), marks=pytest.mark.slow)],
    ids=["relaxed", "MCP"],
)
def test_the_model_of_least_error_over_the_folds_is_fitted_to_all_samples(estimator):
    if isinstance(estimator, McpCv):
        pytest.importorskip("skglm", exc_type=ImportError)
    data = make_hastie_regression(60, 8, n_nonzero=2, snr=1.0, random_state=2)
    X, y = data.X + 1, data.y + 3
    model = estimator.fit(X, y)
    largest = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / 60
    alphas, errors = largest * np.geomspace(1, 1e-3, 50), 0
    for train, test in KFold(4).split(X):
        mean, level = X[train].mean(axis=0), y[train].mean()
        coefs = estimator.candidates(X[train] - mean, y[train] - level, alphas)
        errors = errors + ((y[test, None] - level - (X[test] - mean) @ coefs) ** 2).sum(axis=0)
    best = estimator.candidates(X - X.mean(axis=0), y - y.mean(), alphas)[:, np.argmin(errors)]
    np.testing.assert_array_equal(model.coef_, best)
    np.testing.assert_allclose(model.predict(X).mean(), y.mean())


def test_cross_validation_predicts_every_sample_once():
    problem, (X, y) = CrossValidationProblem("diabetes", 5), load_diabetes(return_X_y=True)
    data, again, other = problem.draw(7), problem.draw(7), problem.draw(8)
    tests = np.concatenate([test for _, test in data.folds])
    assert sorted(tests.tolist()) == list(range(442))
    assert all(len(np.intersect1d(train, test)) == 0 and len(train) + len(test) == 442 for train, test in data.folds)
    assert all(np.array_equal(one[1], two[1]) for one, two in zip(data.folds, again.folds, strict=True))
    assert not np.array_equal(data.folds[0][1], other.folds[0][1])
    predicted = np.empty(442)

    def fit(X, y):
        model = LinearRegression().fit(X, y)
        return fitted(model.coef_, intercept=model.intercept_)

    facts = problem.answer(data, fit).facts
    for train, test in data.folds:
        predicted[test] = LinearRegression().fit(X[train], y[train]).predict(X[test])
    assert facts["r2"] == pytest.approx(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    assert facts["n_columns"] == 10


def test_a_data_set_may_be_cut_to_its_columns_of_largest_variance(monkeypatch):
    X = np.random.default_rng(0).standard_normal((30, 5)) * [1, 5, 2, 4, 3]
    monkeypatch.setattr(real_data, "_read", lambda _: (X, X[:, 0]))
    np.testing.assert_array_equal(CrossValidationProblem("diabetes", n_features=2).draw(0).X, X[:, [1, 3]])


def test_a_data_set_that_is_not_at_hand_leaves_its_panel_out_and_says_so(monkeypatch, tmp_path):
    real_data._read.cache_clear()
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    plans, notes = experiments.lay_out([FIGURES["prediction_trim32"], FIGURES["prediction_diabetes"]])
    assert [plan.figure.name for plan in plans] == ["prediction_diabetes"]
    assert "prediction_trim32: left out, the TRIM32 set is not at hand" in notes[0]
    fine_mapping._genotypes.cache_clear()
    with pytest.raises(DataUnavailableError, match="fine-mapping"):
        experiments.run("finemapping_power")


@pytest.mark.usefixtures("genotypes")
def test_credible_sets_are_counted_beside_the_effects():
    problem = FineMappingProblem(3, pve=0.4, n_features=24)
    data = problem.draw(0)
    prob, (first, second, _) = np.zeros(24), data.support
    prob[[first, second]] = 0.9, 0.8
    empty = np.setdiff1d(np.arange(24), data.support)[:4]
    sets = [np.array([first, empty[0]]), np.array([first]), empty]
    solution = problem.answer(data, lambda *_: fitted(prob, inclusion_prob=prob, credible_sets=sets))
    assert solution.facts == {
        "set_sizes": [2, 1, 4],
        "n_true_sets": 2,
        "n_found": 1,
        "n_effects": 3,
        "average_precision": pytest.approx((1 + 1 + 3 / 24) / 3),
    }
    assert not problem.score(data, solution).support_match
    assert np.var(data.X @ data.coef) / (np.var(data.X @ data.coef) + data.noise_var) == pytest.approx(0.4)


@pytest.mark.usefixtures("genotypes")
@pytest.mark.parametrize("method", FIGURES["finemapping_power"].choices)
def test_effects_that_explain_enough_are_found(method):
    if METHODS[method].package:
        pytest.importorskip(METHODS[method].package, exc_type=ImportError)
    figure = dataclasses.replace(
        FIGURES["finemapping_power"], problem=FineMappingProblem(pve=0.6, n_features=24), series={}, values=(1,)
    )
    results = experiments.run(figure, methods=[method], trials=4, jobs=1)
    (point,) = results.points
    assert (point.errors, point.power, point.successes) == (0, 1, 4)
    facts = [record.score.facts for record in results.records]
    assert all(fact["n_true_sets"] == len(fact["set_sizes"]) == 1 for fact in facts)
    assert all(fact["average_precision"] >= 1 / 3 for fact in facts)


def test_nothing_explains_a_null_response():
    problem = NullProblem(2000, 6, correlation=0.8)
    data = problem.draw(4)
    assert np.abs(np.corrcoef(data.X, data.y, rowvar=False)[-1, :-1]).max() < 0.08
    assert data.X[:, 0] @ data.X[:, 1] / 2000 == pytest.approx(0.8, abs=0.05)
    assert data.y.var() == pytest.approx(1, abs=0.1)
    for n_columns, success in ((0, True), (2, False)):
        support = np.arange(n_columns)
        solution = problem.answer(data, lambda *_, support=support: fitted(np.zeros(6), support))
        assert problem.score(data, solution).support_match == success


def test_false_choices_are_counted_from_one_column_and_from_four():
    scores = [scored(n_columns=number) for number in (0, 1, 3, 4)]
    assert [metrics.ANY_CHOSEN.success(score) for score in scores] == [False, True, True, True]
    assert [metrics.MANY_CHOSEN.success(score) for score in scores] == [False, False, False, True]


def test_shares_are_those_of_all_trials_together():
    scores = [
        scored(set_sizes=[3, 1], n_true_sets=1, n_found=1, n_effects=3),
        scored(set_sizes=[], n_true_sets=0, n_found=0, n_effects=3),
        scored(set_sizes=[8], n_true_sets=1, n_found=2, n_effects=3),
    ]
    assert metrics.COVERAGE.aggregate(scores)["coverage"] == 2 / 3
    assert metrics.POWER.aggregate(scores) == dict(
        zip(metrics.POWER.measure, (1 / 3, *wilson_interval(3, 9)), strict=True)
    )
    assert metrics.SET_SIZE.aggregate(scores) == {"set_size": 3, "set_size_low": 2, "set_size_high": 5.5}
    assert math.isnan(metrics.COVERAGE.aggregate(scores[1:2])["coverage"])
    assert math.isnan(metrics.SET_SIZE.aggregate(scores[1:2])["set_size"])


def test_calibration_counts_columns_by_their_probability():
    data = SMALL.draw(0)
    prob = np.array([0.97, 0.6, 0.02, 0.55, *[0.001] * 8])
    counts = SMALL.answer(data, lambda *_: fitted(data.coef, inclusion_prob=prob)).facts["calibration"]
    columns, sums, effects = (dict(zip(BINS, row, strict=False)) for row in counts)
    assert (columns[0.5], effects[0.5], columns[0.6], effects[0.6]) == (1, 0, 1, 1)
    assert (columns[0.95], effects[0.95], columns[0.01], effects[0.01]) == (1, 1, 1, 1)
    assert (columns[0.0], effects[0.0], sum(columns.values())) == (8, 0, 12)
    assert sums[0.95] == pytest.approx(0.97)
    found = metrics.CALIBRATION.aggregate([scored(calibration=counts)] * 2)
    assert found["share"] == pytest.approx(2 / 3)
    assert found["mean_prob"] == pytest.approx((0.97 + 0.6 + 0.55) / 3)
    assert (found["share_low"], found["share_high"]) == wilson_interval(4, 6)


def test_probabilities_are_kept_with_the_trials_of_the_benchmark():
    figure = dataclasses.replace(FIGURES["calibration_low"], problem=SMALL, values=(2.0,), series={})
    results = experiments.run(figure, trials=2, jobs=1)
    for record in results.records:
        data = dataclasses.replace(SMALL, snr=2.0).draw(record.problem_seed)
        model = VaeSlr(model_averaging=True).fit(data.X, data.y)
        columns, sums, effects = record.score.facts["calibration"]
        assert (sum(columns), sum(effects)) == (12, 3)
        assert sum(sums) == pytest.approx(model.inclusion_prob_.sum())
    assert FIGURES["calibration_low"].experiment == FIGURES["benchmark_low"].experiment


@pytest.mark.parametrize("name", [name for name in FIGURES if FIGURES[name].group in GROUPS])
def test_every_panel_is_of_the_sizes_of_the_paper_and_shows_ours_beside_rivals(name):
    figure = FIGURES[name]
    assert set(figure.methods) <= set(figure.choices)
    assert "VaeSlr(model_averaging=True)" in figure.methods
    # No method that runs by default needs a package beyond the dependencies.
    assert not [method for method in figure.methods if METHODS[method].package]
    if figure.group == "benchmark":
        sizes = dataclasses.astuple(figure.problem)[:3]
        wanted = {"low": (100, 10, 5), "medium": (500, 100, 5), "high5": (50, 1000, 5), "high10": (100, 1000, 10)}
        assert sizes == wanted[name.split("_")[1]]
        assert len(figure.series) == 12
        assert len(figure.values) == 10


@pytest.mark.parametrize("name", ["benchmark_low", "benchmark_low_f1"])
def test_the_benchmark_is_drawn_as_small_multiples_with_one_legend(name):
    pytest.importorskip("matplotlib")
    results = quick(name, methods=["VaeSlr()", "RidgeCV"], trials=2)
    axes = results.plot()
    assert [inset.get_title() for inset in axes.child_axes] == ["type 2, rho 0", "type 2, rho 0.7"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["VaeSlr()", "RidgeCV"]
    (ours, _), (measure, *_) = axes.child_axes[0].get_lines(), results.figure.metric.measure
    points = [point for point in results.points if (point.method, point.series) == ("VaeSlr()", "type 2, rho 0")]
    assert list(ours.get_ydata()) == [getattr(point, measure) for point in points]
    assert list(ours.get_xdata()) == [0.05, 0.71, 6]


def test_real_data_are_drawn_as_dots_the_best_method_above():
    pytest.importorskip("matplotlib")
    results = quick("prediction_diabetes", methods=["VaeSlr()", "RidgeCV"], trials=3)
    axes = results.plot()
    best = sorted(results.points, key=lambda point: -point.r2)
    assert [label.get_text() for label in axes.get_yticklabels()] == [point.method for point in best]
    dots = [line for line in axes.get_lines() if len(line.get_xdata()) == 3]
    facts = [record.score.facts["r2"] for record in results.records if record.key.method == best[0].method]
    assert list(dots[0].get_xdata()) == facts
    assert f"{best[0].r2:.3f} {best[0].r2_low:.3f}-{best[0].r2_high:.3f}" in results.text()


def test_calibration_is_drawn_beside_the_diagonal():
    pytest.importorskip("matplotlib")
    results = quick("calibration_low", trials=2)
    ours, diagonal = results.plot().get_lines()
    assert list(diagonal.get_ydata()) == [0, 1]
    counts = np.sum([record.score.facts["calibration"] for record in results.records], axis=0)
    there = counts[0] > 0
    np.testing.assert_allclose(ours.get_xdata(), (counts[1] / np.where(there, counts[0], 1))[there])
    np.testing.assert_allclose(ours.get_ydata(), (counts[2] / np.where(there, counts[0], 1))[there])


@pytest.mark.usefixtures("genotypes")
@pytest.mark.parametrize("group", ["benchmark_low", "calibration_low", "prediction_diabetes", "finemapping", "null"])
def test_the_command_runs_every_group_and_goes_on_where_it_was(group, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    arguments = ["reproduce", group, "--quick", "--trials", "1", "--jobs", "1", "--out", str(tmp_path)]
    arguments += ["--methods", "VaeSlr(model_averaging=True)"]
    assert cli.main(arguments) == 0
    assert "error" not in capsys.readouterr().out.replace("test error", "")
    for figure in experiments.find_figures([group]):
        assert (tmp_path / f"{figure.name}.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(arguments) == 0
    assert "0 trials to do" in capsys.readouterr().out


def test_a_solution_without_a_statement_of_its_support_has_that_of_its_coefficients():
    data = SMALL.draw(0)
    assert SMALL.score(data, Solution(data.coef)).support_match
