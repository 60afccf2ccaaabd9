"""The figures of many responses: problems, what counts as a success, trials of each kind."""

import dataclasses
import json

import numpy as np
import pytest
from sparsevae import cli, experiments
from sparsevae.experiments import FIGURES, METHODS, RATE, RowProblem, Store
from sparsevae.experiments.families.rows.metrics import OWN_RATE

ROWS = [name for name in FIGURES if name.startswith("rows_")]
SMALL = RowProblem("gaussian", 20, 40, 4, n_responses=12, rank=2)
FAST = ["SimultaneousSparseVae", "SimultaneousSparseVae, diagonal", "log autoencoder"]


def small(problem=SMALL, values=(3, 5), methods=("SimultaneousSparseVae",), **options):
    metric = options.pop("metric", RATE)
    figure = dataclasses.replace(FIGURES["rows_unit"], problem=problem, values=values, metric=metric)
    return experiments.run(figure, methods=list(methods), **({"trials": 2} | options))


@pytest.mark.parametrize("snr_db", [None, 20])
@pytest.mark.parametrize("design", ["gaussian", "meg_tangential", "meg_smooth"])
def test_a_problem_has_the_sizes_that_it_names(design, snr_db):
    problem = RowProblem(design, 30, 50, 7, n_responses=9, rank=3, snr_db=snr_db)
    data = problem.draw(1)
    assert data.X.shape == (30, 50)
    assert data.y.shape == (30, 9)
    assert data.coef.shape == (9, 50)
    np.testing.assert_allclose(np.linalg.norm(data.X, axis=0), 1)
    assert np.linalg.matrix_rank(data.coef) == 3
    assert data.support.tolist() == np.flatnonzero(np.linalg.norm(data.coef, axis=0)).tolist()
    assert len(data.support) == 7
    assert (data.noise_var > 0) == (snr_db is not None)
    if snr_db is None:
        np.testing.assert_allclose(data.y, data.X @ data.coef.T, atol=1e-12)
    again, other = problem.draw(1), problem.draw(2)
    assert np.array_equal(again.y, data.y)
    assert not np.array_equal(other.X, data.X)


def test_norms_of_the_rows_are_those_of_the_paper():
    norms = {scale: [] for scale in ("unit", "jeffreys")}
    for scale, found in norms.items():
        for seed in range(5):
            data = dataclasses.replace(SMALL, n_nonzero=20, row_scale=scale).draw(seed)
            found.extend(np.linalg.norm(data.coef, axis=0)[data.support])
    np.testing.assert_allclose(norms["unit"], 1)
    logs = np.log10(norms["jeffreys"])
    assert logs.min() >= -2
    assert logs.max() <= 2
    # Uniform from -2 to 2, of standard deviation 1.15.
    assert abs(logs.mean()) < 0.5
    assert 0.9 < logs.std() < 1.4


def test_success_is_the_exact_support_and_with_noise_that_of_the_largest_rows():
    exact, noisy = SMALL.draw(0), dataclasses.replace(SMALL, snr_db=20)
    extra = exact.coef.copy()
    extra[0, np.setdiff1d(np.arange(40), exact.support)[0]] = 0.5
    assert SMALL.matches(exact, exact.coef)
    assert not SMALL.matches(exact, extra)
    assert noisy.matches(exact, extra)
    assert not noisy.matches(exact, 0 * extra)
    largest = extra.copy()
    largest[0, np.setdiff1d(np.arange(40), exact.support)[0]] = 50
    assert not noisy.matches(exact, largest)
    assert noisy.matches(exact, largest, np.linalg.norm(exact.coef, axis=0))


@pytest.mark.parametrize("name", ROWS)
def test_the_panels_have_the_sizes_of_the_paper(name):
    figure = FIGURES[name]
    problem = figure.problem_at(99)
    assert (problem.n_samples, problem.n_features, problem.n_nonzero) == (100, 200, 99)
    assert (problem.n_responses, problem.rank) == (100, 5)
    assert figure.trials == 100
    assert figure.values == (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, *(() if problem.snr_db else (97, 98, 99)))
    assert {"MNE gamma-MAP, mode 1", "MNE gamma-MAP, mode 2"} < set(figure.choices)
    assert set(figure.methods) <= set(figure.choices)


