"""The README stays short, its commands fit a reader's own table, and its pictures are those of the demo."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from sparsevae import cli, demo
from sparsevae.plotting import new_figure

README = Path(__file__).parents[3] / "README.md"
if not (README.parent / "docs").is_dir():
    pytest.skip("source distributions have no pictures", allow_module_level=True)

TEXT = README.read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
FITS = [command for command in COMMANDS if Path(command[0]).name == "sparsevae"]


def test_it_has_at_most_600_words():
    assert len(TEXT.split()) <= 600


def test_it_installs_by_an_extra_that_exists():
    project = (README.parent / "pyproject.toml").read_text(encoding="utf-8")
    installs = [command[2] for command in COMMANDS if command[:2] == ["pip", "install"]]
    assert installs == [".[plot]"]
    assert re.search(r"^plot = \[", project, re.MULTILINE)


@pytest.mark.parametrize("command", FITS, ids=[" ".join(command[:2]) for command in FITS])
def test_its_commands_fit_a_table_of_ones_own(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(40, 3))
    table = np.column_stack([X, 2.0 * X[:, 1] + 0.1 * np.random.default_rng(1).normal(size=40)])
    np.savetxt("data.csv", table, delimiter=",", header="a,b,c,y", comments="")
    assert cli.main(command[1:]) == 0
    assert re.search(r"^b +1\.00 ", capsys.readouterr().out, re.MULTILINE)
    assert Path("y.png").read_bytes().startswith(b"\x89PNG")


def test_there_is_one_command_after_make_and_one_after_pip():
    assert [command[0] for command in FITS] == [".venv/bin/sparsevae", "sparsevae"]


def test_its_pictures_are_those_that_the_demo_draws(tmp_path):
    assert cli.main(["demo", "--trials", "1", "--out", str(tmp_path)]) == 0
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert sorted(re.findall(r"\]\(docs/images/(\w+\.png)\)", TEXT)) == drawn
    assert "`sparsevae demo --riboflavin`" in TEXT


def test_names_in_the_picture_of_probabilities_neither_overlap_nor_leave_it():
    figure, axes = new_figure(1, 1)
    noisy = demo.diabetes(0)
    noisy.draw(axes[0][0])
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes[0][0].texts]
    assert len(boxes) == len(noisy.model.support_)
    frame = axes[0][0].get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
    assert not any(box.overlaps(other) for i, box in enumerate(boxes) for other in boxes[:i])
