"""The columns that a sparse regression chose, as a step of a pipeline."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._input.pickles import Versioned
from ..exceptions import ParameterError


class SupportSelector(Versioned, MetaEstimatorMixin, SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Keep the columns of the support that an estimator finds.

    ``SelectFromModel`` compares coefficients with their mean and so drops small ones, whereas a support is exact: it is
    kept as it is.

    Parameters
    ----------
    estimator : estimator
        What finds the support: :class:`VaeSlr`, :class:`PreconditionedVae`, :class:`SimultaneousSparseVae`, or another
        with the attribute ``support_`` after ``fit``. It is not changed.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    Examples
    --------
    >>> from sparsevae import SupportSelector, VaeSlr
    >>> from sparsevae.datasets import make_sparse_regression
    >>> data = make_sparse_regression(50, 100, n_nonzero=5, random_state=0)
    >>> selector = SupportSelector(VaeSlr(fit_intercept=False)).fit(data.X, data.y)
    >>> selector.transform(data.X).shape
    (50, 5)
    >>> bool((selector.get_support(indices=True) == data.support).all())
    True
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that a response is needed, what the estimator takes, and that dtypes are kept."""
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__") and not isinstance(self.estimator, type):
            tags.input_tags.sparse = get_tags(self.estimator).input_tags.sparse
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Fit a clone of the estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Design.
        y : array-like of shape (n_samples,) or (n_samples, n_responses)
            Response, or responses, as the estimator wants them.

        Returns
        -------
        self
            The fitted selector.

        Raises
        ------
        ParameterError
            If the estimator has no ``fit``, or no ``support_`` after it.
        ShapeError, NonFiniteError, DataTypeError, NumericalError
            As in the ``fit`` of the estimator.

        Warns
        -----
        ConvergenceWarning
            As in the ``fit`` of the estimator.
        """
        wanted = "an estimator with the attribute `support_` after fit, such as VaeSlr()"
        if isinstance(self.estimator, type) or not hasattr(self.estimator, "fit"):
            raise ParameterError(f"`estimator` is {self.estimator!r}, but it must be {wanted}")
        fitted = clone(self.estimator).fit(X, y)
        if not hasattr(fitted, "support_"):
            raise ParameterError(f"`estimator` is {self.estimator!r}, but it must be {wanted}")
        self.estimator_, self.n_features_in_ = fitted, fitted.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(fitted, "feature_names_in_"):
            self.feature_names_in_ = fitted.feature_names_in_
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=np.bool_)
        mask[np.asarray(self.estimator_.support_)] = True
        return mask
