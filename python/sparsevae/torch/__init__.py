<<<<<<< HEAD
"""What needs PyTorch: energies with gradients, the papers' models as modules, the nonlinear autoencoder.

The rest of sparsevae neither needs nor imports it: ``pip install 'sparsevae[torch]'``.
=======
"""Energies with gradients, the papers' models, and many problems at once, for PyTorch.

Needs it: ``pip install "sparsevae[torch]"``.
>>>>>>> 5f94fec (sparsevae.torch: many problems at once by solve_batch, and recover, a fit with gradients through its minimum)
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
from .modules import LinearVae, SparseDecoder
from .solve import BatchSolution, solve_batch

__all__ = [
    "BatchSolution",
    "LinearVae",
    "ManifoldVae",
    "SparseDecoder",
    "elbo_energy",
    "marginal_energy",
    "preconditioned_energy",
    "recover",
    "separable_energy",
    "solve_batch",
]
