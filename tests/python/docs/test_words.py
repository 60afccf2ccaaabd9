"""Prose has the field's words: those of the glossary, not the house's."""

import json
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
if not (REPOSITORY / "docs").is_dir():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

HOUSE = re.compile(
    r"\b(holes?|teach(es|ing)?|taught|lessons?|judge[sd]?|untold|borne|bends|lets go|make[s]? of (it|them|the)|"
    r"as chance has it|is told|are told|length of the name)\b",
    re.IGNORECASE,
)
# A method of stored trials keeps its name.
NAMES = ("SimultaneousSparseVae, untold", "`untold`")
FILES = [
    *REPOSITORY.glob("*.md"),
    *(page for page in (REPOSITORY / "docs").rglob("*.md") if not {"_build", "gallery", "generated"} & {*page.parts}),
    *(REPOSITORY / "docs" / "examples").glob("*.py"),
    *(REPOSITORY / "notebooks").glob("*.ipynb"),
    *(REPOSITORY / "python" / "sparsevae").rglob("*.py"),
    *(REPOSITORY / "src").rglob("*.rs"),
]


def prose(file):
    """The text of a page or notebook; comments and documentation of a source."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        return "\n".join("".join(cell) for cell in cells)
    if file.suffix == ".rs":
        return "\n".join(re.findall(r"//[/!]? (.*)", text))
    if file.suffix == ".py":
        return "\n".join(map("".join, re.findall(r'"""(.*?)"""|# ([^\n]*)', text, re.DOTALL)))
    return text


def house_words(text):
    for name in NAMES:
        text = text.replace(name, "")
    return [found[0] for found in HOUSE.finditer(text)]


def test_prose_has_no_house_words():
    found = {file.relative_to(REPOSITORY).as_posix(): house_words(prose(file)) for file in FILES}
    assert {file: words for file, words in found.items() if words} == {}


def test_house_words_are_found():
    assert house_words("tables with holes teach the search") == ["holes", "teach"]
