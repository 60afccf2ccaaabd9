"""The autoencoder with a logarithmic penalty."""

from typing import Any

from .concave_autoencoder import ConcaveAutoencoder


class LogAutoencoder(ConcaveAutoencoder):
    r"""The autoencoder with a logarithmic penalty: :class:`ConcaveAutoencoder` with :math:`h = \log`.

    With :math:`u_j` the coefficients of feature :math:`j`, a row of :math:`U`,

    .. math:: \min_{U, w} \frac{1}{\gamma} \|Y - X U\|_F^2
              + \sum_j \left( \frac{\|u_j\|^2}{w_j} + c \log w_j \right),

    where :math:`w_j = \|u_j\|^2 / c` is best and leaves :math:`c \sum_j \log \|u_j\|^2`, less a constant.

    Parameters
    ----------
    noise_var : float, default=0.0
        Variance :math:`\gamma` of the noise, in squared units of `Y`; 0 for none.
    log_weight : float or "n_responses", default=1.0
        Weight :math:`c` of the logarithm. 1 is that of the autoencoder, eq. 8; the number of responses that of the
        variational autoencoder with a diagonal covariance, eq. 50, and makes :math:`w_j` the mean square of the row.
        Without noise it only scales `prior_var_` and the objective.
    max_iter : int, default=1000
        Steps in all.
    tol : float, default=1e-6
        The steps end once the smoothing is at its least and a step is no longer than this share of the coefficients.
    fit_intercept : bool, default=True
        Whether to centre the data. Set it to False for designs without an intercept: it costs one sample.

    Attributes
    ----------
    coef_ : ndarray of shape (n_responses, n_features)
        Coefficients, in units of `Y` over units of the column; exact zeros off the support. Of the dtype of the data.
    intercept_ : ndarray of shape (n_responses,)
        Intercepts; 0 if `fit_intercept` is False.
    support_ : ndarray of shape (n_support,), int64
        Indices of the features with nonzero coefficients, ascending.
    prior_var_ : ndarray of shape (n_features,)
        The variances :math:`w`, in squared units of `coef_`; 0 off the support.
    objective_ : float
        The last of `objective_path_`.
    objective_path_ : ndarray of shape (n_iter + 1,)
        The smoothed objective before the first step and after each; it never increases.
    status_ : {"converged", "iteration_limit", "infeasible"}
        How the steps ended. "infeasible": there is no noise, but `Y` lies outside the column space of `X`. `coef_` is
        chosen among the least-squares solutions.
    n_iter_ : int
        Steps done.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    ConcaveAutoencoder : Other penalties, and how it is solved.
    GroupBasisPursuit : The convex rival.

    Notes
    -----
    With noise a feature whose coefficients would have a squared norm of less than :math:`4 c \gamma / \|x_j\|^2` on
    their own is left out.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal: No Bad VAE Local Minima when Learning Optimal Sparse
    Representations", ICML, eqs. 8 and 46 to 50.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.baselines import LogAutoencoder
    >>> rng = np.random.default_rng(0)
    >>> X, coef = rng.standard_normal((50, 100)), np.zeros((10, 100))
    >>> coef[:, :30] = rng.standard_normal((10, 30))
    >>> model = LogAutoencoder().fit(X, X @ coef.T)
    >>> model.status_, np.array_equal(model.support_, np.arange(30))
    ('converged', True)
    """

    def __init__(
        self,
        *,
        noise_var: float = 0.0,
        log_weight: float | str = 1.0,
        max_iter: int = 1000,
        tol: float = 1e-6,
        fit_intercept: bool = True,
    ) -> None:
        super().__init__(noise_var=noise_var, max_iter=max_iter, tol=tol, fit_intercept=fit_intercept)
        self.log_weight = log_weight

    def _arguments(self) -> dict[str, Any]:
        return self._checked_arguments("log_weight", self.log_weight)
