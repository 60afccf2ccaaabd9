"""Experiments as data: specification, trials, store, summary, picture."""

import dataclasses
import hashlib
import json
import sqlite3
import sys

import numpy as np
import pytest
from sparsevae import experiments
from sparsevae.exceptions import DataUnavailableError, ParameterError, SchedulerError, StoreError
from sparsevae.experiments import FIGURES, METHODS, Store
from sparsevae.metrics import wilson_interval

FAST = ["VaeSlr", "Lasso"]


def small(**options):
    return experiments.run("fig1a", **({"methods": FAST, "trials": 2, "quick": True} | options))


def outcome(results):
    return [(record.key, record.problem_seed, record.score) for record in results.records]


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 0, 0, 1)],
)
def test_wilson_interval_has_the_published_values(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (0.5, 2), (True, 2)])
def test_wilson_interval_refuses_impossible_counts(successes, trials):
    with pytest.raises(ParameterError, match="successes"):
        wilson_interval(successes, trials)


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.name)
def test_every_figure_names_known_methods_and_valid_problems(figure):
    assert {*figure.methods, *figure.choices} <= set(METHODS)
    if "riboflavin" in getattr(figure.problem, "design", "riboflavin"):
        # Genes need their data; problems without a design are matrices, which have tests of their own.
        return
    # Problems with many responses take longer to draw: the ends of the sweep will do.
    rows = isinstance(figure.problem, experiments.RowProblem)
    training = isinstance(figure.problem, experiments.TrainingProblem)
    for value in (figure.values[0], figure.values[-1]) if rows else figure.values:
        for series in figure.series or [""]:
            problem = figure.problem_at(value, series)
            data = problem.draw(0)
            n_samples = problem.size("n_samples") if training else problem.n_samples
            assert data.X.shape == (n_samples, problem.n_features)
            assert training or len(data.support) == problem.n_nonzero
            np.testing.assert_allclose(np.linalg.norm(data.X, axis=0), 1)


def test_the_panels_are_those_of_the_paper():
    names = ["fig1a", "fig1b", "fig1c", "fig2a", "fig2b", "fig3a", "fig3b", "fig4a", "fig4b", "fig5", "fig6a", "fig6b"]
    rows = ["unit", "jeffreys", "meg_tangential", "meg_smooth", "noise", "noise_own"]
    training = ["gaussian", "walk", "problems", "few_rows", "time"]
    lowrank = ["lowrank_outliers", "lowrank_missing"]
    manifold = [f"manifold_{name}" for name in ("recovery", "depth", "norms", "variance", "collapse")]
    digits = ["digits_dimensions", "digits_denoise"]
    all_rows, all_training = [f"rows_{name}" for name in rows], [f"training_{name}" for name in training]
    assert list(FIGURES) == names + all_rows + all_training + lowrank + manifold + digits
    assert [figure.name for figure in experiments.find_figures(["fig6", "fig3b", "fig3"])] == names[5:7] + names[-2:]
    groups = {"rows": all_rows, "training": all_training, "lowrank": lowrank, "manifold": manifold, "digits": digits}
    for group, panels in groups.items():
        assert [figure.name for figure in experiments.find_figures([group])] == panels


def test_stored_trials_are_found_again():
    # The keys of all trials of figures 1 to 6, as the first release wrote them: other keys would do them all again.
    plans = [experiments.make_plan(figure, methods="all") for name, figure in FIGURES.items() if name[:3] == "fig"]
    keys = sorted(repr(task.key) for plan in plans for task in plan.tasks())
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()
    assert (len(keys), digest[:16]) == (15860, "ee9bc693e19b4af3")


def test_population_covariance_is_that_of_many_rows_before_columns_are_scaled():
    problem = dataclasses.replace(FIGURES["fig1b"].problem, n_samples=20_000, n_features=5, n_nonzero=1)
    data = problem.draw(1)
    covariance = problem.covariance(data)
    np.testing.assert_allclose(covariance.diagonal(), [1, 2, 3, 4, 5])
    deviation = np.sqrt(covariance.diagonal())
    np.testing.assert_allclose(covariance / np.outer(deviation, deviation), data.X.T @ data.X, atol=0.02)


def test_seeds_differ_by_place_and_trial_and_by_nothing_else():
    seeds = {experiments.problem_seed(s, value, t) for s in range(3) for value in (2, 10, 20.5) for t in range(20)}
    assert len(seeds) == 180
    assert experiments.problem_seed(0, 2, 1) == experiments.problem_seed(0, 2.0, 1)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_methods_see_the_same_problems_whatever_else_runs():
    both, alone = small(), small(methods=["Lasso"])
    assert [entry for entry in outcome(both) if entry[0].method == "Lasso"] == outcome(alone)
    for record in both.records:
        key = record.key
        assert record.problem_seed == experiments.problem_seed(0, key.value, key.trial)


