"""How well noise can be recognised: the best test of noise against a residual that is a sum of the columns missed.

python benches/calibration/noise_neyman_pearson.py [--trials N] [--seed S]

A residual ``r`` of as many normal entries as the design has rows has covariance ``I`` or ``X X'``, each up to a factor.
No test that does not depend on the factor is more powerful than that by ``r' (X X')^-1 r / r' r`` (Neyman and
Pearson). Its threshold is set so that nine tenths of the sums are recognised; what it then calls free of noise among
the residuals that are noise is printed, as the mean over ``--trials`` designs of independent normal entries.
"""

import argparse

import numpy as np

SHAPES = [(20, 60), (40, 400), (50, 1000), (50, 200), (100, 200), (100, 1000), (200, 2000)]
DRAWS = 4000


def false_alarm(rng, n_samples, n_features):
    X = rng.standard_normal((n_samples, n_features))
    spectrum = np.linalg.eigvalsh(X @ X.T)
    noise = rng.standard_normal((DRAWS, n_samples))
    sums = rng.standard_normal((DRAWS, n_samples)) * np.sqrt(spectrum)
    of_noise, of_sums = (np.sum(r**2 / spectrum, axis=1) / np.sum(r**2, axis=1) for r in (noise, sums))
    return np.mean(of_noise <= np.quantile(of_sums, 0.9))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20, help="designs of each shape (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    print("| samples | columns | noise called free of noise |\n|---|---|---|")
    for shape in SHAPES:
        share = np.mean([false_alarm(rng, *shape) for _ in range(arguments.trials)])
        print(f"| {shape[0]} | {shape[1]:,} | {share:.3f} |", flush=True)


if __name__ == "__main__":
    main()
