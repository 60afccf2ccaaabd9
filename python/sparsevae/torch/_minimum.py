"""Minima of the marginal energy to rounding: what gradients through a fit start from.

Letters: w is `prior_var`, gamma is `noise_var`, q, s, M, P and a as in the Notes of `recover` (docs/notation).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import _core
from ..exceptions import NumericalError
from ..regression.vae_slr import VaeSlr
from ._batch import evaluate, factorise, take
from .solve import solve_batch

# Newton's steps at most, and the relative length of the last one: convergence is quadratic.
_STEPS, _SETTLED = 300, 1e-8
# Shares of a long step at which lower places are looked for.
_SHARES = (0.3, 0.1, 0.03, 0.01)
# Relative length of a step from which it is cut to where the energy is lowest.
_NEAR = 0.03
# Share of a column in its own direction of the covariance, w_j s_j, below which it leaves the support.
_VANISHED = 1e-10
# Share of its best value below which it leaves, too, to come back there.
_MISTAKEN = 1e-2
# Excess of q^2 over s, beyond rounding, at which a column left out would lower the energy and comes back.
_EXCESS = 1e-9
# Pivot of the Hessian, scaled to a unit diagonal, below which it is singular.
_SINGULAR = 1e-12
# What no longer counts as a fall of the energy.
_FLAT = 1e-11


@dataclass
class Support:
    """The columns in the support of each problem, side by side, filled up with zeros."""

    order: Tensor
    inside: Tensor
    columns: Tensor

    @classmethod
    def of(cls, X: Tensor, active: Tensor) -> "Support":
        """Gather them."""
        size = max(int(active.sum(-1).max()), 1)
        order = active.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)[:, :size]
        inside = active.gather(-1, order)
        wide = X.expand(len(active), *X.shape[-2:])
        columns = wide.gather(-1, order[:, None, :].expand(-1, X.shape[-2], -1)) * inside[:, None, :]
        return cls(order, inside, columns)

    def at(self, chosen: Tensor) -> "Support":
        """Keep the chosen problems."""
        return Support(self.order[chosen], self.inside[chosen], self.columns[chosen])

    def spread(self, values: Tensor, n: int) -> Tensor:
        """Put values of the columns in their places, in the last dimension, and zeros elsewhere."""
        order = self.order if values.ndim == 2 else self.order[:, None, :].expand_as(values)
        inside = self.inside if values.ndim == 2 else self.inside[:, None, :]
        return values.new_zeros(*values.shape[:-1], n).scatter_add(-1, order, values * inside)


@dataclass
class Curvature:
    """What the energy's derivatives on a support are made of.

    The Hessian is that in ``w s``, with a unit diagonal at the minimum whatever the scales of the columns.
    """

    a: Tensor
    P: Tensor
    M: Tensor
    q: Tensor
    s: Tensor
    hessian: Tensor
    factor: Tensor
    positive: Tensor

    @classmethod
    def of(cls, support: Support, y: Tensor, w: Tensor, gamma: Tensor) -> "Curvature":
        """Compute it."""
        X = support.columns
        lower, indefinite = factorise(X, w, gamma)
        solved = torch.cholesky_solve(torch.cat([X, y[..., None]], -1), lower)
        P, a = solved[..., :-1], solved[..., -1]
        M = X.mT @ P
        q = (a[:, None, :] @ X)[:, 0]
        s = torch.where(support.inside, M.diagonal(dim1=-2, dim2=-1), 1.0)
        eye = torch.eye(s.shape[-1], dtype=s.dtype, device=s.device)
        both = support.inside[:, :, None] & support.inside[:, None, :]
        scaled = M / s[:, :, None] * ((2.0 * q[:, :, None] * q[:, None, :] - M) / s[:, None, :])
        hessian = torch.where(both, scaled, eye)
        factor, failed = torch.linalg.cholesky_ex(hessian)
        least = factor.diagonal(dim1=-2, dim2=-1).amin(-1).square()
        return cls(a, P, M, q, s, hessian, factor, ~indefinite & (failed == 0) & (least > _SINGULAR))

    def solve(self, right: Tensor) -> Tensor:
        """Multiply `right`, zero outside of the support, by the inverse of the Hessian in `w`."""
        return torch.cholesky_solve((right / self.s)[..., None], self.factor)[..., 0] / self.s


def _descend(X: Tensor, y: Tensor, gamma: Tensor, max_iter: int, tol: float, n_threads: int) -> Tensor:
    """Prior variances near a minimum."""
    if X.device.type != "cpu":
        return solve_batch(X, y, noise_var=gamma, optimizer="mm", max_iter=max_iter, tol=tol).prior_var
    precision = torch.finfo(torch.float64).eps / 2

    def arguments(noise_var: float) -> dict[str, Any]:
        # The rule that looks least for a support: its choice is not used.
        options: dict[str, Any] = {"optimizer": "mm", "support_rule": "posterior", "fit_intercept": False}
        model = VaeSlr(noise_var=noise_var, max_iter=max_iter, tol=tol, **options)
        return model._arguments() | {"precision": precision}

    if X.ndim == 2 and bool((gamma == gamma[0]).all()):
        reports = list(_core.fit_many(X.numpy(), y.mT.numpy(), arguments(float(gamma[0])), n_threads))
    else:
        designs = X.expand(len(y), *X.shape[-2:])
        each = zip(designs, y, gamma.tolist(), strict=True)
        reports = [_core.fit(own.numpy(), one.numpy(), arguments(noise), 1, None) for own, one, noise in each]
    return torch.stack([torch.from_numpy(report["prior_var"]) for report in reports])


def _best_alone(w: Tensor, q: Tensor, s: Tensor) -> Tensor:
    """Return the best prior variance of each column if the others stay.

    Without the column itself, `s` is `S` and `q` is `Q`, and the best is `(Q^2 - S) / S^2`, or 0 (Theorem 4.4).
    """
    others = (1.0 - w * s).clamp_min(_VANISHED)
    S, Q = s / others, q / others
    return ((Q.square() - S) / S.square()).clamp_min(0.0)


def _energy(support: Support, y: Tensor, w: Tensor, gamma: Tensor) -> Tensor:
    factor, failed = factorise(support.columns, w, gamma)
    whitened = torch.linalg.solve_triangular(factor, y[..., None], upper=False)
    energy = whitened.square().sum((-2, -1)) + 2.0 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return torch.where(failed, torch.inf, energy)


def _lowest(support: Support, places: list[Tensor], y: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
    """Find the place of lowest energy of each problem; return the energies, and the places."""
    lowest, at = torch.stack([_energy(support, y, place, gamma) for place in places]).min(0)
    return lowest, torch.stack(places)[at, torch.arange(len(y), device=y.device)]


def _cut(support: Support, step: Tensor, y: Tensor, w: Tensor, gamma: Tensor) -> Tensor:
    """Find the lowest of some places along Newton's steps, as far as the first column that vanishes."""
    inverse = (step / torch.where(support.inside, w, 1.0)).amax(-1, keepdim=True)
    far = inverse.clamp_min(1.0).reciprocal()
    ends = (inverse >= 1.0) & (step / torch.where(support.inside, w, 1.0) == inverse)
    first = torch.where(ends, 0.0, w - far * step).clamp_min(0.0)
    return _lowest(support, [first, *(w - share * far * step for share in _SHARES)], y, gamma)[1]


