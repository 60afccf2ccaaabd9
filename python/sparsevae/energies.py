"""The energies that the estimators minimise, with their exact gradients."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._input.arrays import real_array, response_columns
from ._input.interchange import exchange
from ._input.parameters import as_float, check_type

__all__ = ["affine_energy", "background_energy", "marginal_energy", "preconditioned_energy", "separable_energy"]


Array = NDArray[np.float64]


def _arrays(X: Any, y: Any, prior_var: Any, *, one_response: bool = False) -> tuple[Array, Array, Array]:
    """Return design, responses (in the columns of a matrix) and prior variances."""
    return (
        real_array("X", X, 2, "(n_samples, n_features)"),
        real_array("y", y, 1, "(n_samples,)")[:, None] if one_response else response_columns("y", y),
        real_array("prior_var", prior_var, 1, "(n_features,)"),
    )


def _number(name: str, value: Any) -> float:
    return as_float(name, value, "a number")


@exchange
def marginal_energy(
    X: ArrayLike, y: ArrayLike, prior_var: ArrayLike, noise_var: float
) -> tuple[float, NDArray[np.float64], float]:
    r"""Evaluate :math:`y^T \Sigma^{-1} y + \log |\Sigma|` with :math:`\Sigma = X \mathrm{diag}(w) X^T + \gamma I`.

    For `L` responses it is :math:`\mathrm{tr}[Y Y^T \Sigma^{-1}] + L \log |\Sigma|`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Design.
    y : array-like of shape (n_samples,) or (n_samples, n_responses)
        Response, or several.
    prior_var : array-like of shape (n_features,)
        Prior variances, :math:`w`; not negative.
    noise_var : float
        Noise variance, :math:`\gamma`; greater than 0, in squared units of `y`.

    Returns
    -------
    value : float
        The energy.
    grad_prior_var : ndarray of shape (n_features,)
        Its derivative in each prior variance.
    grad_noise_var : float
        Its derivative in the noise variance.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError, NumericalError
        If an argument cannot be used, or float64 does not suffice.

    Notes
    -----
    Costs ``O(n_samples**2 * (n_samples + n_features))``, and ``O(n_samples * n_features)`` for each response.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 24. Wipf (2023), "Marginalization is not Marginal", eq. 18.

    Examples
    --------
    >>> value, _, _ = marginal_energy([[1.0, 0.0]], [2.0], [1.0, 1.0], 1.0)
    >>> round(value, 6)  # 2**2 / 2 + log(2)
    2.693147
    """
    return _core.energy(*_arrays(X, y, prior_var), _number("noise_var", noise_var), "marginal", np.nan)[:3]


@exchange
def separable_energy(
    X: ArrayLike, y: ArrayLike, prior_var: ArrayLike, noise_var: float
) -> tuple[float, NDArray[np.float64], float]:
    r"""Evaluate the energy of a diagonal encoder covariance.

    For `L` responses, `d` samples and `n` features it is

    .. math:: \mathrm{tr}[Y Y^T \Sigma^{-1}] + L \sum_j \log(\gamma + w_j \|x_j\|^2) + L (d - n) \log \gamma,

    no smaller than :func:`marginal_energy`, and equal to it where the columns are orthogonal. The paper leaves out the
    last term, which no prior variance changes.

    Parameters
    ----------
    X, y, prior_var, noise_var
        As in :func:`marginal_energy`.

    Returns
    -------
    value, grad_prior_var, grad_noise_var
        As in :func:`marginal_energy`.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError, NumericalError
        As in :func:`marginal_energy`.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal", eq. 50.

    Examples
    --------
    >>> value, _, _ = separable_energy([[1.0, 0.0]], [2.0], [1.0, 1.0], 1.0)
    >>> round(value, 6)  # orthogonal columns
    2.693147
    """
    return _core.energy(*_arrays(X, y, prior_var), _number("noise_var", noise_var), "separable", np.nan)[:3]


@exchange
def preconditioned_energy(
    X: ArrayLike, y: ArrayLike, prior_var: ArrayLike, noise_var: float, power: float = 1.0
) -> tuple[float, NDArray[np.float64], float]:
    r"""Evaluate the marginal energy of `P X` and `P y` with :math:`P = (X X^T + \gamma I)^{-p}`.

    Parameters
    ----------
    X, y, prior_var
        As in :func:`marginal_energy`.
    noise_var : float
        :math:`\gamma`, in `P` and in the decoder; greater than 0.
    power : float, default=1.0
        :math:`p`; 1 as in the paper.

    Returns
    -------
    value, grad_prior_var, grad_noise_var
        As in :func:`marginal_energy`; the last runs through `P` as well.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError, NumericalError
        As in :func:`marginal_energy`.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 17 with its encoder at the optimum.
    """
    gamma, p = _number("noise_var", noise_var), _number("power", power)
    return _core.energy(*_arrays(X, y, prior_var, one_response=True), gamma, "preconditioned", p)[:3]


@exchange
def background_energy(
    X: ArrayLike, y: ArrayLike, prior_var: ArrayLike, noise_var: float, background_var: float
) -> tuple[float, NDArray[np.float64], float, float]:
    r"""Evaluate the marginal energy with a dense background of small coefficients.

    Every coefficient has a variance :math:`\tau` beside its own:
    :math:`\Sigma = X (\mathrm{diag}(w) + \tau I) X^T + \gamma I`.

    Parameters
    ----------
    X, y, prior_var, noise_var
        As in :func:`marginal_energy`.
    background_var : float
        Variance of the background, :math:`\tau`, in squared units of `y` over units of the columns; not negative.

    Returns
    -------
    value, grad_prior_var, grad_noise_var
        As in :func:`marginal_energy`.
    grad_background_var : float
        Derivative in `background_var`: the sum of `grad_prior_var`.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError, NumericalError
        As in :func:`marginal_energy`.

    Notes
    -----
    As `background_var` falls from large values to 0 and the noise is 0, EM on this energy takes the path of EM on the
    design whitened by :math:`(X X^T)^{-1/2}` whose noise is annealed. Costs what :func:`marginal_energy` does.

    Examples
    --------
    >>> value, _, _, slope = background_energy([[1.0, 0.0]], [2.0], [0.5, 0.5], 1.0, 0.5)
    >>> round(value, 6), round(slope, 6)  # as marginal_energy at prior variances of 1
    (2.693147, -0.5)
    """
    gamma, tau = _number("noise_var", noise_var), _number("background_var", background_var)
    value, grad_prior_var, grad_noise_var, slope = _core.energy(*_arrays(X, y, prior_var), gamma, "background", tau)
    return value, grad_prior_var, grad_noise_var, float("nan") if slope is None else slope


@exchange
def affine_energy(
    X: ArrayLike,
    components: ArrayLike,
    noise_var: float,
    *,
    mean: ArrayLike | None = None,
    covariance: str = "full",
) -> tuple[float, NDArray[np.float64], float]:
    r"""Evaluate the energy of an affine decoder, :math:`x_i \approx W z_i + b`.

    With a full covariance of the encoder, for `n` samples, `d` features and :math:`\kappa` components, it is

    .. math:: \sum_i (x_i - b)^T C^{-1} (x_i - b) + n \log |C|, \qquad C = W W^T + \gamma I,

    which no rotation of the components changes. With a diagonal one :math:`\log |C|` becomes
    :math:`\sum_j \log(\gamma + \|w_j\|^2) + (d - \kappa) \log \gamma`, no smaller, and equal where the components are
    orthogonal.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples.
    components : array-like of shape (n_components, n_features)
        Columns of :math:`W`, as rows, in units of `X`.
    noise_var : float
        Noise variance, :math:`\gamma` (the paper's :math:`\lambda`); greater than 0, in squared units of `X`.
    mean : array-like of shape (n_features,) or None, default=None
        The offset :math:`b`; None for the mean of the samples, which is optimal.
    covariance : {"full", "diagonal"}, default="full"
        Covariance of the encoder.

    Returns
    -------
    value : float
        The energy.
    grad_components : ndarray of shape (n_components, n_features)
        Its derivative in each entry of the components.
    grad_noise_var : float
        Its derivative in the noise variance.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError, NumericalError
        If an argument cannot be used, or float64 does not suffice.

    Notes
    -----
    Costs ``O(n_features**2 * (n_samples + n_features + n_components))``. The evidence lower bound of a sample is minus
    half its share, less ``n_features * log(2 * pi) / 2``.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eqs. 5 and 7.

    Examples
    --------
    >>> value, _, _ = affine_energy([[1.0], [-1.0]], [[1.0]], 1.0)
    >>> round(value, 6)  # 2 * (1 / 2 + log(2))
    2.386294
    """
    samples = real_array("X", X, 2, "(n_samples, n_features)")
    check_type("covariance", covariance, str, '"full" or "diagonal"')
    if mean is None:
        offset = samples.mean(axis=0) if samples.size else np.zeros(samples.shape[1])
    else:
        offset = real_array("mean", mean, 1, "(n_features,)")
    return _core.affine(
        samples,
        real_array("components", components, 2, "(n_components, n_features)"),
        offset,
        _number("noise_var", noise_var),
        covariance,
    )
