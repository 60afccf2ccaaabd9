"""Many problems side by side, in the units of the solver: the one place where tensors are centred and scaled.

A design is shared, of shape (d, n), or one of each problem, of shape (p, d, n).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import _core
from ..exceptions import NonFiniteError, ParameterError, ShapeError
from ._tensors import check_tensors, spread


@dataclass
class Problems:
    """Problems in the solver's units: columns and responses of norm 1, but for zeros; not more rows than columns."""

    X: Tensor
    y: Tensor
    column_norms: Tensor
    response_norms: Tensor

    @property
    def unit(self) -> Tensor:
        """Coefficients in the caller's units over those in the solver's; 0 for columns of zeros."""
        inverse = torch.where(self.column_norms > 0, self.column_norms, torch.inf).reciprocal()
        return self.response_norms[:, None] * inverse


@dataclass
class Designs:
    """Designs in the solver's units: columns of norm 1, but for zeros; with more rows than columns, rotated to square.

    `rotation` is what has turned the rows, or None.
    """

    X: Tensor
    column_norms: Tensor
    rotation: Tensor | None

    @classmethod
    def of(cls, X: Tensor) -> "Designs":
        """Standardise designs."""
        X = X.double()
        norms = _norms(X, -2)
        X = X / torch.where(norms > 0, norms, 1.0)[..., None, :]
        if X.shape[-2] <= X.shape[-1]:
            return cls(X, norms, None)
        rotation, square = torch.linalg.qr(X)
        return cls(square, norms, rotation)

    def respond(self, y: Tensor) -> Problems:
        """Standardise responses: norm 1, less what the rotation leaves out."""
        y = y.double()
        norms = _norms(y, -1)
        y = y / torch.where(norms > 0, norms, 1.0)[:, None]
        y = y if self.rotation is None else (y[:, None, :] @ self.rotation)[:, 0]
        return Problems(self.X, y, self.column_norms, norms)


def flatten(X: object, y: object, noise_var: object, name: str) -> tuple[Tensor, Tensor, Tensor, tuple[int, ...]]:
    """Check designs, responses (called `name`) and noise variances; return them with one leading dimension at most.

    A design of two dimensions stays shared. The last of what is returned is the shape of the leading dimensions.

    Raises
    ------
    DataTypeError, DerivativeError, ShapeError, NonFiniteError, ParameterError
        With the name of the argument.
    """
    names = ["X", name, "noise_var"]
    design, response, noise = check_tensors(dict(zip(names, (X, y, noise_var), strict=True)))
    if design.ndim < 2 or 0 in design.shape[-2:]:
        wanted = "(..., n_samples, n_features) with at least one of each"
        raise ShapeError(f"`X` has shape {tuple(design.shape)}, but {wanted} is needed")
    d, n = design.shape[-2:]
    full, response, noise = spread(names, [design, response, noise], [(d, n), (d,), ()])
    for argument, value in zip(names, (design, response, noise), strict=True):
        if not bool(torch.isfinite(value).all()):
            raise NonFiniteError(f"`{argument}` has a NaN or an infinite value; only finite values can be fitted")
    if bool((noise <= 0).any()):
        raise ParameterError("`noise_var` must be greater than 0 for every problem")
    leading = tuple(noise.shape)
    design = design if design.ndim == 2 else full.reshape(-1, d, n)
    return design, response.reshape(-1, d), noise.reshape(-1), leading


def centred(values: Tensor) -> Tensor:
    """Take the means of columns away, and with them the direction that they leave empty: one row less.

    Columns that are constant to rounding become zeros.
    """
    size = len(values)
    root = size**0.5
    largest = values.abs().amax(0)
    values = values - values.mean(0)
    # The reflection that takes the constant direction to the first axis.
    rest = values[1:] - (values.sum(0) / root + values[0]) / (root + 1.0)
    constant = torch.linalg.vector_norm(rest, dim=0) <= _core.tolerances()["constant"] * root * largest
    return torch.where(constant, 0.0, rest)


def _norms(values: Tensor, dim: int) -> Tensor:
    """Norms without overflow."""
    largest = values.abs().amax(dim, keepdim=True)
    scaled = values / torch.where(largest > 0, largest, 1.0)
    norms: Tensor = (largest * scaled.square().sum(dim, keepdim=True).sqrt()).squeeze(dim)
    return norms
