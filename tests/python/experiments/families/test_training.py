"""The figures of learning from easier problems: problems, what counts as a success, ablations, times."""

import dataclasses
import json

import numpy as np
import pytest
from sparsevae import cli, experiments
from sparsevae.datasets import make_gaussian_design
from sparsevae.experiments import FIGURES, METHODS, Store, TrainingProblem
from sparsevae.experiments.families.training import rivals

TRAINING = [name for name in FIGURES if name.startswith("training_")]
SMALL = TrainingProblem("gaussian", 80, 48, 8, 6, 40, test_nonzero=5, hard_nonzero=5)
EASY = dataclasses.replace(SMALL, test_nonzero=1)
ALL = FIGURES["training_gaussian"].choices


def small(problem=SMALL, values=(5,), methods=("WelperRecover",), name="training_gaussian", **options):
    figure = dataclasses.replace(FIGURES[name], problem=problem, values=values)
    return experiments.run(figure, methods=list(methods), **({"trials": 2} | options))


@pytest.mark.parametrize("design", ["gaussian", "random_walk", "partial_dct"])
def test_a_problem_has_the_sizes_that_it_names(design):
    problem = dataclasses.replace(SMALL, design=design, n_test=3)
    data = problem.draw(1)
    assert data.X.shape == data.A.shape == (48, 80)
    assert data.B.shape == (48, 40)
    assert data.y.shape == (48, 3)
    assert data.coef.shape == (3, 80)
    assert data.components.shape == (80, 8)
    assert data.hard.sum() == 6
    np.testing.assert_allclose(np.linalg.norm(data.X, axis=0), 1)
    np.testing.assert_allclose(data.y, data.X @ data.coef.T, atol=1e-12)
    np.testing.assert_allclose(data.B, data.X @ data.solutions, atol=1e-12)
    assert data.support.tolist() == np.flatnonzero(np.linalg.norm(data.coef, axis=0)).tolist()
    assert (np.count_nonzero(data.test_combinators, axis=0) == 5).all()
    again, other = problem.draw(1), problem.draw(2)
    assert np.array_equal(again.y, data.y)
    assert not np.array_equal(other.X, data.X)


def test_sizes_below_one_are_shares_of_the_features():
    problem = FIGURES["training_time"].problem_at(400)
    sizes = [problem.size(name) for name in ("n_samples", "n_components", "n_nonzero", "n_problems")]
    assert sizes == [240, 40, 40, 160]
    same = TrainingProblem("gaussian", 200, 120, 20, 20, 80).draw(3)
    shares = TrainingProblem("gaussian", 200, 0.6, 0.1, 0.1, 0.4).draw(3)
    assert np.array_equal(same.y, shares.y)
    assert np.array_equal(same.B, shares.B)


def test_success_is_all_test_problems_to_a_relative_error_of_a_millionth():
    data = SMALL.draw(0)
    for error, solved in ((0.0, True), (0.9e-6, True), (1.1e-6, False)):
        coef = data.coef.copy()
        coef[2] *= 1 + error
        assert SMALL.matches(data, coef) == solved


@pytest.mark.parametrize("name", TRAINING)
def test_the_panels_differ_in_what_they_say(name):
    figure = FIGURES[name]
    assert set(figure.methods) <= set(figure.choices) <= set(ALL)
    assert figure.trials == (5 if figure.metric.name == "seconds" else 20)
    problem = figure.problem_at(figure.values[0])
    fewer = problem.size("n_samples") < problem.size("n_components")
    assert fewer == (name == "training_few_rows")
    assert problem.design == ("random_walk" if name == "training_walk" else "gaussian")
    if figure.swept == "test_nonzero":
        # The training problems are as hard at every place.
        assert problem.hard_nonzero == figure.problem_at(figure.values[-1]).hard_nonzero


@pytest.mark.parametrize("method", ALL)
def test_every_method_solves_easy_problems(method):
    results = small(EASY, values=(1,), methods=[method])
    assert not [note for note in results.notes if "error" in note]
    (point,) = results.points
    assert (point.errors, point.successes, point.wrong_certificates) == (0, 2, 0)
    assert point.f1 == 1
    assert point.mse < 1e-20


@pytest.mark.parametrize("method", ALL)
def test_notes_say_what_a_method_sees(method):
    untrained = METHODS[method].solver != "trained"
    assert untrained == ("no training problems" in METHODS[method].note)
    assert ("ablation" in METHODS[method].settings) == ("not their factorisation" in METHODS[method].note)
    assert METHODS[method].special


