"""Who imports whom: families the engine, the engine drawing, and nobody the other way."""

import ast
from pathlib import Path

import pytest
from sparsevae import experiments

ROOT = Path(experiments.__file__).parent
MODULES = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(ROOT.rglob("*.py"))}
FAMILIES = sorted(path.name for path in (ROOT / "families").iterdir() if (path / "__init__.py").exists())
OPTIONAL = {"distributed", "matplotlib", "mne", "pandas", "pysusie", "skglm", "torch", "tqdm"}


def imported(path, nodes=None):
    """Modules of the package that a file imports, from "engine.store" on, and top-level names of all others."""
    inside, outside = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if nodes is None else nodes:
        if isinstance(node, ast.Import):
            outside |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            outside.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            parents = path.relative_to(ROOT).parts[:-1]
            if node.level > len(parents) + 1:
                continue
            base = [*parents[: len(parents) + 1 - node.level], *(node.module or "").split(".")]
            for name in node.names:
                # A module, a package, or else something in one.
                places = [
                    ".".join(filter(None, [*base, *rest]))
                    for rest in ([name.name], [name.name, "__init__"], [], ["__init__"])
                ]
                inside.add(next(place for place in places if place in MODULES.values()))
    return inside, outside


INSIDE = {name: imported(path)[0] - {name} for path, name in MODULES.items()}


def floor(name):
    return name.split(".")[0]


def test_the_reader_of_imports_reads_them():
    assert "engine.store" in INSIDE["engine.plan"]
    assert "families.lowrank.problem" in INSIDE["families.lowrank.figures"]
    assert "drawing.curves" in INSIDE["engine.metric"]
    assert FAMILIES == ["covariance", "goldfish", "lowrank", "manifold", "rows", "statistics", "training"]


@pytest.mark.parametrize(
    ("importer", "allowed"),
    [
        ("drawing", {"drawing"}),
        ("engine", {"drawing", "engine"}),
        ("rivals", set()),
        ("solvers", {"engine", "rivals"}),
        ("families", {"drawing", "engine", "families", "rivals", "solvers"}),
    ],
)
def test_imports_go_down(importer, allowed):
    found = {(name, other) for name, others in INSIDE.items() if floor(name) == importer for other in others}
    assert not {pair for pair in found if floor(pair[1]) not in allowed | {"__init__"}}
    # The package itself stands above all of them.
    assert not {pair for pair in found if pair[1] == "__init__"}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_imports_another(family):
    mine = {name for name in INSIDE if name.startswith(f"families.{family}.")}
    assert mine
    for name in mine:
        assert all(other in mine for other in INSIDE[name] if floor(other) == "families")


def test_there_is_no_circle():
    left = {name: set(others) for name, others in INSIDE.items()}
    while left:
        free = {name for name, others in left.items() if not others & set(left)}
        assert free, f"a circle is among {sorted(left)}"
        for name in free:
            del left[name]


@pytest.mark.parametrize("path", MODULES, ids=MODULES.get)
def test_only_optional_packages_are_imported_late(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    early = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not imported(path, early)[1] & OPTIONAL
    late = [node for top in tree.body if not isinstance(top, ast.If) for node in ast.walk(top) if node not in early]
    inside, outside = imported(path, late)
    assert not inside
    assert outside <= OPTIONAL
