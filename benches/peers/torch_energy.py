"""An energy and its slopes for PyTorch: ours beside the same formula in PyTorch, and a batch beside a loop.

    python benches/peers/torch_energy.py [--quick]

Float64. Single problems: median CPU times, the two taking turns, one thread each. Batch: the best wall time of several.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import time

import numpy as np
import report
import torch
from sparsevae.torch import marginal_energy

# Shape, and how often it is timed.
SHAPES = (((100, 200), 400), ((200, 5000), 20))
NAMES = ("prior_var", "noise_var", "X", "y")
# Which arguments require a gradient.
ASKED = (("prior_var",), ("prior_var", "noise_var"), NAMES)
BATCH, BATCH_SHAPE, BATCH_REPEATS, THREADS = 1000, (100, 200), 7, 2


def by_formula(prior_var, noise_var, X, y):
    """The faster of the ways to write it that were tried."""
    covariance = (X * prior_var) @ X.mT + noise_var * torch.eye(len(X), dtype=X.dtype)
    factor = torch.linalg.cholesky(covariance)
    whitened = torch.linalg.solve_triangular(factor, y[:, None], upper=False)
    return whitened.square().sum() + 2 * factor.diagonal().log().sum()


def draw(shape, leading=()):
    d, n = shape
    generator = torch.Generator().manual_seed(0)
    X = torch.randn((*leading, d, n), dtype=torch.float64, generator=generator)
    y = torch.randn((*leading, d), dtype=torch.float64, generator=generator)
    prior_var = torch.rand((*leading, n), dtype=torch.float64, generator=generator)
    return prior_var, torch.full(leading, 0.5, dtype=torch.float64), X, y


def slopes(energy, arguments, **options):
    """Forward and backward."""
    return torch.autograd.grad(energy(*arguments, **options).sum(), [a for a in arguments if a.requires_grad])


def timed(functions, repeats, clock):
    """Seconds of each call, one row a repetition; the functions take turns, and the first repetition warms up.

    Each repetition begins with another function: what one leaves behind, such as pages that a virtual machine has not
    given back yet, helps each of them in turn.
    """
    functions = list(functions)
    spent = np.empty((repeats + 1, len(functions)))
    for k in range(repeats + 1):
        for place in range(len(functions)):
            which = (k + place * (-1) ** k) % len(functions)
            begin = clock()
            functions[which]()
            spent[k, which] = clock() - begin
    return spent[1:]


def single(share):
    rows = []
    for shape, repeats in SHAPES:
        for asked in ASKED:
            arguments = [values.requires_grad_(name in asked) for name, values in zip(NAMES, draw(shape), strict=True)]
            both = (marginal_energy, by_formula)
            found, expected = (slopes(energy, arguments) for energy in both)
            gap = max(((a - b).norm() / b.norm()).item() for a, b in zip(found, expected, strict=True))
            calls = [lambda energy=energy, a=arguments: slopes(energy, a) for energy in both]
            ours, theirs = 1e6 * np.median(timed(calls, max(2, repeats // share), time.process_time), axis=0)
            rows.append(
                {
                    "shape": "{}x{}".format(*shape),
                    "gradients": ", ".join(asked),
                    "ours us": ours,
                    "PyTorch us": theirs,
                    "ratio": theirs / ours,
                    "relative difference": gap,
                }
            )
    return rows


def batched(asked, count, repeats):
    arguments = [
        values.requires_grad_(name in asked) for name, values in zip(NAMES, draw(BATCH_SHAPE, (count,)), strict=True)
    ]
    apart = [[values[p].detach().requires_grad_(values.requires_grad) for values in arguments] for p in range(count)]
    calls = {
        f"batch, {THREADS} threads": lambda: slopes(marginal_energy, arguments, n_jobs=THREADS),
        "batch, 1 thread": lambda: slopes(marginal_energy, arguments),
        "loop": lambda: [slopes(marginal_energy, problem) for problem in apart],
        "loop in PyTorch": lambda: [slopes(by_formula, problem) for problem in apart],
    }
    best = timed(calls.values(), repeats, time.perf_counter).min(axis=0)
    loop = best[list(calls).index("loop")]
    return [
        {"gradients": ", ".join(asked), "": name, "ms": 1e3 * spent, "loop over it": loop / spent}
        for name, spent in zip(calls, best, strict=True)
    ]


def main():
    quick = environment.parser(__doc__, "few repetitions, 50 problems").parse_args().quick
    share, count, repeats = (20, 50, 1) if quick else (1, BATCH, BATCH_REPEATS)
    torch.set_num_threads(1)
    environment.introduce()
    print(f"{report.table(single(share))}\n", flush=True)
    rows = [row for asked in ASKED[1:] for row in batched(asked, count, repeats)]
    print(f"{count:,} problems of {'{} x {}'.format(*BATCH_SHAPE)}:\n\n{report.table(rows)}")


if __name__ == "__main__":
    main()
