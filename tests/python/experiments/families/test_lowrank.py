"""The figures of low-rank matrices with outliers: problems, errors of matrices, facts, heat maps."""

import dataclasses
import json
import math

import numpy as np
import pytest
from sparsevae import cli, experiments
from sparsevae.baselines import RobustPca
from sparsevae.experiments import FIGURES, METHODS, LowRankProblem, Solution, Store

LOWRANK = [name for name in FIGURES if name.startswith("lowrank_")]
SMALL = LowRankProblem(60, 20, rank=2, outlier_share=0.05)
ALL = FIGURES["lowrank_outliers"].choices


def small(problem=SMALL, values=(0.05,), methods=("RobustVae",), name="lowrank_missing", **options):
    figure = dataclasses.replace(FIGURES[name], problem=problem, values=values, swept="outlier_share")
    return experiments.run(figure, methods=list(methods), **({"trials": 2} | options))


def test_a_problem_has_the_sizes_that_it_names():
    problem = LowRankProblem(40, 30, rank=3, outlier_share=0.2, magnitude=7.0, missing_share=0.1)
    data = problem.draw(1)
    assert data.X.shape == data.low_rank.shape == (40, 30)
    assert np.linalg.matrix_rank(data.low_rank) == 3
    assert abs(data.outlier_mask.mean() - 0.2) < 0.05
    assert abs(data.missing_mask.mean() - 0.1) < 0.05
    seen = ~data.missing_mask
    np.testing.assert_allclose(data.X[seen], (data.low_rank + data.outliers)[seen])
    assert 5 < (data.low_rank + data.outliers)[data.outlier_mask].std() < 9
    assert np.array_equal(problem.draw(1).low_rank, data.low_rank)
    assert not np.array_equal(problem.draw(2).low_rank, data.low_rank)


def test_success_is_an_error_of_a_millionth_of_the_whole_matrix_missing_entries_included():
    problem = dataclasses.replace(SMALL, missing_share=0.2)
    data = problem.draw(0)
    for share, solved in ((0.99e-6, True), (1.01e-6, False)):
        score = problem.score(data, Solution(data.low_rank * (1 + math.sqrt(share))))
        assert score.relative_error**2 == pytest.approx(share)
        assert score.support_match == solved
    hidden = data.low_rank.copy()
    hidden[data.missing_mask] = 0
    assert not problem.score(data, Solution(hidden)).support_match


def test_f1_is_that_of_the_outliers_seen_and_nothing_without_a_mask():
    problem = dataclasses.replace(SMALL, missing_share=0.2)
    data = problem.draw(0)
    # What is said of missing entries does not count.
    exact = problem.score(data, Solution(data.low_rank, outlier_mask=data.outlier_mask | data.missing_mask))
    none = problem.score(data, Solution(data.low_rank, outlier_mask=np.zeros_like(data.outlier_mask)))
    assert (exact.f1, none.f1) == (1, 0)
    assert math.isnan(problem.score(data, Solution(data.low_rank)).f1)


@pytest.mark.parametrize("method", ALL)
def test_every_method_solves_easy_problems(method):
    results = small(LowRankProblem(120, 80, rank=2, outlier_share=0.05), methods=[method])
    assert not [note for note in results.notes if "error" in note]
    (point,) = results.points
    assert (point.errors, point.successes) == (0, 2)
    assert point.f1 > 0.99
    assert point.nmse_low <= point.nmse <= point.nmse_high < 1e-6
    assert METHODS[method].special


def test_the_point_has_median_and_range_of_the_errors():
    results = small(dataclasses.replace(SMALL, rank=8), values=(0.3,), trials=5)
    errors = [record.score.relative_error**2 for record in results.records]
    (point,) = results.points
    assert (point.nmse, point.nmse_low, point.nmse_high) == (np.median(errors), min(errors), max(errors))
    assert min(errors) < max(errors)
    assert math.isnan(point.mse)
    assert point.successes == sum(error < 1e-6 for error in errors)


def test_the_best_weight_is_the_best_of_the_grid_and_the_facts_name_it(tmp_path):
    path = tmp_path / "trials.sqlite"
    results = small(methods=["RobustPca, best weight"], store=path, trials=3)
    for record in results.records:
        data = dataclasses.replace(SMALL, outlier_share=0.05).draw(record.problem_seed)
        errors, ranks = {}, {}
        for weight in METHODS["RobustPca, best weight"].settings["weights"]:
            model = RobustPca(outlier_weight=weight / math.sqrt(60)).fit(data.X)
            errors[weight] = np.linalg.norm(model.low_rank_ - data.low_rank) / np.linalg.norm(data.low_rank)
            ranks[weight] = {"weight": weight, "rank": model.rank_, "outliers": model.outlier_mask_.sum()}
        assert record.score.facts == ranks[min(errors, key=errors.get)]
        assert record.score.relative_error == pytest.approx(min(errors.values()))
    with Store(path) as store:
        stored = {record.key: record.score for record in store.records()}
    for record in results.records:
        assert stored[record.key].facts == record.score.facts
        assert stored[record.key].f1 == record.score.f1
        assert math.isnan(stored[record.key].mse_after_least_squares)


