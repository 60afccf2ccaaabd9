"""`solve_batch` on the device beside `fit_many`, the Rust core, on the processor."""

import os
import statistics
import time
import warnings
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sparsevae import VaeSlr, fit_many
from sparsevae.torch import solve_batch

SHAPE, N_NONZERO, COUNTS = (100, 200), 20, (64, 512, 4096)
# One and two threads are timed on so many problems at most.
FEW = 512
# Runs of each, and seconds after which no other one begins.
REPEATS, ENOUGH = 5, 2.0


def _draw(count):
    generator = torch.Generator().manual_seed(count)
    X = torch.randn(SHAPE, dtype=torch.float64, generator=generator)
    chosen = torch.rand(count, SHAPE[1], generator=generator).topk(N_NONZERO)[1]
    values = torch.randn(count, N_NONZERO, dtype=torch.float64, generator=generator)
    return X, torch.zeros(count, SHAPE[1], dtype=torch.float64).scatter_(1, chosen, values)


def _timed(function):
    """Median, least and largest wall time, and what the last run returned."""
    spent, begin = [], time.perf_counter()
    while not spent or (len(spent) < REPEATS and time.perf_counter() - begin < ENOUGH):
        start = time.perf_counter()
        found = function()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent), min(spent), max(spent), len(spent), found


def run(device, quick):
    """Yield a row for each solver and number of problems."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    model = VaeSlr(optimizer="em", n_restarts=0, fit_intercept=False, support_rule="posterior")
    threads = sorted({1, 2, os.cpu_count() or 1})
    for count in (8,) if quick else COUNTS:
        X, Z = _draw(count)
        Y = Z @ X.T
        there = X.to(device), Y.to(device)

        def batch(optimizer, there=there):
            found = solve_batch(*there, optimizer=optimizer)
            return found.coef.cpu(), found.converged.cpu()

        runs = {}
        for optimizer in ("em", "auto"):
            batch(optimizer)  # loads the libraries
            runs[f"solve_batch {optimizer}, {device}"] = partial(batch, optimizer)
        for n in threads if count <= FEW else threads[-1:]:
            runs[f"fit_many, {n} threads"] = partial(fit_many, model, X.numpy(), Y.T.numpy(), n_jobs=n)
        for name, function in runs.items():
            median, least, most, repeats, found = _timed(function)
            if name.startswith("fit"):
                coef = torch.from_numpy(np.stack([one.coef_ for one in found]))
                sure = torch.tensor([one.certified_ for one in found])
            else:
                coef, sure = found
            error = (coef - Z)[sure].abs().max().item() if sure.any() else float("nan")
            yield {
                "problems": count,
                "solver": name,
                "seconds": median,
                "least": least,
                "most": most,
                "runs": repeats,
                "problems a second": count / median,
                "certified": int(sure.sum()),
                "largest error": error,
            }
