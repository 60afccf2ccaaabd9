"""Designs whose blocks lie in other processes: work is sent to where they are, and what comes back is small.

Dask is known by its arrays, never imported.
"""

import operator
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .arrays import as_numbers, is_sparse

Array = NDArray[np.float64]
Part = tuple[int, int, Any]

# Seconds between two looks at what has come from a cluster.
_NAP = 0.01
# Rows of what is known of the columns of a block: as the core has them, then the weight of its samples, and the entries
# of the first of these.
_DIVISOR, _MEAN, _SHARE, _SQUARE, _NOT_FINITE, _WEIGHT, _FIRST = range(7)


class DaskColumns:
    """The columns of a dask array, worked on where its blocks are.

    The methods are iterators over parts of what they find, ``(row, column, values)``, in any order. On a cluster of
    `distributed`, None comes wherever nothing else has for a while; what was not done when one is closed is cancelled.

    Parameters
    ----------
    array : dask.array.Array of shape (n_samples, n_features)
        Of numbers; with blocks of rows, of columns or of both, dense or sparse ones of SciPy.
    """

    def __init__(self, array: Any) -> None:
        self._array = array

    @property
    def nbytes(self) -> int:
        """Memory that all of it would take."""
        return int(self._array.nbytes)

    def gather(self, columns: Any) -> Iterator[Part | None]:
        """Copy some columns, by ascending indices or a slice."""
        chosen = self._array[:, columns].map_blocks(_dense, dtype=self._array.dtype)
        rows, starts = (np.cumsum([0, *sizes[:-1]]).tolist() for sizes in chosen.chunks)
        grid = chosen.to_delayed()
        places = [(row, start) for row in rows for start in starts]
        for found in _computed(grid.ravel().tolist()):
            yield found and (*places[found[0]], found[1])

    def take(self, columns: Any) -> NDArray[Any]:
        """Return what :meth:`gather` finds, as an array."""
        parts = [part for part in self.gather(columns) if part is not None]
        shape = [max(part[axis] + part[2].shape[axis] for part in parts) for axis in (0, 1)]
        out = np.empty(shape, np.result_type(*(values for _, _, values in parts)))
        for row, start, values in parts:
            out[row : row + values.shape[0], start : start + values.shape[1]] = values
        return out

    def multiply(self, vectors: Array) -> Iterator[Part | None]:
        """Multiply all columns with vectors of shape (n_vectors, n_samples); a row for each, of shape (n_features,)."""
        yield from self._reduced(_products, vectors, operator.add)

    def moments(self, roots: Array, centred: bool) -> Iterator[Part | None]:  # noqa: FBT001 - the core calls it
        """Find what columns are standardised by, where samples have weights of these roots: see ``_core.moments``."""
        used = np.flatnonzero(roots)
        root, first = float(np.linalg.norm(roots)), roots[used[0]]
        for part in self._reduced(_moments, np.vstack([roots, np.arange(len(roots))]), _merged, centred=centred):
            if part is None:
                yield None
                continue
            row, start, found = part
            found[_DIVISOR, found[_DIVISOR] == 0] = 1
            if centred and self._array.numblocks[0] > 1 and np.isinf(found[_NOT_FINITE]).all():
                found[_SHARE] = first * (found[_FIRST] / found[_DIVISOR] - found[_MEAN]) / (root + first)
            yield row, start, found[:_WEIGHT]

    def _reduced(
        self, function: Callable[..., Array], vectors: Array, merge: Callable[[Array, Array], Array], **options: Any
    ) -> Iterator[Part | None]:
        """Call `function` for each block with what vectors have for its rows; merge what it finds over blocks of rows.

        That is done in pairs from the first to the last, so that no bit depends on who was first.
        """
        dask = sys.modules["dask"]
        sizes, widths = self._array.chunks
        sides = sys.modules["dask.array"].from_array(vectors, chunks=(-1, sizes))
        # Each block with the vectors' block of the same rows.
        grid = sys.modules["dask.array"].blockwise(
            function,
            "ij",
            self._array,
            "ij",
            sides,
            "ki",
            dtype=np.float64,
            meta=np.empty((0, 0)),
            adjust_chunks={"i": len(vectors)},
            concatenate=True,
            **options,
        )
        merge = dask.delayed(merge, pure=True)
        columns = []
        for blocks in grid.to_delayed().T.tolist():
            while len(blocks) > 1:
                pairs = [merge(*pair) for pair in zip(blocks[::2], blocks[1::2], strict=False)]
                blocks = pairs + blocks[2 * len(pairs) :]
            columns += blocks
        starts = np.cumsum([0, *widths[:-1]]).tolist()
        for found in _computed(columns):
            yield found and (0, starts[found[0]], found[1])


