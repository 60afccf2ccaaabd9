"""Lemma 4.3: the diagonal covariance and the autoencoder as functions of the coefficients."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._input.arrays import Array, check_finite, problem_arrays, read_real
from .._input.interchange import exchange
from .._input.parameters import check_not_negative, check_positive
from .._input.penalties import Penalty, check_penalty
from ..exceptions import ShapeError


@exchange
def diagonal_coef_energy(X: ArrayLike, Y: ArrayLike, coef: ArrayLike, noise_var: float) -> float:
    r"""Evaluate the energy of the diagonal covariance as a function of the coefficients.

    With :math:`u_j` the coefficients of column `j`, for `L` responses, `d` samples and `n` features,

    .. math:: \frac{1}{\gamma} \|Y - X U\|_F^2 + \sum_j \min_w \left( \frac{\|u_j\|^2}{w}
              + L \log(\gamma + w \|x_j\|^2) \right) + L (d - n) \log \gamma.

    Its least value over the coefficients is that of :func:`~sparsevae.energies.separable_energy` over prior variances.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Design.
    Y : array-like of shape (n_samples,) or (n_samples, n_responses)
        Response, or several.
    coef : array-like of shape (n_features,) or (n_responses, n_features)
        Coefficients, laid out as `coef_` of an estimator.
    noise_var : float
        Noise variance, :math:`\gamma`; greater than 0.

    Returns
    -------
    float
        The energy.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If an argument cannot be used.

    See Also
    --------
    autoencoder_energy : Its limit.

    Notes
    -----
    Lemma 4.3: for coefficients without a zero row, this minus :func:`autoencoder_energy` with ``log_weight=L`` tends to
    :math:`L \sum_j \log \|x_j\|^2 + L (d - n) \log \gamma` as :math:`\gamma \to 0`. The difference left is
    :math:`\gamma L^2 \sum_j 1 / (\|u_j\|^2 \|x_j\|^2)` to first order. A zero row costs :math:`L \log \gamma` here;
    there its cost is :math:`-\infty` at every :math:`\gamma`.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal", Lemma 4.3 and eqs. 50 and 51.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.theory import autoencoder_energy, diagonal_coef_energy
    >>> Y = coef = np.array([[1.0, 2.0], [2.0, 0.0]])
    >>> for noise_var in (1e-2, 1e-4):
    ...     apart = diagonal_coef_energy(np.eye(2), Y, coef, noise_var)
    ...     apart -= autoencoder_energy(np.eye(2), Y, coef, noise_var, log_weight=2)
    ...     print(f"{apart:.1e}")
    1.8e-02
    1.8e-04
    """
    design, responses, rows, gamma = _coef_arguments(X, Y, coef, noise_var)
    L = responses.shape[1]
    signal = (rows**2).sum(axis=1) * (design**2).sum(axis=0)
    # `w ||x||**2` at its best.
    spread = (signal + np.sqrt(signal * (signal + 4 * L * gamma))) / (2 * L)
    share = np.divide(signal, spread, out=np.zeros_like(signal), where=spread > 0)
    penalty = float((share + L * np.log(gamma + spread)).sum())
    constant: float = L * (len(design) - len(rows)) * math.log(gamma)
    return _misfit(design, responses, rows) / gamma + penalty + constant


@exchange
def autoencoder_energy(
    X: ArrayLike,
    Y: ArrayLike,
    coef: ArrayLike,
    noise_var: float,
    *,
    penalty: Penalty = "log",
    log_weight: float = 1.0,
    smoothing: float = 0.0,
) -> float:
    r"""Evaluate the objective of the autoencoder with a concave penalty as a function of the coefficients.

    With :math:`u_j` the coefficients of column `j`, and the scale :math:`w_j^{1/2}` of the decoder and the codes
    eliminated, for :math:`h` concave and increasing,

    .. math:: \frac{1}{\gamma} \|Y - X U\|_F^2 + \sum_j \min_w \left( \frac{\|u_j\|^2}{w} + c \, h(w) \right)
              = \frac{1}{\gamma} \|Y - X U\|_F^2 + c \sum_j P(\|u_j\|^2),

    which for :math:`h = \log` has the penalty :math:`c \, (1 + \log (\|u_j\|^2 / c))`.

    Parameters
    ----------
    X, Y, coef, noise_var
        As in :func:`diagonal_coef_energy`.
    penalty : "log", float or callable, default="log"
        :math:`P`, as in :class:`~sparsevae.baselines.ConcaveAutoencoder`: "log" for the logarithm, a float, greater
        than 0 and at most 1, for that power of the row norm. A callable takes squared row norms, an array of shape
        (n_features,), in squared units of `coef`, and returns values and slopes there, two arrays of that shape. The
        slopes are not used here.
    log_weight : float, default=1.0
        Weight `c` of the penalty, of the logarithm or any other: 1 as in the paper's eq. 8, the number of responses as
        in its eq. 50.
    smoothing : float, default=0.0
        A number added to every squared norm, in squared units of `coef`; not negative.

    Returns
    -------
    float
        The objective; with the logarithm minus infinity where a row is zero and `smoothing` as well.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If an argument cannot be used, or a callable returns anything but two arrays of numbers.

    See Also
    --------
    sparsevae.baselines.ConcaveAutoencoder : Descends it, from one start.
    basic_minima : Its local minima without noise.

    Notes
    -----
    Since a zero row gives minus infinity whatever the misfit, the objective with the logarithm has no least value at
    any noise variance, and each way to make rows zero is a bad minimum (Corollary 4.6). The diagonal covariance has a
    finite cost instead. A power :math:`p` below 1 has a finite cost of 0 there and an infinite slope in the norm, so
    that zero rows stay local minima.

    Cost: one product of `X` and the coefficients, and one call of a callable.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal", eqs. 8 and 46 to 49, Lemma D.2.

    Examples
    --------
    Zero rows are a minimum of the root of the row norm, though the response asks for others:

    >>> from sparsevae.theory import autoencoder_energy
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0]
    >>> for first in (0.0, 0.01, 1.0):
    ...     print(round(autoencoder_energy(X, y, [first, 0.0], 0.5, penalty=0.5), 3))
    2.0
    2.06
    1.0
    """
    design, responses, rows, gamma = _coef_arguments(X, Y, coef, noise_var)
    c, chosen = check_positive("log_weight", log_weight), check_penalty(penalty, "log")
    squares = (rows**2).sum(axis=1) + check_not_negative("smoothing", smoothing)
    if callable(chosen):
        values = chosen(squares)[0]
    elif isinstance(chosen, str):
        with np.errstate(divide="ignore"):
            values = 1 + np.log(squares / c)
    else:
        values = squares ** (chosen / 2)
    return _misfit(design, responses, rows) / gamma + c * float(values.sum())


def _coef_arguments(X: Any, Y: Any, coef: Any, noise_var: Any) -> tuple[Array, Array, Array, float]:
    """Design, responses in columns, coefficients with a row for each feature, and the noise variance."""
    design, responses = problem_arrays(X, Y)
    shape = (responses.shape[1], design.shape[1])
    rows = np.asarray(read_real("coef", coef), np.float64)
    if rows.shape != shape and not (rows.shape == shape[1:] and shape[0] == 1):
        raise ShapeError(f"`coef` has shape {rows.shape}, but {shape}, one row per response, is needed")
    check_finite("coef", rows)
    gamma = check_positive("noise_var", noise_var)
    return design, responses, rows.reshape(shape).T, gamma


def _misfit(X: Array, Y: Array, rows: Array) -> float:
    return float(np.sum((Y - X @ rows) ** 2))
