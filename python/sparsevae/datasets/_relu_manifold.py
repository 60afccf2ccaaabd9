"""Points on the manifold that a random ReLU network draws, with outliers."""

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils import Bunch

from .._input.parameters import check_flag, check_size, read_number, read_share
from .._input.random import RandomState, draw_seed
from ..exceptions import ParameterError
from ._corruption import BLOCK, empty, replace_entries, streams

_KIND = 1
_PROBES = 4096
_PASSES = 60
_POINTS = 20_000
_BATCH = 100
_LEARNING_RATES = (2e-3, 1e-5)
_TEST_POINTS = 10_000
_INTERRUPTED = "Training interrupted"

_Weights = tuple[NDArray[np.float64], ...]


def make_relu_manifold(
    n_samples: int = 1000,
    n_features: int = 100,
    *,
    dimension: int = 2,
    hidden: Sequence[int] = (200, 200),
    outlier_share: float = 0.1,
    magnitude: float = 1.0,
    train_encoder: bool = False,
    random_state: RandomState = None,
) -> Bunch:
    """Draw points on the manifold that a random ReLU network draws, some entries of which are replaced by outliers.

    Parameters
    ----------
    n_samples, n_features : int, default=1000, 100
        Rows and columns.
    dimension : int, default=2
        Number of latent coordinates.
    hidden : sequence of int, default=(200, 200)
        Widths of the hidden layers, from the latent coordinates to the data; at least one.
    outlier_share : float, default=0.1
        Probability of an entry to be replaced, from 0 to 1.
    magnitude : float, default=1.0
        Standard deviation of what replaces it, normal of mean 0; clean entries have mean square 1.
    train_encoder : bool, default=False
        Whether to train a network of the flipped layers that inverts the decoder.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed. Under one integer the first samples do not change when more are asked for, nor the network
        and the latent points with the outliers, nor the places of the outliers with `magnitude`; those at a lower
        share are also replaced at a higher one.

    Returns
    -------
    Bunch
        - ``X``, float64 of shape (n_samples, n_features), the data
        - ``clean``, of the same shape, the truth: ``decoder`` applied to ``latent``
        - ``outliers``, of the same shape, ``X - clean``: exactly 0 where ``outlier_mask`` is false
        - ``outlier_mask``, bool of the same shape: which entries were replaced
        - ``latent``, float64 of shape (n_samples, dimension)
        - ``decoder``, tuple of weights of shape (inputs, outputs), one a layer: every layer multiplies its input by
          them from the right, all but the last then replace negative values by 0; there are no offsets

        With `train_encoder` also:

        - ``encoder`` and ``encoder_offsets``, tuples of the weights and offsets of the flipped network
        - ``encoder_error``, float: squared error of the latent coordinates that it finds for clean points not trained
          on, over their square
        - ``reconstruction_error``, float: the same of clean points that went through encoder and decoder

    Raises
    ------
    ParameterError
        If a parameter lies outside its range, the result does not fit in memory, or the layers are so narrow that the
        network of this seed is 0 everywhere.

    Notes
    -----
    Latent coordinates are standard normal, weights normal of variance 2 over the number of inputs. The last layer is
    then scaled to a mean square of 1 over 4,096 other points of the same network, whatever `n_samples` is. Matrix
    products are those of the linear algebra library of NumPy: another library, or another number of threads, may change
    the last digits of ``clean``. Takes time ``O(n_samples * p)`` for a decoder of p weights, and little memory beyond
    the result.

    How far from low rank the clean points are depends on `dimension`. The 2, 5, 10 and 20 largest singular values of
    5,000 points, without outliers and with the other parameters at their defaults, hold 78.3, 98.3, 99.8 and 99.98 % of
    the energy for `dimension` 2, and 58.8, 74.6, 86.6 and 93.3 % for 8 (means over 10 seeds).

    The encoder is trained by Adam on the squared error of latent coordinates, 1.2 million points of a stream of their
    own, each used once, with a learning rate that decays. With the other parameters at their defaults the two errors
    are at most 1.1e-6 for `dimension` 2 (4 seeds), but 2.7e-3 to 3.0e-3 and 2.2e-3 to 2.5e-3 for 8: there the encoder
    inverts the decoder only roughly. It takes 13 to 18 s of one core of a busy machine, in proportion to the number of
    weights for wider layers.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", sec. 5.1, "Data Generation", where
    the outliers are standard normal and the training of the second half alone keeps the rank; sec. 5.2 has
    `dimension` 20, `hidden` (200, 200) and `n_features` 400.

    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, eq. 10: the variance of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_relu_manifold
    >>> data = make_relu_manifold(500, 60, dimension=2, random_state=0)
    >>> data.X.shape, data.latent.shape, [weights.shape for weights in data.decoder]
    ((500, 60), (500, 2), [(2, 200), (200, 200), (200, 60)])
    >>> layer = data.latent
    >>> for weights in data.decoder[:-1]:
    ...     layer = np.maximum(layer @ weights, 0)
    >>> bool(np.allclose(layer @ data.decoder[-1], data.clean))
    True
    """
    n_samples, n_features = check_size("n_samples", n_samples), check_size("n_features", n_features)
    dimension = check_size("dimension", dimension)
    widths = _as_widths(hidden)
    outlier_share = read_share("outlier_share", outlier_share)
    magnitude = read_number("magnitude", magnitude)
    if not 0 < magnitude < math.inf:
        raise ParameterError(f"`magnitude` is {magnitude!r}, but it must be finite and greater than 0")
    check_flag("train_encoder", train_encoder)
    clean = empty("n_features", (n_samples, n_features))
    latent = empty("dimension", (n_samples, dimension))
    points, network, probes, places, values, training = streams(draw_seed(random_state), _KIND, 6)

    decoder = _draw_decoder(dimension, widths, n_features, network, probes)
    points.standard_normal(out=latent)
    _decode(latent, decoder, clean)
    data = Bunch(
        **replace_entries(clean, outlier_share, places, lambda shape: magnitude * values.standard_normal(shape)),
        latent=latent,
        decoder=decoder,
    )
    if train_encoder:
        data.update(_train_encoder(decoder, training))
    return data


