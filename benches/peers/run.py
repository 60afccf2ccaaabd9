"""sparsevae beside its rivals in one run, one thread each.

    python benches/peers/run.py [--trials N] [--only PART ...] [--out FOLDER] [--quick]

Times are CPU times by `time.process_time`, the solvers taking turns on each problem.
"""

from pathlib import Path

import environment  # first: it sets the number of threads
import noisy
import numpy as np
import recovery
import report
import sparse_bayes
import step

# Of each part its title and what its numbers are.
PARTS = {
    "step": (
        "One EM step",
        (
            "Ours: the difference of two fits through the public interface, divided by the difference of their steps. "
            "NumPy: the best BLAS and LAPACK calls by hand. Peak: the best 512 x 512 matrix product in NumPy. Useful "
            "work: 2 n d^2 + d^3/3 operations."
        ),
    ),
    "recovery": (
        "Noise-free recovery",
        (
            "Share of supports that match at 0.001, by number of nonzeros; the sum of these shares, with the Wilson "
            "95% interval of the pooled share times their number; median CPU time at 20 nonzeros; certified fits, and "
            "those certified wrongly. Seed of a problem: the first seed + 1000 x nonzeros + trial. The riboflavin "
            "design comes from the folder that `SPARSEVAE_DATA` names, or is downloaded; where neither works it is "
            "left out, here and below."
        ),
    ),
    "certificates": ("Certificates", "Fits at default settings; seeds are 500,000 higher than above."),
    "noisy": (
        "Noisy recovery, 30 dB, noise variance unknown",
        (
            "Means over the problems. The MCP row is the best by F1 of four: gamma 1.5 and 3, support chosen along "
            "the path by sparsevae's evidence criterion or by the extended BIC, then least squares. gamma-MAP is "
            "given the true noise variance. It and LassoCV run on 4 problems at 200 x 5,000. Seed of a problem: the "
            "first seed + trial + 1000 x nonzeros."
        ),
    ),
    "sparse_bayes": (
        "A step of sparse Bayesian learning",
        (
            "Milliseconds a step of EM at the true noise variance, a tenth of the samples nonzero: the difference of "
            "two fits from the third step on; conjugate gradient iterations a step. Exact: `SparseBayesianLearning`, "
            "which for these shapes factorises the d x d covariance of the samples. Textbook: Cholesky factor and "
            "inverse of the n x n matrix of the features, from a given Gram matrix. Training: a step of Adam by "
            '`VaeSlr(optimizer="adam")`, of which the paper takes 50,000 where EM takes hundreds.'
        ),
    ),
}
# With --quick: nonzeros, entries of a noisy design and features, at most.
QUICK_KAPPAS, QUICK_ENTRIES, QUICK_FEATURES = (2, 20), 20_000, 512


def parse():
    parser = environment.parser(__doc__, "one problem a point, of small sizes")
    parser.add_argument("--trials", type=int, default=20, help="problems a point (default: 20)")
    parser.add_argument("--certificates", type=int, default=1000, help="problems whose certificates are counted")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=tuple(PARTS), help="parts to run (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default: 0)")
    parser.add_argument("--out", type=Path, help="folder for every number as CSV")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.trials, arguments.certificates = 1, 9
    return arguments


def with_spaces(rows):
    return report.table([{key.replace("_", " "): value for key, value in row.items()} for row in rows])


def main():
    arguments = parse()
    trials, seed, quick = arguments.trials, arguments.seed, arguments.quick
    kappas, entries = (QUICK_KAPPAS, QUICK_ENTRIES) if quick else (recovery.KAPPAS, np.inf)
    runs = {
        "step": (lambda: step.step(1 if quick else max(5, trials), seed), with_spaces),
        "recovery": (lambda: recovery.recovery(trials, seed, kappas), recovery.show),
        "certificates": (lambda: recovery.certificates(arguments.certificates, seed), report.table),
        "noisy": (lambda: noisy.noisy(trials, seed, entries), noisy.show),
        "sparse_bayes": (
            lambda: sparse_bayes.run(min(trials, 3), seed, QUICK_FEATURES if quick else np.inf),
            with_spaces,
        ),
    }
    print("# sparsevae beside its rivals\n")
    environment.introduce(f"{trials} {'problem' if trials == 1 else 'problems'} a point, first seed {seed}.")
    for name, (title, about) in PARTS.items():
        if name not in arguments.only:
            continue
        measure, show = runs[name]
        rows, notes = measure()
        print("\n\n".join([f"## {title}", about, show(rows), *notes]) + "\n", flush=True)
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            report.write_csv(arguments.out / f"{name}.csv", rows)


if __name__ == "__main__":
    main()
