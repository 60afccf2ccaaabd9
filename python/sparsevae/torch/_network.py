"""The networks of the nonlinear autoencoder: posteriors of the latent variables, and the decoder's mean."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ..exceptions import ParameterError, ShapeError
from ._posterior import Posterior

# From the numbers of features and of latent variables to an encoder's layers, but for the last, and a decoder.
Factory: TypeAlias = Callable[[int, int], tuple[nn.Module, nn.Module]]

# Logarithms of posterior variances are kept between these; beyond them float32 has nothing to gain.
_LEAST, _MOST = -16.0, 6.0
# Rows on which modules of the user's are tried.
_TRIAL = 3


class Autoencoder(nn.Module):
    r"""Encoder and decoder: layers of some kind, and linear ones from the encoder's to means and covariances.

    Parameters
    ----------
    encoder : torch.nn.Module
        From samples, of shape (n, n_features), to shape (n, width).
    decoder : torch.nn.Module
        From latent variables, of shape (n, n_components), to the means of samples.
    width : int
        What the encoder ends with.
    n_components : int
        Latent variables.
    covariance : {"diagonal", "full", "none"}
        Covariance of the encoder. "full" has one linear layer more, with the entries of the factor below its diagonal.
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        Law of the samples around the decoder's mean. "bernoulli": the decoder ends with logits.
    learn_noise : bool, default=False
        Whether the logarithm of the decoder's variance is a parameter.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        width: int,
        n_components: int,
        *,
        covariance: str,
        likelihood: str = "gaussian",
        learn_noise: bool = False,
    ) -> None:
        super().__init__()
        self.n_components, self.likelihood = n_components, likelihood
        self.body = encoder
        self.mean = nn.Linear(width, n_components)
        self.log_var = nn.Linear(width, n_components) if covariance != "none" else None
        entries = n_components * (n_components - 1) // 2
        self.below = nn.Linear(width, entries) if covariance == "full" and entries else None
        self.decoder = decoder
        self.log_noise_var = nn.Parameter(torch.zeros(())) if learn_noise else None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a state, that of version 0.2 included."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.__dict__.setdefault("n_components", self.mean.out_features)
        self.__dict__.setdefault("likelihood", "gaussian")
        self._modules.setdefault("below", None)
        self._parameters.setdefault("log_noise_var", None)

    def initialise(self, generator: torch.Generator, layers: nn.Module | None = None) -> None:
        """Draw weights and offsets anew, uniform up to one over the root of the number of inputs, as torch does.

        They are smaller than by the law of He et al., with which superfluous latent variables are slower to vanish.

        Parameters
        ----------
        generator : torch.Generator
            Of the device that the weights are on.
        layers : torch.nn.Module or None, default=None
            Whose weights; None for all of the network.
        """
        with torch.no_grad():
            for layer in (layers or self).modules():
                if isinstance(layer, nn.Linear):
                    bound = 1.0 / math.sqrt(layer.in_features)
                    layer.weight.uniform_(-bound, bound, generator=generator)
                    layer.bias.uniform_(-bound, bound, generator=generator)
            if self.below is not None:
                # A diagonal covariance: noise of all latent variables in each would drown the first steps.
                self.below.weight.zero_()
                self.below.bias.zero_()

    def heads(self) -> nn.ModuleList:
        """Return the last layers of the encoder."""
        return nn.ModuleList(layer for layer in (self.mean, self.log_var, self.below) if layer is not None)

    def posterior(self, x: Tensor) -> Posterior:
        """Compute the posterior of the latent variables.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_features)
            Samples, in the units of the training.

        Returns
        -------
        Posterior
            Means, and the factor of the covariance.
        """
        hidden = self.body(x)
        log_var = None if self.log_var is None else self.log_var(hidden).clamp(_LEAST, _MOST)
        return Posterior(self.mean(hidden), log_var, None if self.below is None else self.below(hidden))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Compute means and logarithms of variances of the latent variables.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_features)
            Samples, in the units of the training.

        Returns
        -------
        mean : Tensor of shape (n_samples, n_components)
            Means.
        log_var : Tensor of shape (n_samples, n_components) or None
            Logarithms of variances; None of a deterministic autoencoder.
        """
        posterior = self.posterior(x)
        log_var = posterior.log_var if posterior.entries is None else posterior.variances().log()
        return posterior.mean, log_var

    def output(self, z: Tensor) -> Tensor:
        """Compute what the decoder ends with: its mean, or the logits of its mean.

        Parameters
        ----------
        z : Tensor of shape (..., n_components)
            Latent variables.

        Returns
        -------
        Tensor of shape (..., n_features)
            Means in the units of the training, or logits.
        """
        found: Tensor = self.decoder(z.reshape(-1, z.shape[-1]))
        return found.reshape(*z.shape[:-1], -1)

    def decode(self, z: Tensor) -> Tensor:
        """Compute the decoder's mean.

        Parameters
        ----------
        z : Tensor of shape (..., n_components)
            Latent variables.

        Returns
        -------
        Tensor of shape (..., n_features)
            Samples, in the units of the training; probabilities from 0 to 1 where the law is Bernoulli's.
        """
        found = self.output(z)
        return found.sigmoid() if self.likelihood == "bernoulli" else found

    def forward(self, x: Tensor) -> Tensor:
        """Project samples to the manifold: the decoder's mean at the mean of the latent variables."""
        return self.decode(self.posterior(x).mean)

    def first_weights(self) -> Tensor | None:
        """Return the decoder's first weights, a column for each latent variable; None if it begins with others."""
        weight = next(self.decoder.parameters(), None)
        if weight is None or weight.ndim != 2 or weight.shape[1] != self.n_components:
            return None
        return weight.detach()


