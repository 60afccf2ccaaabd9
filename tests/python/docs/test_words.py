"""Prose and messages have the field's words: those of the glossary, not the house's."""

import ast
import json
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
if not (REPOSITORY / "docs").is_dir():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

HOUSE = re.compile(
    r"\b(holes?|teach(es|ing)?|taught|lessons?|judge[sd]?|untold|told(?! apart)|tells? of|borne|bends|blind(ly)?|"
    r"lets? go|as chance has it|length of the name|makes? of|made of (it|them)|speaks? (of|for)|hears? Ctrl-C|heard|"
    r"(a|random) parts? of (it|them|the|its|their|another) (columns|rows|samples|features|one|problem))\b",
    re.IGNORECASE,
)
# A setting that trials of earlier versions are stored by, which are not done again.
STORED = re.compile('"told"|SimultaneousSparseVae, untold|^told$', re.MULTILINE)
FOLDERS = {"_build", "gallery", "generated"}
FILES = [
    *REPOSITORY.glob("*.md"),
    *(page for page in (REPOSITORY / "docs").rglob("*.md") if not FOLDERS & {*page.parts}),
    *(REPOSITORY / "docs" / "examples").glob("*.py"),
    *(REPOSITORY / "notebooks").glob("*.ipynb"),
    *(file for suffix in ("py", "pyi") for file in (REPOSITORY / "python" / "sparsevae").rglob(f"*.{suffix}")),
    *(REPOSITORY / "src").rglob("*.rs"),
    *(file for folder in ("benches", "examples", "tests") for file in (REPOSITORY / folder).rglob("*.rs")),
    *(file for suffix in ("md", "py") for file in (REPOSITORY / "benches").rglob(f"*.{suffix}")),
    *(file for file in (REPOSITORY / "tests").rglob("*.py") if file != Path(__file__)),
]


def prose(file):
    """The text of a page or notebook; comments, documentation and messages of a source."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        return "\n".join("".join(cell) for cell in cells)
    if file.suffix == ".rs":
        return "\n".join(map("".join, re.findall(r'//[/!]? (.*)|"((?:[^"\\]|\\.)*)"', text)))
    if file.suffix in (".py", ".pyi"):
        nodes = ast.walk(ast.parse(text))
        strings = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        return "\n".join([*re.findall("# (.*)", text), *strings])
    return text


def house_words(text):
    return [found[0] for found in HOUSE.finditer(re.sub(r"\n\s*(//[/!]? |# )?", " ", STORED.sub("", text)))]


def test_prose_has_no_house_words():
    found = {file.relative_to(REPOSITORY).as_posix(): house_words(prose(file)) for file in FILES}
    assert {file: words for file, words in found.items() if words} == {}


def test_house_words_are_found():
    text = "tables with holes\n    # teach a random\npart of the rows; what it makes\n    /// of them is not told apart"
    assert house_words(text) == ["holes", "teach", "random part of the rows", "makes of"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", 'holes = 1  # blind\nname = f"{holes} are told"\n'),
        ("a.rs", '/// blind\nlet holes = "are told";\n'),
        ("a.md", "blind and told"),
        ("a.ipynb", '{"cells": [{"cell_type": "markdown", "source": ["blind and ", "told"]}, {"cell_type": "code"}]}'),
    ],
)
def test_prose_is_comments_and_strings_of_a_source_and_all_of_a_page(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert house_words(prose(path)) == ["blind", "told"]
