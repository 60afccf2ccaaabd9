"""Many problems side by side: the marginal covariance and the updates of the prior variances.

Letters: w is `prior_var`, gamma is `noise_var`, u is the posterior mean, s and q as in the energies (docs/notation). A
design is shared, of shape (d, n), or one of each problem, of shape (p, d, n).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..exceptions import NumericalError
from ._problems import Problems


def take(X: Tensor, chosen: Tensor) -> Tensor:
    """Designs of the chosen problems."""
    return X if X.ndim == 2 else X[chosen]


class Buffers:
    """Memory that every step of a descent uses anew; fresh pages would cost a CPU as much as the factorisations."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Return the buffer of this name, of the dtype and on the device of `like`; its values are arbitrary."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < size:
            buffer = self._buffers[name] = like.new_empty(size)
        return buffer[:size].view(shape)


def factorise(X: Tensor, w: Tensor, gamma: Tensor, buffers: Buffers | None = None) -> tuple[Tensor, Tensor]:
    """Cholesky factors of the marginal covariances, and which are not positive definite."""
    buffers, (d, n) = buffers or Buffers(), X.shape[-2:]
    scaled = torch.mul(X, w[:, None, :], out=buffers.take("scaled", X, len(w), d, n))
    covariance = torch.matmul(scaled, X.mT, out=buffers.take("covariance", X, len(w), d, d))
    covariance.diagonal(dim1=-2, dim2=-1).add_(gamma[:, None])
    factor, info = torch.linalg.cholesky_ex(covariance)
    return factor, info != 0


def evaluate(
    X: Tensor, y: Tensor, w: Tensor, gamma: Tensor, buffers: Buffers | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """`q`, `s`, and which covariances are not positive definite."""
    buffers, (d, n) = buffers or Buffers(), X.shape[-2:]
    factor, failed = factorise(X, w, gamma, buffers)
    # Column by column, as the triangular solver reads and writes.
    half = buffers.take("half", X, len(w), n + 1, d).mT
    half[..., :-1], half[..., -1] = X, y
    torch.linalg.solve_triangular(factor, half, upper=False, out=half)
    design, response = half[..., :-1], half[..., -1:]
    q = (response.mT @ design)[:, 0]
    squares = torch.mul(design, design, out=buffers.take("squares", X, len(w), n, d).mT)
    return q, squares.sum(-2), failed


def update(rule: str, w: Tensor, q: Tensor, s: Tensor) -> Tensor:
    """Return the next prior variances: the posterior second moment, or the minimum of the convex bound."""
    if rule == "em":
        u = w * q
        return (u * u + w * (1.0 - w * s)).clamp_min(0.0)
    return torch.where(s > 0, w * q.abs() / s.sqrt(), 0.0)


@dataclass
class Found:
    """Where descents ended, in the solver's units."""

    u: Tensor
    w: Tensor
    n_iter: Tensor
    converged: Tensor

    @classmethod
    def nothing(cls, y: Tensor, n: int) -> "Found":
        """Zeros, to be filled in."""
        zeros = y.new_zeros(len(y), n)
        steps = torch.zeros(len(y), dtype=torch.int64, device=y.device)
        return cls(zeros, zeros.clone(), steps, steps.bool())

    def put(self, at: Tensor, u: Tensor, w: Tensor, step: int, converged: Tensor) -> None:
        """Fill in the problems `at`, which end at `step`."""
        self.u[at], self.w[at], self.n_iter[at], self.converged[at] = u, w, step, converged


def descend(problems: Problems, gamma: Tensor, rule: str, max_iter: int, tol: float, first: int) -> Found:
    """Minimise the energies at a given noise variance, in the solver's units; `first` is the number of the first one.

    Raises
    ------
    NumericalError
        If a covariance is not positive definite in float64.
    """
    X, y = problems.X, problems.y
    found = Found.nothing(y, X.shape[-1])
    found.converged[problems.response_norms == 0] = True
    left = (problems.response_norms > 0).nonzero()[:, 0]
    present = (problems.column_norms > 0).expand(len(y), X.shape[-1])[left]
    X, y, gamma = take(X, left), y[left], gamma[left]
    # The prior explains the response, each column an equal part.
    w = y.square().sum(-1, keepdim=True) * present / present.sum(-1, keepdim=True).clamp_min(1)
    before, buffers = w, Buffers()
    for step in range(1, max_iter + 1):
        if not len(left):
            break
        q, s, failed = evaluate(X, y, w, gamma, buffers)
        if bool(failed.any()):
            problem = first + int(left[failed.nonzero()[0, 0]])
            raise NumericalError(
                f"problem {problem}: the covariance was not positive definite at step {step}: float64 does not "
                "suffice; a larger `noise_var` may help"
            )
        settled = (before - w).abs().amax(-1) <= tol * w.amax(-1) if step > 1 else torch.zeros_like(failed)
        done = torch.ones_like(settled) if step == max_iter else settled
        if bool(done.any()):
            found.put(left[done], (w * q)[done], w[done], step, settled[done])
            stay = ~done
            left, X, y, gamma = left[stay], take(X, stay), y[stay], gamma[stay]
            w, q, s = w[stay], q[stay], s[stay]
        before, w = w, update(rule, w, q, s)
    return found
