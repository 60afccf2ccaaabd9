"""Real responses, predicted by cross-validation."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.utils import Bunch

from ....datasets import fetch_gasoline, fetch_riboflavin, fetch_trim32
from ...engine.scoring import Score, Solution
from .fitted import Array, Fit
from .problem import unsupported_score

_SOURCES: Mapping[str, Callable[..., Any]] = {
    "riboflavin": fetch_riboflavin,
    "trim32": fetch_trim32,
    "gasoline": fetch_gasoline,
    "diabetes": load_diabetes,
}


@functools.cache
def _read(name: str) -> tuple[Array, Array]:
    X, y = _SOURCES[name](return_X_y=True)
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y


@dataclass(frozen=True)
class CrossValidationProblem:
    """A data set that is divided at random into folds, each of which is predicted from all others.

    Parameters
    ----------
    name : {"riboflavin", "trim32", "gasoline", "diabetes"}
        The data set.
    n_folds : int, default=10
        Folds.
    n_features : int or None, default=None
        Columns of largest variance to keep; None for all.

    Examples
    --------
    >>> from sparsevae.experiments import CrossValidationProblem
    >>> data = CrossValidationProblem("diabetes").draw(0)
    >>> data.X.shape, len(data.folds)
    ((442, 10), 10)
    """

    clock: ClassVar[str] = "CPU"
    goal: ClassVar[str] = "predicts better than the mean"

    name: str
    n_folds: int = 10
    n_features: int | None = None

    def draw(self, seed: int) -> Bunch:
        """Divide the samples: ``X``, ``y``, and ``folds``, pairs of training and test samples.

        Parameters
        ----------
        seed : int
            Seed of the division.

        Returns
        -------
        Bunch
            The data set and its folds.

        Raises
        ------
        DataUnavailableError
            If the data are not at hand.
        """
        X, y = _read(self.name)
        if self.n_features is not None:
            X = X[:, np.argsort(-X.var(axis=0), kind="stable")[: self.n_features]]
        order = np.random.default_rng(seed).permutation(len(y))
        tests = [np.sort(part) for part in np.array_split(order, self.n_folds)]
        return Bunch(X=X, y=y, folds=[(np.setdiff1d(order, test), test) for test in tests])

    def answer(self, data: Bunch, fit: Fit) -> Solution:
        """Fit once a fold. The facts are the R^2 of all predictions and the mean number of columns chosen.

        Parameters
        ----------
        data : Bunch
            The data that were drawn.
        fit : callable
            From a design and a response to a :class:`Fitted`.

        Returns
        -------
        Solution
            The answer; its coefficients are means over the folds.
        """
        predicted, fits = np.empty(len(data.y)), []
        for train, test in data.folds:
            found = fit(data.X[train], data.y[train])
            predicted[test] = data.X[test] @ found.coef + found.intercept
            fits.append(found)
        left = np.square(data.y - predicted).sum() / np.square(data.y - data.y.mean()).sum()
        facts = {"r2": float(1 - left), "n_columns": float(np.mean([len(found.support) for found in fits]))}
        return Solution(np.mean([found.coef for found in fits], axis=0), facts=facts)

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score predictions.

        Parameters
        ----------
        data : Bunch
            The data that were drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is an R^2 above 0.
        """
        del data
        return unsupported_score(success=solution.facts["r2"] > 0)

    def load_data(self) -> None:
        """Read the data, or raise DataUnavailableError."""
        _read(self.name)