def _as_widths(hidden: Any) -> tuple[int, ...]:
    if isinstance(hidden, str | bytes) or not hasattr(hidden, "__iter__"):
        raise ParameterError(f"`hidden` is {hidden!r}, but it must be a sequence of integers of at least 1")
    widths = tuple(check_size(f"hidden[{index}]", width) for index, width in enumerate(hidden))
    if not widths:
        raise ParameterError("`hidden` is empty, but it must have at least one layer")
    return widths


def _draw_decoder(
    dimension: int, widths: tuple[int, ...], n_features: int, rng: np.random.Generator, probes: np.random.Generator
) -> _Weights:
    sizes = (dimension, *widths, n_features)
    names = (*(f"hidden[{index}]" for index in range(len(widths))), "n_features")
    decoder = tuple(empty(name, shape) for name, shape in zip(names, itertools.pairwise(sizes), strict=True))
    for weights in decoder:
        rng.standard_normal(out=weights)
        weights *= math.sqrt(2 / len(weights))
    square = np.mean(_forward(probes.standard_normal((_PROBES, dimension)), decoder) ** 2)
    if square == 0:
        raise ParameterError(f"`hidden` is {widths}, but it must be wider: this seed's network is 0 everywhere")
    decoder[-1][:] /= math.sqrt(square)
    return decoder


def _decode(latent: NDArray[np.float64], decoder: _Weights, out: NDArray[np.float64]) -> None:
    """Decode in blocks of one size, the last one filled up, so that rows do not depend on how many there are."""
    block = np.zeros((BLOCK, latent.shape[1]))
    for start in range(0, len(latent), BLOCK):
        rows = latent[start : start + BLOCK]
        block[: len(rows)] = rows
        out[start : start + BLOCK] = _forward(block, decoder)[: len(rows)]


def _forward(values: NDArray[np.float64], weights: _Weights, offsets: _Weights | None = None) -> NDArray[np.float64]:
    for index, matrix in enumerate(weights):
        values = values @ matrix
        if offsets is not None:
            values += offsets[index]
        if index < len(weights) - 1:
            np.maximum(values, 0, out=values)
    return values


def _train_encoder(decoder: _Weights, rng: np.random.Generator) -> dict[str, Any]:
    dimension = len(decoder[0])
    model = MLPRegressor(
        hidden_layer_sizes=[len(weights) for weights in decoder[:0:-1]],
        alpha=0,
        batch_size=_BATCH,
        max_iter=1,
        warm_start=True,
        random_state=int(rng.integers(2**32)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # scikit-learn turns Ctrl-C into a warning, and the next pass would go on.
        warnings.filterwarnings("error", _INTERRUPTED, UserWarning)
        for rate in np.geomspace(*_LEARNING_RATES, _PASSES):
            latent = rng.standard_normal((_POINTS, dimension))
            target = latent if dimension > 1 else latent[:, 0]
            model.set_params(learning_rate_init=float(rate))
            try:
                model.fit(_forward(latent, decoder).astype(np.float32), target.astype(np.float32))
            except UserWarning as warning:
                if str(warning).startswith(_INTERRUPTED):
                    raise KeyboardInterrupt from warning
                raise
    encoder = tuple(weights.astype(np.float64) for weights in model.coefs_)
    offsets = tuple(vector.astype(np.float64) for vector in model.intercepts_)
    latent = rng.standard_normal((_TEST_POINTS, dimension))
    clean = _forward(latent, decoder)
    found = _forward(clean, encoder, offsets)
    return {
        "encoder": encoder,
        "encoder_offsets": offsets,
        "encoder_error": _relative_square(found - latent, latent),
        "reconstruction_error": _relative_square(_forward(found, decoder) - clean, clean),
    }


def _relative_square(error: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.sum(error**2) / np.sum(truth**2))
