"""The checker of spelling knows the words that the glossary does not use, and what to say in their place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
DICTIONARY = REPOSITORY / "docs" / "spelling.txt"
if not DICTIONARY.is_file():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

ENTRIES = dict(line.split("->") for line in DICTIONARY.read_text(encoding="utf-8").splitlines())


def check(path):
    pytest.importorskip("codespell_lib")
    command = [sys.executable, "-m", "codespell_lib", "--toml", str(REPOSITORY / "pyproject.toml"), str(path)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_the_glossary_shows_the_dictionary():
    page = (REPOSITORY / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert "```{literalinclude} spelling.txt\n" in page.split("## Words that are not used", 1)[1]
    # The comma at the end keeps the checker from replacing words by itself.
    assert [word for word, instead in ENTRIES.items() if not re.fullmatch(r"[a-z ,]+,", instead)] == []
    assert list(ENTRIES) == sorted(ENTRIES)


def test_the_checker_finds_the_words_and_proposes_others(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("".join(f"They say {word} here.\n" for word in ENTRIES), encoding="utf-8")
    found = check(page).stdout.splitlines()
    assert [line.split(": ", 1)[1] for line in found] == [
        f"{word} ==> {instead.rstrip(',')}" for word, instead in ENTRIES.items()
    ]


def test_it_still_finds_slips_and_lets_names_pass(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("The coefficents are covered, as Wakin and the SVAE have it.\n", encoding="utf-8")
    assert [line.split(": ", 1)[1] for line in check(page).stdout.splitlines()] == ["coefficents ==> coefficients"]
