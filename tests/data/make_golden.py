"""Writes golden.jsonl, one case a line: what the core must find, by plain NumPy formulas, independent of the package.

Run with Python and NumPy alone: ``python tests/data/make_golden.py``. The formulas follow the papers and use dense
inverses, determinants, matrix powers, numerical derivatives and enumeration where the package uses Cholesky factors,
singular values, closed forms and greedy choices.
"""

import itertools
import json
import math
from pathlib import Path

import numpy as np

SHAPES = [(1, 1), (1, 4), (4, 1), (3, 7), (7, 3), (5, 5), (6, 17), (17, 6)]


def slope(f, at):
    """Fourth-order central difference."""
    h = 1e-3 * max(abs(at), 0.1)
    return (8 * (f(at + h) - f(at - h)) - (f(at + 2 * h) - f(at - 2 * h))) / (12 * h)


def slopes(f, at):
    """The derivative of ``f`` in every entry of the array ``at``."""
    found = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        unit = np.zeros(at.shape)
        unit[index] = 1.0
        found[index] = slope(lambda v, index=index, unit=unit: f(at + (v - at[index]) * unit), at[index])
    return found


def matrix_power(matrix, power):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**power) @ vectors.T


def log_det(matrix):
    return np.linalg.slogdet(matrix)[1]


# Energies of a design at prior variances w and noise variance gamma; Y has one response a column.


def covariance(X, w, gamma):
    return X @ np.diag(w) @ X.T + gamma * np.eye(len(X))


def misfit(X, Y, w, gamma):
    return np.trace(Y.T @ np.linalg.inv(covariance(X, w, gamma)) @ Y)


def marginal(X, Y, w, gamma):
    return misfit(X, Y, w, gamma) + Y.shape[1] * log_det(covariance(X, w, gamma))


def separable(X, Y, w, gamma):
    spread = np.log(gamma + w * np.sum(X**2, axis=0)).sum() + (X.shape[0] - X.shape[1]) * np.log(gamma)
    return misfit(X, Y, w, gamma) + Y.shape[1] * spread


def preconditioned(X, Y, w, gamma, power):
    P = matrix_power(X @ X.T + gamma * np.eye(len(X)), -power)
    return marginal(P @ X, P @ Y, w, gamma)


def steps(X, Y, w, gamma):
    inverse = np.linalg.inv(covariance(X, w, gamma))
    q = X.T @ inverse @ Y
    s = np.array([x @ inverse @ x for x in X.T])
    square = np.mean(q**2, axis=1)
    posterior = np.linalg.inv(np.diag(1 / w) + X.T @ X / gamma)
    return {
        "q": q.T,
        "s": s,
        # Second moments of the posterior, from its own formula in the space of coefficients.
        "em": w**2 * square + np.diag(posterior),
        "mm": w * np.sqrt(square / s),
        "mackay": w * square / s,
    }


def energy_case(shape, power, deficient, rng, n_responses=1):
    n_samples, n_features = shape
    X = rng.standard_normal(shape)
    if deficient:
        X[:, -1] = X[:, 0]
    Y = rng.standard_normal((n_responses, n_samples)).T
    w = rng.uniform(0.2, 2.0, n_features)
    gamma = float(rng.uniform(0.1, 1.0))

    def evaluation(energy):
        return {
            "value": energy(w, gamma),
            "grad_prior_var": slopes(lambda w: energy(w, gamma), w),
            "grad_noise_var": slope(lambda gamma: energy(w, gamma), gamma),
        }

    case = {
        "kind": "energy",
        "X": X,
        "y": Y.T,
        "prior_var": w,
        "noise_var": gamma,
        "marginal": evaluation(lambda w, gamma: marginal(X, Y, w, gamma)),
        "separable": evaluation(lambda w, gamma: separable(X, Y, w, gamma)),
        "steps": steps(X, Y, w, gamma),
    }
    if n_responses == 1:
        case["power"] = power
        case["preconditioned"] = evaluation(lambda w, gamma: preconditioned(X, Y, w, gamma, power))
    return case


# The affine decoder.


