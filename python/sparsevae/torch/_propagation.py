"""Noise-free problems side by side: rounds of expectation propagation, until a certificate proves a solution.

The search is the Rust core's (`solver::propagation`): so are its constants and its random tilts, which are read from
there. A round starts afresh, so each problem is at a round and a step of its own.

Letters: `a` and `b` are precision and precision times mean of a site; `m` is the posterior mean, `q` and `s` as in the
energies.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from .. import _core
from ._batch import Buffers, Found, evaluate, take
from ._certificate import Certifier, RowSpace
from ._problems import Problems

_PLAN = _core.propagation_plan()
_MOST_SLABS = max(map(len, _PLAN["slabs"]))
ROUND = _PLAN["len"]


@dataclass
class _Prior:
    """Spike and slabs; slabs of weight 0 fill the room that a plan of few leaves."""

    density: Tensor
    weights: Tensor
    variances: Tensor

    @property
    def variance(self) -> Tensor:
        """That of the slabs together."""
        return (self.weights * self.variances).sum(-1)

    def tilted(self, mean: Tensor, variance: Tensor, tilt: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean and variance of columns under the prior times their cavities; odds and second moments by slab."""
        mean, variance = mean[..., None], variance[..., None]
        slabs = self.variances[:, None, :]
        gain, rest = slabs / (slabs + variance), variance / (slabs + variance)
        odds = (self.density.logit()[:, None] + tilt)[..., None] + self.weights.log()[:, None, :]
        odds = odds + 0.5 * rest.clamp_min(_PLAN["least_share"]).log() + 0.5 * mean.square() * gain / variance
        # The spike is the first.
        odds = torch.nn.functional.pad(odds, (1, 0)).softmax(-1)
        spike, odds = odds[..., 0], odds[..., 1:]
        means, spread = gain * mean, gain * variance
        first = (odds * means).sum(-1)
        second = spike * first.square() + (odds * ((means - first[..., None]).square() + spread)).sum(-1)
        return first, second, odds, odds * (means.square() + spread)


def _learned(prior: _Prior, counts: Tensor, moments: Tensor, n_columns: Tensor, unit: Tensor) -> _Prior:
    total = counts.sum(-1)
    least = 2.0 / n_columns.clamp_min(3.0)
    density = (total / n_columns).clamp(least, least.clamp_min(_PLAN["most_dense"]))
    weights = (counts / total[:, None]).clamp_min(_PLAN["least_weight"])
    variances = torch.maximum(moments / counts.clamp_min(_PLAN["least_count"]), _PLAN["narrowest_slab"] * unit[:, None])
    return _Prior(density, torch.where(prior.weights > 0, weights, 0.0), variances)


class _Tilts:
    """What rounds add to the prior log-odds, drawn once for all problems."""

    def __init__(self, seed: int, like: Tensor, n: int) -> None:
        self._seed, self._rows = seed, like.new_zeros(0, n)

    def of(self, rounds: Tensor) -> Tensor:
        """Rows of the numbered rounds."""
        drawn = [
            _core.propagation_tilts(self._seed, number, self._rows.shape[1])
            for number in range(len(self._rows), int(rounds.max()) + 1)
        ]
        if drawn:
            self._rows = torch.cat([self._rows, self._rows.new_tensor(np.stack(drawn))])
        return self._rows[rounds]


