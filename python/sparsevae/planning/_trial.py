"""One trial: effects are planted on a design, a model is fitted, and what it found is compared with the truth."""

import time
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from .._input.columns import take
from ..datasets import make_sparse_coef
from ..exceptions import ParameterError
from ._sources import Source

Array = NDArray[np.float64]

# Columns that are read together in search of some that are not constant.
_AT_ONCE = 1000


class Trial(NamedTuple):
    """What was found in one trial."""

    recovery: float
    power: float
    false_discovery: float
    f1: float
    captured: float
    """Share of the effects that are in a credible set; NaN where there are none."""
    sizes: Array
    """Of the effects, per standard deviation of the column, in units of that of the noise, if there is any."""
    found: NDArray[np.bool_]
    seconds: float
    n_passes: int


def run_trial(source: Source, estimator: Any, n_samples: int, k: int, snr: float, law: str, seeds: list[int]) -> Trial:
    """Plant, fit and compare.

    `seeds` has the seed of the plan and the number of the trial: the effects are the same at any number of samples.
    """
    planting, rng = (np.random.default_rng([*seeds, stream]) for stream in range(2))
    X, weights = source.draw(n_samples, rng)
    support, columns = _varying(X, k, planting)
    effects = make_sparse_coef(k, k, law=law, random_state=planting)
    signal = (columns - columns.mean(axis=0)) / columns.std(axis=0) @ effects
    deviation = float(np.sqrt(signal.var() / snr))
    y = signal + deviation * rng.standard_normal(len(signal))
    model = clone(estimator)
    with warnings.catch_warnings():
        # A fit that gives up is counted as what it found.
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(X, y, sample_weight=weights)
        seconds = time.perf_counter() - start
    chosen = np.asarray(model.support_)
    found = np.isin(support, chosen)
    hits = int(found.sum())
    sets = getattr(model, "credible_sets_", None)
    return Trial(
        recovery=float(hits == k == len(chosen)),
        power=hits / k,
        false_discovery=(len(chosen) - hits) / max(len(chosen), 1),
        f1=2 * hits / (k + len(chosen)),
        captured=np.nan if sets is None else float(np.isin(support, np.concatenate([[], *sets])).mean()),
        sizes=np.abs(effects) / (deviation or 1.0),
        found=found,
        seconds=seconds,
        n_passes=int(model.n_passes_),
    )


def _varying(X: Any, k: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], Array]:
    """Choose `k` columns that are not constant, ascending, and copy them."""
    n_features = X.shape[1]
    chosen = np.sort(rng.choice(n_features, k, replace=False))
    columns = take(X, chosen)
    varies = np.ptp(columns, axis=0) > 0
    if varies.all():
        return chosen, columns
    kept, others = chosen[varies], rng.permutation(np.setdiff1d(np.arange(n_features), chosen))
    while len(kept) < k and len(others):
        some, others = np.sort(others[:_AT_ONCE]), others[_AT_ONCE:]
        some = rng.permutation(some[np.ptp(take(X, some), axis=0) > 0])
        kept = np.append(kept, some[: k - len(kept)])
    if len(kept) < k:
        raise ParameterError(
            f"`n_nonzero` is {k}, but `X` has {len(kept)} columns that are not constant, of {n_features}"
        )
    kept.sort()
    return kept, take(X, kept)