def test_facts_that_are_no_json_end_the_trial_and_not_the_run(monkeypatch):
    def odd(_, data, __):
        return Solution(data.low_rank, facts={"error": math.nan})

    monkeypatch.setattr(experiments.engine.trial, "SOLVERS", {"separation": odd})
    results = small()
    assert [point.errors for point in results.points] == [2]
    assert any("JSON" in note for note in results.notes)


def test_tables_and_columns_of_errors_belong_to_their_figures():
    results = small(values=(0.05, 0.4), methods=["RobustVae", "RobustPca"])
    lines = [line.split() for line in results.text(times=False).splitlines()]
    assert lines[1][0] == "RobustVae"
    assert float(lines[1][1]) < 1e-6 < 0.01 < float(lines[1][2]) < 1
    assert results.csv().splitlines()[0].endswith(",wrong_certificates,nmse,nmse_low,nmse_high")
    assert list(results.table().columns)[-3:] == ["nmse", "nmse_low", "nmse_high"]
    other = experiments.run("fig1a", methods=["VaeSlr"], trials=1, quick=True)
    assert other.csv().splitlines()[0].endswith(",certified,wrong_certificates")
    assert list(other.table().columns)[-1] == "wrong_certificates"


def test_several_series_are_heat_maps_on_one_scale():
    methods = ["RobustVae", "RobustPca"]
    series = {"rank 1": {"rank": 1}, "rank 9": {"rank": 9}}
    figure = dataclasses.replace(FIGURES["lowrank_outliers"], problem=SMALL, values=(0.05, 0.2, 0.4), series=series)
    results = experiments.run(figure, methods=methods, trials=1)
    curves = small(values=(0.05, 0.4), methods=methods)
    picture = experiments.draw_panels([results, curves])
    heat, lines, bar = picture.axes
    (image,) = heat.get_images()
    drawn = image.get_array()
    # Two blocks of three columns, and a gap between them.
    assert drawn.shape == (2, 7)
    assert np.ma.getmaskarray(drawn)[:, 3].all()
    expected = {(point.method, point.series, point.x): point.nmse for point in results.points}
    for (method, name, x), error in expected.items():
        column = 4 * methods.index(method) + figure.values.index(x)
        assert drawn[list(series).index(name), column] == error
    cells = [text.get_text() for text in heat.texts]
    assert len(cells) == 12 + 2
    assert cells[-2:] == methods
    assert [label.get_text() for label in heat.get_xticklabels()] == ["0.05", "0.2", "0.4"] * 2
    assert [label.get_text() for label in heat.get_yticklabels()] == list(series)
    shades = image.cmap(image.norm(np.array([1e-15, 1e-6, 1.0])))
    assert shades[0].tolist() == shades[1].tolist()
    assert shades[0][:3].min() > 0.95
    assert shades[2][:3].mean() < 0.3
    assert "NMSE" in bar.get_ylabel()
    assert lines.get_yscale() == "log"
    assert [line.get_label() for line in lines.get_lines()] == methods
    # The upper panel is less high than the one with curves.
    assert heat.get_gridspec().get_height_ratios()[0] < heat.get_gridspec().get_height_ratios()[1]


def test_a_heat_map_leaves_out_what_was_not_run(tmp_path):
    figure = dataclasses.replace(FIGURES["lowrank_outliers"], problem=SMALL, values=(0.05, 0.2))
    one = experiments.run(figure, methods=["RobustVae"], trials=1)
    points = [point for point in one.points if (point.series, point.x) != ("rank 5", 0.2)]
    axes = dataclasses.replace(one, points=points).plot()
    assert np.ma.getmaskarray(axes.get_images()[0].get_array()).sum() == 1
    one.save(tmp_path / "heat.png")
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")


def test_keys_name_all_that_a_problem_is_made_of():
    plan = experiments.make_plan(FIGURES["lowrank_outliers"], methods=["RobustPca"], trials=1)
    settings = {task.key.series: json.loads(task.key.settings) for task in plan.tasks()}
    assert settings["rank 10"] == {
        "solver": "separation",
        "estimator": "sparsevae.baselines:RobustPca",
        "parameters": {"allow_missing": True},
        "problem": {"n_samples": 200, "n_features": 50, "rank": 10, "magnitude": 1.0, "missing_share": 0.0},
    }


def test_the_command_runs_them_and_goes_on_where_it_was(tmp_path, capsys):
    arguments = ["reproduce", "lowrank", "--quick", "--methods", "RobustVae", "--trials", "1", "--out", str(tmp_path)]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "15 trials to do, 0 done before" in out
    assert "median of the normalised mean squared error" in out
    for name in LOWRANK:
        assert "nmse" in (tmp_path / f"{name}.csv").read_text(encoding="utf-8")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(arguments) == 0
    assert "0 trials to do, 15 done before" in capsys.readouterr().out
