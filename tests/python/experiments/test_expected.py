"""The numbers beside the notebooks: complete, consistent, shown as they are, and found again by a new run."""

import dataclasses
import importlib.util
import json
import re
from pathlib import Path

import pytest
from sparsevae import experiments
from sparsevae.exceptions import DataUnavailableError
from sparsevae.experiments import FIGURES
from sparsevae.experiments.engine.metrics import short
from sparsevae.metrics import wilson_interval

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"

_specification = importlib.util.spec_from_file_location("paper", NOTEBOOKS / "paper.py")
paper = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(paper)
PAPERS = paper.PAPERS

# Places far from the phase transition, where no outcome hangs on the last digits of floating point.
FAST = ("VaeSlr", "Lasso", "basis pursuit")
TRAINED = ("WelperRecover", "WelperRecover, l4", "least squares on span", "l1 minimisation")
ROWS = ("SimultaneousSparseVae", "SimultaneousSparseVae, diagonal", "log autoencoder")
EASY = {
    "fig1a": ((2, 10, 20, 30), FAST),
    "fig1b": ((2, 10, 20, 30), FAST),
    "fig1c": ((2, 10), FAST),
    "fig2a": ((150, 250), FAST),
    "fig2b": ((60, 80, 100), FAST),
    "fig3a": ((2, 10, 30), FAST[:1]),
    "fig3b": ((2, 10, 30), FAST[:1]),
    "fig4a": ((40, 60, 80), FAST),
    "fig4b": ((60, 80), FAST),
    "fig5": ((2, 10), FAST),
    "rows_unit": ((10, 50), ROWS),
    "rows_jeffreys": ((10,), ROWS),
    "rows_meg_tangential": ((10,), ROWS),
    "rows_noise": ((10,), ROWS),
    "training_gaussian": ((2, 6, 20), TRAINED),
    "training_walk": ((4, 20), TRAINED),
    "training_problems": ((20, 80), TRAINED),
    "training_few_rows": ((8, 12), TRAINED),
    "training_time": ((200, 400), (TRAINED[0], TRAINED[-1])),
    "lowrank_outliers": ((0.05, 0.1), ("RobustVae",)),
    "lowrank_missing": ((0, 0.2, 0.4), ("RobustVae", "RobustPca")),
}


def expected(name):
    return paper.read(paper.EXPECTED / f"{name}.csv")


def recomputed(name, values, methods, trials):
    figure = dataclasses.replace(FIGURES[name], values=values)
    try:
        return paper.rows(experiments.run(figure, methods=list(methods), trials=trials))
    except DataUnavailableError as error:
        pytest.skip(str(error))


