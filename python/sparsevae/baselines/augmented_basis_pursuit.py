"""Basis pursuit with the coordinates of near-dependencies left out of the norm."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._input.arrays import check_finite, real_array
from .._input.parameters import MOST, check_count, check_not_negative
from ..exceptions import ParameterError, ShapeError
from ._linear_program import misfit_warning, rounding_of, unsolved
from ._regressor import Problem, SparseRegressor


class AugmentedBasisPursuit(SparseRegressor):
    r"""Basis pursuit with feature adaptation: coordinates of near-dependencies are left out of the norm.

    Few near-dependencies among the features, that is few small eigenvalues of their covariance, suffice to make basis
    pursuit fail. Iterative peeling finds the set :math:`K` of coordinates that take part in them, and then

    .. math:: \min_z \sum_{j \notin K} |z_j| \quad \text{subject to} \quad X z = y.

    Parameters
    ----------
    n_nonzero : int, default=5
        Number of nonzero coefficients that is expected, the paper's `t`: the larger, the more coordinates are peeled,
        and in more rounds.
    threshold : float, default=0.1
        Eigenvalues of the covariance below this are small. In the unit of the covariance: scaling `X` by 10 asks for a
        threshold 100 times larger.
    covariance : array-like of shape (n_features, n_features) or None, default=None
        Covariance of the features: the population's if it is known. None: that of the sample,
        ``X.T @ X / n_samples``, centred if there is an intercept.
    fit_intercept : bool, default=True
        Whether to centre the data. Set it to False for designs without an intercept: it costs one sample.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in units of `y` over units of the column; exact zeros off the support. Of the dtype of the data.
    intercept_ : float
        Intercept; 0 if `fit_intercept` is False.
    support_ : ndarray of shape (n_support,), int64
        Indices of the nonzero coefficients, ascending.
    unpenalised_ : ndarray of shape (n_unpenalised,), int64
        Indices of the coordinates that are left out of the norm, the paper's `K`, ascending.
    n_small_ : int
        Number of eigenvalues below `threshold`.
    residual_ : float
        Norm of the part of `y` that no coefficients reproduce, as a share of the norm of `y`, both centred if there is
        an intercept.
    status_ : {"optimal", "infeasible", "unpenalised"}
        "infeasible": `y` lies outside the column space of `X`, and `coef_` is chosen among the least-squares
        solutions. "unpenalised": the columns of `unpenalised_` alone reproduce every response, so that the norm
        decides nothing, and `coef_` is a solution of least norm on those columns.
    n_iter_ : int
        Rounds of peeling that added a coordinate.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    BasisPursuit : The same if there are no small eigenvalues.

    Notes
    -----
    One symmetric eigendecomposition, ``O(n_features**3)``, a projection a round, and a linear program: what the
    coordinates outside of the norm reproduce is projected away, and the homotopy of :func:`sparsevae.basis_pursuit`
    solves for the others.

    With fewer samples than features the sample covariance has as many zero eigenvalues as there are samples too few.
    Then nearly every coordinate is peeled, and the status is "unpenalised": give the population covariance, or more
    samples.

    The covariance of a random walk, ``min(i, j)``, has no eigenvalue below about 1/4, so at the threshold of 0.1 that
    Pratihar and Mukhopadhyay use nothing is peeled, and this is basis pursuit. Their code differs from the algorithm:
    it takes eigenvectors of a matrix that is not symmetric, and these are not orthonormal.

    References
    ----------
    Kelner, Koehler, Meka and Rohatgi (2023), "Feature Adaptation for Sparse Linear Regression", NeurIPS, algorithm
    "IterativePeeling".

    Pratihar and Mukhopadhyay (2025), "Be a Goldfish: Forgetting Bad Conditioning in Sparse Linear Regression via
    Variational Autoencoders", ICML, sec. 5.

    Examples
    --------
    Features 0 and 1 are nearly equal, and their difference matters.

    >>> import numpy as np
    >>> from sparsevae.baselines import AugmentedBasisPursuit, BasisPursuit
    >>> X = np.random.default_rng(0).standard_normal((40, 80))
    >>> X[:, 1] = X[:, 0] + 0.01 * X[:, 1]
    >>> y = 100 * (X[:, 1] - X[:, 0]) + X[:, 20] - X[:, 30]
    >>> BasisPursuit().fit(X, y).support_.size
    39
    >>> covariance = np.eye(80)
    >>> covariance[:2, :2] = [[1, 1], [1, 1.0001]]
    >>> model = AugmentedBasisPursuit(covariance=covariance).fit(X, y)
    >>> model.unpenalised_.tolist(), model.support_.tolist()
    ([0, 1], [0, 1, 20, 30])
    """

    def __init__(
        self,
        *,
        n_nonzero: int = 5,
        threshold: float = 0.1,
        covariance: ArrayLike | None = None,
        fit_intercept: bool = True,
    ) -> None:
        self.n_nonzero = n_nonzero
        self.threshold = threshold
        self.covariance = covariance
        self.fit_intercept = fit_intercept

    def _arguments(self) -> dict[str, Any]:
        covariance = self.covariance
        if covariance is not None:
            covariance = real_array("covariance", covariance, 2, "(n_features, n_features)")
            check_finite("covariance", covariance)
            if covariance.shape[0] != covariance.shape[1]:
                raise ShapeError(f"`covariance` has shape {covariance.shape}, but (n_features, n_features) is needed")
            gap, size = np.abs(covariance - covariance.T).max(initial=0.0), np.abs(covariance).max(initial=0.0)
            if gap > 1e-6 * size:
                raise ParameterError(
                    f"`covariance` is not symmetric: it differs from its transpose by {gap:.1e}, but it must be at "
                    f"most 1e-6 of its largest value, {size:.1e}"
                )
        return {
            "n_nonzero": min(check_count("n_nonzero", self.n_nonzero), MOST),
            "threshold": check_not_negative("threshold", self.threshold),
            "covariance": covariance,
        }

    def _solve(self, problem: Problem, arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        covariance, threshold = arguments["covariance"], arguments["threshold"]
        if covariance is None:
            # In the units of `problem`, where it neither overflows nor underflows.
            threshold = threshold / problem.X_unit / problem.X_unit
        elif len(covariance) != problem.X.shape[1]:
            n = problem.X.shape[1]
            raise ShapeError(f"`covariance` has shape {covariance.shape}, but ({n}, {n}) is needed to match `X`")
        found = _core.fit_augmented(
            problem.X, problem.y, covariance, arguments["n_nonzero"], threshold, rounding_of(problem)
        )
        status, rank, peeled = found["status"], found["rank"], found["chosen"]
        if status == "unsolved":
            raise unsolved()
        warning = misfit_warning(problem, found["residual"], rank)
        if status == "optimal" and found["unpenalised"]:
            status = "unpenalised"
            warning = (
                f"the l1 norm decides nothing: {peeled.size} of {problem.X.shape[1]} coordinates are left out of it, "
                f"and their columns have the rank of `X`, {rank}. {found['n_small']} eigenvalues of the covariance are "
                f"below `threshold`, {arguments['threshold']:g}; a smaller threshold, a smaller `n_nonzero` or the "
                "population covariance peels fewer"
            )
        return {
            "coef_": found["coef"],
            "unpenalised_": peeled,
            "n_small_": found["n_small"],
            "residual_": found["residual"],
            "status_": status,
            "n_iter_": found["rounds"],
        }, warning
