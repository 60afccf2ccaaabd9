"""Sparse Bayesian learning without a covariance."""

from typing import Any

from .. import _core
from .._input.parameters import MOST, check_count, check_positive
from .._input.random import RandomState, draw_seed
from ._regressor import Problem
from ._sparse_bayes import SparseBayes


class CovarianceFreeEm(SparseBayes):
    r"""Sparse Bayesian learning by EM whose E-step forms no covariance.

    The model and the M-step are those of :class:`SparseBayesianLearning`. With :math:`D = \mathrm{diag}(w)^{1/2}` the
    covariance of the posterior is

    .. math:: \Sigma = D M^{-1} D, \qquad M = I + D X^T X D / \gamma.

    Its diagonal is estimated by random signs :math:`p_1, \dots, p_K` as :math:`\Sigma_{jj} \approx w_j \,
    \mathrm{mean}_k \, p_{kj} (M^{-1} p_k)_j`. All probes and the mean are solved for together by conjugate gradients
    with a diagonal preconditioner.

    Parameters
    ----------
    noise_var : "learn" or float, default="learn"
        As in :class:`SparseBayesianLearning`.
    n_probes : int, default=10
        Random probes a step, :math:`K`.
    max_iter : int, default=300
        Steps.
    tol : float, default=1e-4
        The steps end once no prior variance moves by more than this share of the largest, columns scaled to norm 1,
        and the noise variance by no more than this share of itself.
        With noise the variances keep moving by the error of the probes: ask for less then, or set `max_iter`.
    cg_max_iter : int, default=400
        Conjugate gradient steps of an E-step.
    cg_tol : float, default=1e-4
        Conjugate gradients end once every residual is below this share of its right-hand side.
    prune : float, default=1e-4
        As in :class:`SparseBayesianLearning`.
    fit_intercept : bool, default=True
        Whether to centre the data. Set it to False for designs without an intercept: it costs one sample.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the probes.

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
        Estimated posterior variances at `prior_var_`, of pruned coefficients as well.
    noise_var_ : float
        Variance of the noise, given or learned.
    status_ : {"converged", "iteration_limit"}
        How the steps ended.
    n_iter_ : int
        Steps done.
    n_cg_iter_ : int
        Conjugate gradient steps, over all E-steps.
    n_unsolved_ : int
        E-steps in which conjugate gradients ended at `cg_max_iter`.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    SparseBayesianLearning : The same with the exact E-step.

    Notes
    -----
    A step costs ``O(n_samples * n_features * n_probes)`` for each conjugate gradient step, and memory for
    ``n_features * n_probes`` numbers. Badly conditioned designs and small noise variances ask for many such steps:
    `n_unsolved_` tells whether they sufficed. On one core and Gaussian designs at 30 dB, both in NumPy, a step was
    faster than an exact one with as many samples as features from about 2,000 on, but still 6 times slower at 2,048 x
    8,192.

    The variance of an estimate is that of random signs, ``w_j * sum_(i != j) Sigma_ij**2 / w_i / n_probes``; estimates
    outside of the known bounds, 0 and ``w_j``, are set to the nearer one. Lin et al. probe the system before it is
    scaled by `D`: the same conjugate gradients, but an error that does not fall with ``w_j``.

    References
    ----------
    Lin, Song, Bilgic and Ba (2022), "Covariance-Free Sparse Bayesian Learning", IEEE Transactions on Signal
    Processing 70.

    Bekas, Kokiopoulou and Saad (2007), "An estimator for the diagonal of a matrix", Applied Numerical Mathematics 57.

    Examples
    --------
    >>> from sparsevae.baselines import CovarianceFreeEm
    >>> from sparsevae.datasets import make_sparse_regression
    >>> data = make_sparse_regression(50, 100, n_nonzero=10, random_state=0)
    >>> model = CovarianceFreeEm().fit(data.X, data.y)
    >>> model.status_, (model.support_ == data.support).all()
    ('converged', np.True_)
    """

    def __init__(
        self,
        *,
        noise_var: str | float = "learn",
        n_probes: int = 10,
        max_iter: int = 300,
        tol: float = 1e-4,
        cg_max_iter: int = 400,
        cg_tol: float = 1e-4,
        prune: float = 1e-4,
        fit_intercept: bool = True,
        random_state: RandomState = 0,
    ) -> None:
        self.noise_var = noise_var
        self.n_probes = n_probes
        self.max_iter = max_iter
        self.tol = tol
        self.cg_max_iter = cg_max_iter
        self.cg_tol = cg_tol
        self.prune = prune
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    def _arguments(self) -> dict[str, Any]:
        return super()._arguments() | {
            "n_probes": min(check_count("n_probes", self.n_probes), MOST),
            "cg_max_iter": min(check_count("cg_max_iter", self.cg_max_iter), MOST),
            "cg_tol": check_positive("cg_tol", self.cg_tol, below=1),
            "seed": draw_seed(self.random_state),
        }

    def _maximise(self, problem: Problem, options: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        others = {name: arguments[name] for name in ("n_probes", "cg_max_iter", "cg_tol", "seed")}
        found: dict[str, Any] = _core.fit_covariance_free(problem.X, problem.y, options, **others)
        return found

    def _counts(self, found: dict[str, Any]) -> dict[str, int]:
        return {"n_cg_iter_": found["n_cg_iter"], "n_unsolved_": found["n_unsolved"]}
