"""Prediction from noisy data: real data, cross-validated; the benchmark of Hastie, Tibshirani and Tibshirani (2020)."""

import os
import time
import warnings
from pathlib import Path

import numpy as np
from report import number
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNetCV, LassoCV, RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sparsevae import VaeSlr
from sparsevae.datasets import fetch_riboflavin
from sparsevae.exceptions import DataUnavailableError
from sparsevae.metrics import support_f1

SIZES = {"low": (100, 10, 5), "medium": (500, 100, 5), "high-5": (50, 1000, 5), "high-10": (100, 1000, 10)}
TYPES = (1, 2, 3, 5)
CORRELATIONS = (0.0, 0.35, 0.7)
SNRS = (0.05, 0.09, 0.14, 0.25, 0.42, 0.71, 1.22, 2.07, 3.52, 6.0)


def scaled(estimator):
    return make_pipeline(StandardScaler(), estimator)


METHODS = {
    "`VaeSlr(model_averaging=True)`": lambda: VaeSlr(model_averaging=True),
    "`VaeSlr()`": VaeSlr,
    "LassoCV": lambda: scaled(LassoCV(cv=10)),
    "ElasticNetCV": lambda: scaled(ElasticNetCV(cv=10, l1_ratio=[0.1, 0.5, 0.9])),
    "RidgeCV": lambda: scaled(RidgeCV(alphas=np.logspace(-2, 5, 50))),
}


def real_data():
    """Name, design and response; notes about what is left out."""
    found, notes = {"diabetes": load_diabetes(return_X_y=True)}, []
    try:
        found["riboflavin"] = fetch_riboflavin(return_X_y=True)
    except DataUnavailableError as error:
        notes.append(f"riboflavin: left out, {error}")
    folder = Path(os.environ.get("SPARSEVAE_DATA", ".")) / "regression"
    for name in ("trim32", "gasoline"):
        path = folder / f"{name}.csv.gz"
        if path.is_file():
            table = np.loadtxt(path, delimiter=",", skiprows=1)
            found[name] = table[:, 1:], table[:, 0]
        else:
            notes.append(f"{name}: left out, there is no {path}")
    return found, notes


def coefficients(kind, n_features, n_nonzero):
    coef = np.zeros(n_features)
    if kind == 1:
        coef[np.linspace(0, n_features - 1, n_nonzero).round().astype(int)] = 1.0
    else:
        coef[:n_nonzero] = np.linspace(10.0, 0.5, n_nonzero) if kind == 3 else 1.0
    if kind == 5:
        coef[n_nonzero:] = 0.5 ** np.arange(1, n_features - n_nonzero + 1)
    return coef


def benchmark(size, draw):
    """One problem for each type, correlation and SNR: design, response, coefficients, their factor, noise deviation."""
    n_samples, n_features, n_nonzero = SIZES[size]
    for correlation in CORRELATIONS:
        distance = np.abs(np.subtract.outer(np.arange(n_features), np.arange(n_features)))
        factor = np.linalg.cholesky(correlation**distance)
        for kind in TYPES:
            coef = coefficients(kind, n_features, n_nonzero)
            for i, snr in enumerate(SNRS):
                rng = np.random.default_rng([list(SIZES).index(size), kind, int(100 * correlation), i, draw])
                X = rng.standard_normal((n_samples, n_features)) @ factor.T
                noise = float(np.linalg.norm(factor.T @ coef)) / snr**0.5
                yield X, X @ coef + noise * rng.standard_normal(n_samples), coef, factor, noise


def linear(model):
    """Coefficients of the data as they are."""
    return model.coef_ if isinstance(model, VaeSlr) else model[-1].coef_ / model[0].scale_


def cross_validated(name, data, repetitions, seed):
    for method, make in METHODS.items():
        scores, start = [], time.process_time()
        for repetition in range(repetitions):
            folds = KFold(10, shuffle=True, random_state=seed + repetition)
            predicted = cross_val_predict(make(), *data, cv=folds)
            scores.append(1 - np.square(data[1] - predicted).sum() / np.square(data[1] - data[1].mean()).sum())
        yield {
            "case": name,
            "method": method,
            "measure": "R^2 of 10-fold cross-validation",
            "value": np.mean(scores),
            "deviation": np.std(scores),
            "F1": np.nan,
            "seconds": (time.process_time() - start) / (10 * repetitions),
        }


def benchmarked(size, draws, seed):
    errors, scores, seconds = ({method: [] for method in METHODS} for _ in range(3))
    for draw in range(seed, seed + draws):
        for X, y, coef, factor, noise in benchmark(size, draw):
            for method, make in METHODS.items():
                start = time.process_time()
                model = make().fit(X, y)
                seconds[method].append(time.process_time() - start)
                found = linear(model)
                errors[method].append(1 + np.square(factor.T @ (found - coef)).sum() / noise**2)
                support = model.support_ if isinstance(model, VaeSlr) else np.flatnonzero(found)
                scores[method].append(support_f1(np.flatnonzero(coef), support))
    for method in METHODS:
        logs = np.log(errors[method])
        yield {
            "case": size,
            "method": method,
            "measure": "relative test error, geometric mean",
            "value": np.exp(logs.mean()),
            "deviation": np.exp(logs.mean()) * logs.std() / len(logs) ** 0.5,
            "F1": np.mean(scores[method]),
            "seconds": np.median(seconds[method]),
        }


def prediction(trials, seed):
    repetitions, draws = max(1, trials // 4), max(1, trials // 20)
    data, notes = real_data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rows = [row for name in data for row in cross_validated(name, data[name], repetitions, seed)]
        rows += [row for size in SIZES for row in benchmarked(size, draws, seed)]
    said = (
        f"R^2: mean and standard deviation of {repetitions} repetitions, CPU seconds of a fit. Relative test error "
        "(1 is the truth): geometric mean and its standard error over types 1, 2, 3, 5, correlations 0, .35, .7, ten "
        f"SNRs from .05 to 6, {draws} draw(s) each; mean F1 of the support; median CPU seconds."
    )
    return rows, [*notes, said]


def show(rows):
    lines = ["| case | " + " | ".join(METHODS) + " |", "|---" * (len(METHODS) + 1) + "|"]
    for case in dict.fromkeys(row["case"] for row in rows):
        cells = []
        for row in (row for row in rows if row["case"] == case):
            f1 = "" if np.isnan(row["F1"]) else f", F1 {row['F1']:.2f}"
            cells.append(f"{row['value']:.3f} +- {row['deviation']:.3f}{f1}, {number(row['seconds'], 2)} s")
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
