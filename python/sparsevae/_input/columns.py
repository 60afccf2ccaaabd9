"""Designs of any kind: arrays, SciPy's sparse matrices, and columns that are read when they are needed.

Libraries of the third kind are known by their objects, never imported.
"""

import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import DataTypeError, ParameterError, ShapeError
from .arrays import as_numbers, check_finite, is_sparse
from .parameters import check_count
from .remote import DaskColumns

Array = NDArray[np.float64]

# Entries up to which columns of files are all read at once: as float64 they take 64 MiB, and a search goes over them
# many times.
WHOLE = 2**23
# Entries that are converted to float64 at a time, 8 MiB.
_BLOCK = 2**20
# From so many columns of a block on, all of it is read.
_SWEEP = 16


class ColumnBlocks:
    """A design whose columns are read when they are needed, a block at a time.

    It stands for `X` in ``fit`` and ``predict`` of the sparse regressions and in :func:`fit_many`, and need not fit in
    memory. Objects of the libraries below are read so without it, where they have more than 2^23 entries: wrap them to
    choose the size of a block or to fill in what is missing. Arrays of dask are multiplied where their blocks lie.

    Parameters
    ----------
    source : object
        One of

        - a dataset of h5py, an array of zarr, dask or NumPy: anything with a `shape` that is read by
          ``source[:, start:stop]``;
        - an ``open_bed`` of bed-reader, the genotypes of PLINK: counts of allele 1 (its default), samples by variants;
        - a ``Table`` of pyarrow, or the ``ParquetFile`` of one;
        - a function of `start` and `stop` that returns these columns as an array of shape
          ``(n_samples, stop - start)``; with `shape`.
    shape : tuple of two ints or None, default=None
        Samples and features; None where the source has a shape.
    missing : {"error", "mean"}, default="error"
        What NaN means, a missing genotype or a null: an error, or the mean of its column (for which blocks of dask are
        read into this process).
    block_bytes : int, default=2**25
        Memory of a block in the numbers of the source, 32 MiB by default. A block has one column at least, and is there
        two or three times while it is read.

    Attributes
    ----------
    shape : tuple of two ints
        Samples and features.
    dtype : dtype
        Of the source; float64 where it says nothing. Results have float32 only where this is float32.
    block_columns : int
        Columns of a block.

    Raises
    ------
    DataTypeError
        If the source is none of these.
    ShapeError
        If there is no shape, or it is not that of a matrix.
    ParameterError
        If `missing` or `block_bytes` is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae import ColumnBlocks, VaeSlr
    >>> genotypes = np.random.default_rng(0).integers(0, 3, (50, 200), dtype=np.int8)
    >>> X = ColumnBlocks(lambda start, stop: genotypes[:, start:stop], shape=(50, 200))
    >>> VaeSlr().fit(X, genotypes[:, 7] - 2.0 * genotypes[:, 70]).support_
    array([ 7, 70])
    """

    def __init__(
        self,
        source: Any,
        *,
        shape: tuple[int, int] | None = None,
        missing: str = "error",
        block_bytes: int = 2**25,
    ) -> None:
        if missing not in ("error", "mean"):
            raise ParameterError(f'`missing` is {missing!r}, but it must be "error" or "mean"')
        self.missing = missing
        self.source = source
        self._read, found = _reader(source)
        known = tuple(found if shape is None else shape)
        # The size of an axis of dask may be unknown.
        if len(known) != 2 or not all(isinstance(size, numbers.Integral) for size in known):
            raise ShapeError(f"`source` has shape {known}, but (n_samples, n_features) is needed")
        self.shape: tuple[int, int] = (int(known[0]), int(known[1]))
        self.dtype = np.dtype(getattr(source, "dtype", np.float64))
        # scikit-learn asks for it.
        self.ndim = 2
        # What the core asks for in place of columns, where work can be sent to them.
        self.remote = DaskColumns(source) if _is_dask(source) and missing == "error" else None
        size = check_count("block_bytes", block_bytes, 1)
        self.block_columns = max(1, size // max(self.dtype.itemsize * self.shape[0], 1))

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read the columns from `start` to before `stop`, as numbers that the core knows.

        Raises
        ------
        DataTypeError, ShapeError
            If these are no real numbers, or not so many.
        """
        block = np.asarray(self._read(start, stop))
        if block.dtype.kind not in "fiub":
            raise DataTypeError(
                f"`X` has columns of dtype {block.dtype} from {start} to {stop}, but real numbers are needed"
            )
        if block.shape != (self.shape[0], stop - start):
            raise ShapeError(
                f"`X` was read from column {start} to {stop} with shape {block.shape}, but "
                f"{(self.shape[0], stop - start)} is needed"
            )
        if self.missing == "mean" and block.dtype.kind == "f":
            block = _fill(block.astype(np.float64), start)
        return np.asarray(as_numbers("X", block))

    def blocks(self, columns: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray[Any]]]:
        """Read some columns, ascending, and give them a block at a time with their indices; refuse NaN and infinity."""
        for own, block in self._chosen(columns):
            check_finite("X", block, places=own)
            yield own, block

    def _chosen(self, columns: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray[Any]]]:
        if self.remote is not None:
            for first in range(0, len(columns), self.block_columns):
                own = columns[first : first + self.block_columns]
                yield own, self.remote.take(own)
            return
        for start in range(0, self.shape[1], self.block_columns):
            stop = min(start + self.block_columns, self.shape[1])
            own = columns[np.searchsorted(columns, start) : np.searchsorted(columns, stop)]
            if not len(own):
                continue
            if len(own) < _SWEEP:
                yield own, np.column_stack([self.read(j, j + 1) for j in own.tolist()])
            else:
                yield own, self.read(start, stop)[:, own - start]


def _fill(block: Array, start: int) -> Array:
    """Put the mean of its column in the place of NaN."""
    missing = np.isnan(block)
    present = (~missing).sum(axis=0)
    if not present.all():
        raise ParameterError(
            f"`X` has no value in column {start + int(np.argmin(present))}, but a column needs one at least"
        )
    means = np.where(missing, 0, block).sum(axis=0) / present
    return np.where(missing, means, block)


def _reader(source: Any) -> tuple[Callable[[int, int], Any], tuple[int, ...]]:
    """How columns of a source are read, and its shape."""
    library = type(source).__module__.partition(".")[0]
    if _is_dask(source):
        return lambda start, stop: DaskColumns(source).take(np.s_[start:stop]), source.shape
    if library == "bed_reader":
        # Missing genotypes are NaN in floating point, and a number in integers.
        return lambda start, stop: source.read(index=np.s_[:, start:stop], dtype="float32"), source.shape
    if library == "pyarrow" and hasattr(source, "schema_arrow"):
        names = source.schema_arrow.names
        shape = (source.metadata.num_rows, len(names))
        return lambda start, stop: _from_table(source.read(columns=names[start:stop])), shape
    if library == "pyarrow":
        return lambda start, stop: _from_table(source.select(range(start, stop))), source.shape
    if hasattr(source, "shape") and hasattr(source, "__getitem__"):
        return lambda start, stop: source[:, start:stop], source.shape
    if callable(source):
        return source, ()
    raise DataTypeError(
        f"`source` is a {type(source).__name__}, but a function of `start` and `stop`, or an object that is read by "
        "source[:, start:stop], is needed"
    )


def _is_dask(source: Any) -> bool:
    return type(source).__module__.startswith("dask.array.")


def _from_table(table: Any) -> NDArray[Any]:
    return np.column_stack([column.to_numpy() for column in table.itercolumns()])


# Modules of the types that are read in blocks, and what says so.
_LIBRARIES = ("h5py", "zarr", "dask.array", "bed_reader", "pyarrow.lib", "pyarrow.parquet")


def open_columns(X: Any) -> Any:
    """Return what holds its columns elsewhere as :class:`ColumnBlocks`, or an array of all if they are few.

    All else is returned as it is; so are :class:`ColumnBlocks`, of any size.
    """
    module = f"{type(X).__module__}."
    if not any(module.startswith(f"{library}.") for library in _LIBRARIES):
        return X
    columns = ColumnBlocks(X)
    return columns if columns.shape[0] * columns.shape[1] > WHOLE else columns.read(0, columns.shape[1])


def take(X: Any, columns: NDArray[np.int64]) -> Array:
    """Copy some columns, ascending, of a design of any kind as float64."""
    if isinstance(X, ColumnBlocks):
        parts = [np.empty((X.shape[0], 0)), *(block for _, block in X.blocks(columns))]
        return np.hstack(parts).astype(np.float64)
    chosen = X[:, columns]
    return np.asarray(chosen.toarray() if is_sparse(X) else chosen, np.float64)


def multiply(X: Any, coef: NDArray[Any]) -> NDArray[Any]:
    """Multiply a design of any kind by coefficients, of shape (n_features,) or (n_features, n_responses).

    Arrays of another dtype are converted a few rows at a time. Columns that are read on demand are not read where the
    coefficients are zero.
    """
    shape = (X.shape[0], *coef.shape[1:])
    if isinstance(X, ColumnBlocks):
        out = np.zeros(shape)
        for own, block in X.blocks(np.flatnonzero(coef.reshape(len(coef), -1).any(axis=1))):
            out += multiply(block, coef[own])
        return out
    if is_sparse(X) or X.dtype == coef.dtype:
        return np.asarray(X @ coef)
    out = np.empty(shape, np.result_type(X, coef))
    rows = max(1, _BLOCK // max(X.shape[1], 1))
    for first in range(0, len(X), rows):
        np.matmul(X[first : first + rows].astype(out.dtype), coef, out=out[first : first + rows])
    return out
