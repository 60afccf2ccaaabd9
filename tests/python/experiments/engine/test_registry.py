"""Figures and methods by name: those that exist, those that do not, what families may register."""

import dataclasses
import sys

import numpy as np
import pytest
from sparsevae import experiments
from sparsevae.exceptions import ParameterError
from sparsevae.experiments import FIGURES, METHODS
from sparsevae.experiments.engine import registry


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


def test_the_panels_are_those_of_the_papers_and_of_statistics():
    names = ["fig1a", "fig1b", "fig1c", "fig2a", "fig2b", "fig3a", "fig3b"]
    names += ["fig4a", "fig4b", "fig4a_largest", "fig4b_largest", "fig5", "fig6a", "fig6b"]
    rows = ["unit", "jeffreys", "meg_tangential", "meg_smooth", "noise", "noise_own"]
    training = ["gaussian", "walk", "problems", "few_rows", "time"]
    lowrank = ["lowrank_outliers", "lowrank_missing"]
    manifold = [f"manifold_{name}" for name in ("recovery", "depth", "norms", "variance", "collapse")]
    digits = [f"digits_{name}" for name in ("dimensions", "denoise", "mnist_dimensions", "mnist_denoise")]
    covariance = [f"covariance_{name}" for name in ("error", "dimensions", "directions")]
    settings = ["low", "medium", "high5", "high10"]
    statistics = {
        "benchmark": [f"benchmark_{setting}{part}" for setting in settings for part in ("", "_f1")],
        "calibration": [f"calibration_{law}" for law in (*settings, "normal")],
        "prediction": [f"prediction_{name}" for name in ("riboflavin", "trim32", "gasoline", "diabetes")],
        "finemapping": [f"finemapping_{name}" for name in ("coverage", "power", "size", "precision")],
        "null": ["null_any", "null_many"],
    }
    all_rows, all_training = [f"rows_{name}" for name in rows], [f"training_{name}" for name in training]
    ours = [panel for panels in statistics.values() for panel in panels]
    assert list(FIGURES) == names + all_rows + all_training + lowrank + manifold + digits + covariance + ours
    assert [figure.name for figure in experiments.find_figures(["fig6", "fig3b", "fig3"])] == names[5:7] + names[-2:]
    groups = {"rows": all_rows, "training": all_training, "lowrank": lowrank, "manifold": manifold, "digits": digits}
    groups |= statistics | {"covariance": covariance}
    groups |= {"fig4": names[7:11], "fig4a": ["fig4a"]}
    for group, panels in groups.items():
        assert [figure.name for figure in experiments.find_figures([group])] == panels


def test_names_that_do_not_exist_list_those_that_do(small):
    with pytest.raises(ParameterError, match=r"fig9.*fig1a.*fig6b"):
        experiments.run("fig9")
    with pytest.raises(ParameterError, match=r"OMP.*VaeSlr.*basis pursuit"):
        experiments.run("fig1a", methods=["OMP"])
    with pytest.raises(ParameterError, match="settings"):
        small(settings={"SBL": {}})
    for name, value in (("trials", 0), ("trials", 2.5), ("jobs", 0), ("jobs", True)):
        with pytest.raises(ParameterError, match=f"`{name}` is {value}, but"):
            small(**{name: value})


def test_a_missing_package_leaves_its_methods_out_and_says_so(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "skglm", None)
    results = small(methods=["Lasso", "skglm MCP path"])
    assert {point.method for point in results.points} == {"Lasso"}
    assert any("skglm MCP path: left out" in note and "sparsevae[rivals]" in note for note in results.notes)


def test_every_method_looks_different():
    assert len({method.style for method in METHODS.values()}) == len(METHODS)
    assert len({method.style[0] for method in METHODS.values()}) == len(METHODS)


@dataclasses.dataclass(frozen=True)
class Distance(experiments.Metric):
    """Mean norm of the error, as a family of one's own may show it."""

    name = "distance"
    measure = ("distance", "least", "largest")

    def aggregate(self, scores):
        errors = [score.relative_error for score in scores]
        return {"distance": np.mean(errors), "least": min(errors), "largest": max(errors)}

    def number(self, value):
        return f"{value:.1f}"


def zeros(problem, data, settings):
    del problem, settings
    return experiments.Solution(np.zeros_like(data.coef))


@pytest.fixture
def own():
    """A family with a figure, a method, a solver and a metric that nothing else knows; it is forgotten afterwards."""
    known = (registry._families, registry._figures, registry._methods, registry._solvers)
    before = [dict(names) for names in known]
    problem = experiments.Problem("gaussian", 20, 40, 2)
    method = experiments.Method("nothing", "zeros", {}, special=True)
    figure = experiments.Figure("own_a", "Own", "", "n_nonzero", (2, 3), problem, ("nothing",), metric=Distance())
    yield experiments.Family("own", (figure,), (method,), {"zeros": zeros})
    for names, content in zip(known, before, strict=True):
        names.clear()
        names.update(content)


def test_a_family_of_ones_own_is_run_shown_and_drawn(own, tmp_path):
    experiments.register(own)
    assert list(FIGURES)[-1] == "own_a"
    results = experiments.run("own_a", trials=2, store=tmp_path / "trials.sqlite")
    assert [(point.distance, point.least, point.largest) for point in results.points] == [(1, 1, 1)] * 2
    assert results.csv().splitlines()[0].endswith(",wrong_certificates,distance,least,largest")
    assert results.text(times=False).splitlines()[1].split() == ["nothing", "1.0", "1.0-1.0", "1.0", "1.0-1.0"]
    assert [line.get_ydata().tolist() for line in results.plot().get_lines()] == [[1, 1]]
    assert experiments.find_figures(["own"]) == list(own.figures)


def test_names_that_are_taken_are_refused(own):
    experiments.register(own)
    with pytest.raises(ParameterError, match=r"names that are taken: nothing, own, own_a"):
        experiments.register(own)
    shared = dataclasses.replace(own, name="other", figures=(), methods=())
    experiments.register(shared)
    clash = dataclasses.replace(shared, name="clash", solvers={"estimator": zeros})
    with pytest.raises(ParameterError, match="names that are taken: estimator"):
        experiments.register(clash)
