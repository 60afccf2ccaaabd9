"""Many problems with one design: `solve_batch` beside `fit_many` with the same optimiser.

    python benches/peers/torch_batch.py [--quick]

Float64, two threads each, the best of several wall and CPU times; the two take turns. Annealed: one descent each, to
its certificate. At a given noise variance: the same number of steps for all, after which `fit_many` also chooses
supports.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
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


def draw(count):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(SHAPE, dtype=torch.float64, generator=generator)
    chosen = torch.rand(count, SHAPE[1], generator=generator).topk(N_NONZERO)[1]
    values = torch.randn(count, N_NONZERO, dtype=torch.float64, generator=generator)
    Z = torch.zeros(count, SHAPE[1], dtype=torch.float64).scatter_(1, chosen, values)
    Y = Z @ X.T
    return X, Y, Y + NOISE**0.5 * torch.randn(Y.shape, dtype=torch.float64, generator=generator)


def best(functions, repeats):
    """Least wall and CPU time of each, and what it returned; they take turns, and the first turn warms up."""
    spent = [[] for _ in functions]
    found = [None for _ in functions]
    for _ in range(repeats + 1):
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


def pair(ours, theirs):
    return f"{report.number(ours)}, {report.number(theirs)}"


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    quick = environment.parser(__doc__, "20 problems, once").parse_args().quick
    count, repeats = (20, 1) if quick else (COUNT, REPEATS)
    X, exact, noisy = draw(count)
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
                ],
                repeats,
            )
            annealed = noise_var == "anneal"
            coef = torch.from_numpy(np.stack([m.coef_ for m in models])) if annealed else means(models, X, Y)
            both = batch.converged & torch.tensor([m.certified_ for m in models]) if annealed else slice(None)
            rows.append(
                {
                    "optimizer": optimizer,
                    "noise": str(noise_var),
                    "steps": batch.n_iter.double().mean().item(),
                    "seconds": pair(ours[0], theirs[0]),
                    "CPU seconds": pair(ours[1], theirs[1]),
                    "problems a second": pair(count / ours[0], count / theirs[0]),
                    "certified": f"{int(batch.converged.sum())}, {sum(m.certified_ for m in models)}"
                    if annealed
                    else "",
                    "largest difference": (batch.coef - coef)[both].abs().max().item(),
                }
            )
    environment.introduce(f"{count:,} problems of {SHAPE[0]} x {SHAPE[1]}; `solve_batch`, then `fit_many`.")
    print(report.table(rows))


if __name__ == "__main__":
    main()
