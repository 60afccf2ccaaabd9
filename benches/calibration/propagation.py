"""Expectation propagation: recovery by damping, slabs, tilt, crowding and density, on hard noise-free problems.

python benches/calibration/propagation.py [--trials N] [--seed S] [--only damping slabs tilt crowded density joint]

Sweeps one constant at a time of ``src/solver/propagation/tolerances.rs``, the others as they are there. The round is
written again in NumPy; before anything else it is held to the reference in ``tests/data/golden.jsonl``. A round counts
as successful where the certificate would be given the planted support: where it lies among the ``rank - 1`` largest
means, at a step at which the core looks. The certificate itself costs most of a sweep and changes nothing: a subset
that fits without the planted columns is the accident that it rules out.

All settings see the same problems and tilts. The rates are shares of problems recovered by the end of round 1 to 4, and
the standard error of the last. What the script found is in ``benches/calibration/README.md``.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.linalg import solve_triangular
from sparsevae.datasets import (
    make_gaussian_design,
    make_random_walk_design,
    make_row_sparse_coef,
    make_sparse_coef,
)

GOLDEN = Path(__file__).parents[2] / "tests" / "data" / "golden.jsonl"
DESIGNS = {"gaussian": make_gaussian_design, "random_walk": make_random_walk_design}
SHAPE, ROUNDS = (100, 200), 4
SINGLE_NONZERO, JOINT_NONZERO = (50, 60), (90, 96)
JOINT_RESPONSES, JOINT_RANK = 100, 5


@dataclass(frozen=True)
class Plan:
    """The constants of ``src/solver/propagation/tolerances.rs``."""

    slabs: tuple = ((0.03, 0.3, 3.0), (0.1, 1.0), (1.0,), (0.1, 1.0), (1e-4, 1e-2, 0.1, 1.0, 6.0))
    damping: tuple = (0.5, 0.3, 0.4, 0.6)
    length: int = 60
    crowded: float = 0.9
    most: float = np.inf
    runaway: float = 20.0
    tail: float = 0.01
    expected: float = 0.6
    densest: float = 0.3
    tilt: float = 0.6
    decided: int = 8
    most_dense: float = 0.95


SINGLE = Plan()
JOINT = Plan(
    slabs=((0.03, 0.3, 3.0), tuple(10.0 ** np.arange(-6, 2)), tuple(10.0 ** np.arange(-8, 3))),
    damping=(0.3, 0.15, 0.2, 0.4),
    length=150,
    crowded=np.inf,
    most=1.0,
    runaway=1e3,
)

PLANS = {
    "damping": {f"{d:g}": replace(SINGLE, damping=(d,)) for d in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0)},
    "slabs": {
        "1": replace(SINGLE, slabs=((1.0,),)),
        ".1, 1": replace(SINGLE, slabs=((0.1, 1.0),)),
        ".03, .3, 3": replace(SINGLE, slabs=((0.03, 0.3, 3.0),)),
        "1e-4, .01, .1, 1, 6": replace(SINGLE, slabs=((1e-4, 1e-2, 0.1, 1.0, 6.0),)),
    },
    "tilt": {f"{t:g}": replace(SINGLE, tilt=t) for t in (0.0, 0.25, 1.0, 2.0)},
    "crowded": {f"{c:g}": replace(SINGLE, crowded=c) for c in (0.8, 1.0, np.inf)},
    "density": {
        f"{e:g}, at most {d:g}": replace(SINGLE, expected=e, densest=d)
        for e, d in ((0.3, 0.15), (0.6, 0.5), (0.9, 0.45))
    },
}
JOINT_PLANS = {
    "damping .15": replace(JOINT, damping=(0.15,)),
    "damping .3": replace(JOINT, damping=(0.3,)),
    "damping .5": replace(JOINT, damping=(0.5,)),
    "one slab": replace(JOINT, slabs=((1.0,),)),
    "crowded .9": replace(JOINT, crowded=0.9),
}


class Propagation:
    """``src/solver/propagation/mod.rs`` for a basis with orthonormal rows; ``Y`` has one response a column."""

    def __init__(self, B, Y, plan):
        self.B, self.Y, self.plan = B, Y, plan
        rank, n = B.shape
        self.density = min(plan.densest, plan.expected * rank / n)
        self.unit = np.sum(Y**2) / Y.shape[1] / (self.density * max(min(rank, n // 2), 1))

    def round(self, index, tilt):
        """Yields energy and posterior means, step after step; ends where the core gives up."""
        plan, (rank, n) = self.plan, self.B.shape
        damping = plan.damping[index % len(plan.damping)]
        self.variances = self.unit * np.array(plan.slabs[index % len(plan.slabs)])
        self.weights = np.full(len(self.variances), 1 / len(self.variances))
        density = self.density
        a, b = np.full(n, 1 / (density * (self.weights @ self.variances))), np.zeros((n, self.Y.shape[1]))
        most = max(min(plan.most_dense, plan.most * rank / n), 2 / max(n, 3))
        for step in range(1, plan.length + 1):
            v = 1 / a
            left = self.Y - self.B @ (v[:, None] * b)
            try:
                factor = np.linalg.cholesky((self.B * v) @ self.B.T)
            except np.linalg.LinAlgError:
                return
            columns, left = (solve_triangular(factor, M, lower=True, check_finite=False) for M in (self.B, left))
            q, s = columns.T @ left, np.sum(columns**2, axis=0)
            means = v[:, None] * (b + q)
            if not np.isfinite(means).all():
                return
            yield np.sum(left**2) + 2 * np.log(np.diag(factor)).sum(), means
            scale = self.weights @ self.variances
            cavity_mean = v[:, None] * b + q / s[:, None]
            cavity_var = np.clip(1 / s - v, 1e-14 * scale, 1e8 * self.unit)
            counts, moments, mean, var = self.tilted(cavity_mean, cavity_var, density, tilt)
            density = np.clip(counts.sum() / n, 2 / max(n, 3), most)
            self.weights = np.maximum(counts / counts.sum(), 1e-6)
            self.variances = np.maximum(moments / np.maximum(counts, 1e-9), 1e-10 * self.unit)
            scale = self.weights @ self.variances
            if not scale <= plan.runaway * self.unit or (step > plan.decided and density * n > plan.crowded * rank):
                return
            spread = np.maximum(var, 1e-14 * scale)
            site = np.clip(1 / spread - 1 / cavity_var, 1e-2 / self.variances.max(), 1e14 / scale)
            a = np.exp((1 - damping) * np.log(a) + damping * np.log(site))
            moved = mean * (site + 1 / cavity_var)[:, None] - cavity_mean / cavity_var[:, None]
            b = (1 - damping) * b + damping * moved

    def tilted(self, cavity_mean, cavity_var, density, tilt):
        """Counts and second moments of the slabs; mean and variance of every column."""
        n_responses = cavity_mean.shape[1]
        total = self.variances + cavity_var[:, None]
        gain, rest = self.variances / total, cavity_var[:, None] / total
        square = np.sum(cavity_mean**2, axis=1)[:, None]
        odds = np.log(density / (1 - density)) + tilt[:, None] + np.log(self.weights)
        odds = odds + 0.5 * n_responses * np.log(np.maximum(rest, 1e-16)) + 0.5 * square * gain / cavity_var[:, None]
        largest = np.maximum(odds.max(axis=1, keepdims=True), 0.0)
        share, spike = np.exp(odds - largest), np.exp(-largest)
        norm = spike + share.sum(axis=1, keepdims=True)
        share, spike = share / norm, (spike / norm)[:, 0]
        second = gain**2 * square / n_responses + gain * cavity_var[:, None]
        pull = np.sum(share * gain, axis=1)
        spread = spike * pull**2 + np.sum(share * (gain - pull[:, None]) ** 2, axis=1)
        var = spread * square[:, 0] / n_responses + np.sum(share * gain, axis=1) * cavity_var
        return share.sum(axis=0), np.sum(share * second, axis=0), pull[:, None] * cavity_mean, var

    def looks(self, index, tilt):
        """The norms of the means, at the steps at which the certificate is tried; and the energies so far."""
        rank, before, energies = self.B.shape[0], None, []
        for step, (energy, means) in enumerate(self.round(index, tilt), start=1):
            energies.append(energy)
            if step % (2 if step <= 6 else 3):
                continue
            strength = np.linalg.norm(means, axis=1)
            order = np.argsort(-strength, kind="stable")
            top = set(order[: rank - 1])
            tail = np.linalg.norm(strength[order[rank - 1 :]]) / np.linalg.norm(strength)
            if (step <= 4 or tail < self.plan.tail) and top != before:
                before = top
                yield strength, top
        self.energies = energies


def agree_with_the_reference():
    with GOLDEN.open(encoding="utf-8") as lines:
        cases = [case for case in map(json.loads, lines) if case["kind"] == "propagation"]
    for case in cases:
        B, Y = np.array(case["basis"]), np.array(case["responses"]).T
        plan = replace(SINGLE if Y.shape[1] == 1 else JOINT, length=len(case["energies"]))
        search = Propagation(B, Y, plan)
        norms = [strength for strength, _ in search.looks(0, np.zeros(B.shape[1]))]
        np.testing.assert_allclose(search.energies, case["energies"], rtol=1e-8)
        np.testing.assert_allclose(norms, case["norms"], rtol=1e-8, atol=1e-10)


def problem(design, n_nonzero, joint, seed):
    """Basis, responses in its coordinates and planted support."""
    X = DESIGNS[design](*SHAPE, random_state=seed)
    if joint:
        rows = {"n_nonzero": n_nonzero, "rank": JOINT_RANK, "row_scale": "jeffreys"}
        Z = make_row_sparse_coef(SHAPE[1], JOINT_RESPONSES, **rows, random_state=seed).T
    else:
        Z = make_sparse_coef(SHAPE[1], n_nonzero, random_state=seed)[:, None]
    B = np.linalg.svd(X, full_matrices=False)[2]
    Y = B @ Z
    if joint:
        Y = np.linalg.svd(Y, full_matrices=False)[0][:, :JOINT_RANK]
    return B, Y, set(np.flatnonzero(Z.any(axis=1)))


def recovered_in(problem, plan, seed):
    """The round, from 0, that finds the planted support, or ``ROUNDS``."""
    B, Y, support = problem
    search = Propagation(B, Y, plan)
    for index in range(ROUNDS):
        # The tilts of a round are the same for every plan.
        normal = np.random.default_rng([seed, index]).standard_normal(B.shape[1])
        tilt = plan.tilt * normal if index else np.zeros(B.shape[1])
        if any(support <= top for _, top in search.looks(index, tilt)):
            return index
    return ROUNDS


def rates(found):
    by_round = [np.mean(np.array(found) <= index) for index in range(ROUNDS)]
    error = np.sqrt(by_round[-1] * (1 - by_round[-1]) / len(found))
    return " ".join(f"{rate:.2f}" for rate in by_round) + f" ({error:.2f})"


def sweep(title, plans, joint, trials, seed):
    nonzeros = JOINT_NONZERO if joint else SINGLE_NONZERO
    cells = [(design, n_nonzero) for design in DESIGNS for n_nonzero in nonzeros]
    print(f"\n| {title} |", " | ".join(f"{design}, {n_nonzero}" for design, n_nonzero in cells), "| all |")
    print("|---|" + "---|" * (len(cells) + 1))
    seeds = range(seed, seed + trials)
    problems = {cell: [problem(*cell, joint, number) for number in seeds] for cell in cells}
    for name, plan in plans.items():
        found = {
            cell: [recovered_in(case, plan, number) for case, number in zip(problems[cell], seeds, strict=True)]
            for cell in cells
        }
        shown = [rates(found[cell]) for cell in cells]
        print(f"| {name} |", " | ".join(shown), f"| {rates([f for cell in cells for f in found[cell]])} |", flush=True)


def main():
    groups = [*PLANS, "joint"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10, help="problems of each design and number of nonzeros")
    parser.add_argument("--seed", type=int, default=0, help="of the first problem")
    parser.add_argument("--only", nargs="+", choices=groups, default=groups, metavar="CONSTANT", help=", ".join(groups))
    args = parser.parse_args()
    agree_with_the_reference()
    print("Recovered by the end of round 1, 2, 3 and 4 (standard error of the last)")
    single = {"as it is": SINGLE}
    for group in [group for group in args.only if group != "joint"]:
        sweep(group, single | PLANS[group], False, args.trials, args.seed)
    if "joint" in args.only:
        sweep("several responses", {"as it is": JOINT} | JOINT_PLANS, True, args.trials, args.seed)


if __name__ == "__main__":
    main()
