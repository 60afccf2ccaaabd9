"""The guide leaves no status and no warning out, and its equivalents exist."""

import ast
import inspect
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
import sparsevae
from sklearn.linear_model import ARDRegression, Lasso, LassoCV

REPOSITORY = Path(__file__).parents[3]
GUIDE = REPOSITORY / "docs" / "guide"
if not GUIDE.is_dir():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

SOURCES = sorted((REPOSITORY / "python" / "sparsevae").rglob("*.py"))
TREES = {source: ast.parse(source.read_text(encoding="utf-8")) for source in SOURCES}
# Functions that word a warning, by the name of what is made by them.
WORDED = {
    node.name: node
    for tree in TREES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef) and node.name in ("broken_promise", "misfit_warning")
}
WORDED["broken"] = WORDED["broken_promise"]
STATUSES = (GUIDE / "statuses.md").read_text(encoding="utf-8")
WARNINGS = [" ".join(text.split()) for text in re.findall(r"^```text\n(.*?)^```$", STATUSES, re.MULTILINE | re.DOTALL)]


def is_warning(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"


@cache
def values(scope):
    """By name: every expression that a function or module assigns to it, loops over under it, or appends to it."""
    found = defaultdict(list)
    inner = (node for part in scope.body for node in ([] if isinstance(part, ast.ClassDef) else ast.walk(part)))
    for node in inner if isinstance(scope, ast.FunctionDef) else scope.body:
        pairs = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(node.targets[0].elts, node.value.elts, strict=True)
        elif isinstance(node, ast.For):
            pairs = [(each, node.iter) for each in ast.walk(node.target)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            pairs = [(node.func.value, value) for value in node.args]
        for target, value in pairs:
            if isinstance(target, ast.Name):
                found[target.id].append(value)
    return found


def texts(scopes, node, seen=frozenset()):
    """The texts that an expression may have, with … for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(each.value if isinstance(each, ast.Constant) else "…" for each in node.values)
        for each in node.values:
            if isinstance(each, ast.FormattedValue) and isinstance(each.value, (ast.Name, ast.Subscript)):
                yield from texts(scopes, each.value, seen)
    elif isinstance(node, ast.Name) and node.id in WORDED and node.id not in seen:
        function = WORDED[node.id]
        for each in ast.walk(function):
            if isinstance(each, ast.Return):
                yield from texts((function,), each.value, seen | {node.id})
    elif isinstance(node, ast.Name):
        for value in (value for scope in scopes for value in values(scope)[node.id] if node.id not in seen):
            yield from texts(scopes, value, seen | {node.id})
    else:
        for child in ast.iter_child_nodes(node or ast.Pass()):
            yield from texts(scopes, child, seen)


def warning_texts():
    """Every text of a warning in the package, by its module."""
    found = {}
    for source, tree in TREES.items():
        said = []
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            scopes = (function, tree)
            for node in filter(is_warning, ast.walk(function)):
                said += texts(scopes, node.args[0])
            if source.parent.name == "baselines":
                said += [text for value in values(function)["warning"] for text in texts(scopes, value)]
        # Words and short ends are no messages. That the page shows no other ones is for test_statuses.py.
        found[source] = {" ".join(text.split()) for text in said if len(text.replace("…", "").split()) > 4}
    return found


def is_listed(text):
    """Whether the page shows a warning that has this text, with whatever is filled in."""
    pattern = re.compile(".*".join(re.escape(fixed.strip()) for fixed in text.split("…")))
    return any(pattern.search(known) for known in WARNINGS)


SAID = warning_texts()


@pytest.mark.parametrize("source", [pytest.param(source, id=source.stem) for source in SOURCES if SAID[source]])
def test_every_warning_has_its_remedy(source):
    missing = [text for text in SAID[source] if not is_listed(text)]
    assert missing == []


def test_every_module_that_warns_is_read():
    silent = [
        source.name
        for source, tree in TREES.items()
        if any(is_warning(node) for node in ast.walk(tree)) and not SAID[source]
    ]
    # Its messages come from the other baselines.
    assert silent == ["_regressor.py"]


def test_every_status_is_explained_and_no_other():
    listed = STATUSES[: STATUSES.index("## Warnings of the regressions")]
    rows = [row.split("|")[1] for row in listed.splitlines() if row.startswith('| `"')]
    explained = {name for row in rows for name in re.findall(r'`"(\w+)"`', row)}
    core = (REPOSITORY / "src" / "report.rs").read_text(encoding="utf-8")
    names = set(re.findall(r'Self::\w+ => "(\w+)"', core))
    for source in SOURCES:
        for options in re.findall(
            r"^ +(?:\w+_)?status_? : \{(.*)\}$", source.read_text(encoding="utf-8"), re.MULTILINE
        ):
            names |= set(re.findall(r'"(\w+)"', options))
    assert {"certified", "unpenalised", "early_stop"} <= names
    assert explained == names


def documented(estimator):
    """Parameters, fitted attributes and methods of an estimator."""
    attributes = re.findall(r"^ {4}((?:\w+, )*\w+) : ", inspect.getdoc(estimator).replace("\n", "\n    "), re.MULTILINE)
    known = {name for names in attributes for name in names.split(", ")}
    return known | set(inspect.signature(estimator).parameters) | set(dir(estimator))


def equivalents(heading):
    page = (GUIDE / "coming_from.md").read_text(encoding="utf-8")
    section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    return [(left, right) for left, right in rows]


@pytest.mark.parametrize("heading", ["Lasso, LassoCV", "ARDRegression", "SuSiE", "gamma_map of MNE-Python", "abess"])
def test_equivalents_are_names_of_the_package(heading):
    known = documented(sparsevae.VaeSlr) | documented(sparsevae.SimultaneousSparseVae) | set(dir(sparsevae))
    named = [name for _, right in equivalents(heading) for name in re.findall(r"`([A-Za-z]\w*)", right)]
    assert len(named) > 4
    assert [name for name in named if name not in known | {"estimator"}] == []


@pytest.mark.parametrize(
    ("heading", "theirs"), [("Lasso, LassoCV", (Lasso, LassoCV)), ("ARDRegression", (ARDRegression,))]
)
def test_names_of_scikit_learn_are_its_own(heading, theirs):
    known = set().union(*(documented(each) for each in theirs)) | {"np", "lasso_path", "MultiTaskLasso"}
    named = [name for left, _ in equivalents(heading) for name in re.findall(r"`([A-Za-z]\w*)", left)]
    assert [name for name in named if name not in known] == []


# Pages to look things up in, and a method that any selection may be given to.
REFERENCE = {"index", "which_estimator", "statuses", "coming_from", "test_problems", "limits", "stability_selection"}


def decisions():
    """Rows of the decision table: what is at hand, what to take, which page."""
    lines = (GUIDE / "which_estimator.md").read_text(encoding="utf-8").splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]


def test_every_page_of_a_task_is_in_the_decision_table():
    linked = {name for *_, page in decisions() for name in re.findall(r"\]\((\w+)\.md", page)}
    assert {page.stem for page in GUIDE.glob("*.md")} - REFERENCE == linked


def test_what_the_decision_table_says_to_take_exists():
    names = documented(sparsevae.VaeSlr) | documented(sparsevae.SimultaneousSparseVae) | set(dir(sparsevae))
    # References are Sphinx's to resolve.
    plain = [re.sub(r"\{\w+\}`[^`]*`", "", take) for _, take, _ in decisions()]
    code = [code for take in plain for code in re.findall(r"`([^`]+)`", take)]
    named = [name for each in code if not each.startswith("sparsevae ") for name in re.findall(r"[A-Za-z]\w+", each)]
    assert len(named) > 15
    assert [name for name in named if name not in names | {"anneal", "adam", "True", "reshape"}] == []
