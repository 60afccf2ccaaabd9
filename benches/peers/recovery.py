"""Noise-free recovery: rates over the number of nonzero coefficients, CPU time, certificates."""

import sys
import time

import numpy as np
import sparsevae
from report import table
from sklearn.preprocessing import normalize
from solvers import PRECONDITIONED, VAE, noise_free_solvers, ours
from sparsevae.datasets import fetch_riboflavin, make_sparse_regression, plant_response
from sparsevae.exceptions import DataUnavailableError
from sparsevae.metrics import support_match, wilson_interval

KAPPAS = (2, 10, 20, 30, 40, 50, 60)
TIMED = 20


def _drawn(design):
    return lambda kappa, seed: make_sparse_regression(100, 200, n_nonzero=kappa, design=design, random_state=seed)


def designs():
    """Name, and a function from number of nonzeros and seed to a problem; notes about what is left out."""
    known = {"Gaussian 100x200": _drawn("gaussian"), "random walk 100x200": _drawn("random_walk")}
    try:
        X = normalize(fetch_riboflavin(subset="top_variance").X, axis=0)
    except DataUnavailableError as error:
        return known, [f"riboflavin 71x100: left out, {error}"]
    known["riboflavin 71x100"] = lambda kappa, seed: plant_response(X, n_nonzero=kappa, random_state=seed)
    return known, []


def seed_of(start, kappa, trial):
    return start + 1000 * kappa + trial


def recovery(trials, start, kappas=KAPPAS):
    """Rates and times, one row for each design, solver and number of nonzeros."""
    solvers, notes = noise_free_solvers()
    problems, left_out = designs()
    rows = []
    for design, draw in problems.items():
        for solve in solvers.values():
            easy = draw(2, start)
            solve(easy.X, easy.y)  # compilers and thread pools start here, not in the measurement
        for kappa in kappas:
            sys.stderr.write(f"\rrecovery: {design}, {kappa} nonzeros   ")
            seen = {name: [] for name in solvers}
            for trial in range(trials):
                data = draw(kappa, seed_of(start, kappa, trial))
                for name, solve in solvers.items():
                    begin = time.process_time()
                    coef, certified = solve(data.X, data.y)
                    spent = time.process_time() - begin
                    exact = np.array_equal(np.flatnonzero(coef), data.support)
                    seen[name].append((support_match(data.coef, coef), certified, certified and not exact, spent))
            for name, outcomes in seen.items():
                match, certified, wrong, spent = np.array(outcomes, dtype=float).T
                low, high = wilson_interval(int(match.sum()), trials)
                rows.append(
                    {
                        "design": design,
                        "solver": name,
                        "nonzeros": kappa,
                        "trials": trials,
                        "rate": match.mean(),
                        "rate_low": low,
                        "rate_high": high,
                        "certified": int(certified.sum()),
                        "wrong_certificates": int(wrong.sum()),
                        "median_cpu_ms": 1e3 * np.median(spent),
                        "max_cpu_ms": 1e3 * spent.max(),
                    }
                )
    sys.stderr.write("\n")
    return rows, notes + left_out


def show(rows):
    """One table a design: rates, their sum with the Wilson interval of the pooled rate, time at 20 nonzeros."""
    parts = []
    for design in dict.fromkeys(row["design"] for row in rows):
        lines = []
        for name in dict.fromkeys(row["solver"] for row in rows):
            mine = [row for row in rows if row["design"] == design and row["solver"] == name]
            trials = sum(row["trials"] for row in mine)
            total = sum(row["rate"] for row in mine)
            low, high = wilson_interval(round(total / len(mine) * trials), trials)
            timed = next(row for row in mine if row["nonzeros"] == TIMED)
            line = {"solver": name}
            line |= {f"{row['nonzeros']}": f"{row['rate']:.2f}" for row in mine}
            line |= {"sum": f"{total:.2f}", "95%": f"{len(mine) * low:.2f}-{len(mine) * high:.2f}"}
            line |= {f"ms at {TIMED}": timed["median_cpu_ms"]}
            line |= {"certified": f"{sum(row['certified'] for row in mine)}/{trials}"}
            line |= {"wrongly": sum(row["wrong_certificates"] for row in mine)}
            lines.append(line)
        ours_best = max(float(line["sum"]) for line in lines if line["solver"] in (VAE, PRECONDITIONED))
        rivals = [line for line in lines if "Vae" not in line["solver"]]
        best = max(rivals, key=lambda line: float(line["sum"]))
        time_ours = next(line for line in lines if line["solver"] == VAE)[f"ms at {TIMED}"]
        parts += [f"**{design}**", table(lines)]
        parts.append(
            f"Default settings {ours_best:.2f}, best rival {float(best['sum']):.2f} ({best['solver']}): ratio "
            f"{ours_best / max(float(best['sum']), 1e-9):.2f}; its time is {best[f'ms at {TIMED}'] / time_ours:.1f} "
            f"times ours."
        )
    return "\n\n".join(parts)


def certificates(count, start, offsets=(0.0,)):
    """How many of `count` noise-free problems the default fit certifies, and how many of those wrongly.

    Each of `offsets` is added to the responses of all problems, in turn.
    """
    problems, notes = designs()
    solve = ours(sparsevae.VaeSlr())
    rows = []
    for offset in offsets:
        own = []
        for which, (design, draw) in enumerate(problems.items()):
            share = count // len(problems) + (which < count % len(problems))
            certified, wrong, matched = 0, 0, 0
            for trial in range(share):
                if trial % 20 == 0:
                    sys.stderr.write(f"\rcertificates: {design}, {trial} of {share}   ")
                kappa = KAPPAS[trial % len(KAPPAS)]
                data = draw(kappa, seed_of(start + 500_000, kappa, trial))
                coef, claim = solve(data.X, data.y + offset)
                right = np.array_equal(np.flatnonzero(coef), data.support)
                certified, wrong, matched = certified + claim, wrong + (claim and not right), matched + right
            name = design if offset == 0 else f"{design}, mean {offset:.0e}"
            counts = {"problems": share, "certified": certified, "right": matched, "wrong certificates": wrong}
            own.append({"design": name} | counts)
        keys = [key for key in own[0] if key != "design"]
        name = "all" if offset == 0 else f"all, mean {offset:.0e}"
        rows += [*own, {"design": name} | {key: sum(row[key] for row in own) for key in keys}]
    sys.stderr.write("\n")
    return rows, notes
