"""Theorem 4.4 and Corollary 4.5: the energy as a function of one prior variance."""

import math
import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from .._input.arrays import Array, check_finite, read_real, real_array
from .._input.interchange import exchange
from .._input.parameters import check_count, check_not_negative, check_number, check_positive
from ..energies import marginal_energy, separable_energy
from ..exceptions import NumericalError, ParameterError

_ENERGIES = {"full": marginal_energy, "diagonal": separable_energy}


@dataclass(frozen=True)
class PriorVarProfile:
    r"""The energy as a function of one prior variance, all others and the noise variance fixed.

    For `L` responses it is, up to `base`,

    .. math:: L \left( \frac{a}{w + \gamma'} - \frac{a}{\gamma'}
              + \log \frac{w + \gamma''}{\gamma''} \right), \qquad w \ge 0.

    Parameters
    ----------
    mean_square : float
        :math:`a`: mean square, over the responses, of the estimate of the coefficient that the other columns leave; not
        negative.
    variance : float
        :math:`\gamma'`: variance of that estimate; greater than 0.
    lone_variance : float
        :math:`\gamma''`: the same number for the full covariance. For the diagonal one :math:`\gamma / \|x_j\|^2`, the
        variance that the estimate would have if no other coefficient were in doubt; greater than 0.
    n_responses : int, default=1
        `L`.
    base : float, default=0.0
        The energy at 0.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    See Also
    --------
    prior_var_profile : The profile of a column of a problem.

    Notes
    -----
    The derivative has the sign of :math:`(w + \gamma')^2 - a (w + \gamma'')`, a parabola. Where
    :math:`\gamma'' \ge \gamma'` at most one of its roots is positive, so there is one minimum, at
    :math:`\max(0, a - \gamma')` if the two are equal: Theorem 4.4. Where :math:`\gamma'' < \gamma'`
    both roots can be positive; 0 is a minimum then, the smaller root a maximum, the larger a minimum.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal: No Bad VAE Local Minima when Learning Optimal Sparse
    Representations", ICML, Theorem 4.4 and eq. 54; Corollary 4.5 and eqs. 55 and 56.

    Examples
    --------
    The example of Corollary 4.5, for the diagonal covariance and for the full one:

    >>> from sparsevae.theory import PriorVarProfile
    >>> diagonal = PriorVarProfile(mean_square=10, variance=1, lone_variance=0.01)
    >>> diagonal.stationary_points().round(4), diagonal.minima().round(4)
    (array([0.1141, 7.8859]), array([0.    , 7.8859]))
    >>> PriorVarProfile(mean_square=10, variance=1, lone_variance=1).minima()
    array([9.])
    """

    mean_square: float
    variance: float
    lone_variance: float
    n_responses: int = 1
    base: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers out of their range."""
        check_not_negative("mean_square", self.mean_square)
        check_positive("variance", self.variance)
        check_positive("lone_variance", self.lone_variance)
        check_count("n_responses", self.n_responses)
        check_number("base", self.base, "a finite number")

    @exchange
    def energy(self, values: ArrayLike) -> Array:
        """Evaluate the energy at prior variances.

        Parameters
        ----------
        values : array-like
            Prior variances, of any shape; not negative.

        Returns
        -------
        ndarray
            The energies, of the same shape.

        Raises
        ------
        DataTypeError, NonFiniteError, ParameterError
            If a value is no number, not finite, or negative.
        """
        w = np.asarray(read_real("values", values), np.float64)
        check_finite("values", w)
        if (w < 0).any():
            raise ParameterError(f"`values` has {w.min()!s}, but prior variances must not be negative")
        gain = self.mean_square * w / (self.variance * (w + self.variance))
        energy: Array = self.base + self.n_responses * (np.log1p(w / self.lone_variance) - gain)
        return energy

    def stationary_points(self) -> Array:
        """Solve for the prior variances greater than 0 at which the derivative is 0 (eq. 56).

        Returns
        -------
        ndarray of shape (n_points,)
            None, one or two, ascending; one where two fall together.
        """
        a, own = self.mean_square, self.variance
        half = a / 2 - own
        square = a * (a / 4 - own + self.lone_variance)
        if square < 0:
            return np.empty(0)
        # The root of larger absolute value has no cancellation; the product of both is the constant of the parabola.
        far = half + math.copysign(math.sqrt(square), half)
        near = (own**2 - a * self.lone_variance) / far if far else 0.0
        return np.unique([point for point in (near, far) if point > 0])

    def minima(self) -> Array:
        """Solve for the local minimisers among the prior variances of at least 0.

        Returns
        -------
        ndarray of shape (n_minima,)
            One or two, ascending.
        """
        points, slope = self.stationary_points(), self.variance**2 - self.mean_square * self.lone_variance
        if slope < 0:
            return points[-1:]
        # The parabola starts above 0, or at 0 where the only positive root is a minimum.
        if len(points) == 2:
            return np.array([0.0, points[1]])
        return points if slope == 0 and len(points) else np.zeros(1)


@exchange
def prior_var_profile(
    X: ArrayLike, Y: ArrayLike, prior_var: ArrayLike, noise_var: float, feature: int, *, covariance: str = "full"
) -> PriorVarProfile:
    r"""Reduce the energy to a function of one prior variance, in closed form.

    With :math:`\Psi` the covariance without column `j`, :math:`s = x_j^T \Psi^{-1} x_j` and
    :math:`q = x_j^T \Psi^{-1} Y`, the profile has :math:`a = \|q\|^2 / (L s^2)` and :math:`\gamma' = 1 / s`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Design.
    Y : array-like of shape (n_samples,) or (n_samples, n_responses)
        Response, or several.
    prior_var : array-like of shape (n_features,)
        Prior variances of all columns; that of `feature` is not used.
    noise_var : float
        Noise variance, :math:`\gamma`; greater than 0.
    feature : int
        The column whose prior variance is free.
    covariance : {"full", "diagonal"}, default="full"
        The energy: :func:`~sparsevae.energies.marginal_energy` or :func:`~sparsevae.energies.separable_energy`.

    Returns
    -------
    PriorVarProfile
        The profile; its `base` makes it the energy itself.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError, NumericalError
        If an argument cannot be used, or float64 does not suffice.

    Notes
    -----
    Eq. 53 of the paper splits :math:`\Psi` into a multiple of :math:`x_j x_j^T` and a rest with columns orthogonal
    to :math:`x_j`. There is such a split only where :math:`x_j` is an eigenvector of :math:`\Psi`, and eq. 54 with
    :math:`a = \|x_j^T Y\|^2 / (L \|x_j\|^4)` holds only there. The values above follow from the Sherman-Morrison
    formula and need no condition; the theorem stands.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal", eqs. 52 to 55.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.theory import prior_var_profile
    >>> profile = prior_var_profile([[1.0, 0.0], [0.0, 1.0]], [3.0, 1.0], [1.0, 1.0], 0.5, 0)
    >>> profile.minima()  # 3**2 - 0.5
    array([8.5])
    """
    if covariance not in _ENERGIES:
        raise ParameterError(f'`covariance` is {covariance!r}, but it must be "full" or "diagonal"')
    w = real_array("prior_var", prior_var, 1, "(n_features,)").copy()
    try:
        j = operator.index(feature)
    except TypeError:
        j = -1
    if not 0 <= j < len(w):
        raise ParameterError(f"`feature` is {feature!r}, but it must be an integer from 0 to {len(w) - 1}")
    w[j] = 0.0
    # Checks what is left to check.
    base, _, _ = _ENERGIES[covariance](X, Y, w, noise_var)
    design, responses = np.asarray(X, np.float64), np.asarray(Y, np.float64)
    responses = responses.reshape(len(design), -1)
    column, scaled = design[:, j], design * np.sqrt(w)
    if not column.any():
        raise ParameterError(f"`feature` is {feature!r}, but that column of `X` is zero: the energy is constant")
    try:
        factor = cho_factor(scaled @ scaled.T + noise_var * np.eye(len(design)), lower=True)
    except LinAlgError as error:
        raise NumericalError(f"float64 cannot factorise the covariance at `noise_var` {noise_var}: {error}") from error
    dual = cho_solve(factor, column)
    with np.errstate(all="ignore"):
        s, square = column @ dual, column @ column
        mean_square, variance = np.mean((dual @ responses / s) ** 2), 1 / s
        lone = variance if covariance == "full" else noise_var / square
    if not np.isfinite([mean_square, variance, lone]).all() or 0 in (variance, lone):
        raise ParameterError(
            f"`X` is scaled so that the energy along `feature` {j} is beyond the range of float64, but it must be "
            "rescaled to within 1e100 of the others"
        )
    return PriorVarProfile(float(mean_square), float(variance), float(lone), responses.shape[1], base)
