"""The shape of the package, read from its imports: calls go down only, there is no circle, each library has its place.

Imports inside functions count as well; those for type checkers alone do not.
"""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest
import sparsevae

PACKAGE = Path(sparsevae.__file__).parent
REPOSITORY = Path(__file__).parents[2]

# The floors of each package, from the lowest: a part imports its own modules and those of parts on lower floors.
FLOORS = {
    "sparsevae": (
        {"_core", "exceptions"},
        {"_input"},
        {"datasets", "energies", "metrics", "plotting", "tables"},
        {"baselines", "latent", "regression"},
        {"planning", "transfer"},
        {"mne", "theory"},
        {"torch"},
        {"__init__"},
        {"experiments"},
        {"outputs", "report"},
        {"demo"},
        {"cli"},
    ),
    "sparsevae._input": (
        {"arrays", "backend", "blocks", "parameters", "pickles", "random"},
        {"remote"},
        {
            "adjustment",
            "choice",
            "columns",
            "groups",
            "interchange",
            "packing",
            "penalties",
            "threads",
            "weights",
            "whitening",
        },
        {"data"},
        {"__init__"},
    ),
    "sparsevae.regression": (
        {"_credible_sets", "_prepared"},
        {"_base"},
        {"_posterior"},
        {"_blocks"},
        {"parallel", "preconditioned_vae", "simultaneous_sparse_vae", "support_selector", "vae_slr"},
        {"__init__"},
    ),
    "sparsevae.planning": (
        {"_cost", "_limits", "_sources", "_statistics"},
        {"_trial"},
        {"_result"},
        {"_planner"},
        {"__init__"},
    ),
    "sparsevae.tables": ({"_table"}, {"_arrays", "_text"}, {"_reader"}, {"__init__"}),
    "sparsevae.torch": (
        {"_formulas", "_posterior", "_tensors"},
        {"_network", "_operators", "_problems", "_samples"},
        {"_batch", "_fitted", "_objective", "energies"},
        {"_parameters", "_training"},
        {"_certificate", "_linear", "manifold_vae"},
        {"_propagation", "modules"},
        {"solve"},
        {"_backend", "_minimum"},
        {"implicit"},
        {"__init__"},
    ),
}
# What goes up all the same, and why.
UPWARDS = {
    # A device is sought only for data that lie there; PyTorch takes seconds to load, and not everyone has it.
    ("sparsevae._input.backend", "sparsevae.torch._backend"),
}
# The only places that import these.
PLACES = {
    "torch": ["sparsevae.torch"],
    "matplotlib": ["sparsevae.plotting", "sparsevae.experiments"],
    "sparsevae._core": [
        "sparsevae.__init__",
        "sparsevae._input.blocks",
        "sparsevae._input.pickles",
        "sparsevae._input.remote",
        "sparsevae.baselines",
        "sparsevae.datasets",
        "sparsevae.energies",
        "sparsevae.experiments.families.goldfish",
        "sparsevae.latent",
        "sparsevae.metrics",
        "sparsevae.regression",
        "sparsevae.torch",
        "sparsevae.transfer",
    ],
}


def name_of(file):
    return ".".join(("sparsevae", *file.relative_to(PACKAGE).with_suffix("").parts))


MODULES = {name_of(file): file for file in PACKAGE.rglob("*.py")}


def as_module(name):
    """The module of this name, the `__init__` of a package."""
    if name in MODULES or name == "sparsevae._core":
        return name
    return f"{name}.__init__" if f"{name}.__init__" in MODULES else None


def statements(tree):
    """All imports but those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        yield from statements(node)


@cache
def imports(module):
    """What a module imports: modules of the package, and names of other libraries."""
    found = set()
    for node in statements(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {as_module(alias.name) or alias.name.partition(".")[0] for alias in node.names}
            continue
        source = node.module
        if node.level:
            source = ".".join([*module.split(".")[: -node.level], *([node.module] if node.module else [])])
        if as_module(source) is None:
            found.add(source.partition(".")[0])
            continue
        found |= {as_module(f"{source}.{alias.name}") or as_module(source) for alias in node.names}
    return frozenset(found)


EDGES = {(module, name) for module in MODULES for name in imports(module) if as_module(name)} - UPWARDS


def parted(package, module):
    """The part of a package that a module belongs to; None for modules elsewhere."""
    return module.removeprefix(f"{package}.").partition(".")[0] if module.startswith(f"{package}.") else None


def test_the_imports_are_found():
    assert ("sparsevae.regression._base", "sparsevae._core") in EDGES
    assert ("sparsevae.transfer.l1", "sparsevae.baselines._linear_program") in EDGES
    assert "torch" in imports("sparsevae.torch.solve")
    assert all(imports(source) & {target} for source, target in UPWARDS)


@pytest.mark.parametrize("package", FLOORS)
def test_every_module_has_a_floor(package):
    parts = {parted(package, module) for module in {*MODULES, "sparsevae._core"}} - {None}
    assert parts == set().union(*FLOORS[package])


@pytest.mark.parametrize("package", FLOORS)
def test_imports_go_down_only(package):
    floor = {part: number for number, parts in enumerate(FLOORS[package]) for part in parts}
    ups = []
    for source, target in EDGES:
        above, below = parted(package, source), parted(package, target)
        if None not in (above, below) and above != below and floor[below] >= floor[above]:
            ups.append((source, target))
    assert ups == []


def test_no_module_imports_itself_by_way_of_others():
    left = set(MODULES)
    while ends := {module for module in left if not any((module, other) in EDGES for other in left)}:
        left -= ends
    assert left == set()


@pytest.mark.parametrize("library", PLACES)
def test_libraries_are_imported_in_their_places_only(library):
    users = {module for module in MODULES if library in imports(module)}
    places = PLACES[library]
    assert [user for user in users if not any(f"{user}.".startswith(f"{place}.") for place in places)] == []
    assert [place for place in places if not any(f"{user}.".startswith(f"{place}.") for user in users)] == []


def test_the_package_has_two_private_rooms():
    top = {path.name.partition(".")[0] for path in PACKAGE.glob("_*") if not path.name.startswith("__")}
    assert top == {"_core", "_input"}


def sources():
    """Code that shows or uses the package: the command line, benches and notebooks."""
    files = [PACKAGE / "cli.py", PACKAGE / "demo.py", PACKAGE / "report.py", *REPOSITORY.glob("benches/**/*.py")]
    yield from ((file.name, file.read_text(encoding="utf-8")) for file in files)
    for file in REPOSITORY.glob("notebooks/*.ipynb"):
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        yield file.name, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize(("name", "code"), [pytest.param(*source, id=source[0]) for source in sources()])
def test_users_need_the_public_names_only(name, code):
    private = r"(from|import) (sparsevae|\.)[\w.]*\b_(?!_)|from (sparsevae|\.)[\w.]* import [^#\n]*\b_(?!_)"
    assert re.findall(private, code) == [], name


def test_actions_are_pinned_to_a_commit_with_its_version_beside_it():
    workflows = [*REPOSITORY.glob(".github/workflows/*.yml")]
    if not workflows:
        pytest.skip("source distributions have no workflows")
    used = [line for file in workflows for line in re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))]
    assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []
