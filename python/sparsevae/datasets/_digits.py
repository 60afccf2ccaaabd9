"""Images of handwritten digits, some pixels of which are replaced: scikit-learn's, or MNIST from local files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from .._input.parameters import check_size, read_share
from .._input.random import RandomState, draw_seed
from ..exceptions import DataUnavailableError, ParameterError
from ._corruption import replace_entries, streams
from ._images import ERRORS, Images, read_images

_KIND = 2
_BUNDLED_WHITE = 16
_FORMATS = "an idx3-ubyte file of MNIST images, the same gzipped, or an .npz with x_train or x_test"


def make_corrupted_digits(
    *,
    outlier_share: float = 0.1,
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    n_samples: int | None = None,
    random_state: RandomState = None,
) -> Bunch:
    """Load images of handwritten digits and replace some of their pixels.

    Parameters
    ----------
    outlier_share : float, default=0.1
        Probability of a pixel to be replaced, from 0 to 1.
    path : path-like, sequence of path-like or None, default=None
        File of MNIST images: idx3-ubyte, the same gzipped, or an .npz with ``x_train`` or ``x_test``, stacked if it has
        both. Several files are stacked. Nothing is downloaded. None: the 1,797 images of 8 x 8 pixels that come with
        scikit-learn.
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
        If a file is missing or of another format, or images of several files differ in size.
    ParameterError
        If a parameter lies outside its range.

    Notes
    -----
    Pixels are scaled so that white is 1, which is 16 in the images of scikit-learn and 255 in a file. A replaced pixel
    is uniform on [0, 1], independent of all others. Takes time ``O(n_samples * height * width)`` beyond the reading of
    the file; the 70,000 images of MNIST take about 1.4 GB.

    See Also
    --------
    fetch_mnist : MNIST without outliers, downloaded where it is not at hand.

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
    images = _bundled() if path is None else _read_all(path)
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


def _bundled() -> Images:
    digits = load_digits()
    return Images(digits.images, _BUNDLED_WHITE, digits.target.astype(np.int64))


def _read_all(path: Any) -> Images:
    """Read a file, or stack those of a sequence."""
    try:
        paths = [Path(path)] if isinstance(path, (str, os.PathLike)) else [Path(part) for part in path]
    except TypeError:
        paths = []
    if not paths:
        raise ParameterError(f"`path` is {path!r}, but it must be a path, a sequence of paths or None")
    found = [_read(part) for part in paths]
    if len({images.pixels.shape[1:] for images in found}) > 1:
        sizes = ", ".join(f"{part}: {images.pixels.shape[1:]}" for part, images in zip(paths, found, strict=True))
        raise DataUnavailableError(f"images of several files must have one size, but have {sizes}")
    labels = [images.target for images in found if images.target is not None]
    target = np.concatenate(labels) if len(labels) == len(found) else None
    return Images(np.concatenate([images.pixels for images in found]), found[0].white, target)


def _read(path: Path) -> Images:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataUnavailableError(
            f"{path} cannot be read ({error}): give `path` {_FORMATS}, or None for the digits of scikit-learn"
        ) from error
    try:
        return read_images(content)
    except ERRORS as error:
        raise DataUnavailableError(f"{path} is not {_FORMATS}: {error}") from error