def _computed(tasks: list[Any]) -> Iterator[tuple[int, Any] | None]:
    """Compute delayed objects by the scheduler that dask would choose; give them with their places, as they come."""
    scheduler = sys.modules["dask.base"].get_scheduler(collections=tasks)
    client = getattr(scheduler, "__self__", None)
    if client is None:
        at_once = os.cpu_count() or 1
        for first in range(0, len(tasks), at_once):
            values = sys.modules["dask"].compute(*tasks[first : first + at_once])
            yield from enumerate(values, first)
        return
    futures = client.compute(tasks)
    waiting = {future.key: (place, future) for place, future in enumerate(futures)}
    done = sys.modules["distributed"].as_completed(futures, loop=client.loop, with_results=True)
    # What has come is no longer held by those who computed it.
    del futures
    try:
        while waiting:
            batch = done.next_batch(block=False)
            if not batch:
                time.sleep(_NAP)
                yield None
            for future, value in batch:
                if future.status in ("error", "cancelled"):
                    future.result()
                place, _ = waiting.pop(future.key)
                yield place, value
    finally:
        if waiting:
            client.cancel([future for _, future in waiting.values()])


def _dense(block: Any) -> NDArray[Any]:
    block = as_numbers("X", block)
    return np.asarray(block.toarray() if is_sparse(block) else block)


def _products(block: Any, vectors: Array) -> Array:
    return _core.multiply_transposed(as_numbers("X", block), np.ascontiguousarray(vectors))


def _moments(block: Any, samples: Array, *, centred: bool) -> Array:
    """Moments of a block, of whose samples the roots of the weights and the indices are given."""
    block = as_numbers("X", block)
    used = samples[0] > 0
    roots, rows = samples[:, used]
    if not used.all():
        block = block[used]
    out = np.zeros((_FIRST + 1, block.shape[1]))
    out[_NOT_FINITE] = np.inf
    if not len(rows):
        return out
    out[:_WEIGHT] = _core.moments(block, np.ascontiguousarray(roots), centred)
    # A column of zeros has no size.
    out[_DIVISOR, (out[_MEAN] == 0) & (out[_SQUARE] == 0)] = 0
    bad = np.isfinite(out[_NOT_FINITE])
    out[_NOT_FINITE, bad] = rows[out[_NOT_FINITE, bad].astype(int)]
    out[_WEIGHT] = roots @ roots
    out[_FIRST] = _dense(block[:1]).ravel()
    return out


def _merged(a: Array, b: Array) -> Array:
    """Moments of two blocks of rows together (Chan, Golub and LeVeque), but for their share."""
    out = np.zeros_like(a)
    out[_DIVISOR] = np.maximum(a[_DIVISOR], b[_DIVISOR])
    out[_WEIGHT] = a[_WEIGHT] + b[_WEIGHT]
    # Nobody looks at moments of entries that are not finite.
    with np.errstate(invalid="ignore"):
        # 0 where both are columns of zeros.
        of_a, of_b = (part[_DIVISOR] / np.where(out[_DIVISOR] > 0, out[_DIVISOR], 1) for part in (a, b))
        share = b[_WEIGHT] / np.where(out[_WEIGHT] > 0, out[_WEIGHT], 1)
        apart = b[_MEAN] * of_b - a[_MEAN] * of_a
        out[_MEAN] = a[_MEAN] * of_a + share * apart
        out[_SQUARE] = a[_SQUARE] * of_a**2 + b[_SQUARE] * of_b**2 + apart**2 * a[_WEIGHT] * share
    out[_NOT_FINITE] = np.minimum(a[_NOT_FINITE], b[_NOT_FINITE])
    out[_FIRST] = np.where(a[_WEIGHT] > 0, a[_FIRST], b[_FIRST])
    return out
