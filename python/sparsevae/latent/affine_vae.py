"""The affine autoencoder: probabilistic principal components, and their number, in closed form."""

import numbers
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._input.arrays import row_blocks
from .._input.blocks import Blockwise
from .._input.data import latent_array, read_samples
from .._input.interchange import Interchange
from .._input.parameters import MOST, as_float, check_count, check_flag, check_optional_count, check_type
from .._input.random import RandomState, draw_seed
from ..exceptions import ParameterError

_NOISE_VAR = '"auto" or a number greater than 0'


class AffineVae(Interchange, Blockwise, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Variational autoencoder with an affine decoder, :math:`x = W z + b`, at the minimum of its energy.

    The noise has the variance :math:`\gamma` in all features. With the encoder at its optimum, and a full covariance of
    the latent variables, the energy of `n` samples is that of probabilistic principal components,

    .. math:: \sum_i (x_i - b)^T C^{-1} (x_i - b) + n \log |C|, \qquad C = W W^T + \gamma I .

    With a diagonal covariance :math:`\log |C|` becomes
    :math:`\sum_j \log(\gamma + \|w_j\|^2) + (d - \kappa) \log \gamma`. Its minima are those of the former whose columns
    are orthogonal, so that superfluous columns are exactly zero. Principal components solve both: column
    `j` of :math:`W` is principal axis `j` times :math:`\sqrt{\max(\mathrm{ev}_j - \gamma, 0)}`, for the eigenvalues
    :math:`\mathrm{ev}_j` of the covariance of the data.

    Parameters
    ----------
    n_components : int or None, default=None
        Latent variables, :math:`\kappa`, from 1 to the number of features; more than needed do no harm at a given
        `noise_var`. None at a given `noise_var`: as many as there are principal axes. None with "auto": the number, at
        least 1, of least Bayesian information criterion; of no more samples than features, that of the transposed
        data, since the likelihood of the samples grows without bound as components explain them all.
    covariance : {"full", "diagonal"}, default="full"
        Covariance of the encoder. The fitted components are a minimum of both energies; under "full" each rotation of
        them is one as well, under "diagonal" only a change of their order and signs.
    noise_var : float or "auto", default="auto"
        Noise variance :math:`\gamma` (the paper's :math:`\lambda`), in squared units of `X`. "auto": the optimal one,
        the mean of the `n_features` - `n_components` smallest eigenvalues.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Columns of :math:`W`, as rows, in units of `X`: orthogonal, in falling order, the largest entry of each
        positive; those beyond `n_active_` are zero.
    mean_ : ndarray of shape (n_features,)
        The offset :math:`b`, the mean of the samples.
    n_components_ : int
        Number of components.
    n_active_ : int
        Number of components that are not zero: eigenvalues greater than the noise variance.
    noise_var_ : float
        Noise variance, in squared units of `X`.
    explained_variance_ : ndarray of shape (n_components,)
        Eigenvalues along the components, in squared units of `X`; noise included.
    encoder_cov_ : ndarray of shape (n_components, n_components), or (n_components,) if diagonal
        Covariance of the latent variables given a sample, the same for all samples: 1 on superfluous components.
    energy_ : float
        The energy at the minimum, summed over samples; the same for both covariances.
    status_ : {"converged", "noise_collapsed"}
        "noise_collapsed": the components explain all there is, the optimal noise variance is zero; `noise_var_` is what
        rounding leaves.
    n_samples_seen_ : int
        Samples of all blocks that :meth:`partial_fit` has taken in; only after that.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    sparsevae.energies.affine_energy : Both energies, with their gradients.

    Notes
    -----
    A fit reads the samples twice, in blocks of 2 MiB, and costs ``O(n_samples * n_features * min(n_samples,
    n_features))`` for a Gram matrix of the shorter side and its eigenvalues; other methods cost ``O(n_samples *
    n_features * n_active_)``. Memory is that of a few matrices of the shorter side. A noise variance below 1e-6 of the
    largest eigenvalue is lost in the rounding of a Gram matrix: a QR decomposition of the blocks, about three times as
    expensive, then has its digits. Where the number of components is to be found, that holds for any eigenvalue: leave
    out features that depend on others.

    Eigenvalues are those of the maximum likelihood, sums over samples divided by `n_samples`; scikit-learn's
    :class:`~sklearn.decomposition.PCA` divides by ``n_samples - 1``. Apart from that factor covariance, noise variance
    and likelihood agree with it for more samples than features. For fewer it divides the variance it leaves out by
    ``n_samples - n_components`` and not, as the maximum of the likelihood does, by ``n_features - n_components``.
    :meth:`transform` returns means of latent variables of prior variance 1, not projections, so that
    :meth:`inverse_transform` shrinks towards the mean.

    The paper thresholds "singular values at the square root of :math:`\lambda`", which holds for the data divided by
    the square root of `n_samples`.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", Lemma 1, Theorem 2, Corollary 3.

    Tipping and Bishop (1999), "Probabilistic Principal Component Analysis", JRSS B 61(3).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae import AffineVae
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 3)) @ rng.standard_normal((3, 10)) + 0.1 * rng.standard_normal((500, 10))
    >>> AffineVae().fit(X).n_components_
    3
    >>> model = AffineVae(n_components=8, covariance="diagonal", noise_var=0.02).fit(X)
    >>> model.n_active_, int(model.components_.any(axis=1).sum())
    (3, 3)
    """

    def __init__(
        self, *, n_components: int | None = None, covariance: str = "full", noise_var: float | str = "auto"
    ) -> None:
        self.n_components = n_components
        self.covariance = covariance
        self.noise_var = noise_var

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Find the minimum of the energy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, at least 2: float64, float32, integers or bool, in any memory order or a memory map; they are read
            as they lie.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `X` has not two dimensions, or less than two samples.
        NonFiniteError
            If there is a NaN or an infinite value.
        DataTypeError
            If `X` is complex, sparse, or holds what is no number.
        ParameterError
            If a parameter is out of its range, `n_components` exceeds the number of features, or all samples are equal
            and `noise_var` is "auto".
        NumericalError
            If the decomposition fails.

        Warns
        -----
        ConvergenceWarning
            If the optimal noise variance is zero.
        """
        settings = self._settings()
        values, _ = read_samples(self, X)
        found = _core.fit_affine(values, *settings)
        self._forget_blocks()
        self._absorb(found, len(values))
        return self

    def partial_fit(self, X: Any = None, y: Any = None, *, refit: bool = True) -> Self:  # noqa: ARG002 - scikit-learn's
        """Take in a block of samples, and find the minimum for all blocks so far.

        After any number of blocks the fit is that of :meth:`fit` on all of them together, to rounding. Samples are not
        kept: memory is that of a few matrices of ``n_features`` rows and columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None, default=None
            Block of samples, as for :meth:`fit`, of any size. None: no block, but a fit of those that came before.
        y : None
            Ignored.
        refit : bool, default=True
            Whether to find the minimum. With False the block is taken in alone, and the fitted attributes stay those of
            the last fit.

        Returns
        -------
        self
            The estimator: fitted if `refit` and there were two samples so far.

        Raises
        ------
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`fit`, and if the columns are not those of the blocks before. The block is left out then.
        ParameterError, NumericalError
            As in :meth:`fit`; where it takes the data to see that, as with samples that are all equal, the block was
            taken in. Also if `X` is None and no block has come before.

        Warns
        -----
        ConvergenceWarning
            As in :meth:`fit`.

        Notes
        -----
        The first call after :meth:`fit` begins anew: of the samples of a fit nothing is kept.

        A block costs ``O(n_samples * n_features**2)``, a fit ``O(n_features**3)``. The triangle of a QR decomposition
        of all samples is kept up by a Cholesky factor, and where features are nearly dependent by a QR, which costs
        about four times as much.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsevae import AffineVae
        >>> rng = np.random.default_rng(0)
        >>> W, model = rng.standard_normal((3, 10)), AffineVae()
        >>> for _ in range(5):
        ...     X = rng.standard_normal((100, 3)) @ W + 0.1 * rng.standard_normal((100, 10))
        ...     model = model.partial_fit(X)
        >>> model.n_samples_seen_, model.n_components_
        (500, 3)
        """
        settings, refit = self._settings(), check_flag("refit", refit)
        self._check_block(X)
        if X is not None:
            values, _ = read_samples(self, X, reset=self._is_first_block())
            self._take_block(values, np.empty((len(values), 0)))
        if refit and self.n_samples_seen_ >= self._wanted_samples():
            self._absorb(_core.fit_affine_summary(self._summary, *settings), self.n_samples_seen_)
        return self

    def _wanted_samples(self) -> int:
        return 2

    def _settings(self) -> tuple[int | None, float | None]:
        """Check the parameters; return the number of components and the noise variance, None where they are sought."""
        most = check_optional_count("n_components", self.n_components)
        if not isinstance(self.covariance, str) or self.covariance not in ("full", "diagonal"):
            raise ParameterError(f'`covariance` is {self.covariance!r}, but it must be "full" or "diagonal"')
        check_type("noise_var", self.noise_var, (str, numbers.Real), _NOISE_VAR)
        if isinstance(self.noise_var, str) and self.noise_var != "auto":
            raise ParameterError(f"`noise_var` is {self.noise_var!r}, but it must be {_NOISE_VAR}")
        noise_var = None if isinstance(self.noise_var, str) else as_float("noise_var", self.noise_var, _NOISE_VAR)
        return None if most is None else min(most, MOST), noise_var

    def _absorb(self, found: "_core.AffineFit", n_samples: int) -> None:
        """Set the fitted attributes, and warn where there is no noise."""
        self.components_, self.mean_ = found["components"], found["mean"]
        self.n_components_, self.n_active_ = len(self.components_), found["n_active"]
        self.noise_var_, self.explained_variance_ = found["noise_var"], found["explained_variance"]
        variances = self.noise_var_ / np.maximum(self.explained_variance_, self.noise_var_)
        self.encoder_cov_ = np.diag(variances) if self.covariance == "full" else variances
        self.energy_, self.status_ = found["energy"], found["status"]
        if self.status_ == "noise_collapsed":
            message = (
                f"AffineVae: {self.n_active_} components explain all {self.n_features_in_} features of {n_samples} "
                "samples, so that the optimal noise variance is zero: give a number, or fewer components"
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=4)

    def _axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Principal axes of the active components as rows, and the eigenvalues along them."""
        active = self.components_[: self.n_active_]
        return active / np.linalg.norm(active, axis=1, keepdims=True), self.explained_variance_[: self.n_active_]

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """Mean of the latent variables of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Latent variables, of prior variance 1, without unit; zero on superfluous components. Of the dtype of `X`.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`fit`, and if the columns are not those of the fit.
        """
        check_is_fitted(self)
        values, dtype = read_samples(self, X, reset=False)
        axes, variances = self._axes()
        latent = np.zeros((len(values), self.n_components_), dtype)
        weights = np.sqrt(np.maximum(variances - self.noise_var_, 0.0)) / variances
        for rows in row_blocks(values):
            # In one order, whatever that of the samples, for the same bits.
            latent[rows, : self.n_active_] = np.subtract(values[rows], self.mean_, order="C") @ axes.T * weights
        return latent

    def inverse_transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """Decode latent variables.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Latent variables, as from :meth:`transform`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            ``X @ components_ + mean_``, in units of the data. Of the dtype of `X`.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            If `X` has another number of columns, or cannot be used.
        """
        check_is_fitted(self)
        latent, dtype = latent_array(X, self.n_components_)
        return (latent @ self.components_ + self.mean_).astype(dtype, copy=False)

    def get_covariance(self) -> NDArray[np.float64]:
        r"""Covariance of the data under the model, :math:`W W^T + \gamma I`.

        Returns
        -------
        ndarray of shape (n_features, n_features)
            In squared units of `X`.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        check_is_fitted(self)
        covariance = self.components_.T @ self.components_
        covariance[np.diag_indices_from(covariance)] += self.noise_var_
        return covariance

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Log-likelihood of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Logarithms of densities, in nats.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`transform`.
        """
        check_is_fitted(self)
        values, _ = read_samples(self, X, reset=False)
        axes, variances = self._axes()
        misfit = np.empty(len(values))
        for rows in row_blocks(values):
            centred = np.subtract(values[rows], self.mean_, order="C")
            inside = centred @ axes.T
            outside = centred - inside @ axes
            misfit[rows] = (inside**2 / variances).sum(axis=1) + (outside**2).sum(axis=1) / self.noise_var_
        spare = self.n_features_in_ - len(axes)
        log_det = np.log(variances).sum() + spare * np.log(self.noise_var_)
        likelihood: NDArray[np.float64] = -0.5 * (misfit + log_det + self.n_features_in_ * np.log(2 * np.pi))
        return likelihood

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002 - scikit-learn's signature
        """Mean log-likelihood of the samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : None
            Ignored.

        Returns
        -------
        float
            In nats; of the data of the fit, ``-(energy_ / n_samples + n_features * log(2 * pi)) / 2``.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`transform`.
        """
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, *, random_state: RandomState = None) -> NDArray[np.float64]:
        """Draw from the model.

        Parameters
        ----------
        n_samples : int, default=1
            How many, at least 1.
        random_state : int, Generator, RandomState or None, default=None
            Source of the seed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Decoded latent variables plus noise, in units of the data.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ParameterError
            If `n_samples` or `random_state` cannot be used.
        """
        check_is_fitted(self)
        n_samples = check_count("n_samples", n_samples)
        rng = np.random.default_rng(draw_seed(random_state))
        latent = rng.standard_normal((n_samples, self.n_components_))
        noise = rng.standard_normal((n_samples, self.n_features_in_))
        drawn: NDArray[np.float64] = latent @ self.components_ + self.mean_ + np.sqrt(self.noise_var_) * noise
        return drawn

    @property
    def _n_features_out(self) -> int:
        """For scikit-learn's names of the columns of :meth:`transform`."""
        return self.n_components_