def _off_saddle(
    support: Support, here: Curvature, chosen: Tensor, y: Tensor, w: Tensor, gamma: Tensor
) -> tuple[Tensor, Tensor]:
    """Find lower places for the chosen problems, whose Hessian is not positive; return them, and how much lower.

    The lowest is taken of: the best for each column alone; Newton's step with the magnitudes of the eigenvalues; places
    along the eigenvector of the lowest one, as far as the first column that vanishes.
    """
    support, s, q = support.at(chosen), here.s[chosen], here.q[chosen]
    values, vectors = torch.linalg.eigh(here.hessian[chosen])
    slope = torch.where(support.inside, s - q.square(), 0.0) / s
    magnitude = values.abs().clamp_min(_SINGULAR)
    step = (vectors @ ((vectors.mT @ slope[..., None]) / magnitude[..., None]))[..., 0] / s
    best, eye = _best_alone(w, q, s), torch.eye(w.shape[-1], dtype=torch.bool, device=w.device)
    places = [torch.where(one, best, w) for one in eye]
    places.append((w - step).clamp_min(0.0))
    along = vectors[..., 0] / s
    for direction in (along, -along):
        far = torch.where((direction < 0) & support.inside, w / -direction, torch.inf).amin(-1)
        far = torch.where(torch.isfinite(far), far, (w * s).amax(-1))
        places += [(w + share * far[:, None] * direction).clamp_min(0.0) for share in (1.0, *_SHARES)]
    lowest, place = _lowest(support, [torch.where(support.inside, place, 0.0) for place in places], y, gamma)
    return place, _energy(support, y, w, gamma) - lowest


