"""The code that the documentation shows runs as it stands, without a warning."""

import re
from pathlib import Path

import pytest
from mne_sources import Case, forward_solution
from sparsevae.exceptions import DataUnavailableError
from sparsevae.plotting import new_figure

REPOSITORY = Path(__file__).parents[3]
PAGES = [*REPOSITORY.glob("README.md"), *sorted(REPOSITORY.glob("docs/*.md")), *sorted(REPOSITORY.glob("docs/*/*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What takes long on the page, and its short form here.
SHORTER = {
    'trials=20, methods="VaeSlr, Lasso"': 'quick=True, methods="VaeSlr, Lasso"',
    "random_state=0, verbose=True": "random_state=0, n_steps=50",
    "n_steps=4000": "n_steps=20",
    "n_steps=3000": "n_steps=20",
    "n_steps=2500": "n_steps=20",
}


def blocks(page):
    """The code of a page, each block at the lines where it stands there."""
    text = page.read_text(encoding="utf-8")
    return [("\n" * text[: found.start(1)].count("\n")) + found[1] for found in BLOCK.finditer(text)]


@pytest.fixture(scope="module")
def at_hand():
    """What the pages presume the reader to have."""
    case = Case(forward_solution("eeg"), seed=0)
    axes = new_figure(1, 1)[1][0][0]
    return {"evoked": case.evoked, "forward": case.forward, "noise_cov": case.noise_cov, "axes": axes}


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.relative_to(REPOSITORY).as_posix()) for page in PAGES if blocks(page)]
)
def test_code_of_a_page_runs_from_top_to_bottom(page, at_hand, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = dict(at_hand)
    for code in blocks(page):
        for long, short in SHORTER.items():
            code = code.replace(long, short)
        try:
            exec(compile(code, str(page), "exec"), names)
        except DataUnavailableError:
            assert "fetch_" in code


def test_what_is_made_shorter_is_shown_once():
    if not (REPOSITORY / "docs").is_dir():
        pytest.skip("source distributions have no documentation")
    text = "\n".join(code for page in PAGES for code in blocks(page))
    assert {long: text.count(long) for long in SHORTER} == dict.fromkeys(SHORTER, 1)
