"""Tensors as users give them: refused with the name of the argument, or brought to common leading dimensions."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..exceptions import DataTypeError, DerivativeError, ShapeError

# PyTorch gives these no types.
_broadcast_shapes: Any = torch.broadcast_shapes
_unpack_dual: Any = forward_ad.unpack_dual
_WANTED = "a real, dense tensor of float32 or float64 on the CPU or a CUDA device"


def check_tensors(arguments: dict[str, object]) -> list[Tensor]:
    """Refuse what is no real floating tensor with values, and dtypes or devices that differ.

    Numbers become tensors like the others, without a gradient.

    Raises
    ------
    DataTypeError, DerivativeError
        With the name of the argument.
    """
    # torch.compile of PyTorch 2.4 traces neither next() with a default nor isinstance() with a union of types.
    shaped = [name for name, value in arguments.items() if isinstance(value, Tensor) and value.ndim]
    first = shaped[0] if shaped else None
    tensors = []
    for name, value in arguments.items():
        like = arguments[first] if first is not None else None
        if isinstance(value, (float, int)) and not isinstance(value, bool) and isinstance(like, Tensor):
            check_tensor(str(first), like)
            tensors.append(torch.tensor(value, dtype=like.dtype, device=like.device))
            continue
        tensor = check_tensor(name, value)
        if isinstance(like, Tensor) and tensor.dtype != like.dtype:
            raise DataTypeError(f"`{name}` has dtype {tensor.dtype}, but `{first}` has {like.dtype}: use one for all")
        if isinstance(like, Tensor) and tensor.device != like.device:
            raise DataTypeError(f"`{name}` is on {tensor.device}, but `{first}` is on {like.device}: use one for all")
        tensors.append(tensor)
    return tensors


def check_tensor(name: str, value: object) -> Tensor:
    """Refuse what is no real, dense, floating tensor with values.

    Raises
    ------
    DataTypeError
        With the name of the argument.
    DerivativeError
        If it carries a derivative forwards, which PyTorch would lose without a word.
    """
    if not isinstance(value, Tensor):
        raise DataTypeError(f"`{name}` is of type {type(value).__name__}, but {_WANTED} is needed")
    if value.layout is not torch.strided:
        raise DataTypeError(f"`{name}` is sparse ({value.layout}), but {_WANTED} is needed: use {name}.to_dense()")
    if value.is_complex():
        raise DataTypeError(f"Complex data not supported: `{name}` has dtype {value.dtype}, but {_WANTED} is needed")
    if value.dtype not in (torch.float32, torch.float64):
        raise DataTypeError(f"`{name}` has dtype {value.dtype}, but {_WANTED} is needed")
    if value.device.type == "meta":
        raise DataTypeError(f"`{name}` is on the meta device and has no values, but {_WANTED} is needed")
    if _unpack_dual(value).tangent is not None:
        raise DerivativeError(
            f"`{name}` carries a derivative forwards, but only reverse mode is offered: use backward()"
        )
    return value


def spread(names: list[str], tensors: list[Tensor], cores: list[tuple[int, ...]]) -> list[Tensor]:
    """Expand the leading dimensions of all tensors to one shape.

    The trailing dimensions of each must be its entry in `cores`.

    Raises
    ------
    ShapeError
        With the name of the argument, or if the leading dimensions do not broadcast.
    """
    leading = []
    for name, tensor, core in zip(names, tensors, cores, strict=True):
        split = tensor.ndim - len(core)
        if split < 0 or tuple(tensor.shape[split:]) != core:
            raise ShapeError(f"`{name}` has shape {tuple(tensor.shape)}, but {_shown(core)} is needed")
        leading.append(tensor.shape[:split])
    if not any(leading):
        return tensors
    try:
        common = _broadcast_shapes(*leading)
    except RuntimeError as error:
        shapes = ", ".join(f"{tuple(shape)} of `{name}`" for name, shape in zip(names, leading, strict=True))
        raise ShapeError(f"the leading dimensions do not broadcast: {shapes}") from error
    return [tensor.expand(common + core) for tensor, core in zip(tensors, cores, strict=True)]


def _shown(core: tuple[int, ...]) -> str:
    shape = ", ".join(map(str, core))
    return f"(..., {shape})" if core else "one number for each problem"


def sizes(X: Tensor, y: Tensor) -> tuple[int, int, tuple[int, ...]]:
    """Return the number of samples and of features, and the shape of a problem's responses.

    `y` holds vectors if it has fewer dimensions than `X`, else matrices.

    Raises
    ------
    ShapeError
        If `X` or `y` has too few dimensions.
    """
    if X.ndim < 2:
        raise ShapeError(f"`X` has shape {tuple(X.shape)}, but (..., n_samples, n_features) is needed")
    if y.ndim < 1:
        raise ShapeError("`y` has shape (), but (..., n_samples) or (..., n_samples, n_responses) is needed")
    d, n = X.shape[-2:]
    return d, n, (d,) if y.ndim < X.ndim else (d, y.shape[-1])