@pytest.mark.parametrize("method", FIGURES["rows_noise"].choices)
@pytest.mark.parametrize("snr_db", [None, 20])
def test_every_method_solves_easy_problems(method, snr_db):
    if METHODS[method].package:
        pytest.importorskip(METHODS[method].package, exc_type=ImportError)
    results = small(dataclasses.replace(SMALL, snr_db=snr_db), values=(2,), methods=[method])
    assert not [note for note in results.notes if "error" in note]
    (point,) = results.points
    assert (point.errors, point.successes) == (0, 2)
    assert point.f1 > (0.9 if snr_db is None else 0.1)
    assert point.relative_error < (0.02 if snr_db is None else 1)
    assert point.wrong_certificates == 0


@pytest.mark.parametrize("method", FIGURES["rows_noise"].choices)
def test_the_variance_of_the_noise_is_known_where_the_note_says_so(method):
    knows = "knows the variance" in METHODS[method].note
    if METHODS[method].solver == "estimator":
        assert knows == (METHODS[method].settings.get("told") == ["noise_var"])
        assert ("noise unknown" in method) == ("told" not in METHODS[method].settings)
    else:
        assert knows == (METHODS[method].solver == "gamma_map")


def test_own_choice_counts_exact_supports_of_the_same_trials(tmp_path):
    noisy, path = dataclasses.replace(SMALL, snr_db=10), tmp_path / "trials.sqlite"
    rate, own = (small(noisy, trials=4, store=path, metric=metric) for metric in (RATE, OWN_RATE))
    assert rate.records == own.records
    assert sum(point.successes for point in own.points) == sum(record.score.f1 == 1 for record in own.records)
    assert all(mine.successes <= other.successes for mine, other in zip(own.points, rate.points, strict=True))
    assert FIGURES["rows_noise"].experiment == FIGURES["rows_noise_own"].experiment


def test_scores_of_many_responses_fit_together():
    results = small(values=(2, 4, 12), trials=4, methods=FAST)
    for record in results.records:
        score = record.score
        assert score.support_match == (score.f1 == 1)
        assert not score.wrong_certificate
        if score.certified:
            assert score.support_match
            assert score.mse_after_least_squares < 1e-20
        if score.relative_error > 1e-6:
            # Frobenius norms over 40 columns, of which the nonzero ones have norm 1.
            norm = score.l2_error_over_n * 40 / score.relative_error
            assert norm == pytest.approx(np.sqrt(record.key.value))
    assert any(record.score.relative_error > 1e-6 for record in results.records)
    assert any(record.score.certified for record in results.records)


def test_keys_name_all_that_a_problem_is_made_of(tmp_path):
    with Store(tmp_path / "trials.sqlite") as store:
        plan = experiments.make_plan(FIGURES["rows_jeffreys"], methods=FAST[:1], trials=1)
        (settings,) = {task.key.settings for task in plan.tasks()}
        assert not store.records()
    assert json.loads(settings) == {
        "solver": "estimator",
        "estimator": "sparsevae:SimultaneousSparseVae",
        "parameters": {"fit_intercept": False},
        "sizes": "prior_var_",
        "told": ["noise_var"],
        "problem": {
            "design": "gaussian",
            "n_samples": 100,
            "n_features": 200,
            "n_responses": 100,
            "rank": 5,
            "row_scale": "jeffreys",
            "snr_db": None,
        },
    }


def test_the_command_runs_them_and_goes_on_where_it_was(tmp_path, capsys):
    arguments = ["reproduce", "rows_noise", "rows_noise_own", "--quick", "--methods", "log autoencoder"]
    arguments += ["--trials", "1", "--out", str(tmp_path)]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "3 trials to do, 0 done before" in out
    assert "rows_noise_own: " in out
    assert (tmp_path / "rows_noise_own.csv").is_file()
    assert (tmp_path / "rows_noise.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(arguments) == 0
    assert "0 trials to do, 3 done before" in capsys.readouterr().out
