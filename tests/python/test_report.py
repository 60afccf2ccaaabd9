"""What ``sparsevae fit`` and ``sparsevae plan`` print and write."""

import dataclasses
import json
import re
import sys

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sparsevae import VaeSlr, cli, plotting
from sparsevae.outputs import in_options
from sparsevae.report import Effect, fit_table
from sparsevae.tables import Table


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory):
    """The diabetes data as a file, with a column of names."""
    frame = load_diabetes(as_frame=True).frame
    frame.insert(0, "patient", [f"p{i}" for i in range(len(frame))])
    path = tmp_path_factory.mktemp("tables") / "diabetes.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model():
    data = load_diabetes()
    return VaeSlr().fit(data.data, data.target)


def fit(path, *options):
    return cli.main(["fit", str(path), "--response", "target", "--exclude", "patient", *options])


def test_a_fit_prints_columns_sets_and_noise_as_the_estimator_has_them(diabetes, model, capsys):
    assert fit(diabetes) == 0
    out = capsys.readouterr().out
    assert "442 samples, 10 columns, response 'target'" in out
    names = load_diabetes().feature_names
    rows = {row.split()[0]: row.split()[1:] for row in out.splitlines() if row.strip()}
    for j in model.support_:
        prob, coef, low, high, *_ = rows[names[j]]
        assert float(prob) == pytest.approx(model.inclusion_prob_[j], abs=0.006)
        assert float(coef) == pytest.approx(model.coef_[j], rel=1e-3)
        half = 1.96 * np.sqrt(model.coef_var_[j])
        assert (float(low[1:-1]), float(high[:-1])) == pytest.approx(
            (model.coef_[j] - half, model.coef_[j] + half), rel=1e-2
        )
    assert len(rows) > len(model.support_)
    assert f"standard deviation {np.sqrt(model.noise_var_):.4g}" in out
    for number, each in enumerate(model.credible_sets(), 1):
        listed = rows[str(number)]
        assert float(listed[0]) == pytest.approx(each.prob, abs=0.006)
        assert {names[j] for j in each.columns} <= set(listed)


def test_a_fit_writes_json_and_a_picture(diabetes, model, tmp_path, capsys):
    assert fit(diabetes, "--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png")) == 0
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert sorted(each["index"] for each in found["effects"]) == model.support_.tolist()
    assert found["noise_var"] == model.noise_var_
    assert found["credible_sets"][0]["prob"] == model.credible_sets()[0].prob
    assert found["held_out"] is None
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path / "a.png") in capsys.readouterr().out


def test_options_reach_the_estimator(diabetes, capsys):
    assert fit(diabetes, "--max-nonzero", "4", "--always-select", "age,sex", "--model-averaging", "--seed", "3") == 0
    out = capsys.readouterr().out
    expected = VaeSlr(max_nonzero=4, always_select=[0, 1], model_averaging=True, random_state=3)
    data = load_diabetes()
    expected.fit(data.data, data.target)
    rows = {row.split()[0]: row.split()[1:] for row in out.splitlines() if row.strip()}
    for j in expected.support_:
        assert float(rows[data.feature_names[j]][1]) == pytest.approx(expected.coef_[j], rel=1e-3)


def test_samples_held_out_are_predicted_beside_the_lasso(diabetes, tmp_path, capsys):
    assert fit(diabetes, "--test-fraction", "0.25", "--json", str(tmp_path / "a.json")) == 0
    held = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["held_out"]
    assert held["n_samples"] == 110
    assert 0.3 < held["r2"] < 0.6
    assert abs(held["r2"] - held["lasso_r2"]) < 0.1
    assert "R^2 on 110 samples held out" in capsys.readouterr().out
    assert fit(diabetes, "--test-fraction", "0.999") == 2
    assert "it must leave 10 and hold out 2 at least" in capsys.readouterr().err


def noise_free():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 50))
    return Table(X, X[:, 3] - 2 * X[:, 4], [f"x{i}" for i in range(50)], "y")