def affine(X, components, mean, gamma, diagonal):
    n_samples, n_features = X.shape
    C = components.T @ components + gamma * np.eye(n_features)
    centred = X - mean
    quadratic = np.trace(centred @ np.linalg.inv(C) @ centred.T)
    if not diagonal:
        return quadratic + n_samples * log_det(C)
    spread = np.log(gamma + np.sum(components**2, axis=1)).sum()
    return quadratic + n_samples * (spread + (n_features - len(components)) * np.log(gamma))


def affine_case(n_samples, n_features, n_components, rng):
    X = rng.standard_normal((n_samples, n_features))
    W = rng.standard_normal((n_components, n_features))
    b = rng.standard_normal(n_features)
    gamma = float(rng.uniform(0.1, 1.0))

    def evaluation(diagonal):
        return {
            "value": affine(X, W, b, gamma, diagonal),
            "grad_components": slopes(lambda W: affine(X, W, b, gamma, diagonal), W),
            "grad_noise_var": slope(lambda gamma: affine(X, W, b, gamma, diagonal), gamma),
        }

    return {
        "kind": "affine",
        "X": X,
        "components": W,
        "mean": b,
        "noise_var": gamma,
        "full": evaluation(diagonal=False),
        "separable": evaluation(diagonal=True),
    }


# The evidence lower bound, at one draw and in the mean over draws.


def bound(X, Y, parameters, power, draw):
    """Twice the negative bound; the mean over draws where ``draw`` is None."""
    w, weights, factor, gamma = parameters
    P = np.eye(len(X)) if power is None else matrix_power(X @ X.T + gamma * np.eye(len(X)), -power)
    decoder = P @ X @ np.diag(w)
    # Behind a preconditioner the encoder of the core sees what columns reach.
    seen = P @ Y if power is None else X @ np.linalg.pinv(X) @ P @ Y
    mean = weights @ seen
    latent = mean if draw is None else mean + factor @ draw
    d, n = X.shape
    once = d * np.log(gamma) + np.sum(factor**2) - log_det(factor @ factor.T) - n
    if draw is None:
        once += np.sum((decoder @ factor) ** 2) / gamma
    return np.sum((P @ Y - decoder @ latent) ** 2) / gamma + np.sum(mean**2) + Y.shape[1] * once


def bound_case(shape, power, n_responses, rng):
    d, n = shape
    X, Y = rng.standard_normal(shape), rng.standard_normal((d, n_responses))
    lower = np.tril_indices(n)
    values = {
        "decoder_scale": rng.standard_normal(n),
        "encoder_weights": rng.standard_normal((n, d)),
        "encoder_factor": rng.standard_normal(len(lower[0])),
        "noise_var": np.array(rng.uniform(0.2, 1.0)),
    }
    draw = rng.standard_normal((n, n_responses))

    def at(draw, **changed):
        now = values | changed
        factor = np.zeros((n, n))
        factor[lower] = now["encoder_factor"]
        parameters = (now["decoder_scale"], now["encoder_weights"], factor, float(now["noise_var"]))
        return bound(X, Y, parameters, power, draw)

    return {
        "kind": "bound",
        "X": X,
        "y": Y.T,
        "power": power,
        "parameters": values,
        "draw": draw.T,
        "value": at(draw),
        "mean": at(None),
        "gradient": {name: slopes(lambda v, name=name: at(draw, **{name: v}), value) for name, value in values.items()},
    }


# The first round of expectation propagation: spike and slabs, sites damped in logarithms.


