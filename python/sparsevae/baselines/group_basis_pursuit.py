"""Group basis pursuit, with a duality gap that proves the optimum."""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from .._input.parameters import check_count, check_not_negative
from ..exceptions import ParameterError
from ._linear_program import Equations, least_squares_equations
from ._regressor import Array, Problem
from ._row_sparse import RowSparseRegressor, compress, squared_rows

# Over-relaxation; steps between checks; checks that may change the step size, which convergence needs to stay.
_RELAXATION, _PERIOD, _CHANGES = 1.6, 20, 200


class GroupBasisPursuit(RowSparseRegressor):
    r"""Group basis pursuit: of all coefficients that reproduce the responses, those of least sum of row norms.

    With :math:`u_j` the coefficients of feature :math:`j`, a row of :math:`U`,

    .. math:: \min_U \sum_j \|u_j\|_2 \quad \text{subject to} \quad \|Y - X U\|_F \le \text{tolerance},

    the group lasso of many responses without noise, or with a bound on it. It is convex and solved to a duality gap.

    Parameters
    ----------
    tolerance : float, default=0.0
        Largest norm of the residual, all responses together, in units of `Y`. For noise of standard deviation
        ``sigma``, ``sigma * sqrt(Y.size)`` is its expected size.
    max_iter : int, default=20000
        Steps.
    tol : float, default=1e-8
        The steps end once the duality gap is at most this share of the sum of row norms. For float32 no less than
        6e-8.
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
    dual_coef_ : ndarray of shape (n_samples, n_responses)
        The certificate of the optimum, in inverse units of the columns: no row of ``X.T @ dual_coef_`` has a norm
        above 1; for centred data if there is an intercept.
    gap_ : float
        What the sum of row norms can exceed the minimum by, as a share of itself: it less
        ``np.sum(Y * dual_coef_) - tolerance * norm(dual_coef_)``, the bound that `dual_coef_` proves.
    residual_ : float
        Norm of the part of `Y` that no coefficients reproduce, as a share of the norm of `Y`, both centred if there is
        an intercept.
    status_ : {"optimal", "iteration_limit", "infeasible"}
        "infeasible": `Y` is farther from the column space of `X` than `tolerance`. `coef_` is chosen among the
        least-squares solutions, and `gap_` refers to those.
    n_iter_ : int
        Steps done.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    BasisPursuit : The same for one response, by the simplex method.
    LogAutoencoder : A penalty closer to the number of rows, with local minima.

    Notes
    -----
    Over-relaxed alternating directions on orthonormal equations, which an SVD gives first,
    ``O(n_samples**2 * n_features)``; responses are rotated to as many as they have rank. A step costs
    ``O(n_samples * n_features * rank)``. Each 20 steps the coefficients are brought to the constraint on their support
    by least squares and the duals into their bounds, which gives the gap: nothing rests on how the steps converge. At
    100 x 200 and rank 5 there are 100 to 1500 steps of 40 us; the interior-point method Clarabel finds the same minima
    in 0.5 to 1 s.

    The solution often has more nonzero rows than samples where it is not the sparsest; many of them are small.
    Rescaling a column changes it.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal: No Bad VAE Local Minima when Learning Optimal Sparse
    Representations", ICML, sec. 5.

    Boyd et al. (2011), "Distributed Optimization and Statistical Learning via the Alternating Direction Method of
    Multipliers", Foundations and Trends in Machine Learning 3(1), secs. 3.4, 6.2 and 6.4.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.baselines import GroupBasisPursuit
    >>> rng = np.random.default_rng(0)
    >>> X, coef = rng.standard_normal((50, 100)), np.zeros((10, 100))
    >>> coef[:, :20] = rng.standard_normal((10, 20))
    >>> model = GroupBasisPursuit().fit(X, X @ coef.T)
    >>> model.status_, np.array_equal(model.support_, np.arange(20))
    ('optimal', True)
    """

    def __init__(
        self, *, tolerance: float = 0.0, max_iter: int = 20_000, tol: float = 1e-8, fit_intercept: bool = True
    ) -> None:
        self.tolerance = tolerance
        self.max_iter = max_iter
        self.tol = tol
        self.fit_intercept = fit_intercept

    def _arguments(self) -> dict[str, Any]:
        return {
            "tolerance": check_not_negative("tolerance", self.tolerance),
            "max_iter": check_count("max_iter", self.max_iter),
            "tol": check_not_negative("tol", self.tol),
        }

    def _solve(self, problem: Problem, arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        equations = least_squares_equations(problem)
        tolerance = float(arguments["tolerance"] / np.float64(problem.y_unit))
        if not np.isfinite(tolerance):
            raise ParameterError(
                f"`tolerance` is {arguments['tolerance']!r}, but it must be within the range of float64 as a share of "
                f"the largest value of `Y`, {problem.y_unit:.1e}"
            )
        size = float(np.linalg.norm(problem.y)) or 1.0
        outside = equations.residual * size
        feasible = outside <= max(tolerance, equations.rounding * size)
        target, rotation = compress(equations.target)
        # Twice the norm of the data asks for zero as any more does, and has a square.
        radius = max(min(tolerance, 2 * size) ** 2 - outside**2, 0.0) ** 0.5
        pursuit = _Pursuit(equations._replace(target=target), radius)
        tol = max(arguments["tol"], problem.precision if problem.precision > np.finfo(np.float64).eps else 0.0)
        best, n_iter = pursuit.run(arguments["max_iter"], tol)
        status = "optimal" if best.gap <= tol else "iteration_limit"
        warning = None
        if not feasible:
            status, warning = "infeasible", equations.warning
            if tolerance:
                warning = f"{warning}. `tolerance` is {tolerance / size:.2g} of the norm of `Y`, which is less"
        elif status == "iteration_limit":
            warning = (
                f"the steps ended at `max_iter`, which is {n_iter}; the duality gap is {best.gap:.1e} of the sum of "
                f"row norms, above `tol`, which is {tol:.1e}"
            )
        return {
            "coef_": (best.coef @ rotation).T,
            "dual_coef_": equations.to_dual @ best.dual @ rotation / problem.X_unit,
            "gap_": np.float64(best.gap),
            "residual_": equations.residual,
            "status_": status,
            "n_iter_": n_iter,
        }, warning


class _Pair(NamedTuple):
    """Coefficients and multipliers of the equations, both feasible, and the gap between what they prove."""

    coef: Array
    dual: Array
    gap: float


class _Pursuit:
    """Alternating directions: least squares under the constraint, and thresholds of the row norms."""

    def __init__(self, equations: Equations, radius: float) -> None:
        self.rows, self.target, self.values = equations.rows, equations.target, equations.values
        self.radius, self.rounding = radius, equations.rounding
        self.length = float(np.linalg.norm(self.target.T * self.values))

    def run(self, max_iter: int, tol: float) -> tuple[_Pair, int]:
        """Return the best pair found, and the steps that were taken."""
        least = self.rows.T @ self.target
        empty = _Pair(np.zeros_like(least), np.zeros_like(self.target), 0.0)
        if self.length <= self.radius:
            return empty, 0
        best = _Pair(least, empty.dual, 1.0)
        threshold = float(np.sqrt(squared_rows(least)).mean())
        sparse, scaled, n_iter = least, np.zeros_like(least), 0
        while n_iter < max_iter and best.gap > tol:
            last = sparse
            near = sparse - scaled
            image = self.rows @ near
            fit = self._nearest_fit(image)
            relaxed = _RELAXATION * (near + self.rows.T @ (fit - image)) + (1 - _RELAXATION) * sparse
            moved = relaxed + scaled
            norms = np.sqrt(squared_rows(moved))
            sparse = moved * np.maximum(0.0, 1 - threshold / np.maximum(norms, np.finfo(float).tiny))[:, None]
            scaled = moved - sparse
            n_iter += 1
            if n_iter % _PERIOD == 0 or n_iter == max_iter:
                pair = self._certify(sparse, scaled / threshold, fit)
                best = pair if pair.gap < best.gap else best
                primal, dual = np.linalg.norm(relaxed - sparse), np.linalg.norm(sparse - last)
                if n_iter <= _PERIOD * _CHANGES and max(primal, dual) > 10 * min(primal, dual):
                    factor = 0.5 if primal > dual else 2.0
                    threshold, scaled = factor * threshold, factor * scaled
        return best, n_iter

    def _nearest_fit(self, image: Array) -> Array:
        """Find the point nearest to `image` whose residual is within the radius."""
        if self.radius == 0:
            return self.target
        # The residual in units of the data, one equation a row, shrinks by 1 / (1 + multiplier * value**2).
        squares, curvature = squared_rows(self.values[:, None] * (self.target - image)), self.values**2
        total = float(squares.sum())
        if total <= self.radius**2:
            return image

        def excess(log_multiplier: float) -> float:
            return float(np.sqrt((squares / (1 + np.exp(log_multiplier) * curvature) ** 2).sum())) - self.radius

        # The multiplier is between those that shrink the steepest and the flattest equation to the radius.
        ratio = np.log(np.expm1(0.5 * np.log(total / self.radius**2)))
        low, high = ratio - np.log(curvature.max()) - 1e-6, ratio - np.log(curvature.min()) + 1e-6
        shrink = 1 / (1 + np.exp(brentq(excess, low, high, xtol=1e-14, rtol=1e-14)) * curvature)
        nearest: Array = self.target - shrink[:, None] * (self.target - image)
        return nearest

    def _certify(self, sparse: Array, directions: Array, fit: Array) -> _Pair:
        """Make both sides feasible: the coefficients by least squares on their support, the multipliers by a factor."""
        wanted, columns = self.values[:, None] * fit, self.values[:, None] * self.rows
        coef, norms = sparse, squared_rows(sparse)
        # Once more without the rows that turn out to be rounding errors.
        for least in (0.0, self.rounding):
            support = np.flatnonzero(norms > least * norms.max())
            if least and len(support) == np.count_nonzero(norms):
                break
            start, coef = coef[support], np.zeros_like(sparse)
            change = np.linalg.lstsq(columns[:, support], wanted - columns[:, support] @ start, rcond=None)[0]
            coef[support] = start + change
            norms = np.sqrt(squared_rows(coef))
        misfit = np.linalg.norm(self.values[:, None] * (self.target - self.rows @ coef))
        dual = self.rows @ directions
        dual /= max(1.0, float(np.sqrt(squared_rows(self.rows.T @ dual).max())))
        value = float(np.sqrt(squared_rows(coef)).sum())
        bound = float((self.target * dual).sum() - self.radius * np.linalg.norm(dual / self.values[:, None]))
        if misfit > self.radius + self.rounding * self.length or value == 0:
            return _Pair(coef, dual, np.inf)
        return _Pair(coef, dual, abs(value - bound) / value)
