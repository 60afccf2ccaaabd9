"""Where the rows of trials come from: the caller's design, a model of it, or the laws of random designs."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._input.arrays import product
from .._input.columns import take
from ..datasets._design import make_design

Array = NDArray[np.float64]

# Entries of a design that is drawn: 256 MiB as float64.
MOST_ENTRIES = 2**25


class Source(Protocol):
    """Designs of any number of samples."""

    @property
    def kind(self) -> str:
        """What the rows are, in a word."""

    def draw(self, n_samples: int, rng: np.random.Generator) -> tuple[Any, Array | None]:
        """Return a design, and weights of 0 and 1 that say which of its samples are used; None for all."""


@dataclass(frozen=True)
class Rows:
    """The caller's rows, or a random subset of them. They are chosen by weights: nothing is copied."""

    X: Any
    kind = "rows"

    def draw(self, n_samples: int, rng: np.random.Generator) -> tuple[Any, Array | None]:
        """Choose rows."""
        available = self.X.shape[0]
        if n_samples == available:
            return self.X, None
        weights = np.zeros(available)
        weights[rng.choice(available, n_samples, replace=False)] = 1.0
        return self.X, weights


class Model:
    """New rows like the caller's: normal, with their covariance shrunk by the rule of Ledoit and Wolf.

    The covariance of the standardised columns is never formed: a normal mixture of the rows has that of the sample.
    """

    kind = "model"

    def __init__(self, X: Any) -> None:
        rows = take(X, np.arange(X.shape[1]))
        varies = np.ptp(rows, axis=0) > 0
        self._mean, self._scale = rows.mean(axis=0), np.where(varies, rows.std(axis=0), 0.0)
        rows -= self._mean
        rows *= np.divide(varies, self._scale, out=np.zeros(len(varies)), where=varies)
        self._rows = rows
        self.shrinkage = ledoit_wolf(rows)

    def draw(self, n_samples: int, rng: np.random.Generator) -> tuple[Any, Array | None]:
        """Draw rows."""
        n_rows, n_features = self._rows.shape
        mixture = rng.standard_normal((n_samples, n_rows)) * np.sqrt((1 - self.shrinkage) / n_rows)
        drawn = product(mixture, self._rows)
        drawn += np.sqrt(self.shrinkage) * rng.standard_normal((n_samples, n_features))
        drawn *= self._scale
        drawn += self._mean
        return drawn, None


def ledoit_wolf(rows: Array) -> float:
    """Share of the identity in the covariance of centred rows, by way of their inner products.

    Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
    Multivariate Analysis 88.
    """
    n_rows, n_features = rows.shape
    products = product(rows, rows.T)
    norms = np.diag(products)
    mean = norms.sum() / (n_rows * n_features)
    square = (products**2).sum() / n_rows**2
    distance = square / n_features - mean**2
    error = ((norms**2).sum() / n_rows - square) / (n_rows * n_features)
    return 0.0 if distance <= 0 else float(np.clip(error / distance, 0.0, 1.0))


@dataclass(frozen=True)
class Law:
    """Random designs, a new one each time."""

    design: str
    n_features: int
    correlation: float
    block_size: int
    kind = "drawn"

    def draw(self, n_samples: int, rng: np.random.Generator) -> tuple[Any, Array | None]:
        """Draw a design."""
        X = make_design(
            self.design,
            n_samples,
            self.n_features,
            unit_norm=True,
            random_state=rng,
            correlation=self.correlation,
            block_size=self.block_size,
        )
        return X, None
