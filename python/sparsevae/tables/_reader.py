"""Files by the end of their names."""

import csv
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._input.columns import take
from .._input.parameters import check_option
from ..exceptions import DataTypeError, ParameterError, ShapeError, SparseVaeError
from ._arrays import read_bed, read_numpy, read_parquet
from ._table import Table
from ._text import read_text

_TEXT = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
SUFFIXES = (*_TEXT, *(f"{suffix}.gz" for suffix in _TEXT), *_PARQUET, ".npy", ".npz", ".bed")


def read_table(
    path: str | os.PathLike[str],
    response: str | int | None = None,
    *,
    exclude: Sequence[str | int] = (),
    missing: str = "error",
    decimal: str = ".",
) -> Table:
    r"""Read a design and a response from a file.

    Parameters
    ----------
    path : str or path
        A file whose name ends in

        - ``.csv``, ``.tsv`` or ``.txt``, also with ``.gz``: numbers between commas, semicolons, tabs or white space,
          with or without a line of names, in UTF-8; names of rows, as R and pandas write them, are left out;
        - ``.parquet`` or ``.pq``, read by pyarrow;
        - ``.npy``, one matrix, or ``.npz``, with arrays `X`, one or more responses, and `feature_names` where there
          are any;
        - ``.bed``, genotypes of PLINK, read by bed-reader.

    response : str, int or None, default=None
        The response: name of a column, or its number from 0 on, negative from the end; in ``.npz`` the name of an array
        of one dimension; for ``.bed`` "pheno", the phenotype of the .fam file. Or another file with one column, a
        number a sample. None: there is none.
    exclude : sequence of str or int, default=()
        Columns that are left out, by name or number: identifiers, other responses.
    missing : {"error", "mean"}, default="error"
        What a missing number in `X` means: an error, or the mean of its column.
    decimal : {".", ","}, default="."
        What stands before the decimals of numbers in text. Nothing may stand between thousands.

    Returns
    -------
    Table
        Columns in float64. More than 2**23 entries of Parquet, NumPy and PLINK files are read when they are needed.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        If the file has text for numbers, missing or infinite values, rows of unlike length, no rows, bytes that are not
        UTF-8, or is none of these; with line and column.
    ParameterError
        If a column does not exist, with the names that are nearest, several columns have the same name (genotypes may),
        or the name of the file ends otherwise.
    DataUnavailableError
        If a package that reads the file is missing.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sparsevae.tables import read_table
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "genes.csv"
    >>> _ = path.write_text("id,gene_1,gene_2,rate\n1,0.5,2,3\n2,0.1,4,5\n")
    >>> table = read_table(path, "rate", exclude=["id"])
    >>> table.X, table.y, table.feature_names
    (array([[0.5, 2. ], [0.1, 4. ]]), array([3., 5.]), ['gene_1', 'gene_2'])
    >>> folder.cleanup()
    """
    path = Path(path)
    check_option("missing", missing, ("error", "mean"))
    check_option("decimal", decimal, (".", ","))
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise ParameterError(f"`path` is {str(path)!r}, but its name must end in one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    other = isinstance(response, (str, os.PathLike)) and _is_table(response)
    own = None if other else response
    try:
        if name.endswith(_PARQUET):
            table = read_parquet(path, own, exclude, missing)
        elif name.endswith((".npy", ".npz")):
            table = read_numpy(path, own, exclude, missing)
        elif name.endswith(".bed"):
            table = read_bed(path, own, exclude, missing)
        else:
            table = read_text(path, own, exclude, missing, decimal)
    except SparseVaeError:
        raise
    except (ValueError, EOFError, zlib.error, zipfile.BadZipFile, csv.Error) as error:
        raise DataTypeError(f"{path} cannot be read: {error}") from error
    if other:
        table = Table(
            table.X, _read_vector(Path(str(response)), decimal), table.feature_names, Path(str(response)).name
        )
    if table.y is not None and len(table.y) != table.X.shape[0]:
        raise ShapeError(f"{response} has {len(table.y)} numbers, but {path} has {table.X.shape[0]} rows")
    return table


def _is_table(name: Any) -> bool:
    """Tell whether a response is a file of its own, and no name of a column."""
    return str(name).lower().endswith(SUFFIXES) and Path(name).is_file()


def _read_vector(path: Path, decimal: str) -> NDArray[np.float64]:
    """Read a file of one column."""
    table = read_table(path, decimal=decimal)
    if table.X.shape[1] != 1:
        raise ShapeError(f"{path} has {table.X.shape[1]} columns, but a file with the response must have one")
    return take(table.X, np.zeros(1, np.int64))[:, 0]
