"""Every figure as it is drawn, of results that are made up: points stand at their places, no curve hides another."""

import dataclasses
import itertools

import numpy as np
import pytest
from sparsevae import experiments
from sparsevae.experiments import FIGURES, METHODS
from sparsevae.experiments.drawing import curves
from sparsevae.experiments.families.statistics.problem import BINS

# What metrics need of a trial.
FACTS = {
    **dict.fromkeys(("relative_test_error", "r2", "average_precision"), 0.5),
    **dict.fromkeys(("n_columns", "n_true_sets", "n_found", "n_effects"), 2),
    **dict.fromkeys(("columns", "mean", "variance", "directions", "truth"), 2),
    "column_norms": [0.5, 0.1],
    "variances": [0.1, 0.5],
    "set_sizes": [1, 3],
    "histogram": [1, 2],
    "calibration": np.ones((3, len(BINS) - 1)).tolist(),
}
# Pictures whose horizontal axis is not what is swept.
ELSEWHERE = {"norms", "variances", "histogram", "calibration", "r2"}
SWEPT = [name for name, figure in FIGURES.items() if figure.metric.name not in ELSEWHERE]


def drawn(figure, names):
    """Draw a figure of two trials a place, the same for all methods."""
    score = experiments.Score(True, 0.9, 0.1, 0.1, 0.1, False, False, FACTS)
    base = experiments.Key(figure.experiment, "", "", 0, 0, 0, "{}")
    records = [
        experiments.Record(
            dataclasses.replace(base, series=series, method=name, value=value, trial=trial),
            *(1, "0", "here", "now", 1.0, 1.0, dataclasses.replace(score, support_match=trial == 0)),
        )
        for series, name, value, trial in itertools.product(figure.series or ("",), names, figure.values, range(2))
    ]
    points, times = experiments.summarise(figure, records), experiments.time_spent(figure, records)
    picture = experiments.draw_panels([experiments.Results(figure, records, points, times)])
    picture.canvas.draw()
    return picture.axes[0]


def choices(figure):
    return figure.choices or [name for name, method in METHODS.items() if not method.special]


def is_threshold(line):
    return "threshold" in line.get_label()


def places(axes):
    """The places of all points and intervals that are drawn, and of each curve alone, but not of thresholds."""
    for part in (axes, *axes.child_axes):
        for line in part.get_lines():
            if len(line.get_xdata()) and not is_threshold(line):
                yield np.asarray(line.get_xdata(), float)
        for collection in part.collections:
            yield np.array([segment[0, 0] for segment in collection.get_segments()])


@pytest.mark.parametrize("name", SWEPT)
def test_no_point_is_drawn_beyond_a_tenth_of_the_gap(name, monkeypatch):
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)
    figure = FIGURES[name]
    axes = drawn(figure, choices(figure))
    values = np.array(figure.values, float)
    away = np.abs(values[:, None] - values)
    gaps = np.where(away > 0, away, np.inf).min(axis=1)
    found = list(places(axes))
    assert found or axes.get_images()
    for x in found:
        assert x.shape == values.shape
        assert (np.abs(x - values) <= 0.1 * gaps * (1 + 1e-9)).all()


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in SWEPT])
def test_all_other_figures_are_drawn(name):
    axes = drawn(FIGURES[name], choices(FIGURES[name])[:2])
    assert axes.get_lines() or axes.child_axes


def test_gaps_are_those_to_the_nearer_neighbour():
    assert curves.gaps([10, 30, 35, 99]) == [20, 5, 5, 64]
    assert curves.gaps([7]) == [0]


def test_curves_of_the_same_values_differ_in_width_marker_size_and_face():
    lines = drawn(FIGURES["training_gaussian"], choices(FIGURES["training_gaussian"])).get_lines()
    assert len(lines) == 7
    assert len({tuple(line.get_ydata()) for line in lines}) == 1
    beneath = sorted(lines, key=lambda line: line.get_zorder())
    for number, (lower, upper) in enumerate(itertools.pairwise(beneath)):
        assert lower.get_linewidth() > upper.get_linewidth()
        assert lower.get_markersize() > upper.get_markersize()
        hollow = [str(line.get_markerfacecolor()) == "none" for line in (lower, upper)]
        assert hollow == [number % 2 == 1, number % 2 == 0]


@pytest.mark.parametrize("name", ["fig1a", "rows_unit", "rows_noise"])
def test_many_curves_have_a_panel_each_before_all_others(name, monkeypatch):
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)
    names = choices(FIGURES[name])
    axes = drawn(FIGURES[name], names)
    assert len(names) > 8
    assert not axes.get_lines()
    order = experiments.engine.registry.method_order(FIGURES[name])
    assert [inset.get_title() for inset in axes.child_axes] == sorted(names, key=order.index)
    for inset in axes.child_axes:
        lines = [line for line in inset.get_lines() if not is_threshold(line)]
        assert len(lines) == len(names) + 1
        assert lines[-1].get_color() == METHODS[inset.get_title()].style[0]


def test_thresholds_are_in_every_panel_and_named_once(monkeypatch):
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)
    figure = FIGURES["fig1a"]
    axes = drawn(figure, choices(figure))
    expected = figure.metric.thresholds.places()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"{words}, {place:.0f}" for words, place in expected.items()
    ]
    for inset in axes.child_axes:
        lines = [line for line in inset.get_lines() if is_threshold(line)]
        assert [line.get_xdata()[0] for line in lines] == list(expected.values())


def test_what_the_authors_recorded_is_in_the_panel_of_its_method(monkeypatch):
    from sparsevae.experiments.families.goldfish import metrics

    recorded = {"Lasso": ((2, 10), (1.0, 0.5)), "a stranger": ((2, 10), (1.0, 0.5))}
    monkeypatch.setattr(metrics, "recorded_rates", lambda _: recorded)
    axes = drawn(FIGURES["fig1a"], choices(FIGURES["fig1a"]))
    dashed = {
        inset.get_title(): [line for line in inset.get_lines() if line.get_linestyle() == "--"]
        for inset in axes.child_axes
    }
    assert {title for title, lines in dashed.items() if lines} == {"Lasso", "a stranger, as recorded"}
    (line,) = dashed["Lasso"]
    assert line.get_ydata().tolist() == [1, 0.5]
    assert line.get_markerfacecolor() == "none"
