"""The numbers of docs/theory/findings.md and docs/papers.md that no test pins down and no experiment has.

    python benches/calibration/findings.py [--only isometry descents minima ratios responses]

"isometry": bad minima of the energy of "Be a Goldfish" on a design whose columns are as little correlated as can be,
all of them counted, and how many of them random starts reach. "descents": where random starts end on Gaussian designs.
"minima": what the full and the diagonal covariance of "Marginalization is not Marginal" leave, with rows of
sufficiently different norms and with rows of equal norms and noise. "ratios": how much rows have to differ.
"responses": designs with bad minima, by the number of responses.
"""

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from itertools import combinations

import numpy as np
from sparsevae import SimultaneousSparseVae
from sparsevae.datasets import make_sparse_regression
from sparsevae.theory import basic_minima, count_minima


def equal_angles(n_samples, n_features, seed):
    """Columns of norm 1 whose largest correlation is about as low as it can be, by alternating projections."""
    X = np.random.default_rng(seed).standard_normal((n_samples, n_features))
    least = np.sqrt((n_features - n_samples) / (n_samples * (n_features - 1)))
    for _ in range(300):
        X /= np.linalg.norm(X, axis=0)
        gram = np.clip(X.T @ X, -least, least)
        np.fill_diagonal(gram, 1.0)
        values, vectors = np.linalg.eigh(gram)
        X = (vectors[:, -n_samples:] * np.sqrt(values[-n_samples:])).T
    return X / np.linalg.norm(X, axis=0)


def isometry_constant(X, n_nonzero):
    sets = np.array(list(combinations(range(X.shape[1]), n_nonzero)))
    squares = np.linalg.svd(X.T[sets], compute_uv=False) ** 2
    return max(1 - squares.min(), squares.max() - 1)


def scaled_rows(seed, ratio, n_nonzero, n_features, n_responses):
    """Coefficients of norms 1, ratio, ratio**2, ..., then zeros: a row for each feature."""
    directions = np.random.default_rng(seed).standard_normal((n_nonzero, n_responses))
    coef = np.zeros((n_features, n_responses))
    coef[:n_nonzero] = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    coef[:n_nonzero] *= ratio ** np.arange(n_nonzero)[:, None]
    return coef


def neighbours(seed, ratio, noise):
    """Ten samples of 20 columns, neighbours correlated by .9, four rows of norms 1, ratio, ..., three responses."""
    rng = np.random.default_rng(seed)
    lags = np.abs(np.subtract.outer(np.arange(20), np.arange(20)))
    X = rng.standard_normal((10, 20)) @ np.linalg.cholesky(0.9**lags).T
    X /= np.linalg.norm(X, axis=0)
    support = np.sort(rng.choice(20, 4, replace=False))
    rows = rng.standard_normal((3, 4))
    Y = X[:, support] @ (rows / np.linalg.norm(rows, axis=0) * ratio ** np.arange(4)).T
    return X, Y + noise * rng.standard_normal((10, 3)), support


def isometry():
    X, rng = equal_angles(8, 12, 0), np.random.default_rng(1)
    responses, counts = [], []
    for _ in range(200):
        support = rng.choice(12, 2, replace=False)
        responses.append(X[:, support] @ (rng.uniform(0.3, 1.0, 2) * rng.choice([-1, 1], 2)))
        counts.append(len(basic_minima(X, responses[-1]).supports))
    print(f"isometry: 8 x 12, delta_2 = {isometry_constant(X, 2):.2f}, delta_4 = {isometry_constant(X, 4):.2f}")
    print(
        f"isometry: {np.count_nonzero(counts)} of 200 problems have bad minima, a median of {np.median(counts):.0f}, "
        f"at most {max(counts)}"
    )
    few = np.flatnonzero(np.array(counts) == 3)
    model = SimultaneousSparseVae(noise_var=1e-8, fit_intercept=False, tol=1e-10)
    ends = [count_minima(model, X, responses[problem], n_starts=60) for problem in few]
    reached = sum(len(found.energies) - 1 for found in ends)
    away = sum(60 - found.counts[0] for found in ends)
    print(
        f"isometry: of the {3 * len(few)} bad minima of the {len(few)} problems with three, 60 descents each from "
        f"random starts reach {reached}; {away} of {60 * len(few)} descents end in one"
    )


