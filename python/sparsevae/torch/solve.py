"""Thousands of problems side by side in PyTorch, on the CPU or a CUDA device."""

from typing import NamedTuple

import torch
from torch import Tensor

from .. import _core
from .._input.parameters import check_count, check_not_negative, check_optional_count
from ..exceptions import DerivativeError, NumericalError, ParameterError, ShapeError
from ._batch import descend
from ._certificate import RowSpace, anneal
from ._problems import Designs, flatten

__all__ = ["BatchSolution", "solve_batch"]

# Entries of the work arrays of a chunk: the caches of a CPU are small, a CUDA device wants many problems at once.
_ENTRIES_CPU, _ENTRIES_CUDA = 1 << 21, 1 << 28


class BatchSolution(NamedTuple):
    """What :func:`solve_batch` found; leading dimensions count problems.

    Attributes
    ----------
    coef : Tensor of shape (..., n_features)
        Posterior means of the coefficients; the sparsest solutions, with exact zeros, where noise was annealed and
        `converged` is True.
    prior_var : Tensor of shape (..., n_features)
        Prior variances; the squares of `coef` for the sparsest solutions.
    noise_var : Tensor of shape (...)
        Noise variances: those given, or those at the last step of an annealed descent. For the sparsest solutions a
        floor that stands for 0, 1e-12 of the mean square of the response.
    n_iter : Tensor of shape (...), int64
        Steps done.
    converged : Tensor of shape (...), bool
        Whether the prior variances settled to `tol`; where noise was annealed, whether the solution was proved to be
        the sparsest.
    """

    coef: Tensor
    prior_var: Tensor
    noise_var: Tensor
    n_iter: Tensor
    converged: Tensor


def _check_options(optimizer: object, max_iter: object, tol: object, batch_size: object) -> float:
    if optimizer not in ("em", "mm"):
        raise ParameterError(f'`optimizer` is {optimizer!r}, but it must be "em" or "mm"')
    check_count("max_iter", max_iter)
    check_optional_count("batch_size", batch_size)
    return check_not_negative("tol", tol)


