"""The operators that PyTorch sees: values and slopes by the Rust core on the CPU, by `_formulas` elsewhere.

They are `torch.library` operators, not plain `autograd.Function`: `torch.compile` then keeps them in one graph, at some
20 microseconds more a call. An operator returns its slopes beside its value, and the derivative of a slope is a product
with second derivatives: differentiating twice needs nothing else.
"""

import contextlib
import typing
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import _core
from ..exceptions import DerivativeError, NumericalError
from . import _formulas

# Its types leave out its exception.
_linalg: Any = torch.linalg
_functorch: Any = torch._C._functorch

Tensors = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
MoreTensors = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
# PyTorch 2.4 does not know the Sequence of collections.abc among the types of an operator.
Flags = typing.Sequence[bool]

# Entries from which it counts where memory comes from.
_LARGE = 1 << 20
_NAMES = ("prior_var", "noise_var", "X", "y")
_ELBO_NAMES = ("encoder_weights", "encoder_factor", "decoder_scale", "noise_var", "X", "y")


def _on_core(device: torch.device) -> bool:
    return device.type == "cpu"


def _formula(kind: str, power: float) -> _formulas.Formula:
    if kind == "preconditioned":
        return partial(_formulas.preconditioned, power=power)
    return _formulas.elbo if kind == "elbo" else partial(_formulas.marginal, diagonal=kind == "separable")


def is_transformed(arguments: Sequence[Tensor]) -> bool:
    """Whether a transform of `torch.func` has wrapped one of them: it takes no operator with a derivative."""
    return not torch.compiler.is_compiling() and any(map(_functorch.is_functorch_wrapped_tensor, arguments))


def by_formula(arguments: Sequence[Tensor], kind: str, power: float) -> Tensor:
    """Evaluate in PyTorch alone, which every transform takes apart; values are not checked, since none may be seen."""
    value: Tensor = _formula(kind, power)(_columns(arguments))[0].to(arguments[-2].dtype)
    return value


def _columns(arguments: Sequence[Tensor]) -> list[Tensor]:
    """Float64 arguments with responses as columns; `y`, the last, stands behind `X`."""
    *others, X, y = arguments
    y = y[..., None] if y.ndim < X.ndim else y
    return [argument.to(torch.float64) for argument in (*others, X, y)]


def _evaluate(
    arguments: Sequence[Tensor], kind: str, power: float, wanted: Sequence[bool], n_threads: int
) -> list[Tensor]:
    X = arguments[-2]
    if not _on_core(X.device):
        _formulas.check_values(_ELBO_NAMES if kind == "elbo" else _NAMES, arguments)
        try:
            value, slopes = _formula(kind, power)(_columns(arguments))
        except _linalg.LinAlgError as error:
            raise NumericalError(f"float64 does not suffice; a larger `noise_var` may help: {error}") from error
        shaped = [slope.reshape(argument.shape) for slope, argument in zip(slopes, arguments, strict=True)]
        none = X.new_empty(0)
        kept = [slope.to(X.dtype) if want else none.clone() for slope, want in zip(shaped, wanted, strict=True)]
        return [value.to(X.dtype), *(slope.contiguous() for slope in kept)]
    arrays = [argument.to(torch.float64).numpy(force=True) for argument in arguments]
    rest = (list(wanted), X.ndim - 2, n_threads)
    if kind == "elbo":
        values, found = _core.elbo_batch(arrays, *rest)
    else:
        values, found = _core.energy_batch(arrays, kind, power, *rest)
    return [X.new_empty(0) if array is None else torch.from_numpy(array).to(X.dtype) for array in (values, *found)]


def _shapes(arguments: Sequence[Tensor], wanted: Sequence[bool]) -> list[Tensor]:
    X = arguments[-2]
    slopes = [X.new_empty(argument.shape if want else 0) for argument, want in zip(arguments, wanted, strict=True)]
    return [X.new_empty(X.shape[:-2]), *slopes]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Sequence[Tensor]) -> None:
    ctx.count = len(output) - 1
    ctx.kind, ctx.power = (inputs[ctx.count : ctx.count + 2]) if ctx.count == len(_NAMES) else ("elbo", 0.0)
    ctx.n_options, ctx.wanted = len(inputs) - ctx.count, inputs[-2]
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs[: ctx.count], *output[1:])


