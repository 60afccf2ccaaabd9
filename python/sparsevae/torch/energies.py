"""The energies of the linear autoencoder as functions that PyTorch differentiates."""

import torch
from torch import Tensor

from .._input.parameters import as_float
from .._input.threads import thread_count
from . import _operators
from ._tensors import check_tensors, sizes, spread

__all__ = ["elbo_energy", "marginal_energy", "preconditioned_energy", "separable_energy"]


def _wanted(tensors: list[Tensor]) -> list[bool]:
    return [torch.is_grad_enabled() and tensor.requires_grad for tensor in tensors]


def _evaluate(
    kind: str, power: float, prior_var: object, noise_var: object, X: object, y: object, n_jobs: int | None
) -> Tensor:
    names = ["prior_var", "noise_var", "X", "y"]
    tensors = check_tensors(dict(zip(names, (prior_var, noise_var, X, y), strict=True)))
    _, n, responses = sizes(tensors[2], tensors[3])
    tensors = spread(names, tensors, [(n,), (), tuple(tensors[2].shape[-2:]), responses])
    if _operators.is_transformed(tensors):
        return _operators.by_formula(tensors, kind, power)
    problems = tensors[1].numel()
    wanted, n_threads = _wanted(tensors), thread_count(n_jobs, problems)
    values: Tensor = _operators.energy(*tensors, kind, power, wanted, n_threads)[0]
    return values


def marginal_energy(
    prior_var: Tensor, noise_var: Tensor | float, X: Tensor, y: Tensor, *, n_jobs: int | None = None
) -> Tensor:
    r"""Evaluate :math:`y^T \Sigma^{-1} y + \log |\Sigma|` with :math:`\Sigma = X \mathrm{diag}(w) X^T + \gamma I`.

    For `L` responses it is :math:`\mathrm{tr}[Y Y^T \Sigma^{-1}] + L \log |\Sigma|`. Leading dimensions count problems,
    and broadcast as in PyTorch.

    Parameters
    ----------
    prior_var : Tensor of shape (..., n_features)
        Prior variances, :math:`w`; not negative.
    noise_var : Tensor of shape (...) or float
        Noise variances, :math:`\gamma`; greater than 0, in squared units of `y`.
    X : Tensor of shape (..., n_samples, n_features)
        Designs.
    y : Tensor of shape (..., n_samples) or (..., n_samples, n_responses)
        Responses: vectors if `y` has fewer dimensions than `X`, else matrices with one column a response. For one `X`
        and many vectors, use ``y[..., None]``.
    n_jobs : int or None, default=None
        Threads that share the problems of a batch: None for one, -1 for as many as there are cores. A single problem
        has one thread. Results do not depend on it.

    Returns
    -------
    Tensor of shape (...)
        The energies, with first and higher derivatives in all of `prior_var`, `noise_var`, `X` and `y`.

    Raises
    ------
    DataTypeError
        If an argument is no real, dense tensor of float32 or float64 with values, or dtypes or devices differ.
    ShapeError, NonFiniteError, ParameterError, NumericalError
        If an argument cannot be used, or float64 does not suffice.
    DerivativeError
        If an argument carries a derivative forwards: `torch.func.jvp` and `torch.autograd.forward_ad`.

    Notes
    -----
    With :math:`A = \Sigma^{-1} Y`, :math:`Q = X^T A` and :math:`s_j = x_j^T \Sigma^{-1} x_j` the derivatives are

    .. math::

        \partial_{w_j} = L s_j - \|q_j\|^2, \quad
        \partial_\gamma = L\, \mathrm{tr}\, \Sigma^{-1} - \|A\|^2, \quad
        \partial_X = 2 (L \Sigma^{-1} X - A Q^T)\, \mathrm{diag}(w), \quad
        \partial_Y = 2 A.

    The Rust core computes them with the energy, for those arguments only that require a gradient, in float64 and
    without a copy of contiguous float64 tensors: ``O(n_samples**2 * (n_samples + n_features))`` for each problem.
    Second derivatives are products with a Hessian in PyTorch, a few times as long. Other devices than the CPU evaluate
    the same formulas in PyTorch, in float64 as well. ``torch.autograd`` differentiates, and ``torch.compile`` takes the
    call into its graph. Under the transforms of ``torch.func`` (``vmap``, ``grad``, ``hessian``, ``functional_call``
    inside them) PyTorch evaluates the formulas itself, and values are not checked.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 24. Wipf (2023), "Marginalization is not Marginal", eq. 18.

    Examples
    --------
    >>> import torch
    >>> from sparsevae.torch import marginal_energy
    >>> w = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    >>> X, y = torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64)
    >>> energy = marginal_energy(w, 1.0, X, y)
    >>> energy.backward()
    >>> round(energy.item(), 6)  # 2**2 / 2 + log(2)
    2.693147
    >>> [round(slope, 6) for slope in w.grad.tolist()]  # 1 / 2 - (2 / 2)**2
    [-0.5, 0.0]
    """
    return _evaluate("marginal", 0.0, prior_var, noise_var, X, y, n_jobs)


