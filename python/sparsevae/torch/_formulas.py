"""The energies and their slopes in PyTorch alone: for other devices than the CPU, and for second derivatives.

Letters: w is `prior_var`, gamma is `noise_var`, W is `encoder_weights`, S is `encoder_factor`, v is `decoder_scale`, A
is `Sigma^-1 Y` (docs/notation). Every argument has the same leading dimensions, responses are columns.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..exceptions import NonFiniteError, ParameterError

Formula = Callable[[Sequence[Tensor]], tuple[Tensor, list[Tensor]]]


def check_values(names: Sequence[str], arguments: Sequence[Tensor]) -> None:
    """Refuse NaN and infinity, negative prior variances, and a noise variance that is not positive.

    Raises
    ------
    NonFiniteError, ParameterError
        With the name of the argument.
    """
    for name, argument in zip(names, arguments, strict=True):
        if not bool(torch.isfinite(argument).all()):
            raise NonFiniteError(f"`{name}` has a NaN or an infinite value; only finite values can be evaluated")
        if name == "prior_var" and bool((argument < 0).any()):
            raise ParameterError("`prior_var` has a negative entry, but it must be not negative, in every entry")
        if name == "noise_var" and bool((argument <= 0).any()):
            raise ParameterError("`noise_var` must be greater than 0 for every problem")


def _squares(matrix: Tensor) -> Tensor:
    return (matrix * matrix).sum((-2, -1))


def _marginal_factor(w: Tensor, gamma: Tensor, X: Tensor) -> Tensor:
    eye = torch.eye(X.shape[-2], dtype=X.dtype, device=X.device)
    factor: Tensor = torch.linalg.cholesky((X * w[..., None, :]) @ X.mT + gamma[..., None, None] * eye)
    return factor


def marginal(arguments: Sequence[Tensor], *, diagonal: bool) -> tuple[Tensor, list[Tensor]]:
    """Energy and slopes of a full or a diagonal encoder covariance."""
    w, gamma, X, Y = arguments
    (d, n), responses = X.shape[-2:], Y.shape[-1]
    factor = _marginal_factor(w, gamma, X)
    whitened = torch.linalg.solve_triangular(factor, Y, upper=False)
    A = torch.linalg.solve_triangular(factor.mT, whitened, upper=True)
    Q = X.mT @ A
    if diagonal:
        squares = (X * X).sum(-2)
        own = gamma[..., None] + w * squares
        log_det = own.log().sum(-1) + (d - n) * gamma.log()
        trace, s = own.reciprocal().sum(-1) + (d - n) / gamma, squares / own
        solved = X / own[..., None, :]
    else:
        log_det = 2.0 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        eye = torch.eye(d, dtype=X.dtype, device=X.device).expand(factor.shape)
        trace = _squares(torch.linalg.solve_triangular(factor, eye, upper=False))
        half = torch.linalg.solve_triangular(factor, X, upper=False)
        s, solved = (half * half).sum(-2), torch.linalg.solve_triangular(factor.mT, half, upper=True)
    value = _squares(whitened) + responses * log_det
    in_design = 2.0 * (responses * solved - A @ Q.mT) * w[..., None, :]
    return value, [responses * s - (Q * Q).sum(-1), responses * trace - _squares(A), in_design, 2.0 * A]


def preconditioned(arguments: Sequence[Tensor], *, power: float) -> tuple[Tensor, list[Tensor]]:
    """Energy and slopes of the preconditioned model: see `PreconditionedEnergy` of the Rust core for the formulas."""
    w, gamma, X, Y = arguments
    (d, n), responses = X.shape[-2:], Y.shape[-1]
    basis, singular, _ = torch.linalg.svd(X, full_matrices=d > n)
    spectrum = torch.nn.functional.pad(singular * singular, (0, d - singular.shape[-1]))
    shifted = spectrum + gamma[..., None]
    gain = shifted.pow(-power)
    design = basis.mT @ X
    inner = [w, gamma, gain[..., None] * design, gain[..., None] * (basis.mT @ Y)]
    value, (in_prior_var, in_noise, slope, in_response) = marginal(inner, diagonal=False)
    eye = torch.eye(d, dtype=X.dtype, device=X.device)
    inverse = torch.cholesky_inverse(_marginal_factor(w, gamma, inner[2]))
    A = 0.5 * in_response
    through = responses * eye - gamma[..., None, None] * (responses * inverse - A @ A.mT)
    u, v = shifted[..., :, None], shifted[..., None, :]
    t = torch.log1p((u - v) / v)
    ratio = torch.where(t == 0, 2.0 * power, torch.sinh(power * t) / torch.sinh(torch.where(t == 0, 1.0, 0.5 * t)))
    through = -through * ratio / (u * v).sqrt()
    in_noise = in_noise + through.diagonal(dim1=-2, dim2=-1).sum(-1)
    in_design = basis @ (gain[..., None] * slope + 2.0 * through @ design)
    return value, [in_prior_var, in_noise, in_design, basis @ (gain[..., None] * in_response)]


def elbo(arguments: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Twice the negative evidence lower bound and its slopes."""
    W, S, v, gamma, X, Y = arguments
    (d, n), responses = X.shape[-2:], Y.shape[-1]
    S = S.tril()
    decoder, wide = X * v[..., None, :], gamma[..., None, None]
    mean = W @ Y
    residual, spread = Y - decoder @ mean, decoder @ S
    misfit = _squares(residual) + responses * _squares(spread)
    diagonal = S.diagonal(dim1=-2, dim2=-1)
    own = _squares(S) - 2.0 * diagonal.abs().log().sum(-1) + d * gamma.log() - n
    value = misfit / gamma + _squares(mean) + responses * own
    in_mean = 2.0 * (mean - decoder.mT @ residual / wide)
    in_factor = 2.0 * responses * ((decoder.mT @ spread / wide + S).tril() - torch.diag_embed(diagonal.reciprocal()))
    in_decoder = 2.0 * (responses * spread @ S.mT - residual @ mean.mT) / wide
    return value, [
        in_mean @ Y.mT,
        in_factor,
        (in_decoder * X).sum(-2),
        (responses * d - misfit / gamma) / gamma,
        in_decoder * v[..., None, :],
        2.0 * residual / wide + W.mT @ in_mean,
    ]


def hessian_product(
    formula: Formula, arguments: Sequence[Tensor], tangents: Sequence[Tensor | None], needed: Sequence[bool]
) -> list[Tensor | None]:
    """Product of the second derivatives with `tangents`, one for each argument that needs it.

    The slopes are written out, so one reverse pass through them suffices. It is itself recorded where gradients are.
    """
    recorded = torch.is_grad_enabled()
    with torch.enable_grad():
        # Aliases: an argument may be a function of another, which is not to count here.
        aliases = [argument.view_as(argument) for argument in arguments]
        aliases = [
            alias if alias.requires_grad or not need else alias.requires_grad_()
            for alias, need in zip(aliases, needed, strict=True)
        ]
        _, slopes = formula(aliases)
        along = [(slope * t).sum() for slope, t in zip(slopes, tangents, strict=True) if t is not None]
        wanted = [alias for alias, need in zip(aliases, needed, strict=True) if need]
        found = iter(
            torch.autograd.grad(torch.stack(along).sum(), wanted, create_graph=recorded, materialize_grads=True)
        )
    return [next(found) if need else None for need in needed]
