"""What needs PyTorch: ``pip install 'sparsevae[torch]'``.

The rest of sparsevae neither needs nor imports it.
"""

try:
    import torch as _torch  # noqa: F401 - the modules below need it
except ImportError as error:
    raise ImportError(
        f"sparsevae.torch needs PyTorch, which cannot be imported ({error}): pip install 'sparsevae[torch]', or see "
        "https://pytorch.org/get-started for builds without CUDA"
    ) from error

from .manifold_vae import ManifoldVae

__all__ = ["ManifoldVae"]
