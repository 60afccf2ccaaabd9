"""Means over trials, and how sure they are."""

import math
from collections.abc import Sequence

import numpy as np

_RESAMPLES = 1000


def mean(values: Sequence[float]) -> float:
    """Return the mean, NaN of nothing."""
    return math.fsum(values) / len(values) if values else math.nan


def bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """95% interval of a mean, by the percentile bootstrap with a fixed seed."""
    if not values:
        return math.nan, math.nan
    sample = np.asarray(values)
    picks = np.random.default_rng(0).integers(len(sample), size=(_RESAMPLES, len(sample)))
    low, high = np.quantile(sample[picks].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
