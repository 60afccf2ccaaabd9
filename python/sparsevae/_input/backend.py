"""What a device can do for a fit whose data lie there."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Descent(NamedTuple):
    """How the energy of a linear VAE is minimised over the prior variances."""

    optimizer: str
    """Update of the prior variances: "em" or "mm"."""
    noise_var: float | None
    """None: it is annealed."""
    max_iter: int
    """Steps at most."""
    tol: float
    """Share of the largest prior variance by which none may move any more."""
    precision: float
    """Unit roundoff of the data."""
    fit_intercept: bool
    """Whether to centre the data."""


class Backend(Protocol):
    """A device that runs descents; a fit without one leaves them to the core."""

    def descend(self, X: Array, Y: Array, descent: Descent) -> tuple[Array, list[int]] | None:
        """Descend on the energy of each response.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Design.
        Y : ndarray of shape (n_samples, n_responses)
            Responses.
        descent : Descent
            How.

        Returns
        -------
        prior_var : ndarray of shape (n_responses, n_features)
            Prior variances, in the caller's units; squares of the coefficients where these were proved to be the
            sparsest.
        steps : list of int
            Steps of each response.
            None in place of both where only the core can do it.
        """


def find_backend(device: Any) -> Backend | None:
    """Return the backend of the device that data lie on; None for the core.

    Parameters
    ----------
    device : torch.device or None
        None for the memory of the host.
    """
    if getattr(device, "type", None) != "cuda":
        return None
    # What needs PyTorch takes seconds to load, and only those who have tensors have it.
    from ..torch._backend import TorchBackend

    return TorchBackend(device)
