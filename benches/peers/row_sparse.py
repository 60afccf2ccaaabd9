"""Several responses: recovery and time beside MNE-Python's gamma-MAP, whose best mode counts.

python benches/peers/row_sparse.py [trials] [--quick]
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import time

import numpy as np
from sparsevae import SimultaneousSparseVae
from sparsevae.datasets import make_row_sparse_regression
from sparsevae.experiments.rivals import GammaMap

SIZE, RESPONSES, RANK, ROWS = (100, 200), 10, 5, (20, 50, 70, 90)
# Recovered: no coefficient off by more than this share of the largest.
CLOSE = 1e-3


def ours(data):
    return SimultaneousSparseVae(fit_intercept=False).fit(data.X, data.Y).coef_


def gamma_map(mode):
    kernel = GammaMap(max_iter=10_000, update_mode=mode)
    return lambda data: kernel.solve(data.X, data.Y)


SOLVERS = {
    "SimultaneousSparseVae()": ours,
    "MNE gamma-MAP, mode 1": gamma_map(1),
    "MNE gamma-MAP, mode 2": gamma_map(2),
}


def main():
    parser = environment.parser(__doc__, "one problem a point")
    parser.add_argument("trials", type=int, nargs="?", default=20, help="problems a point (default: 20)")
    arguments = parser.parse_args()
    trials = 1 if arguments.quick else arguments.trials
    environment.introduce(
        f"{SIZE[0]} x {SIZE[1]}, {RESPONSES} responses of rank {RANK}. Of {trials} at each number of nonzero rows: "
        "how many are recovered, and the median time by the clock."
    )
    print("| solver |", " | ".join(f"{r} rows" for r in ROWS), "|")
    print("|---|" + "---|" * len(ROWS))
    cells = {name: [] for name in SOLVERS}
    for n_nonzero in ROWS:
        spent, found = {name: [] for name in SOLVERS}, dict.fromkeys(SOLVERS, 0)
        for seed in range(trials):
            data = make_row_sparse_regression(
                *SIZE, n_responses=RESPONSES, n_nonzero=n_nonzero, rank=RANK, row_scale="unit", random_state=seed
            )
            for name, solve in SOLVERS.items():
                begin = time.perf_counter()
                coef = solve(data)
                spent[name].append(time.perf_counter() - begin)
                found[name] += bool(np.abs(coef - data.coef).max() < CLOSE * np.abs(data.coef).max())
        for name in SOLVERS:
            cells[name].append(f"{found[name]} of {trials}, {1e3 * np.median(spent[name]):.1f} ms")
    for name, row in cells.items():
        print(f"| {name} |", " | ".join(row), "|")


if __name__ == "__main__":
    main()
