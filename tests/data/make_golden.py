"""Writes golden.json: energies, gradients and update steps by plain NumPy formulas, independent of the package.

Run with Python and NumPy alone: ``python tests/data/make_golden.py``. The formulas follow the papers and use dense
inverses, determinants and matrix powers where the package uses Cholesky factors and singular values.
"""

import json
from pathlib import Path

import numpy as np

SHAPES = [(1, 1), (1, 4), (4, 1), (3, 7), (7, 3), (5, 5), (6, 17), (17, 6)]


def covariance(X, w, gamma):
    return X @ np.diag(w) @ X.T + gamma * np.eye(len(X))


def marginal(X, y, w, gamma):
    sigma = covariance(X, w, gamma)
    return float(y @ np.linalg.inv(sigma) @ y + np.linalg.slogdet(sigma)[1])


def preconditioned(X, y, w, gamma, power):
    values, vectors = np.linalg.eigh(X @ X.T + gamma * np.eye(len(X)))
    P = vectors @ np.diag(values**-power) @ vectors.T
    return marginal(P @ X, P @ y, w, gamma)


def by_differences(energy, w, gamma):
    """Fourth-order central differences."""

    def slope(f, at):
        h = 1e-3 * at
        return (8 * (f(at + h) - f(at - h)) - (f(at + 2 * h) - f(at - 2 * h))) / (12 * h)

    grad = []
    for j in range(len(w)):
        unit = np.eye(len(w))[j]
        grad.append(slope(lambda v, j=j, unit=unit: energy(w + (v - w[j]) * unit, gamma), w[j]))
    return grad, slope(lambda g: energy(w, g), gamma)


def steps(X, y, w, gamma):
    inverse = np.linalg.inv(covariance(X, w, gamma))
    q = X.T @ inverse @ y
    s = np.array([x @ inverse @ x for x in X.T])
    mean = w * q
    posterior = np.linalg.inv(np.diag(1 / w) + X.T @ X / gamma)
    return {
        "q": q.tolist(),
        "s": s.tolist(),
        # Second moments of the posterior, from its own formula in the space of coefficients.
        "em": (mean**2 + np.diag(posterior)).tolist(),
        "mm": (w * np.sqrt(q**2 / s)).tolist(),
        "mackay": (mean**2 / (w * s)).tolist(),
    }


def case(shape, power, deficient, rng):
    n_samples, n_features = shape
    X = rng.standard_normal(shape)
    if deficient:
        X[:, -1] = X[:, 0]
    y = rng.standard_normal(n_samples)
    w = rng.uniform(0.2, 2.0, n_features)
    gamma = float(rng.uniform(0.1, 1.0))
    grad, slope = by_differences(lambda w, g: marginal(X, y, w, g), w, gamma)
    p_grad, p_slope = by_differences(lambda w, g: preconditioned(X, y, w, g, power), w, gamma)
    return {
        "X": X.tolist(),
        "y": y.tolist(),
        "prior_var": w.tolist(),
        "noise_var": gamma,
        "power": power,
        "marginal": {"value": marginal(X, y, w, gamma), "grad_prior_var": grad, "grad_noise_var": slope},
        "preconditioned": {
            "value": preconditioned(X, y, w, gamma, power),
            "grad_prior_var": p_grad,
            "grad_noise_var": p_slope,
        },
        "steps": steps(X, y, w, gamma),
    }


def main():
    rng = np.random.default_rng(20261121)
    cases = [case(shape, power, False, rng) for shape in SHAPES for power in (1.0, 0.5)]
    cases += [case(shape, 0.25, True, rng) for shape in SHAPES if shape[1] > 1]
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps({"cases": cases}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