def printed(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    assert not [output for output in outputs if output.get("name") == "stderr" or output["output_type"] == "error"]
    return "".join("".join(output.get("text", [])) for output in outputs)


def panels(notebook):
    return [panel.name for group in paper.groups(notebook) for panel in experiments.find_figures([group])]


def executed(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return any(cell.get("outputs") for cell in cells)


# The figures of noisy data take hours: their notebooks have numbers once they have been run in full.
PANELS = [panel for notebook in (*PAPERS, *filter(executed, paper.STATISTICS)) for panel in panels(notebook)]
# Panels with methods, places or trials that `make figures` has not run yet; the new ones have no numbers at
# all. Whoever runs them takes them out here, or these tests fail.
NEW = {"fig4a_largest", "fig4b_largest", "digits_mnist_dimensions", "digits_mnist_denoise"}
GROWN = NEW | {"manifold_variance", *(name for name in FIGURES if name.startswith(("fig", "rows_")))}


def unless(pending, values):
    """Parameters of a test of which those that are pending have to fail."""
    mark = pytest.mark.xfail(strict=True, reason="to be run by make figures")
    return [pytest.param(value, marks=[mark] if pending(value) else []) for value in values]


def test_every_panel_has_its_notebook_and_every_notebook_its_numbers():
    assert {panel for notebook in (*PAPERS, *paper.STATISTICS) for panel in panels(notebook)} == set(FIGURES)
    assert set(PAPERS) == {*filter(executed, PAPERS)}
    assert sorted(path.stem for path in paper.EXPECTED.glob("*.csv")) == sorted(set(PANELS) - NEW)


@pytest.mark.parametrize("name", unless(GROWN.__contains__, PANELS))
def test_numbers_are_complete_and_fit_together(name):
    figure, rows = FIGURES[name], expected(name)
    curves = [(method, series) for method in figure.choices for series in figure.series or [""]]
    wanted = {(name, series, method, str(value)) for method, series in curves for value in figure.values}
    assert {tuple(row[column] for column in paper.CURVE) for row in rows} == wanted
    assert len(rows) == len(wanted)
    for row in rows:
        trials, successes = int(row["trials"]), int(row["successes"])
        assert trials >= figure.trials
        assert len(row["outcomes"]) == trials
        assert set(row["outcomes"]) <= {"0", "1"}
        assert row["outcomes"].count("1") == successes
        assert float(row["rate"]) == successes / trials
        assert (float(row["low"]), float(row["high"])) == pytest.approx(wilson_interval(successes, trials), abs=1e-9)


@pytest.mark.parametrize("notebook", unless(lambda path: NEW & {*panels(path)}, PAPERS), ids=lambda path: path.stem)
def test_notebooks_show_these_numbers(notebook):
    text = printed(notebook)
    assert "LEFT OUT" not in text
    assert "left out" not in text
    for name in panels(notebook):
        # The table of a panel: its name alone on a line, a line of places, a line a curve.
        table = re.search(rf"^{name}\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL).group(1).splitlines()
        shown = {re.split(r"\s{2,}", line)[0]: re.split(r"\s{2,}", line)[1:] for line in table[1:]}
        found = {}
        for row in expected(name):
            curve = f"{row['method']}, {row['series']}" if row["series"] else row["method"]
            rate, low, high = (100 * float(row[key]) for key in ("rate", "low", "high"))
            cell = f"{rate:.0f} {low:.0f}-{high:.0f}"
            if "mse" in row:
                cell = f"{float(row['mse']):.1e}"
            elif "nmse" in row:
                cell = short(float(row["nmse"]))
            elif "dimensions" in row:
                cell = f"{float(row['dimensions']):.1f}"
            found.setdefault(curve, []).append(cell)
        if FIGURES[name].metric.name == "mse":
            # What is rounding is shown as it is, and expected as zero.
            zero = f"{0:.1e}"
            shown = {curve: [zero if float(x) < paper.ROUNDING else x for x in cells] for curve, cells in shown.items()}
        assert shown == found


@pytest.mark.parametrize("name", EASY)
def test_a_new_run_has_the_same_outcomes(name):
    values, methods = EASY[name]
    rows = recomputed(name, values, methods, trials=3)
    recorded = {tuple(row[column] for column in paper.CURVE): row for row in expected(name)}
    assert len(rows) == len(values) * len(methods) * max(1, len(FIGURES[name].series))
    for row in rows:
        curve = tuple(row[column] for column in paper.CURVE)
        assert (curve, row["outcomes"]) == (curve, recorded[curve]["outcomes"][:3])
    assert not paper.disagreements(expected(name), rows)


def test_rates_of_other_problems_agree_within_intervals():
    figure = dataclasses.replace(FIGURES["fig1b"], values=(2, 30))
    rows = paper.rows(experiments.run(figure, methods=list(FAST), trials=10, seed=1))
    assert not paper.disagreements(expected("fig1b"), rows)


def test_a_rate_or_an_error_beyond_its_interval_is_told():
    (row,) = recomputed("fig3b", (2,), ("VaeSlr",), trials=10)[:1]
    assert row["rate"] == "1"
    assert row["mse"] == "0"
    low, high = wilson_interval(2, 10)
    worse = {**row, "rate": "0.2", "low": str(low), "high": str(high)}
    assert not paper.disagreements([row], [row])
    assert "0.05668" in paper.disagreements([row], [worse])[0]
    assert len(paper.disagreements([{**row, "mse_low": "0.1", "mse_high": "0.2"}], [worse])) == 2
    assert not paper.disagreements([{**row, "x": "10"}], [worse])


def test_normalised_errors_agree_up_to_a_factor_and_where_the_matrix_is_recovered():
    row = dict.fromkeys(paper.CURVE, "0") | {"low": "0", "high": "1", "nmse_low": "1e-14", "nmse_high": "2e-13"}
    for low, high, agrees in ((1e-9, 1e-8, True), (1.9e-6, 1e-2, True), (2.1e-6, 1e-2, False)):
        other = {**row, "nmse_low": str(low), "nmse_high": str(high)}
        for one, two in ((row, other), (other, row)):
            assert (not paper.disagreements([one], [two])) == agrees
    failed = {**row, "nmse_low": "0.1", "nmse_high": "0.2"}
    assert not paper.disagreements([failed], [{**row, "nmse_low": "0.39", "nmse_high": "0.5"}])
    assert paper.disagreements([failed], [{**row, "nmse_low": "0.41", "nmse_high": "0.5"}])


def test_numbers_of_latent_variables_agree_up_to_one():
    row = dict.fromkeys(paper.CURVE, "0") | {"low": "0", "high": "1", "dimensions_low": "9", "dimensions_high": "10"}
    for low, high, agrees in (("11", "12", True), ("12", "12", False), ("8", "8", True), ("6", "7", False)):
        other = {**row, "dimensions_low": low, "dimensions_high": high}
        assert (not paper.disagreements([row], [other])) == agrees
