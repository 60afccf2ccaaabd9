"""The numbers of the user guide that no experiment of `sparsevae reproduce` has.

    python benches/calibration/guide.py [--only sets weak intervals dense rows noise stability seeds]

"sets": credible sets on correlated blocks of columns that hold an effect. "weak": the same with `min_prob=0.6`, on few
samples of independent columns. "intervals": 95% intervals that hold the coefficient of a column chosen, or a new
response. "dense": how fits of noisy data with many coefficients end. "rows": problems with many nonzero rows that are
recovered. "noise": noise variances learned from many responses, as a share of the truth. "stability": frequencies of
selection in halves beside inclusion probabilities. "seeds": what another seed of the sampler changes, alone and in
averages over ten.
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RepeatedKFold, cross_validate
from sparsevae import SimultaneousSparseVae, VaeSlr
from sparsevae.datasets import make_row_sparse_regression, make_sparse_regression

NORMAL = 1.96


def held(model, support, **options):
    """How many credible sets there are, and how many of them hold an effect."""
    found = model.credible_sets(**options)
    return np.array([len(found), sum(bool({*each.columns} & {*support}) for each in found)])


def sets():
    total = np.zeros(2, dtype=int)
    for seed in range(100):
        sizes = {"n_nonzero": 4, "design": "block", "correlation": 0.95, "snr_db": 5}
        data = make_sparse_regression(200, 200, **sizes, random_state=seed)
        total += held(VaeSlr().fit(data.X, data.y), data.support)
    print(f"sets: {total[1]} of {total[0]} hold an effect, blocks of 200 x 200, 5 dB, 100 problems")


def weak():
    totals = {None: np.zeros(2, dtype=int), 0.6: np.zeros(2, dtype=int)}
    for seed in range(100):
        data = make_sparse_regression(50, 1000, n_nonzero=3, snr_db=3, random_state=seed)
        model = VaeSlr().fit(data.X, data.y)
        for min_prob, total in totals.items():
            total += held(model, data.support, min_prob=min_prob)
    for min_prob, total in totals.items():
        print(f"weak: {total[1]} of {total[0]} hold an effect, 50 x 1,000, 3 dB, 100 problems, min_prob={min_prob}")


def intervals():
    for design in ("gaussian", "random_walk", "toeplitz", "block"):
        for snr_db in (0, 10, 20, 30):
            inside, new = [], []
            for seed in range(15):
                data = make_sparse_regression(
                    200, 200, n_nonzero=5, design=design, correlation=0.9, snr_db=snr_db, random_state=seed
                )
                model = VaeSlr().fit(data.X[:100], data.y[:100])
                error = np.abs(model.coef_ - data.coef)[model.support_]
                inside.extend(error <= NORMAL * np.sqrt(model.coef_var_[model.support_]))
                mean, std = model.predict(data.X[100:], return_std=True)
                new.extend(np.abs(data.y[100:] - mean) <= NORMAL * std)
            print(
                f"intervals: {design}, {snr_db} dB: {np.mean(inside):.2f} of {len(inside)} coefficients, "
                f"{np.mean(new):.3f} of new responses"
            )


def dense():
    for design in ("gaussian", "random_walk"):
        for snr_db in (20, 30):
            for n_nonzero in (20, 30, 40):
                ends, seconds = [], []
                for seed in range(20):
                    data = make_sparse_regression(
                        100, 200, n_nonzero=n_nonzero, design=design, snr_db=snr_db, random_state=seed
                    )
                    start = time.process_time()
                    ends.append(VaeSlr().fit(data.X, data.y).status_)
                    seconds.append(time.process_time() - start)
                print(
                    f"dense: {design} 100 x 200, {snr_db} dB, {n_nonzero} nonzeros: {ends.count('noisy')} of 20 taken "
                    f"for noisy, {ends.count('iteration_limit')} warn; median CPU {np.median(seconds):.2f} s"
                )


def rows():
    for n_nonzero in (90, 95):
        found = certified = 0
        for seed in range(20):
            data = make_row_sparse_regression(100, 200, n_responses=10, n_nonzero=n_nonzero, rank=5, random_state=seed)
            model = SimultaneousSparseVae(fit_intercept=False).fit(data.X, data.Y)
            found += np.array_equal(model.support_, data.support)
            certified += model.certified_
        print(f"rows: {n_nonzero} nonzero rows, {found} of 20 recovered, {certified} certified")


def noise():
    shares = []
    for seed in range(20):
        data = make_row_sparse_regression(50, 100, n_responses=50, n_nonzero=5, rank=5, snr_db=20, random_state=seed)
        model = SimultaneousSparseVae(noise_var="learn", fit_intercept=False).fit(data.X, data.Y)
        shares.append(model.noise_var_ / data.noise_var)
    print(f"noise: learned from 50 responses, {min(shares):.2f} to {max(shares):.2f} of the truth, 20 problems")


def stability():
    data = load_diabetes()
    Z = data.data / data.data.std(axis=0)
    seen, both_low, exact_sets = {}, 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        bmi = Z[:, [2]] + 0.1 * rng.standard_normal((442, 2))
        X = np.hstack([np.delete(Z, 2, axis=1), bmi, rng.permuted(np.tile(Z, 4), axis=0)])
        halves = RepeatedKFold(n_splits=2, n_repeats=25, random_state=0)
        columns = {"s5": 7, "bp": 2, "bmi, first": 9, "bmi, second": 10}
        for rule in ("evidence", "projection"):
            fits = cross_validate(VaeSlr(support_rule=rule), X, data.target, cv=halves, return_estimator=True)
            chosen = np.array([np.isin(np.arange(51), fit.support_) for fit in fits["estimator"]])
            frequency = chosen.mean(axis=0)
            for name, column in columns.items():
                seen.setdefault((name, rule), []).append(frequency[column])
            seen.setdefault(("permuted", rule), []).append(frequency[11:].max())
            seen.setdefault(("columns a half", rule), []).append(chosen.sum(axis=1).mean())
            seen.setdefault(("both measurements", rule), []).append(chosen[:, 9:11].all(axis=1).mean())
            both_low += rule == "evidence" and max(frequency[9], frequency[10]) < 0.6
        model = VaeSlr().fit(X, data.target)
        for name, column in columns.items():
            seen.setdefault((name, "probability"), []).append(model.inclusion_prob_[column])
        seen.setdefault(("permuted", "probability"), []).append(model.inclusion_prob_[11:].max())
        exact_sets += any(each.columns.tolist() == [9, 10] for each in model.credible_sets())
    for (name, what), values in sorted(seen.items()):
        print(f"stability: {name}, {what}: {np.mean(values):.2f} ({min(values):.2f}-{max(values):.2f})")
    print(f"stability: both measurements below .6 in {both_low} of 20; a set of exactly the two in {exact_sets} of 20")


def seeds():
    for design, n_samples, n_features in (("toeplitz", 50, 1000), ("toeplitz", 100, 1000), ("gaussian", 200, 1000)):
        sizes = {"n_nonzero": 3, "design": design, "correlation": 0.8, "snr_db": 3}
        problems = [make_sparse_regression(n_samples, n_features, **sizes, random_state=seed) for seed in range(10)]
        of_seeds(f"{design} {n_samples} x {n_features}, 3 dB, 10 problems", [(each.X, each.y) for each in problems])
    of_seeds("diabetes", [load_diabetes(return_X_y=True)])


def of_seeds(name, problems):
    for averaging in (False, True):
        apart, sizes, averages = [], [], []
        for X, y in problems:
            fits = [VaeSlr(model_averaging=averaging, random_state=seed).fit(X, y) for seed in range(20)]
            probability = np.array([fit.inclusion_prob_ for fit in fits])
            apart.append(probability.std(axis=0, ddof=1).max())
            averages.append(np.abs(probability[:10].mean(axis=0) - probability[10:].mean(axis=0)).max())
            sizes.append(np.ptp([len(fit.support_) for fit in fits]))
        print(
            f"seeds: {name}, model_averaging={averaging}, 20 seeds: largest standard deviation of "
            f"a probability {np.median(apart):.2f} ({min(apart):.2f}-{max(apart):.2f}), sizes of supports differ by "
            f"{np.median(sizes):.0f} ({min(sizes)}-{max(sizes)}); averages over ten seeds by {np.median(averages):.2f} "
            f"({min(averages):.2f}-{max(averages):.2f})",
            flush=True,
        )


PARTS = {part.__name__: part for part in (sets, weak, intervals, dense, rows, noise, stability, seeds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run (default: all)")
    # Fits that choose no column, or end without a certificate, are counted.
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in parser.parse_args().only:
        PARTS[name]()


if __name__ == "__main__":
    main()
