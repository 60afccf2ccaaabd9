"""docs/papers.md leaves no equation out, and all that it names exists."""

import re
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import pytest
import sparsevae

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "papers.md"
if not PAGE.is_file():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

# The equations that each paper numbers.
LAST_EQUATION = {"Goldfish": 61, "Marginalization": 63, "Welper": 20, "Hidden talents": 97}
SECTIONS = dict(
    section.split("\n", 1) for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
)
NAMES = {name for text in SECTIONS.values() for name in re.findall(r"`([^`]+)`", text)}
# What holds the numbers of the page on what was found.
NAMES |= set(re.findall(r"`([\w/]+\.py::\w+)`", (PAGE.parent / "theory" / "findings.md").read_text(encoding="utf-8")))


def rows(paper):
    """Items and answers of the table of a paper."""
    lines = takewhile(lambda line: line.startswith("|"), SECTIONS[paper].strip().split("\n"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(items, answer) for items, _, answer in cells[2:]]


def numbers(ranges):
    """The numbers of "1, 3-5"."""
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def is_public(name):
    """Whether the package has this name, or documents this fitted attribute."""
    found, place = sparsevae, "sparsevae"
    for part in name.split("."):
        place = f"{place}.{part}"
        if isinstance(found, type) and part.endswith("_"):
            return re.search(rf"^\s+{part} : ", found.__doc__, re.MULTILINE) is not None
        try:
            found = getattr(found, part) if hasattr(found, part) else import_module(place)
        except ModuleNotFoundError:
            return False
    return True


def exists(name):
    file, _, function = name.partition("::")
    if function:
        text = (REPOSITORY / "tests" / ("rust" if file.endswith(".rs") else "python") / file).read_text(
            encoding="utf-8"
        )
        return re.search(rf"^\s*(def|fn) {function}\(", text, re.MULTILINE) is not None
    if name.endswith(".ipynb"):
        return (REPOSITORY / "notebooks" / name).is_file()
    return (REPOSITORY / name).exists() if "/" in name else is_public(name.partition("(")[0])


@pytest.mark.parametrize("paper", SECTIONS)
def test_every_equation_of_a_paper_is_there_once(paper):
    items = " | ".join(items for items, _ in rows(paper))
    found = sorted(number for ranges in re.findall(r"eqs?\. ([\d, -]*\d)", items) for number in numbers(ranges))
    assert found == list(range(1, LAST_EQUATION[paper] + 1))


@pytest.mark.parametrize("paper", SECTIONS)
def test_every_item_has_an_answer_or_is_said_to_have_none(paper):
    assert [items for items, answer in rows(paper) if not re.search(r"`|\]\(|^Not done", answer)] == []


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_is_named_exists(name):
    assert exists(name)


@pytest.mark.parametrize(
    "name", ["VaeSlr.score_", "energies.no_energy", "theory/test_theory.py::test_nothing", "x.ipynb"]
)
def test_what_does_not_exist_is_told(name):
    assert not exists(name)
