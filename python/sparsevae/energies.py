"""The energies that the estimators minimise, with their exact gradients."""

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._arrays import real_array
from ._validation import check_type

__all__ = ["marginal_energy", "preconditioned_energy"]


def _arrays(X: Any, y: Any, prior_var: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    return (
        real_array("X", X, 2, "(n_samples, n_features)"),
        real_array("y", y, 1, "(n_samples,)"),
        real_array("prior_var", prior_var, 1, "(n_features,)"),
    )


def _number(name: str, value: Any) -> float:
    check_type(name, value, numbers.Real, "a number")
    return float(value)


def marginal_energy(
    X: ArrayLike, y: ArrayLike, prior_var: ArrayLike, noise_var: float
) -> tuple[float, NDArray[np.float64], float]:
    r"""Evaluate :math:`y^T \Sigma^{-1} y + \log |\Sigma|` with :math:`\Sigma = X \mathrm{diag}(w) X^T + \gamma I`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Design.
    y : array-like of shape (n_samples,)
        Response.
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
    Costs ``O(n_samples**2 * (n_samples + n_features))``.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 24.

    Examples
    --------
    >>> value, _, _ = marginal_energy([[1.0, 0.0]], [2.0], [1.0, 1.0], 1.0)
    >>> round(value, 6)  # 2**2 / 2 + log(2)
    2.693147
    """
    return _core.energy(*_arrays(X, y, prior_var), _number("noise_var", noise_var), None)


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
    return _core.energy(*_arrays(X, y, prior_var), gamma, p)