def test_fits_without_noise_say_that_they_are_certified():
    report = fit_table(noise_free(), VaeSlr(), source="memory")
    assert report.certified
    assert [(each.column, round(each.coef, 6)) for each in report.effects] == [("x3", 1.0), ("x4", -2.0)]
    assert "status: certified: there is no noise" in report.text()
    assert "standard deviation" not in report.text()


def test_warnings_are_part_of_the_report():
    table = noise_free()
    noise = np.random.default_rng(1).standard_normal(30)
    report = fit_table(Table(table.X, noise, table.feature_names, "y"), VaeSlr(), source="memory")
    assert report.effects == ()
    assert "warning: no column was chosen" in report.text()
    assert report.text().endswith("no column was chosen") or "credible sets" in report.text()


def test_a_fit_without_a_posterior_has_no_probabilities():
    report = fit_table(noise_free(), VaeSlr(noise_var=0.01, support_rule="evidence"), source="memory")
    assert "probability" not in report.text()
    assert {each.column for each in report.effects} >= {"x3", "x4"}
    assert report.credible_sets == ()


def test_errors_of_files_name_line_and_column_and_end_with_their_codes(diabetes, tmp_path, capsys):
    bad = tmp_path / "bad.csv"
    lines = diabetes.read_text(encoding="utf-8").splitlines()
    lines[11] = lines[11].replace(lines[11].split(",")[3], "low")
    bad.write_text("\n".join(lines), encoding="utf-8")
    assert fit(bad) == 1
    assert """bad.csv, line 12, column "bmi": 'low' is not a number""" in capsys.readouterr().err
    assert cli.main(["fit", str(diabetes), "--response", "targt"]) == 2
    assert "did you mean 'target'" in capsys.readouterr().err
    assert fit(tmp_path / "absent.csv") == 1
    assert "there is no file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "name", "code", "message"),
    [
        ("--plot", "a.nothing", 2, "but its name must end in one of .*.pdf, .*.png, .*.svg"),
        ("--plot", "nowhere/a.png", 1, "but there is no folder"),
        ("--json", "nowhere/a.json", 1, "but there is no folder"),
        ("--json", ".", 1, "which is a folder, but it must be a file"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "plan"])
def test_files_that_cannot_be_written_are_refused_before_the_table_is_read(
    command, option, name, code, message, tmp_path, capsys
):
    needed = ["--response", "y"] if command == "fit" else ["--n-nonzero", "2"]
    assert cli.main([command, "absent.csv", *needed, option, str(tmp_path / name)]) == code
    said = capsys.readouterr()
    assert re.search(f"^sparsevae: `{option}` is .*{message}", said.err)
    assert said.out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--exclude", "patient,bmj"], "`--exclude` is 'bmj', but"),
        (["--exclude", "patient", "--always-select", "ag"], "`--always-select` is 'ag', but"),
        (["--exclude", "sex"], "'p0' is not a number; `--exclude` leaves a column out"),
        (["--exclude", "patient", "--decimal", ","], "`--decimal ,` reads no decimal points"),
        (["--exclude", "patient", "--n-nonzero", "2", "--max-nonzero", "3"], "`--n-nonzero`"),
    ],
)
def test_messages_name_options(diabetes, options, message, capsys):
    assert cli.main(["fit", str(diabetes), "--response", "target", *options]) > 0
    assert message in capsys.readouterr().err


def test_messages_name_options_of_their_own_command():
    arguments = cli._parser().parse_args(["plan", "a.csv", "--n-nonzero", "2"])
    message = '`n_samples` is 1; `missing` "mean"; `path` is "a"; `coef_` and `max_nonzero` are no options'
    said = '`--samples` is 1; `--missing mean`; `FILE` is "a"; `coef_` and `max_nonzero` are no options'
    assert in_options(message, arguments) == said


def test_a_constant_response_is_neither_certified_nor_noisy(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},.1\n" for i in range(20)), encoding="utf-8")
    options = ["--test-fraction", "0.4", "--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png")]
    assert cli.main(["fit", str(path), "--response", "y", *options]) == 0
    out = capsys.readouterr().out
    assert "status: constant_response: all samples have the same response, so that there is nothing to explain" in out
    assert not re.search("certified|noise|R\\^2", out)
    assert "no figure: no column was chosen" in out
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert (found["status"], found["certified"], found["effects"]) == ("constant_response", False, [])
    assert not (tmp_path / "a.png").exists()