def tilted(cavity_mean, cavity_var, density, weights, variances):
    """Of one column: responsibilities of the slabs, moments under each slab, mean and variance of the mixture."""

    def normal(variance):
        return np.prod(np.exp(-(cavity_mean**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance))

    evidence = np.array([(1 - density) * normal(cavity_var)])
    evidence = np.append(
        evidence, [density * p * normal(v + cavity_var) for p, v in zip(weights, variances, strict=True)]
    )
    share = evidence / evidence.sum()
    slab_var = 1 / (1 / variances + 1 / cavity_var)
    slab_mean = np.outer(slab_var / cavity_var, cavity_mean)
    mean = share[1:] @ slab_mean
    spread = share[0] * mean**2 + share[1:] @ ((slab_mean - mean) ** 2 + slab_var[:, None])
    return share[1:], np.mean(slab_mean**2, axis=1) + slab_var, mean, np.mean(spread)


def propagation_case(rank, n, n_nonzero, n_responses, n_steps, rng):
    B = np.linalg.qr(rng.standard_normal((n, rank)))[0].T
    Z = np.zeros((n, n_responses))
    Z[:n_nonzero] = rng.standard_normal((n_nonzero, n_responses))
    Y = B @ Z
    if n_responses > 1:
        Y = np.linalg.qr(Y)[0]
    damping, most = (0.5, 0.95) if n_responses == 1 else (0.3, min(0.95, rank / n))
    density = min(0.3, 0.6 * rank / n)
    unit = np.sum(Y**2) / n_responses / (density * min(rank, n // 2))
    weights, variances = np.full(3, 1 / 3), unit * np.array([0.03, 0.3, 3.0])
    a, b = np.full(n, 1 / (density * (weights @ variances))), np.zeros((n, n_responses))
    energies, norms, before = [], [], None
    for step in range(1, n_steps + 1):
        V = np.diag(1 / a)
        inverse = np.linalg.inv(B @ V @ B.T)
        prior_mean = V @ b
        left = Y - B @ prior_mean
        mean = prior_mean + V @ B.T @ inverse @ left
        posterior_var = np.diag(V - V @ B.T @ inverse @ B @ V)
        energies.append(np.trace(left.T @ inverse @ left) - log_det(inverse))
        strength = np.linalg.norm(mean, axis=1)
        order = np.argsort(-strength)
        top, tail = set(order[: rank - 1]), np.linalg.norm(strength[order[rank - 1 :]]) / np.linalg.norm(strength)
        due = step % 2 == 0 if step <= 6 else step % 3 == 0
        if due and (step <= 4 or tail < 0.01) and top != before:
            before = top
            norms.append(strength)
        # What the other sites and the data say about each column.
        cavity_var = 1 / (1 / posterior_var - a)
        cavity_mean = cavity_var[:, None] * (mean / posterior_var[:, None] - b)
        assert np.all(cavity_var > 1e-6 * (weights @ variances)), f"nothing but rounding at step {step}"
        counts, moments, tilted_mean, tilted_var = np.zeros(3), np.zeros(3), np.zeros_like(b), np.zeros(n)
        for j in range(n):
            share, second, tilted_mean[j], tilted_var[j] = tilted(
                cavity_mean[j], cavity_var[j], density, weights, variances
            )
            counts += share
            moments += share * second
        density = np.clip(counts.sum() / n, 2 / n, most)
        weights, variances = np.maximum(counts / counts.sum(), 1e-6), np.maximum(moments / counts, 1e-10 * unit)
        scale = weights @ variances
        site = np.clip(1 / tilted_var - 1 / cavity_var, 1e-2 / variances.max(), 1e14 / scale)
        a = a ** (1 - damping) * site**damping
        moved = tilted_mean * (site + 1 / cavity_var)[:, None] - cavity_mean / cavity_var[:, None]
        b = (1 - damping) * b + damping * moved
    return {"kind": "propagation", "basis": B, "responses": Y.T, "energies": energies, "norms": norms}


# The certificate, by enumeration.


def fit(B, Y, support):
    """Coefficients and misfit of least squares on some columns."""
    z = np.linalg.lstsq(B[:, support], Y, rcond=None)[0]
    return z, np.linalg.norm(Y - B[:, support] @ z)


def certificate_case(title, X, Z, score, *, precision=2.0**-53, response=None):
    Y = X @ Z if response is None else response
    U, singular, B = np.linalg.svd(X, full_matrices=False)
    white = (U.T @ Y) / singular[:, None]
    rank, n = B.shape
    spread = np.linalg.svd(white, compute_uv=False)

    def rounding(z):
        return 32 * precision * (np.linalg.norm(Y) + np.linalg.norm(z, axis=1).sum())

    def fits(support):
        z, left = fit(X, Y, list(support))
        return left <= rounding(z)

    candidates = [j for j in np.argsort(-score, kind="stable") if score[j] > 0][: rank - 1]
    # The smallest sets first, and among those of a size the highest scores.
    sets = itertools.chain.from_iterable(itertools.combinations(candidates, k) for k in range(rank))
    support = next((sorted(map(int, s)) for s in sets if fits(s)), None)
    expected = None
    if support is not None:
        z, _ = fit(X, Y, support)
        k, tolerance = len(support), rounding(z) / singular[-1]
        without = [[i for i in support if i != j] for j in support]
        proved = all(fit(X, Y, fewer)[1] > 1e3 * rounding(z) for fewer in without)
        least = min(fit(B, white, fewer)[1] for fewer in without)
        chance = math.log(math.comb(n, k))
        for taken, size in enumerate(spread):
            free = k - taken
            ratio = math.lgamma((free + rank - k) / 2) - math.lgamma(free / 2) - math.lgamma((rank - k) / 2 + 1)
            chance += min(ratio + (rank - k) * math.log(tolerance / min(size, least)), 0.0)
        proved &= chance < math.log(1e-9)
        for i, j in itertools.product(support, set(range(n)) - set(support)):
            other = [j if chosen == i else chosen for chosen in support]
            proved &= fit(B, white, other)[1] > 10 * tolerance
        if proved:
            every = itertools.chain.from_iterable(itertools.combinations(range(n), size) for size in range(k + 1))
            assert [list(s) for s in every if fits(s)] == [support], "a proof of what is not unique"
        expected = {"support": support, "coefficients": z.T, "proved": bool(proved)}
    return {
        "kind": "certificate",
        "title": title,
        "design": X,
        "values": Y.T,
        "basis": B,
        "response": white.T,
        "spread": spread,
        "response_norm": np.linalg.norm(Y),
        "smallest_singular": singular[-1],
        "precision": precision,
        "score": score,
        "expected": expected,
    }


def certificate_cases(rng):
    def problem(rank, n, support, n_responses=1):
        X = rng.standard_normal((rank, n))
        X /= np.linalg.norm(X, axis=0)
        Z = np.zeros((n, n_responses))
        Z[support] = rng.choice([-1.0, 1.0], (len(support), n_responses)) * rng.uniform(
            0.5, 2.0, (len(support), n_responses)
        )
        return X, Z, np.linalg.norm(Z, axis=1) + rng.uniform(0.0, 0.1, n)

    X, Z, score = problem(6, 10, [2, 7])
    yield certificate_case("planted", X, Z, score)
    yield certificate_case(
        "superfluous columns score highest", X, Z, np.where(score > 0.2, 1.0, 2.0 * (np.arange(10) < 4))
    )
    yield certificate_case("a column of the support has no score", X, Z, np.where(np.arange(10) == 7, 0.0, score))
    yield certificate_case("dense response", X, Z, score, response=rng.standard_normal((6, 1)))
    yield certificate_case("data of single precision", *problem(6, 10, [0, 3, 4, 5, 9]), precision=2.0**-24)
    yield certificate_case("two responses", *problem(6, 10, [1, 4, 8], 2))
    for title, nudge in [("a column twice", 0.0), ("a near copy", 1e-14), ("a distant copy", 1e-3)]:
        X, Z, score = problem(6, 10, [2, 7])
        X[:, 5] = X[:, 7] + nudge * X[:, 0]
        X[:, 5] /= np.linalg.norm(X[:, 5])
        yield certificate_case(title, X, Z, np.where(np.arange(10) == 5, 0.0, score))


def cases():
    rng = np.random.default_rng(20261121)
    yield from (energy_case(shape, power, False, rng) for shape in SHAPES for power in (1.0, 0.5))
    yield from (energy_case(shape, 0.25, True, rng) for shape in SHAPES if shape[1] > 1)
    rng = np.random.default_rng(20261127)
    for (shape, deficient), count in itertools.product([((3, 7), False), ((7, 3), True), ((5, 5), False)], (2, 6)):
        yield energy_case(shape, None, deficient, rng, count)
    yield from (affine_case(*shape, rng) for shape in [(1, 1, 1), (7, 4, 2), (3, 6, 5), (5, 3, 3)])
    for power in (None, 1.0, 0.4):
        yield from (bound_case(shape, power, 1, rng) for shape in [(1, 1), (3, 5), (5, 2)])
    yield from (bound_case((3, 5), None, count, rng) for count in (2, 4))
    yield from (propagation_case(*shape, rng) for shape in [(8, 16, 2, 1, 6), (6, 7, 3, 1, 6), (9, 20, 4, 3, 8)])
    yield from certificate_cases(rng)


def main():
    path = Path(__file__).with_name("golden.jsonl")
    lines = (json.dumps(case, default=lambda value: value.tolist()) for case in cases())
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
