"""What an encoder says of the latent variables of samples: means, and a covariance by a triangular factor."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Posterior(NamedTuple):
    r"""Normal laws of the latent variables, :math:`N(\mu, S S^T)` with a triangular factor `S`, one a sample.

    The factor is :math:`S = D (I + B)` with a positive diagonal `D` and `B` below the diagonal alone.

    Attributes
    ----------
    mean : Tensor of shape (n_samples, n_components)
        Means.
    log_var : Tensor of shape (n_samples, n_components) or None
        Logarithms of the squares of `D`: those of variances where the covariance is diagonal. None of a deterministic
        autoencoder.
    entries : Tensor of shape (n_samples, n_components * (n_components - 1) / 2) or None
        Those of `B`, row by row, times `n_components`. None where the covariance is diagonal. Training moves all
        outputs of a network alike: without the factor its noise in a whole row of `B` would add up.
    """

    mean: Tensor
    log_var: Tensor | None
    entries: Tensor | None

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        r"""Draw latent variables, :math:`\mu + S \epsilon`.

        Parameters
        ----------
        count : int
            Draws of each sample.
        generator : torch.Generator
            Source of the noise.

        Returns
        -------
        Tensor of shape (count, n_samples, n_components)
            Latent variables; of a deterministic autoencoder the means, once.
        """
        if self.log_var is None:
            return self.mean[None]
        shape, device = (count, *self.mean.shape), self.mean.device
        noise = torch.randn(shape, generator=generator, device=device, dtype=self.mean.dtype)
        if self.entries is not None:
            _, columns, sums = _layout(self.mean.shape[1], device, noise.dtype)
            # Without the matrices themselves, which would take longer to fill than all of this.
            noise = noise + (self.entries * noise.index_select(-1, columns)) @ sums
        return self.mean + torch.exp(0.5 * self.log_var) * noise

    def size(self, penalty: str) -> Tensor:
        r"""Compute :math:`\mathrm{tr}\, S S^T - \log |S S^T| + \|\mu\|^2`, twice the divergence plus `n_components`.

        Parameters
        ----------
        penalty : {"l2", "l1"}
            "l1": absolute values of the means in place of squares.

        Returns
        -------
        Tensor of shape (n_samples,)
            One a sample; without variances their terms are left out.
        """
        total = (self.mean.abs() if penalty == "l1" else self.mean.square()).sum(1)
        return total if self.log_var is None else total + (self.variances() - self.log_var).sum(1)

    def variances(self) -> Tensor:
        """Compute the diagonals of the covariances, of shape (n_samples, n_components); zeros without a covariance."""
        if self.log_var is None:
            return torch.zeros_like(self.mean)
        if self.entries is None:
            return self.log_var.exp()
        _, _, sums = _layout(self.mean.shape[1], self.mean.device, self.mean.dtype)
        return self.log_var.exp() * (1.0 + (self.entries * self.entries) @ sums.square())

    def covariances(self) -> Tensor:
        """Compute the covariances, of shape (n_samples, n_components, n_components); zeros if there are none."""
        if self.log_var is None or self.entries is None:
            return torch.diag_embed(self.variances())
        rows, columns, _ = _layout(self.mean.shape[1], self.mean.device, self.mean.dtype)
        factor = torch.diag_embed(torch.ones_like(self.mean))
        factor[:, rows, columns] = self.entries / self.mean.shape[1]
        factor = factor * torch.exp(0.5 * self.log_var)[:, :, None]
        return factor @ factor.mT


@lru_cache(maxsize=8)
def _layout(size: int, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows and columns of what is below the diagonal, and the matrix that adds up each row over `size`."""
    rows, columns = torch.tril_indices(size, size, -1, device=device)
    sums = nn.functional.one_hot(rows, size).to(dtype) / size
    return rows, columns, sums