def test_a_fit_without_noise_is_drawn_as_coefficients(tmp_path):
    table = noise_free()
    np.savetxt(tmp_path / "a.txt", np.column_stack([table.X, table.y]))
    options = ["--response", "-1", "--plot", str(tmp_path / "a.svg")]
    assert cli.main(["fit", str(tmp_path / "a.txt"), *options]) == 0
    assert "95% interval" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    _, grid = plotting.new_figure(1, 1)
    axes = grid[0][0]
    fit_table(table, VaeSlr(), source="memory").draw(axes)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x3", "x4"]
    np.testing.assert_allclose(axes.lines[-1].get_xdata(), [1, -2])


def test_the_largest_coefficients_are_drawn_where_there_is_no_room_for_all():
    coefs = np.random.default_rng(0).permutation(np.arange(1, 61)) * np.resize([1, -1], 60)
    effects = tuple(Effect(f"x{j}", j, None, coef, coef - 1, coef + 1, None) for j, coef in enumerate(coefs))
    report = dataclasses.replace(fit_table(noise_free(), VaeSlr(), source="memory"), effects=effects)
    _, grid = plotting.new_figure(1, 1)
    report.draw(grid[0][0])
    assert sorted(np.abs(grid[0][0].lines[-1].get_xdata())) == list(range(21, 61))
    assert grid[0][0].get_title() == "response y, the 40 largest of 60"


def test_a_picture_without_matplotlib_names_the_extra(diabetes, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert fit(diabetes, "--plot", str(tmp_path / "a.png")) == 1
    assert "sparsevae[plot]" in capsys.readouterr().err


def plan(*options):
    return cli.main(["plan", *map(str, options), "--n-nonzero", "2", "--trials", "2"])


def test_a_plan_of_a_table_prints_its_points_and_writes_them(diabetes, tmp_path, capsys):
    path = tmp_path / "a.json"
    options = ["--response", "target", "--exclude", "patient", "--snr", "1", "inf", "--samples", "100", "442"]
    assert plan(diabetes, *options, "--json", path, "--plot", tmp_path / "a.svg") == 0
    assert "Plan for 442 samples and 10 columns" in capsys.readouterr().out
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [(point["n_samples"], point["snr"]) for point in found["points"]] == [
        (100, 1.0),
        (442, 1.0),
        (100, None),
        (442, None),
    ]
    assert 0 <= found["points"][0]["power"]["low"] <= found["points"][0]["power"]["value"] <= 1
    assert "trials" not in found["points"][0]
    assert found["limits"][0]["lasso_samples"] > 2
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_a_plan_of_a_shape_draws_the_design_that_is_named(capsys):
    assert plan("--shape", 30, 40, "--design", "toeplitz", "--samples", 30, "--snr", 5) == 0
    assert "Plan for 30 samples and 40 columns" in capsys.readouterr().out
    assert plan() == 2
    assert "name a FILE with a table, or a --shape, but not both" in capsys.readouterr().err
    assert plan("--shape", 30, 40, "--design", "dct") == 2
    assert "`--design` is 'dct'" in capsys.readouterr().err


def test_a_plan_that_is_interrupted_prints_what_was_done(capsys, monkeypatch):
    from sparsevae.planning import _trial

    trial, fits = _trial.run_trial, []

    def stop(*arguments):
        if fits:
            raise KeyboardInterrupt
        fits.append(trial(*arguments))
        return fits[0]

    monkeypatch.setattr("sparsevae.planning._planner.run_trial", stop)
    assert plan("--shape", 30, 40, "--samples", 30) == 130
    assert "1 fits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "a.csv"], "--response"),
        (["fit", "a.csv", "--response", "y", "--test-fraction", "2"], "'2' is not between 0 and 1"),
        (["plan", "a.csv", "--n-nonzero", "2", "--snr", "0"], "'0' is not greater than 0"),
        (["plan", "a.csv", "--n-nonzero", "2", "--snr", "high"], "'high' is not a number"),
        (["plan", "a.csv"], "--n-nonzero"),
    ],
)
def test_bad_options_end_with_usage(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
