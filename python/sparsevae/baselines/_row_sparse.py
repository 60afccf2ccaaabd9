"""What the baselines for many responses share."""

from abc import ABC
from typing import Any, ClassVar, Self

from ._regressor import SparseRegressor


class RowSparseRegressor(SparseRegressor, ABC):
    """Base of the baselines that choose the same features for all responses; not public."""

    _multi_output: ClassVar[bool] = True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, Y: Any) -> Self:
        """Estimate coefficients that are zero for the same features in all responses.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Design: float64 or float32 in any memory order, NumPy, pandas or PyTorch. Constant columns get
            coefficients 0 if there is an intercept.
        Y : array-like of shape (n_samples, n_responses)
            Responses.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `X` or `Y` is not two-dimensional, or their lengths differ.
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
        return self._fit(X, Y)
