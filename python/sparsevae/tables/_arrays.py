"""Tables in files of NumPy, Parquet and PLINK."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._input.columns import ColumnBlocks
from ..exceptions import DataTypeError, DataUnavailableError, ParameterError, ShapeError
from ._table import Choice, Table, choose, read_number, refuse_same_names

# PLINK's phenotype in the .fam file, and its number for a missing one.
_PHENOTYPE, _NO_PHENOTYPE = "pheno", -9.0


def read_numpy(path: Path, response: str | int | None, exclude: Sequence[str | int], missing: str) -> Table:
    found: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    if isinstance(found, np.ndarray):
        found = found.reshape(-1, 1) if found.ndim == 1 else found
        _check_matrix(path, found)
        choice = choose(path, [str(i) for i in range(found.shape[1])], response, exclude, missing)
        y = None if choice.response is None else found[:, choice.response]
        return choice.table(_some(found, choice), y)
    with found as arrays:
        if "X" not in arrays:
            raise ParameterError(f"{path} has arrays {', '.join(arrays)}, but one is to be named X")
        X, y = arrays["X"], None
        _check_matrix(path, X)
        names = [str(name) for name in arrays.get("feature_names", range(X.shape[1]))]
        if len(names) != X.shape[1]:
            raise ShapeError(f"{path} has {len(names)} `feature_names`, but `X` has {X.shape[1]} columns")
        if response is not None:
            others = [name for name in arrays if name not in ("X", "feature_names") and arrays[name].ndim == 1]
            if response not in others:
                there = ", ".join(others) or "no array of one dimension"
                raise ParameterError(f"`response` is {response!r}, but {path} has {there} beside `X`")
            y = arrays[str(response)]
    choice = choose(path, names, None, exclude, missing)
    refuse_same_names(choice)
    return choice.table(_some(X, choice), y, None if response is None else str(response))


def _check_matrix(path: Path, X: NDArray[Any]) -> None:
    if X.ndim != 2 or 0 in X.shape:
        raise ShapeError(f"{path} has an array of shape {X.shape}, but (n_samples, n_features) is needed")
    if X.dtype.kind not in "fiub":
        raise DataTypeError(f"{path} has an array of dtype {X.dtype}, but real numbers are needed")


def _some(X: Any, choice: Choice) -> ColumnBlocks:
    """Leave the columns of an array where they are."""
    columns = choice.columns
    shape = (X.shape[0], len(columns))
    return ColumnBlocks(lambda start, stop: X[:, columns[start:stop]], shape=shape, missing=choice.missing)


def read_parquet(path: Path, response: str | int | None, exclude: Sequence[str | int], missing: str) -> Table:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise DataUnavailableError(f"{path} needs pyarrow: pip install 'sparsevae[files]'") from error
    source = parquet.ParquetFile(path)
    names, kinds = source.schema_arrow.names, source.schema_arrow.types
    # The index of a frame of pandas is no column.
    indices = [i for i, name in enumerate(names) if name.startswith("__index_level_")]
    choice = choose(path, names, response, [*exclude, *indices], missing)
    refuse_same_names(choice)
    for i in choice.all:
        kind = kinds[i]
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            message = f'{path}, column "{names[i]}": {kind} is no type of numbers; `exclude` leaves a column out'
            raise DataTypeError(message)
    if not source.metadata.num_rows:
        raise ShapeError(f"{path} has columns, but no rows")

    def read(columns: Sequence[int]) -> NDArray[np.float64]:
        found = source.read(columns=[names[i] for i in columns])
        return np.column_stack([found.column(names[i]).cast(pa.float64()).to_numpy() for i in columns])

    y = None if choice.response is None else read([choice.response])[:, 0]
    shape = (source.metadata.num_rows, len(choice.columns))
    own = choice.columns.tolist()
    return choice.table(ColumnBlocks(lambda start, stop: read(own[start:stop]), shape=shape, missing=missing), y)


def read_bed(path: Path, response: str | int | None, exclude: Sequence[str | int], missing: str) -> Table:
    try:
        from bed_reader import open_bed
    except ImportError as error:
        raise DataUnavailableError(f"{path} needs bed-reader: pip install 'sparsevae[files]'") from error
    bed = open_bed(path)
    choice = choose(path, [str(name) for name in bed.sid], None, exclude, missing)
    y = None
    if response is not None:
        if response != _PHENOTYPE:
            known = f"{_PHENOTYPE!r}, the phenotype of the .fam file, or a file of one column"
            raise ParameterError(f"`response` is {response!r}, but that of genotypes is {known}")
        family = path.with_suffix(".fam")
        rows = enumerate(bed.pheno, 1)
        y = np.array([read_number(str(text), f"{family}, line {line}", _PHENOTYPE) for line, text in rows])
        y[y == _NO_PHENOTYPE] = np.nan

    def read(start: int, stop: int) -> Any:
        return bed.read(index=np.s_[:, choice.columns[start:stop]], dtype="float32")

    shape = (bed.iid_count, len(choice.columns))
    X = ColumnBlocks(read, shape=shape, missing=missing)
    return choice.table(X, y, None if y is None else _PHENOTYPE)
