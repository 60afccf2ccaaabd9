"""Descents on a device, for fits whose data lie there: the core goes on from where they end."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._input.backend import Descent
from ..exceptions import NumericalError
from ._problems import centred
from .solve import solve

Array = NDArray[np.float64]


class TorchBackend(NamedTuple):
    """A device of PyTorch that has float64; a `Backend`."""

    device: torch.device

    def descend(self, X: Array, Y: Array, descent: Descent) -> tuple[Array, list[int]] | None:
        """Descend on the energy of each response.

        None where only the core can do it: without noise, if the design has not fewer samples than features or its rows
        are dependent; if float64 does not suffice here.
        """
        design, response = (torch.tensor(values, device=self.device) for values in (X, Y))
        if descent.fit_intercept:
            design, response = centred(design), centred(response)
        d, n = design.shape
        noise_var = descent.noise_var
        if d == 0 or (noise_var is None and d >= n):
            return None
        noise = None if noise_var is None else response.new_full((response.shape[1],), noise_var)
        how = (descent.optimizer, descent.max_iter, descent.tol, None, descent.precision)
        try:
            found = solve(design, response.mT, noise, *how)
        except NumericalError:
            return None
        if not bool(torch.isfinite(found.prior_var).all()):
            return None
        return found.prior_var.cpu().numpy(), found.n_iter.tolist()
