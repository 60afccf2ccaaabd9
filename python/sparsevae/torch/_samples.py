"""Samples as tensors: read from NumPy, pandas or PyTorch, results given back in the same kind."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .._input.data import latent_array, sample_array
from ..exceptions import NonFiniteError, ParameterError, ShapeError
from ._tensors import check_tensor

# Three quarters of a normal law are within this many standard deviations.
_QUARTILE, _DEVIATIONS = 0.75, 1.1503
# Entries in units of the training whose squares, and the sums of these, are within the range of float32.
_LARGEST = 1e15


class Samples(NamedTuple):
    """Samples, and how results about them are given back."""

    values: Tensor
    """float64 or float32, on the device that they came on, part of the graph if they were."""
    dtype: np.dtype[Any] | None
    """Of the NumPy array that they came as; None for a tensor."""

    def give_back(self, result: Tensor) -> Any:
        """Return a result in the library, dtype and device of the samples.

        Parameters
        ----------
        result : Tensor
            On any device.

        Returns
        -------
        ndarray or Tensor
            Of the dtype of the samples.
        """
        if self.dtype is None:
            return result.to(device=self.values.device, dtype=self.values.dtype)
        return result.detach().cpu().numpy().astype(self.dtype, copy=False)


def read_samples(
    estimator: Any, X: Any, *, reset: bool = True, missing: bool = False, likelihood: str = "gaussian"
) -> Samples:
    """Check samples.

    Sets the number of columns of `estimator`, and their names, or compares with them unless `reset`. NaN is let through
    where entries may be `missing`. With the `likelihood` "bernoulli" all others have to be from 0 to 1.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError, ParameterError
        With the name of the argument.
    """
    samples = _read(estimator, X, reset=reset, missing=missing)
    if likelihood == "bernoulli":
        outside = (samples.values < 0) | (samples.values > 1)
        if outside.any():
            index = outside.nonzero()[0].tolist()
            raise ParameterError(
                f'`X` is {samples.values[tuple(index)].item():.6g} at index {index}, but likelihood="bernoulli" needs '
                "entries from 0 to 1"
            )
    return samples


def _read(estimator: Any, X: Any, *, reset: bool, missing: bool) -> Samples:
    if not isinstance(X, Tensor):
        values, dtype = sample_array(estimator, X, reset=reset, missing=missing)
        return Samples(torch.from_numpy(np.require(values, requirements=["C", "W"])), dtype)
    _check_matrix(X, None if reset else estimator.n_features_in_, missing=missing)
    if reset:
        estimator.n_features_in_ = X.shape[1]
        vars(estimator).pop("feature_names_in_", None)
    return Samples(X, None)


def read_latent(X: Any, n_components: int) -> Samples:
    """Check latent variables.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    if isinstance(X, Tensor):
        _check_matrix(X, n_components)
        return Samples(X, None)
    values, dtype = latent_array(X, n_components)
    return Samples(torch.from_numpy(np.require(values, requirements=["C", "W"])), dtype)


def _check_matrix(X: Tensor, n_columns: int | None, *, missing: bool = False) -> None:
    """Refuse tensors that are no matrices of real numbers.

    Raises
    ------
    DataTypeError, NonFiniteError, ShapeError
        With the name of the argument.
    """
    check_tensor("X", X)
    if X.ndim != 2 or 0 in X.shape:
        raise ShapeError(f"`X` has shape {tuple(X.shape)}, but two dimensions, neither of them empty, are needed")
    if n_columns is not None and X.shape[1] != n_columns:
        raise ShapeError(f"`X` has shape {tuple(X.shape)}, but {n_columns} columns are needed")
    bad = torch.isinf(X) if missing else ~torch.isfinite(X)
    if bad.any():
        index = bad.nonzero()[0].tolist()
        raise NonFiniteError(f"`X` has a NaN or an infinite value at index {index}; only finite values can be fitted")


def find_device(device: Any, values: Tensor) -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    device : str, torch.device or None
        None for that of the values.
    values : Tensor
        The samples.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ParameterError
        If there is no such device.
    """
    if device is None:
        return values.device
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (AssertionError, RuntimeError, TypeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise ParameterError(f"`device` is {device!r}, but it must be None or a device of PyTorch: {reason}") from error
    if found.type == "meta":
        raise ParameterError("`device` is 'meta', but a device that holds values is needed")
    return found


def units(values: Tensor, *, center: bool, scale: float | None, likelihood: str) -> tuple[Tensor, float]:
    """Find the median of each feature, or 0 unless `center`, and the size of a typical entry beyond it, unless given.

    Probabilities, of the `likelihood` "bernoulli", stay as they are: 0 and 1.

    Raises
    ------
    ParameterError
        If all entries are missing, or too large beside the `scale` that is given.
    """
    offset = values.nanmedian(dim=0).values.nan_to_num() if center else torch.zeros_like(values[0])
    sizes = (values - offset).abs().flatten()
    sizes = sizes[~sizes.isnan()]
    if not len(sizes):
        raise ParameterError("all entries of `X` are missing")
    if likelihood == "bernoulli":
        return offset, 1.0
    # In units of the largest, so that squares do not overflow.
    largest = sizes.max().item() or 1.0
    if scale is not None:
        if largest / float(scale) > _LARGEST:
            least = f"at least {largest / _LARGEST:.2g}"
            raise ParameterError(f"`scale` is {scale!r}, but beside entries of {largest:.2g} it must be {least}")
        return offset, float(scale)
    quartile = sizes.kthvalue(max(1, round(_QUARTILE * len(sizes)))).values.item() / _DEVIATIONS
    return offset, quartile or largest * sizes.div(largest).square().mean().sqrt().item() or 1.0


def standardised(values: Tensor, offset: Tensor, scale: float, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Bring samples to the units of the training.

    Parameters
    ----------
    values : Tensor of shape (n_samples, n_features)
        Samples; NaN where an entry is missing.
    offset : Tensor of shape (n_features,)
        What is taken off.
    scale : float
        What they are divided by.
    device : torch.device
        Where they go.

    Returns
    -------
    data : Tensor of shape (n_samples, n_features), float32
        Samples, 0 where an entry is missing.
    observed : Tensor of shape (n_samples, n_features), bool, or None
        Which entries are not missing; None if none is.
    """
    data = ((values - offset) / scale).to(device, torch.float32)
    observed = ~data.isnan()
    return (data, None) if observed.all() else (data.nan_to_num(), observed)
