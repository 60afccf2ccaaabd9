"""The autoencoder with a logarithmic penalty: its sparse reduced form."""

import numbers
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky

from .._input.parameters import check_count, check_not_negative, check_number, check_type
from ..exceptions import NumericalError, ParameterError
from ._linear_program import Equations, least_squares_equations
from ._regressor import Array, Problem
from ._row_sparse import RowSparseRegressor, compress, squared_rows

# The smoothing ends at this share of the largest squared row norm of the first solution. In each round it falls by the
# factor, once the steps are shorter than the fraction of its root.
_LEAST_SMOOTHING, _FACTOR, _FRACTION = 1e-12, 0.1, 0.01

_WEIGHTS = '"n_responses" or a finite number greater than 0'


class LogAutoencoder(RowSparseRegressor):
    r"""The autoencoder with a logarithmic penalty, in its reduced form: row-sparse coefficients of many responses.

    With :math:`u_j` the coefficients of feature :math:`j`, a row of :math:`U`,

    .. math:: \min_{U, w} \frac{1}{\gamma} \|Y - X U\|_F^2
              + \sum_j \left( \frac{\|u_j\|^2}{w_j} + c \log w_j \right),

    where :math:`w_j = \|u_j\|^2 / c` is best and leaves :math:`c \sum_j \log \|u_j\|^2`, less a constant. Without noise
    the limit :math:`\gamma \to 0` is solved: of all :math:`U` with :math:`Y = X U`, one of least :math:`\sum_j \log
    \|u_j\|^2`. Local minima are many.

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
    GroupBasisPursuit : The convex rival.

    Notes
    -----
    The objective has no least value: it falls without bound as a row goes to 0. What is minimised has
    :math:`c \sum_j \log(\|u_j\|^2 + \varepsilon)` in its place. A step is iteratively reweighted least squares,

    .. math:: w_j = \frac{\|u_j\|^2 + \varepsilon}{c}, \qquad U = W X^T (X W X^T + \gamma I)^{-1} Y,

    and never increases the objective; nor does a smaller :math:`\varepsilon`, which goes down to 1e-12 of the largest
    squared row norm of the first solution, a factor of 10 at a time. Starting with the least finds no support where
    rows differ in size by factors of up to 10,000. Rows whose square is at most the last :math:`\varepsilon` are zero,
    and the others are solved for once more at their variances.

    An SVD comes first, ``O(n_samples**2 * n_features)``; so does each step cost. Responses are rotated to as many as
    they have rank. At 100 x 200 and rank 5 there are 30 to 170 steps, 10 to 40 ms in all.

    With noise a feature whose coefficients would have a squared norm of less than :math:`4 c \gamma / \|x_j\|^2` on
    their own is left out.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal: No Bad VAE Local Minima when Learning Optimal Sparse
    Representations", ICML, eqs. 8 and 46 to 50.

    Chartrand and Yin (2008), "Iteratively reweighted algorithms for compressive sensing", ICASSP: the smoothing.

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
        self.noise_var = noise_var
        self.log_weight = log_weight
        self.max_iter = max_iter
        self.tol = tol
        self.fit_intercept = fit_intercept

    def _arguments(self) -> dict[str, Any]:
        log_weight = self.log_weight
        check_type("log_weight", log_weight, (str, numbers.Real), _WEIGHTS)
        if not isinstance(log_weight, str):
            log_weight = check_number("log_weight", log_weight, _WEIGHTS, above=0.0)
        elif log_weight != "n_responses":
            raise ParameterError(f"`log_weight` is {log_weight!r}, but it must be {_WEIGHTS}")
        return {
            "noise_var": check_not_negative("noise_var", self.noise_var),
            "log_weight": log_weight,
            "max_iter": check_count("max_iter", self.max_iter),
            "tol": check_not_negative("tol", self.tol),
        }

    def _solve(self, problem: Problem, arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        n_responses, n = problem.y.shape[1], problem.X.shape[1]
        weight = float(n_responses) if arguments["log_weight"] == "n_responses" else arguments["log_weight"]
        equations = least_squares_equations(problem)
        given, unit = arguments["noise_var"], np.float64(problem.coef_unit) ** 2
        noise = float(given / np.float64(problem.y_unit) ** 2) if given else 0.0
        if given and not 0 < noise < np.inf:
            raise ParameterError(
                f"`noise_var` is {given!r}, but it must be 0 or within the range of float64 as a "
                f"share of the largest square in `Y`, {problem.y_unit:.1e}**2"
            )
        if not 0 < unit < np.inf:
            raise problem.out_of_range()
        # What no coefficients reproduce, of which the objective has the square.
        left = float(np.sum(problem.y**2) - np.sum((equations.target.T * equations.values) ** 2))
        target, rotation = compress(equations.target)
        search = _Search(equations, target, noise, weight)
        length = search.run(arguments["max_iter"], arguments["tol"]) if target.any() else 0.0
        coef, prior_var = search.finish()
        path = np.array(search.path) + n * weight * np.log(unit) + (max(left, 0.0) / noise if noise else 0.0)
        warning, status = None if noise else equations.warning, "infeasible"
        if warning is None:
            status = "converged" if length <= arguments["tol"] else "iteration_limit"
        if status == "iteration_limit":
            warning = (
                f"the steps ended at `max_iter`, which is {search.n_iter}; the last was {search.length:.1e} of the "
                f"coefficients, at a smoothing of {search.smoothing / search.size:.0e}"
            )
        return {
            "coef_": (coef @ rotation).T,
            "prior_var_": prior_var * unit,
            "objective_": path[-1],
            "objective_path_": path,
            "status_": status,
            "n_iter_": search.n_iter,
        }, warning


class _Search:
    """Iteratively reweighted least squares in the coordinates of `equations`, where the noise differs by equation."""

    def __init__(self, equations: Equations, target: Array, noise: float, weight: float) -> None:
        self.rows, self.target, self.weight = equations.rows, target, weight
        self.noise, self.noises = noise, noise / equations.values**2
        # Ridge regression, equal variances explaining all of the responses; without noise the solution of least norm.
        self.coef = np.zeros((self.rows.shape[1], target.shape[1]))
        self.smoothing = float(np.sum((target.T * equations.values) ** 2) / np.sum(equations.values**2)) or 1.0
        misfit = self.step()
        self.smoothing = self.size = float(squared_rows(self.coef).max()) or 1.0
        self.least = max(_LEAST_SMOOTHING, equations.rounding**2) * self.size
        self.n_iter, self.path = 0, [self.objective(misfit)]

    def objective(self, misfit: float) -> float:
        return misfit + self.weight * float(np.log(squared_rows(self.coef) + self.smoothing).sum())

    def step(self) -> float:
        """Take a step; return the squared misfit over the variance of the noise."""
        w = (squared_rows(self.coef) + self.smoothing) / self.weight
        covariance = (self.rows * w) @ self.rows.T
        covariance.flat[:: len(covariance) + 1] += self.noises
        try:
            factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError as error:
            raise NumericalError(f"float64 cannot factorise the covariance of the responses: {error}") from error
        dual = cho_solve((factor, True), self.target, check_finite=False)
        self.coef = w[:, None] * (self.rows.T @ dual)
        # The residual is the variance of the noise times the dual.
        return float(squared_rows(dual) @ self.noises)

    def run(self, max_iter: int, tol: float) -> float:
        """Anneal the smoothing; return the length of the last step, infinite if the least smoothing was not reached."""
        while self.n_iter < max_iter:
            last = self.coef
            self.path.append(self.objective(self.step()))
            self.n_iter += 1
            self.length = float(np.linalg.norm(self.coef - last) / (np.linalg.norm(self.coef) or 1.0))
            if self.smoothing <= self.least:
                if self.length <= tol:
                    return self.length
            elif self.length <= max(_FRACTION * np.sqrt(self.smoothing / self.size), tol):
                self.smoothing = max(_FACTOR * self.smoothing, self.least)
        return self.length if self.smoothing <= self.least else np.inf

    def finish(self) -> tuple[Array, Array]:
        """Solve for the rows above the smoothing at their variances; return coefficients and variances."""
        squares = squared_rows(self.coef)
        support = np.flatnonzero(squares > self.smoothing)
        coef, prior_var = np.zeros_like(self.coef), np.zeros(len(squares))
        root = np.sqrt(squares[support] / self.weight)
        scaled, target = self.rows[:, support] * root, self.target
        if self.noise:
            # Ridge regression of unit weight, as least squares with one more equation for each row.
            deviation = np.sqrt(self.noises)[:, None]
            scaled = np.vstack([scaled / deviation, np.eye(len(support))])
            target = np.vstack([target / deviation, np.zeros((len(support), target.shape[1]))])
        coef[support] = root[:, None] * np.linalg.lstsq(scaled, target, rcond=None)[0]
        prior_var[support] = squared_rows(coef[support]) / self.weight
        return coef, prior_var
