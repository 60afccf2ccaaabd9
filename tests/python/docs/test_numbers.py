"""Numbers of the pages are those of the last run that is kept, and the commands beside them can be run."""

import csv
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
DOCS, EXPECTED = REPOSITORY / "docs", REPOSITORY / "notebooks" / "expected"
if not DOCS.is_dir():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

PAGES = [REPOSITORY / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("guide/*.md"))]
PAGES += [*sorted(DOCS.glob("theory/*.md")), *sorted((REPOSITORY / "benches").glob("*/README.md"))]
COMMAND = re.compile(r"(?:python )?(benches/[\w/]+\.py)((?: --?[\w-]+| [\w.,]+)*)")
PEERS = (DOCS / "benchmarks" / "peers.md").read_text(encoding="utf-8")
BENCHMARKS = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
README = PAGES[0].read_text(encoding="utf-8")


def commands(page):
    """Scripts that a page tells the reader to run, and their options."""
    return [
        (script, options.split())
        for quoted in re.findall(r"`([^`]+)`", page.read_text(encoding="utf-8"))
        for script, options in COMMAND.findall(quoted)
    ]


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.relative_to(REPOSITORY).as_posix()) for page in PAGES if commands(page)]
)
def test_scripts_and_their_parts_exist(page):
    for script, options in commands(page):
        text = (REPOSITORY / script).read_text(encoding="utf-8")
        for option in options:
            if option.startswith("--"):
                assert f'"{option}"' in text, (script, option)
        parts = options[options.index("--only") + 1 :] if "--only" in options else []
        for part in parts:
            assert re.search(rf"\b{part}\b", text), (script, part)


def tables(heading, title=""):
    """The first table below a heading, and below a line in bold letters: rows of cells, the head first."""
    text = PEERS.split(f"### {heading}\n", 1)[1].split("\n### ", 1)[0]
    text = text.split(f"**{title}**\n", 1)[1] if title else text
    lines = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def row(rows, key, name):
    return next(each for each in rows if each[key] == name)


# Numbers of the pages have two digits.
ROUNDED = 0.05
DESIGNS = ("Gaussian 100x200", "random walk 100x200", "riboflavin 71x100")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("`VaeSlr()`, default settings", "VaeSlr()"),
        ('`VaeSlr(optimizer="em")`', 'VaeSlr(optimizer="em")'),
        ("sparse Bayesian learning by EM, in our core", "sparse Bayesian learning, EM"),
        ("MNE-Python, gamma-MAP kernel", "MNE gamma-MAP"),
        ("basis pursuit, SciPy HiGHS", "basis pursuit (HiGHS)"),
        ("scikit-learn, `Lasso(alpha=1e-5)`", "Lasso(alpha=1e-5)"),
    ],
)
def test_recovery_is_that_of_the_last_run(ours, theirs):
    cells = re.search(rf"^\| {re.escape(ours)} \| (.*) \|$", BENCHMARKS, re.MULTILINE)[1].split(" | ")
    for cell, design in zip(cells, DESIGNS, strict=True):
        found = row(tables("Noise-free recovery", design), "solver", theirs)
        total, milliseconds = re.fullmatch(r"\**([\d.]+)\**, ([\d.]+) ms", cell).groups()
        assert total == found["sum"]
        assert float(milliseconds) == pytest.approx(float(found["ms at 20"]), rel=ROUNDED)


def test_noisy_recovery_is_that_of_the_last_run():
    for name, case in {
        "Gaussian 200 x 1,000, 20 nonzeros": "Gaussian 200x1000, 20 nonzeros",
        "Gaussian 200 x 5,000, 20": "Gaussian 200x5000, 20 nonzeros",
        "random walk 100 x 200, 8": "random walk 100x200, 8 nonzeros",
        "Toeplitz(.95) 100 x 400, 10": "Toeplitz(.95) 100x400, 10 nonzeros",
        "riboflavin 71 x 100, 5": "riboflavin 71x100, 5 nonzeros",
    }.items():
        ours, mcp, oracle = re.search(rf"^\| {re.escape(name)} \| (.*) \|$", BENCHMARKS, re.MULTILINE)[1].split(" | ")
        found = tables("Noisy recovery, 30 dB, noise variance unknown", case)
        for cell, solver in ((ours, found[0]), (mcp, found[2])):
            f1, error, milliseconds = cell.removesuffix(" ms").split(", ")
            assert float(f1) == round(float(solver["f1"]), 2)
            assert float(error) == pytest.approx(float(solver["error mean"]), rel=ROUNDED)
            assert float(milliseconds) == pytest.approx(float(solver["median cpu ms"]), rel=ROUNDED)
        assert float(oracle) == pytest.approx(float(found[1]["error mean"]), rel=ROUNDED)


