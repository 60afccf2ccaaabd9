"""Noise-free problems side by side: one annealed descent each, until a certificate proves its solution the sparsest.

The order of work is the Rust core's (`model::sparse_regression::noise_free`, `support::certificate`), and so are the
constants, which are read from there.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import _core
from ..exceptions import NumericalError
from ._batch import Buffers, Found, evaluate, take, update
from ._problems import Problems

_AT = _core.tolerances()


@dataclass
class RowSpace:
    """Designs `X = R^T B` with orthonormal rows `B`."""

    basis: Tensor
    upper: Tensor
    smallest: Tensor

    @classmethod
    def of(cls, X: Tensor, numbers: Tensor | None = None) -> "RowSpace":
        """Find it; `numbers` are those of the problems, where each has a design.

        Raises
        ------
        NumericalError
            If rows are linearly dependent.
        """
        basis, upper = torch.linalg.qr(X.mT)
        diagonal = upper.diagonal(dim1=-2, dim2=-1).abs()
        dependent = diagonal.amin(-1) <= _AT["dependent"] * diagonal.amax(-1)
        if bool(dependent.any()):
            which = "" if numbers is None else f"problem {int(numbers[dependent][0])}: "
            raise NumericalError(
                f'{which}`X` has linearly dependent rows, but noise_var="anneal" needs independent ones: leave rows '
                "out, or give a `noise_var`"
            )
        singular: Tensor = torch.linalg.svdvals(upper)
        return cls(basis.mT, upper, singular[..., -1])

    def at(self, chosen: Tensor) -> "RowSpace":
        """Keep the chosen problems."""
        if self.basis.ndim == 2:
            return self
        return RowSpace(self.basis[chosen], self.upper[chosen], self.smallest[chosen])

    def whiten(self, y: Tensor) -> Tensor:
        """Responses in the coordinates of the basis."""
        whitened: Tensor = torch.linalg.solve_triangular(self.upper.mT, y[..., None], upper=False)
        return whitened[..., 0]


def _columns(basis: Tensor, order: Tensor) -> Tensor:
    rows, n = basis.shape[-2:]
    wide = basis.expand(len(order), rows, n)
    return wide.gather(-1, order[:, None, :].expand(-1, rows, -1))


def _first(size: Tensor, count: int) -> Tensor:
    """Which of `count` places are among the first `size`."""
    return torch.arange(count, device=size.device) < size[:, None]


def _leading(upper: Tensor, size: Tensor) -> Tensor:
    """Keep the first `size` rows and columns of each factor, bordered by the identity."""
    inside = _first(size, upper.shape[-1])
    eye = torch.eye(upper.shape[-1], dtype=upper.dtype, device=upper.device)
    return torch.where(inside[:, :, None] & inside[:, None, :], upper, eye)


class _Nested:
    """Least squares of each response on its first column, on its first two, and so on."""

    def __init__(self, basis: Tensor, order: Tensor, y: Tensor) -> None:
        # The factor of columns and response together holds the rotated response, and what is left of it.
        self.factor = torch.linalg.qr(torch.cat([_columns(basis, order), y[..., None]], -1), mode="r")[1]
        self.residual = self.factor[..., -1].square().flip(-1).cumsum(-1).flip(-1).sqrt()

    def coefficients(self, size: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Coefficients on the first `size` columns, then zeros; of the chosen problems."""
        factor = self.factor if chosen is None else self.factor[chosen]
        right = torch.where(_first(size, factor.shape[-1] - 1), factor[:, :-1, -1], 0.0)[..., None]
        z: Tensor = torch.linalg.solve_triangular(_leading(factor[:, :-1, :-1], size), right, upper=True)
        return z[..., 0]

    def explained(self, size: Tensor) -> Tensor:
        """How much more the first `size` columns leave without each of them."""
        upper = _leading(self.factor[:, :-1, :-1], size)
        eye = torch.eye(upper.shape[-1], dtype=upper.dtype, device=upper.device).expand_as(upper)
        inverse = torch.linalg.solve_triangular(upper, eye, upper=True)
        more: Tensor = self.coefficients(size).abs() / torch.linalg.vector_norm(inverse, dim=-1)
        return more


