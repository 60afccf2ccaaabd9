"""A fit whose coefficients carry gradients to design, response and noise variance.

Letters: w is `prior_var`, gamma is `noise_var`, v is the slope of the loss in the coefficients (docs/notation).
"""

from typing import Any

import torch
from torch import Tensor

from .._input.parameters import as_float, check_count
from .._input.threads import thread_count
from ..exceptions import DerivativeError
from ._minimum import Curvature, Support, minimum
from ._operators import is_transformed
from ._problems import flatten

__all__ = ["recover"]


def recover(
    X: Tensor,
    y: Tensor,
    noise_var: float | Tensor,
    *,
    max_iter: int = 8000,
    tol: float = 1e-6,
    n_jobs: int | None = None,
) -> Tensor:
    r"""Compute coefficients at a minimum of the marginal energy, with gradients through the minimum.

    Of :math:`L(w) = y^T \Sigma^{-1} y + \log |\Sigma|` with :math:`\Sigma = X \mathrm{diag}(w) X^T + \gamma I`, the
    prior variances :math:`w \ge 0` are optimised; what is returned is the posterior mean :math:`u = w q`,
    :math:`q = X^T \Sigma^{-1} y`. A loss of it can train what made `X` and `y`: a dictionary, a network.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features) or (..., n_samples, n_features)
        One design for all problems, or one for each.
    y : Tensor of shape (..., n_samples)
        One response for each problem. Leading dimensions of `X`, `y` and `noise_var` broadcast.
    noise_var : float or Tensor of shape (...)
        Noise variance, :math:`\gamma`; greater than 0, in squared units of `y`.
    max_iter : int, default=8000
        Steps of majorisation at most, before Newton's method takes over.
    tol : float, default=1e-6
        Majorisation stops once no prior variance moves by more than this share of the largest.
    n_jobs : int or None, default=None
        Threads that share the responses of one design and one noise variance on the CPU: None for one, -1 for as many
        as there are cores. Results do not depend on it.

    Returns
    -------
    Tensor of shape (..., n_features)
        Coefficients; exact zeros off the support. With first derivatives in `X`, `y` and `noise_var`.

    Raises
    ------
    DataTypeError, ShapeError, NonFiniteError, ParameterError
        As in :func:`solve_batch`.
    DerivativeError
        If an argument carries a derivative forwards (`torch.func.jvp` and `torch.autograd.forward_ad`), or a second
        derivative is asked for.
    NumericalError
        If the Hessian of the energy on the support is singular, as for equal columns, or the descent has not come so
        near to a minimum that Newton's method ends there.

    See Also
    --------
    solve_batch : Without gradients; noise-free data too.

    Notes
    -----
    Majorisation ("mm") from the start of `VaeSlr` finds the minimum: by the Rust core on the CPU, by
    :func:`solve_batch` elsewhere. Columns whose return would lower the energy, :math:`q_j^2 > s_j (1 - w_j s_j)`, are
    the support :math:`A`; Newton's method then solves :math:`g_A = 0` there to rounding. Columns leave and come back
    until none would lower the energy. Here

    .. math:: g_j = \partial_{w_j} L = s_j - q_j^2, \qquad
        H_{jk} = \partial_{w_k} g_j = M_{jk} (2 q_j q_k - M_{jk}), \qquad M = X^T \Sigma^{-1} X,

    and :math:`s_j = M_{jj}`. The other prior variances are 0 and stay so. For a loss with slope :math:`v` in `u`,

    .. math:: H_{AA} \lambda = q_A \circ (v - M (v \circ w))_A, \qquad r = v \circ w + 2 \lambda \circ q,

    and with :math:`a = \Sigma^{-1} y`, :math:`P = \Sigma^{-1} X`, :math:`b = P r` the derivatives of the loss are those
    of :math:`v^T (w \circ q) - \lambda^T g` at fixed `w` and :math:`\lambda`:

    .. math::

        \partial_y = b, \qquad
        \partial_\gamma = \sum_j \lambda_j \|p_j\|^2 - a^T b, \qquad
        \partial_X = a r^T - 2 P \Lambda - (b q^T + a (M r)^T - 2 P \Lambda M)\, \mathrm{diag}(w),

    0 in the columns off the support. A fit has steps: where the data lead to another support, or to another minimum,
    the coefficients jump, and the gradient knows nothing of it. There is none where a column is about to enter.

    Forwards, ``O(n_samples**2 * n_features)`` a step of the descent; backwards, for `k` columns in the support, one
    factorisation of ``n_samples x n_samples`` and one of ``k x k``. Newton's method and all derivatives are in float64,
    and memory for them is ``O(n_samples * (n_samples + n_features))`` for each problem.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eqs. 14 and 24, for energy and coefficients. Bengio (2000),
    "Gradient-based optimization of hyperparameters", Neural Computation, sec. 2, for gradients through a minimum.

    Examples
    --------
    >>> import torch
    >>> from sparsevae.torch import recover
    >>> y = torch.tensor([3.0, 0.1], dtype=torch.float64, requires_grad=True)
    >>> coef = recover(torch.eye(2, dtype=torch.float64), y, 1.0)
    >>> [round(value, 6) for value in coef.tolist()]  # y - noise_var / y, or 0
    [2.666667, 0.0]
    >>> coef[0].backward()
    >>> [round(value, 6) for value in y.grad.tolist()]  # 1 + noise_var / y**2
    [1.111111, 0.0]
    """
    max_iter = check_count("max_iter", max_iter)
    tol = as_float("tol", tol, "a number of at least 0")
    if is_transformed([value for value in (X, y, noise_var) if isinstance(value, Tensor)]):
        raise DerivativeError(
            "recover knows no transform of torch.func: give it a batch in place of vmap, and take gradients by "
            "torch.autograd"
        )
    design, response, noise, leading = flatten(X, y, noise_var, "y")
    n_threads = thread_count(n_jobs, len(noise))
    coef: Tensor = _Recover.apply(design, response, noise, max_iter, tol, n_threads)
    return coef.reshape(*leading, design.shape[-1])


