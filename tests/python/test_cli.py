"""The command line, run small."""

import os
import subprocess
import sys

import pytest
from sparsevae import __version__, cli, demo
from sparsevae.exceptions import DataUnavailableError

needs_genes = pytest.mark.skipif(
    not os.environ.get("SPARSEVAE_DATA"), reason="SPARSEVAE_DATA does not name a folder with the riboflavin data"
)


def sums(table):
    """Sum of the rates of each solver in the first table, whose head ends in "median ms"."""
    lines = table.splitlines()
    head = next(i for i, line in enumerate(lines) if line.endswith("median ms"))
    rows = lines[head + 1 : head + 1 + len(demo.SOLVERS)]
    return {name: float(row.split()[-2]) for name, row in zip(demo.SOLVERS, rows, strict=True)}


def test_demo_prints_a_table_and_draws_a_figure(tmp_path, capsys):
    assert cli.main(["demo", "--trials", "1", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    rates = sums(out)
    assert rates["VaeSlr"] == rates["PreconditionedVae"] >= 6
    assert rates["VaeSlr"] > max(rates["basis pursuit"], rates["Lasso"])
    assert (tmp_path / "recovery.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "inclusion.png").read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path / "recovery.png") in out


def test_demo_fits_noisy_real_data_beside_the_lasso():
    noisy = demo.diabetes(0)
    names = noisy.names
    assert len(names) == len(set(names)) == 64
    strong = {"bmi", "s5", "bp"}
    assert strong <= {each.column for each in noisy.report.effects}
    assert strong <= {names[j] for j in noisy.lasso_support}
    assert len(noisy.report.effects) < len(noisy.lasso_support)
    assert all(0.4 < score < 0.6 for score in noisy.r2.values())
    text = noisy.text()
    assert "credible sets" in text
    assert f"the Lasso chooses {len(noisy.lasso_support)} columns: " in text


def test_demo_without_matplotlib_prints_the_table_and_names_the_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(demo, "KAPPAS", (2, 40))
    assert cli.main(["demo", "--trials", "1", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "sparsevae[plot]" in out
    assert sums(out)["VaeSlr"] == 2


def test_same_seed_gives_the_same_rates(monkeypatch):
    monkeypatch.setattr(demo, "KAPPAS", (30,))
    first, second = (demo.random_walk(2, 7, lambda _: None) for _ in range(2))
    assert first.rates == second.rates
    assert (first.truth == second.truth).all()


@needs_genes
@pytest.mark.slow
def test_demo_on_riboflavin_lists_the_genes_of_the_real_response(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "KAPPAS", (10, 40))
    assert cli.main(["demo", "--riboflavin", "--trials", "1", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "riboflavin genes, 71 x 100" in out
    assert "4,088 genes" in out
    assert "_at " in out


def test_riboflavin_without_data_ends_with_a_message(tmp_path, capsys, monkeypatch):
    def unavailable(**_):
        raise DataUnavailableError("the riboflavin set is not at hand")

    monkeypatch.setattr(demo, "fetch_riboflavin", unavailable)
    monkeypatch.setattr(demo, "KAPPAS", (2,))
    assert cli.main(["demo", "--riboflavin", "--trials", "1", "--out", str(tmp_path)]) == 1
    assert "not at hand" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["demo", "--trials", "0"], ["demo", "--seed", "-1"], ["demo", "--seed", "x"]]
)
def test_bad_arguments_end_with_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: sparsevae" in capsys.readouterr().err


def test_installed_command_knows_the_version():
    code = "import sys; from sparsevae.cli import main; sys.exit(main(['--version']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"sparsevae {__version__}"