@dataclass
class Certifier:
    """What proves solutions to be the sparsest: see the Notes of `VaeSlr`.

    `norms` are those that the columns had before they were scaled: they tell ties of the caller's numbers.
    """

    X: Tensor
    y: Tensor
    space: RowSpace
    whitened: Tensor
    norms: Tensor
    precision: float

    @property
    def present(self) -> Tensor:
        """Which columns are not zero."""
        return self.norms > 0

    def at(self, chosen: Tensor) -> "Certifier":
        """Keep the chosen problems."""
        X, space, whitened = take(self.X, chosen), self.space.at(chosen), self.whitened[chosen]
        return Certifier(X, self.y[chosen], space, whitened, self.norms[chosen], self.precision)

    def _rounding(self, z: Tensor) -> Tensor:
        return _AT["rounding"] * self.precision * (1.0 + z.abs().sum(-1))

    def attempt(self, score: Tensor) -> tuple[Tensor, Tensor]:
        """Try the columns in falling order of `score`; return which problems are certified, and their coefficients."""
        proved, coefficients = torch.zeros_like(score[:, 0], dtype=torch.bool), torch.zeros_like(score)
        rank = self.space.basis.shape[-2]
        order = score.argsort(dim=-1, descending=True, stable=True)[:, : rank - 1]
        size = (score > 0).sum(-1).clamp_max(rank - 1)
        left, this = torch.arange(len(score), device=score.device), self
        for _ in range(2):
            fit = _Nested(this.X, order, this.y)
            z = fit.coefficients(size)
            within = fit.residual <= this._rounding(z)[:, None]
            within &= _first(size + 1, within.shape[-1])
            fits = within.any(-1)
            left, this, order = left[fits], this.at(fits), order[fits]
            if not len(left):
                return proved, coefficients
            size = within.to(torch.uint8).argmax(-1)[fits]
            z = fit.coefficients(size, fits)
            # Those behind `size` stay behind.
            key = torch.where(_first(size, z.shape[-1]), z.abs(), -1.0)
            order = order.gather(-1, key.argsort(dim=-1, descending=True, stable=True))[:, : max(int(size.max()), 1)]
        found, z = this._prove(order, size)
        proved[left] = found
        solution = torch.zeros_like(score[left]).scatter_(-1, order, z)
        coefficients[left] = torch.where(found[:, None], solution, 0.0)
        return proved, coefficients

    def _prove(self, order: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        basis, (rank, n) = self.space.basis, self.space.basis.shape[-2:]
        fit = _Nested(self.X, order, self.y)
        z = fit.coefficients(size)
        inside, rounding = _first(size, order.shape[-1]), self._rounding(z)
        fits = (fit.residual.gather(-1, size[:, None])[:, 0] <= rounding) & torch.isfinite(z).all(-1)
        fits &= self._is_backward_stable(order, z) & ~self._tied(order, z, inside)
        fits &= ((fit.explained(size) > _AT["matters"] * rounding[:, None]) | ~inside).all(-1)
        tolerance = rounding / self.space.smallest
        least = torch.where(inside, _Nested(basis, order, self.whitened).explained(size), torch.inf).amin(-1)
        # A response in general position comes as close to the span of a set of columns with this chance.
        k, count = size.to(z.dtype), self.present.sum(-1).to(z.dtype)
        spare = rank - k
        volume = torch.lgamma(torch.full_like(k, rank / 2)) - torch.lgamma(k / 2) - torch.lgamma(spare / 2 + 1)
        volume = torch.where(size > 0, volume, 0.0)
        norm = torch.linalg.vector_norm(self.whitened, dim=-1)
        chance = (volume + spare * (tolerance / torch.minimum(norm, least)).log()).clamp_max(0.0)
        sets = torch.lgamma(count + 1) - torch.lgamma(k + 1) - torch.lgamma(count - k + 1)
        ruled_out = sets + chance < math.log(_AT["accident"])
        # Another column in the place of a chosen one leaves a misfit.
        chosen = torch.where(inside[:, None, :], _columns(basis, order), 0.0)
        directions = torch.linalg.qr(chosen)[0] * inside[:, None, :]
        shares = directions.mT @ basis
        distance = torch.linalg.vector_norm(basis - directions @ shares, dim=-2)
        upper = _leading(directions.mT @ chosen, size)
        exchanged = torch.linalg.solve_triangular(upper, shares, upper=True).abs()
        misfit = z.abs()[..., None] * distance[:, None, :]
        worse = misfit > _AT["exchange_margin"] * tolerance[:, None, None] * exchanged
        other = self.present.expand(len(z), n).scatter(-1, order, ~inside & self.present.gather(-1, order))
        settled = (worse | ~inside[..., None] | ~other[:, None, :]).all(-1).all(-1)
        return fits & ruled_out & settled, z

    def _is_backward_stable(self, order: Tensor, z: Tensor) -> Tensor:
        """Whether what is left of each sample is rounding of what it is left of."""
        chosen = _columns(self.X, order)
        residual = self.y - (chosen @ z[..., None])[..., 0]
        sizes = self.y.abs() + (chosen.abs() @ z.abs()[..., None])[..., 0]
        misfit: Tensor = torch.where(sizes > 0, residual / sizes, 0.0).square().mean(-1).sqrt()
        return misfit <= _AT["rounding"] * self.precision

    def _tied(self, order: Tensor, z: Tensor, inside: Tensor) -> Tensor:
        """Whether supports may explain the same by coincidence: see `NoiseFree::is_tied`."""
        pairs = (inside[:, :, None] & inside[:, None, :]).triu(1)
        norms = torch.where(inside, self.norms.gather(-1, order), 1.0)
        z = z / norms
        ratio = torch.where(pairs, z[:, :, None] / z[:, None, :], 0.0).abs()
        multiple = torch.zeros_like(pairs)
        for q in range(1, int(_AT["multiples"]) + 1):
            p, whole = ratio * q, (ratio * q).round()
            multiple |= (whole >= 1) & (whole <= _AT["multiples"]) & ((p - whole).abs() <= _AT["same"] * p)
        entries = (_columns(self.X, order) * (norms * inside)[:, None, :]).abs().flatten(1).sort(-1)[0]
        again = (entries.diff() <= _AT["same"] * entries[:, 1:]) & (entries[:, :-1] > 0)
        repeated = again.sum(-1) > _AT["repeated"] * (entries > 0).sum(-1)
        many = 2 * inside.sum(-1) > self.space.basis.shape[-2]
        tied: Tensor = repeated & ((multiple & pairs).any(-1).any(-1) | many)
        return tied


def anneal(problems: Problems, space: RowSpace, rule: str, max_iter: int, precision: float) -> tuple[Found, Tensor]:
    """Descend once while the noise fades, in the solver's units; return the noise variances of the last steps too.

    A certified problem has its coefficients for `u`, and their squares for `w`.
    """
    X, y = problems.X, problems.y
    n = X.shape[-1]
    found, noise = Found.nothing(y, n), torch.zeros_like(y[:, 0])
    found.converged[problems.response_norms == 0] = True
    left = (problems.response_norms > 0).nonzero()[:, 0]
    norms = problems.column_norms.expand(len(y), n)[left]
    X, space, y = take(X, left), space.at(left), y[left]
    whitened = space.whiten(y)
    certifier = Certifier(X, y, space, whitened, norms, precision)
    factor = (_AT["unit"] * y.shape[-1] / whitened.square().sum(-1)).sqrt()
    y = y * factor[:, None]
    end = (_AT["below_spectrum"] * space.smallest.square()).clamp(_AT["lowest"], _AT["anneal_end"]).expand(len(y))
    w, steps, buffers = certifier.present.to(y.dtype), min(_AT["anneal_steps"], max_iter), Buffers()
    for step in range(steps):
        if not len(left):
            break
        share = step / (steps - 1) if steps > 1 else 1.0
        gamma = _AT["anneal_start"] * (end / _AT["anneal_start"]).pow(share)
        q, s, failed = evaluate(X, y, w, gamma, buffers)
        u, proved = torch.where(failed[:, None], 0.0, w * q), torch.zeros_like(failed)
        z = u
        if step % _AT["anneal_look"] == _AT["anneal_look"] - 1 or step + 1 == steps:
            proved, z = certifier.attempt(u.abs())
        done = torch.ones_like(proved) if step + 1 == steps else proved | failed
        if bool(done.any()):
            # Back from the units of the descent to those of the solver.
            ends = left[done]
            to = factor[done].reciprocal()[:, None]
            own, sure = w[done] * to.square(), proved[done, None]
            means = torch.where(sure, z[done], u[done] * to)
            found.put(ends, means, torch.where(sure, means.square(), own), step + 1, proved[done])
            noise[ends] = torch.where(proved, 0.0, gamma / factor.square())[done]
            stay = ~done
            left, X, y, certifier = left[stay], take(X, stay), y[stay], certifier.at(stay)
            w, q, s, end, factor = w[stay], q[stay], s[stay], end[stay], factor[stay]
        w = update(rule, w, q, s)
    return found, noise
