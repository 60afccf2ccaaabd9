"""What Welper's Theorem 4.2 asks for, in numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics import stable_rank

Array = NDArray[np.float64]


def rows_of_assumptions(
    A: Array,
    components: Array,
    combinators: Array,
    *,
    rank: int,
    rank_kept: int,
    n_expected: int,
    n_combined: int,
    max_nonzero: int | None,
    solved: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """One row for each condition, as `WelperRecover.check_assumptions` describes them.

    `rank` is that of `A`, `rank_kept` that of the kept solutions, `solved` says which training problems are
    combinations of components.
    """
    n, p, q = A.shape[1], n_expected, len(solved)
    # t / 2 components are combined; s nonzeros has a component.
    t, s = min(2 * n_combined, p), float(np.count_nonzero(components, axis=0).mean())
    # An estimate of the probability of a nonzero: its bounds are two standard errors wider.
    share = s / n
    slack = 2 * float(np.sqrt(share * (1 - share) / (n * components.shape[1])))
    bound = float(max_nonzero) if max_nonzero is not None else s * t
    conditions: list[tuple[str, str, float, float | None, float | None]] = [
        ("A1", "share of B = A X Z", float(solved.mean()), 1.0, None),
        ("A2", "q >= p", q, p, None),
        ("A2", "n > p^2 log^2 p", n, (p * np.log(p)) ** 2, None),
        ("A2", "2 / p <= s / n <= 1 / sqrt(p)", share, 2 / p - slack, p**-0.5 + slack),
        ("A2", "sr(A) >= (n t / s) log(3 p / t)", stable_rank(A), n * t / s * np.log(3 * p / t), None),
        ("A3", "u >= s t", bound, s * t, None),
        ("A3", "rank(A) >= 2 u", rank, 2 * bound, None),
        ("A4", "kept problems >= p", combinators.shape[1], p, None),
        ("A4", "rank of their solutions = p", rank_kept, p, p),
    ]
    return [
        {
            "assumption": name,
            "condition": condition,
            "value": float(value),
            "least": None if least is None else float(least),
            "most": None if most is None else float(most),
            "holds": bool((least is None or value >= least) and (most is None or value <= most)),
        }
        for name, condition, value, least, most in conditions
    ]