def test_results_depend_on_the_seed_and_not_on_the_number_of_threads():
    assert small(jobs=1).csv() == small(jobs=4).csv()
    assert small(jobs=1).csv() != small(jobs=1, seed=1).csv()


def test_the_store_spares_what_was_done_and_keeps_older_settings(tmp_path):
    path = tmp_path / "deep" / "trials.sqlite"
    first, again = small(store=path), small(store=path, trials=3)
    done = {record.key: record.started for record in first.records}
    assert all(record.started == done[record.key] for record in again.records if record.key in done)
    assert len(again.records) == len(first.records) * 3 // 2
    changed = {"Lasso": {"parameters": {"alpha": 1e-3, "fit_intercept": False}}}
    other = small(store=path, settings=changed)
    assert not {record.key for record in other.records if record.key.method == "Lasso"} & set(done)
    with Store(path) as store:
        assert len(store.records()) == len(again.records) + len(other.records) // 2
        (shown,) = experiments.stored_results(store)
    assert shown.csv() == again.csv()
    assert "6 trials of other settings" in " ".join(shown.notes)


def test_trials_of_another_version_are_kept_and_noted(tmp_path):
    path = tmp_path / "trials.sqlite"
    small(store=path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE trials SET version = '0.0.9', host = 'elsewhere' WHERE method = 'Lasso'")
    connection.close()
    notes = " ".join(small(store=path).notes)
    assert "6 trials were made by sparsevae 0.0.9" in notes


def test_a_failing_trial_is_recorded_counted_and_tried_again(tmp_path):
    path = tmp_path / "trials.sqlite"
    broken = {"Lasso": {"parameters": {"alpha": "much"}}}
    results = small(store=path, settings=broken)
    lasso = [point for point in results.points if point.method == "Lasso"]
    assert [(point.errors, point.successes, point.trials) for point in lasso] == [(2, 0, 2)] * 3
    assert any("Lasso: 6 trials ended in an error and count as failures" in note for note in results.notes)
    assert [point.errors for point in results.points if point.method == "VaeSlr"] == [0, 0, 0]
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT error, f1 FROM trials WHERE status = 'error'").fetchall()
    connection.close()
    assert len(rows) == 6
    assert all("alpha" in error and f1 is None for error, f1 in rows)
    again = small(store=path, settings=broken)
    begun = {record.key: record.started for record in results.records}
    repeated = {record.key.method for record in again.records if record.started != begun[record.key]}
    assert repeated == {"Lasso"}


def test_metrics_of_a_trial_fit_together():
    for record in small().records:
        score = record.score
        assert score.support_match == (score.f1 == 1)
        assert not score.wrong_certificate
        assert record.wall_seconds > 0
        if score.certified:
            assert score.support_match
            assert score.mse_after_least_squares < 1e-20
    assert any(record.score.certified for record in small().records)


def test_certificates_are_those_of_coef_alone():
    other = {"VaeSlr": {"attribute": "prior_var_"}}
    assert all(point.certified == 0 for point in small(methods=["VaeSlr"], settings=other).points)


@pytest.mark.parametrize(
    "statement",
    ["PRAGMA user_version = 99", "PRAGMA application_id = 7", "SELECT 1"],
    ids=["newer", "foreign", "not a database"],
)
def test_a_store_that_is_not_ours_is_refused(tmp_path, statement):
    path = tmp_path / "trials.sqlite"
    if statement.startswith("SELECT"):
        path.write_bytes(b"figure,method\n" * 1000)
    else:
        Store(path).close()
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"trials\.sqlite"):
        Store(path)
    assert path.read_bytes() == before


def test_names_that_do_not_exist_list_those_that_do():
    with pytest.raises(ParameterError, match=r"fig9.*fig1a.*fig6b"):
        experiments.run("fig9")
    with pytest.raises(ParameterError, match=r"OMP.*VaeSlr.*basis pursuit"):
        experiments.run("fig1a", methods=["OMP"])
    with pytest.raises(ParameterError, match="settings"):
        small(settings={"SBL": {}})
    for name, value in (("trials", 0), ("trials", 2.5), ("jobs", 0), ("jobs", True)):
        with pytest.raises(ParameterError, match=f"`{name}` is {value}, but"):
            small(**{name: value})


def test_a_missing_package_leaves_its_methods_out_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "skglm", None)
    results = small(methods=["Lasso", "skglm MCP path"])
    assert {point.method for point in results.points} == {"Lasso"}
    assert any("skglm MCP path: left out" in note and "sparsevae[rivals]" in note for note in results.notes)


