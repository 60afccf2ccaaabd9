"""What needs PyTorch: energies and fits with gradients, the papers' models, batches on a device.

The rest of sparsevae neither needs nor imports it: ``pip install 'sparsevae[torch]'``.
"""

try:
    import torch as _torch  # noqa: F401 - the modules below need it
except ImportError as error:
    raise ImportError(
        f"sparsevae.torch needs PyTorch, which cannot be imported ({error}): pip install 'sparsevae[torch]', or see "
        "https://pytorch.org/get-started for builds without CUDA"
    ) from error

from .energies import elbo_energy, marginal_energy, preconditioned_energy, separable_energy
from .implicit import recover
from .manifold_vae import ManifoldVae
from .modules import LinearVae, PreconditionedLinearVae, RowSparseVae, SparseDecoder
from .solve import BatchSolution, solve_batch

__all__ = [
    "BatchSolution",
    "LinearVae",
    "ManifoldVae",
    "PreconditionedLinearVae",
    "RowSparseVae",
    "SparseDecoder",
    "elbo_energy",
    "marginal_energy",
    "preconditioned_energy",
    "recover",
    "separable_energy",
    "solve_batch",
]
