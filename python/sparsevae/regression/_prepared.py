"""What the core searches: data adjusted for weights and columns that are always in, and reports of all columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._input.adjustment import Adjustment
from .._input.arrays import check_finite, is_sparse
from .._input.choice import column_indices, prior_odds_array
from .._input.columns import take
from .._input.weights import Weighting
from ..exceptions import DataTypeError, ParameterError, ShapeError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Along:
    """What an adjustment takes from the data before the core sees them; not public."""

    adjustment: Adjustment
    X: Array
    Y: Array
    X_means: Array
    Y_means: Array


class Prepared:
    """Data as the core takes them, and the way back; not public.

    Parameters
    ----------
    X : design of shape (n_samples, n_features)
        Of any kind that the core reads.
    Y : ndarray of shape (n_samples, n_responses)
    arguments : dict
        Those of the core; those for weights, columns and the intercept are set.
    sample_weight, always_select, prior_odds, positive
        As the estimators take them.
    names : array-like of str, or None
        Names of the columns.

    Attributes
    ----------
    X, Y : design, ndarray
        What the core is to see.
    searched : ndarray of int64
        Columns that it is to search.
    weighting : Weighting or None
        Weights that the core is to know.
    """

    def __init__(
        self,
        X: Any,
        Y: Array,
        arguments: dict[str, Any],
        *,
        sample_weight: Any = None,
        always_select: Any = None,
        prior_odds: Any = None,
        positive: Any = None,
        names: Any = None,
    ) -> None:
        self._n_samples, self._n_features = X.shape
        self.always = column_indices("always_select", always_select, self._n_features, names)
        odds = prior_odds_array(prior_odds, self._n_features)
        is_searched = np.ones(self._n_features, bool)
        is_searched[self.always] = False
        if odds is not None:
            is_searched[odds == 0] = False
        if self._n_features and not is_searched.any():
            raise ParameterError("`always_select` and `prior_odds` leave no column to choose, but one is needed")
        self.searched = np.flatnonzero(is_searched)
        self._whole = bool(is_searched.all())
        if odds is not None:
            arguments["prior_odds"] = odds[self.searched].tolist()
        arguments["positive"] = self._positive(positive, names)
        for name in ("n_nonzero", "max_nonzero", "n_choices"):
            if arguments[name] is not None:
                arguments[name] = self._left_of(name, arguments[name])
        self._along: Along | None = None
        weighting, fit_intercept = None, arguments["fit_intercept"]
        if sample_weight is not None:
            weighting = Weighting(sample_weight, self._n_samples, fit_intercept=fit_intercept)
        self.weighting: Weighting | None = weighting
        if not self._whole and not (isinstance(X, np.ndarray) or (is_sparse(X) and not len(self.always))):
            name = "always_select" if len(self.always) else "prior_odds"
            raise DataTypeError(f"`{name}` leaves columns of `X` out of the search, but then `X` must be a dense array")
        self.X, self.Y = (X if self._whole or len(self.always) else X[:, self.searched]), Y
        if len(self.always):
            weights = np.ones(self._n_samples) if weighting is None else weighting.values
            # The core would find values that are not finite after they were spread.
            check_finite("X", X, names)
            design, covariates = take(X, self.searched), take(X, self.always)
            adjustment = Adjustment(weights, covariates, fit_intercept=fit_intercept)
            (along_X, X_left), (along_Y, Y_left) = adjustment.split(design), adjustment.split(Y)
            mean = adjustment.mean_weights * fit_intercept
            self._along = Along(adjustment, along_X, along_Y, mean @ design, mean @ Y)
            self.X, self.Y, self.weighting = X_left, Y_left, None
            arguments["fit_intercept"] = False
        arguments["sample_weight"] = None if self.weighting is None else self.weighting.values

    def _positive(self, positive: Any, names: Any) -> list[bool]:
        """Tell which of the columns that are searched have coefficients that are not negative."""
        if positive is None or positive is False:
            return []
        is_positive = np.zeros(self._n_features, bool)
        if positive is True:
            is_positive[:] = True
            is_positive[self.always] = False
        else:
            is_positive[column_indices("positive", positive, self._n_features, names)] = True
        if is_positive[self.always].any():
            raise ParameterError(
                "`positive` has a column of `always_select`, but the coefficients of those have any sign"
            )
        chosen: list[bool] = is_positive[self.searched].tolist()
        return chosen if any(chosen) else []

    def _left_of(self, name: str, count: int) -> int:
        """Of a number of columns in all, those that are left to be chosen."""
        if count < len(self.always):
            raise ParameterError(
                f"`{name}` is {count}, but it must be at least the number of columns of `always_select`, "
                f"{len(self.always)}"
            )
        return count - len(self.always)

    @property
    def _weights(self) -> Adjustment | Weighting | None:
        return self.weighting if self._along is None else self._along.adjustment

    @property
    def mean_share(self) -> float | None:
        """Variance of the intercept over that of the noise; None where all samples weigh the same."""
        return None if self._weights is None else self._weights.mean_share

    @property
    def mean_weights(self) -> Array:
        """Weights of the samples in the estimate of an intercept, which sum to 1."""
        return np.full(self._n_samples, 1 / self._n_samples) if self._weights is None else self._weights.mean_weights

    def searched_of(self, name: str, values: Any) -> Any:
        """Of values that stand for all columns, those of the columns that are searched."""
        if values.shape != (self._n_features,):
            raise ShapeError(
                f"`{name}` has shape {values.shape}, but ({self._n_features},), one value per column of `X`, is needed"
            )
        return values[self.searched]

    def restore(self, report: "_core.FitReport", response: int | None = None) -> "Adjusted | None":
        """Turn a report on what the core saw into one on all columns, in place.

        Parameters
        ----------
        report : dict
            Of the core.
        response : int or None, default=None
            The response that it is of; None for all.

        Returns
        -------
        Adjusted or None
            What columns that are always in add to the variance of predictions; None where there are none.
        """
        posterior = report["posterior"]
        chosen = report["support"]
        if self._along is not None:
            along = self._along
            Y, Y_means = along.Y, along.Y_means
            if response is not None:
                Y, Y_means = Y[:, response : response + 1], Y_means[response : response + 1]
            report["support_mean"] = along.X_means[chosen]
            coef, report["intercept"] = self._complete(report["coef"], Y, Y_means)
            report["coef"] = coef
            if posterior is not None:
                posterior["coef"], posterior["intercept"] = self._complete(posterior["coef"], Y, Y_means)
                self._complete_draws(posterior, Y, Y_means)
        elif not self._whole:
            report["coef"] = self._spread(report["coef"].reshape(-1, len(self.searched))).ravel()
            if posterior is not None:
                posterior["coef"] = self._spread(posterior["coef"].reshape(-1, len(self.searched))).ravel()
                posterior["drawn"] = self.searched[posterior["drawn"]]
        if self._whole:
            return None
        report["prior_var"] = self._spread(report["prior_var"], np.inf)
        report["coef_var"] = self._spread(report["coef_var"])
        if report["posterior_mean"] is not None:
            report["posterior_mean"] = self._spread(report["posterior_mean"])
        if (trained := report["trained"]) is not None:
            trained["decoder_scale"] = self._spread(trained["decoder_scale"])
            trained["encoder_weights"] = self._spread(trained["encoder_weights"].T).T
            trained["encoder_factor"] = self._spread(self._spread(trained["encoder_factor"]).T).T
        report["support"] = self.searched[chosen]
        if posterior is not None:
            posterior["inclusion_prob"] = self._spread(posterior["inclusion_prob"], 1.0)
            selection, places = posterior["selection"], posterior["places"]
            selection["columns"] = [np.concatenate([self.always, self.searched[each]]) for each in selection["columns"]]
            places["features"] = self.searched[places["features"]]
        return self._include_always(report, chosen)

    def _spread(self, values: Array, always: Any = 0.0) -> Array:
        """Values of the columns that are searched as those of all; 0 for those that are left out."""
        all_values = np.zeros((*values.shape[:-1], self._n_features))
        all_values[..., self.searched] = values
        all_values[..., self.always] = always
        return all_values

    def _complete(self, coef: Array, Y: Array, Y_means: Array) -> tuple[Array, Array]:
        """Coefficients of all columns, and intercepts, response after response."""
        along = self._along
        assert along is not None
        rows = coef.reshape(-1, len(self.searched))
        always = along.adjustment.coefficients(Y - along.X @ rows.T).T
        intercept = Y_means - rows @ along.X_means - always @ along.adjustment.covariate_means
        return self._spread(rows, always).ravel(), intercept

    def _complete_draws(self, posterior: "_core.Posterior", Y: Array, Y_means: Array) -> None:
        """Complete draws likewise; those of principal axes have no means."""
        along = self._along
        assert along is not None
        drawn, draws = posterior["drawn"], posterior["coef_draws"]
        n_draws, n_axes = posterior["intercept_draws"].shape
        rows = draws.reshape(n_draws * n_axes, len(drawn))
        is_lone = Y.shape[1] == 1
        always = along.adjustment.coefficients((Y if is_lone else 0.0) - along.X[:, drawn] @ rows.T).T
        intercept = -(rows @ along.X_means[drawn]) - always @ along.adjustment.covariate_means
        columns = np.concatenate([self.searched[drawn], self.always])
        order = np.argsort(columns)
        posterior["drawn"] = columns[order]
        posterior["coef_draws"] = np.hstack([rows, always])[:, order].reshape(n_draws, n_axes * len(columns))
        posterior["intercept_draws"] = (intercept + (Y_means[0] if is_lone else 0.0)).reshape(n_draws, n_axes)

    def _include_always(self, report: "_core.FitReport", chosen: NDArray[np.int64]) -> "Adjusted | None":
        """Take the columns that are always in into the support, with their covariance."""
        if self._along is None or not len(self.always):
            return None
        along, k, q = self._along, len(chosen), len(self.always)
        of_noise = along.adjustment.covariance()
        inner = report["support_cov"].reshape(k, k)
        moved = along.adjustment.coefficients(along.X[:, chosen])
        covariance = np.zeros((q + k, q + k))
        covariance[q:, q:] = inner
        covariance[:q, q:] = -moved @ inner
        covariance[q:, :q] = covariance[:q, q:].T
        covariance[:q, :q] = moved @ inner @ moved.T + report["noise_var"] * of_noise
        support = np.concatenate([self.always, report["support"]])
        order = np.argsort(support)
        report["support"] = support[order]
        report["support_mean"] = np.concatenate([along.adjustment.covariate_means, report["support_mean"]])[order]
        report["support_cov"] = covariance[np.ix_(order, order)].ravel()
        report["coef_var"][self.always] = np.diag(covariance)[:q]
        return Adjusted(self.always, along.adjustment.covariate_means, of_noise)


@dataclass(frozen=True)
class Adjusted:
    """Columns that are always in, and what estimating them adds to the variance of predictions; not public."""

    columns: NDArray[np.int64]
    means: Array
    covariance: Array
    """Of their coefficients, given all others, over the variance of the noise."""

    def share(self, X: Any) -> Array:
        """Variance of their share of each prediction, over that of the noise."""
        away = take(X, self.columns) - self.means
        return np.asarray(np.einsum("ij,jk,ik->i", away, self.covariance, away))