def _refuse(wrong: Tensor, left: Tensor, message: str) -> None:
    if bool(wrong.any()):
        raise NumericalError(f"problem {int(left[wrong.nonzero()[0, 0]])}: {message}")


def minimum(X: Tensor, y: Tensor, gamma: Tensor, max_iter: int, tol: float, n_threads: int) -> tuple[Tensor, Tensor]:
    """Find prior variances at minima, and the posterior means there.

    Raises
    ------
    NumericalError
        If a covariance is not positive definite, a Hessian singular at the minimum, or Newton's method does not settle.
    """
    n = X.shape[-1]
    result, means = y.new_zeros(len(y), n), y.new_zeros(len(y), n)
    left = torch.arange(len(y), device=y.device)
    if not len(left):
        return result, means
    w = _descend(X, y, gamma, max_iter, tol, n_threads)
    q, s, failed = evaluate(X, y, w, gamma)
    _refuse(failed, left, "the covariance is not positive definite in float64: use a larger `noise_var`")
    w = torch.where(q.square() > s * (1.0 - w * s), w, 0.0)
    for _ in range(_STEPS):
        support = Support.of(X, w > 0)
        own = w.gather(-1, support.order)
        here = Curvature.of(support, y, own, gamma)
        slope = torch.where(support.inside, here.s - here.q.square(), 0.0)
        # Near 0 a column is about to be lost, or was lost by mistake: it comes back at its best value.
        best = _best_alone(own, here.q, here.s)
        lost = (own * here.s < _VANISHED) | (own < _MISTAKEN * best)
        leaves = support.inside & lost
        step = here.solve(slope)
        length = (step.abs() / torch.where(support.inside, own, 1.0)).amax(-1)
        moving = here.positive & ~leaves.any(-1)
        settled = moving & (length <= _SETTLED)
        moved = torch.where(leaves, 0.0, own)
        moved = torch.where((moving & (length <= _NEAR))[:, None], own - step, moved)
        far = (moving & (length > _NEAR)).nonzero()[:, 0]
        if len(far):
            moved[far] = _cut(support.at(far), step[far], y[far], own[far], gamma[far])
        saddle = (~here.positive & ~leaves.any(-1)).nonzero()[:, 0]
        if len(saddle):
            _refuse(
                ~here.hessian[saddle].isfinite().flatten(1).all(1),
                left[saddle],
                "the energy's derivatives are beyond the range of float64: rescale `X`, `y` and `noise_var`",
            )
            lower, fall = _off_saddle(support, here, saddle, y[saddle], own[saddle], gamma[saddle])
            stuck = fall < _FLAT
            # Too near to 0 to count, where it is best: it leaves, and the Hessian is that of the others.
            idle = support.inside[saddle] & (best[saddle] == 0)
            _refuse(
                stuck & ~idle.any(-1),
                left[saddle],
                "the Hessian of the energy is singular on the support, so that the coefficients have no gradient: "
                "columns of `X` may be linearly dependent",
            )
            moved[saddle] = torch.where(stuck[:, None] & idle, 0.0, lower)
        w = support.spread(moved, n)
        if bool(settled.any()):
            ends = settled.nonzero()[:, 0]
            at = w[ends]
            q, s, _ = evaluate(take(X, ends), y[ends], at, gamma[ends])
            excess = torch.where((at == 0) & (s > 0), q.square() / s, 0.0)
            most = excess.amax(-1, keepdim=True)
            back = (excess == most) & (most > 1.0 + _EXCESS)
            w[ends] = torch.where(back, (q.square() - s) / s.square(), at)
            done = ~back.any(-1)
            result[left[ends[done]]], means[left[ends[done]]] = at[done], (at * q)[done]
            stay = torch.ones_like(settled)
            stay[ends[done]] = False
            left, X, y, gamma, w = left[stay], take(X, stay), y[stay], gamma[stay], w[stay]
        if not len(left):
            return result, means
    raise NumericalError(
        f"problem {int(left[0])}: the descent has not come near to a minimum: use a larger `max_iter`, a smaller `tol`"
    )
