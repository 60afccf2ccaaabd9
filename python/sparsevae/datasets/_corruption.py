"""What the data sets drawn in NumPy share: independent streams, memory, and outliers that replace entries."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..exceptions import ParameterError

BLOCK = 1024


def streams(seed: int, kind: int, count: int) -> list[np.random.Generator]:
    """Return `count` independent generators; another `kind` of data has others under the same seed."""
    return [np.random.default_rng(part) for part in np.random.SeedSequence(seed, spawn_key=(kind,)).spawn(count)]


def empty(name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return an array that is not filled yet, or raise ParameterError in the name of its last side."""
    try:
        return np.empty(shape)
    except (MemoryError, ValueError) as error:
        raise ParameterError(
            f"`{name}` is {shape[-1]}, but it must be so small that an array of shape {shape} fits in memory"
        ) from error


def replace_entries(
    clean: NDArray[np.float64],
    share: float,
    places: np.random.Generator,
    draw: Callable[[tuple[int, ...]], NDArray[np.float64]],
) -> dict[str, NDArray[np.float64] | NDArray[np.bool_]]:
    """Replace every entry of `clean` with probability `share` by what `draw` gives; `places` decides which.

    Values are drawn for all entries, so that neither the values nor the places that two shares have in common change
    with the share, nor the first rows with the number of rows.
    """
    X = np.empty_like(clean)
    mask = np.empty(clean.shape, dtype=np.bool_)
    for start in range(0, len(clean), BLOCK):
        rows = slice(start, start + BLOCK)
        mask[rows] = places.random(clean[rows].shape) < share
        X[rows] = np.where(mask[rows], draw(clean[rows].shape), clean[rows])
    return {"X": X, "clean": clean, "outliers": X - clean, "outlier_mask": mask}
