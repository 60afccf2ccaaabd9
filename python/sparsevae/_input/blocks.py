"""Samples that come in blocks, of which only a summary is kept."""

from abc import ABC, abstractmethod
from typing import Any

from sklearn.exceptions import NotFittedError

from .._core import Summary
from ..exceptions import ParameterError

_KEPT = ("n_features_in_", "feature_names_in_")


class Blockwise(ABC):
    """What estimators with `partial_fit` share; before scikit-learn's classes among the bases; not public."""

    n_samples_seen_: int
    _summary: Summary

    def _is_first_block(self) -> bool:
        return "_summary" not in vars(self)

    def _check_block(self, X: Any) -> None:
        """Refuse to go on without a block where there was none."""
        if X is None and self._is_first_block():
            raise ParameterError("`X` is None, but no block of samples has come before")

    def _take_block(self, X: Any, Y: Any, weights: Any = None) -> None:
        """Take in a block that was read, and with the first one forget an earlier fit."""
        is_first = self._is_first_block()
        summary = Summary(X.shape[1], Y.shape[1]) if is_first else self._summary
        summary.add(X, Y, weights)
        if is_first:
            self._forget_fit()
        self._summary, self.n_samples_seen_ = summary, summary.shape[0]

    def _forget_fit(self) -> None:
        """Remove fitted attributes."""
        for name in [name for name in vars(self) if name[-1] == "_" != name[0] and name not in _KEPT]:
            del self.__dict__[name]

    def _forget_blocks(self) -> None:
        """Begin anew."""
        for name in ("_summary", "n_samples_seen_", "_precision"):
            self.__dict__.pop(name, None)

    @abstractmethod
    def _wanted_samples(self) -> int:
        """Return how many samples a fit takes."""

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether there was a fit, and users what blocks lack for one."""
        is_fitted = "status_" in vars(self)
        if not is_fitted and not self._is_first_block():
            raise NotFittedError(
                f"this {type(self).__name__} has seen {self.n_samples_seen_} samples in blocks, and is fitted by a "
                f"`partial_fit` with `refit` once there are {self._wanted_samples()}"
            )
        return is_fitted
