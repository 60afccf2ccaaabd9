"""The version in pickles of estimators."""

import inspect
import warnings
from typing import Any

from .._core import __version__
from ..exceptions import VersionWarning

_STAMP = "_sparsevae_version"


class Versioned:
    """Stamps pickles with the version; before scikit-learn's classes among the bases."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, and the version that it is of."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]  # scikit-learn's is never None
        return {**state, _STAMP: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a state; warn if another version wrote it."""
        state = dict(state)
        found = state.pop(_STAMP, None)
        if found != __version__:
            origin = "a version before versions were kept" if found is None else f"version {found}"
            message = (
                f"this {type(self).__name__} was pickled by {origin} of sparsevae and is loaded by {__version__}: fit "
                "it again if results differ"
            )
            warnings.warn(message, VersionWarning, stacklevel=2)
        # Parameters that have been added since.
        parameters = inspect.signature(type(self)).parameters
        added = {name: parameters[name].default for name in parameters.keys() - state.keys()}
        vars(self).update(state | added)