@dataclass
class _Rounds:
    """Where each problem is: what stays in a round is set by `start`, the rest by each step."""

    place: Tensor
    """Its place among the problems given."""
    y: Tensor
    present: Tensor
    unit: Tensor
    """Scale of a slab."""
    expected: Tensor
    """Share of columns expected to be nonzero at first."""
    number: Tensor
    step: Tensor
    steps: Tensor
    damping: Tensor
    tilt: Tensor
    a: Tensor
    b: Tensor
    density: Tensor
    weights: Tensor
    variances: Tensor
    looked_at: Tensor

    def at(self, chosen: Tensor) -> "_Rounds":
        """Keep the chosen problems."""
        return _Rounds(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @property
    def prior(self) -> _Prior:
        """The prior of each problem."""
        return _Prior(self.density, self.weights, self.variances)

    @property
    def n_columns(self) -> Tensor:
        """Columns that are not zero."""
        return self.present.sum(-1).to(self.y.dtype)

    def start(self, begin: Tensor, tilts: _Tilts) -> None:
        """Start the rounds of the problems `begin` afresh."""
        number = self.number[begin]
        slabs = self.variances.new_ones(len(_PLAN["slabs"]), _MOST_SLABS)
        weights = torch.zeros_like(slabs)
        for row, plan in enumerate(_PLAN["slabs"]):
            slabs[row, : len(plan)] = slabs.new_tensor(plan)
            weights[row, : len(plan)] = 1.0 / len(plan)
        damping = slabs.new_tensor(_PLAN["damping"])
        self.variances[begin] = self.unit[begin, None] * slabs[number % len(slabs)]
        self.weights[begin] = weights[number % len(slabs)]
        self.damping[begin] = damping[number % len(damping), None]
        self.density[begin] = self.expected[begin]
        self.step[begin] = 0
        self.tilt[begin] = tilts.of(number)
        self.a[begin] = (self.density * self.prior.variance).reciprocal()[begin, None]
        self.b[begin] = 0.0
        self.looked_at[begin] = False

    @classmethod
    def of(cls, y: Tensor, present: Tensor, rank: int, first: int) -> "_Rounds":
        """Make room for problems, at the start of the round `first`."""
        p, n = present.shape
        count = present.sum(-1).to(y.dtype).clamp_min(1.0)
        expected = (_PLAN["expected"] * rank / count).clamp_max(_PLAN["densest"])
        half = (count / 2).floor().clamp(1.0, max(rank, 1))
        unit = y.square().sum(-1) / (expected * half)
        place = torch.arange(p, device=y.device)
        number, zeros, wide = torch.full_like(place, first), torch.zeros_like(place), y.new_zeros(p, n)
        slabs = y.new_zeros(p, _MOST_SLABS)
        damping = y.new_zeros(p, 1)
        return cls(
            place=place,
            y=y,
            present=present,
            unit=unit,
            expected=expected,
            number=number,
            step=zeros,
            steps=zeros.clone(),
            damping=damping,
            tilt=wide,
            a=wide.clone(),
            b=wide.clone(),
            density=expected.clone(),
            weights=slabs,
            variances=slabs.clone(),
            looked_at=torch.zeros_like(present),
        )


def _is_worth_a_look(rounds: _Rounds, m: Tensor, rank: int) -> Tensor:
    """Whether the largest means are others than before, and hold nearly all; notes which they are."""
    step = rounds.step
    due = torch.where(step <= _PLAN["early"], step % 2 == 0, step % 3 == 0)
    largest = torch.zeros_like(rounds.looked_at).scatter_(-1, m.abs().topk(rank - 1)[1], True)
    outside = torch.where(largest, 0.0, m).square().sum(-1)
    held = outside < _PLAN["tail"] ** 2 * m.square().sum(-1)
    look: Tensor = due & ((step <= _PLAN["unconditional"]) | held) & (largest != rounds.looked_at).any(-1)
    rounds.looked_at = torch.where(look[:, None], largest, rounds.looked_at)
    return look


def _update(rounds: _Rounds, q: Tensor, s: Tensor, rank: int) -> Tensor:
    """Update all sites; return which rounds are not going to be sparse."""
    prior, v = rounds.prior, rounds.a.reciprocal()
    s = torch.where(rounds.present, s, 1.0)
    scale, unit = prior.variance[:, None], rounds.unit[:, None]
    cavity_mean = rounds.b * v + q / s
    cavity = torch.minimum(torch.maximum(1.0 / s - v, _PLAN["rounding"] * scale), _PLAN["widest_cavity"] * unit)
    mean, variance, odds, moments = prior.tilted(cavity_mean, cavity, rounds.tilt)
    weight = rounds.present.to(q.dtype)[:, None, :]
    counts, moments = (weight @ odds)[:, 0], (weight @ moments)[:, 0]
    prior = _learned(prior, counts, moments, rounds.n_columns, rounds.unit)
    rounds.density, rounds.weights, rounds.variances = prior.density, prior.weights, prior.variances
    scale = prior.variance[:, None]
    crowded = (rounds.step > _PLAN["decided"]) & (prior.density * rounds.n_columns > _PLAN["crowded"] * rank)
    # Written so that NaN ends the round too.
    in_bounds = scale[:, 0] <= _PLAN["runaway"] * rounds.unit
    weakest = _PLAN["weakest_site"] / prior.variances.amax(-1, keepdim=True)
    site = 1.0 / torch.maximum(variance, _PLAN["rounding"] * scale) - 1.0 / cavity
    site = torch.minimum(torch.maximum(site, weakest), _PLAN["sharpest"] / scale)
    moved = mean * (site + 1.0 / cavity) - cavity_mean / cavity
    rounds.a = ((1.0 - rounds.damping) * rounds.a.log() + rounds.damping * site.log()).exp()
    rounds.b = (1.0 - rounds.damping) * rounds.b + rounds.damping * moved
    return crowded | ~in_bounds


def propagate(
    problems: Problems, space: RowSpace, first: int, last: int, allowed: Tensor, seed: int, precision: float
) -> tuple[Found, Tensor]:
    """Run the rounds `first` to `last`, less the last, of problems whose responses are not 0, in the solver's units.

    `allowed` is how many steps each may take. A certified problem has its coefficients for `u`, and their squares for
    `w`; the others have zeros, and so have all noise variances, the second of what is returned.
    """
    basis, (rank, n) = space.basis, problems.X.shape[-2:]
    found = Found.nothing(problems.y, n)
    norms = problems.column_norms.expand(len(problems.y), n)
    whitened = space.whiten(problems.y)
    certifier = Certifier(problems.X, problems.y, space, whitened, norms, precision)
    rounds, tilts, buffers = _Rounds.of(whitened, certifier.present, rank, first), _Tilts(seed, whitened, n), Buffers()
    rounds.start(torch.ones_like(rounds.step, dtype=torch.bool), tilts)
    while True:
        left = (rounds.steps < allowed[rounds.place]) & (rounds.number < last)
        if not bool(left.all()):
            ends = ~left
            found.n_iter[rounds.place[ends]] = rounds.steps[ends]
            rounds, basis, certifier = rounds.at(left), take(basis, left), certifier.at(left)
        if not len(rounds.place):
            return found, torch.zeros_like(found.u[:, 0])
        rounds.step, rounds.steps = rounds.step + 1, rounds.steps + 1
        v = rounds.a.reciprocal()
        rest = rounds.y - (basis @ (rounds.b * v)[..., None])[..., 0]
        q, s, failed = evaluate(basis, rest, v, torch.zeros_like(rounds.unit), buffers)
        m = v * (rounds.b + q)
        over = failed | ~torch.isfinite(m).all(-1)
        m = torch.where(over[:, None], 0.0, m)
        look = (_is_worth_a_look(rounds, m, rank) & ~over).nonzero()[:, 0]
        over |= _update(rounds, q, s, rank) | (rounds.step == ROUND)
        proved = torch.zeros_like(over)
        if len(look):
            proved[look], z = certifier.at(look).attempt(m[look].abs())
            ends, sure = look[proved[look]], proved[look]
            place = rounds.place[ends]
            found.u[place], found.w[place] = z[sure], z[sure].square()
            found.n_iter[place], found.converged[place] = rounds.steps[ends], True
            stay = ~proved
            rounds, basis, certifier, over = rounds.at(stay), take(basis, stay), certifier.at(stay), over[stay]
        if bool(over.any()):
            rounds.number = rounds.number + over.long()
            rounds.start(over, tilts)