def test_certificates_and_limits_are_those_of_the_last_run():
    found = row(tables("Certificates"), "design", "all")
    assert f"Of {found['problems']} more such problems {found['certified']} were certified" in BENCHMARKS
    assert found["wrong certificates"] == "0"
    limits = (DOCS / "guide" / "limits.md").read_text(encoding="utf-8")
    missed = re.search(r"60 of 100: in (\d+) of 20 problems .* random walks, (\d+) of 20 on Gaussian", limits).groups()
    for design, count in zip(("random walk 100x200", "Gaussian 100x200"), missed, strict=True):
        rate = float(row(tables("Noise-free recovery", design), "solver", "VaeSlr()")["60"])
        assert int(count) == round(20 * (1 - rate))


def test_the_table_of_the_readme_is_that_of_the_last_run():
    cells = dict(re.findall(r"^\| (.*?) \| (.* \| .*) \|$", README, re.MULTILINE))
    walk = tables("Noise-free recovery", "random walk 100x200")
    ours, sbl = (row(walk, "solver", name)["sum"] for name in ("VaeSlr()", "sparse Bayesian learning, EM"))
    assert cells["exact recovery without noise, random walks, sum of seven rates"] == f"**{ours}** | {sbl}, SBL by EM"
    noisy = tables("Noisy recovery, 30 dB, noise variance unknown", "random walk 100x200, 8 nonzeros")
    ours, mcp = (f"{float(noisy[place]['f1']):.2f}".lstrip("0") for place in (0, 2))
    assert cells["F1 at 30 dB, random walk 100 x 200"] == f"**{ours}** | {mcp}, MCP"
    wide = [each for each in tables("Wide") if each["data"] == "500 x 100,000, 10 dB"]
    ours, abess = (f"{float(each['s']):.1f} s, " + f"{float(each['F1']):.2f}".lstrip("0") for each in wide)
    assert cells["500 x 100,000, 10 dB: CPU time, F1"] == f"**{ours}** | {abess}, abess"
    # Of the figures the page of benchmarks has the numbers.
    shown = [
        line for line in BENCHMARKS.splitlines() if line.startswith(("| `Simult", "| MNE-Python, gamma-MAP, best"))
    ]
    ours, rival = (re.findall(r"\d+", line.split(" | ")[1])[2] for line in shown)
    assert cells["95 nonzero rows of 200, 100 responses"] == f"**{ours}%** | {rival}%, gamma-MAP"
    r2 = dict(re.findall(r"^\| (.*?) \| \**(\.\d+)", BENCHMARKS.split("### Real data", 1)[1], re.MULTILINE))
    ours, lasso = (f"{float(r2[name]):.2f}".lstrip("0") for name in ("`VaeSlr(model_averaging=True)`", "LassoCV"))
    assert cells["R² on riboflavin genes, 71 x 4,088, cross-validated"] == f"**{ours}** | {lasso}, LassoCV"


def trials(name, **wanted):
    """Rows of the numbers of a figure, as the notebooks keep them."""
    with (EXPECTED / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [each for each in csv.DictReader(file) if wanted.items() <= each.items()]


def test_low_rank_matrices_are_those_of_the_notebook():
    page = (DOCS / "theory" / "findings.md").read_text(encoding="utf-8")
    for rank in (2, 5, 10, 15):
        cells = re.search(rf"^\| rank {rank} \| (.*) \|$", page, re.MULTILINE)[1].split(" | ")
        for cell, share in zip(cells, ("0.05", "0.1", "0.2", "0.3", "0.4"), strict=True):
            for text, method in zip(cell.split(" / "), ("RobustVae", "RobustPca"), strict=True):
                (found,) = trials("lowrank_outliers", series=f"rank {rank}", method=method, x=share)
                assert text == f"{float(found['nmse']):.0e}"


def test_the_best_penalty_of_figure_1a_is_that_of_the_notebook():
    page = (DOCS / "theory" / "findings.md").read_text(encoding="utf-8")
    shown = re.search(r"all of (\d+) supports at 30, (\d+) of \1 at 40", page).groups()
    at = {each["x"]: each for each in trials("fig1a", method="Lasso, best penalty")}
    assert (at["30"]["trials"], at["30"]["successes"], at["40"]["successes"]) == (shown[0], shown[0], shown[1])


def test_f1_of_weak_signals_is_that_of_the_notebook():
    page = (DOCS / "guide" / "limits.md").read_text(encoding="utf-8")
    line = re.search(r"\((.*?) in the mean at \.71, 1\.22 and 2\.07, `VaeSlr\(\)` (.*?):", page)
    for shown, method in zip(line.groups(), ("relaxed lasso, CV", "VaeSlr()"), strict=True):
        means = []
        for ratio in (0.71, 1.22, 2.07):
            cells = [each for each in trials("benchmark_high5_f1", method=method) if float(each["x"]) == ratio]
            means.append(sum(float(each["f1"]) for each in cells) / len(cells))
        assert [float(number) for number in re.findall(r"\.\d+", shown)] == pytest.approx(means, abs=0.0051)
