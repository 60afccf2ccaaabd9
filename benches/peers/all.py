"""Every comparison with rivals, one after the other, and the page that shows them.

    python benches/peers/all.py [--only NAME ...] [--again] [--store FOLDER] [--page FILE]

What a script prints is kept as it ends, and a killed run goes on with the next one; `--again` runs those of `--only`,
or all, anew. The page is written after each.
"""

import argparse
import datetime as dt
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Comparison(NamedTuple):
    title: str
    command: tuple[str, ...]


COMPARISONS = {
    "recovery": Comparison(
        "Recovery, steps and certificates", ("run.py", "--only", "step", "recovery", "certificates", "noisy")
    ),
    "sparse_bayes": Comparison("A step of sparse Bayesian learning", ("run.py", "--only", "sparse_bayes")),
    "scale": Comparison("Large designs", ("scale.py",)),
    "row_sparse": Comparison("Several responses", ("row_sparse.py",)),
    "meg_size": Comparison("MEG at its real size", ("meg_size.py",)),
    "training": Comparison("Learning from easier problems: Gaussian columns", ("training.py", "20", "20", "20")),
    "training_walk": Comparison(
        "Learning from easier problems: random walks", ("training.py", "20", "20", "20", "random_walk")
    ),
    "basis_pursuit": Comparison("Basis pursuit", ("basis_pursuit.py",)),
    "torch_energy": Comparison("PyTorch: the energy and its slopes", ("torch_energy.py",)),
    "torch_call": Comparison("PyTorch: what a tensor costs", ("torch_call.py",)),
    "torch_batch": Comparison("PyTorch: many problems", ("torch_batch.py",)),
    "torch_recovery": Comparison("PyTorch: supports recovered", ("torch_recovery.py",)),
}
HEAD = """# Benchmarks

Made by `make bench`: every script of `benches/peers`, rivals and sparsevae in the same run. Times are of one thread
unless a section says otherwise. The scripts say what they measure and how; defeats stand among the rest. What a GPU
does is in `benches/gpu/results.md`.
"""


def run(name, store):
    """Run one script, show what it prints, and keep it if it ends well. Whether it did."""
    script, *options = COMPARISONS[name].command
    begin, lines = time.perf_counter(), []
    command = [sys.executable, "-u", str(HERE / script), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        return False
    minutes = (time.perf_counter() - begin) / 60
    when = f"{dt.datetime.now(dt.UTC).date():%d %B %Y}".lstrip("0")
    spent = f"`python benches/peers/{' '.join(COMPARISONS[name].command)}`, {when}, {minutes:.1f} minutes."
    # Headings of a script are parts of its section, and its own title goes.
    body = "".join(f"#{line}" if line.startswith("##") else line for line in lines if not line.startswith("# "))
    part = store / f"{name}.part"
    part.write_text(f"{spent}\n\n{body.strip()}\n", encoding="utf-8")
    part.replace(store / f"{name}.md")
    return True


def write_page(store, page):
    parts = [HEAD]
    for name, comparison in COMPARISONS.items():
        kept = store / f"{name}.md"
        if kept.is_file():
            parts.append(f"## {comparison.title}\n\n{kept.read_text(encoding='utf-8')}")
    page.write_text("\n".join(parts), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=list(COMPARISONS), help="default: all")
    parser.add_argument("--again", action="store_true", help="run what has run before")
    parser.add_argument("--store", type=Path, default=ROOT / "results" / "bench", help="what the scripts print")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md", help="the page to write")
    arguments = parser.parse_args()
    arguments.store.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    failed = []
    for name in arguments.only:
        if (arguments.store / f"{name}.md").is_file() and not arguments.again:
            print(f"{name}: kept from before", flush=True)
            continue
        print(f"{name}: {COMPARISONS[name].title}", flush=True)
        if not run(name, arguments.store):
            failed.append(name)
        write_page(arguments.store, arguments.page)
    write_page(arguments.store, arguments.page)
    if failed:
        raise SystemExit(f"without a result: {', '.join(failed)}")


if __name__ == "__main__":
    main()
