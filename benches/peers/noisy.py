"""Noisy recovery at 30 dB with unknown noise variance: F1 of the support, relative error, CPU time."""

import sys
import time

import numpy as np
import sparsevae
from recovery import seed_of
from report import table
from sklearn.linear_model import LassoCV
from sklearn.preprocessing import normalize
from solvers import optional, quietly
from sparsevae.datasets import fetch_riboflavin, make_sparse_regression, plant_response
from sparsevae.exceptions import DataUnavailableError
from sparsevae.experiments.rivals import GammaMap, McpPath, evidence, extended_bic, least_squares
from sparsevae.metrics import relative_error, support_f1

SNR_DB = 30
SLOW = 500_000
FEW_TRIALS = 4


def cases():
    """Name, and a function from a seed to a problem; notes about what is left out."""

    def drawn(n_samples, n_features, n_nonzero, design):
        return lambda seed: make_sparse_regression(
            n_samples,
            n_features,
            n_nonzero=n_nonzero,
            design=design,
            correlation=0.95,
            snr_db=SNR_DB,
            random_state=seed_of(seed, n_nonzero, 0),
        )

    known = {
        "Gaussian 200x1000, 20": drawn(200, 1000, 20, "gaussian"),
        "random walk 100x200, 8": drawn(100, 200, 8, "random_walk"),
        "Toeplitz(.95) 100x400, 10": drawn(100, 400, 10, "toeplitz"),
        "Gaussian 200x5000, 20": drawn(200, 5000, 20, "gaussian"),
    }
    try:
        X = normalize(fetch_riboflavin(subset="top_variance").X, axis=0)
    except DataUnavailableError as error:
        return known, [f"riboflavin 71x100, 5: left out, {error}"]
    known["riboflavin 71x100, 5"] = lambda seed: plant_response(
        X, n_nonzero=5, snr_db=SNR_DB, random_state=seed_of(seed, 5, 0)
    )
    return known, []


def mcp(gamma, criterion):
    path = McpPath(gamma)
    return quietly(lambda data: path.noisy(data.X, data.y, criterion))


@quietly
def lasso_cv(data):
    return LassoCV(fit_intercept=False, cv=5, alphas=50, max_iter=5000).fit(data.X, data.y).coef_


def gamma_map():
    kernel = GammaMap(max_iter=1000)
    return quietly(lambda data: kernel.solve(data.X, data.y, data.noise_var))


@quietly
def ours(data):
    return sparsevae.VaeSlr().fit(data.X, data.y).coef_


OURS, ORACLE = "VaeSlr()", "least squares on the true support"


def solvers():
    known = {OURS: ours, ORACLE: lambda data: least_squares(data.X, data.y, data.support)}
    settings = [(gamma, rule) for rule in (evidence, extended_bic) for gamma in (1.5, 3.0)]
    names = [f"skglm MCP path, gamma {gamma:g}, {rule.__name__}" for gamma, rule in settings]
    paths, missing = optional(names, lambda: [mcp(gamma, rule) for gamma, rule in settings])
    kernel, absent = optional(("MNE gamma-MAP, true noise variance",), lambda: [gamma_map()])
    return known | paths | kernel | {"LassoCV, 5 folds": lasso_cv}, missing + absent


def noisy(trials, start, most=np.inf):
    """Means, one row for each case of at most so many entries and each solver."""
    known, notes = solvers()
    problems, left_out = cases()
    rows = []
    for case, draw in problems.items():
        if draw(start).X.size > most:
            continue
        seen = {name: [] for name in known}
        for trial in range(-1, trials):
            sys.stderr.write(f"\rnoisy: {case}, {trial + 1} of {trials}      ")
            data = draw(start + max(trial, 0))
            slow = data.X.size > SLOW
            for name, solve in known.items():
                if slow and name.startswith(("MNE", "LassoCV")) and not 0 <= trial < FEW_TRIALS:
                    continue
                begin = time.process_time()
                coef = solve(data)
                spent = time.process_time() - begin
                if trial >= 0:
                    f1 = support_f1(data.coef, coef, threshold=0.0)
                    seen[name].append((f1, relative_error(data.coef, coef), np.count_nonzero(coef), spent))
        oracle = np.array(seen[ORACLE])[:, 1]
        for name, outcomes in seen.items():
            f1, error, size, spent = np.array(outcomes, dtype=float).T
            rows.append(
                {
                    "case": case,
                    "solver": name,
                    "trials": len(f1),
                    "f1": f1.mean(),
                    "error_mean": error.mean(),
                    "error_median": np.median(error),
                    "over_oracle_mean": error.mean() / oracle[: len(error)].mean(),
                    "nonzeros": size.mean(),
                    "median_cpu_ms": 1e3 * np.median(spent),
                }
            )
    sys.stderr.write("\n")
    return rows, notes + left_out


def show(rows):
    """One table a case; of the MCP paths, the setting of highest F1."""
    parts = []
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case]
        paths = [row for row in mine if "MCP" in row["solver"]]
        best = max(paths, key=lambda row: row["f1"], default=None)
        time_ours = next(row for row in mine if row["solver"] == OURS)["median_cpu_ms"]
        shown = [row for row in mine if row not in paths or row is best]
        lines = [
            {key.replace("_", " "): value for key, value in row.items() if key != "case"}
            | {"time over ours": row["median_cpu_ms"] / time_ours}
            for row in shown
        ]
        parts += [f"**{case} nonzeros**", table(lines)]
    return "\n\n".join(parts)
