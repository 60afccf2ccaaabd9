"""Learning from training problems: rate, time and memory by size, beside plain l1 minimisation.

python benches/peers/training.py [components] [nonzeros of a component] [seeds] [design] [--quick]

There are ten times as many features as components, six times as many samples, four times as many training problems:
with 20 components 120 x 200 and 80 problems. 15% of them, and four test problems a seed, combine six components, the
others two.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import resource
import time

import numpy as np
from sparsevae import WelperRecover, basis_pursuit
from sparsevae.datasets import make_training_problems

# A test problem is solved: relative error of its solution.
CLOSE = 1e-6


def solved(found, coef):
    """Whether all test problems are."""
    return bool((np.linalg.norm(found - coef, axis=0) < CLOSE * np.linalg.norm(coef, axis=0)).all())


def main():
    parser = environment.parser(__doc__, "two seeds")
    for name, kind, default in (("components", int, 20), ("nonzeros", float, 20), ("seeds", int, 20)):
        parser.add_argument(name, type=kind, nargs="?", default=default, help=f"default: {default}")
    parser.add_argument("design", nargs="?", default="gaussian", help="default: gaussian")
    arguments = parser.parse_args()
    p, s, seeds = arguments.components, arguments.nonzeros, 2 if arguments.quick else arguments.seeds
    design = arguments.design
    m, n, q = 6 * p, 10 * p, 4 * p
    environment.introduce(
        f"{design.replace('_', ' ').capitalize()}, {m} x {n}, {p} components of {s:g} nonzeros, {q} training problems, "
        f"{seeds} seeds."
    )
    solvers = {
        'WelperRecover(factorization="er-spud", n_jobs=-1)': WelperRecover(n_jobs=-1),
        'WelperRecover(factorization="l4", n_jobs=-1)': WelperRecover(factorization="l4", n_jobs=-1),
    }
    rates, times = dict.fromkeys(("basis_pursuit", *solvers), 0), {name: [] for name in solvers}
    for seed in range(seeds):
        data = make_training_problems(m, n, p, n_nonzero=s, n_problems=q, design=design, random_state=seed)
        rates["basis_pursuit"] += solved(basis_pursuit(data.A, data.b, n_jobs=-1).coef, data.coef)
        for name, model in solvers.items():
            begin = time.perf_counter()
            model.fit(data.A, data.B)
            times[name].append(time.perf_counter() - begin)
            rates[name] += solved(model.recover(data.b).coef, data.coef)
    print("| solver | seeds with all four solved | training, by the clock: median | longest |")
    print("|---|---|---|---|")
    for name, rate in rates.items():
        spent = times.get(name)
        cells = (f"{np.median(spent):.3g} s", f"{max(spent):.3g} s") if spent else ("", "")
        print(f"| {name} | {rate} of {seeds} | {cells[0]} | {cells[1]} |")
    print(f"\nPeak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB.")


if __name__ == "__main__":
    main()
