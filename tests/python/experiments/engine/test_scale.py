"""The switch for the paper's scale: figures, methods, the store, the command."""

import dataclasses

import pytest
from sparsevae import cli, experiments
from sparsevae.experiments import FIGURES, METHODS, Store
from sparsevae.experiments.engine import registry, reproduce

SMALL = dataclasses.replace(
    FIGURES["lowrank_outliers"],
    problem=experiments.LowRankProblem(40, 15),
    values=(0.05, 0.1, 0.2, 0.3),
    series={"rank 1": {"rank": 1}},
    trials=2,
    quick_values=(0.05,),
    paper={"n_samples": 50, "values": (0.05, 0.1, 0.15), "trials": 3, "series": {"rank 2": {"rank": 2}}},
)
METHOD = dataclasses.replace(
    METHODS["RobustVae"],
    paper={"parameters": {"allow_missing": True, "n_anneal": 50}},
    quick={"parameters": {"allow_missing": True, "max_iter": 40}},
)


@pytest.fixture
def figure(monkeypatch):
    monkeypatch.setitem(registry._methods, "RobustVae", METHOD)
    return SMALL


def test_the_papers_scale_changes_what_the_figure_names_and_nothing_else(figure):
    large = figure.at_paper_scale()
    assert large.problem == experiments.LowRankProblem(50, 15)
    assert (large.values, large.trials, list(large.series)) == ((0.05, 0.1, 0.15), 3, ["rank 2"])
    assert large.quick().values == (0.05, 0.1, 0.15)
    same = dataclasses.replace(large, **{name: getattr(figure, name) for name in ("problem", "values", "trials")})
    assert dataclasses.replace(same, series=figure.series, quick_values=figure.quick_values) == figure
    assert large.at_paper_scale() == large


def test_a_quick_run_has_the_series_that_the_figure_names_or_all():
    few = dataclasses.replace(SMALL, series={"a": {"rank": 1}, "b": {"rank": 2}}, quick_series=("b",))
    assert few.quick().series == {"b": {"rank": 2}}
    assert list(dataclasses.replace(few, quick_series=()).quick().series) == ["a", "b"]


def test_a_figure_without_another_scale_is_run_as_it_is():
    figure = FIGURES["fig1a"]
    assert figure.at_paper_scale() == figure
    plans = [experiments.make_plan(figure, methods="all", paper_scale=scale) for scale in (False, True)]
    assert plans[0].tasks() == plans[1].tasks()


@pytest.mark.parametrize(
    ("options", "parameter"),
    [({}, {}), ({"paper_scale": True}, {"n_anneal": 50}), ({"paper_scale": True, "quick": True}, {"max_iter": 40})],
)
def test_methods_have_the_settings_of_the_scale(figure, options, parameter):
    (method,) = experiments.make_plan(figure, methods=["RobustVae"], **options).methods
    assert method.settings["parameters"] == {"allow_missing": True, **parameter}


def test_trials_of_the_two_scales_are_not_mixed(figure, tmp_path, monkeypatch):
    path = tmp_path / "trials.sqlite"
    small = experiments.run(figure, methods=["RobustVae"], store=path)
    large = experiments.run(figure, methods=["RobustVae"], store=path, paper_scale=True)
    assert (len(small.records), len(large.records)) == (8, 9)
    assert {point.series for point in large.points} == {"rank 2"}
    monkeypatch.setattr(reproduce, "find_figures", lambda _: [figure])
    with Store(path) as store:
        for scale, results in ((False, small), (True, large)):
            (shown,) = experiments.stored_results(store, paper_scale=scale)
            assert shown.csv() == results.csv()
            others = 17 - len(results.records)
            assert any(f"{others} trials of other settings" in note for note in shown.notes)


def test_the_command_has_the_switch(figure, tmp_path, capsys, monkeypatch):
    for module in (cli.experiments, reproduce):
        monkeypatch.setattr(module, "find_figures", lambda _: [figure])
    arguments = ["--paper-scale", "--out", str(tmp_path)]
    assert cli.main(["reproduce", "lowrank_outliers", "--methods", "RobustVae", *arguments]) == 0
    assert "9 trials to do, 0 done before" in capsys.readouterr().out
    assert "rank 2" in (tmp_path / "lowrank_outliers.csv").read_text(encoding="utf-8")
    assert cli.main(["plot", str(tmp_path)]) == 1
    assert "no trials to show" in capsys.readouterr().out
    assert cli.main(["plot", str(tmp_path), "--paper-scale"]) == 0
    assert "rank 2" in capsys.readouterr().out
