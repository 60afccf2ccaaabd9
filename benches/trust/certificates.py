"""Count false certificates over families of planted problems on which rounding, scale or ties invite them.

    python benches/trust/certificates.py families [--problems N] [--seconds S] [--only TEXT] [--out FOLDER]
    python benches/trust/certificates.py shares [--problems N] [--out FOLDER]

"families" draws N problems of each family, seeds 0, 1, ..., but no new ones of a family after S seconds of CPU, fits
them with default settings, and shows, family by family, how many were certified, how many of those are not the planted
support, how many have it uncertified, and the first seeds that went wrong. "shares" counts how many noise-free problems
are certified, with and without a large mean of the response. Either is kept in FOLDER as JSON, and both are shown in
its results.md; benches/trust holds those of full runs.

A certificate is false where `support_` is not the planted one, unless it is smaller: then data happen to have a sparser
solution than the planted one, as where a sum of two columns of zeros and ones is a third one. In the families "tied"
coefficients and entries repeat, so that another support can be as sparse: there a false certificate is one in a
thousand at most; elsewhere none. Those of "solve_batch" have no intercept.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "peers"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "python" / "shared"))

import environment  # first: it sets the number of threads
import numpy as np
import recovery
import report
from certificate_families import FAMILIES
from sklearn.exceptions import ConvergenceWarning
from sparsevae import exceptions

OFFSET = 1e6


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["families", "shares"])
    parser.add_argument("--problems", type=int, default=1000, help="of each family, or in all (default: 1000)")
    parser.add_argument("--seconds", type=float, default=120.0, help="CPU time for each family (default: 120)")
    parser.add_argument("--only", default="", help="families whose name has this text")
    parser.add_argument("--out", type=Path, help="folder for the results")
    return parser.parse_args()


def count(index, draw, most, seconds):
    """What became of the problems of a family."""
    certified, right, missed, sparser, errors, false, problems = 0, 0, 0, 0, [], [], 0
    start = time.process_time()
    while problems < most and time.process_time() - start < seconds:
        seed = problems
        model, X, y, support = draw(np.random.default_rng([index, seed]))
        problems += 1
        try:
            model.fit(X, y)
        except exceptions.NumericalError:
            errors.append(seed)
            continue
        found = np.array_equal(model.support_, support)
        certified, right = certified + model.certified_, right + found
        missed += found and not model.certified_
        is_sparser = len(model.support_) < len(support)
        sparser += model.certified_ and not found and is_sparser
        if model.certified_ and not found and not is_sparser:
            false.append(seed)
    each = 1e3 * (time.process_time() - start) / problems
    return {
        "problems": problems,
        "right": right,
        "certified": certified,
        "sparser": sparser,
        "false": len(false),
        "right, not certified": missed,
        "errors": len(errors),
        "CPU ms": each,
        "first seeds false or errors": ", ".join(map(str, (false + errors)[:5])) or "none",
    }


def families(arguments):
    """The rows of all families after their sums, as far as they are known."""
    rows = []
    for index, (name, draw) in enumerate(FAMILIES.items()):
        if arguments.only not in name:
            continue
        rows.append({"family": name, **count(index, draw, arguments.problems, arguments.seconds)})
        sys.stderr.write(f"{rows[-1]}\n")
        sums = []
        for kind, tied in (("all generic", False), ("all tied", True)):
            own = [row for row in rows if row["family"].startswith("tied") == tied]
            keys = ("problems", "right", "certified", "sparser", "false", "right, not certified", "errors")
            sums.append({"family": kind} | {key: sum(row[key] for row in own) for key in keys})
        yield [report.table(sums), report.table(rows)]


def shares(arguments):
    """The share certified, as the responses are and with a large mean."""
    rows, notes = recovery.certificates(arguments.problems, 0, [0.0, OFFSET])
    yield [report.table(rows), *notes]


PARTS = {
    "families": (
        families,
        "Families",
        "Seeds of the i-th family, counted from 0, are `default_rng([i, 0])`, `default_rng([i, 1])`, and so on.",
    ),
    "shares": (
        shares,
        "Shares certified",
        f"Noise-free problems of 2 to 60 nonzeros, as they are and with {OFFSET:.0e} added to the response.",
    ),
}


def main():
    """Run a part, and show all that were run."""
    arguments, start = parse(), time.process_time()
    warnings.simplefilter("ignore", ConvergenceWarning)
    run, title, note = PARTS[arguments.part]
    call = " ".join(["python benches/trust/certificates.py", *sys.argv[1:]])
    lines = []
    for tables in run(arguments):
        minutes = (time.process_time() - start) / 60
        made = f"Made by `{call}` in {minutes:.0f} minutes of CPU, {environment.month()}; {environment.machine()}"
        lines = [f"## {title}", made, note, *tables]
        if arguments.out:
            keep(arguments.out, arguments.part, lines)
    print("\n\n".join(lines))


def keep(folder, part, lines):
    """Write a part, and the page of all parts that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{part}.json").write_text(json.dumps(lines, indent=1), encoding="utf-8")
    known = [folder / f"{name}.json" for name in PARTS]
    parts = [line for file in known if file.exists() for line in json.loads(file.read_text(encoding="utf-8"))]
    (folder / "results.md").write_text("\n\n".join(["# Certificates", *parts]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
