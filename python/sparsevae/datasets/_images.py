"""Images and labels in files: idx, plain or gzipped, and .npz; no more of them than their headers promise."""

import gzip
import io
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._files import read_member

WHITE = 255
ERRORS = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile)
# No byte of a compressed file stands for more.
_DEFLATE_RATIO = 1032
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
# By the number of dimensions: what an idx file of bytes begins with, and what it holds.
_IDX = {1: (0x0801, "labels"), 3: (0x0803, "images")}


@dataclass(frozen=True)
class Images:
    """Pixels of shape (n_images, height, width), what counts as white, labels if there are any."""

    pixels: NDArray[Any]
    white: int
    target: NDArray[np.int64] | None


def read_images(content: bytes) -> Images:
    """Read images of a file of any of the formats.

    Raises
    ------
    ValueError or another of `ERRORS`
        If it is of another format.
    """
    if content.startswith(_ZIP_MAGIC):
        return _parse_npz(content)
    pixels = read_idx(content, 3)
    _check_pixels("it", pixels.shape, pixels.dtype)
    return Images(pixels, WHITE, None)


def read_idx(content: bytes, ndim: int, shape: tuple[int, ...] | None = None) -> NDArray[np.uint8]:
    """Read bytes of an idx file, plain or gzipped.

    Parameters
    ----------
    content : bytes
        The file.
    ndim : int
        Dimensions: 3 of images, 1 of labels.
    shape : tuple of int or None, default=None
        What the header must say; None for anything.

    Returns
    -------
    ndarray of uint8
        The array, not to be written to.

    Raises
    ------
    ValueError or another of `ERRORS`
        If it is something else, or has another size than its header says.
    """
    if content.startswith(_GZIP_MAGIC):
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            return _parse_idx(file, _DEFLATE_RATIO * len(content), ndim, shape)
    return _parse_idx(io.BytesIO(content), len(content), ndim, shape)


def _parse_idx(file: io.BufferedIOBase, most: int, ndim: int, shape: tuple[int, ...] | None) -> NDArray[np.uint8]:
    """Read an array of a file that has `most` bytes at most, no more of it than the header promises."""
    (magic, what), length = _IDX[ndim], 4 * (ndim + 1)
    header = file.read(length)
    if len(header) < length:
        raise ValueError(f"it has {len(header)} bytes, but the header alone has {length}")
    found, *sides = struct.unpack(f">{ndim + 1}I", header)
    if found != magic:
        raise ValueError(f"it begins with {found:#010x}, but {what} begin with {magic:#010x}")
    if shape not in (None, (*sides,)):
        raise ValueError(f"its header says {what} of {(*sides,)}, but {shape} are needed")
    size = math.prod(sides)
    content = file.read(min(size, most) + 1)
    if len(content) != size:
        have = f"at least {len(content)}" if len(content) > size else len(content)
        raise ValueError(f"it has {have} bytes after its header, but {what} of {(*sides,)} need {size}")
    return np.frombuffer(content, np.uint8).reshape(sides)


def _parse_npz(content: bytes) -> Images:
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        names = [name.removesuffix(".npy") for name in members.namelist()]
        parts = [part for part in ("train", "test") if f"x_{part}" in names]
        if not parts:
            raise ValueError(f"it holds {', '.join(names) or 'nothing'}")
        wanted = [f"{kind}_{part}" for part in parts for kind in "xy" if f"{kind}_{part}" in names]
        most, checks = _DEFLATE_RATIO * len(content), {"x": _check_pixels}
        arrays = {name: read_member(members, name, most, checks.get(name[0])) for name in wanted}
    pixels = [arrays[f"x_{part}"] for part in parts]
    labels = [arrays[f"y_{part}"] for part in parts if f"y_{part}" in arrays]
    for part, images, numbers in zip(parts, pixels, labels, strict=False):
        if len(labels) == len(parts) and (numbers.shape != images.shape[:1] or numbers.dtype.kind not in "iu"):
            raise ValueError(
                f"y_{part} has shape {numbers.shape} and dtype {numbers.dtype}, but one integer an image is needed"
            )
    target = np.concatenate(labels).astype(np.int64) if len(labels) == len(parts) else None
    return Images(np.concatenate(pixels), WHITE, target)


def _check_pixels(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"{name} has shape {shape}, but three sides, none of them 0, are needed")
    if dtype != np.uint8:
        raise ValueError(f"{name} has dtype {dtype}, but uint8 is needed")
