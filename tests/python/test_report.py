"""What ``sparsevae fit`` and ``sparsevae plan`` print and write."""

import json
import sys

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sparsevae import VaeSlr, cli
from sparsevae.report import fit_table
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
    assert fit(diabetes, "--plot", str(tmp_path / "a.nothing")) == 2
    assert "no such figure can be written" in capsys.readouterr().err


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
    assert "`design` is 'dct'" in capsys.readouterr().err


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
