"""The nonlinear autoencoder that cleans corrupted samples of a manifold."""

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from .._input.pickles import Versioned
from .._input.random import RandomState
from ._fitted import FittedAutoencoder
from ._network import Factory
from ._parameters import check_parameters, factory_of, make_settings
from ._samples import find_device, read_samples, standardised, units
from ._training import Checkpoint, Progress, Training


class ManifoldVae(
    Versioned,
    FittedAutoencoder,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Variational autoencoder that finds the manifold that samples lie near, entries of which may be outliers.

    Encoder and decoder are networks: :math:`z \sim N(\mu_z(x), \Sigma_z(x))`, :math:`x \sim N(\mu_x(z), \Sigma_x)`,
    the latter diagonal. By default each entry has a decoder variance of its own, for each draw of `z`, and at their
    optimum, the squared residuals plus a floor :math:`\alpha`, the energy of a sample is

    .. math:: \mathbb{E}_z \sum_j \log\left((x_j - \mu_x(z)_j)^2 + \alpha\right)
              + \mathrm{tr}\, \Sigma_z - \log |\Sigma_z| + \|\mu_z\|^2 .

    It is trained by Adam while the floor falls. Outliers cost the logarithm of their size, so that the decoder need not
    follow them; latent variables that are not needed get a variance of 1, and the decoder's weights on them vanish.
    With one variance for all entries (`noise_var`) it is the variational autoencoder as usual, for data without
    outliers.

    With `likelihood` "bernoulli" the decoder's mean is a probability, :math:`p(z)_j = 1 / (1 + e^{-\mu_x(z)_j})`, and
    twice the cross-entropy stands for the logarithms:

    .. math:: -2 \, \mathbb{E}_z \sum_j \left(x_j \log p(z)_j + (1 - x_j) \log(1 - p(z)_j)\right)
              + \mathrm{tr}\, \Sigma_z - \log |\Sigma_z| + \|\mu_z\|^2 .

    Parameters
    ----------
    n_components : int or None, default=None
        Latent variables, at most `n_features`; None for `n_features`, at most 50. Take more than there may be.
    encoder_hidden : sequence of int, default=(200, 100)
        Widths of the hidden layers of the encoder, or of its residual blocks, from the samples on; empty for an affine
        encoder. The paper: 2000, 1000.
    decoder_hidden : sequence of int or None, default=None
        Widths of the hidden layers of the decoder, or of its blocks, from the latent variables on; empty for an affine
        decoder. None for those of the encoder in reverse.
    networks : {"mlp", "resnet"} or callable, default="mlp"
        "mlp": fully connected layers with rectifiers between them. "resnet": a linear layer, residual blocks of two
        fully connected layers each, without batch normalisation, and a rectifier. A function of `n_features` and
        `n_components` that returns your own encoder, from shape (n, n_features) to (n, width) with any width, and
        decoder, from (n, n_components) to (n, n_features), both of :class:`torch.nn.Module`: the last layers of the
        encoder, to means and covariances, are added, and the widths of hidden layers above ignored. For pickles it has
        to be one that can be imported.
    covariance : {"diagonal", "full", "none"}, default="diagonal"
        Covariance of the encoder. "full": :math:`\Sigma_z = S S^T`, where the encoder has
        ``n_components * (n_components - 1) / 2`` outputs more for the triangular factor :math:`S`. "none": a
        deterministic autoencoder, :math:`\Sigma_z = 0` without its logarithm.
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        Law of an entry given the latent variables. "bernoulli": for entries that are 0 or 1, or probabilities between,
        such as the brightness of pixels, which count as the mean cross-entropy of draws by them. They are taken as they
        are, without an offset and a unit; there is no variance of the decoder and no floor, so that `noise_var`,
        `center` and `scale` have to stay as they are, and `floor` and `anneal_share` are ignored. Your own decoder ends
        with logits. Outliers are not left out.
    noise_var : {"entries", "auto", "learn"} or float, default="entries"
        Variance of the decoder. "entries": of each entry and draw its own, at its optimum. Otherwise
        :math:`\Sigma_x = \gamma I`. "auto": at its optimum for each batch, the mean squared residual plus the floor.
        "learn": trained as a weight. A number: given, in squared units of `X`, without a floor.
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
        are small beside its root count for little, and no latent variable is spent on them. With one variance for all
        entries it is the least that this can be.
    anneal_share : float, default=0.7
        Share of the steps in which the floor falls from 0.1 to `floor`, from 0 to 1.
    warmup_share : float, default=0.0
        Share of the steps in which the weight of the terms of the latent variables rises from 0 to `penalty_weight`,
        from 0 to 1. Say 0.7 where too few latent variables stay in use: one that is given up while the floor is high,
        and it explains little, does not come back. The paper has none.
    n_steps : int, default=10000
        Steps of Adam.
    center : bool, default=False
        Whether the median of each feature is taken off before the training. Say True where features have offsets
        larger than their spread; elsewhere try both, since either may train better. The paper takes nothing off.
    scale : float or None, default=None
        Size of a typical entry, in units of `X`; greater than 0. None: it is found in the samples, see `scale_`. Give
        it where most entries are 0, such as 1 for images from 0 to 1: their quartile says nothing of the strokes.
    batch_size : int, default=200
        Samples a step, without replacement in each pass over all of them.
    learning_rate : float, default=1e-3
        Learning rate of the first step; it falls along half a cosine to a fiftieth.
    patience : int or None, default=None
        Hundredths of the training, after the annealing and the warm-up if there are any, without a lower energy at
        which it ends early; None for never.
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
        The networks, in units of ``(X - offset_) / scale_``, with methods ``encode`` and ``decode``, and ``output``,
        which is ``decode`` before the logistic function of Bernoulli's law. On `device`.
    offset_ : ndarray of shape (n_features,)
        Median of each feature, in units of `X`; 0 unless `center`, and with Bernoulli's law.
    scale_ : float
        Size of a typical entry, in units of `X`: the given one, or the third quartile of ``|X - offset_|`` over that of
        a normal law, or the root mean square where that is 0, or 1 where all entries are `offset_`. 1 with Bernoulli's
        law.
    column_norms_ : ndarray of shape (n_components,)
        Norm of the decoder's first weights on each latent variable; NaN where your own decoder does not begin with a
        linear layer on them.
    posterior_var_ : ndarray of shape (n_components,)
        Posterior variance of each latent variable, mean over the samples of the fit; 0 without a covariance.
    mean_moment_ : ndarray of shape (n_components, n_components)
        Second moments of the means of the latent variables over the samples of the fit.
    noise_var_ : float or None
        Variance of the decoder at the end, in squared units of `X`: the given one, the trained one, or for "auto" the
        optimal one for the samples of the fit at a draw each. None where entries have their own, and with Bernoulli's
        law.
    reconstruction_error_ : float
        Mean squared difference between the samples of the fit and their projections by :meth:`denoise`, over all
        entries that are not missing, in squared units of `X`. With Bernoulli's law projections are probabilities.
    energy_path_ : ndarray
        Mean energy of a sample in each hundredth of the training, at the floor and weight of that time, in units of
        `scale_`.
        With one variance it is :math:`n_\mathrm{features} \log \gamma` in place of the logarithms, and, where
        :math:`\gamma` is given or trained, the squared residuals (with the floor, where trained) over it. With
        Bernoulli's law there is neither floor nor unit.
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
    200 and 100 units each way. With 32 latent variables a full covariance takes 1.7 times as long there, and 1.2
    times with two residual blocks of 256 units each way. The samples are kept on the device in float32.

    With a full covariance the energy is the same for every rotation of the latent variables that the decoder's first
    layer undoes: single latent variables mean nothing then, and :meth:`active_directions` counts in their place.

    A deterministic autoencoder that is tuned removes outliers as well in the sizes that a laptop trains (notebook
    ``manifold``); what the variances add there is the number of dimensions, which no autoencoder shows. All of it is a
    descent from random weights: with another seed the result is another one, and too short a training finds too
    few dimensions.

    The paper says nothing of the floor, of its annealing, of a warm-up, or of how the weights begin. On images of MNIST
    with 10% of the pixels replaced the defaults learn nothing, all latent variables are given up and all pixels become
    0: such images need `warmup_share`, and a `scale` of 1.

    Bernoulli's law of entries between 0 and 1 is no density on them: its energies compare with one another alone.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eqs. 3, 19 to 21, sec. 5; sec. 2,
    note 1, for Bernoulli's law, and Kingma and Welling (2014), "Auto-Encoding Variational Bayes", app. C.1, for its
    network. Wipf (2023), "Marginalization is not Marginal", eqs. 1 and 2, Definition 3.1, sec. 5.2, for the full
    covariance.

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
        networks: str | Factory = "mlp",
        covariance: str = "diagonal",
        likelihood: str = "gaussian",
        noise_var: str | float = "entries",
        penalty: str = "l2",
        penalty_weight: float = 1.0,
        weight_decay: float = 0.0,
        n_draws: int = 1,
        floor: float = 0.01,
        anneal_share: float = 0.7,
        warmup_share: float = 0.0,
        n_steps: int = 10_000,
        center: bool = False,
        scale: float | None = None,
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
        self.networks = networks
        self.covariance = covariance
        self.likelihood = likelihood
        self.noise_var = noise_var
        self.penalty = penalty
        self.penalty_weight = penalty_weight
        self.weight_decay = weight_decay
        self.n_draws = n_draws
        self.floor = floor
        self.anneal_share = anneal_share
        self.warmup_share = warmup_share
        self.n_steps = n_steps
        self.center = center
        self.scale = scale
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
        """Tell scikit-learn that float32 stays float32, whether NaN is let through, and whether what is negative is."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = bool(self.allow_missing)
        tags.input_tags.positive_only = self.likelihood == "bernoulli"
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
            If `X` has not two dimensions, or is empty, or your own networks return another shape than is needed.
        NonFiniteError
            If there is an infinite value, or a NaN unless `allow_missing`.
        DataTypeError
            If `X` is complex, sparse, or holds what is no number, or is a tensor of neither float32 nor float64.
        ParameterError
            If a parameter is out of its range, all entries are missing, an entry is not from 0 to 1 with `likelihood`
            "bernoulli", or `networks` returns no two modules.
        NumericalError
            If the training diverges.
        StoreError
            If the checkpoint is of another training, or cannot be used.
        """
        check_parameters(self)
        samples = read_samples(self, X, missing=bool(self.allow_missing), likelihood=self.likelihood)
        values = samples.values.detach()
        device = find_device(self.device, values)
        offset, self.scale_ = units(values, center=bool(self.center), scale=self.scale, likelihood=self.likelihood)
        settings = make_settings(self, values.shape[0], values.shape[1], self.scale_)
        self.offset_ = offset.cpu().numpy().astype(np.float64)
        data, observed = standardised(values, offset, self.scale_, device)
        training = Training(settings, data, observed, factory_of(self))
        kept = None if self.checkpoint is None else Checkpoint(Path(self.checkpoint), settings, data)
        training.run(Progress(settings.n_steps) if self.verbose else None, kept)
        self.network_, state = training.network, training.state
        self.n_components_, self.n_iter_, self.status_ = settings.n_components, state.step, state.status
        self.energy_path_ = np.array(state.path)
        noise_var = training.noise_var()
        self.noise_var_ = None if noise_var is None else noise_var * self.scale_ * self.scale_
        self._summarise(data, observed)
        return self

    @property
    def _n_features_out(self) -> int:
        """For scikit-learn's names of the columns of :meth:`transform`."""
        return self.n_components_
