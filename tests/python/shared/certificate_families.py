"""Families of planted problems on which rounding, scale or ties invite false certificates.

Each draws, from a generator, an estimator, a design, the responses and the planted support.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.fft import dct
from scipy.sparse import csc_array, random_array
from sparsevae import PreconditionedVae, SimultaneousSparseVae, VaeSlr
from sparsevae.datasets import make_sparse_regression
from sparsevae.torch import solve_batch

Rng = np.random.Generator
Problem = tuple[Any, Any, Any, Any]


def _plant(rng: Rng, X: Any, k: int, coef: Any = None) -> tuple[Any, Any]:
    support = np.sort(rng.choice(X.shape[1], k, replace=False))
    z = np.zeros(X.shape[1])
    z[support] = rng.standard_normal(k) if coef is None else coef
    return z, support


def _shape(rng: Rng) -> tuple[int, int, int]:
    n = int(rng.choice([6, 8, 10, 15, 25, 40]))
    p = int(n * rng.choice([0.6, 1.3, 2.0, 3.0]))
    return n, p, int(rng.integers(1, max(2, min(n, p) // 2)))


def _gaussian(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    X = rng.standard_normal((n, p))
    z, support = _plant(rng, X, k)
    return VaeSlr(), X, X @ z, support


def _offset(rng: Rng) -> Problem:
    model, X, y, support = _gaussian(rng)
    return model, X, y + 10.0 ** rng.uniform(1, 8), support


def _means(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    X = rng.standard_normal((n, p)) + 10.0 ** rng.uniform(1, 8) * rng.uniform(-1, 1, p)
    z, support = _plant(rng, X, k)
    return VaeSlr(), X, X @ z, support


def _row_scales(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    X = rng.standard_normal((n, p)) * np.logspace(-5, 5, n)[:, None]
    z, support = _plant(rng, X, k, 10.0 ** rng.uniform(-6, 0, k))
    return VaeSlr(fit_intercept=False), X, X @ z, support


def _vandermonde(rng: Rng) -> Problem:
    n, p, _ = _shape(rng)
    X = np.vander(np.linspace(-1, 1, n), p, increasing=True)
    z, support = _plant(rng, X, int(rng.integers(1, min(5, p))))
    return VaeSlr(fit_intercept=False), X, X @ z, support


def _hilbert(rng: Rng) -> Problem:
    n, p, _ = _shape(rng)
    X = 1.0 / (np.arange(n)[:, None] + np.arange(p) + 1.0)
    z, support = _plant(rng, X, int(rng.integers(1, 4)))
    return VaeSlr(fit_intercept=False), X, X @ z, support


def _near_copies(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    half = rng.standard_normal((n, p // 2 + 1))
    X = np.hstack([half, half + 10.0 ** rng.uniform(-12, -6) * rng.standard_normal(half.shape)])
    z, support = _plant(rng, X, k)
    return VaeSlr(), X, X @ z, support


def _condition(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    U, _, V = np.linalg.svd(rng.standard_normal((n, p)), full_matrices=False)
    X = U * np.logspace(0, -rng.uniform(0, 12), len(V)) @ V
    z, support = _plant(rng, X, k)
    return VaeSlr(fit_intercept=False), X, X @ z, support


def _noise(shape: tuple[int, int], design: str) -> Callable[[Rng], Problem]:
    def draw(rng: Rng) -> Problem:
        n, p = shape
        d = make_sparse_regression(n, p, n_nonzero=8, design=design, random_state=int(rng.integers(2**31)))
        noise = 10.0 ** rng.uniform(-14, -8) * np.linalg.norm(d.y) / n**0.5 * rng.standard_normal(n)
        return VaeSlr(fit_intercept=False), d.X, d.y + noise, d.support

    return draw


def _several(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    X = rng.standard_normal((n, p))
    Z = np.zeros((p, 3))
    support = np.sort(rng.choice(p, k, replace=False))
    Z[support] = rng.standard_normal((k, 3))
    Y = X @ Z
    if rng.random() < 0.5:
        Y = Y + 10.0 ** rng.uniform(1, 8)
    else:
        Y = Y + 10.0 ** rng.uniform(-15, -9) * rng.standard_normal(Y.shape)
    return SimultaneousSparseVae(), X, Y, support


def _optimizer(name: str) -> Callable[[Rng], Problem]:
    def draw(rng: Rng) -> Problem:
        _, X, y, support = _offset(rng)
        return VaeSlr(optimizer=name, n_steps=300), X, y, support

    return draw


def _tied(entries: str) -> Callable[[Rng], Problem]:
    def draw(rng: Rng) -> Problem:
        n, p, k = _shape(rng)
        if entries == "binary":
            X = rng.integers(0, 2, (n, p)).astype(float)
        elif entries == "signs":
            X = rng.choice([-1.0, 1.0], (n, p))
        elif entries == "integers":
            X = rng.integers(-3, 4, (n, p)).astype(float)
        else:
            X = dct(np.eye(p), norm="ortho")[rng.choice(p, min(n, p), replace=False)]
        laws = [rng.choice([-1.0, 1.0], k), np.ones(k), rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], k)]
        z, support = _plant(rng, X, k, laws[int(rng.integers(3))])
        intercept = bool(rng.integers(2))
        # A constant column is the intercept's.
        support = support[np.ptp(X[:, support], axis=0) > 0] if intercept else support
        return VaeSlr(fit_intercept=intercept), X, X @ z, support

    return draw


def _larger(design: str, offset: float) -> Callable[[Rng], Problem]:
    def draw(rng: Rng) -> Problem:
        k = int(rng.integers(5, 40))
        d = make_sparse_regression(100, 200, n_nonzero=k, design=design, random_state=int(rng.integers(2**31)))
        return VaeSlr(fit_intercept=offset > 0), d.X, d.y + offset, d.support

    return draw


class _Batch:
    """`solve_batch` as an estimator."""

    def __init__(self, optimizer: str) -> None:
        self.optimizer = optimizer

    def fit(self, X: Any, y: Any) -> None:
        tensors = torch.from_numpy(X), torch.from_numpy(y)[None]
        found = solve_batch(*tensors, noise_var="anneal", optimizer=self.optimizer, n_restarts=3)
        self.support_ = np.flatnonzero(found.coef[0].numpy())
        self.certified_ = bool(found.converged[0])


def _by(model: Callable[[], Any], family: Callable[[Rng], Problem]) -> Callable[[Rng], Problem]:
    """The problems of a family for another estimator, those with at least twice as many features as samples."""

    def draw(rng: Rng) -> Problem:
        while True:
            _, X, y, support = family(rng)
            if 2 * X.shape[0] <= X.shape[1]:
                return model(), X, y, support

    return draw


def _responses(family: Callable[[Rng], Problem]) -> Callable[[Rng], Problem]:
    """Three responses on the designs of a family."""

    def draw(rng: Rng) -> Problem:
        model, X, _, support = family(rng)
        Y = X[:, support] @ rng.standard_normal((len(support), 3))
        return SimultaneousSparseVae(fit_intercept=model.fit_intercept), X, Y, support

    return draw


def _small_noise(rng: Rng) -> Problem:
    model, X, y, support = _gaussian(rng)
    size = np.linalg.norm(y) / len(y) ** 0.5
    return model, X, y + 10.0 ** rng.uniform(-14, -8) * size * rng.standard_normal(len(y)), support


def _small_coefficients(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    X = rng.standard_normal((n, p))
    z, support = _plant(rng, X, k, 10.0 ** rng.uniform(-10, 0, k))
    return VaeSlr(), X, X @ z, support


def _column_scales(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    X = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-6, 6, p)
    z, support = _plant(rng, X, k)
    return VaeSlr(), X, X @ z + 10.0 ** rng.uniform(1, 8), support


def _many_nonzeros(rng: Rng) -> Problem:
    n = int(rng.choice([6, 8, 10, 15]))
    X = rng.standard_normal((n, int(n * rng.choice([1.3, 2.0, 3.0]))))
    z, support = _plant(rng, X, int(rng.integers(n // 2, n - 1)))
    return VaeSlr(fit_intercept=False), X, X @ z, support


def _low_rank(rng: Rng) -> Problem:
    n, p, _ = _shape(rng)
    rank = int(rng.integers(3, min(n, p) + 1))
    X = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p))
    z, support = _plant(rng, X, int(rng.integers(1, rank)))
    return VaeSlr(fit_intercept=False), X, X @ z, support


def _sums_of_columns(rng: Rng) -> Problem:
    """A sum of two columns of the support may stand for either of them."""
    n, p, k = _shape(rng)
    X = rng.standard_normal((n, p))
    z, support = _plant(rng, X, k)
    pairs = np.array([rng.choice(p, 2, replace=False) for _ in range(p // 3)])
    X = np.hstack([X, X[:, pairs[:, 0]] + X[:, pairs[:, 1]]])
    y = X[:, :p] @ z
    if any(set(support).issuperset(pair) for pair in pairs):
        # The solution is not the only one of its size: none may be certified.
        support = np.array([], dtype=int)
    return VaeSlr(), X, y, support


def _heavy_tails(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    X = rng.standard_cauchy((n, p))
    z, support = _plant(rng, X, k, rng.standard_cauchy(k))
    return VaeSlr(), X, X @ z, support


def _single_precision(family: Callable[[Rng], Problem]) -> Callable[[Rng], Problem]:
    def draw(rng: Rng) -> Problem:
        model, X, _, support = family(rng)
        X = X.astype(np.float32)
        y = X[:, support].astype(float) @ rng.standard_normal(len(support))
        return model, X, (y + 10.0 ** rng.uniform(-2, 2)).astype(np.float32), support

    return draw


def _bytes(rng: Rng) -> Problem:
    n, p, k = _shape(rng)
    X = rng.integers(-99, 100, (n, p)).astype(np.int8)
    z, support = _plant(rng, X, k)
    return VaeSlr(), X, X @ z, support


def _sparse(rng: Rng) -> Problem:
    model, X, _, support = _gaussian(rng)
    X = np.where(rng.random(X.shape) < 0.5, X, 0.0)
    support = support[np.ptp(X[:, support], axis=0) > 0]
    return model, csc_array(X), X[:, support] @ rng.standard_normal(len(support)), support


def _positive(rng: Rng) -> Problem:
    _, X, y, support = _gaussian(rng)
    z = np.linalg.lstsq(X[:, support], y, rcond=None)[0]
    return VaeSlr(positive=True), X, X[:, support] @ np.abs(z), support


def _factors(rng: Rng) -> Problem:
    """Indicators of the levels of factors, with generic effects of some levels."""
    n = int(rng.choice([15, 25, 40]))
    X = np.hstack([np.eye(levels)[rng.integers(0, levels, n)] for levels in rng.integers(3, 7, n // 5)])
    X = X[:, np.ptp(X, axis=0) > 0]
    z, support = _plant(rng, X, int(rng.integers(1, 5)))
    return VaeSlr(), X, X @ z, support


def _compressed(entries: str) -> Callable[[Rng], Problem]:
    """So many samples that a working set begins with fewer columns, compressed from their products."""

    def draw(rng: Rng) -> Problem:
        n, p, k = (1500, 8000, 20) if entries == "sparse" else (1100, 7200, 20)
        if entries == "sparse":
            X = random_array((n, p), density=0.01, format="csc", rng=rng, data_sampler=rng.standard_normal)
        else:
            X = rng.standard_normal((n, p))
            if entries == "walk":
                X = X.cumsum(axis=1)
            X += 10.0 ** rng.uniform(0, 6) * rng.uniform(-1, 1, p)
        z, support = _plant(rng, X, k)
        y = X @ z
        noise = 10.0 ** rng.uniform(-14, -8) * np.std(y) * rng.standard_normal(n) if rng.random() < 0.5 else 0.0
        return VaeSlr(), X, y + noise, support

    return draw


FAMILIES: dict[str, Callable[[Rng], Problem]] = {
    "gaussian": _gaussian,
    "mean of y 1e1 to 1e8": _offset,
    "means of columns 1e1 to 1e8": _means,
    "rows of scale 1e-5 to 1e5": _row_scales,
    "vandermonde": _vandermonde,
    "hilbert": _hilbert,
    "near copies, 1e-12 to 1e-6": _near_copies,
    "condition 1 to 1e12": _condition,
    "noise 1e-14 to 1e-8, 200 x 50 walk": _noise((200, 50), "random_walk"),
    "noise 1e-14 to 1e-8, 200 x 50 gaussian": _noise((200, 50), "gaussian"),
    "noise 1e-14 to 1e-8, 50 x 100 walk": _noise((50, 100), "random_walk"),
    "noise 1e-14 to 1e-8, 50 x 100 gaussian": _noise((50, 100), "gaussian"),
    "three responses, mean or noise": _several,
    "em, mean of y": _optimizer("em"),
    "mm, mean of y": _optimizer("mm"),
    "adam, mean of y": _optimizer("adam"),
    "100 x 200 gaussian": _larger("gaussian", 0.0),
    "100 x 200 walk": _larger("random_walk", 0.0),
    "100 x 200 gaussian, mean 1e6": _larger("gaussian", 1e6),
    "100 x 200 walk, mean 1e6": _larger("random_walk", 1e6),
    "tied: 0 and 1": _tied("binary"),
    "tied: -1 and 1": _tied("signs"),
    "tied: integers": _tied("integers"),
    "tied: partial DCT": _tied("dct"),
    "noise 1e-14 to 1e-8, 40 x 400 walk": _noise((40, 400), "random_walk"),
    "noise 1e-14 to 1e-8, 40 x 400 gaussian": _noise((40, 400), "gaussian"),
    "noise 1e-14 to 1e-8, 6 to 40 samples": _small_noise,
    "coefficients 1e-10 to 1": _small_coefficients,
    "columns of scale 1e-6 to 1e6, mean of y": _column_scales,
    "nonzeros n/2 to n - 2": _many_nonzeros,
    "rank 3 to n": _low_rank,
    "sums of two columns": _sums_of_columns,
    "Cauchy columns and coefficients": _heavy_tails,
    "float32, mean of y": _single_precision(_gaussian),
    "float32, near copies": _single_precision(_near_copies),
    "int8": _bytes,
    "sparse matrix": _sparse,
    "positive": _positive,
    "three responses, means of columns": _responses(_means),
    "three responses, near copies": _responses(_near_copies),
    "three responses, condition": _responses(_condition),
    "three responses, vandermonde": _responses(_vandermonde),
    "em, condition": _by(lambda: VaeSlr(optimizer="em", fit_intercept=False), _condition),
    "mm, condition": _by(lambda: VaeSlr(optimizer="mm", fit_intercept=False), _condition),
    "adam, condition": _by(lambda: VaeSlr(optimizer="adam", n_steps=300, fit_intercept=False), _condition),
    "em, near copies": _by(lambda: VaeSlr(optimizer="em"), _near_copies),
    "adam, near copies": _by(lambda: VaeSlr(optimizer="adam", n_steps=300), _near_copies),
    "em, noise": _by(lambda: VaeSlr(optimizer="em"), _small_noise),
    "adam, noise": _by(lambda: VaeSlr(optimizer="adam", n_steps=300), _small_noise),
    "PreconditionedVae, mean of y": _by(PreconditionedVae, _offset),
    "PreconditionedVae, condition": _by(lambda: PreconditionedVae(fit_intercept=False), _condition),
    "solve_batch em, means of columns": _by(lambda: _Batch("em"), _means),
    "solve_batch mm, gaussian": _by(lambda: _Batch("mm"), _gaussian),
    "solve_batch em, condition": _by(lambda: _Batch("em"), _condition),
    "solve_batch em, near copies": _by(lambda: _Batch("em"), _near_copies),
    "solve_batch em, noise": _by(lambda: _Batch("em"), _small_noise),
    "tied: factors": _factors,
    "tied: integers, three responses": _responses(_tied("integers")),
    "tied: 0 and 1, solve_batch em": _by(lambda: _Batch("em"), _tied("binary")),
    "compressed working set, 1,100 x 7,200": _compressed("gaussian"),
    "compressed working set, 1,100 x 7,200 walk": _compressed("walk"),
    "compressed working set, sparse 1,500 x 8,000": _compressed("sparse"),
    "solve_batch auto, gaussian": _by(lambda: _Batch("auto"), _gaussian),
    "solve_batch auto, means of columns": _by(lambda: _Batch("auto"), _means),
    "solve_batch auto, condition": _by(lambda: _Batch("auto"), _condition),
    "solve_batch auto, near copies": _by(lambda: _Batch("auto"), _near_copies),
    "solve_batch auto, noise": _by(lambda: _Batch("auto"), _small_noise),
    "tied: 0 and 1, solve_batch auto": _by(lambda: _Batch("auto"), _tied("binary")),
}
