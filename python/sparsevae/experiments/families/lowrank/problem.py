"""Problems whose answer is a clean matrix: entries of what is observed are replaced by outliers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.utils import Bunch

from ....datasets import make_low_rank_outliers
from ....metrics import support_f1
from ...engine.scoring import Score, Solution, matrix_score

# Normalised mean squared error below which a low-rank matrix counts as recovered.
RECOVERED = 1e-6


@dataclass(frozen=True)
class LowRankProblem:
    """How a low-rank matrix with outliers is drawn, but for its seed.

    Parameters
    ----------
    n_samples, n_features : int, default=200, 50
        Rows and columns.
    rank : int, default=5
        Rank without outliers.
    outlier_share : float, default=0.1
        Probability of an entry to be replaced.
    magnitude : float, default=1.0
        Standard deviation of what replaces it; entries of the low-rank matrix have 1.
    missing_share : float, default=0.0
        Probability of an entry to be missing.

    Examples
    --------
    >>> from sparsevae.experiments import LowRankProblem
    >>> data = LowRankProblem(30, 20, rank=2).draw(0)
    >>> data.X.shape, data.low_rank.shape, data.outlier_mask.shape
    ((30, 20), (30, 20), (30, 20))
    """

    # RobustVae has threads of its own, whose CPU time is not seen.
    clock: ClassVar[str] = "wall"
    goal: ClassVar[str] = "matrices recovered"

    n_samples: int = 200
    n_features: int = 50
    rank: int = 5
    outlier_share: float = 0.1
    magnitude: float = 1.0
    missing_share: float = 0.0

    def draw(self, seed: int) -> Bunch:
        """Draw a problem: ``X``, ``low_rank``, ``outliers``, ``outlier_mask`` and ``missing_mask``.

        Parameters
        ----------
        seed : int
            Seed of the low-rank matrix, of outliers and of missing entries, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.make_low_rank_outliers`.

        Raises
        ------
        ParameterError
            If a size or a share is out of its range.
        """
        return make_low_rank_outliers(
            self.n_samples,
            self.n_features,
            rank=self.rank,
            outlier_share=self.outlier_share,
            magnitude=self.magnitude,
            missing_share=self.missing_share,
            random_state=seed,
        )

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score an estimate of the whole matrix, missing entries included.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is a normalised mean squared error below 1e-6. F1 is that of the outliers among what is observed.
        """
        f1, seen, named = np.nan, ~data.missing_mask, solution.outlier_mask
        if named is not None:
            f1 = support_f1(data.outlier_mask[seen].astype(float), named[seen].astype(float))
        return matrix_score(data.low_rank, solution, largest=RECOVERED, f1=f1)

    def load_data(self) -> None:
        """Do nothing: no file is needed."""
