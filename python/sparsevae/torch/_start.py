"""Fits of data on a device: the descent is done there, and the core goes on from where it ends."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..exceptions import NumericalError
from .solve import solve

Array = NDArray[np.float64]

# Below this share of its size before centring, a column is constant, as in the core.
_CONSTANT = 16.0 * torch.finfo(torch.float64).eps


def descend(
    device: torch.device,
    X: Array,
    Y: Array,
    noise_var: float | None,
    optimizer: str,
    max_iter: int,
    tol: float,
    precision: float,
    fit_intercept: bool,  # noqa: FBT001 - as the others, from the core's arguments
) -> tuple[Array, list[int]] | None:
    """Descend on the energies of many responses on a device.

    Parameters
    ----------
    device : torch.device
        Where float64 can be had.
    X : ndarray of shape (n_samples, n_features)
        Design.
    Y : ndarray of shape (n_samples, n_responses)
        Responses.
    noise_var : float or None
        None: it is annealed.
    optimizer : {"em", "mm"}
        Update of the prior variances.
    max_iter : int
        Steps at most.
    tol : float
        Share of the largest prior variance by which none may move any more.
    precision : float
        Unit roundoff of the data.
    fit_intercept : bool
        Whether to centre.

    Returns
    -------
    prior_var : ndarray of shape (n_responses, n_features)
        Prior variances, in the caller's units; squares of the coefficients where they were proved to be the sparsest.
    steps : list of int
        Steps of each response.
        None in place of both where only the core can do it: without noise, if the design has not fewer samples than
        features or its rows are dependent; if float64 does not suffice here.
    """
    design, response = (torch.tensor(values, device=device) for values in (X, Y))
    if fit_intercept:
        design, response = _centred(design), _centred(response)
    d, n = design.shape
    if d == 0 or (noise_var is None and d >= n):
        return None
    noise = None if noise_var is None else response.new_full((response.shape[1],), noise_var)
    try:
        found = solve(design, response.mT, noise, optimizer, max_iter, tol, None, precision)
    except NumericalError:
        return None
    if not bool(torch.isfinite(found.prior_var).all()):
        return None
    return found.prior_var.cpu().numpy(), found.n_iter.tolist()


def _centred(values: Tensor) -> Tensor:
    """Take the means of columns away, and with them the direction that they leave empty: one row less.

    Columns that are constant to rounding become zeros.
    """
    size = len(values)
    root = size**0.5
    largest = values.abs().amax(0)
    values = values - values.mean(0)
    # The reflection that takes the constant direction to the first axis.
    rest = values[1:] - (values.sum(0) / root + values[0]) / (root + 1.0)
    constant = torch.linalg.vector_norm(rest, dim=0) <= _CONSTANT * root * largest
    return torch.where(constant, 0.0, rest)
