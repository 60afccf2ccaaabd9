"""Designs of riboflavin genes; the data are read once a process."""

import functools
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from .... import _core
from ....datasets import fetch_riboflavin

Array: TypeAlias = NDArray[np.float64]


@functools.lru_cache(maxsize=1)
def _expression() -> Array:
    data: Any = fetch_riboflavin()
    X: Array = data.X
    X.setflags(write=False)
    return X


def load() -> None:
    """Read the data, or raise DataUnavailableError."""
    _expression()


def design(n_genes: int, seed: int | None) -> Array:
    """Genes of largest variance or, with a seed, random genes; columns of norm 1, not centred.

    The same genes as from :func:`sparsevae.datasets.fetch_riboflavin` with that seed.
    """
    X = _expression()
    if seed is None:
        columns = np.argsort(-X.var(axis=0), kind="stable")[:n_genes]
    else:
        columns = _core.sample_support(X.shape[1], n_genes, seed)
    scaled: Array = normalize(X[:, columns], axis=0)
    return scaled
