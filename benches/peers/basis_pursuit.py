"""Basis pursuit: CPU time and objective beside SciPy's HiGHS, scikit-learn's LARS and, where it is installed, SPGL1.

python benches/peers/basis_pursuit.py [trials] [--quick]

Easy problems have m / 6 nonzeros, which l1 minimisation recovers; hard ones m / 2, whose solution has m. The objective
error is the distance from the best norm that any exact solver found, as a share of it; where a solver leaves the
equations unsolved, the misfit says so.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import time
import warnings

import numpy as np
import report
from scipy.optimize import linprog
from sklearn.linear_model import lars_path
from sparsevae import basis_pursuit
from sparsevae.datasets import make_gaussian_design, make_sparse_coef

POINTS = (((120, 200), 1), ((500, 2000), 8), ((100, 5000), 4))
KINDS = {"easy": 6, "hard": 2}
OURS = 'basis_pursuit(method="homotopy")'


def ours(A, b):
    return basis_pursuit(A, b).coef


def highs(method):
    """HiGHS as SciPy calls it; the interior point method ends with a crossover to a vertex."""

    def solve(A, b):
        n = A.shape[1]
        found = linprog(np.ones(2 * n), A_eq=np.hstack([A, -A]), b_eq=b, bounds=(0, None), method=method)
        return np.full(n, np.nan) if found.x is None else found.x[:n] - found.x[n:]

    return solve


def lars(A, b):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lars_path(A, b, method="lasso", alpha_min=0, max_iter=20 * len(A))[2][:, -1]


SOLVERS = {
    OURS: ours,
    "HiGHS, dual simplex": highs("highs-ds"),
    "HiGHS, interior point": highs("highs-ipm"),
    "lars_path(alpha_min=0)": lars,
}
try:
    import spgl1
except ImportError:
    pass
else:
    SOLVERS["SPGL1, tolerances 1e-9"] = lambda A, b: spgl1.spg_bp(
        A, b, bp_tol=1e-9, opt_tol=1e-9, dec_tol=1e-9, iter_lim=9_000
    )[0]


def problem(shape, share, seed):
    A = make_gaussian_design(*shape, random_state=seed)
    return A, A @ make_sparse_coef(shape[1], shape[0] // share, random_state=seed + 1)


def measure(shape, share, trials):
    """For each solver its times, norms and misfits, taking turns on the problems."""
    found = {name: ([], [], []) for name in SOLVERS}
    for seed in range(trials):
        A, b = problem(shape, share, 1000 * share + seed)
        for name, solve in SOLVERS.items():
            begin = time.process_time()
            coef = solve(A, b)
            times, norms, misfits = found[name]
            times.append(time.process_time() - begin)
            norms.append(np.abs(coef).sum())
            misfits.append(np.linalg.norm(A @ coef - b) / np.linalg.norm(b))
    return {name: tuple(map(np.array, columns)) for name, columns in found.items()}


def rows(shape, kind, trials):
    found = measure(shape, KINDS[kind], trials)
    # Of those that solve the equations: a misfit buys a lower norm.
    norms = np.array([np.where(misfits < 1e-11, norms, np.inf) for _, norms, misfits in found.values()])
    best = norms.min(axis=0)
    own = np.median(found[OURS][0])
    return [
        {
            "size": f"{shape[0]} x {shape[1]:,}",
            "problems": f"{kind}, {trials}",
            "solver": name,
            "median cpu ms": 1e3 * np.median(times),
            "time over ours": np.median(times) / own,
            "largest objective error": float(np.abs(norms / best - 1).max()),
            "largest misfit": float(misfits.max()),
        }
        for name, (times, norms, misfits) in found.items()
    ]


def main():
    parser = environment.parser(__doc__, "one problem of the smallest size")
    parser.add_argument("trials", type=int, nargs="?", default=20, help="problems of the smallest size (default: 20)")
    arguments = parser.parse_args()
    trials, points = (1, POINTS[:1]) if arguments.quick else (arguments.trials, POINTS)
    environment.introduce()
    # The first call of each loads what it needs.
    measure((10, 20), 2, 1)
    table = [row for shape, fewer in points for kind in KINDS for row in rows(shape, kind, max(1, trials // fewer))]
    print(report.table(table))


if __name__ == "__main__":
    main()
