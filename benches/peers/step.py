"""One EM step: ours beside the same step in NumPy, and both as a share of the matrix-product peak."""

import sys
import time
import warnings

import numpy as np
import sparsevae
from scipy.linalg import blas, lapack
from sklearn.exceptions import ConvergenceWarning
from sparsevae.datasets import make_sparse_regression

# Shape, and the two numbers of steps whose difference is timed.
SHAPES = (((100, 200), 100, 1100), ((71, 100), 200, 3200), ((200, 5000), 3, 13))
PEAK_SIZE = 512


def work(d, n):
    """Useful operations: half of the Gram matrix, Cholesky, triangular solve."""
    return 2 * n * d * d + d**3 / 3


class NumpyStep:
    """The step with the best BLAS and LAPACK calls, on preallocated arrays; one row per column of the design.

    The triangular solve from the right is the faster one; for wide designs the inverse of the factor and a triangular
    product are faster still.
    """

    def __init__(self, X, y, noise_var, *, invert):
        self.columns, self.y, self.noise_var, self.invert = np.asfortranarray(X.T), y, noise_var, invert
        self.scaled, self.sigma = np.empty_like(self.columns), np.zeros((len(y), len(y)), order="F")
        self.w = np.full(X.shape[1], 1.0 / X.shape[1])

    def __call__(self):
        root = np.sqrt(self.w)
        np.multiply(self.columns, root[:, None], out=self.scaled)
        sigma = blas.dsyrk(1.0, self.scaled, trans=1, lower=1, c=self.sigma, overwrite_c=1)
        sigma.ravel(order="K")[:: len(self.y) + 1] += self.noise_var
        factor, failed = lapack.dpotrf(sigma, lower=1, clean=0, overwrite_a=1)
        if failed:
            raise ArithmeticError(f"pivot {failed} is not positive")
        b = blas.dtrsv(factor, self.y, lower=1)
        if self.invert:
            inverse = lapack.dtrtri(factor, lower=1, overwrite_c=1)[0]
            solved = blas.dtrmm(1.0, inverse, self.scaled, side=1, lower=1, trans_a=1, overwrite_b=1)
        else:
            solved = blas.dtrsm(1.0, factor, self.scaled, side=1, lower=1, trans_a=1, overwrite_b=1)
        u = root * (solved @ b)
        self.w = u * u + self.w * (1 - np.einsum("ji,ji->j", solved, solved))


def seconds(function, repeats):
    begin = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - begin) / repeats


def our_step(X, y, noise_var, few, many):
    """Seconds a step: the difference of two fits that stop after `few` and `many` steps."""
    spent, steps = [], []
    for limit in (few, many):
        model = sparsevae.VaeSlr(
            optimizer="em", noise_var=noise_var, tol=0.0, max_iter=limit, fit_intercept=False, support_rule="posterior"
        )
        begin = time.process_time()
        model.fit(X, y)
        spent.append(time.process_time() - begin)
        steps.append(model.n_iter_)
    return (spent[1] - spent[0]) / (steps[1] - steps[0]), model


def step(repeats, start):
    rng = np.random.default_rng(start)
    A, B, C = (rng.standard_normal((PEAK_SIZE, PEAK_SIZE)) for _ in range(3))
    peak, rows = 0.0, []
    for (d, n), few, many in SHAPES:
        data = make_sparse_regression(d, n, n_nonzero=20, snr_db=30, random_state=start)
        noise_var = 1e-3 * float(data.y @ data.y) / d
        by_hand = [NumpyStep(data.X, data.y, noise_var, invert=invert) for invert in (False, True)]
        ours, theirs = [], []
        for repeat in range(repeats + 1):
            sys.stderr.write(f"\rstep: {d}x{n}, {repeat} of {repeats}   ")
            peak = max(peak, 2 * PEAK_SIZE**3 / seconds(lambda: np.matmul(A, B, out=C), 10))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                ours.append(our_step(data.X, data.y, noise_var, few, many)[0])
            theirs.append([seconds(numpy_step, max(many // 4, 3)) for numpy_step in by_hand])
        # The first repetition warms caches and thread pools.
        times = {"ours": np.median(ours[1:]), "numpy": np.median(theirs[1:], axis=0).min()}
        rows.append({"shape": f"{d}x{n}", "d": d, "n": n} | times)
    sys.stderr.write("\n")
    return [
        {
            "shape": row["shape"],
            "ours_us": 1e6 * row["ours"],
            "numpy_us": 1e6 * row["numpy"],
            "ratio": row["numpy"] / row["ours"],
            "ours_gflops": work(row["d"], row["n"]) / row["ours"] / 1e9,
            "numpy_gflops": work(row["d"], row["n"]) / row["numpy"] / 1e9,
            "peak_gflops": peak / 1e9,
            "ours_share_of_peak": work(row["d"], row["n"]) / row["ours"] / peak,
            "numpy_share_of_peak": work(row["d"], row["n"]) / row["numpy"] / peak,
        }
        for row in rows
    ], []
