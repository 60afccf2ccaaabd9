"""The nonlinear autoencoder that cleans corrupted samples of a manifold."""

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .._input.parameters import check_count
from .._input.pickles import Versioned
from .._input.random import RandomState
from ..exceptions import ParameterError
from ._parameters import check_parameters, make_settings
from ._samples import Samples, find_device, read_latent, read_samples, standardised, units
from ._training import Checkpoint, Progress, Training

_RULES = ("columns", "variance")
# Columns of the decoder's first weights below this share of the largest count as zero (sec. 5.2).
_ZERO_COLUMN = 0.05
# Posterior variances tend to 0 or to 1 (sec. 5.3); this is between.
_ZERO_VAR = 0.5
# Rows that go through the networks at once.
_CHUNK = 8192


class ManifoldVae(Versioned, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Variational autoencoder that finds the manifold that samples lie near, entries of which are outliers.

    Encoder and decoder are networks: :math:`z \sim N(\mu_z(x), \Sigma_z(x))`, :math:`x \sim N(\mu_x(z), \Sigma_x)`,
    both covariances diagonal. Each draw of `z` has decoder variances of its own, and at their optimum, the squared
    residuals plus a floor :math:`\alpha`, the energy of a sample is

    .. math:: \mathbb{E}_z \sum_j \log\left((x_j - \mu_x(z)_j)^2 + \alpha\right)
              + \mathrm{tr}\, \Sigma_z - \log |\Sigma_z| + \|\mu_z\|^2 .

    It is trained by Adam while the floor falls. Outliers cost the logarithm of their size, so that the decoder need not
    follow them; latent variables that are not needed get a variance of 1, and the decoder's weights on them vanish.

    Parameters
    ----------
    n_components : int or None, default=None
        Latent variables, at most `n_features`; None for `n_features`, at most 50. Take more than there may be.
    encoder_hidden : sequence of int, default=(200, 100)
        Widths of the hidden layers of the encoder, from the samples on; empty for an affine encoder. The paper: 2000,
        1000.
    decoder_hidden : sequence of int or None, default=None
        Widths of the hidden layers of the decoder, from the latent variables on; empty for an affine decoder. None for
        those of the encoder in reverse.
    covariance : {"diagonal", "none"}, default="diagonal"
        Covariance of the encoder. "none": a deterministic autoencoder, :math:`\Sigma_z = 0` without its logarithm.
    penalty : {"l2", "l1"}, default="l2"
        On the means of the latent variables: their squares, or, without a covariance only, their absolute values.
    penalty_weight : float, default=1.0
        Factor of the terms of the latent variables, :math:`C_2`; at least 0. A variational autoencoder has 1.
    weight_decay : float, default=0.0
        Factor of the squares of all weights and offsets, :math:`C_1`, beside the mean energy of a sample; at least 0.
        Without it the penalty of a deterministic autoencoder means little: smaller latent variables and larger weights
        give the same. The paper: 0.0005.
    n_draws : int, default=1
        Draws of the latent variables for each sample and step, :math:`\tau`.
    floor : float, default=0.01
        The floor :math:`\alpha` at the end, in units of ``scale_**2``; greater than 0 and less than 0.5. Residuals that
        are small beside its root count for little, and no latent variable is spent on them.
    anneal_share : float, default=0.7
        Share of the steps in which the floor falls from 0.1 to `floor`, from 0 to 1.
    n_steps : int, default=10000
        Steps of Adam.
    center : bool, default=False
        Whether the median of each feature is taken off before the training. Say True where features have offsets
        larger than their spread; elsewhere try both, since either may train better. The paper takes nothing off.
    batch_size : int, default=200
        Samples a step, without replacement in each pass over all of them.
    learning_rate : float, default=1e-3
        Learning rate of the first step; it falls along half a cosine to a fiftieth.
    patience : int or None, default=None
        Hundredths of the training, after the annealing, without a lower energy at which it ends early; None for never.
    tol : float, default=1e-4
        By how much the mean energy of an entry has to be lower.
    allow_missing : bool, default=False
        Whether NaN stands for a missing entry, which the encoder sees as `offset_` and the energy leaves out; otherwise
        it is an error.
    device : str, torch.device or None, default=None
        Where to compute, such as "cuda"; None for where `X` is: the CPU unless it is a tensor elsewhere.
    checkpoint : path-like or None, default=None
        File that keeps the state of the training, renewed every few seconds. A fit with the same parameters and data
        goes on from there, with the same result; one that is done is not done again.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed. Equal seeds give equal results on one device with one version of PyTorch.
    verbose : bool, default=False
        Whether to report progress on standard error.

    Attributes
    ----------
    network_ : torch.nn.Module
        The networks, in units of ``(X - offset_) / scale_``, with methods ``encode`` and ``decode``. On `device`.
    offset_ : ndarray of shape (n_features,)
        Median of each feature, in units of `X`; 0 unless `center`.
    scale_ : float
        Size of a typical entry, in units of `X`: the third quartile of ``|X - offset_|`` over that of a normal law, or
        the root mean square where that is 0, or 1 where all entries are `offset_`.
    column_norms_ : ndarray of shape (n_components,)
        Norm of the decoder's first weights on each latent variable.
    posterior_var_ : ndarray of shape (n_components,)
        Posterior variance of each latent variable, mean over the samples of the fit; 0 without a covariance.
    energy_path_ : ndarray
        Mean energy of a sample in each hundredth of the training, at the floor of that time, in units of `scale_`.
    n_iter_ : int
        Steps.
    status_ : {"completed", "early_stop"}
        How the training ended.
    n_components_ : int
        Latent variables.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    sparsevae.RobustVae : The same with an affine decoder, in closed steps.
    sparsevae.datasets.make_relu_manifold : Samples of a known manifold with outliers.

    Notes
    -----
    A step costs ``O(batch_size * n_draws)`` times the number of weights: 2.5 ms on one core for 100 features, layers of
    200 and 100 units each way. The samples are kept on the device in float32.

    A deterministic autoencoder that is tuned removes outliers as well in the sizes that a laptop trains (notebook
    ``manifold``); what the variances add there is the number of dimensions, which no autoencoder shows. All of it is a
    descent from random weights: with another seed the result is another one, and too short a training finds too
    few dimensions.

    The paper says nothing of the floor, of its annealing, or of how the weights begin.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eqs. 3, 19 to 21, sec. 5.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.torch import ManifoldVae
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, 2000)
    >>> clean = np.cos(angle[:, None] + np.arange(20))  # a circle in 20 dimensions
    >>> outlying = rng.random(clean.shape) < 0.1
    >>> X = np.where(outlying, rng.standard_normal(clean.shape), clean)
    >>> model = ManifoldVae(5, encoder_hidden=(50,), n_steps=1500, random_state=0).fit(X)
    >>> bool(np.mean((model.denoise(X) - clean) ** 2) < 0.01)
    True
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        encoder_hidden: tuple[int, ...] = (200, 100),
        decoder_hidden: tuple[int, ...] | None = None,
        covariance: str = "diagonal",
        penalty: str = "l2",
        penalty_weight: float = 1.0,
        weight_decay: float = 0.0,
        n_draws: int = 1,
        floor: float = 0.01,
        anneal_share: float = 0.7,
        n_steps: int = 10_000,
        center: bool = False,
        batch_size: int = 200,
        learning_rate: float = 1e-3,
        patience: int | None = None,
        tol: float = 1e-4,
        allow_missing: bool = False,
        device: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.encoder_hidden = encoder_hidden
        self.decoder_hidden = decoder_hidden
        self.covariance = covariance
        self.penalty = penalty
        self.penalty_weight = penalty_weight
        self.weight_decay = weight_decay
        self.n_draws = n_draws
        self.floor = floor
        self.anneal_share = anneal_share
        self.n_steps = n_steps
        self.center = center
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.tol = tol
        self.allow_missing = allow_missing
        self.device = device
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that float32 stays float32, and whether NaN is let through."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = bool(self.allow_missing)
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Train the networks.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Samples; NaN where an entry is missing, if `allow_missing`. A tensor is taken out of its graph.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `X` has not two dimensions, or is empty.
        NonFiniteError
            If there is an infinite value, or a NaN unless `allow_missing`.
        DataTypeError
            If `X` is complex, sparse, or holds what is no number, or is a tensor of neither float32 nor float64.
        ParameterError
            If a parameter is out of its range, or all entries are missing.
        NumericalError
            If the training diverges.
        StoreError
            If the checkpoint is of another training, or cannot be used.
        """
        check_parameters(self)
        samples = read_samples(self, X, missing=bool(self.allow_missing))
        values = samples.values.detach()
        device = find_device(self.device, values)
        settings = make_settings(self, *values.shape)
        offset, self.scale_ = units(values, bool(self.center))
        self.offset_ = offset.cpu().numpy().astype(np.float64)
        data, observed = standardised(values, offset, self.scale_, device)
        training = Training(settings, data, observed)
        kept = None if self.checkpoint is None else Checkpoint(Path(self.checkpoint), settings, data)
        training.run(Progress(settings.n_steps) if self.verbose else None, kept)
        self.network_, state = training.network, training.state
        self.n_components_, self.n_iter_, self.status_ = settings.n_components, state.step, state.status
        self.energy_path_ = np.array(state.path)
        self.column_norms_ = self.network_.first_weights().norm(dim=0).cpu().numpy().astype(np.float64)
        # A part at a time: the hidden layers of all samples together may not fit.
        sums = [self._variances(part).double().sum(0) for part in torch.split(data, _CHUNK)]
        self.posterior_var_ = (torch.stack(sums).sum(0) / len(data)).cpu().numpy()
        return self

    def denoise(self, X: Any) -> Any:
        """Project samples to the manifold: the decoder's mean at the mean of the latent variables.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Samples, seen before or not; NaN where an entry is missing, if `allow_missing`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            Samples without outliers, missing entries filled in, in units of `X`; of the library, dtype and device of
            `X`. A tensor that requires a gradient gives one that has it.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`fit`, and if the columns are not those of the fit.
        """
        check_is_fitted(self)
        samples = read_samples(self, X, reset=False, missing=bool(self.allow_missing))
        return self._apply(samples, self._inputs(samples), lambda x: self._data_units(self.network_(x)))

    def transform(self, X: Any) -> Any:
        """Mean of the latent variables of samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As for :meth:`denoise`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_components)
            Means, without unit; of the library, dtype and device of `X`.

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        """
        check_is_fitted(self)
        samples = read_samples(self, X, reset=False, missing=bool(self.allow_missing))
        return self._apply(samples, self._inputs(samples), lambda x: self.network_.encode(x)[0])

    def inverse_transform(self, X: Any) -> Any:
        """Decode latent variables.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_components)
            Latent variables, as from :meth:`transform`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            The decoder's mean, in units of the data; of the library, dtype and device of `X`.

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        """
        check_is_fitted(self)
        samples = read_latent(X, self.n_components_)
        inputs = samples.values.to(self._device(), torch.float32)
        return self._apply(samples, inputs, lambda z: self._data_units(self.network_.decode(z)))

    def posterior_var(self, X: Any) -> Any:
        """Posterior variances of the latent variables of samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As for :meth:`denoise`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_components)
            Diagonals of the encoder's covariance; 0 without one. Of the library, dtype and device of `X`.

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        """
        check_is_fitted(self)
        samples = read_samples(self, X, reset=False, missing=bool(self.allow_missing))
        return self._apply(samples, self._inputs(samples), self._variances)

    def posterior_var_statistics(self, X: Any, n_bins: int = 50) -> Bunch:
        """Summarise the posterior variances of samples: those of needed latent variables are near 0, others near 1.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As for :meth:`denoise`.
        n_bins : int, default=50
            Bins of the histogram, from 0 to 1.25; what is larger is counted in the last.

        Returns
        -------
        Bunch
            - ``mean``, ndarray of shape (n_components,): mean of each latent variable, ascending
            - ``counts``, ndarray of shape (n_bins,), int: histogram over samples and latent variables
            - ``edges``, ndarray of shape (n_bins + 1,): edges of its bins
            - ``near_zero``, float: share below 0.5

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        ParameterError
            If `n_bins` is no integer of at least 1.

        References
        ----------
        "Hidden Talents of the Variational Autoencoder", Figs. 3 and 4.
        """
        n_bins = check_count("n_bins", n_bins)
        found = self.posterior_var(X)
        variances: NDArray[np.float64] = np.asarray(found.cpu() if isinstance(found, Tensor) else found, np.float64)
        edges = np.linspace(0.0, 1.25, n_bins + 1)
        counts, _ = np.histogram(np.minimum(variances, edges[-1]), edges)
        mean = np.sort(variances.mean(axis=0))
        return Bunch(mean=mean, counts=counts, edges=edges, near_zero=float((variances < _ZERO_VAR).mean()))

    def active_dimensions(self, rule: str = "columns") -> NDArray[np.intp]:
        """List the latent variables that the decoder uses.

        Parameters
        ----------
        rule : {"columns", "variance"}, default="columns"
            "columns": the decoder's first weights on it have at least 5% of the norm of the largest. "variance": its
            mean posterior variance is below 0.5; for the variational autoencoder only.

        Returns
        -------
        ndarray of shape (n_active,), int
            Their indices, ascending.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ParameterError
            If there is no such rule, or no variance.

        References
        ----------
        "Hidden Talents of the Variational Autoencoder", sec. 5.2 for the first rule, 5.3 for the second.
        """
        check_is_fitted(self)
        if rule not in _RULES:
            raise ParameterError(f"`rule` is {rule!r}, but it must be one of {', '.join(_RULES)}")
        if rule == "variance":
            if self.network_.log_var is None:
                raise ParameterError("`rule` is 'variance', but a deterministic autoencoder has none: take 'columns'")
            return np.flatnonzero(self.posterior_var_ < _ZERO_VAR)
        return np.flatnonzero(self.column_norms_ >= _ZERO_COLUMN * self.column_norms_.max())

    def _device(self) -> torch.device:
        return self.network_.mean.weight.device

    def _inputs(self, samples: Samples) -> Tensor:
        """Bring samples to the units of the training."""
        offset = torch.from_numpy(self.offset_).to(samples.values.device, samples.values.dtype)
        return standardised(samples.values, offset, self.scale_, self._device())[0]

    def _data_units(self, x: Tensor) -> Tensor:
        return x.double() * self.scale_ + torch.from_numpy(self.offset_).to(x.device)

    def _variances(self, x: Tensor) -> Tensor:
        with torch.set_grad_enabled(x.requires_grad):
            mean, log_var = self.network_.encode(x)
            return torch.zeros_like(mean) if log_var is None else log_var.exp()

    def _apply(self, samples: Samples, inputs: Tensor, function: Any) -> Any:
        """Apply a function to rows, a part at a time, with a graph if the samples are part of one."""
        with torch.set_grad_enabled(samples.values.requires_grad):
            return samples.give_back(torch.cat([function(part) for part in torch.split(inputs, _CHUNK)]))

    @property
    def _n_features_out(self) -> int:
        """For scikit-learn's names of the columns of :meth:`transform`."""
        return self.n_components_
