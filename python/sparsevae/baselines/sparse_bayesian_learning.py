"""Sparse Bayesian learning by exact EM."""

from typing import Any

from .. import _core
from ._regressor import Problem
from ._sparse_bayes import SparseBayes


class SparseBayesianLearning(SparseBayes):
    r"""Sparse Bayesian learning by exact expectation maximisation.

    A normal prior with a variance :math:`w_j` of its own for each coefficient, normal noise of variance :math:`\gamma`.
    The E-step is the posterior of the coefficients,

    .. math:: \Sigma = \left( X^T X / \gamma + \mathrm{diag}(w)^{-1} \right)^{-1}, \qquad \mu = \Sigma X^T y / \gamma,

    the M-step :math:`w_j = \mu_j^2 + \Sigma_{jj}`. Most of the variances go to 0.

    Parameters
    ----------
    noise_var : "learn" or float, default="learn"
        Variance of the noise, in squared units of `y`. "learn": by EM, from a tenth of the mean square of `y` down to
        1e-10 of it. With noise and fewer samples than features it tends to be learned too small: give it
        if it is known.
    max_iter : int, default=1000
        Steps.
    tol : float, default=1e-6
        The steps end once no prior variance moves by more than this share of the largest, columns scaled to norm 1,
        and the noise variance by no more than this share of itself.
    prune : float, default=1e-4
        Coefficients up to this share of the largest, columns scaled to norm 1, are returned as 0. The steps
        themselves drop none.
    fit_intercept : bool, default=True
        Whether to centre the data. Set it to False for designs without an intercept: it costs one sample.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Posterior means, in units of `y` over units of the column; exact zeros off the support. Of the dtype of the
        data.
    intercept_ : float
        Intercept; 0 if `fit_intercept` is False.
    support_ : ndarray of shape (n_support,), int64
        Indices of the nonzero coefficients, ascending.
    prior_var_ : ndarray of shape (n_features,)
        Prior variances, in squared units of `coef_`.
    posterior_var_ : ndarray of shape (n_features,)
        Posterior variances at `prior_var_`, of pruned coefficients as well.
    noise_var_ : float
        Variance of the noise, given or learned.
    status_ : {"converged", "iteration_limit"}
        How the steps ended.
    n_iter_ : int
        Steps done.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    CovarianceFreeEm : The same with an approximate E-step, for many features.
    sparsevae.VaeSlr : The same energy; its search ends with a certificate.

    Notes
    -----
    With ``d`` samples and ``n`` features a step costs ``O(n * d**2)`` by the covariance of the response if
    ``d <= n``, else ``O(n**3)``. It fails as all local searches do, where nearly as many coefficients are nonzero as
    there are samples.

    References
    ----------
    Tipping (2001), "Sparse Bayesian Learning and the Relevance Vector Machine", JMLR 1, eqs. 12 and 13, app. A.

    Wipf and Rao (2004), "Sparse Bayesian Learning for Basis Selection", IEEE Transactions on Signal Processing 52(8).

    Examples
    --------
    >>> from sparsevae.baselines import SparseBayesianLearning
    >>> from sparsevae.datasets import make_sparse_regression
    >>> data = make_sparse_regression(50, 100, n_nonzero=20, random_state=0)
    >>> model = SparseBayesianLearning().fit(data.X, data.y)
    >>> model.status_, (model.support_ == data.support).all()
    ('converged', np.True_)
    """

    def __init__(
        self,
        *,
        noise_var: str | float = "learn",
        max_iter: int = 1000,
        tol: float = 1e-6,
        prune: float = 1e-4,
        fit_intercept: bool = True,
    ) -> None:
        self.noise_var = noise_var
        self.max_iter = max_iter
        self.tol = tol
        self.prune = prune
        self.fit_intercept = fit_intercept

    def _maximise(self, problem: Problem, options: Any, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - it has no others
        found: dict[str, Any] = _core.fit_sparse_bayes(problem.X, problem.y, options)
        return found
