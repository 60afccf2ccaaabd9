"""Thousands of problems side by side in PyTorch, on the CPU or a CUDA device."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .. import _core
from .._input.parameters import check_count, check_not_negative, check_optional_count
from .._input.random import RandomState, draw_seed
from ..exceptions import DerivativeError, NumericalError, ParameterError, ShapeError
from ._batch import Found, descend
from ._certificate import RowSpace, anneal
from ._problems import Designs, Problems, flatten
from ._propagation import propagate

__all__ = ["BatchSolution", "solve_batch"]

_AT = _core.tolerances()
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
        Steps done, of all rounds together.
    converged : Tensor of shape (...), bool
        Whether the prior variances settled to `tol`; where noise was annealed, whether the solution was proved to be
        the sparsest.
    """

    coef: Tensor
    prior_var: Tensor
    noise_var: Tensor
    n_iter: Tensor
    converged: Tensor


def _check_options(optimizer: object, n_restarts: object, max_iter: object, tol: object, batch_size: object) -> float:
    if optimizer not in ("auto", "em", "mm"):
        raise ParameterError(f'`optimizer` is {optimizer!r}, but it must be "auto", "em" or "mm"')
    check_count("n_restarts", n_restarts, least=0)
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
    optimizer: str = "auto",
    n_restarts: int = 500,
    max_iter: int = 8000,
    tol: float = 1e-6,
    batch_size: int | None = None,
    random_state: RandomState = 0,
) -> BatchSolution:
    r"""Solve many problems at once, in PyTorch alone.

    The search of `VaeSlr` for noise-free data, and the descents of ``VaeSlr(optimizer="em")`` and "mm", without an
    intercept, for CPU and CUDA tensors: the same scaling, start, schedule, steps, restarts, stopping rule and
    certificate. Problems that are done leave the batch.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features) or (..., n_samples, n_features)
        One design for all problems, or one for each.
    Y : Tensor of shape (..., n_samples)
        One response for each problem. Leading dimensions of `X`, `Y` and `noise_var` broadcast.
    noise_var : "anneal", float or Tensor of shape (...), default="anneal"
        Variance of the noise, in squared units of `Y`. "anneal": there is none.
    optimizer : {"auto", "em", "mm"}, default="auto"
        Where there is no noise, "auto" is expectation propagation with restarts, which finds more than either descent;
        at a given noise variance it is "em". The others are updates of the prior variances: "em" is slow and best at
        staying out of bad minima while the noise is annealed, "mm" is fast and prunes early.
    n_restarts : int, default=500
        Rounds of expectation propagation after the first one, of 60 steps at most. Few problems need any; those without
        a sparse solution use up all of them, or `max_iter`.
    max_iter : int, default=8000
        Steps at most; an annealed descent has no more than 250, which expectation propagation leaves it.
    tol : float, default=1e-6
        At a given noise variance, a descent stops once no prior variance moves by more than this share of the largest.
    batch_size : int or None, default=None
        Problems side by side; None: so many that the work arrays have some 16 MiB on the CPU, 2 GiB on a CUDA device.
        Results do not depend on it but for rounding.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the restarts. The problems share their random numbers.

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
    sparsevae.VaeSlr : One problem, with a support rule and unknown noise.
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
    certificate of `VaeSlr` is tried, and ends the problem if it holds.

    Expectation propagation computes the same :math:`q` and :math:`s` without noise, and takes means and variances of
    the columns from a prior of a spike and several slabs, whose odds and variances it learns. Each round has other
    slabs, another damping and other random tilts of the odds. It is the search of `VaeSlr`, step by step, except for
    the path over supports that `VaeSlr` takes after the first round. What it leaves open ends as the descent of "em".

    On the noise-free problems of the first paper (2, 10, 20, ..., 60 nonzeros, seeds 0 to 19 of each; the sum of the
    seven rates of recovered supports) it found 6.80 on Gaussian designs of 100 x 200, 6.90 on random walks and 6.05 on
    riboflavin, 71 x 100. "em" found 6.05, 5.90 and 5.05, and ``VaeSlr(noise_var="anneal")`` 6.80, 6.95 and 6.05. No
    certificate was false. On one core the 420 problems took 93 s of CPU, 5 s of them without a restart; 10 s by "em",
    24 s by a loop of `VaeSlr`; with ``n_restarts=30`` it was 17 s for 6.65, 6.85 and 6.00
    (``benches/peers/torch_recovery.py``).

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
    tol = _check_options(optimizer, n_restarts, max_iter, tol, batch_size)
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
    seed = draw_seed(random_state)
    found = solve(
        design, response, gamma, str(optimizer), int(max_iter), tol, batch_size, precision, int(n_restarts), seed
    )
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
    n_restarts: int = 0,
    seed: int = 0,
) -> BatchSolution:
    """Solve checked problems with one leading dimension; results are in float64.

    `noise_var` is None where noise is annealed, `precision` the unit roundoff of the data. `n_restarts` and `seed` are
    for expectation propagation.

    Raises
    ------
    NumericalError
        As in `solve_batch`.
    """
    batch = _Batch.of(design, response, batch_size or _chunk(design))
    rule = "em" if optimizer == "auto" else optimizer
    if noise_var is not None:
        given = noise_var.double()

        def minimise(problems: Problems, chosen: Tensor) -> tuple[Found, Tensor]:
            norms = problems.response_norms
            relative = given[chosen] / torch.where(norms > 0, norms, 1.0).square()
            return descend(problems, relative, rule, max_iter, tol, int(chosen[0])), relative

        batch.search(torch.ones_like(batch.found.converged), minimise)
        return batch.found._replace(noise_var=given)
    shared = RowSpace.of(batch.shared.X) if batch.shared else None
    spare = min(_AT["anneal_steps"], max_iter)
    # Most end in the first round; what is left is gathered, so that batches stay full.
    for first, last in ((0, 1), (1, n_restarts + 1)) if optimizer == "auto" else ():

        def go_round(problems: Problems, chosen: Tensor, first: int = first, last: int = last) -> tuple[Found, Tensor]:
            allowed, space = max_iter - spare - batch.found.n_iter[chosen], shared or RowSpace.of(problems.X, chosen)
            return propagate(problems, space, first, last, allowed, seed, precision)

        batch.search(response.any(-1) & ~batch.found.converged, go_round)

    def fade(problems: Problems, chosen: Tensor) -> tuple[Found, Tensor]:
        return anneal(problems, shared or RowSpace.of(problems.X, chosen), rule, spare, precision)

    batch.search(~batch.found.converged, fade)
    return batch.found


@dataclass
class _Batch:
    """Problems, and what was found of each."""

    design: Tensor
    response: Tensor
    size: int
    """How many to solve side by side."""
    shared: Designs | None
    """The design of all, in the solver's units."""
    found: BatchSolution

    @classmethod
    def of(cls, design: Tensor, response: Tensor, size: int) -> "_Batch":
        zeros = response.new_zeros(len(response), design.shape[-1], dtype=torch.float64)
        steps = torch.zeros(len(response), dtype=torch.int64, device=response.device)
        found = BatchSolution(zeros, zeros.clone(), zeros.new_zeros(len(zeros)), steps, steps.bool())
        return cls(design, response, size, Designs.of(design) if design.ndim == 2 else None, found)

    def search(self, which: Tensor, method: Callable[[Problems, Tensor], tuple[Found, Tensor]]) -> None:
        """Bring problems into the solver's units, a part at a time, and what `method` finds of them back.

        The method returns the noise variances as well.
        """
        places = which.nonzero()[:, 0]
        for begin in range(0, len(places), self.size):
            chosen = places[begin : begin + self.size]
            problems = (self.shared or Designs.of(self.design[chosen])).respond(self.response[chosen])
            own, noise = method(problems, chosen)
            noise = torch.where(own.converged, _AT["noise_free_floor"] / self.design.shape[-2], noise)
            self.found.coef[chosen] = own.u * problems.unit
            self.found.prior_var[chosen] = own.w * problems.unit.square()
            self.found.noise_var[chosen] = noise * problems.response_norms.square()
            self.found.n_iter[chosen] += own.n_iter
            self.found.converged[chosen] = own.converged
