"""Effects planted on real genotypes, to be distinguished from many correlated variants."""

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.utils import Bunch

from ....datasets import fetch_finemapping, plant_response
from ...engine.scoring import Score, Solution
from .fitted import Array, Fit
from .problem import unsupported_score


@functools.cache
def _genotypes() -> Array:
    X: Array = fetch_finemapping().X
    X.setflags(write=False)
    return X


@dataclass(frozen=True)
class FineMappingProblem:
    """How a trait is drawn, but for its seed, on the genotypes of :func:`sparsevae.datasets.fetch_finemapping`.

    Parameters
    ----------
    n_effects : int, default=1
        Variants with an effect; effects are standard normal for an allele.
    pve : float, default=0.1
        Share of the variance of the trait that they explain, between 0 and 1.
    n_features : int, default=1001
        Variants, the first of them.

    Examples
    --------
    >>> from sparsevae.experiments import FineMappingProblem
    >>> FineMappingProblem(3).draw(0).support.shape  # doctest: +SKIP
    (3,)
    """

    clock: ClassVar[str] = "CPU"
    goal: ClassVar[str] = "all effects found"

    n_effects: int = 1
    pve: float = 0.1
    n_features: int = 1001

    def draw(self, seed: int) -> Bunch:
        """Draw a trait: ``X``, ``y``, ``coef``, ``support`` and ``noise_var``.

        Parameters
        ----------
        seed : int
            Seed of places, effects and noise, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.plant_response`.

        Raises
        ------
        DataUnavailableError
            If the genotypes are not at hand.
        """
        snr_db = 10 * float(np.log10(self.pve / (1 - self.pve)))
        return plant_response(
            _genotypes()[:, : self.n_features], n_nonzero=self.n_effects, snr_db=snr_db, random_state=seed
        )

    def answer(self, data: Bunch, fit: Fit) -> Solution:
        """Fit once. The facts count credible sets and effects.

        Parameters
        ----------
        data : Bunch
            The trait that was drawn.
        fit : callable
            From a design and a response to a :class:`Fitted` with inclusion probabilities.

        Returns
        -------
        Solution
            The answer. Its facts are the sizes of the sets; how many of them hold an effect; how many effects are in a
            set; of how many; and the average precision of the inclusion probabilities.
        """
        found = fit(data.X, data.y)
        real = set(data.support.tolist())
        held = [real.intersection(columns.tolist()) for columns in found.credible_sets]
        facts = {
            "set_sizes": [len(columns) for columns in found.credible_sets],
            "n_true_sets": sum(map(bool, held)),
            "n_found": len(set().union(*held)),
            "n_effects": len(real),
            "average_precision": float(average_precision_score(data.coef != 0, found.inclusion_prob)),
        }
        return Solution(found.coef, facts=facts)

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score credible sets.

        Parameters
        ----------
        data : Bunch
            The trait that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is that all effects are in sets.
        """
        del data
        return unsupported_score(success=solution.facts["n_found"] == solution.facts["n_effects"])

    def load_data(self) -> None:
        """Read the genotypes, or raise DataUnavailableError."""
        _genotypes()
