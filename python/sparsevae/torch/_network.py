"""The networks of the nonlinear autoencoder: means and variances of the latent variables, and the decoder's mean."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

# Logarithms of posterior variances are kept between these; beyond them float32 has nothing to gain.
_LEAST, _MOST = -16.0, 6.0


class Autoencoder(nn.Module):
    r"""Encoder and decoder of fully connected layers with rectifiers between them.

    Parameters
    ----------
    n_features : int
        Width of a sample.
    encoder_hidden : sequence of int
        Widths of the hidden layers of the encoder, from the sample on; empty for an affine encoder.
    n_components : int
        Latent variables.
    decoder_hidden : sequence of int
        Widths of the hidden layers of the decoder, from the latent variables on; empty for an affine decoder.
    variational : bool
        Whether the encoder has variances, by one more layer on its last hidden one.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", sec. 5.1.
    """

    def __init__(
        self,
        n_features: int,
        encoder_hidden: Sequence[int],
        n_components: int,
        decoder_hidden: Sequence[int],
        *,
        variational: bool,
    ) -> None:
        super().__init__()
        widths = [n_features, *encoder_hidden]
        self.body = _layers(widths)
        self.mean = nn.Linear(widths[-1], n_components)
        self.log_var = nn.Linear(widths[-1], n_components) if variational else None
        widths = [n_components, *decoder_hidden]
        self.decoder = _layers(widths).append(nn.Linear(widths[-1], n_features))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw weights and offsets anew, uniform up to one over the root of the number of inputs, as torch does.

        They are smaller than by the law of He et al., with which superfluous latent variables are slower to vanish.

        Parameters
        ----------
        generator : torch.Generator
            Of the device that the weights are on.
        """
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    bound = 1.0 / math.sqrt(layer.in_features)
                    layer.weight.uniform_(-bound, bound, generator=generator)
                    layer.bias.uniform_(-bound, bound, generator=generator)

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
        hidden = self.body(x)
        mean: Tensor = self.mean(hidden)
        return mean, None if self.log_var is None else self.log_var(hidden).clamp(_LEAST, _MOST)

    def decode(self, z: Tensor) -> Tensor:
        """Compute the decoder's mean.

        Parameters
        ----------
        z : Tensor of shape (..., n_components)
            Latent variables.

        Returns
        -------
        Tensor of shape (..., n_features)
            Samples, in the units of the training.
        """
        mean: Tensor = self.decoder(z)
        return mean

    def forward(self, x: Tensor) -> Tensor:
        """Project samples to the manifold: the decoder's mean at the mean of the latent variables."""
        return self.decode(self.encode(x)[0])

    def first_weights(self) -> Tensor:
        """Return the decoder's first weights, a column for each latent variable."""
        weight = next(self.decoder.parameters())
        return weight.detach()


def _layers(widths: Sequence[int]) -> nn.Sequential:
    found: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        found += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*found)
