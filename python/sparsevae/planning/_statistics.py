"""Means over trials and what is read from them, each with its 95% interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..metrics import wilson_interval

Array = NDArray[np.float64]

# Bootstrap samples of an interval: its ends vary by a tenth of its width.
_RESAMPLES = 400
_ENDS = (2.5, 97.5)
# Share of effects of a size that must be found for it to count as large enough: the usual power of a study.
POWER = 0.8
# Steps of Newton's method and the ridge that keeps the slope finite where sizes separate what is found from the rest.
_STEPS, _RIDGE = 30, 1e-2


class Estimate(NamedTuple):
    """A number with the ends of its 95% interval; NaN where nothing is known."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def rate(successes: Array) -> Estimate:
    """Share of ones, with Wilson's interval."""
    if not len(successes):
        return UNKNOWN
    return Estimate(float(successes.mean()), *wilson_interval(int(successes.sum()), len(successes)))


def mean(values: Array, rng: np.random.Generator) -> Estimate:
    """Mean of shares over trials, with an interval by the bootstrap; NaN are left out.

    Where all trials agree, on 0 or 1 nearly always, resampling knows no doubt; the interval is Wilson's then, of as
    many yeses as that share.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return UNKNOWN
    value = float(known.mean())
    if np.ptp(known) == 0:
        low, high = wilson_interval(round(value * len(known)), len(known))
        return Estimate(value, min(low, value), max(high, value))
    picks = rng.integers(len(known), size=(_RESAMPLES, len(known)))
    low, high = np.percentile(known[picks].mean(axis=1), _ENDS)
    return Estimate(value, float(low), float(high))


def size_found(sizes: Array, found: NDArray[np.bool_]) -> float:
    """Size from which on effects are found with probability `POWER`, by a logistic curve in its logarithm.

    NaN where all are found, or none: then no curve is to be seen.
    """
    if not found.any() or found.all():
        return np.nan
    log_sizes = np.log(sizes)
    centre, spread = log_sizes.mean(), log_sizes.std()
    if spread == 0:
        return np.nan
    features = np.column_stack([np.ones(len(sizes)), (log_sizes - centre) / spread])
    weights = np.zeros(2)
    ridge = np.array([0.0, _RIDGE])
    for _ in range(_STEPS):
        prob = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        gradient = features.T @ (found - prob) - ridge * weights
        curvature = (features.T * (prob * (1 - prob))) @ features + np.diag(ridge + 1e-9)
        weights += np.clip(np.linalg.solve(curvature, gradient), -2, 2)
    if weights[1] <= 0:
        return np.nan
    return float(np.exp(centre + spread * (np.log(POWER / (1 - POWER)) - weights[0]) / weights[1]))


def crossing(n_samples: Array, values: list[Array], target: float, rng: np.random.Generator) -> Estimate:
    """Where the means of trials at growing `n_samples` reach `target`.

    The means are made monotone and joined by lines over the logarithm of `n_samples`; the interval is that of the
    bootstrap over trials. A value is the first of `n_samples` if that suffices, and infinite if the last does not.
    """
    counts = np.array([len(each) for each in values], float)
    resampled = [each[rng.integers(len(each), size=(_RESAMPLES, len(each)))].mean(axis=1) for each in values]
    found = [_reach(n_samples, means, target) for means in _isotonic(np.column_stack(resampled), counts)]
    low, high = np.percentile(found, _ENDS, method="nearest")
    (means,) = _isotonic(np.array([[each.mean() for each in values]]), counts)
    value = _reach(n_samples, means, target)
    return Estimate(value, float(min(low, value)), float(max(high, value)))


def _isotonic(means: Array, counts: Array) -> Array:
    """Make each row of means monotone by weighted least squares: the largest of the least averages around a place."""
    sums = np.cumsum(np.insert(means * counts, 0, 0.0, axis=1), axis=1)
    ends = np.cumsum(np.insert(counts, 0, 0.0))
    monotone = np.empty_like(means)
    for i in range(means.shape[1]):
        averages = (sums[:, None, i + 1 :] - sums[:, : i + 1, None]) / (ends[i + 1 :] - ends[: i + 1, None])
        monotone[:, i] = averages.min(axis=2).max(axis=1)
    return monotone


def _reach(n_samples: Array, means: Array, target: float) -> float:
    """Where growing means reach `target`."""
    last = int(np.searchsorted(means, target - 1e-12))
    if last == len(means):
        return np.inf
    if last == 0:
        return float(n_samples[0])
    share = (target - means[last - 1]) / (means[last] - means[last - 1])
    before, after = np.log(n_samples[last - 1 : last + 1])
    return float(np.exp(before + share * (after - before)))