def _chunk(X: Tensor) -> int:
    d, n = X.shape[-2:]
    entries = _ENTRIES_CPU if X.device.type == "cpu" else _ENTRIES_CUDA
    return max(1, entries // (3 * d * n + 2 * d * d))


def solve_batch(
    X: Tensor,
    Y: Tensor,
    *,
    noise_var: str | float | Tensor = "anneal",
    optimizer: str = "em",
    max_iter: int = 8000,
    tol: float = 1e-6,
    batch_size: int | None = None,
) -> BatchSolution:
    r"""Descend on the marginal energy of many problems at once, in PyTorch alone.

    The descents of ``VaeSlr(optimizer="em")`` and "mm" without an intercept, for CPU and CUDA tensors: the same
    scaling, start, schedule, steps, stopping rule and certificate. Problems that are done leave the batch.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features) or (..., n_samples, n_features)
        One design for all problems, or one for each.
    Y : Tensor of shape (..., n_samples)
        One response for each problem. Leading dimensions of `X`, `Y` and `noise_var` broadcast.
    noise_var : "anneal", float or Tensor of shape (...), default="anneal"
        Variance of the noise, in squared units of `Y`. "anneal": there is none.
    optimizer : {"em", "mm"}, default="em"
        Update of the prior variances: "em" is slow and best at staying out of bad minima while the noise is annealed,
        "mm" is fast and prunes early.
    max_iter : int, default=8000
        Steps at most; an annealed descent has no more than 250.
    tol : float, default=1e-6
        At a given noise variance, a descent stops once no prior variance moves by more than this share of the largest.
    batch_size : int or None, default=None
        Problems side by side; None: so many that the work arrays have some 16 MiB on the CPU, 2 GiB on a CUDA device.
        Results do not depend on it but for rounding.

    Returns
    -------
    BatchSolution
        With tensors of the dtype of `X`, on its device.

    Raises
    ------
    DataTypeError
        If an argument is no real, dense tensor of float32 or float64 with values, or dtypes or devices differ.
    ShapeError
        If shapes do not fit, or noise is annealed for a design with no fewer samples than features: least squares has
        the only solution.
    NonFiniteError, ParameterError
        If a value is NaN, infinite or out of its range.
    NumericalError
        If a covariance is not positive definite in float64 at a given noise variance, a design whose noise is annealed
        has linearly dependent rows, or a result is beyond the range of its dtype.
    DerivativeError
        If `X`, `Y` or `noise_var` requires a gradient while gradients are recorded: :func:`recover` has them.

    See Also
    --------
    sparsevae.VaeSlr : One problem, with restarts, a support rule and unknown noise.
    sparsevae.fit_many : Many responses on one design by the Rust core: faster on a CPU.

    Notes
    -----
    With columns and response of norm 1, and :math:`u = w q` the posterior mean, the steps are

    .. math:: w \leftarrow u^2 + w - w^2 s \quad \text{("em")}, \qquad w \leftarrow w |q| / \sqrt s \quad
        \text{("mm")},

    with :math:`q = X^T \Sigma^{-1} y` and :math:`s_j = x_j^T \Sigma^{-1} x_j`. At a given noise variance they start
    where each column explains an equal part of the response; `coef` is the posterior mean where they settle, before any
    choice of a support and any refit, which `VaeSlr` adds to the same prior variances.

    While noise is annealed, it falls from 0.1 to 1e-11 in 250 steps, relative to columns of unit mean square and a
    response of unit coefficients (lower for ill-conditioned designs), from equal prior variances on. Every 15 steps the
    certificate of `VaeSlr` is tried, and ends the problem if it holds. This is the first round of the search of
    `VaeSlr`: it does the restarts as well, so give it the problems that are not `converged`.

    A step costs ``O(n_samples**2 * (n_samples + n_features))`` a problem, in float64 whatever the dtype; a certificate
    some factorisations of ``n_samples x n_samples``.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eqs. 14 and 24. Wipf (2023), "Marginalization is not Marginal",
    eq. 18.

    Examples
    --------
    >>> import torch
    >>> from sparsevae.torch import solve_batch
    >>> generator = torch.Generator().manual_seed(0)
    >>> X = torch.randn(20, 40, dtype=torch.float64, generator=generator)
    >>> Z = torch.zeros(100, 40, dtype=torch.float64)
    >>> Z[:, [3, 14, 15]] = torch.randn(100, 3, dtype=torch.float64, generator=generator)
    >>> found = solve_batch(X, Z @ X.T)
    >>> bool(found.converged.all()), bool(torch.allclose(found.coef, Z))
    (True, True)
    """
    tol = _check_options(optimizer, max_iter, tol, batch_size)
    annealed = isinstance(noise_var, str)
    if annealed and noise_var != "anneal":
        raise ParameterError(f'`noise_var` is {noise_var!r}, but it must be "anneal" or greater than 0')
    design, response, noise, leading = flatten(X, Y, 1.0 if annealed else noise_var, "Y")
    if torch.is_grad_enabled() and any(isinstance(a, Tensor) and a.requires_grad for a in (X, Y, noise_var)):
        raise DerivativeError(
            "solve_batch has no derivatives, but an argument requires a gradient: use recover, or detach the argument"
        )
    d, n = design.shape[-2:]
    if annealed and d >= n:
        raise ShapeError(
            f'`X` has {d} samples and {n} features, but noise_var="anneal" needs fewer samples than features: use '
            "torch.linalg.lstsq"
        )
    precision = torch.finfo(design.dtype).eps / 2
    gamma = None if annealed else noise
    found = solve(design, response, gamma, str(optimizer), int(max_iter), tol, batch_size, precision)
    coef, w, noise = (value.to(design.dtype) for value in found[:3])
    if not all(bool(torch.isfinite(value).all()) for value in (coef, w)):
        raise NumericalError("a result is beyond the range of its dtype: rescale `X` and `Y`")
    across = (*leading, n)
    return BatchSolution(
        coef.reshape(across),
        w.reshape(across),
        noise.reshape(leading),
        found.n_iter.reshape(leading),
        found.converged.reshape(leading),
    )


def solve(
    design: Tensor,
    response: Tensor,
    noise_var: Tensor | None,
    optimizer: str,
    max_iter: int,
    tol: float,
    batch_size: int | None,
    precision: float,
) -> BatchSolution:
    """Solve checked problems with one leading dimension; results are in float64.

    `noise_var` is None where noise is annealed, `precision` the unit roundoff of the data.

    Raises
    ------
    NumericalError
        As in `solve_batch`.
    """
    n = design.shape[-1]
    count = batch_size or _chunk(design)
    shared = _prepare(design, noise_var) if design.ndim == 2 else None
    parts = []
    for first in range(0, len(response), count):
        chunk = slice(first, first + count)
        designs, space = shared or _prepare(design[chunk], noise_var)
        problems = designs.respond(response[chunk])
        size = problems.response_norms
        if noise_var is not None:
            noise = noise_var[chunk].double()
            relative = noise / torch.where(size > 0, size, 1.0).square()
            found = descend(problems, relative, optimizer, max_iter, tol, first)
        elif space is not None:
            found, noise = anneal(problems, space, optimizer, max_iter, precision)
            noise = (
                torch.where(found.converged, _core.tolerances()["noise_free_floor"] / design.shape[-2], noise)
                * size.square()
            )
        parts.append((found.u * problems.unit, found.w * problems.unit.square(), noise, found.n_iter, found.converged))
    if not parts:
        empty = design.new_zeros(0, n, dtype=torch.float64)
        parts.append((empty, empty, empty[:, 0], empty[:, 0].long(), empty[:, 0].bool()))
    return BatchSolution(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _prepare(X: Tensor, noise_var: Tensor | None) -> tuple[Designs, RowSpace | None]:
    """Designs in the solver's units, and their row spaces where noise is annealed."""
    designs = Designs.of(X)
    return designs, RowSpace.of(designs.X) if noise_var is None else None
