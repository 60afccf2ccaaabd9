"""Problems with one response, whose support is to be found."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ....datasets import make_sparse_regression, plant_response
from ....metrics import support_match
from ...engine.scoring import Score, Solution, largest_match, support_score
from . import genes

Array: TypeAlias = NDArray[np.float64]

_GENES = ("riboflavin", "riboflavin_random")


@dataclass(frozen=True)
class Problem:
    """How a problem is drawn, but for its seed.

    Parameters
    ----------
    design : {"gaussian", "random_walk", "toeplitz", "block", "riboflavin", "riboflavin_random"}
        Kind of design; columns have norm 1. "riboflavin": the `n_features` genes of largest variance.
        "riboflavin_random": `n_features` genes at random. Both have 71 samples.
    n_samples, n_features, n_nonzero : int
        Rows, columns, nonzero coefficients.
    law : str, default="gaussian"
        Law of the nonzero coefficients, see :func:`sparsevae.datasets.make_sparse_coef`.
    snr_db : float or None, default=None
        Signal-to-noise ratio in decibels; None for no noise.

    Examples
    --------
    >>> from sparsevae.experiments import Problem
    >>> data = Problem("random_walk", 50, 100, 5).draw(0)
    >>> data.X.shape, data.y.shape, data.support.shape
    ((50, 100), (50,), (5,))
    """

    clock: ClassVar[str] = "CPU"
    goal: ClassVar[str] = "supports recovered exactly"

    design: str
    n_samples: int
    n_features: int
    n_nonzero: int
    law: str = "gaussian"
    snr_db: float | None = None

    def draw(self, seed: int) -> Bunch:
        """Draw a problem: ``X``, ``y``, ``coef``, ``support`` and ``noise_var``.

        Parameters
        ----------
        seed : int
            Seed of design, coefficients and noise, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.make_sparse_regression`.

        Raises
        ------
        ParameterError
            If a size or a name is out of its range.
        DataUnavailableError
            If the riboflavin data are needed and not at hand.
        """
        signal: dict[str, Any] = {
            "n_nonzero": self.n_nonzero,
            "law": self.law,
            "snr_db": self.snr_db,
            "random_state": seed,
        }
        if self.design in _GENES:
            X = genes.design(self.n_features, seed if self.design == "riboflavin_random" else None)
            return plant_response(X, **signal)
        return make_sparse_regression(self.n_samples, self.n_features, design=self.design, **signal)

    def covariance(self, data: Bunch) -> Array:
        """Compute the covariance of the rows, in the units that the design had before its columns were scaled.

        The population's for Gaussian and random-walk designs; for all others the second moments of the scaled columns,
        times the number of samples.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.

        Returns
        -------
        ndarray of shape (n_features, n_features), float64
            The covariance.
        """
        if self.design == "gaussian":
            identity: Array = np.eye(self.n_features)
            return identity
        if self.design == "random_walk":
            place = np.arange(1.0, self.n_features + 1)
            earlier: Array = np.minimum.outer(place, place)
            return earlier
        moments: Array = data.X.T @ data.X
        return moments

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score an estimate.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is exactly the true support; its size is never given. The fact "largest" says whether the columns
            that the method ranks first, as many as there are nonzero coefficients, are the true ones.
        """
        score = support_score(data, solution, success=support_match(data.coef, solution.coef))
        sizes = np.abs(solution.coef) if solution.sizes is None else solution.sizes
        return replace(score, facts={"largest": largest_match(data, sizes)})

    def load_data(self) -> None:
        """Read the riboflavin data, if they are needed, or raise DataUnavailableError."""
        if self.design in _GENES:
            genes.load()
