"""Images of MNIST, and networks of equal capacity whose encoders have a diagonal or a full covariance."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.utils import Bunch

from .... import datasets
from ...engine.scoring import Score, Solution, matrix_score

# Normalised mean squared error below which images count as reconstructed.
RECONSTRUCTED = 0.01
_N_PIXELS = 784


@dataclass(frozen=True)
class CovarianceProblem:
    """Images, and the capacity of the networks that learn them.

    Parameters
    ----------
    part : {"test", "all"}, default="test"
        Images of MNIST: the 10,000 for tests, or all 70,000.
    n_samples : int or None, default=None
        The first so many; None for all of the part.
    n_components : int, default=16
        Latent variables.
    n_blocks : int, default=2
        Residual blocks of the encoder, and of the decoder.
    n_weights : int, default=1000000
        Weights and offsets of a network at most: the layers are as wide as that allows.

    Examples
    --------
    >>> from sparsevae.experiments import CovarianceProblem
    >>> problem = CovarianceProblem(n_components=32)
    >>> problem.width("diagonal"), problem.width("full")
    (263, 242)
    """

    # What another thread computes is no CPU time of the solver's.
    clock: ClassVar[str] = "wall"
    goal: ClassVar[str] = "sets of images reconstructed"

    part: str = "test"
    n_samples: int | None = None
    n_components: int = 16
    n_blocks: int = 2
    n_weights: int = 1_000_000

    def draw(self, seed: int) -> Bunch:
        """Load the images: ``X``, and ``seed`` for the training.

        Parameters
        ----------
        seed : int
            Seed of the training.

        Returns
        -------
        Bunch
            With the images and the seed.

        Raises
        ------
        DataUnavailableError
            If MNIST is not at hand and cannot be downloaded.
        """
        images, _ = datasets.fetch_mnist(part=self.part, return_X_y=True)
        return Bunch(X=images[: self.n_samples], seed=seed)

    def weights(self, width: int, covariance: str) -> int:
        """Count the weights and offsets of both networks.

        Parameters
        ----------
        width : int
            Width of their layers.
        covariance : {"diagonal", "full"}
            Covariance of the encoder.

        Returns
        -------
        int
            The number.
        """
        n_features, latent = _N_PIXELS, self.n_components
        blocks = 2 * self.n_blocks * 2 * (width + 1) * width
        last = 2 * latent + (latent * (latent - 1) // 2 if covariance == "full" else 0)
        ends = (n_features + 1) * width + (latent + 1) * width + (width + 1) * n_features
        return blocks + ends + (width + 1) * last

    def width(self, covariance: str) -> int:
        """Return the width of the layers that a network of no more than `n_weights` may have.

        Parameters
        ----------
        covariance : {"diagonal", "full"}
            Covariance of the encoder.

        Returns
        -------
        int
            The width, at least 1.
        """
        width = 1
        while self.weights(width + 1, covariance) <= self.n_weights:
            width += 1
        return width

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score a reconstruction of the images.

        Parameters
        ----------
        data : Bunch
            The images.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is a normalised mean squared error below 0.01.
        """
        return matrix_score(data.X, solution, largest=RECONSTRUCTED, f1=np.nan)

    def load_data(self) -> None:
        """Find the images, or raise DataUnavailableError."""
        datasets.fetch_mnist(part=self.part)