def _backward(ctx: Any, grad: Tensor | None, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
    count, needed = ctx.count, ctx.needs_input_grad[: ctx.count]
    saved = ctx.saved_tensors
    arguments, slopes = saved[:count], saved[count:]
    found: list[Tensor | None] = [None] * count
    # A slope that was not wanted is empty.
    tangents = tuple(tangent if want else None for tangent, want in zip(tangents, ctx.wanted, strict=True))
    if any(tangent is not None for tangent in tangents):
        if ctx.kind == "preconditioned":
            raise DerivativeError("preconditioned_energy has first derivatives only, but a second one was asked for")
        found = _second(_formula(ctx.kind, ctx.power), arguments, tangents, needed)
    if grad is not None:
        for k, (slope, need) in enumerate(zip(slopes, needed, strict=True)):
            if need:
                own, more = _scaled(grad, slope), found[k]
                found[k] = own if more is None else own + more
    return (*found, *[None] * ctx.n_options)


def _scaled(grad: Tensor, slope: Tensor) -> Tensor:
    """Multiply the slopes of each problem by its number."""
    grad = grad.reshape(grad.shape + (1,) * (slope.ndim - grad.ndim)) if grad.ndim else grad
    # Subclasses stand for tensors that are traced.
    if slope.numel() > _LARGE and slope.is_cpu and type(slope) is Tensor and not torch.is_grad_enabled():
        # vmap writes to no buffer.
        with contextlib.suppress(RuntimeError):
            # NumPy's own memory: it asks for huge pages, so that 160 MB are filled in 14 ms instead of 65.
            buffer = np.empty(slope.shape, slope.numpy(force=True).dtype)
            return torch.mul(grad, slope, out=torch.from_numpy(buffer))
    return grad * slope


def _second(
    formula: _formulas.Formula, arguments: Sequence[Tensor], tangents: Sequence[Tensor | None], needed: Sequence[bool]
) -> list[Tensor | None]:
    """In float64, and in the shapes and the dtype of the arguments."""

    def shaped(given: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        value, slopes = formula(_columns(given))
        return value, [slope.reshape(argument.shape) for slope, argument in zip(slopes, given, strict=True)]

    return _formulas.hessian_product(shaped, arguments, tangents, needed)


@torch.library.custom_op("sparsevae::energy", mutates_args=())
def energy(
    prior_var: Tensor,
    noise_var: Tensor,
    X: Tensor,
    y: Tensor,
    kind: str,
    power: float,
    wanted: Flags,
    n_threads: int,
) -> Tensors:
    """Energies of kind "marginal", "separable" or "preconditioned", and their slopes where wanted."""
    found = _evaluate((prior_var, noise_var, X, y), kind, power, wanted, n_threads)
    return found[0], found[1], found[2], found[3], found[4]


@torch.library.custom_op("sparsevae::elbo_energy", mutates_args=())
def elbo_energy(
    encoder_weights: Tensor,
    encoder_factor: Tensor,
    decoder_scale: Tensor,
    noise_var: Tensor,
    X: Tensor,
    y: Tensor,
    wanted: Flags,
    n_threads: int,
) -> MoreTensors:
    """Twice the negative evidence lower bounds, and their slopes where wanted."""
    arguments = (encoder_weights, encoder_factor, decoder_scale, noise_var, X, y)
    found = _evaluate(arguments, "elbo", 0.0, wanted, n_threads)
    return found[0], found[1], found[2], found[3], found[4], found[5], found[6]


@energy.register_fake
def _(prior_var: Tensor, noise_var: Tensor, X: Tensor, y: Tensor, *options: Any) -> tuple[Tensor, ...]:
    return tuple(_shapes((prior_var, noise_var, X, y), options[2]))


@elbo_energy.register_fake
def _(*inputs: Any) -> tuple[Tensor, ...]:
    return tuple(_shapes(inputs[:6], inputs[6]))


energy.register_autograd(_backward, setup_context=_save)
elbo_energy.register_autograd(_backward, setup_context=_save)
