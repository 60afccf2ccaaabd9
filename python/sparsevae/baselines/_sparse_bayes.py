"""What the two EM algorithms of sparse Bayesian learning share: all but the E-step."""

import numbers
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._input.parameters import check_count, check_not_negative, check_number, check_type
from ..exceptions import ParameterError
from ._regressor import Array, Problem, SparseRegressor

# Shares of the mean square of the response: where a learned noise variance starts, and where it ends.
FIRST_NOISE, LEAST_NOISE = 0.1, 1e-10

_NOISES = '"learn" or a finite number greater than 0'


class Posterior(NamedTuple):
    """Mean and variances of the coefficients; `share` is the variance as a share of that of the prior, from 0 to 1."""

    mean: Array
    var: Array
    share: Array


class SparseBayes(SparseRegressor):
    """Base of the EM algorithms; not public."""

    @abstractmethod
    def _begin(self, X: Array, y: Array, arguments: dict[str, Any]) -> Callable[[Array, float], Posterior]:
        """Prepare the E-step: a function of prior variances and noise variance."""

    def _counts(self, e_step: Any) -> dict[str, int]:  # noqa: ARG002 - there are none by default
        """Return fitted attributes that tell of the work of the E-steps."""
        return {}

    def _arguments(self) -> dict[str, Any]:
        noise_var = self.noise_var
        check_type("noise_var", noise_var, (str, numbers.Real), _NOISES)
        if not isinstance(noise_var, str):
            noise_var = check_number("noise_var", noise_var, _NOISES, above=0.0)
        elif noise_var != "learn":
            raise ParameterError(f"`noise_var` is {noise_var!r}, but it must be {_NOISES}")
        return {
            "noise_var": noise_var,
            "max_iter": check_count("max_iter", self.max_iter),
            "tol": check_not_negative("tol", self.tol),
            "prune": check_not_negative("prune", self.prune, below=1),
        }

    def _solve(self, problem: Problem, arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        # Columns of norm 1 and a response of mean square 1: then nothing depends on the units of the data.
        norms = np.linalg.norm(problem.X, axis=0)
        norms[norms == 0] = 1.0
        size = float(np.sqrt(np.mean(problem.y**2))) or 1.0
        X, y, (d, n) = problem.X / norms, problem.y / size, problem.X.shape
        learn = arguments["noise_var"] == "learn"
        noise_unit = (np.float64(size) * problem.y_unit) ** 2
        noise = FIRST_NOISE if learn else float(arguments["noise_var"] / noise_unit)
        if not 0 < noise < np.inf:
            raise ParameterError(
                f"`noise_var` is {arguments['noise_var']!r}, but it must be within the range of float64 as a share of "
                f"the mean square of `y`, {noise_unit:.1e}"
            )
        e_step = self._begin(X, y, arguments)
        # A prior that explains all of the response; nothing explains a constant one.
        w = np.full(n, d / n if y.any() else 0.0)
        n_iter, step = 0, np.inf
        while True:
            posterior = e_step(w, noise)
            if n_iter == arguments["max_iter"] or step <= arguments["tol"]:
                break
            last, last_noise, w = w, noise, posterior.mean**2 + posterior.var
            if learn:
                left = y - X @ posterior.mean
                # The shares that the data determine, one minus those of the prior, count the degrees of freedom.
                noise = max(float(left @ left + noise * (1 - posterior.share).sum()) / d, LEAST_NOISE)
            n_iter += 1
            step = max(float(np.abs(w - last).max() / (w.max() or 1.0)), abs(noise - last_noise) / noise)
        converged = step <= arguments["tol"]
        coef = np.where(np.abs(posterior.mean) > arguments["prune"] * np.abs(posterior.mean).max(), posterior.mean, 0.0)
        unit = (size / norms * problem.coef_unit) ** 2
        if not unit.all():
            raise problem.out_of_range()
        warning = (
            f"the steps ended at `max_iter`, which is {n_iter}; the last moved a prior variance by {step:.1e} of the "
            "largest, or the noise variance by that share"
        )
        return {
            "coef_": coef * size / norms,
            "prior_var_": w * unit,
            "posterior_var_": posterior.var * unit,
            "noise_var_": np.float64(noise * noise_unit),
            "status_": "converged" if converged else "iteration_limit",
            "n_iter_": n_iter,
            **self._counts(e_step),
        }, None if converged else warning
