"""Supports recovered by `solve_batch` beside a loop of `VaeSlr`, on the noise-free problems of the first paper.

    python benches/peers/torch_recovery.py [--quick]

Three designs, 2 to 60 nonzeros, 20 seeds each. One thread, CPU time. The rates are shares of supports that are the
planted one; their sum over the seven numbers of nonzeros is what is shown, and how many certificates are false.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import time
import warnings

import numpy as np
import report
import torch
from sklearn.exceptions import ConvergenceWarning
from sparsevae import VaeSlr
from sparsevae.experiments import Problem
from sparsevae.torch import solve_batch

DESIGNS = {"gaussian": (100, 200), "random_walk": (100, 200), "riboflavin": (71, 100)}
NONZEROS, SEEDS = (2, 10, 20, 30, 40, 50, 60), 20
BATCHES = {
    '"em"': {"optimizer": "em"},
    '"auto", no restart': {"n_restarts": 0},
    '"auto", 30 restarts': {"n_restarts": 30},
    '"auto"': {},
}


def loop(X, Y, **options):
    """Coefficients by one fit after the other, and which are certified."""
    models = [VaeSlr(fit_intercept=False, **options).fit(one.numpy(), y.numpy()) for one, y in zip(X, Y, strict=True)]
    return np.stack([model.coef_ for model in models]), np.array([model.certified_ for model in models])


def batch(X, Y, **options):
    """The same side by side."""
    found = solve_batch(X, Y, **options)
    return found.coef.numpy(), found.converged.numpy()


def main():
    quick = environment.parser(__doc__, "one seed, 2 and 20 nonzeros").parse_args().quick
    seeds, nonzeros = (1, (2, 20)) if quick else (SEEDS, NONZEROS)
    warnings.simplefilter("ignore", ConvergenceWarning)
    torch.set_num_threads(1)
    methods = {f"solve_batch, {name}": (batch, options) for name, options in BATCHES.items()}
    methods |= {"VaeSlr, anneal": (loop, {"noise_var": "anneal"}), "VaeSlr": (loop, {})}
    rows = {name: {"method": name} for name in methods}
    for design, (d, n) in DESIGNS.items():
        for row in rows.values():
            row |= {design: 0.0, f"{design} s": 0.0, f"{design} false": 0}
        for k in nonzeros:
            data = [Problem(design, d, n, k).draw(seed) for seed in range(seeds)]
            X, Y, Z = (np.stack([getattr(one, name) for one in data]) for name in ("X", "y", "coef"))
            for name, (function, options) in methods.items():
                start = time.process_time()
                coef, certified = function(torch.from_numpy(X), torch.from_numpy(Y), **options)
                rows[name][f"{design} s"] += time.process_time() - start
                right = ((coef != 0) == (Z != 0)).all(1)
                rows[name][design] += right.mean()
                rows[name][f"{design} false"] += int((certified & ~right).sum())
    environment.introduce()
    shown = []
    for row in rows.values():
        line = {"method": row["method"]}
        for design in DESIGNS:
            line[design.replace("_", " ")] = f"{row[design]:.2f}"
            line[f"CPU s, {design.replace('_', ' ')}"] = row[f"{design} s"]
        line["false certificates"] = sum(row[f"{design} false"] for design in DESIGNS)
        shown.append(line)
    print(report.table(shown))


if __name__ == "__main__":
    main()
