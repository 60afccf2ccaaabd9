"""Links within the repository lead to a file and to a heading that exist; nothing is fetched."""

import json
import re
import string
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
FOLDERS = ("docs", "notebooks", "benches", ".github")
if not (REPOSITORY / "docs").is_dir():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
MADE = re.compile(r"_build|generated|gallery/")
PAGES = [
    page
    for page in [
        *REPOSITORY.glob("*.md"),
        *(page for folder in FOLDERS for page in sorted((REPOSITORY / folder).rglob("*.md"))),
        *sorted(REPOSITORY.glob("notebooks/*.ipynb")),
    ]
    if not MADE.search(page.relative_to(REPOSITORY).as_posix())
]
SOURCES = [
    source
    for folder, kind in (("python", "py"), ("src", "rs"), ("tests", "py"), ("benches", "py"), ("examples", "*"))
    for source in sorted((REPOSITORY / folder).rglob(f"*.{kind}"))
]


def prose(page):
    """The text of a page without its code."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell) for cell in cells)
    return CODE.sub("", text)


def anchors(page):
    """The headings of a page as links name them: lower case, hyphens for spaces, no punctuation."""
    text = re.sub(r"^(`{3,}).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    dropped = str.maketrans("", "", string.punctuation.replace("-", "").replace("_", ""))
    headings = re.findall(r"^#{1,3} (.*)$", text, re.MULTILINE)
    return {heading.strip().lower().translate(dropped).replace(" ", "-") for heading in headings}


def broken(page, links):
    """Those of the links of a page that lead nowhere."""
    found = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if MADE.search(path) or re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(REPOSITORY).as_posix()) for page in PAGES])
def test_links_of_a_page_lead_somewhere(page):
    assert broken(page, LINK.findall(prose(page))) == []


def test_pages_that_sources_name_exist():
    named = {
        (source.name, name)
        for source in SOURCES
        for name in re.findall(r"\bdocs/[\w/]+\.md\b(?!#|\")", source.read_text(encoding="utf-8"))
    }
    assert named
    assert [each for each in sorted(named) if not (REPOSITORY / each[1]).is_file()] == []


def test_links_that_lead_nowhere_are_found():
    page = REPOSITORY / "README.md"
    links = ["docs/nowhere.md", "docs/guide/limits.md#nothing", "#nothing", "docs/guide/limits.md#limits"]
    assert broken(page, links) == links[:3]


def test_no_page_has_the_name_of_one_that_sphinx_writes():
    """Such a page, search.md say, would be overwritten, and links to it would lead elsewhere."""
    written = {"genindex", "modindex", "py-modindex", "search"}
    assert not written & {page.stem for page in (REPOSITORY / "docs").glob("*.md")}
