"""The autoencoder with a concave penalty on its codes: its sparse reduced form."""

import numbers
from typing import Any

import numpy as np

from .. import _core
from .._input.parameters import MOST, check_count, check_not_negative, check_number, check_type
from .._input.penalties import Penalty, check_penalty
from ..exceptions import ParameterError
from ._linear_program import misfit_warning, rounding_of
from ._regressor import Problem
from ._row_sparse import RowSparseRegressor

_WEIGHTS = '"n_responses" or a finite number greater than 0'


class ConcaveAutoencoder(RowSparseRegressor):
    r"""The autoencoder with a concave penalty on its codes, in its reduced form: row-sparse coefficients of responses.

    An autoencoder whose decoder multiplies row :math:`j` of the codes by a scale pays the square of that scale, and
    :math:`c h(w_j)` for codes of squared norm :math:`w_j`, with :math:`h` concave and increasing. With :math:`u_j` the
    coefficients of feature :math:`j`, the product of scale and codes and a row of :math:`U`, that is

    .. math:: \min_{U, w} \frac{1}{\gamma} \|Y - X U\|_F^2
              + \sum_j \left( \frac{\|u_j\|^2}{w_j} + c \, h(w_j) \right)
              = \min_U \frac{1}{\gamma} \|Y - X U\|_F^2 + c \sum_j P(\|u_j\|^2),

    where :math:`P` is concave and increasing as well. `penalty` chooses it: :math:`\log s` for :math:`h = \log`,
    :math:`s^{p/2}`, the power :math:`p` of the row norm, for :math:`h` a multiple of :math:`w^{p/(2-p)}`, or any other.
    Without noise the limit :math:`\gamma \to 0` is solved: of all :math:`U` with :math:`Y = X U`, one of least
    penalty. Local minima are many, but for :math:`p = 1`, which is convex.

    Parameters
    ----------
    penalty : "log", float or callable, default="log"
        :math:`P`. A float, greater than 0 and at most 1, is the power of the row norm. A callable takes squared row
        norms, an array of shape (n,), in squared units of `coef_`, and returns the values and the slopes of :math:`P`
        there, two arrays of that shape; it has to be concave, and its slopes greater than 0.
    weight : float or "n_responses", default=1.0
        Weight :math:`c` of the penalty; "n_responses" for their number. Without noise it only scales `prior_var_` and
        the objective.
    noise_var : float, default=0.0
        Variance :math:`\gamma` of the noise, in squared units of `Y`; 0 for none.
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
        The best :math:`w`, the inverse slopes of :math:`c P`; 0 off the support.
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
    LogAutoencoder : The same with the logarithm alone.
    GroupBasisPursuit : The convex rival, ``penalty=1.0`` to a duality gap.

    Notes
    -----
    What is minimised has :math:`c \sum_j P(\|u_j\|^2 + \varepsilon)` for the penalty: that of the logarithm has no
    least value otherwise, and falls without bound as a row goes to 0. A step is iteratively reweighted least squares,

    .. math:: w_j = \frac{1}{c P'(\|u_j\|^2 + \varepsilon)}, \qquad U = W X^T (X W X^T + \gamma I)^{-1} Y,

    and never increases the objective; nor does a smaller :math:`\varepsilon`, which goes down to 1e-12 of the largest
    squared row norm of the first solution, a factor of 10 at a time. Starting with the least finds no support where
    rows differ in size by factors of up to 10,000. Rows whose square is at most the last :math:`\varepsilon` are zero,
    and the others are solved for once more at their variances.

    An SVD comes first, ``O(n_samples**2 * n_features)``; so does each step cost. Responses are rotated to as many as
    they have rank. At 100 x 200 and rank 5 there are 30 to 170 steps with the logarithm, 10 to 20 ms in all.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal: No Bad VAE Local Minima when Learning Optimal Sparse
    Representations", ICML, eqs. 8, 9 and 42 to 50, Lemmas D.1 and D.2.

    Chartrand and Yin (2008), "Iteratively reweighted algorithms for compressive sensing", ICASSP: the smoothing.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.baselines import ConcaveAutoencoder
    >>> rng = np.random.default_rng(0)
    >>> X, coef = rng.standard_normal((50, 100)), np.zeros((10, 100))
    >>> coef[:, :30] = rng.standard_normal((10, 30))
    >>> for penalty in ("log", 0.5, lambda s: (np.log1p(np.sqrt(s)), 0.5 / (np.sqrt(s) + s))):
    ...     model = ConcaveAutoencoder(penalty=penalty).fit(X, X @ coef.T)
    ...     print(model.status_, len(model.support_))
    converged 30
    converged 30
    converged 30
    """

    def __init__(
        self,
        *,
        penalty: Penalty = "log",
        weight: float | str = 1.0,
        noise_var: float = 0.0,
        max_iter: int = 1000,
        tol: float = 1e-6,
        fit_intercept: bool = True,
    ) -> None:
        self.penalty = penalty
        self.weight = weight
        self.noise_var = noise_var
        self.max_iter = max_iter
        self.tol = tol
        self.fit_intercept = fit_intercept

    def _arguments(self) -> dict[str, Any]:
        penalty = check_penalty(self.penalty, "log")
        return self._checked_arguments("weight", self.weight) | {"penalty": penalty}

    def _checked_arguments(self, name: str, weight: Any) -> dict[str, Any]:
        check_type(name, weight, (str, numbers.Real), _WEIGHTS)
        if not isinstance(weight, str):
            weight = check_number(name, weight, _WEIGHTS, above=0.0)
        elif weight != "n_responses":
            raise ParameterError(f"`{name}` is {weight!r}, but it must be {_WEIGHTS}")
        return {
            "penalty": "log",
            "noise_var": check_not_negative("noise_var", self.noise_var),
            "weight": weight,
            "max_iter": min(check_count("max_iter", self.max_iter), MOST),
            "tol": check_not_negative("tol", self.tol),
        }

    def _solve(self, problem: Problem, arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        given, unit = arguments["noise_var"], np.float64(problem.coef_unit) ** 2
        noise = float(given / np.float64(problem.y_unit) ** 2) if given else 0.0
        if given and not 0 < noise < np.inf:
            raise ParameterError(
                f"`noise_var` is {given!r}, but it must be 0 or within the range of float64 as a "
                f"share of the largest square in `Y`, {problem.y_unit:.1e}**2"
            )
        if not 0 < unit < np.inf:
            raise problem.out_of_range()
        weight = float(problem.y.shape[1]) if arguments["weight"] == "n_responses" else arguments["weight"]
        options: Any = {
            "noise_var": noise,
            "weight": weight,
            "unit": unit,
            "max_iter": arguments["max_iter"],
            "tol": arguments["tol"],
            "rounding": rounding_of(problem),
        }
        found = _core.fit_row_penalty(problem.X, problem.y, arguments["penalty"], options)
        status, n_iter = found["status"], found["n_iter"]
        warning = misfit_warning(problem, found["residual"], found["rank"]) if status == "infeasible" else None
        if status == "iteration_limit":
            warning = (
                f"the steps ended at `max_iter`, which is {n_iter}; the last was {found['length']:.1e} of the "
                f"coefficients, at a smoothing of {found['smoothing']:.0e}"
            )
        return {
            "coef_": found["coef"].T,
            "prior_var_": found["prior_var"] * unit,
            "objective_": found["path"][-1],
            "objective_path_": found["path"],
            "status_": status,
            "n_iter_": n_iter,
        }, warning
