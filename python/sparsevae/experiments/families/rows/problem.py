"""Problems with many responses, whose coefficients share their nonzero rows."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ....datasets import make_gaussian_design, make_meg_leadfield, plant_responses
from ....metrics import support_match
from ...engine.scoring import Score, Solution, largest_match, support_score

_ORIENTATIONS = {"meg_tangential": "tangential", "meg_smooth": "smooth"}


@dataclass(frozen=True)
class RowProblem:
    """How a problem with many responses is drawn, but for its seed.

    Parameters
    ----------
    design : {"gaussian", "meg_tangential", "meg_smooth"}
        Kind of design; columns have norm 1. The two leadfields are of a spherical head, with sources in a patch whose
        orientations are tangential and random, or vary smoothly from source to source.
    n_samples, n_features, n_nonzero : int
        Rows and columns of the design; columns with nonzero coefficients.
    n_responses : int, default=100
        Responses.
    rank : int, default=5
        Rank of the coefficients, or `n_nonzero` where that is less.
    row_scale : str, default="unit"
        Norms of the nonzero coefficients of a column over the responses, see
        :func:`sparsevae.datasets.plant_responses`.
    snr_db : float or None, default=None
        Signal-to-noise ratio in decibels; None for no noise.

    Examples
    --------
    >>> from sparsevae.experiments import RowProblem
    >>> data = RowProblem("gaussian", 50, 100, 5, n_responses=20).draw(0)
    >>> data.X.shape, data.y.shape, data.coef.shape, data.support.shape
    ((50, 100), (50, 20), (20, 100), (5,))
    """

    clock: ClassVar[str] = "CPU"
    goal: ClassVar[str] = "supports recovered exactly"

    design: str
    n_samples: int
    n_features: int
    n_nonzero: int
    n_responses: int = 100
    rank: int = 5
    row_scale: str = "unit"
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
            As from :func:`sparsevae.datasets.plant_responses`; the responses are ``y``, too.

        Raises
        ------
        ParameterError
            If a size or a name is out of its range.
        """
        data = plant_responses(
            self._columns(seed),
            n_responses=self.n_responses,
            n_nonzero=self.n_nonzero,
            rank=min(self.rank, self.n_nonzero),
            row_scale=self.row_scale,
            snr_db=self.snr_db,
            random_state=seed,
        )
        return Bunch(**data, y=data.Y)

    def _columns(self, seed: int) -> NDArray[np.float64]:
        if self.design in _ORIENTATIONS:
            leadfield: Any = make_meg_leadfield(
                self.n_samples, self.n_features, orientation=_ORIENTATIONS[self.design], random_state=seed
            )
            X: NDArray[np.float64] = leadfield.X
            return X
        return make_gaussian_design(self.n_samples, self.n_features, random_state=seed)

    def matches(self, data: Bunch, coef: NDArray[np.float64], sizes: NDArray[np.float64] | None = None) -> bool:
        """Tell whether a trial succeeds: the nonzero columns are the true ones.

        With noise, the largest columns are taken, as many as there are true ones, as is usual for this problem: the
        number is known to the score, for all methods alike.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        coef : ndarray of shape (n_responses, n_features)
            The estimate.
        sizes : ndarray of shape (n_features,) or None, default=None
            What orders the columns, zero for those that are out; None for the norms of their coefficients.

        Returns
        -------
        bool
            Whether it does.
        """
        if self.snr_db is None:
            return support_match(data.coef, coef)
        return largest_match(data, np.linalg.norm(coef, axis=0) if sizes is None else sizes)

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
            A column is in the support if the norm of its coefficients counts as nonzero.
        """
        return support_score(data, solution, success=self.matches(data, solution.coef, solution.sizes))

    def load_data(self) -> None:
        """Do nothing: no file is needed."""
