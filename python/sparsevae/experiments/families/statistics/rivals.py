"""Rivals that are not ready-made: penalties chosen by cross-validation on paths of other packages."""

from abc import ABC, abstractmethod
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import lasso_path
from sklearn.model_selection import KFold

from ...rivals import McpPath

Array: TypeAlias = NDArray[np.float64]


class PathCv(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """The best of a list of linear models by cross-validation; columns should be scaled.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients of the model with the least squared error over all folds.
    intercept_ : float
        Its intercept.
    """

    def __init__(self, n_folds: int = 10, n_alphas: int = 50, smallest: float = 1e-3) -> None:
        self.n_folds = n_folds
        self.n_alphas = n_alphas
        self.smallest = smallest

    @abstractmethod
    def candidates(self, X: Array, y: Array, alphas: Array) -> Array:
        """Return models of centred data, in the same order for all data; shape (n_features, n_models)."""

    def fit(self, X: Array, y: Array) -> Self:
        """Choose a model and fit it to all samples."""
        largest = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y)
        alphas = largest * np.geomspace(1, self.smallest, self.n_alphas)
        errors: Any = 0.0
        for train, test in KFold(self.n_folds).split(X):
            mean, level = X[train].mean(axis=0), y[train].mean()
            coefs = self.candidates(X[train] - mean, y[train] - level, alphas)
            errors = errors + np.square(y[test, None] - level - (X[test] - mean) @ coefs).sum(axis=0)
        mean, level = X.mean(axis=0), y.mean()
        self.coef_ = self.candidates(X - mean, y - level, alphas)[:, np.argmin(errors)]
        self.intercept_ = float(level - mean @ self.coef_)
        return self

    def predict(self, X: Array) -> Array:
        """Predict responses."""
        predicted: Array = X @ self.coef_ + self.intercept_
        return predicted


class RelaxedLassoCv(PathCv):
    """Relaxed lasso as Hastie, Tibshirani and Tibshirani (2020) have it: lasso and least squares on its support, mixed.

    Parameters
    ----------
    n_folds : int, default=10
        Folds of the cross-validation, consecutive samples.
    n_alphas : int, default=50
        Penalties on the path, the paper's number.
    smallest : float, default=1e-3
        Last penalty, as a share of the first, scikit-learn's default.
    n_mixtures : int, default=10
        Shares of the lasso, evenly from 0 to 1, the paper's number.
    """

    def __init__(self, n_folds: int = 10, n_alphas: int = 50, smallest: float = 1e-3, n_mixtures: int = 10) -> None:
        super().__init__(n_folds, n_alphas, smallest)
        self.n_mixtures = n_mixtures

    def candidates(self, X: Array, y: Array, alphas: Array) -> Array:
        """Return all mixtures of all penalties."""
        lasso: Array = lasso_path(X, y, alphas=alphas)[1]
        squares = np.zeros_like(lasso)
        for number, support in enumerate(lasso.T != 0):
            if number and np.array_equal(support, lasso[:, number - 1] != 0):
                squares[:, number] = squares[:, number - 1]
            elif support.any():
                squares[support, number] = np.linalg.lstsq(X[:, support], y, rcond=None)[0]
        shares = np.linspace(0, 1, self.n_mixtures)
        return np.hstack([share * lasso + (1 - share) * squares for share in shares])


class McpCv(PathCv):
    """skglm's minimax concave penalty.

    Parameters
    ----------
    n_folds : int, default=10
        Folds of the cross-validation, consecutive samples.
    n_alphas : int, default=50
        Penalties on the path.
    smallest : float, default=1e-3
        Last penalty, as a share of the first.
    gamma : float, default=3.0
        Concavity of the penalty, skglm's default.
    """

    def __init__(self, n_folds: int = 10, n_alphas: int = 50, smallest: float = 1e-3, gamma: float = 3.0) -> None:
        super().__init__(n_folds, n_alphas, smallest)
        self.gamma = gamma

    def candidates(self, X: Array, y: Array, alphas: Array) -> Array:
        """Return the solutions of all penalties."""
        return McpPath(self.gamma).coefficients(X, y, alphas)
