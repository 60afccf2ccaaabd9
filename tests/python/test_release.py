"""What stands beside the version names the same one."""

import re
from pathlib import Path

import pytest
import sparsevae

REPOSITORY = Path(__file__).parents[2]
STATED = {
    "CITATION.cff": r"^version: (.+)$",
    "CHANGELOG.md": r"^## \[(\d.*?)\] - \d{4}-\d\d-\d\d$",
    "recipe/recipe.yaml": r'^  version: "(.+)"$',
}


@pytest.mark.parametrize("file", STATED)
def test_a_file_states_the_version_of_the_package(file):
    if not (REPOSITORY / file).is_file():
        pytest.skip(f"source distributions have no {file}")
    stated = re.search(STATED[file], (REPOSITORY / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert stated is not None
    assert stated[1] == sparsevae.__version__


def test_the_citation_has_the_date_of_the_release():
    cited = re.search(r"^date-released: (.+)$", (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    released = re.search(
        r"^## \[\d.*\] - (.+)$", (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert cited[1] == released[1]
