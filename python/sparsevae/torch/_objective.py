"""The energy that the nonlinear autoencoder is trained on."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ._network import Autoencoder


@dataclass(frozen=True)
class Settings:
    """How a network is trained; see :class:`ManifoldVae`, whose checked parameters they are."""

    n_components: int
    networks: str
    encoder_hidden: tuple[int, ...]
    decoder_hidden: tuple[int, ...]
    covariance: str
    likelihood: str
    noise_var: str | float
    penalty: str
    penalty_weight: float
    weight_decay: float
    n_draws: int
    floor: float
    anneal_share: float
    warmup_share: float
    n_steps: int
    batch_size: int
    learning_rate: float
    patience: int | None
    tol: float
    seed: int


def sample_energy(
    network: Autoencoder,
    settings: Settings,
    x: Tensor,
    observed: Tensor | None,
    floor: float,
    generator: torch.Generator,
) -> Tensor:
    """Estimate the energy of each sample.

    Parameters
    ----------
    network : Autoencoder
        The networks.
    settings : Settings
        Number of draws, penalty, the law of the decoder, whose variance it is.
    x : Tensor of shape (n_samples, n_features)
        Samples.
    observed : Tensor of shape (n_samples, n_features), bool, or None
        Entries that count.
    floor : float
        Variance that is added to the squared residuals, in squared units of the training.
    generator : torch.Generator
        Source of the draws.

    Returns
    -------
    Tensor of shape (n_samples,)
        Energies.
    """
    posterior = network.posterior(x)
    output = network.output(posterior.draw(settings.n_draws, generator))
    if settings.likelihood == "bernoulli":
        fit = cross_entropy(output, x, observed)
    else:
        fit = decoder_energy((x - output).square(), observed, settings.noise_var, floor, network.log_noise_var)
    return fit.mean(0) + settings.penalty_weight * posterior.size(settings.penalty)


def cross_entropy(logits: Tensor, x: Tensor, observed: Tensor | None) -> Tensor:
    r"""Compute twice the cross-entropy, :math:`-2 \sum_j (x_j \log p_j + (1 - x_j) \log(1 - p_j))`.

    Here :math:`p_j = 1 / (1 + e^{-l_j})` for the logits `l`.

    Parameters
    ----------
    logits : Tensor of shape (n_draws, n_samples, n_features)
        Of the decoder.
    x : Tensor of shape (n_samples, n_features)
        Entries from 0 to 1.
    observed : Tensor of shape (n_samples, n_features), bool, or None
        Entries that count.

    Returns
    -------
    Tensor of shape (n_draws, n_samples)
        Energies.
    """
    costs = nn.functional.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
    return 2.0 * (costs if observed is None else costs * observed).sum(-1)


def decoder_energy(
    square: Tensor, observed: Tensor | None, noise_var: str | float, floor: float, log_noise_var: Tensor | None
) -> Tensor:
    """Compute what squared residuals cost, with their variances.

    Parameters
    ----------
    square : Tensor of shape (n_draws, n_samples, n_features)
        Squared residuals, in squared units of the training.
    observed : Tensor of shape (n_samples, n_features), bool, or None
        Entries that count.
    noise_var : {"entries", "auto", "learn"} or float
        Whose variance it is, see :class:`ManifoldVae`; a number is in squared units of the training.
    floor : float
        Added to the squared residuals, but for a number.
    log_noise_var : Tensor or None
        Logarithm of the variance, if it is learned.

    Returns
    -------
    Tensor of shape (n_draws, n_samples)
        Energies.
    """
    if noise_var == "entries":
        # The variances depend on the latent variables, so that each draw has its own.
        logs = torch.log(square + floor)
        return (logs if observed is None else logs * observed).sum(-1)
    if observed is None:
        error, count = square.sum(-1), torch.full_like(square[..., 0], square.shape[-1])
    else:
        error = (square * observed).sum(-1)
        count = observed.sum(-1).to(square.dtype).expand_as(error)
    if noise_var == "auto":
        return count * torch.log(error.sum() / count.sum().clamp_min(1) + floor)
    if log_noise_var is not None:
        return count * log_noise_var + (error + floor * count) / log_noise_var.exp()
    return count * math.log(float(noise_var)) + error / float(noise_var)
