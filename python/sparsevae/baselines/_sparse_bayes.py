"""What the two EM algorithms of sparse Bayesian learning share: all but the E-step."""

import numbers
from abc import abstractmethod
from typing import Any

import numpy as np

from .._input.parameters import MOST, check_count, check_not_negative, check_number, check_type
from ..exceptions import NumericalError, ParameterError
from ._regressor import Problem, SparseRegressor

_NOISES = '"learn" or a finite number greater than 0'


class SparseBayes(SparseRegressor):
    """Base of the EM algorithms; not public."""

    @abstractmethod
    def _maximise(self, problem: Problem, options: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call the core with the options that all share; `arguments` has the others as well."""

    def _counts(self, found: dict[str, Any]) -> dict[str, int]:  # noqa: ARG002 - there are none by default
        """Return fitted attributes that say how much work the E-steps took."""
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
            "max_iter": min(check_count("max_iter", self.max_iter), MOST),
            "tol": check_not_negative("tol", self.tol),
            "prune": check_not_negative("prune", self.prune, below=1),
        }

    def _solve(self, problem: Problem, arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        size = float(np.sqrt(np.mean(problem.y**2))) or 1.0
        noise_unit = (np.float64(size) * problem.y_unit) ** 2
        options = {name: arguments[name] for name in ("max_iter", "tol", "prune")} | {"noise_var": None}
        if arguments["noise_var"] != "learn":
            noise = options["noise_var"] = float(arguments["noise_var"] / noise_unit)
            if not 0 < noise < np.inf:
                raise ParameterError(
                    f"`noise_var` is {arguments['noise_var']!r}, but it must be within the range of float64 as a share "
                    f"of the mean square of `y`, {noise_unit:.1e}"
                )
        try:
            found = self._maximise(problem, options, arguments)
        except NumericalError as error:
            raise NumericalError(
                f"`noise_var` is too small for float64 to factorise the covariance, which has size "
                f"{min(problem.X.shape)}: {error}"
            ) from error
        unit = np.float64(problem.coef_unit) ** 2
        if not unit:
            raise problem.out_of_range()
        warning = (
            f"the steps ended at `max_iter`, which is {found['n_iter']}; the last moved a prior variance by "
            f"{found['step']:.1e} of the largest, or the noise variance by that share"
        )
        return {
            "coef_": found["coef"],
            "prior_var_": found["prior_var"] * unit,
            "posterior_var_": found["posterior_var"] * unit,
            "noise_var_": found["noise_var"] * noise_unit,
            "status_": found["status"],
            "n_iter_": found["n_iter"],
            **self._counts(found),
        }, None if found["status"] == "converged" else warning
