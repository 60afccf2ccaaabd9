"""Data sets of R packages that are read from a local folder: nothing is downloaded."""

import csv
import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from ..exceptions import DataUnavailableError
from ._files import FOLDER_VARIABLE, find_local, looked_for, read_member, unpacked


class _Source(NamedTuple):
    """A table: names of its files, shape of its design, and the lines of R that write it."""

    what: str
    files: tuple[str, ...]
    shape: tuple[int, int]
    recipe: str


def _csv(name: str) -> tuple[str, ...]:
    return tuple(f"{folder}{name}.csv{suffix}" for folder in ("", "regression/") for suffix in (".gz", ""))


_TRIM32 = _Source(
    "the TRIM32 set",
    _csv("trim32"),
    (120, 500),
    'write.csv(abess::trim32, gzfile("trim32.csv.gz"), row.names = FALSE)',
)
_GASOLINE = _Source(
    "the gasoline set",
    _csv("gasoline"),
    (60, 401),
    'data(gasoline, package = "pls"); '
    'write.csv(cbind(y = gasoline$octane, unclass(gasoline$NIR)), gzfile("gasoline.csv.gz"), row.names = FALSE)',
)
_FINEMAPPING = _Source(
    "the fine-mapping set",
    ("finemapping.npz", "regression/finemapping.npz"),
    (574, 1001),
    "save `X`, `Y` and `true_coef` of susieR::N3finemapping by those names with numpy.savez_compressed",
)
_N_TRAITS = 2
_ERRORS = (OSError, EOFError, KeyError, IndexError, TypeError, ValueError, zlib.error, lzma.LZMAError)


