"""Credible sets: columns that hold an effect between them, though nobody knows which one does."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core


class CredibleSet(NamedTuple):
    """Columns of which one or more have an effect, with a stated probability."""

    columns: NDArray[np.int64]
    """Indices of the columns, ascending."""
    prob: float
    """Posterior probability that at least one of them has an effect."""
    purity: float
    """Their smallest absolute correlation."""


def find_credible_sets(
    places: "_core.Places", coverage: float, purity: float, min_prob: float | None
) -> list[CredibleSet]:
    """Gather columns that are alike, the most probable first, until they hold an effect with probability `coverage`.

    Parameters
    ----------
    places : dict
        Where effects may be, sweep by sweep, from the core.
    coverage, purity, min_prob : float
        See :meth:`sparsevae.VaeSlr.credible_sets`.

    Returns
    -------
    list of CredibleSet
        Disjoint, the one with the most probable column first.
    """
    n_sweeps = int(places["n_sweeps"])
    alike = np.abs(places["correlation"]) >= purity
    place_of = np.repeat(np.arange(len(places["times"])), np.diff(places["start"]))
    order = np.argsort(places["column"], kind="stable")
    bounds = np.searchsorted(places["column"][order], np.arange(len(alike) + 1))
    # Of each candidate: the places where it may be, and how probably.
    entries = [
        (place_of[order[low:high]], places["probability"][order[low:high]]) for low, high in itertools.pairwise(bounds)
    ]

    def prob(columns: NDArray[np.int64]) -> float:
        # Probability that an effect is in the set, given all others, then that none is, sweep by sweep.
        inside = np.zeros(len(places["times"]))
        for place, probability in (entries[j] for j in columns):
            inside[place] += probability
        with np.errstate(divide="ignore"):
            log_none = places["times"] * np.log1p(-np.minimum(inside, 1.0))
        none = np.exp(np.bincount(places["sweep"], log_none, minlength=n_sweeps))
        return float(1.0 - none.mean())

    least_whole = coverage if min_prob is None else min_prob
    found: list[CredibleSet] = []
    free = np.ones(len(alike), dtype=bool)
    for seed in range(len(alike)):
        members = np.flatnonzero(alike[seed] & free)
        if not free[seed] or (whole := prob(members)) < least_whole:
            continue
        enough = coverage if min_prob is None else coverage * whole
        # The seed first: sets grow by columns like it.
        members = np.concatenate([[seed], members[members != seed]])
        low, high = 0, len(members)
        while high - low > 1:
            middle = (low + high) // 2
            value = prob(members[:middle])
            low, high, whole = (low, middle, value) if value >= enough else (middle, high, whole)
        chosen = members[:high]
        free[chosen] = False
        least = float(np.abs(places["correlation"][np.ix_(chosen, chosen)]).min())
        if least >= purity:
            found.append(CredibleSet(np.sort(places["features"][chosen]), whole, min(least, 1.0)))
    return found