class Block(nn.Module):
    """A residual block of two fully connected layers, rectifiers before each; linear where the widths differ.

    References
    ----------
    He, Zhang, Ren and Sun, "Identity Mappings in Deep Residual Networks", 2016, without batch normalisation.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs, outputs), nn.Linear(outputs, outputs)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Add the output of the layers to the input, or to a linear map of it."""
        change: Tensor = self.shortcut(x) + self.second(self.first(x.relu()).relu())
        return change


def _connected(widths: Sequence[int]) -> nn.Sequential:
    found: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        found += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*found)


def _residual(widths: Sequence[int]) -> nn.Sequential:
    """Build a linear layer to the first width, a block for each, and a rectifier."""
    if len(widths) == 1:
        return nn.Sequential()
    blocks = [Block(inputs, outputs) for inputs, outputs in pairwise([widths[1], *widths[1:]])]
    return nn.Sequential(nn.Linear(widths[0], widths[1]), *blocks, nn.ReLU())


LAYERS: dict[str, Callable[[Sequence[int]], nn.Sequential]] = {"mlp": _connected, "resnet": _residual}


def layered(
    kind: str, n_features: int, encoder_hidden: Sequence[int], n_components: int, decoder_hidden: Sequence[int]
) -> tuple[nn.Module, nn.Module, int]:
    """Build encoder and decoder of hidden layers.

    Parameters
    ----------
    kind : {"mlp", "resnet"}
        Fully connected layers with rectifiers between them (Dai et al., sec. 5.1), or residual blocks.
    n_features : int
        Width of a sample.
    encoder_hidden, decoder_hidden : sequence of int
        Widths of the hidden layers, or blocks, from the input on; empty for an affine map.
    n_components : int
        Latent variables.

    Returns
    -------
    encoder, decoder : torch.nn.Module
        The networks.
    width : int
        What the encoder ends with.
    """
    widths = [n_components, *decoder_hidden]
    decoder = LAYERS[kind](widths).append(nn.Linear(widths[-1], n_features))
    widths = [n_features, *encoder_hidden]
    return LAYERS[kind](widths), decoder, widths[-1]


def user_modules(factory: Factory, n_features: int, n_components: int) -> tuple[nn.Module, nn.Module, int]:
    """Have a function of the user's make encoder and decoder, and try them.

    Parameters
    ----------
    factory : callable
        From the two numbers to encoder and decoder.
    n_features, n_components : int
        Width of a sample and of the latent variables.

    Returns
    -------
    encoder, decoder : torch.nn.Module
        The networks.
    width : int
        What the encoder ends with.

    Raises
    ------
    ParameterError
        If it returns anything but two modules.
    ShapeError
        If the output of a module for a batch has another shape than is needed.
    """
    made = factory(n_features, n_components)
    if not (isinstance(made, (tuple, list)) and len(made) == 2 and all(isinstance(part, nn.Module) for part in made)):
        raise ParameterError(
            f"`networks` returned {made!r}, but an encoder and a decoder, two of torch.nn.Module, are needed"
        )
    encoder, decoder = made
    features = _tried("encoder", encoder, n_features, "width")
    _tried("decoder", decoder, n_components, n_features)
    return encoder, decoder, features


def _tried(name: str, module: nn.Module, inputs: int, outputs: int | str) -> int:
    """Return what a module ends with, and leave it in training mode."""
    with torch.no_grad():
        try:
            found = module.eval()(torch.zeros(_TRIAL, inputs))
        except (RuntimeError, ValueError, IndexError) as error:
            raise ShapeError(
                f"the {name} of `networks` does not take a batch of shape ({_TRIAL}, {inputs}): {error}"
            ) from error
    module.train()
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    fits = isinstance(found, Tensor) and found.ndim == 2 and len(found) == _TRIAL
    if not fits or outputs not in ("width", shape[1]):
        raise ShapeError(
            f"the {name} of `networks` makes {shape} of a batch of shape ({_TRIAL}, {inputs}), but "
            f"({_TRIAL}, {outputs}) is needed"
        )
    return int(shape[1])
