"""Problems of nonlinear manifolds: samples with outliers, and the networks that are to be trained on them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import Bunch

from .... import datasets
from ....metrics import support_f1
from ...engine.scoring import Score, Solution, matrix_score

# Normalised mean squared error below which samples count as recovered: networks never fit them to rounding.
RECOVERED = 0.01
# Which part of MNIST each of its sources is.
_PARTS = {"mnist": "test", "mnist_all": "all"}


def _score(data: Bunch, solution: Solution) -> Score:
    named, f1 = solution.outlier_mask, np.nan
    if named is not None:
        f1 = support_f1(data.outlier_mask.ravel().astype(float), named.ravel().astype(float))
    return matrix_score(data.clean, solution, largest=RECOVERED, f1=f1)


@dataclass(frozen=True)
class ManifoldProblem:
    """How samples of a manifold with outliers are drawn, but for their seed, and the network that learns them.

    Parameters
    ----------
    n_samples, n_features : int, default=10000, 100
        Rows and columns.
    dimension : int, default=2
        Dimension of the manifold.
    hidden : tuple of int, default=(200, 200)
        Widths of the hidden layers of the network that draws the manifold.
    outlier_share : float, default=0.05
        Probability of an entry to be replaced by a standard normal one.
    n_components : int, default=20
        Latent variables of the network that is trained.
    encoder_hidden, decoder_hidden : tuple of int, default=(200, 200)
        Widths of its hidden layers.
    n_encoder_layers, n_decoder_layers : int or None, default=None
        Hidden layers, each of width `layer_width`, in place of `encoder_hidden` or `decoder_hidden`.
    layer_width : int, default=200
        Their width.

    Examples
    --------
    >>> from sparsevae.experiments import ManifoldProblem
    >>> problem = ManifoldProblem(100, 30, dimension=3, n_encoder_layers=0, n_decoder_layers=2, layer_width=50)
    >>> data = problem.draw(0)
    >>> data.X.shape, data.clean.shape
    ((100, 30), (100, 30))
    >>> problem.network()
    {'n_components': 20, 'encoder_hidden': (), 'decoder_hidden': (50, 50)}
    """

    # What a device or another thread computes is no CPU time of the solver's.
    clock: ClassVar[str] = "wall"
    goal: ClassVar[str] = "sets of samples recovered"

    n_samples: int = 10_000
    n_features: int = 100
    dimension: int = 2
    hidden: tuple[int, ...] = (200, 200)
    outlier_share: float = 0.05
    n_components: int = 20
    encoder_hidden: tuple[int, ...] = (200, 200)
    decoder_hidden: tuple[int, ...] = (200, 200)
    n_encoder_layers: int | None = None
    n_decoder_layers: int | None = None
    layer_width: int = 200

    def draw(self, seed: int) -> Bunch:
        """Draw samples: ``X``, ``clean``, ``outlier_mask``, and ``seed`` for the training.

        Parameters
        ----------
        seed : int
            Seed of the manifold, of the samples and of the outliers, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.make_relu_manifold`, and ``seed``.

        Raises
        ------
        ParameterError
            If a size or a share is out of its range.
        """
        data = datasets.make_relu_manifold(
            self.n_samples,
            self.n_features,
            dimension=self.dimension,
            hidden=self.hidden,
            outlier_share=self.outlier_share,
            random_state=seed,
        )
        return Bunch(**data, seed=seed)

    def network(self) -> dict[str, Any]:
        """Return the sizes of the network, by the parameters of :class:`sparsevae.torch.ManifoldVae`.

        Returns
        -------
        dict
            Number of latent variables and widths of hidden layers.
        """
        layers = {"encoder_hidden": self.n_encoder_layers, "decoder_hidden": self.n_decoder_layers}
        hidden = {
            name: getattr(self, name) if count is None else (self.layer_width,) * count
            for name, count in layers.items()
        }
        return {"n_components": self.n_components, **hidden}

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score an estimate of the clean samples.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is a normalised mean squared error below 0.01. F1 is that of the entries named as outliers.
        """
        return _score(data, solution)

    def load_data(self) -> None:
        """Do nothing: no file is needed."""


@dataclass(frozen=True)
class DigitsProblem:
    """How images of digits get outliers, but for their seed, and the network that learns them.

    Parameters
    ----------
    source : {"digits", "mnist", "mnist_all"}, default="digits"
        Images: those of scikit-learn, 1,797 of 8 x 8 pixels, or those of MNIST of 28 x 28, the 10,000 for tests or all
        70,000, as :func:`sparsevae.datasets.fetch_mnist` finds them.
    n_samples : int or None, default=None
        Images, at random; None for all.
    outlier_share : float, default=0.0
        Probability of a pixel to be replaced by a uniform one.
    n_components : int, default=20
        Latent variables of the network that is trained.
    encoder_hidden, decoder_hidden : tuple of int, default=(200, 100), (100, 200)
        Widths of its hidden layers.

    Examples
    --------
    >>> from sparsevae.experiments import DigitsProblem
    >>> DigitsProblem(n_samples=50, outlier_share=0.1).draw(0).X.shape
    (50, 64)
    """

    clock: ClassVar[str] = "wall"
    goal: ClassVar[str] = "sets of images recovered"

    source: str = "digits"
    n_samples: int | None = None
    outlier_share: float = 0.0
    n_components: int = 20
    encoder_hidden: tuple[int, ...] = (200, 100)
    decoder_hidden: tuple[int, ...] = (100, 200)

    def draw(self, seed: int) -> Bunch:
        """Draw images: ``X``, ``clean``, ``outlier_mask``, and ``seed`` for the training.

        Parameters
        ----------
        seed : int
            Seed of the choice of images and of the outliers, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.make_corrupted_digits`, and ``seed``.

        Raises
        ------
        ParameterError
            If a size or a share is out of its range.
        DataUnavailableError
            If MNIST is needed, not at hand and cannot be downloaded.
        """
        data = datasets.make_corrupted_digits(
            outlier_share=self.outlier_share, path=self._paths(), n_samples=self.n_samples, random_state=seed
        )
        return Bunch(**data, seed=seed)

    def _paths(self) -> list[Path] | None:
        """Return the files of the images, None for those of scikit-learn."""
        if self.source == "digits":
            return None
        found: Any = datasets.fetch_mnist(part=_PARTS[self.source])
        # Images and labels in turn.
        return list(found.source[::2])

    def network(self) -> dict[str, Any]:
        """Return the sizes of the network, by the parameters of :class:`sparsevae.torch.ManifoldVae`.

        Returns
        -------
        dict
            Number of latent variables and widths of hidden layers.
        """
        return {name: getattr(self, name) for name in ("n_components", "encoder_hidden", "decoder_hidden")}

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score an estimate of the clean images.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            As of :class:`ManifoldProblem`.
        """
        return _score(data, solution)

    def load_data(self) -> None:
        """Find the files of the images, if any are needed, or raise DataUnavailableError."""
        self._paths()
