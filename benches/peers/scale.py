"""Large designs and matrices: CPU time, memory beyond the data, F1 of the support or the rank found, beside rivals.

    python benches/peers/scale.py [--draws N] [--only GROUP ...] [--quick]

Each fit runs in a process of its own, on one thread, after a small one that loads what is loaded once; medians over the
draws, with the slowest. abess has its defaults, which choose the size of the support. celer_path has 50 penalties down
to .01 of the largest, and the F1 of the best support on its path, which nobody would know. "Gram" is `X.T @ X`, which
any solver of tall data needs, and no fit. Memory is the largest resident size above that with the data there; the
pages of a mapped file are not counted. The file of five million columns has one draw. Blocks are views of a hundredth
of the samples each; "each fitted" fits after every one of them. SGDRegressor of scikit-learn, one pass at its
defaults, is there for scale. "Latent" matrices are of rank 5, unless named, with noise of .1; the others of low rank,
entries of which are replaced by outliers ten times as large. PCA of scikit-learn gets the rank. Groups: wide, files,
sparse, tall, blocks, rows, latent, outliers, growth.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import report
import scipy.sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import SGDRegressor
from sparsevae import AffineVae, RobustVae, SimultaneousSparseVae, VaeSlr
from sparsevae.baselines import RobustPca
from sparsevae.datasets import make_low_rank_outliers, make_sparse_regression
from sparsevae.metrics import support_f1

GROWTH = (10_000, 31_623, 100_000, 316_228, 1_000_000)


class Case(NamedTuple):
    group: str
    draw: Callable
    solvers: tuple[str, ...] = ("VaeSlr()",)
    most_draws: int = 100


def with_noise(rng, signal, snr_db):
    return signal + rng.standard_normal(signal.shape) * signal.std() / 10 ** (snr_db / 20)


def planted(X, n_nonzero, snr_db, rng):
    support = np.sort(rng.choice(X.shape[1], n_nonzero, replace=False))
    signal = np.asarray(X[:, support] @ rng.standard_normal(n_nonzero), dtype=np.float64)
    return X, with_noise(rng, signal, snr_db), support


def gaussian(n_samples, n_features, n_nonzero, snr_db, order="F", dtype=np.float64):
    def draw(seed, _):
        rng = np.random.default_rng(seed)
        X = np.asarray(rng.standard_normal((n_samples, n_features), dtype=dtype), order=order)
        return planted(X, n_nonzero, snr_db, rng)

    return draw


def toeplitz(n_samples, n_features, n_nonzero, snr_db):
    def draw(seed, _):
        sizes = {"n_nonzero": n_nonzero, "snr_db": snr_db, "correlation": 0.9}
        data = make_sparse_regression(n_samples, n_features, design="toeplitz", random_state=seed, **sizes)
        return data.X, data.y, data.support

    return draw


def genotypes(n_samples, n_features, n_nonzero, snr_db):
    """A memory map of int8 in Fortran order."""

    def draw(seed, folder):
        rng, path = np.random.default_rng(seed), folder / "genotypes.npy"
        shape = {"shape": (n_samples, n_features), "fortran_order": True}
        X = np.lib.format.open_memmap(path, mode="w+", dtype=np.int8, **shape)
        for start in range(0, n_features, 50_000):
            width = min(50_000, n_features - start)
            X[:, start : start + width] = rng.binomial(2, rng.uniform(0.05, 0.5, width), (n_samples, width))
        X.flush()
        return planted(np.load(path, mmap_mode="r"), n_nonzero, snr_db, rng)

    return draw


def sparse(n_samples, n_features, density, n_nonzero, snr_db):
    def draw(seed, _):
        rng = np.random.default_rng(seed)
        sizes = {"density": density, "format": "csc", "rng": rng, "data_sampler": rng.standard_normal}
        return planted(scipy.sparse.random_array((n_samples, n_features), **sizes), n_nonzero, snr_db, rng)

    return draw


def rows(n_samples, n_features, n_responses, n_nonzero, snr_db):
    def draw(seed, _):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n_samples, n_features))
        support = np.sort(rng.choice(n_features, n_nonzero, replace=False))
        signal = X[:, support] @ rng.standard_normal((n_nonzero, n_responses))
        return X, with_noise(rng, signal, snr_db), support

    return draw


def latent(n_samples, n_features, rank=5, dtype=np.float64, *, equal=False):
    """A matrix of low rank and noise; its first two columns are `equal`, or not."""

    def draw(seed, _):
        rng = np.random.default_rng(seed)
        X = 0.1 * rng.standard_normal((n_samples, n_features), dtype=dtype)
        X += rng.standard_normal((n_samples, rank), dtype=dtype) @ rng.standard_normal((rank, n_features), dtype=dtype)
        if equal:
            X[:, 1] = X[:, 0]
        return X, None, None

    return draw


def outliers(n_samples, n_features, rank, share):
    def draw(seed, _):
        sizes = {"rank": rank, "outlier_share": share, "magnitude": 10.0, "random_state": seed}
        return make_low_rank_outliers(n_samples, n_features, **sizes).X, None, None

    return draw


# abess had not ended after nine minutes at 20,000 x 1,000; it runs on the smallest of the tall designs.
BOTH, TALL = ("VaeSlr()", "abess"), ("VaeSlr()", "Gram")
LOW_RANK = ("RobustVae()", "RobustPca()")
BLOCKS = ("VaeSlr()", "partial_fit", "partial_fit, each fitted", "SGDRegressor.partial_fit")
CASES = {
    "500 x 100,000, 30 dB": Case("wide", gaussian(500, 100_000, 20, 30), BOTH),
    "500 x 100,000, 10 dB": Case("wide", gaussian(500, 100_000, 20, 10), BOTH),
    "200 x 50,000, 10 dB": Case("wide", gaussian(200, 50_000, 10, 10), BOTH),
    "1,000 x 100,000, 10 dB": Case("wide", gaussian(1_000, 100_000, 20, 10)),
    "float32 2,000 x 50,000, 10 dB": Case("wide", gaussian(2_000, 50_000, 20, 10, dtype=np.float32)),
    "500 x 100,000, no noise": Case("wide", gaussian(500, 100_000, 20, np.inf)),
    "Toeplitz(.9) 200 x 10,000, 10 dB": Case("wide", toeplitz(200, 10_000, 10, 10), BOTH),
    "int8 file 500 x 1,000,000, 30 dB": Case("files", genotypes(500, 1_000_000, 20, 30)),
    "int8 file 500 x 1,000,000, 10 dB": Case("files", genotypes(500, 1_000_000, 20, 10)),
    "int8 file 1,000 x 5,000,000, 10 dB": Case("files", genotypes(1_000, 5_000_000, 20, 10), most_draws=1),
    "sparse 1,000 x 200,000, density .01, 10 dB": Case("sparse", sparse(1_000, 200_000, 0.01, 20, 10)),
    **{
        f"sparse 10,000 x 200,000, density .001, {count} nonzeros, {snr} dB": Case(
            "sparse", sparse(10_000, 200_000, 0.001, count, snr), ("VaeSlr()", "celer_path")
        )
        for count in (20, 100)
        for snr in (30, 10)
    },
    "20,000 x 1,000, 0 dB": Case("tall", gaussian(20_000, 1_000, 10, 0, "C"), TALL),
    "100,000 x 50, 0 dB": Case("tall", gaussian(100_000, 50, 10, 0, "C"), (*TALL, "abess")),
    "1,000,000 x 20, 0 dB": Case("tall", gaussian(1_000_000, 20, 10, 0, "C"), TALL),
    "1,000,000 x 20 in blocks, 0 dB": Case("blocks", gaussian(1_000_000, 20, 10, 0, "C"), BLOCKS),
    "100,000 x 500 in blocks, 0 dB": Case("blocks", gaussian(100_000, 500, 10, 0, "C"), BLOCKS),
    "100,000 x 500 in blocks, 60 dB": Case("blocks", gaussian(100_000, 500, 10, 60, "C"), BLOCKS[:2]),
    **{
        f"{n} x {p:,} x {r}, 20 dB": Case("rows", rows(n, p, r, 20, 20), ("SimultaneousSparseVae()",))
        for n, p, r in ((200, 5_000, 50), (200, 20_000, 50), (306, 20_000, 100))
    },
    "100,000 x 500": Case("latent", latent(100_000, 500), ("AffineVae()", "PCA")),
    "float32 100,000 x 500": Case("latent", latent(100_000, 500, dtype=np.float32), ("AffineVae()", "PCA")),
    "500 x 20,000": Case("latent", latent(500, 20_000), ("AffineVae()", "PCA")),
    "100,000 x 500, two columns equal": Case("latent", latent(100_000, 500, equal=True), ("AffineVae()", "PCA")),
    "1,500 x 400, rank 5, 10% outliers": Case("outliers", outliers(1_500, 400, 5, 0.1), LOW_RANK),
    "5,000 x 1,000, rank 5, 10% outliers": Case("outliers", outliers(5_000, 1_000, 5, 0.1), LOW_RANK),
    "600 x 200, rank 60, 5% outliers": Case("outliers", outliers(600, 200, 60, 0.05), LOW_RANK),
    **{f"200 x {p:,}, 20 dB": Case("growth", gaussian(200, p, 10, 20)) for p in GROWTH},
}
# One small case of each group, but for that of growth.
QUICK = {
    "100 x 4,000, 10 dB": Case("wide", gaussian(100, 4_000, 5, 10), BOTH),
    "int8 file 100 x 4,000, 30 dB": Case("files", genotypes(100, 4_000, 5, 30)),
    "sparse 100 x 4,000, density .1, 10 dB": Case("sparse", sparse(100, 4_000, 0.1, 5, 10), ("VaeSlr()", "celer_path")),
    "2,000 x 50, 0 dB": Case("tall", gaussian(2_000, 50, 5, 0, "C"), TALL),
    "2,000 x 20 in blocks, 0 dB": Case("blocks", gaussian(2_000, 20, 5, 0, "C"), BLOCKS),
    "100 x 4,000 x 5, 20 dB": Case("rows", rows(100, 4_000, 5, 5, 20), ("SimultaneousSparseVae()",)),
    "2,000 x 50": Case("latent", latent(2_000, 50), ("AffineVae()", "PCA")),
    "200 x 50, rank 5, 10% outliers": Case("outliers", outliers(200, 50, 5, 0.1), LOW_RANK),
}
GROUPS = tuple(dict.fromkeys(case.group for case in CASES.values()))


def fit_abess(X, y):
    # abess only knows contiguous float64.
    return np.flatnonzero(
        importlib.import_module("abess.linear")
        .LinearRegression()
        .fit(np.ascontiguousarray(X, dtype=np.float64), y)
        .coef_
    )


def fit_celer(X, y):
    """The supports along the path."""
    y = y - y.mean()
    penalties = np.abs(X.T @ y).max() / len(y) * np.geomspace(1, 0.01, 50)
    _, coefs, _ = importlib.import_module("celer").celer_path(X, y, "lasso", alphas=penalties)
    return [np.flatnonzero(coef) for coef in coefs.T]


def by_blocks(model, X, y, **options):
    height = max(len(X) // 100, 1)
    for start in range(0, len(X), height):
        model.partial_fit(X[start : start + height], y[start : start + height], **options)
    return model


SOLVERS = {
    "VaeSlr()": lambda X, y: VaeSlr(n_jobs=1).fit(X, y),
    "SimultaneousSparseVae()": lambda X, y: SimultaneousSparseVae(n_jobs=1).fit(X, y),
    "partial_fit": lambda X, y: by_blocks(VaeSlr(n_jobs=1), X, y, refit=False).partial_fit(),
    "partial_fit, each fitted": lambda X, y: by_blocks(VaeSlr(n_jobs=1), X, y),
    "SGDRegressor.partial_fit": lambda X, y: by_blocks(SGDRegressor(), X, y),
    "AffineVae()": lambda X, _: AffineVae().fit(X),
    "PCA": lambda X, _: PCA(5).fit(X),
    "RobustVae()": lambda X, _: RobustVae().fit(X),
    "RobustPca()": lambda X, _: RobustPca().fit(X),
    "abess": fit_abess,
    "celer_path": fit_celer,
    "Gram": lambda X, _: X.T @ X,
}


class Peak:
    """The largest anonymous memory of this process while it is entered, beyond that before, in MiB (Linux)."""

    def __enter__(self):
        self.before = self.most = self._now()
        self._end = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._watch.join()
        self.mib = self.most - self.before

    def _look(self):
        while not self._end.wait(0.02):
            self.most = max(self.most, self._now())

    def _now(self):
        status = Path("/proc/self/status")
        lines = status.read_text().splitlines() if status.is_file() else []
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), float("nan"))


def measure(case, solver, seed):
    """In a process of its own: what one fit takes and finds."""
    warnings.simplefilter("ignore")
    solve = SOLVERS[solver]
    small = np.random.default_rng(0).standard_normal((60, 50))
    solve(
        scipy.sparse.csc_array(small) if solver == "celer_path" else small,
        small[:, :2] if "Simultaneous" in solver else small[:, 0],
    )
    with tempfile.TemporaryDirectory() as folder:
        X, y, support = (CASES | QUICK)[case].draw(seed, Path(folder))
        with Peak() as peak:
            begin = time.process_time()
            found = solve(X, y)
            seconds = time.process_time() - begin
    return {"s": seconds, "MiB": peak.mib, **quality(solver, found, support, X)}


def quality(solver, found, support, X):
    """What of a fit is compared with what was planted."""
    if solver in ("Gram", "SGDRegressor.partial_fit"):
        return {}
    if support is None:
        return {"rank": getattr(found, "rank_", getattr(found, "n_active_", float("nan")))}
    paths = found if isinstance(found, list) else [getattr(found, "support_", found)]
    f1 = max(support_f1(_indicator(support, X), _indicator(chosen, X)) for chosen in paths)
    return {"F1": f1, "passes": getattr(found, "n_passes_", 0) or float("nan")}


def _indicator(support, X):
    out = np.zeros(X.shape[1])
    out[support] = 1
    return out


def run(case, solver, draws):
    """A row of the table: medians over the draws, each in a process of its own."""
    found = []
    for seed in range(min(draws, (CASES | QUICK)[case].most_draws)):
        command = [sys.executable, __file__, "--measure", case, solver, str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"data": case, "solver": solver, "s": f"failed: {done.stderr.strip().splitlines()[-1][:80]}"}
        found.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {name: float(np.median([one[name] for one in found])) for name in found[0]}
    time_spent = {"s": middle.pop("s"), "slowest": max(one["s"] for one in found)}
    return {"data": case, "solver": solver, **time_spent, "MiB": round(middle.pop("MiB")), **middle}


def main():
    parser = environment.parser(__doc__, "one draw of a small case of each group")
    parser.add_argument("--draws", type=int, default=3, help="draws of each case (default: 3)")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="groups to run (default: all)")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        case, solver, seed = arguments.measure
        print(json.dumps(measure(case, solver, int(seed))))
        return
    draws, cases = (1, QUICK) if arguments.quick else (arguments.draws, CASES)
    environment.introduce(f"{draws} draws." if draws > 1 else "One draw.")
    for group in arguments.only:
        found = []
        for name, case in cases.items():
            if case.group == group:
                found.extend(run(name, solver, draws) for solver in case.solvers)
        if not found:
            continue
        columns = {key: None for row in found for key in row}
        shown = report.table([{key: row.get(key, "-") for key in columns} for row in found])
        print(f"## {group.capitalize()}\n\n{shown}\n", flush=True)
        if group == "growth" and all("slowest" in row for row in found):
            exponent = np.polyfit(np.log(GROWTH), np.log([row["s"] for row in found]), 1)[0]
            last = np.polyfit(np.log(GROWTH[2:]), np.log([row["s"] for row in found[2:]]), 1)[0]
            print(f"Time grows as the number of columns to the power of {exponent:.2f}, {last:.2f} from 100,000 on.\n")


if __name__ == "__main__":
    main()
