"""Files of data sets: where they are sought, and no more of them than they promise."""

import bz2
import gzip
import lzma
import math
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import DataUnavailableError

FOLDER_VARIABLE = "SPARSEVAE_DATA"
# Seconds without an answer after which a download fails.
_PATIENCE = 10
# By the first bytes of a file; R compresses by any of them.
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


def find_local(names: Sequence[str]) -> Path | None:
    """Return the first of some files that is in the folder that the environment variable names."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return None
    return next((path for name in names if (path := Path(folder, name)).is_file()), None)


def looked_for(names: Sequence[str]) -> str:
    """Say where files were sought in vain."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return f"no {', '.join(names)} in {folder}" if folder else f"{FOLDER_VARIABLE} is not set"


def download(what: str, url: str, sha256: str, data_home: Any, looked: str, remedy: str) -> Path:
    """Download a file once, by pooch, and return where it is kept.

    Parameters
    ----------
    what : str
        What it is, for errors.
    url, sha256 : str
        Where it lies, and what it must be.
    data_home : path-like or None
        Folder that keeps it; None for the cache folder of the operating system.
    looked, remedy : str
        Where it was sought in vain, and what else helps.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataUnavailableError
        If pooch is missing, or the download fails, or nothing comes for ten seconds.
    """
    try:
        import pooch
    except ImportError as error:
        raise DataUnavailableError(
            f"{what} is not at hand: {looked}, and the download needs the package pooch. "
            f"Either pip install 'sparsevae[data]', or {remedy}"
        ) from error
    home = pooch.os_cache("sparsevae") if data_home is None else data_home
    downloader = pooch.HTTPDownloader(timeout=_PATIENCE)
    try:
        name = url.rpartition("/")[2]
        kept = pooch.retrieve(url, known_hash=f"sha256:{sha256}", fname=name, path=home, downloader=downloader)
        return Path(kept)
    except (OSError, ValueError) as error:
        raise DataUnavailableError(
            f"{what} is not at hand: {looked}, and the download of {url} into {home} failed ({error}). "
            f"Either try again with a connection, or {remedy}"
        ) from error


def unpacked(path: Path, most: int) -> bytes:
    """Read a file, whether it is compressed or not, of `most` bytes at most, which is ten times what the set has."""
    with path.open("rb") as file:
        start = file.read(5)
    opener = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), Path.open)
    with opener(path, "rb") as file:
        content: bytes = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it unpacks to more than {most} bytes, ten times what the set has")
    return content


def read_member(
    members: zipfile.ZipFile,
    name: str,
    most: int,
    check: Callable[[str, tuple[int, ...], np.dtype[Any]], None] | None = None,
) -> NDArray[Any]:
    """Read an array of `most` bytes at most from an .npz file, if its header and the directory of the file agree."""
    with members.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
        if check:
            check(name, shape, dtype)
        found, needed = members.getinfo(f"{name}.npy").file_size - file.tell(), math.prod(shape) * dtype.itemsize
        if found != needed:
            raise ValueError(f"{name} has {found} bytes after its header, but {dtype} of shape {shape} needs {needed}")
        if needed > most:
            raise ValueError(f"{name} has {needed} bytes, but no deflated file of this size holds more than {most}")
    with members.open(f"{name}.npy") as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array
