"""sparsevae beside its rivals in one run, one thread each.

    python benches/peers/run.py [--trials N] [--quick] [--only PART ...] [--out FOLDER]

Prints Markdown; `--out` keeps that and every number as CSV. The riboflavin design comes from the folder that
SPARSEVAE_DATA names, or is downloaded; where neither works it is left out, and the output says so.
"""

import argparse
from pathlib import Path

import environment  # first: it sets the number of threads
import noisy
import recovery
import report
import sparse_bayes
import step

NOTES = Path(__file__).with_name("notes.md").read_text(encoding="utf-8")
PARTS = ("recovery", "step", "noisy", "certificates", "sparse_bayes")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20, help="problems a point (default: 20)")
    parser.add_argument("--certificates", type=int, default=1000, help="problems whose certificates are counted")
    parser.add_argument("--quick", action="store_true", help="2 problems a point, 30 certificates")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default: 0)")
    parser.add_argument("--out", type=Path, help="folder for results.md and CSV files")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.trials, arguments.certificates = 2, 30
    return arguments


def steps_shown(rows):
    return report.table([{key.replace("_", " "): value for key, value in row.items()} for row in rows])


def main():
    arguments = parse()
    trials, seed = arguments.trials, arguments.seed
    runs = {
        "step": ("One EM step", lambda: step.step(max(5, trials), seed), steps_shown),
        "recovery": ("Noise-free recovery", lambda: recovery.recovery(trials, seed), recovery.show),
        "certificates": (
            "Certificates",
            lambda: recovery.certificates(arguments.certificates, seed),
            report.table,
        ),
        "noisy": ("Noisy recovery, 30 dB, noise variance unknown", lambda: noisy.noisy(trials, seed), noisy.show),
        "sparse_bayes": (
            "A step of sparse Bayesian learning",
            lambda: sparse_bayes.run(min(trials, 3), seed),
            steps_shown,
        ),
    }
    head = f"{environment.machine()} {trials} problems a point, first seed {seed}."
    parts = [f"# sparsevae beside its rivals\n\n{head}\n\n{NOTES.strip()}"]
    print(parts[0], flush=True)
    for name, (title, run, show) in runs.items():
        if name not in arguments.only:
            continue
        rows, notes = run()
        parts.append("\n\n".join([f"## {title}", show(rows), *notes]))
        print("\n" + parts[-1], flush=True)
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            report.write_csv(arguments.out / f"{name}.csv", rows)
            (arguments.out / "results.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
