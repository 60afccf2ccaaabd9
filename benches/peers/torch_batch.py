"""Many problems with one design: `solve_batch` beside `fit_many` with the same optimiser.

    python benches/peers/torch_batch.py

Float64, two threads each, the best of several wall and CPU times; the two take turns. Annealed: one descent each, to
its certificate. At a given noise variance: the same number of steps for all, after which `fit_many` also chooses
supports.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import os
import time
import warnings

import numpy as np
import report
import torch
from sklearn.exceptions import ConvergenceWarning
from sparsevae import VaeSlr, fit_many
from sparsevae.torch import solve_batch

COUNT, SHAPE, N_NONZERO, THREADS, REPEATS = 1000, (100, 200), 20, 2, 3
NOISE, STEPS = 0.01, 20


def draw():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(SHAPE, dtype=torch.float64, generator=generator)
    chosen = torch.rand(COUNT, SHAPE[1], generator=generator).topk(N_NONZERO)[1]
    values = torch.randn(COUNT, N_NONZERO, dtype=torch.float64, generator=generator)
    Z = torch.zeros(COUNT, SHAPE[1], dtype=torch.float64).scatter_(1, chosen, values)
    Y = Z @ X.T
    return X, Y, Y + NOISE**0.5 * torch.randn(Y.shape, dtype=torch.float64, generator=generator)


def best(functions):
    """Least wall and CPU time of each, and what it returned; they take turns, and the first turn warms up."""
    spent = [[] for _ in functions]
    found = [None for _ in functions]
    for _ in range(REPEATS + 1):
        for k, function in enumerate(functions):
            begin = np.array([time.perf_counter(), time.process_time()])
            found[k] = function()
            spent[k].append(np.array([time.perf_counter(), time.process_time()]) - begin)
    return [np.min(times[1:], axis=0) for times in spent], found


def means(models, X, Y):
    """Posterior means at the prior variances of fitted estimators."""
    w = torch.from_numpy(np.stack([model.prior_var_ for model in models]))
    covariance = (X * w[:, None, :]) @ X.T + NOISE * torch.eye(len(X), dtype=X.dtype)
    return w * (torch.linalg.solve(covariance, Y) @ X)


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, exact, noisy = draw()
    rows = []
    for optimizer in ("em", "mm"):
        for noise_var, Y, options in (("anneal", exact, {}), (NOISE, noisy, {"max_iter": STEPS})):
            model = VaeSlr(
                optimizer=optimizer,
                noise_var=noise_var,
                n_restarts=0,
                fit_intercept=False,
                support_rule="posterior",
                **options,
            )
            core, arrays = model.set_params(max_iter=options.get("max_iter", 8000)), (X.numpy(), Y.T.numpy())
            torch.set_num_threads(THREADS)
            (ours, theirs), (batch, models) = best(
                [
                    lambda y=Y, n=noise_var, o=optimizer, k=options: solve_batch(X, y, noise_var=n, optimizer=o, **k),
                    lambda m=core, a=arrays: fit_many(m, *a, n_jobs=THREADS),
                ]
            )
            annealed = noise_var == "anneal"
            coef = torch.from_numpy(np.stack([m.coef_ for m in models])) if annealed else means(models, X, Y)
            both = batch.converged & torch.tensor([m.certified_ for m in models]) if annealed else slice(None)
            rows.append(
                {
                    "optimizer": optimizer,
                    "noise": str(noise_var),
                    "steps": batch.n_iter.double().mean().item(),
                    "solve_batch s": ours[0],
                    "fit_many s": theirs[0],
                    "solve_batch CPU s": ours[1],
                    "fit_many CPU s": theirs[1],
                    "problems a s": COUNT / ours[0],
                    "CPU, solve_batch over fit_many": ours[1] / theirs[1],
                    "certified": f"{int(batch.converged.sum())}, {sum(m.certified_ for m in models)}"
                    if annealed
                    else "",
                    "largest difference": (batch.coef - coef)[both].abs().max().item(),
                }
            )
    print(environment.machine())
    print(f"PyTorch {torch.__version__}, {os.cpu_count()} cores, {COUNT:,} problems of {SHAPE[0]}x{SHAPE[1]}.\n")
    print(report.table(rows))


if __name__ == "__main__":
    main()
