"""Every comparison with rivals, one after the other, and the page that shows them.

    python benches/peers/all.py [--only NAME ...] [--again] [--quick] [--list] [--store FOLDER] [--page FILE]

What a script prints is kept as it ends, with its command, day, minutes, machine, versions and commit. A killed run goes
on with the next script, and one that fails does not stop the others; `--again` runs those of `--only`, or all, anew.
The page is written after each; of a script that has not run here it keeps what it had.
"""

import argparse
import ast
import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "benchmarks" / "peers.md"
STORE = ROOT / "results" / "bench"


class Comparison(NamedTuple):
    title: str
    command: tuple[str, ...]


COMPARISONS = {
    "recovery": Comparison(
        "Recovery, steps and certificates", ("run.py", "--only", "step", "recovery", "certificates", "noisy")
    ),
    "sparse_bayes": Comparison("Sparse Bayesian learning", ("run.py", "--only", "sparse_bayes")),
    "scale": Comparison("Large designs", ("scale.py",)),
    "clock": Comparison("Two threads, and workers of Dask", ("clock.py",)),
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
# The end of each section: where its numbers were measured.
MACHINE, ABOVE = " Machine: ", "as above."
HEAD = """# Benchmarks: sparsevae beside its rivals

What the scripts of `benches/peers` print, rivals and sparsevae in the same run; written by {command}.
[](../benchmarks.md) puts it into context.
"""


def printed(command, store):
    """Run a script and show what it prints: its exit status, its lines, and what it says of the machine."""
    machine, lines = store / "machine.txt", []
    machine.unlink(missing_ok=True)
    environment = os.environ | {"SPARSEVAE_BENCH_RECORD": str(machine)}
    call = [sys.executable, "-u", str(HERE / command[0]), *command[1:]]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, lines, machine.read_text(encoding="utf-8") if machine.is_file() else ""


def commit():
    """The commit of the working tree, and whether more than the page has changed since."""

    def git(*arguments):
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{PAGE.relative_to(ROOT)}")
        return git("rev-parse", "--short", "HEAD").strip() + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def run(name, store, *, quick):
    """Run one comparison and keep what it printed, unless it failed where it once succeeded. Whether it ended well."""
    command = (*COMPARISONS[name].command, *(("--quick",) if quick else ()))
    tree, begin = commit(), time.perf_counter()
    status, lines, machine = printed(command, store)
    if status and is_done(load(name, store)):
        return False
    # Headings of a script are parts of its section, and its own title goes.
    body = "".join(f"#{line}" if line.startswith("##") else line for line in lines if not line.startswith("# "))
    record = {
        "command": f"python benches/peers/{' '.join(command)}",
        "day": f"{dt.datetime.now(dt.UTC).date():%d %B %Y}".lstrip("0"),
        "minutes": (time.perf_counter() - begin) / 60,
        "machine": machine,
        "commit": tree,
        "status": status,
        "text": body.strip(),
    }
    part = store / f"{name}.part"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    part.replace(store / f"{name}.json")
    return status == 0


def load(name, store):
    kept = store / f"{name}.json"
    return json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else None


def is_done(record):
    return record is not None and record["status"] == 0


def about(script):
    """What a script measures, as its docstring has it below the title and the command line."""
    text = ast.get_docstring(ast.parse((HERE / script).read_text(encoding="utf-8")))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")[2:])


def spent(record):
    seconds = 60 * record["minutes"]
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{record['minutes']:.1f} minutes"


def section(name, record):
    """The part of the page for one comparison."""
    made = f"`{record['command']}`, {record['day']}, {spent(record)}, commit {record['commit']}."
    text = record["text"] if is_done(record) else f"**No result**: the script ended with status {record['status']}."
    explained = about(COMPARISONS[name].command[0])
    return "\n\n".join(part for part in (explained, text, f"{made}{MACHINE}{record['machine']}") if part)


def sections(page):
    """The sections of a page that is there, each with its machine."""
    found, last = {}, ""
    for text in page.read_text(encoding="utf-8").split("\n## ")[1:] if page.is_file() else ():
        title, _, rest = text.partition("\n")
        body, _, machine = rest.strip().rpartition(MACHINE)
        last = last if machine == ABOVE else machine
        found[title] = f"{body}{MACHINE}{last}"
    return found


def write_page(store, page, command):
    """All sections in their order; one that has no record stays as the page has it."""
    known, parts, last = sections(page), [HEAD.format(command=command)], None
    for name, comparison in COMPARISONS.items():
        record = load(name, store)
        text = section(name, record) if record else known.get(comparison.title)
        if text:
            body, _, machine = text.rpartition(MACHINE)
            parts.append(f"## {comparison.title}\n\n{body}{MACHINE}{ABOVE if machine == last else machine}\n")
            last = machine
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts), encoding="utf-8")


def listed(store):
    """One line for each comparison: how long it took when it last ran here, and its command."""
    for name, comparison in COMPARISONS.items():
        record = load(name, store)
        when = "never here"
        if record:
            when = f"{spent(record)}, {record['day']}" + ("" if is_done(record) else ", failed")
        yield f"{name:<15} {when:<30} {' '.join(comparison.command)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=list(COMPARISONS), help="default: all")
    parser.add_argument("--again", action="store_true", help="run what has run before")
    parser.add_argument(
        "--quick", action="store_true", help="a little of each, to see that it works; own store and page"
    )
    parser.add_argument("--list", action="store_true", help="only say what there is, and how long each took last time")
    parser.add_argument("--store", type=Path, help=f"what the scripts print (default: {STORE.relative_to(ROOT)})")
    parser.add_argument("--page", type=Path, help=f"the page to write (default: {PAGE.relative_to(ROOT)})")
    arguments = parser.parse_args()
    quick = arguments.quick
    store = arguments.store or (STORE / "quick" if quick else STORE)
    page = arguments.page or (store / "peers.md" if quick else PAGE)
    if arguments.list:
        print("\n".join(listed(store)))
        return
    store.mkdir(parents=True, exist_ok=True)
    command = "`python benches/peers/all.py --quick`" if quick else "`make bench`"
    failed = []
    for name in arguments.only:
        if is_done(load(name, store)) and not arguments.again:
            print(f"{name}: kept from before", flush=True)
            continue
        print(f"{name}: {COMPARISONS[name].title}", flush=True)
        if not run(name, store, quick=quick):
            failed.append(name)
        write_page(store, page, command)
    write_page(store, page, command)
    if failed:
        raise SystemExit(f"without a result: {', '.join(failed)}")


if __name__ == "__main__":
    main()
