"""Images of handwritten digits, some pixels of which are replaced: scikit-learn's, or MNIST from a local file."""

import gzip
import io
import math
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from .._input.parameters import check_size, read_share
from .._input.random import RandomState, draw_seed
from ..exceptions import DataUnavailableError, ParameterError
from ._corruption import replace_entries, streams
from ._files import read_member

_KIND = 2
_BUNDLED_WHITE = 16
_WHITE = 255
# No byte of a compressed file stands for more.
_DEFLATE_RATIO = 1032
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_IDX3_MAGIC = 0x0803
_FORMATS = "an idx3-ubyte file of MNIST images, the same gzipped, or an .npz with x_train or x_test"


@dataclass(frozen=True)
class _Images:
    """Pixels of shape (n_images, height, width), what counts as white, labels if there are any."""

    pixels: NDArray[Any]
    white: int
    target: NDArray[np.int64] | None


def make_corrupted_digits(
    *,
    outlier_share: float = 0.1,
    path: str | os.PathLike[str] | None = None,
    n_samples: int | None = None,
    random_state: RandomState = None,
) -> Bunch:
    """Load images of handwritten digits and replace some of their pixels.

    Parameters
    ----------
    outlier_share : float, default=0.1
        Probability of a pixel to be replaced, from 0 to 1.
    path : path-like or None, default=None
        File of MNIST images: idx3-ubyte, the same gzipped, or an .npz with ``x_train`` or ``x_test``, stacked if it has
        both. Nothing is downloaded. None: the 1,797 images of 8 x 8 pixels that come with scikit-learn.
    n_samples : int or None, default=None
        Number of images, a random subset in random order. None: all in the order of the file.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed. Under one integer the first samples of a subset do not change when more are asked for, nor
        the subset with `outlier_share`; pixels replaced at a lower share are also replaced, by the same values, at a
        higher one.

    Returns
    -------
    Bunch
        The first four have shape (n_samples, height * width):

        - ``X``, float64 from 0 to 1, the data
        - ``clean``, float64 from 0 to 1, the images
        - ``outliers``, float64, ``X - clean``: exactly 0 where ``outlier_mask`` is false
        - ``outlier_mask``, bool: which pixels were replaced
        - ``target``, int64 of shape (n_samples,), the digits shown; None where the file does not have them for all
        - ``image_shape``, tuple of height and width

    Raises
    ------
    DataUnavailableError
        If the file is missing or of another format.
    ParameterError
        If a parameter lies outside its range.

    Notes
    -----
    Pixels are scaled so that white is 1, which is 16 in the images of scikit-learn and 255 in a file. A replaced pixel
    is uniform on [0, 1], independent of all others. Takes time ``O(n_samples * height * width)`` beyond the reading of
    the file; the 70,000 images of MNIST take about 1.4 GB.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", app. A: from 5 % to 50 % of the
    pixels replaced by values uniform on [0, 255].

    Examples
    --------
    >>> from sparsevae.datasets import make_corrupted_digits
    >>> data = make_corrupted_digits(outlier_share=0.3, random_state=0)
    >>> data.X.shape, data.image_shape, data.target[:5].tolist()
    ((1797, 64), (8, 8), [0, 1, 2, 3, 4])
    >>> mnist = make_corrupted_digits(path="mnist.npz", n_samples=10_000, random_state=0)  # doctest: +SKIP
    """
    outlier_share = read_share("outlier_share", outlier_share)
    count = None if n_samples is None else check_size("n_samples", n_samples)
    images = _bundled() if path is None else _read(path)
    n_images = len(images.pixels)
    if count is not None and count > n_images:
        raise ParameterError(f"`n_samples` is {count}, but there are {n_images} images")
    choice, places, values = streams(draw_seed(random_state), _KIND, 3)
    chosen = slice(None) if count is None else choice.permutation(n_images)[:count]
    pixels = images.pixels[chosen]
    return Bunch(
        **replace_entries(pixels.reshape(len(pixels), -1) / images.white, outlier_share, places, values.random),
        target=None if images.target is None else images.target[chosen],
        image_shape=pixels.shape[1:],
    )


def _bundled() -> _Images:
    digits = load_digits()
    return _Images(digits.images, _BUNDLED_WHITE, digits.target.astype(np.int64))


def _read(path: Any) -> _Images:
    try:
        path = Path(path)
    except TypeError:
        raise ParameterError(f"`path` is {path!r}, but it must be a path or None") from None
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataUnavailableError(
            f"{path} cannot be read ({error}): give `path` {_FORMATS}, or None for the digits of scikit-learn"
        ) from error
    try:
        if content.startswith(_ZIP_MAGIC):
            return _parse_npz(content)
        if content.startswith(_GZIP_MAGIC):
            return _parse_idx(gzip.GzipFile(fileobj=io.BytesIO(content)), _DEFLATE_RATIO * len(content))
        return _parse_idx(io.BytesIO(content), len(content))
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise DataUnavailableError(f"{path} is not {_FORMATS}: {error}") from error


def _parse_idx(file: io.BufferedIOBase, most: int) -> _Images:
    """Read images of a file that has `most` bytes at most, no more of it than the header promises."""
    header = file.read(16)
    if len(header) < 16:
        raise ValueError(f"it has {len(header)} bytes, but the header alone has 16")
    magic, *sides = struct.unpack(">4I", header)
    if magic != _IDX3_MAGIC:
        raise ValueError(f"it begins with {magic:#010x}, but images begin with {_IDX3_MAGIC:#010x}")
    size = math.prod(sides)
    content = file.read(min(size, most) + 1)
    if len(content) != size:
        found = f"at least {len(content)}" if len(content) > size else len(content)
        raise ValueError(f"it has {found} bytes after its header, but images of {(*sides,)} need {size}")
    _check_pixels("it", (*sides,), np.dtype(np.uint8))
    return _Images(np.frombuffer(content, np.uint8).reshape(sides), _WHITE, None)


def _parse_npz(content: bytes) -> _Images:
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
    return _Images(np.concatenate(pixels), _WHITE, target)


def _check_pixels(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"{name} has shape {shape}, but three sides, none of them 0, are needed")
    if dtype != np.uint8:
        raise ValueError(f"{name} has dtype {dtype}, but uint8 is needed")
