"""What the baselines share: checks, centring, one unit for the data, prediction."""

import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from .._input.data import fit_arrays, predict_array, result_dtype
from .._input.interchange import Interchange
from .._input.parameters import check_flag
from ..exceptions import NumericalError

Array: TypeAlias = NDArray[np.float64]


class Problem(NamedTuple):
    """The data as the solvers see them: centred if there is an intercept, in units of their largest absolute values.

    `y` has shape (n_samples,), or (n_samples, n_responses) for a regressor of many responses.
    """

    X: Array
    y: Array
    X_unit: float
    y_unit: float
    precision: float
    centred: bool

    @property
    def coef_unit(self) -> float:
        """Unit of the coefficients; infinite or 0 where float64 cannot hold it."""
        with np.errstate(over="ignore", under="ignore"):
            return float(np.float64(self.y_unit) / np.float64(self.X_unit))

    def out_of_range(self) -> NumericalError:
        """Say that float64 cannot hold a result."""
        return NumericalError(
            f"`X` and `y` are scaled so far apart, by their largest values {self.X_unit:.1e} and {self.y_unit:.1e}, "
            "that float64 cannot hold the result: rescale one of them"
        )


class SparseRegressor(Interchange, RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Base of the baselines; not public."""

    _multi_output: ClassVar[bool] = False

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """Check the parameters of the solver."""

    @abstractmethod
    def _solve(self, problem: Problem, arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Return fitted attributes, and a warning if there is one.

        "coef_" is in the units of `problem`, all else in those of the data; `fit` adds what follows from "coef_".
        """

    def fit(self, X: Any, y: Any) -> Self:
        """Estimate sparse coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Design: float64 or float32 in any memory order, NumPy, pandas or PyTorch. Constant columns get coefficient 0
            if there is an intercept.
        y : array-like of shape (n_samples,)
            Response.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `X` is not two-dimensional, `y` not one-dimensional, or their lengths differ.
        NonFiniteError
            If there is a NaN or an infinite value.
        DataTypeError
            If the data are complex, sparse, or no numbers.
        ParameterError
            If a parameter is out of its range.
        NumericalError
            If the solver fails, or float64 cannot hold the result.

        Warns
        -----
        ConvergenceWarning
            If ``status_`` is none of "optimal" and "converged"; the message has the numbers.
        """
        return self._fit(X, y)

    def _fit(self, X: Any, y: Any) -> Self:
        check_flag("fit_intercept", self.fit_intercept)
        arguments = self._arguments()
        X, y, precision = fit_arrays(self, X, y, multi_output=self._multi_output)
        X_unit, y_unit = float(np.abs(X).max()) or 1.0, float(np.abs(y).max()) or 1.0
        # One memory order, so that every layout gives the same bits.
        X, y = np.ascontiguousarray(X) / X_unit, np.ascontiguousarray(y) / y_unit
        y = y if self._multi_output else y.ravel()
        X_mean, y_mean = np.zeros(X.shape[1]), np.zeros(y.shape[1:])
        if self.fit_intercept:
            # The mean of equal numbers may differ from them by rounding, which would pass for data.
            X_mean, y_mean = (np.where(np.ptp(Z, axis=0) == 0, Z[0], Z.mean(axis=0)) for Z in (X, y))
            X, y = X - X_mean, y - y_mean
        problem = Problem(X, y, X_unit, y_unit, precision, bool(self.fit_intercept))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            fitted, warning = self._solve(problem, arguments)
            support = _support(fitted["coef_"])
            intercept = y_unit * (y_mean - fitted["coef_"] @ X_mean)
            coef = fitted["coef_"] * problem.coef_unit
        fitted |= {"coef_": coef, "intercept_": intercept}
        finite = all(np.isfinite(value).all() for value in fitted.values() if not isinstance(value, str))
        if not finite or not np.array_equal(_support(coef), support):
            raise problem.out_of_range()
        dtype = result_dtype(precision, float(max(np.abs(coef).max(), np.abs(intercept).max())))
        fitted |= {"coef_": coef.astype(dtype), "intercept_": intercept.astype(dtype), "support_": support}
        self.__dict__.update(fitted)
        if warning:
            warnings.warn(f"{type(self).__name__}: {warning}", ConvergenceWarning, stacklevel=4)
        return self

    def predict(self, X: Any) -> Any:
        """Predict the response.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict for.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_responses) after a fit of many responses
            Predicted response.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`fit`, and if the columns are not those of the fit.
        """
        check_is_fitted(self)
        return predict_array(self, X) @ self.coef_.T + self.intercept_


def _support(coef: Array) -> NDArray[np.int64]:
    """Columns of any nonzero coefficient, for one response or many."""
    return np.flatnonzero(np.atleast_2d(coef).any(axis=0))
