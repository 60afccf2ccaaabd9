"""What the estimators share: validation, the call into the core, fitted attributes, prediction."""

import numbers
import sys
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._input.backend import Backend, Descent
from .._input.columns import multiply, take
from .._input.data import fit_arrays, predict_array, result_dtype
from .._input.interchange import Interchange, exchange
from .._input.packing import PerColumn, as_row
from .._input.parameters import MOST, as_float, check_count, check_flag, check_type, check_verbose
from .._input.random import draw_seed
from .._input.threads import fit_threads
from .._input.weights import Weighting
from ._prepared import Adjusted, Prepared

_ADVICE = {
    "untrained": (
        "the bound was not negative at any of `n_steps` steps, so the learning rate never dropped: train longer, or "
        'use optimizer="auto"'
    ),
    "iteration_limit": (
        "the search ended at `max_iter` or `n_restarts` without a certified solution: the data may be noisy, "
        "or have too many nonzero coefficients for so few samples; `coef_` holds the best support found"
    ),
    "sampling_limit": (
        "the posterior over supports ended at `max_iter` sweeps, before they were as many as are wanted: averages are "
        "rough, so allow more"
    ),
    "unsettled": (
        "the descent ended at `max_iter` before the prior variances settled to `tol`: allow more steps, or a larger "
        "`tol`"
    ),
    "noise_collapsed": (
        "the learned noise variance fell to its floor, as it does for one response with as many columns as samples: "
        'use noise_var="auto" or give a number'
    ),
    "empty": "no column was chosen: `coef_` is zero, and noise explains the response as well as any column does",
}


_NUMBERS = {
    "tol": "a number of at least 0",
    "learning_rate": "a number greater than 0",
    "learning_rate_drop": "a number greater than 0 and at most 1",
}
_TRAINED = ("posterior_mean_", "decoder_scale_", "encoder_weights_", "encoder_factor_")
_COUNTS = {"n_restarts": 0, "max_iter": 1, "n_steps": 1}


