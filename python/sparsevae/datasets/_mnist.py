"""MNIST: found in a local folder or downloaded."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .._input.parameters import check_option
from ..exceptions import DataUnavailableError
from ._files import FOLDER_VARIABLE, download, find_local, looked_for
from ._images import ERRORS, WHITE, read_idx

# The copy that torchvision downloads, since the authors' own page no longer has the files.
_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_SIDE = 28


class _Part(NamedTuple):
    """Beginning of the names of the files, number of images, SHA-256 of the gzipped images and labels."""

    prefix: str
    n_images: int
    images: str
    labels: str


_PARTS = {
    "train": _Part(
        "train",
        60_000,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "test": _Part(
        "t10k",
        10_000,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}


def fetch_mnist(
    *, part: str = "all", data_home: str | os.PathLike[str] | None = None, return_X_y: bool = False
) -> Bunch | tuple[Any, Any]:
    """Load MNIST: images of handwritten digits, 28 x 28 pixels, 60,000 for training and 10,000 for tests.

    The folder that the environment variable ``SPARSEVAE_DATA`` names and its subfolder ``mnist`` come first, with
    ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``,
    gzipped or not. What is missing is downloaded once, checked by its SHA-256 and kept in `data_home`: 12 MB in all;
    this needs the package pooch (``pip install 'sparsevae[data]'``).

    Parameters
    ----------
    part : {"all", "train", "test"}, default="all"
        Which images; "all" has those for training first.
    data_home : path-like or None, default=None
        Folder that keeps downloads. None: the cache folder of the operating system.
    return_X_y : bool, default=False
        Return the pair (X, y) instead of a Bunch.

    Returns
    -------
    Bunch or tuple
        ``X`` of shape (n_images, 784), float64 from 0 to 1, where white is 1; ``y`` of shape (n_images,), int64, the
        digits shown; ``image_shape``, the tuple (28, 28); and ``source``, the files that were read. With `return_X_y`,
        only (X, y).

    Raises
    ------
    DataUnavailableError
        If a file is not at hand and its download fails, which it does where nothing comes for ten seconds, or a file
        does not hold what its name says: sizes are those of the headers.
    ParameterError
        If `part` is none of the three.

    See Also
    --------
    make_corrupted_digits : Images with outliers, from any file.

    Notes
    -----
    All images take 440 MB, those for tests 63 MB.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proceedings of the
    IEEE 86, 1998.

    Examples
    --------
    >>> from sparsevae.datasets import fetch_mnist
    >>> X, y = fetch_mnist(part="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((10000, 784), (10000,))
    """
    part = check_option("part", part, ("all", *_PARTS))
    X, y, source = [], [], []
    for chosen in _PARTS.values() if part == "all" else [_PARTS[part]]:
        shape = (chosen.n_images, _SIDE, _SIDE)
        images, path = _load(f"{chosen.prefix}-images-idx3-ubyte", chosen.images, shape, data_home)
        labels, other = _load(f"{chosen.prefix}-labels-idx1-ubyte", chosen.labels, shape[:1], data_home)
        X.append(images.reshape(len(images), -1) / WHITE)
        y.append(labels.astype(np.int64))
        source += [path, other]
    pixels, target = np.concatenate(X), np.concatenate(y)
    if return_X_y:
        return pixels, target
    return Bunch(X=pixels, y=target, image_shape=(_SIDE, _SIDE), source=tuple(source))


def _load(
    name: str, sha256: str, shape: tuple[int, ...], data_home: str | os.PathLike[str] | None
) -> tuple[NDArray[np.uint8], Path]:
    names = [f"{folder}{name}{suffix}" for folder in ("mnist/", "") for suffix in (".gz", "")]
    path = find_local(names)
    if path is None:
        remedy = f"put {name}.gz into a folder and set {FOLDER_VARIABLE} to it"
        path = download("MNIST", f"{_URL}{name}.gz", sha256, data_home, looked_for(names), remedy)
    try:
        return read_idx(path.read_bytes(), len(shape), shape), path
    except ERRORS as error:
        raise DataUnavailableError(f"{path} is not {name} of MNIST: {error}") from error