def separable_energy(
    prior_var: Tensor, noise_var: Tensor | float, X: Tensor, y: Tensor, *, n_jobs: int | None = None
) -> Tensor:
    r"""Evaluate the energy of a diagonal encoder covariance.

    For `L` responses, `d` samples and `n` features it is

    .. math:: \mathrm{tr}[Y Y^T \Sigma^{-1}] + L \sum_j \log(\gamma + w_j \|x_j\|^2) + L (d - n) \log \gamma,

    no smaller than :func:`marginal_energy`, and equal to it where the columns are orthogonal.

    Parameters
    ----------
    prior_var, noise_var, X, y, n_jobs
        As in :func:`marginal_energy`.

    Returns
    -------
    Tensor of shape (...)
        The energies, with first and higher derivatives in all arguments.

    Raises
    ------
    DataTypeError, ShapeError, NonFiniteError, ParameterError, NumericalError
        As in :func:`marginal_energy`.

    Notes
    -----
    With :math:`t_j = \gamma + w_j \|x_j\|^2` the derivatives are those of :func:`marginal_energy` with
    :math:`\|x_j\|^2 / t_j` for :math:`s_j`, :math:`\sum_j 1 / t_j + (d - n) / \gamma` for the trace, and
    :math:`X\, \mathrm{diag}(1 / t)` for :math:`\Sigma^{-1} X`.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal", eq. 50.
    """
    return _evaluate("separable", 0.0, prior_var, noise_var, X, y, n_jobs)


def preconditioned_energy(
    prior_var: Tensor,
    noise_var: Tensor | float,
    X: Tensor,
    y: Tensor,
    power: float = 1.0,
    *,
    n_jobs: int | None = None,
) -> Tensor:
    r"""Evaluate the marginal energy of `P X` and `P y` with :math:`P = (X X^T + \gamma I)^{-p}`.

    Parameters
    ----------
    prior_var, noise_var, X, y, n_jobs
        As in :func:`marginal_energy`.
    power : float, default=1.0
        :math:`p`; 1 as in the paper.

    Returns
    -------
    Tensor of shape (...)
        The energies, with first derivatives in all of `prior_var`, `noise_var`, `X` and `y`, through `P` as well.

    Raises
    ------
    DataTypeError, ShapeError, NonFiniteError, ParameterError, NumericalError
        As in :func:`marginal_energy`.
    DerivativeError
        If a second derivative is asked for.

    Notes
    -----
    With :math:`X X^T = U\, \mathrm{diag}(u - \gamma)\, U^T`, :math:`P` changes with :math:`X X^T` by divided
    differences of :math:`u^{-p}`; they are written so that equal singular values do no harm. A singular value
    decomposition of `X` takes most of the time.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 17 with its encoder at the optimum. Bhatia (1997), "Matrix
    Analysis", theorem V.3.3, on the derivative of a function of a matrix.
    """
    return _evaluate("preconditioned", as_float("power", power, "a number"), prior_var, noise_var, X, y, n_jobs)


def elbo_energy(
    encoder_weights: Tensor,
    encoder_factor: Tensor,
    decoder_scale: Tensor,
    noise_var: Tensor | float,
    X: Tensor,
    y: Tensor,
    *,
    n_jobs: int | None = None,
) -> Tensor:
    r"""Evaluate twice the negative evidence lower bound, in the mean over the latent.

    For an encoder with mean :math:`W y` and covariance :math:`S S^T`, and the decoder
    :math:`X\, \mathrm{diag}(w_x) z` with noise variance :math:`\gamma`, it is

    .. math::

        \frac{\|Y - D W Y\|^2 + L \|D S\|^2}{\gamma} + \|W Y\|^2
        + L (\|S\|^2 - \log |S S^T| + d \log \gamma - n), \qquad D = X\, \mathrm{diag}(w_x),

    no smaller than :func:`marginal_energy` at :math:`w = w_x^2`, and equal to it at the best encoder. The bound itself
    is minus half of it, less ``n_responses * n_samples * log(2 * pi) / 2``.

    Parameters
    ----------
    encoder_weights : Tensor of shape (..., n_features, n_samples)
        :math:`W`, the paper's :math:`W_z`.
    encoder_factor : Tensor of shape (..., n_features, n_features)
        :math:`S`, of which the lower triangle is read; nonzero on its diagonal.
    decoder_scale : Tensor of shape (..., n_features)
        :math:`w_x`.
    noise_var, X, y, n_jobs
        As in :func:`marginal_energy`.

    Returns
    -------
    Tensor of shape (...)
        The energies, with first and higher derivatives in all arguments.

    Raises
    ------
    DataTypeError, ShapeError, NonFiniteError, ParameterError
        As in :func:`marginal_energy`.

    Notes
    -----
    The paper trains with one draw of the latent a step; the mean over draws has this closed form. Costs
    ``O(n_samples * n_features * (n_features + n_responses))`` for each problem. For the preconditioned bound (eq. 17)
    give ``P @ X`` and ``P @ y``.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 13, less `n`.

    Examples
    --------
    The best encoder of one feature and one sample:

    >>> import torch
    >>> from sparsevae.torch import elbo_energy
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> round(elbo_energy(one / 2, one / 2**0.5, one[0], 1.0, one, 2 * one[0]).item(), 6)  # 2**2 / 2 + log(2)
    2.693147
    """
    names = ["encoder_weights", "encoder_factor", "decoder_scale", "noise_var", "X", "y"]
    given = (encoder_weights, encoder_factor, decoder_scale, noise_var, X, y)
    tensors = check_tensors(dict(zip(names, given, strict=True)))
    d, n, responses = sizes(tensors[4], tensors[5])
    tensors = spread(names, tensors, [(n, d), (n, n), (n,), (), (d, n), responses])
    if _operators.is_transformed(tensors):
        return _operators.by_formula(tensors, "elbo", 0.0)
    problems = tensors[3].numel()
    wanted, n_threads = _wanted(tensors), thread_count(n_jobs, problems)
    values: Tensor = _operators.elbo_energy(*tensors, wanted, n_threads)[0]
    return values