def test_with_fewer_rows_than_components_least_squares_on_the_span_fails():
    methods = ["WelperRecover", "WelperRecover, l4", "least squares on span", "l1 minimisation"]
    figure = dataclasses.replace(FIGURES["training_few_rows"], values=(8,))
    points = experiments.run(figure, methods=methods, trials=4).points
    assert [(point.method, point.successes) for point in points] == list(zip(methods, (4, 4, 0, 0), strict=True))


def test_ablations_without_easy_problems_solve_nothing():
    A, none = make_gaussian_design(5, 9, random_state=0), np.zeros((9, 0))
    for solve in (rivals.least_squares_on_span, rivals.solutions_as_components):
        assert np.array_equal(solve(A, A[:, :2], none), np.zeros((9, 2)))


def test_ablations_solve_what_lies_in_the_span():
    data = SMALL.draw(0)
    for solve in (rivals.least_squares_on_span, rivals.solutions_as_components):
        found = solve(data.A, data.b, data.solutions)
        np.testing.assert_allclose(found.T, data.coef, atol=1e-9)


@pytest.mark.parametrize("power", [0, 0.5, 1])
def test_reweighted_least_squares_solves_the_equations(power):
    data = SMALL.draw(0)
    found = rivals.reweighted_least_squares(data.A, data.b, power=power, shrink=3)
    np.testing.assert_allclose(data.A @ found, data.b, atol=1e-8)
    least = np.linalg.lstsq(data.A, data.b, rcond=None)[0]
    assert (np.abs(found).sum(axis=0) < np.abs(least).sum(axis=0)).all()


def test_scores_are_means_over_test_problems_with_supports_of_their_own():
    # No least squares on the union of the supports: it has more columns than there are rows.
    problem = dataclasses.replace(SMALL, n_samples=36)
    (record,) = small(problem, trials=1).records
    assert len(problem.draw(record.problem_seed).support) > 36
    assert record.score.support_match
    assert record.score.f1 == 1
    assert record.score.mse_after_least_squares < 1e-20
    (failed,) = small(problem, methods=["l1 minimisation"], trials=1).records
    assert not failed.score.support_match
    assert failed.score.f1 < 1
    assert not failed.score.certified


def test_keys_name_all_that_a_problem_is_made_of():
    plan = experiments.make_plan(FIGURES["training_few_rows"], methods=["least squares on span"], trials=1)
    (settings,) = {task.key.settings for task in plan.tasks()}
    assert json.loads(settings) == {
        "solver": "trained",
        "parameters": {},
        "ablation": "least_squares_on_span",
        "problem": {
            "design": "gaussian",
            "n_features": 300,
            "n_samples": 75,
            "n_components": 100,
            "n_nonzero": 6,
            "n_problems": 400,
            "train_nonzero": 2,
            "hard_nonzero": 8,
            "n_test": 4,
            "hard_share": 0.15,
            "law": "gaussian",
            "noise": 0.0,
        },
    }


def test_a_figure_of_times_tells_wall_time_and_keeps_rates_apart(tmp_path):
    problem = FIGURES["training_time"].problem
    results = small(problem, (60, 80), ["WelperRecover", "l1 minimisation"], "training_time", store=tmp_path / "t")
    spent = [f"{timing.wall_median:.2g}" for timing in results.timings]
    lines = [line.split() for line in results.text().splitlines()]
    assert [cell for line in lines[1:] for cell in line[-2:]] == spent
    assert "wall ms" not in results.text()
    assert "100 34-100" in results.text(times=False)
    axes = results.plot()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_ylabel().startswith("wall time")
    drawn = [y for line in axes.get_lines() for y in line.get_ydata()]
    assert drawn == [timing.wall_median for timing in results.timings]
    assert "wall ms" in small(EASY, values=(1,)).text()


def test_a_quick_run_of_times_has_small_problems():
    assert FIGURES["training_time"].quick().values == (200, 400)
    assert FIGURES["training_walk"].quick().values == (2, 4, 20)


def test_the_command_runs_them_and_goes_on_where_it_was(tmp_path, capsys):
    arguments = ["reproduce", "training", "--quick", "--methods", "l1 minimisation", "--trials", "1"]
    arguments += ["--out", str(tmp_path)]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "14 trials to do, 0 done before" in out
    assert "training_time: Gaussian matrix" in out
    assert "median wall seconds" in out
    assert (tmp_path / "training_few_rows.csv").is_file()
    assert (tmp_path / "training_time.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(arguments) == 0
    assert "0 trials to do, 14 done before" in capsys.readouterr().out
    with Store(tmp_path / "trials.sqlite") as store:
        assert {record.key.figure for record in store.records()} == set(TRAINING)
