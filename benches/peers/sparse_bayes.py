"""Sparse Bayesian learning: what a step of exact EM, of covariance-free EM and of the VAE's training takes."""

import sys
import time
import warnings

import numpy as np
import scipy.linalg
from sklearn.exceptions import ConvergenceWarning
from sparsevae import VaeSlr
from sparsevae.baselines import CovarianceFreeEm, SparseBayesianLearning
from sparsevae.datasets import make_sparse_regression

# Design, features for each sample, signal-to-noise ratio in dB, and the largest number of features.
CASES = (("gaussian", 4, 30, 4096), ("gaussian", 4, 10, 4096), ("random_walk", 4, 30, 4096), ("gaussian", 1, 30, 2048))
SMALLEST = 256
# Steps are timed as the difference of two fits after one that warms up. The longer has more steps where they are short,
# and more still until it takes half as long again as the other: what goes before the steps varies.
FEW, MORE, LONG, SHORT, SHORTEST = 3, 3, 6000, 60_000, 300_000
FREE, EXACT, TEXTBOOK, TRAINED = "covariance_free_ms", "exact_ms", "textbook_ms", "vae_training_ms"
NAMES = {EXACT: "exact EM", TEXTBOOK: "the n x n inverse", FREE: "covariance-free EM", TRAINED: "training"}
# Exponents are fitted from here on.
ASYMPTOTIC = 512


def timed_fit(model, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        begin = time.process_time()
        model.fit(data.X, data.y)
    return time.process_time() - begin


def step_time(model, data, long=LONG, name="max_iter"):
    """Seconds a step, and conjugate gradient iterations a step where there are any."""

    def spend(limit):
        model.set_params(**{name: limit})
        return np.array([timed_fit(model, data), getattr(model, "n_cg_iter_", 0)])

    spend(FEW)
    few, steps = spend(FEW), max(MORE, long // data.X.shape[1])
    # A fit that has converged to the last bit takes no further steps, and no longer.
    for factor in (1, 4, 16, 64):
        many = spend(FEW + factor * steps)
        if many[0] >= 1.5 * few[0]:
            break
    return tuple((many - few) / (factor * steps))


def textbook_time(data):
    """Seconds a step of EM by the inverse of the n x n matrix of the features."""
    gram, image = data.X.T @ data.X / data.noise_var, data.X.T @ data.y / data.noise_var
    w = np.full(len(gram), 1.0)
    begin = time.process_time()
    factor = scipy.linalg.cholesky(gram + np.diag(1 / w), lower=True, overwrite_a=True, check_finite=False)
    covariance, _ = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    mean = scipy.linalg.blas.dsymv(1.0, covariance, image, lower=1)
    w = mean**2 + covariance.diagonal()
    return time.process_time() - begin


def crossover(rows, rival):
    """Number of features at which the ratio of the times is 1, by interpolation of logarithms; NaN if there is none.

    Beyond it, covariance-free EM must be faster at all sizes that were timed.
    """
    logs = [np.log(row[FREE] / row[rival]) for row in rows]
    slower = [i for i, value in enumerate(logs) if value >= 0]
    if not slower:
        return rows[0]["n"]
    last = slower[-1]
    if last == len(rows) - 1:
        return float("nan")
    share = logs[last] / (logs[last] - logs[last + 1])
    return rows[last]["n"] * (rows[last + 1]["n"] / rows[last]["n"]) ** share


def sentence(case, rows, rival, name):
    n = crossover(rows, rival)
    if np.isfinite(n):
        size = f"{float(f'{n:.2g}'):,.0f}"
        return f"- {case}: covariance-free EM is faster than {name} from about n = {size} on."
    times = rows[-1][FREE] / rows[-1][rival]
    return (
        f"- {case}: covariance-free EM is slower than {name} at all sizes, {times:.2g} times at n = {rows[-1]['n']:,}."
    )


def growth(case, rows):
    """The powers of the number of features by which steps grow."""
    found = []
    for key, name in NAMES.items():
        timed = [row for row in rows if row["n"] >= ASYMPTOTIC]
        if len(timed) > 1:
            slope = np.polyfit(np.log([row["n"] for row in timed]), np.log([row[key] for row in timed]), 1)[0]
            found.append(f"{name} {slope:.1f}")
    powers = ", ".join(found) or "no two sizes"
    return f"- {case}: from n = {ASYMPTOTIC} on the time of a step grows as n to the power of {powers}."


def run(repeats, start, most=np.inf):
    """Rows, one for each design and number of features up to `most`, and where the times cross."""
    rows, notes = [], []
    for design, wide, snr_db, largest in CASES:
        mine, n = [], SMALLEST
        while n <= min(largest, most):
            sys.stderr.write(f"\rsparse Bayes: {design}, {n // wide} x {n}   ")
            data = make_sparse_regression(
                n // wide, n, n_nonzero=n // wide // 10, design=design, snr_db=snr_db, random_state=start
            )
            options = {"noise_var": data.noise_var, "tol": 0.0, "fit_intercept": False}
            free, exact, trained = [], [], []
            textbook = [textbook_time(data) for _ in range(repeats)]
            # Large sizes vary little.
            for _ in range(repeats if n <= 1024 else 1):
                free.append(step_time(CovarianceFreeEm(**options), data))
                exact.append(step_time(SparseBayesianLearning(**options), data, SHORT)[0])
                model = VaeSlr(optimizer="adam", noise_var=data.noise_var, fit_intercept=False, random_state=0)
                trained.append(step_time(model, data, SHORTEST, "n_steps")[0])
            seconds, iterations = np.median(free, axis=0)
            mine.append(
                {
                    "design": design,
                    "snr_db": snr_db,
                    "d": n // wide,
                    "n": n,
                    FREE: 1e3 * seconds,
                    EXACT: 1e3 * np.median(exact),
                    TEXTBOOK: 1e3 * np.median(textbook),
                    TRAINED: 1e3 * np.median(trained),
                    "cg_iterations": iterations,
                }
            )
            n *= 2
        case = f"{design}, {snr_db} dB, " + ("d = n" if wide == 1 else f"d = n / {wide}")
        notes.append(growth(case, mine))
        notes.append(sentence(case, mine, EXACT, "exact EM in its d x d form"))
        notes.append(sentence(case, mine, TEXTBOOK, "the n x n inverse"))
        rows += mine
    sys.stderr.write("\n")
    return rows, ["\n".join(notes)]
