"""Principal component pursuit."""

import sys
import warnings
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from .. import _core
from .._input.arrays import check_results
from .._input.data import sample_array
from .._input.interchange import Interchange
from .._input.parameters import MOST, as_float, check_count, check_flag, check_verbose

_WEIGHT = "None or a number greater than 0"
_TOL = "a number greater than 0 and less than 1"


class RobustPca(Interchange, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    r"""Robust principal components by convex relaxation: a low-rank matrix plus few outliers of any size.

    .. math:: \min_{L, S} \|L\|_* + \lambda \|S\|_1 \quad \text{subject to} \quad X = L + S

    on the observed entries, by the inexact augmented Lagrangian method.

    Parameters
    ----------
    outlier_weight : float or None, default=None
        Weight :math:`\lambda` of the outliers; None for one over the square root of the larger side of `X`.
    allow_missing : bool, default=False
        Whether NaN stands for a missing entry; otherwise it is an error.
    tol : float, default=1e-7
        Norm of ``X - low_rank_ - outliers_``, as a share of that of `X`, at which the steps end.
    max_iter : int, default=500
        Steps, at most.
    verbose : bool, default=False
        Whether to report progress on standard error.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        The low-rank part :math:`L`, in units of `X`; missing entries are filled in.
    outliers_ : ndarray of shape (n_samples, n_features)
        The outliers :math:`S`, in units of `X`, with exact zeros; zero where entries are missing.
    outlier_mask_ : ndarray of shape (n_samples, n_features), bool
        Where the outliers are not zero.
    rank_ : int
        Rank of the low-rank part.
    components_ : ndarray of shape (rank, n_features)
        Its right singular vectors, orthonormal rows.
    singular_values_ : ndarray of shape (rank,)
        Its singular values, falling, in units of `X`.
    residual_ : float
        Norm of ``X - low_rank_ - outliers_`` on the observed entries, as a share of that of `X`.
    n_iter_ : int
        Steps.
    status_ : {"converged", "iteration_limit"}
        How the steps ended.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    sparsevae.RobustVae : Fewer failures, by a model that is not convex.
    sparsevae.AffineVae : Principal components without outliers.

    Notes
    -----
    A step costs one thin singular value decomposition, ``O(n_samples * n_features * min(n_samples, n_features))``;
    there are 20 to 50, and Ctrl-C stops between two of them. The penalty starts at 1.25 over the spectral norm and
    grows by half each step, so that the steps end at a point near the minimum, not at it.

    It fails, with no sign of it, where outliers or dimensions are too many: of 200 samples of 50 features it recovers
    rank 2 with 5% outliers exactly, and neither rank 2 with 20% nor rank 5 with 5%. The offset of the samples is not
    removed: it is part of the low-rank matrix.

    References
    ----------
    Candes, Li, Ma and Wright (2011), "Robust Principal Component Analysis?", Journal of the ACM 58(3).

    Lin, Chen and Ma (2010), "The Augmented Lagrange Multiplier Method for Exact Recovery of Corrupted Low-Rank
    Matrices", Algorithm 5.

    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eq. 14 (for at least as many
    samples as features; "rank" in the printed equation is a slip).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.baselines import RobustPca
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.standard_normal((100, 2)) @ rng.standard_normal((2, 100))
    >>> X = np.where(rng.random(truth.shape) < 0.05, 10.0, truth)
    >>> model = RobustPca().fit(X)
    >>> model.rank_, bool(np.abs(model.low_rank_ - truth).max() < 1e-3)
    (2, True)
    """

    def __init__(
        self,
        *,
        outlier_weight: float | None = None,
        allow_missing: bool = False,
        tol: float = 1e-7,
        max_iter: int = 500,
        verbose: bool = False,
    ) -> None:
        self.outlier_weight = outlier_weight
        self.allow_missing = allow_missing
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn whether NaN is let through."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.allow_missing)
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Decompose a matrix.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples; NaN where an entry is missing, if `allow_missing`.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `X` has not two dimensions, or is empty.
        NonFiniteError
            If there is an infinite value, or a NaN unless `allow_missing`.
        DataTypeError
            If `X` is complex, sparse, or holds what is no number.
        ParameterError
            If a parameter is out of its range, all entries are missing, or results are beyond the range of float64.
        NumericalError
            If a decomposition fails.

        Warns
        -----
        ConvergenceWarning
            If the steps ended at `max_iter`.
        """
        weight = self.outlier_weight
        if weight is not None:
            weight = as_float("outlier_weight", weight, _WEIGHT)
        check_flag("allow_missing", self.allow_missing)
        tol = as_float("tol", self.tol, _TOL)
        steps = min(check_count("max_iter", self.max_iter), MOST)
        check_verbose(self.verbose)
        missing = bool(self.allow_missing)
        values, dtype = sample_array(self, X, missing=missing)
        progress = _progress if self.verbose else None
        found = _core.fit_robust_pca(values, missing, weight, tol, steps, progress)
        if self.verbose:
            sys.stderr.write("\n")
        results = {f"{name}_": found[name].astype(dtype, copy=False) for name in ("low_rank", "outliers")}
        check_results("X", results)
        self.outlier_mask_ = found["outliers"] != 0
        self.low_rank_, self.outliers_ = results["low_rank_"], results["outliers_"]
        self.components_, self.singular_values_ = found["components"], found["singular"]
        self.rank_, self.residual_ = len(self.singular_values_), found["residual"]
        self.n_iter_, self.status_ = found["n_iter"], found["status"]
        if self.status_ == "iteration_limit":
            message = (
                f"RobustPca: {self.n_iter_} steps left {self.residual_:.1e} of `X` unexplained, where `tol` is "
                f"{self.tol}: allow more steps"
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return self


def _progress(_stage: str, step: int, _total: int, _round: int, residual: float, _noise_var: float) -> None:
    sys.stderr.write(f"\rstep {step}  residual {residual:.1e}    ")
    sys.stderr.flush()
