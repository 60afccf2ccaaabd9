"""``sparsevae reproduce`` and ``sparsevae plot``: resumed after a kill, stopped by Ctrl-C, wrong arguments."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from sparsevae import cli, experiments

COMMAND = [sys.executable, "-c", "import sys; from sparsevae.cli import main; sys.exit(main(sys.argv[1:]))"]
SMALL = ["reproduce", "fig1a", "--quick", "--methods", "VaeSlr,Lasso"]


def started(arguments):
    """A run in a process of its own, from the moment at which its trials begin."""
    # No data: the pictures do not depend on what is at hand.
    environment = {name: value for name, value in os.environ.items() if name != "SPARSEVAE_DATA"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*COMMAND, *arguments], env=environment, **pipes)
    assert "trials to do" in process.stdout.readline()
    return process


def rows(folder):
    connection = sqlite3.connect(folder / experiments.STORE_NAME)
    count = connection.execute("SELECT count(*) FROM trials").fetchone()[0]
    connection.close()
    return count


def wait_for_more(folder, count):
    """Until trials have been added: processes take seconds to start, on a loaded machine many."""
    latest = time.monotonic() + 60
    while rows(folder) <= count and time.monotonic() < latest:
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path):
    arguments = ["reproduce", "fig1a", "--quick", "--trials", "24", "--methods", "VaeSlr,Lasso,basis pursuit", "--out"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert cli.main([*arguments, str(whole)]) == 0
    moments, seen = random.Random(0), [0]
    for _ in range(3):
        process = started([*arguments, str(broken)])
        wait_for_more(broken, seen[-1])
        time.sleep(moments.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.append(rows(broken))
    assert seen == sorted(seen)
    assert any(0 < count < 216 for count in seen)
    assert cli.main([*arguments, str(broken)]) == 0
    assert rows(broken) == 216
    assert (broken / "fig1a.csv").read_bytes() == (whole / "fig1a.csv").read_bytes()


@pytest.mark.slow
def test_ctrl_c_ends_a_run_at_once_and_keeps_what_was_done(tmp_path):
    process = started(["reproduce", "fig1b", "--methods", "VaeSlr, EM", "--out", str(tmp_path)])
    wait_for_more(tmp_path, 0)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=10)
    assert time.monotonic() - begin < 5
    assert process.returncode == 130
    assert "the same command goes on" in message
    assert "Traceback" not in message
    assert 0 < rows(tmp_path) < 140


def test_reproduce_writes_tables_and_pictures_and_plot_writes_them_again(tmp_path, capsys):
    assert cli.main([*SMALL, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "12 trials to do, 0 done before" in out
    assert "seconds" in out
    table = (tmp_path / "fig1a.csv").read_bytes()
    times = (tmp_path / "fig1a-times.csv").read_text(encoding="utf-8")
    assert times.startswith("figure,series,method,x,trials,wall_median,cpu_median,cpu_total\n")
    assert b"seconds" not in table
    assert (tmp_path / "fig1a.png").read_bytes().startswith(b"\x89PNG")
    for name in ("fig1a.csv", "fig1a.png"):
        (tmp_path / name).unlink()
    assert cli.main(["plot", str(tmp_path)]) == 0
    assert (tmp_path / "fig1a.csv").read_bytes() == table
    assert (tmp_path / "fig1a.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main([*SMALL, "--out", str(tmp_path)]) == 0
    assert "0 trials to do, 12 done before" in capsys.readouterr().out


def test_reproduce_without_matplotlib_writes_tables_and_names_the_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert cli.main([*SMALL, "--out", str(tmp_path)]) == 0
    assert "sparsevae[plot]" in capsys.readouterr().out
    assert (tmp_path / "fig1a.csv").is_file()
    assert not (tmp_path / "fig1a.png").exists()


def test_reproduce_lists_every_figure_and_method(capsys):
    assert cli.main(["reproduce", "--list"]) == 0
    out = capsys.readouterr().out
    for name in (*experiments.FIGURES, *experiments.METHODS):
        assert name in out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["reproduce"], 2, "name a figure"),
        (["reproduce", "fig7"], 2, "there is no figure 'fig7'; there are fig1a"),
        (["reproduce", "fig1a", "--methods", "VaeSlr,OMP"], 2, "there is no method 'OMP'; there are VaeSlr"),
        (["reproduce", "fig1a", "--methods", ","], 2, "no method is named"),
        (["plot", "nowhere"], 1, "there is no store of trials at"),
    ],
)
def test_wrong_names_end_with_a_message(arguments, status, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == status
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", [["--trials", "0"], ["--jobs", "x"], ["--adam-steps", "-1"], ["--seed", "-1"]])
def test_wrong_numbers_end_with_usage(option, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["reproduce", "fig1a", *option])
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "usage: sparsevae reproduce" in message
    assert "_" not in message.splitlines()[-1]


def test_a_foreign_store_ends_with_a_message(tmp_path, capsys):
    (tmp_path / experiments.STORE_NAME).write_text("not a database, " * 100, encoding="utf-8")
    assert cli.main([*SMALL, "--out", str(tmp_path)]) == 1
    assert "cannot be used as a store" in capsys.readouterr().err


def test_names_with_commas_are_told_apart():
    assert experiments.split_names("VaeSlr, VaeSlr,EM ,lasso, best penalty") == [
        "VaeSlr",
        "VaeSlr, EM",
        "Lasso, best penalty",
    ]