def test_a_figure_without_its_data_is_left_out_and_says_so(monkeypatch):
    def unavailable():
        raise DataUnavailableError("the riboflavin set is not at hand")

    monkeypatch.setattr(experiments.genes, "load", unavailable)
    plans, notes = experiments.lay_out(experiments.find_figures(["fig1"]))
    assert [plan.figure.name for plan in plans] == ["fig1a", "fig1b"]
    assert notes == ["fig1c: left out, the riboflavin set is not at hand"]
    with pytest.raises(DataUnavailableError):
        experiments.run("fig1c")


def test_slow_methods_and_hard_problems_begin_first():
    plan = experiments.make_plan(FIGURES["fig1a"], methods="all", trials=1)
    _, tasks = experiments.split_done([plan], Store(None))
    efforts = [(task.method.effort, task.key.value) for task in tasks]
    assert efforts == sorted(efforts, reverse=True)


def test_panels_that_share_trials_run_them_once():
    plans, _ = experiments.lay_out(experiments.find_figures(["fig3"]), trials=1, quick=True)
    with Store(None) as store:
        done, left = experiments.split_done(plans, store)
        assert (len(done), len(left)) == (0, 15)
        experiments.execute(left, store)
        rate, error = experiments.stored_results(store, plans)
    assert (rate.figure.name, error.figure.name) == ("fig3a", "fig3b")
    assert len(rate.points) == len(error.points) == 15
    assert "1.0e" not in rate.text()
    assert "e-3" in error.text()


def test_a_picture_keeps_colours_and_shows_recorded_rates(tmp_path, monkeypatch):
    results = small()
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)
    alone, both = small(methods=["Lasso"]).plot(), results.plot()
    looks = [{line.get_label(): (line.get_color(), line.get_marker()) for line in a.get_lines()} for a in (alone, both)]
    assert looks[0]["Lasso"] == looks[1]["Lasso"] != looks[1]["VaeSlr"]
    assert "not at hand" in alone.get_title()
    rates = {"kappa": [2, 10], "results": {"Lasso-Gaussian-Identity": {"support_recovery_rate": [1.0, 0.5]}}}
    (tmp_path / "goldfish_fig1_reference.json").write_text(json.dumps(rates), encoding="utf-8")
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    axes = results.plot()
    recorded = {line.get_label(): line for line in axes.get_lines()}["Lasso, as recorded"]
    assert list(recorded.get_ydata()) == [1.0, 0.5]
    assert recorded.get_linestyle() == "--"
    assert "not at hand" not in axes.get_title()


def test_panels_are_drawn_below_one_another_and_defaults_stand_out(monkeypatch):
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)
    results = small(methods=["VaeSlr", "PreconditionedVae", "VaeSlr, EM", "Lasso"])
    picture = experiments.draw_panels([results, results])
    assert len(picture.axes) == 2
    widths = {line.get_label(): line.get_linewidth() for line in picture.axes[1].get_lines()}
    assert widths["VaeSlr"] == widths["PreconditionedVae"] > widths["VaeSlr, EM"] == widths["Lasso"]
    with pytest.raises(ParameterError, match="no results"):
        experiments.draw_panels([])


def test_a_table_without_times_is_the_same_for_the_same_trials():
    results = small()
    with_times, without = results.text().splitlines(), results.text(times=False).splitlines()
    assert with_times[0].endswith("CPU ms")
    assert all(line.startswith(short) and line != short for line, short in zip(with_times, without, strict=True))
    assert results.text(times=False) == small().text(times=False)


def test_every_method_looks_different():
    assert len({method.style for method in METHODS.values()}) == len(METHODS)
    assert len({method.style[0] for method in METHODS.values()}) == len(METHODS)


def test_table_is_a_frame_where_pandas_is(monkeypatch):
    results = small()
    frame = results.table()
    assert list(frame.columns[:6]) == ["figure", "series", "method", "x", "trials", "errors"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert results.table()[0]["figure"] == "fig1a"


@pytest.mark.slow
@pytest.mark.parametrize(("package", "method"), [("skglm", "skglm MCP path"), ("mne", "MNE gamma-MAP")])
def test_rivals_may_be_called_from_several_threads(package, method):
    pytest.importorskip(package, exc_type=ImportError)
    alone, together = (small(methods=[method], trials=4, jobs=jobs) for jobs in (1, 4))
    assert not alone.notes
    assert alone.csv() == together.csv()


def test_a_cluster_that_cannot_be_used_is_a_typed_error(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(experiments.runner, "_CONNECT_SECONDS", 0.3)
    with pytest.raises(SchedulerError, match=r"127\.0\.0\.1:9"):
        small(scheduler="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SchedulerError, match=r"sparsevae\[dask\]"):
        small(scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_a_cluster_of_two_processes_gives_the_numbers_of_threads():
    distributed = pytest.importorskip("distributed")
    options = {"methods": ["VaeSlr", "Lasso", "basis pursuit"], "trials": 4}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        far = small(scheduler=cluster.scheduler_address, **options)
    near = small(**options)
    assert far.csv() == near.csv()
    assert outcome(far) == outcome(near)