def fetch_trim32(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Load the TRIM32 data: 120 rat eyes, the expression of 500 probes, and that of the gene TRIM32 as response.

    They are `trim32` of the R package abess, read from ``trim32.csv.gz`` or ``trim32.csv``, the response in the first
    column, in the folder that the environment variable ``SPARSEVAE_DATA`` names or its subfolder ``regression``. They
    are not downloaded: the error has the line of R that writes the file.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return the pair (X, y) instead of a Bunch.
    as_frame : bool, default=False
        Return X as a pandas DataFrame and y as a Series.

    Returns
    -------
    Bunch or tuple
        ``X`` of shape (120, 500) and ``y`` of shape (120,), logarithms of expression levels; ``feature_names``, the
        probes; and ``source``, the file that was read. With `return_X_y`, only (X, y). Columns are neither centred nor
        scaled.

    Raises
    ------
    DataUnavailableError
        If no file is found, or it does not hold the set.

    References
    ----------
    Scheetz et al., "Regulation of gene expression in the mammalian eye and its relevance to eye disease", PNAS 103,
    2006.

    Examples
    --------
    >>> from sparsevae.datasets import fetch_trim32
    >>> X, y = fetch_trim32(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((120, 500), (120,))
    """
    return _table(_TRIM32, return_X_y=return_X_y, as_frame=as_frame)


def fetch_gasoline(*, return_X_y: bool = False, as_frame: bool = False) -> Bunch | tuple[Any, Any]:
    """Load the gasoline data: near-infrared spectra of 60 gasolines at 401 wavelengths, and their octane numbers.

    They are `gasoline` of the R package pls, absorbances from 900 to 1700 nm in steps of 2 nm. They are read from
    ``gasoline.csv.gz`` or ``gasoline.csv``, the response in the first column, in the folder that the environment
    variable ``SPARSEVAE_DATA`` names or its subfolder ``regression``. They are not downloaded: the error has the lines
    of R that write the file.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return the pair (X, y) instead of a Bunch.
    as_frame : bool, default=False
        Return X as a pandas DataFrame and y as a Series.

    Returns
    -------
    Bunch or tuple
        ``X`` of shape (60, 401), log(1/R) of the diffuse reflectance R; ``y`` of shape (60,), octane numbers;
        ``feature_names``; and ``source``, the file that was read. With `return_X_y`, only (X, y). Columns are neither
        centred nor scaled.

    Raises
    ------
    DataUnavailableError
        If no file is found, or it does not hold the set.

    References
    ----------
    Kalivas, "Two data sets of near infrared spectra", Chemometrics and Intelligent Laboratory Systems 37, 1997.

    Examples
    --------
    >>> from sparsevae.datasets import fetch_gasoline
    >>> X, y = fetch_gasoline(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((60, 401), (60,))
    """
    return _table(_GASOLINE, return_X_y=return_X_y, as_frame=as_frame)


def fetch_finemapping() -> Bunch:
    """Load the fine-mapping data: 574 individuals, 1,001 variants in linkage, two simulated traits.

    They are `N3finemapping` of the R package susieR: centred genotypes, and traits with three effects each. They are
    read from ``finemapping.npz``, with ``X``, ``Y`` and ``true_coef``, in the folder that the environment variable
    ``SPARSEVAE_DATA`` names or its subfolder ``regression``. They are not downloaded: the error says how to write the
    file.

    Returns
    -------
    Bunch
        ``X`` of shape (574, 1001), centred genotypes; ``Y`` of shape (574, 2), the traits; ``coef`` of shape (2, 1001),
        their true coefficients; and ``source``, the file that was read. All float64.

    Raises
    ------
    DataUnavailableError
        If no file is found, or it does not hold the set.

    References
    ----------
    Wang, Sarkar, Carbonetto and Stephens, "A simple new approach to variable selection in regression, with application
    to genetic fine mapping", JRSS B 82, 2020.

    Examples
    --------
    >>> from sparsevae.datasets import fetch_finemapping
    >>> fetch_finemapping().X.shape  # doctest: +SKIP
    (574, 1001)
    """
    path = _path(_FINEMAPPING)
    n_samples, n_features = _FINEMAPPING.shape
    wanted = {"X": (n_samples, n_features), "Y": (n_samples, _N_TRAITS), "true_coef": (n_features, _N_TRAITS)}

    def check(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if shape != wanted[name] or dtype.kind != "f":
            raise ValueError(f"{name} is {dtype} of shape {shape}, but floats of shape {wanted[name]} are needed")

    try:
        with zipfile.ZipFile(path) as members:
            found = {name: read_member(members, name, 8 * n_samples * n_features, check) for name in wanted}
    except (*_ERRORS, zipfile.BadZipFile) as error:
        raise _unreadable(path, _FINEMAPPING, error) from error
    X, Y, coef = (np.ascontiguousarray(found[name], np.float64) for name in wanted)
    return Bunch(X=X, Y=Y, coef=np.ascontiguousarray(coef.T), source=path)


def _path(source: _Source) -> Path:
    path = find_local(source.files)
    if path is None:
        raise DataUnavailableError(
            f"{source.what} is not at hand: {looked_for(source.files)}. Set {FOLDER_VARIABLE} to a folder with it; "
            f"to make it: {source.recipe}"
        )
    return path


def _unreadable(path: Path, source: _Source, error: Exception) -> DataUnavailableError:
    return DataUnavailableError(f"{path} is not a readable copy of {source.what}: {error}")


def _table(source: _Source, *, return_X_y: bool, as_frame: bool) -> Bunch | tuple[Any, Any]:
    path = _path(source)
    n_samples, n_features = source.shape
    try:
        # A number takes up to 20 characters.
        text = unpacked(path, 10 * 20 * n_samples * (n_features + 1)).decode()
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        values = np.array(rows, dtype=np.float64)
        if values.shape != (n_samples, n_features + 1):
            raise ValueError(f"it has a table of shape {values.shape}, but {(n_samples, n_features + 1)} is needed")
        if not np.isfinite(values).all():
            raise ValueError("it has a NaN or an infinity")
    except _ERRORS as error:
        raise _unreadable(path, source, error) from error
    X: Any = np.ascontiguousarray(values[:, 1:])
    y: Any = values[:, 0].copy()
    names = np.array(header[1:], dtype=np.str_)
    if as_frame:
        import pandas as pd

        X, y = pd.DataFrame(X, columns=names), pd.Series(y, name=header[0])
    if return_X_y:
        return X, y
    return Bunch(X=X, y=y, feature_names=names, source=path)
