"""How well could one do? The benchmark of Hastie, Tibshirani and Tibshirani with all that a prior can know.

    python benches/calibration/oracle.py [--seed N] [--sizes low medium high5 high10]

The oracle knows how many coefficients are not zero, their mean square and the noise variance, and averages over
supports by Gibbs moves of single effects. Its support has the largest expected F1 score. Beside it, on the same draws,
are `VaeSlr(model_averaging=True)`, which knows nothing, and least squares on the true support. Types 1, 2 and 3 of
coefficients (type 5 has no zeros), correlations 0, .35 and .7, the ten SNRs of the paper: 90 problems a size.
"""

import argparse
import itertools

import numpy as np
from scipy.linalg import matmul_toeplitz
from sparsevae import VaeSlr
from sparsevae.datasets import make_hastie_regression

SIZES = {"low": (100, 10, 5), "medium": (500, 100, 5), "high5": (50, 1000, 5), "high10": (100, 1000, 10)}
SNRS = (0.05, 0.09, 0.14, 0.25, 0.42, 0.71, 1.22, 2.07, 3.52, 6)
SWEEPS, BURN_IN = 300, 60


def average(X, y, count, coef_var, noise_var, rng):
    """Posterior mean of the coefficients and inclusion probabilities, given all variances and the number of effects."""
    X, y = X - X.mean(axis=0), y - y.mean()
    shrink = 1 / (np.square(X).sum(axis=0) + noise_var / coef_var)
    offset = np.log(shrink) / 2
    columns = list(rng.choice(X.shape[1], count, replace=False))
    coef, residual = np.zeros(count), y.copy()
    mean, inclusion = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for sweep in range(SWEEPS):
        for effect in range(count):
            residual += coef[effect] * X[:, columns[effect]]
            products = X.T @ residual
            log = offset + shrink * np.square(products) / (2 * noise_var)
            log[columns[:effect] + columns[effect + 1 :]] = -np.inf
            weights = np.exp(log - log.max())
            weights /= weights.sum()
            if sweep >= BURN_IN:
                inclusion += weights
                mean += weights * shrink * products
            j = columns[effect] = rng.choice(len(weights), p=weights)
            coef[effect] = shrink[j] * products[j] + np.sqrt(noise_var * shrink[j]) * rng.standard_normal()
            residual -= coef[effect] * X[:, j]
    return mean / (SWEEPS - BURN_IN), inclusion / (SWEEPS - BURN_IN)


def most_expected_f1(inclusion, count):
    """Columns whose F1 score is the largest in expectation, where `count` columns have an effect."""
    order = np.argsort(-inclusion)
    sizes = np.arange(1, len(order) + 1)
    return order[: 1 + np.argmax(2 * np.cumsum(inclusion[order]) / (sizes + count))]


def f1(support, data):
    """F1 score of a support."""
    return 2 * len(np.intersect1d(support, data.support)) / (len(support) + len(data.support))


def rte(coef, data, correlation):
    """Relative test error."""
    wrong = coef - data.coef
    return 1 + wrong @ matmul_toeplitz(correlation ** np.arange(len(wrong)), wrong) / data.noise_var


def problems(name, seed):
    """Draw the 90 problems of a size, each with its correlation."""
    n_samples, n_features, count = SIZES[name]
    cells = itertools.product((1, 2, 3), (0.0, 0.35, 0.7), SNRS)
    for cell, (kind, correlation, snr) in enumerate(cells):
        yield (
            correlation,
            make_hastie_regression(
                n_samples,
                n_features,
                n_nonzero=count,
                coef_type=kind,
                correlation=correlation,
                snr=snr,
                random_state=100 * seed + cell,
            ),
        )


def compare(name, seed):
    """Errors and F1 scores of one size, problem by problem: oracle, ours, least squares."""
    rows = []
    for correlation, data in problems(name, seed):
        rng, count = np.random.default_rng(seed), len(data.support)
        coef_var = np.square(data.coef[data.support]).mean()
        mean, inclusion = average(data.X, data.y, count, coef_var, data.noise_var, rng)
        model = VaeSlr(model_averaging=True).fit(data.X, data.y)
        known = np.zeros(len(mean))
        centred = data.X[:, data.support] - data.X[:, data.support].mean(axis=0)
        known[data.support] = np.linalg.lstsq(centred, data.y - data.y.mean())[0]
        errors = [rte(coef, data, correlation) for coef in (mean, model.coef_, known)]
        rows.append((*errors, f1(most_expected_f1(inclusion, count), data), f1(model.support_, data)))
    return np.array(rows)


def main():
    """Print a table, a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    arguments = parser.parse_args()
    print("| size | error: oracle | VaeSlr, averages | true support | F1: oracle | VaeSlr |\n|---|---|---|---|---|---|")
    for name in arguments.sizes:
        rows = compare(name, arguments.seed)
        errors = np.exp(np.log(rows[:, :3]).mean(axis=0))
        cells = [*(f"{error:.3f}" for error in errors), *(f"{score:.2f}" for score in rows[:, 3:].mean(axis=0))]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