def descents():
    model = SimultaneousSparseVae(noise_var=1e-8, fit_intercept=False, tol=1e-10)
    data = make_sparse_regression(20, 40, n_nonzero=2, random_state=3)
    found = count_minima(model, data.X, data.y, n_starts=40)
    print(f"descents: Gaussian 20 x 40, two nonzeros: 40 starts end in {found.counts.tolist()}, the best first")
    for n_nonzero in (2, 8):
        counts = []
        for seed in range(6):
            data = make_sparse_regression(50, 100, n_nonzero=n_nonzero, random_state=seed)
            counts.append(len(count_minima(model, data.X, data.y, n_starts=40).energies))
        print(f"descents: Gaussian 50 x 100, {n_nonzero} nonzeros: {counts} minima found from 40 starts")


def minima():
    for optimizer in ("mm", "em"):
        alone = 0
        for seed in range(8):
            X, Y, support = neighbours(seed, 0.1, 0.0)
            model = SimultaneousSparseVae(optimizer=optimizer, noise_var=1e-12, fit_intercept=False)
            found = count_minima(model, X, Y, n_starts=50)
            alone += found.best_share == 1.0 and np.array_equal(found.supports[0], support)
        print(f"minima: norms 1 to .001, no noise, {optimizer}: all of 50 starts end in the sparsest, {alone} of 8")
    for ratio, noise, noise_var, n_problems, n_starts in ((0.1, 0.0, 1e-12, 8, 50), (1.0, 0.01, 1e-4, 6, 40)):
        for covariance in ("full", "diagonal"):
            counts, best, right = [], [], 0
            for seed in range(n_problems):
                X, Y, support = neighbours(seed, ratio, noise)
                model = SimultaneousSparseVae(covariance=covariance, noise_var=noise_var, fit_intercept=False)
                found = count_minima(model, X, Y, n_starts=n_starts)
                counts.append(len(found.energies))
                best.append(int(found.counts[0]))
                right += np.array_equal(found.supports[0], support)
            ends = f"{counts} minima, {best} of {n_starts} starts in the best"
            true = f", which has the true support in {right} of {n_problems}" if not noise else ""
            print(f"minima: ratio {ratio:g}, noise {noise:g}, {covariance}: {ends}{true}")


def ratios():
    grid = np.geomspace(1.0, 1e-6, 49)
    for size in (1e-1, 1e-2, 1e-3):
        least = []
        for seed in (0, 1, 2, 4, 6):
            rng = np.random.default_rng(seed)
            base = rng.standard_normal((4, 4))
            X = np.hstack([base, base]) + size * rng.standard_normal((4, 8))
            bad = [r for r in grid if len(basic_minima(X, X @ scaled_rows(1, r, 2, 8, 1), tol=1e-13).supports)]
            least.append(min(bad))
        print(f"ratios: pairs equal up to {size:g}: least ratio with a bad minimum, median {np.median(least):.2g}")
    steps, rising = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001), []
    for seed in range(60):
        X = np.random.default_rng(seed).standard_normal((5, 9))
        coefs = [scaled_rows(1, ratio, 4, 9, 1) for ratio in steps]
        counts = [len(basic_minima(X, X @ coef, tol=1e-12).supports) for coef in coefs]
        if any(np.diff(counts) > 0):
            rising.append((seed, counts))
    seed, counts = rising[0]
    print(
        f"ratios: Gaussian 5 x 9, four rows: in {len(rising)} of 60 dictionaries a smaller ratio has more bad minima "
        f"than a larger one; dictionary {seed}: {counts} at {list(steps)}"
    )


def responses():
    for n_responses in (1, 2, 3, 5):
        bad = 0
        for seed in range(40):
            X = np.random.default_rng(seed).standard_normal((4, 8))
            bad += len(basic_minima(X, X @ scaled_rows(seed, 1.0, 2, 8, n_responses)).supports) > 0
        print(f"responses: Gaussian 4 x 8, two rows of norm 1, {n_responses}: bad minima in {bad} of 40")


PARTS = {part.__name__: part for part in (isometry, descents, minima, ratios, responses)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run (default: all)")
    for name in parser.parse_args().only:
        PARTS[name]()


if __name__ == "__main__":
    main()
