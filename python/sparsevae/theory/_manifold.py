"""What "Hidden Talents" proves of outliers, ranks and decoders that memorise, as functions of the data."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from .._input.arrays import check_finite, matrix, real_array
from .._input.interchange import exchange
from .._input.parameters import check_count, check_positive
from ..exceptions import ParameterError, ShapeError

Array = NDArray[np.float64]


def _pair(low_rank: ArrayLike, outliers: ArrayLike) -> tuple[Array, Array]:
    first, second = matrix("low_rank", low_rank), matrix("outliers", outliers)
    if first.shape != second.shape:
        raise ShapeError(f"`outliers` has shape {second.shape}, but {first.shape} is needed to match `low_rank`")
    return first, second


@exchange
def count_affine_minima(X: ArrayLike, n_components: int, noise_var: float) -> float:
    r"""Count the minima over the components of an affine decoder with a diagonal covariance of the encoder.

    With `r` the number of components that are not zero at a minimum and :math:`\kappa` components there are

    .. math:: 2^r \frac{\kappa!}{(\kappa - r)!}

    of them, all with the same energy: the principal directions, each with either sign, in any of the columns. With a
    full covariance the minima are one connected set, since rotations change nothing.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples; their mean is taken away.
    n_components : int
        :math:`\kappa`.
    noise_var : float
        Noise variance, :math:`\gamma` (the paper's :math:`\lambda`); greater than 0, in squared units of `X`.

    Returns
    -------
    float
        Their number; infinite where eigenvalues of the kept directions coincide to rounding, for then rotations lead
        from one minimum to another.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If an argument cannot be used.

    See Also
    --------
    sparsevae.energies.affine_energy : The energy.

    Notes
    -----
    The paper says "at least :math:`\kappa! / (\kappa - r)!`", which leaves out the signs. `r` is the number of
    eigenvalues of the covariance of the samples above :math:`\gamma`, or :math:`\kappa` if that is less.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", Theorem 2 and Corollary 3.

    Examples
    --------
    >>> from sparsevae.theory import count_affine_minima
    >>> X = [[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, -2.0, 0.0]]
    >>> count_affine_minima(X, 3, noise_var=0.5)  # two directions in three columns
    24.0
    """
    samples = matrix("X", X)
    kappa, gamma = check_count("n_components", n_components), check_positive("noise_var", noise_var)
    values = np.linalg.svd(samples - samples.mean(axis=0), compute_uv=False) ** 2 / len(samples)
    kept = values[values > gamma][:kappa]
    rank = len(kept)
    # The direction after the last would do as well if it had the same eigenvalue.
    near = np.r_[kept, values[rank : rank + 1]] if rank == kappa else kept
    if (np.diff(near) >= -np.finfo(float).eps * len(samples) * values.max(initial=0.0)).any():
        return math.inf
    return float(2.0**rank * math.perm(kappa, rank))


@exchange
def smoothed_count(residual: ArrayLike, floor: float) -> float:
    r"""Evaluate what an autoencoder with a variance for each entry minimises, in units of nonzero entries.

    Without the covariance of the encoder each variance of the decoder is best at the squared residual, or at the floor
    :math:`\alpha`. That leaves :math:`\sum_{ij} \log \max(e_{ij}^2, \alpha)`, here less its value at :math:`e = 0` and
    divided by :math:`-\log \alpha`: as :math:`\alpha \to 0` it tends to the number of nonzeros, whatever the dimension
    of the latent space is. So nothing prunes that.

    Parameters
    ----------
    residual : array-like of shape (n_samples, n_features)
        What the mean of the decoder leaves, :math:`e_{ij}`, in units in which `floor` is small.
    floor : float
        :math:`\alpha`, greater than 0 and less than 1.

    Returns
    -------
    float
        The smoothed number of nonzeros.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If an argument cannot be used.

    See Also
    --------
    smoothed_rank : What the variational autoencoder minimises, to first order.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", Corollary 5, eqs. 15 and 87.

    Examples
    --------
    >>> from sparsevae.theory import smoothed_count
    >>> [round(smoothed_count([[0.0, 2.0, 0.0, -1.0]], floor), 2) for floor in (1e-2, 1e-10, 1e-100)]
    [2.3, 2.06, 2.01]
    """
    left, alpha = matrix("residual", residual), check_positive("floor", floor, below=1.0)
    return float((np.log(np.maximum(left**2, alpha)) - math.log(alpha)).sum() / -math.log(alpha))


@exchange
def smoothed_rank(low_rank: ArrayLike, outliers: ArrayLike, floor: float) -> float:
    r"""Evaluate a smooth surrogate of the rank that the variational autoencoder minimises, to first order.

    With :math:`L` the rows of `low_rank`, :math:`s_i` those of `outliers`, `n` samples and `d` features, it is

    .. math:: \frac{\sum_i \log |L^T L / n + \mathrm{diag}(s_i)^2 + \alpha I| - n d \log \alpha}{-\log \alpha}
        \to \sum_i \mathrm{rank}[L^T L + \mathrm{diag}(s_i)^2] \quad (\alpha \to 0).

    Parameters
    ----------
    low_rank, outliers : array-like of shape (n_samples, n_features)
        Parts of the data, in units in which `floor` is small.
    floor : float
        :math:`\alpha`, greater than 0 and less than 1.

    Returns
    -------
    float
        The smoothed rank; near its limit where :math:`-\log \alpha` is large beside the logarithms of the nonzero
        eigenvalues.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If an argument cannot be used.

    Notes
    -----
    The limit is no larger than :math:`n\, \mathrm{rank}[L] + \|S\|_0`, what robust principal component analysis
    minimises, and equal to it where each sample's share is less than `d` (for parts in general position). Where
    that is `d` or more, the limit is `d`, and constant: what bad minima of the former are made of. Costs
    ``O(n_samples * n_features**3)``.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eqs. 17 and 18.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.theory import smoothed_rank
    >>> L = np.outer([1.0, -2.0], [1.0, 1.0, 1.0])
    >>> S = np.array([[0.0, 5.0, 0.0], [3.0, 4.0, 2.0]])
    >>> round(smoothed_rank(L, S, 1e-300), 1)  # rank 1 with one outlier, and all 3 dimensions
    5.0
    """
    (rows, outlying), alpha = _pair(low_rank, outliers), check_positive("floor", floor, below=1.0)
    n, d = rows.shape
    second = rows.T @ rows / n
    total = 0.0
    for square in outlying**2:
        values = np.linalg.eigvalsh(second + np.diag(square)).clip(0.0)
        # Rounding of an eigenvalue that is 0.
        values[values <= 16 * d * np.finfo(float).eps * values[-1]] = 0.0
        total += float(np.log(values + alpha).sum())
    return float((total - n * d * math.log(alpha)) / -math.log(alpha))


@exchange
def memorising_energy(X: ArrayLike, direction: ArrayLike, noise_var: float, latent_var: float | None = None) -> float:
    r"""Evaluate the energy of a decoder that returns the training sample whose code is nearest.

    Codes are :math:`\mu_i = a^T x_i` in one dimension, the encoder's variance is :math:`\lambda_z`, that of the decoder
    :math:`\lambda_x`. With :math:`h(z)` the sample of the nearest code it is

    .. math:: \sum_i \left\{ \frac{1}{\lambda_x} E \|x_i - x_{h(\mu_i + \sqrt{\lambda_z} \epsilon)}\|^2
        + d \log \lambda_x + \lambda_z - \log \lambda_z + \mu_i^2 \right\},

    in closed form. As :math:`\lambda_x = \lambda_z \to 0` it falls like :math:`n (d - 1) \log \lambda_x`, without
    bound, and new samples are training samples: a useless optimum.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Training samples.
    direction : array-like of shape (n_features,)
        :math:`a`; no two samples may have the same code.
    noise_var : float
        :math:`\lambda_x`, in squared units of `X`; greater than 0.
    latent_var : float or None, default=None
        :math:`\lambda_z`, greater than 0; None for the value of `noise_var`.

    Returns
    -------
    float
        The energy, twice the negative evidence lower bound less a constant.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If an argument cannot be used, or two samples have the same code.

    Notes
    -----
    In the paper's proof, :math:`\rho` of eq. 95 is to be half the least distance of two codes, not the square of the
    largest; eq. 97 bounds the energy then. Costs ``O(n_samples**2 * n_features)``.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", Theorem 6, eqs. 88 to 97.

    Examples
    --------
    >>> from sparsevae.theory import memorising_energy
    >>> X = [[0.0, 1.0], [2.0, -1.0], [5.0, 0.5]]
    >>> [round(memorising_energy(X, [1.0, 0.0], var)) for var in (1.0, 1e-3, 1e-6, 1e-9)]
    [36, 8, -12, -33]
    """
    samples = matrix("X", X)
    a: Array = real_array("direction", direction, 1, "(n_features,)")
    check_finite("direction", a)
    n, d = samples.shape
    if len(a) != d:
        raise ShapeError(f"`direction` has shape {a.shape}, but ({d},) is needed to match `X`")
    noise = check_positive("noise_var", noise_var)
    spread = noise if latent_var is None else check_positive("latent_var", latent_var)
    order = np.argsort(samples @ a)
    samples = samples[order]
    codes = samples @ a
    gaps = np.diff(codes)
    if (gaps <= 0).any():
        raise ParameterError("`direction` gives two samples of `X` the same code, but all must differ")
    edges = np.r_[-np.inf, codes[:-1] + gaps / 2, np.inf]
    below = ndtr((edges - codes[:, None]) / math.sqrt(spread))
    above = ndtr((codes[:, None] - edges) / math.sqrt(spread))
    # From the side on which nothing cancels.
    right = edges[:-1] >= codes[:, None]
    chance = np.where(right, above[:, :-1] - above[:, 1:], below[:, 1:] - below[:, :-1])
    squares = (samples**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * samples @ samples.T, 0.0)
    np.fill_diagonal(apart, 0.0)
    misfit = float((chance * apart).sum()) / noise
    return float(misfit + n * (d * math.log(noise) + spread - math.log(spread)) + (codes**2).sum())
