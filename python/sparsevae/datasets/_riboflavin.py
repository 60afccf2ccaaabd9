"""The riboflavin gene-expression set: found in a local folder or downloaded, then cut to a subset."""

import csv
import io
import lzma
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .. import _core
from .._input.parameters import check_option, check_size
from .._input.random import RandomState, draw_seed
from ..exceptions import DataUnavailableError, ParameterError
from ._files import FOLDER_VARIABLE, download, find_local, looked_for, unpacked

_COMMIT = "3eb71fb52b3c0f5213b1283d5f0317b91f6a133a"
_URL = f"https://raw.githubusercontent.com/cran/hdi/{_COMMIT}/data/riboflavin.RData"
_SHA256 = "ff5c2257a46367992cfb329041ffb5fef77663761811fef8c55043c274d8d2c5"
_FILE_NAMES = ("riboflavin.csv.gz", "riboflavin.csv", "riboflavin.RData")
_SHAPE = (71, 4088)
_RESPONSE = "q_RIBFLV"
# Ten times what the larger of the two formats, the table, takes unpacked.
_MOST_BYTES = 50_000_000
_SUBSETS = ("top_variance", "random")


@dataclass(frozen=True)
class _Table:
    """Samples in rows, genes in columns, the response apart."""

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    genes: NDArray[np.str_]
    samples: NDArray[np.str_]


def fetch_riboflavin(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: str | None = None,
    n_genes: int = 100,
    random_state: RandomState = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Load the riboflavin production data: 71 samples of Bacillus subtilis, 4,088 genes.

    The folder that the environment variable ``SPARSEVAE_DATA`` names is searched first, for ``riboflavin.csv.gz``,
    ``riboflavin.csv`` (genes in rows, the first data row the response) and ``riboflavin.RData``. Failing that, the
    original file of the R package hdi is downloaded once, checked by its SHA-256 and kept in `data_home`; this needs
    the packages pooch and rdata (``pip install 'sparsevae[data]'``).

    Parameters
    ----------
    data_home : path-like or None, default=None
        Folder that keeps the download. None: the cache folder of the operating system.
    subset : {None, "top_variance", "random"}, default=None
        None returns every gene; "top_variance" the `n_genes` of largest variance, in decreasing order; "random"
        `n_genes` at random, in the order of the file.
    n_genes : int, default=100
        Size of the subset, from 1 to 4,088; ignored without a subset.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed of a random subset.
    return_X_y : bool, default=False
        Return the pair (X, y) instead of a Bunch.
    as_frame : bool, default=False
        Return X as a pandas DataFrame and y as a Series.

    Returns
    -------
    Bunch or tuple
        ``X`` of shape (71, n_genes), the logarithm of the expression levels; ``y`` of shape (71,), the logarithm of
        the riboflavin production rate; ``feature_names``, ``sample_names`` and ``source``, the file that was read.
        With `return_X_y`, only (X, y). Columns are neither centred nor scaled.

    Raises
    ------
    DataUnavailableError
        If no local copy is found and the download fails, or a file does not hold the set.
    ParameterError
        If `subset` or `n_genes` lies outside its range.

    Notes
    -----
    The 100 genes of largest variance are the design of the paper's Figure 1(c), 200 random genes that of Figure 5; the
    paper scales the columns to unit norm (``sklearn.preprocessing.normalize(X, axis=0)``) and does not centre them.

    References
    ----------
    Buehlmann, Kalisch and Meier, "High-dimensional statistics with a view toward applications in biology", Annual
    Review of Statistics and Its Application 1, 2014.

    Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025, sec. 5.3 and app. D.4.

    Examples
    --------
    >>> from sparsevae.datasets import fetch_riboflavin
    >>> X, y = fetch_riboflavin(subset="top_variance", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((71, 100), (71,))
    """
    table, source = _load(data_home)
    columns = _choose(table.X, subset, n_genes, random_state)
    X: Any = table.X[:, columns]
    y: Any = table.y
    genes = table.genes[columns]
    if as_frame:
        import pandas as pd

        X = pd.DataFrame(X, index=table.samples, columns=genes)
        y = pd.Series(y, index=table.samples, name=_RESPONSE)
    if return_X_y:
        return X, y
    return Bunch(X=X, y=y, feature_names=genes, sample_names=table.samples, source=source)


def _choose(X: NDArray[np.float64], subset: str | None, n_genes: int, random_state: RandomState) -> NDArray[np.intp]:
    if subset is None:
        return np.arange(X.shape[1])
    subset = check_option("subset", subset, _SUBSETS)
    n_genes = check_size("n_genes", n_genes)
    if n_genes > X.shape[1]:
        raise ParameterError(f"`n_genes` is {n_genes}, but the set has {X.shape[1]} genes")
    if subset == "random":
        return _core.sample_support(X.shape[1], n_genes, draw_seed(random_state))
    return np.argsort(-X.var(axis=0), kind="stable")[:n_genes]


def _load(data_home: str | os.PathLike[str] | None) -> tuple[_Table, Path]:
    path = find_local(_FILE_NAMES)
    if path is None:
        path = _download(data_home)
    try:
        table = _read_rdata(path) if path.suffix == ".RData" else _read_csv(path)
    except ImportError as error:
        raise DataUnavailableError(
            f"{path} cannot be read without the package rdata: pip install 'sparsevae[data]'"
        ) from error
    except (OSError, EOFError, KeyError, IndexError, TypeError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DataUnavailableError(f"{path} is not a readable copy of the riboflavin set: {error}") from error
    if table.X.shape != _SHAPE or table.y.shape != _SHAPE[:1]:
        raise DataUnavailableError(
            f"{path} holds a design of shape {table.X.shape} and a response of shape {table.y.shape}, "
            f"but the riboflavin set has {_SHAPE} and {_SHAPE[:1]}"
        )
    return table, path


def _download(data_home: str | os.PathLike[str] | None) -> Path:
    remedy = f"put one of {', '.join(_FILE_NAMES)} into a folder and set {FOLDER_VARIABLE} to it"
    return download("the riboflavin set", _URL, _SHA256, data_home, looked_for(_FILE_NAMES), remedy)


def _read_csv(path: Path) -> _Table:
    header, *rows = csv.reader(io.StringIO(unpacked(path, _MOST_BYTES).decode(), newline=""))
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    return _Table(
        X=np.ascontiguousarray(values[1:].T),
        y=values[0].copy(),
        genes=_names(row[0] for row in rows[1:]),
        samples=_names(header[1:]),
    )


def _read_rdata(path: Path) -> _Table:
    import rdata

    constructors: dict[str | bytes, Any] = dict.fromkeys(("data.frame", "AsIs"), _keep_value)
    frame = rdata.read_rda(io.BytesIO(unpacked(path, _MOST_BYTES)), constructor_dict=constructors)["riboflavin"]
    x = frame["x"]
    return _Table(
        X=np.ascontiguousarray(x, dtype=np.float64),
        y=np.array(frame["y"], dtype=np.float64),
        genes=_names(x.coords["dim_1"].values),
        samples=_names(x.coords["dim_0"].values),
    )


def _keep_value(value: Any, _attributes: Any) -> Any:
    """Leave a classed R object as the plain value under its class."""
    return value


def _names(names: Iterable[Any]) -> NDArray[np.str_]:
    return np.array([str(name) for name in names], dtype=np.str_)