class _Recover(torch.autograd.Function):
    """Forwards a fit, backwards a linear system."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, y: Tensor, gamma: Tensor, max_iter: int, tol: float, n_threads: int) -> Tensor:
        """Fit."""
        exact = [value.detach().double() for value in (X, y, gamma)]
        w, u = minimum(exact[0], exact[1], exact[2], max_iter, tol, n_threads)
        ctx.save_for_backward(X, y, gamma, w)
        return u.to(X.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the slopes; where gradients are recorded, let them refuse to be differentiated."""
        recorded = torch.is_grad_enabled()
        X, y, gamma, w = ctx.saved_tensors
        with torch.no_grad():
            slopes = _slopes(X, y, gamma, w, grad)
        if recorded:
            slopes = tuple(_Final.apply(slope, grad, X, y, gamma) for slope in slopes)
        return (*slopes, None, None, None)


class _Final(torch.autograd.Function):
    """A value that depends on others by a derivative that nobody computes.

    ``once_differentiable`` does not suffice: it sees what the slopes depend on through `grad` alone, and the rest of
    the second derivative would be 0 without a word.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, *others: Tensor) -> Tensor:  # noqa: ARG004
        """Pass it on."""
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG004
        """Refuse."""
        raise DerivativeError("recover has first derivatives only, but a second one was asked for")


def _slopes(X: Tensor, y: Tensor, gamma: Tensor, w: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Solve with the Hessian of the energy on the support: the slopes in `X`, `y` and `gamma`."""
    if not len(y):
        return torch.zeros_like(X), torch.zeros_like(y), torch.zeros_like(gamma)
    n, design = X.shape[-1], X.double()
    support = Support.of(design, w > 0)
    own, v = (value.gather(-1, support.order) * support.inside for value in (w, grad.double()))
    here = Curvature.of(support, y.double(), own, gamma.double())
    a, P, M, q = here.a, here.P, here.M, here.q

    def times(values: Tensor) -> Tensor:
        return (M @ values[..., None])[..., 0]

    slopes = here.solve(torch.where(support.inside, q * (v - times(v * own)), 0.0))
    r = v * own + 2.0 * slopes * q
    b = (P @ r[..., None])[..., 0]
    in_noise = (slopes * P.square().sum(-2)).sum(-1) - (a * b).sum(-1)
    weighted = P * slopes[:, None, :]
    through = b[..., None] * q[:, None, :] + a[..., None] * times(r)[:, None, :] - 2.0 * weighted @ M
    in_design = a[..., None] * r[:, None, :] - 2.0 * weighted - through * own[:, None, :]
    if X.ndim == 2:
        flat = (in_design * support.inside[:, None, :]).transpose(0, 1).reshape(len(X), -1)
        in_design = torch.zeros_like(design).index_add_(1, support.order.reshape(-1), flat)
    else:
        in_design = support.spread(in_design, n)
    return in_design.to(X.dtype), b.to(y.dtype), in_noise.to(gamma.dtype)