class CoreEstimator(Interchange, RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of the estimators that the core fits; not public."""

    _power_parameter: str | None = None

    prior_var_ = PerColumn()
    coef_var_ = PerColumn()

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that designs may be sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _arguments(self) -> dict[str, Any]:
        """Check the types of the parameters; ranges are the core's to check."""
        for name in ("optimizer", "support_rule"):
            check_type(name, getattr(self, name), str, "a string")
        counts = {name: min(check_count(name, getattr(self, name), least), MOST) for name, least in _COUNTS.items()}
        reals = {name: as_float(name, getattr(self, name), wanted) for name, wanted in _NUMBERS.items()}
        check_flag("fit_intercept", self.fit_intercept)
        check_verbose(self.verbose)
        noise_var, noises = self.noise_var, '"auto", "anneal", "learn" or a number greater than 0'
        check_type("noise_var", noise_var, (str, numbers.Real), noises)
        power = None
        if self._power_parameter is not None:
            power = as_float(self._power_parameter, getattr(self, self._power_parameter), "a number between 0 and 2")
        return {
            "optimizer": self.optimizer,
            "noise_var": noise_var if isinstance(noise_var, str) else as_float("noise_var", noise_var, noises),
            "power": power,
            **counts,
            **reals,
            "covariance": "full",
            "groups": [],
            "sample_weight": None,
            "start": None,
            "support_rule": self.support_rule,
            "model_averaging": False,
            "n_nonzero": None,
            "max_nonzero": None,
            "prior_odds": [],
            "n_choices": None,
            "positive": [],
            "fit_intercept": bool(self.fit_intercept),
            "seed": draw_seed(self.random_state),
        }

    def _call(self, fit: Any, X: Any, y: Any, arguments: dict[str, Any]) -> "_core.FitReport":
        """Call the core, with progress if asked for."""
        progress = _Progress(X) if self.verbose else None
        n_threads = fit_threads(self.n_jobs, is_large=_core.is_large(*X.shape))
        report: _core.FitReport = fit(X, y, arguments, n_threads, progress)
        if progress is not None:
            progress.end(report)
        return report

    def _varies(self, Y: NDArray[np.float64]) -> bool:
        """Tell whether there is something to explain in responses."""
        return bool((np.ptp(Y, axis=0) if self.fit_intercept else Y).any())

    def _is_empty(self, *, varies: bool) -> bool:
        """Tell whether no column was chosen for responses that vary."""
        return not len(self.support_) and varies

    def _warn(self, *, varies: bool) -> None:
        """Say what went wrong, and what may help."""
        reason = self.status_
        if reason == "iteration_limit" and self.noise_var not in ("auto", "anneal"):
            reason = "unsettled"
        if self.status_ == "iteration_limit" and self.optimizer == "adam":
            reason = "untrained"
        for name in (reason, "empty" if self._is_empty(varies=varies) else ""):
            if name in _ADVICE:
                warnings.warn(f"{type(self).__name__}: {_ADVICE[name]}", ConvergenceWarning, stacklevel=4)

    def _absorb_search(self, report: "_core.FitReport") -> None:
        """Set the fitted attributes that say how the fit went; remove those that only training sets."""
        for name in _TRAINED:
            self.__dict__.pop(name, None)
        if (trained := report["trained"]) is not None:
            self.decoder_scale_ = trained["decoder_scale"]
            self.encoder_weights_ = trained["encoder_weights"]
            self.encoder_factor_ = trained["encoder_factor"]
        self.support_ = report["support"]
        self.prior_var_ = report["prior_var"]
        self.noise_var_ = report["noise_var"]
        self.energy_ = report["energy"]
        self.energy_path_ = report["energy_path"]
        self.n_iter_ = report["n_iter"]
        self.n_rounds_ = report["n_rounds"]
        self.n_passes_ = report["n_passes"]
        self.status_ = report["status"]
        self.certified_ = report["certified"]
        size = len(self.support_)
        self.support_cov_ = report["support_cov"].reshape(size, size)
        self.coef_var_ = report["coef_var"]


class LinearVae(CoreEstimator):
    """Base of the estimators with one response; not public."""

    coef_ = PerColumn()

    @property
    def sparse_coef_(self) -> csr_array:
        """`coef_` as a sparse row."""
        check_is_fitted(self)
        return as_row(self, "coef_")

    @exchange
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, backend: Backend | None = None) -> Self:
        """Find the sparsest coefficients that explain `y`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Design: NumPy (memory maps too), pandas or PyTorch, of float64, float32 or integers in any memory order; a
            sparse matrix of SciPy (others than CSC are converted to that, once); :class:`ColumnBlocks`, or what that
            reads. Columns may have any scale. Constant columns get coefficient 0. Of equal columns at most one is
            chosen.
        y : array-like of shape (n_samples,)
            Response.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights: the noise of a sample has variance ``noise_var / weight``; samples of weight 0 are left out. They
            are precisions, not counts: a weight of 2 is not the same as a sample given twice.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `X` is not two-dimensional, `y` or `sample_weight` not one-dimensional, or their lengths differ.
        NonFiniteError
            If there is a NaN or an infinite value.
        DataTypeError
            If the data are complex or no numbers, or `y` is sparse.
        ParameterError
            If a parameter is out of its range, or weights are negative or all 0.
        NumericalError
            If float64 does not suffice to factorise the covariance.

        Warns
        -----
        ConvergenceWarning
            If no column was chosen for a response that is not constant, the search, the descent or the sweeps over
            supports ended at `max_iter`, or a learned noise variance fell to its floor.

        Notes
        -----
        A step costs ``O(n_samples**2 * n_features)``. Noisy data, and designs with more samples than features, are read
        where they lie; data without noise and a posterior over supports take one or two dense copies of `X` in
        float64, or of the square matrix of ``n_features`` columns that stands for it where samples are more. Columns
        that cannot be read by rows (of sparse matrices and :class:`ColumnBlocks`) are copied where samples are more
        than features and columns nearly dependent. Ctrl-C stops a fit within 0.2 s, or after a decomposition of that
        square matrix.
        """
        arguments = self._arguments()
        X, y, precision = fit_arrays(self, X, y, any_kind=backend is None)
        arguments["precision"] = precision
        prepared = self._prepare(X, y.reshape(-1, 1), arguments, sample_weight)
        arguments = self._descend_on(backend, prepared.X, prepared.Y, arguments, prepared.weighting)
        report = self._call(_core.fit, prepared.X, prepared.Y.ravel(), arguments)
        self._forget_blocks()
        self._absorb(report, X.shape[0], precision, prepared)
        self._warn(varies=self._varies(y))
        return self

    def _forget_blocks(self) -> None:
        """Begin anew, where blocks of samples were taken in."""

    def _prepare(self, X: Any, Y: NDArray[np.float64], arguments: dict[str, Any], sample_weight: Any) -> Prepared:
        """Read weights, and what is known of the columns, into `arguments`."""
        return Prepared(X, Y, arguments, sample_weight=sample_weight)

    def _descend_on(
        self,
        backend: Backend | None,
        X: NDArray[np.float64],
        Y: NDArray[np.float64],
        arguments: dict[str, Any],
        weighting: Weighting | None,
    ) -> dict[str, Any]:
        """Leave the descents that a device can do to it, so that the core starts at their end."""
        optimizer, noise_var = arguments["optimizer"], arguments["noise_var"]
        given = None if isinstance(noise_var, str) else noise_var
        if optimizer == "auto" and given is not None:
            # What the posterior over supports chooses is no minimum of the energy.
            optimizer = "auto" if arguments["support_rule"] == "projection" else "mm"
        elif optimizer == "auto" and Y.shape[1] > 1:
            # What EM proves to be the sparsest solution is what the core would find.
            optimizer = "em"
        preconditioned = arguments["power"] is not None and given is not None
        if backend is None or optimizer not in ("em", "mm") or noise_var == "learn" or preconditioned:
            return arguments
        _core.check(arguments)
        options = {name: arguments[name] for name in ("max_iter", "tol", "precision", "fit_intercept")}
        if weighting is not None:
            X, Y = weighting.apply(X), weighting.apply(Y)
            options["fit_intercept"] = False
        start = backend.descend(X, Y, Descent(optimizer, given, **options))
        return arguments if start is None else arguments | {"start": start}

    def _absorb(
        self, report: "_core.FitReport", n_samples: float, precision: float, prepared: Prepared, response: int = 0
    ) -> None:
        """Turn a report on one of the responses that were prepared into fitted attributes."""
        self._adjusted: Adjusted | None = prepared.restore(report, response)
        self._absorb_search(report)
        intercept = float(report["intercept"][0])
        dtype = result_dtype(precision, max(np.abs(report["coef"]).max(), abs(intercept)))
        self.coef_ = report["coef"].astype(dtype)
        self.intercept_ = dtype(intercept)
        self._support_mean = report["support_mean"]
        mean_share = 1 / n_samples if prepared.mean_share is None else prepared.mean_share
        self._mean_share = mean_share if self.fit_intercept else 0.0
        self._response_noise_var = report["response_noise_var"]
        if report["posterior_mean"] is not None:
            self.posterior_mean_ = report["posterior_mean"]
        if self._power_parameter is not None:
            # None where all columns are constant: there is no design to condition.
            self.condition_number_ = report["condition_number"] or (float("nan"), float("nan"))

    def predict(self, X: Any, return_std: bool = False) -> Any:  # noqa: FBT001 - scikit-learn's signature
        """Predict the response.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict for, of any kind that :meth:`fit` takes.
        return_std : bool, default=False
            Whether to return the predictive standard deviation as well: noise and uncertainty of the coefficients on
            the support, given that support, or with `model_averaging` over all supports.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,)
            Predicted response.
        y_std : ndarray of shape (n_samples,)
            Its standard deviation, in units of `y`; only if `return_std`.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`fit`, and if the columns are not those of the fit.
        """
        check_is_fitted(self)
        X = predict_array(self, X, any_kind=True)
        mean = multiply(X, self.coef_) + self.intercept_
        if not return_std:
            return mean
        return mean, np.sqrt(self._predictive_var(X))

    def _predictive_var(self, X: Any) -> NDArray[np.float64]:
        """Variance of new responses: of the noise, and of the coefficients on the support."""
        chosen = take(X, self.support_) - self._support_mean
        spread = np.einsum("ij,jk,ik->i", chosen, self.support_cov_, chosen)
        return np.asarray(self._response_noise_var * (1 + self._mean_share) + spread)


