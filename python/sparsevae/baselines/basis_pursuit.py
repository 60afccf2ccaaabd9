"""Basis pursuit, exactly."""

from typing import Any

from ._linear_program import least_squares_equations, minimise_l1, misfit_warning
from ._regressor import Problem, SparseRegressor


class BasisPursuit(SparseRegressor):
    r"""Basis pursuit: of all coefficients that reproduce the response, those of least :math:`\ell_1` norm.

    .. math:: \min_z \|z\|_1 \quad \text{subject to} \quad X z = y,

    as a linear program, solved exactly by the dual simplex method of HiGHS.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to centre the data. Set it to False for designs without an intercept: it costs one sample.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in units of `y` over units of the column: a vertex of the solutions, with at most as many
        nonzeros as `X` has rank and exact zeros elsewhere. Of the dtype of the data.
    intercept_ : float
        Intercept; 0 if `fit_intercept` is False.
    support_ : ndarray of shape (n_support,), int64
        Indices of the nonzero coefficients, ascending.
    dual_coef_ : ndarray of shape (n_samples,)
        The certificate of the optimum, in inverse units of the columns: ``abs(X.T @ dual_coef_) <= 1``, and
        ``y @ dual_coef_`` equals the sum of ``abs(coef_)``; for centred data if there is an intercept.
    residual_ : float
        Norm of the part of `y` that no coefficients reproduce, as a share of the norm of `y`, both centred if there is
        an intercept.
    status_ : {"optimal", "infeasible"}
        "infeasible": `y` lies outside the column space of `X`. `coef_` has the least norm among the least-squares
        solutions.
    n_iter_ : int
        Simplex iterations; 0 if there is only one solution.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    ReweightedBasisPursuit : Fewer nonzeros by a sequence of such problems.
    AugmentedBasisPursuit : Some coefficients are left out of the norm.
    sparsevae.VaeSlr : A sparser solution, with a certificate.

    Notes
    -----
    The equations are brought to orthonormal rows by an SVD first, ``O(n_samples**2 * n_features)``; a simplex iteration
    costs about ``O(n_samples * n_features)``, and there are one to three times as many as samples. At 100 x 200 this
    is 10 to 20 ms. Contributions below 1e-9 of the largest (float32: 4e-6) count as zero.

    It fails to find the sparsest solution where many coefficients are nonzero, on Gaussian designs with half as many
    samples as features from about 38 nonzeros per 100 samples on, and earlier where columns are nearly parallel.
    Rescaling a column changes the solution. It has no tolerance for noise: every solution explains the noise, too.

    References
    ----------
    Chen, Donoho and Saunders (2001), "Atomic Decomposition by Basis Pursuit", SIAM Review 43(1), eq. 1.1.

    Huangfu and Hall (2018), "Parallelizing the dual revised simplex method", Mathematical Programming Computation 10.

    Examples
    --------
    >>> from sparsevae.baselines import BasisPursuit
    >>> from sparsevae.datasets import make_sparse_regression
    >>> data = make_sparse_regression(50, 100, n_nonzero=8, random_state=0)
    >>> model = BasisPursuit().fit(data.X, data.y)
    >>> model.status_, (model.support_ == data.support).all()
    ('optimal', np.True_)
    """

    def __init__(self, *, fit_intercept: bool = True) -> None:
        self.fit_intercept = fit_intercept

    def _arguments(self) -> dict[str, Any]:
        return {}

    def _solve(
        self,
        problem: Problem,
        arguments: dict[str, Any],  # noqa: ARG002 - it has none
    ) -> tuple[dict[str, Any], str | None]:
        equations = least_squares_equations(problem)
        vertex = minimise_l1(equations)
        warning = misfit_warning(problem, equations.residual, len(equations.rows))
        return {
            "coef_": vertex.coef,
            "dual_coef_": equations.to_dual @ vertex.dual / problem.X_unit,
            "residual_": equations.residual,
            "status_": "infeasible" if warning else "optimal",
            "n_iter_": vertex.n_iter,
        }, warning