class _Progress:
    """Show on standard error how far a fit is."""

    def __init__(self, X: Any) -> None:
        dtype = getattr(X, "dtype", None)
        self._column_bytes = X.shape[0] * dtype.itemsize if isinstance(X, np.ndarray) and dtype is not None else None
        self._passes, self._columns = 0, 0

    def __call__(self, stage: str, done: int, total: int, round_: int, energy: float, noise_var: float) -> None:
        if stage == "columns":
            self._passes += self._passes == 0 or done < self._columns
            self._columns = done
            size = f" ({done * self._column_bytes / 1e9:.1f} GB)" if self._column_bytes else ""
            text = f"pass {self._passes}  {done:,} of {total:,} columns{size}"
        else:
            level = f"  noise {noise_var:.1e}" if noise_var > 0 else ""
            value = f"  energy {energy:.6g}" if np.isfinite(energy) else ""
            text = f"round {round_}  step {done}{value}{level}"
        _write(text)

    def end(self, report: "_core.FitReport") -> None:
        passes = f", {report['n_passes']} passes" if report["n_passes"] else ""
        size, steps, rounds = len(report["support"]), report["n_iter"], report["n_rounds"]
        _write(f"{report['status']}: {size} columns, {steps} steps, {rounds} rounds{passes}")
        sys.stderr.write("\n")


def _write(text: str) -> None:
    sys.stderr.write(f"\r{text:<70}")
    sys.stderr.flush()
