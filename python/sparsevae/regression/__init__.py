"""Sparse regression: one response, several that share their support, many at once."""

from .parallel import fit_many
from .preconditioned_vae import PreconditionedVae
from .simultaneous_sparse_vae import SimultaneousSparseVae
from .support_selector import SupportSelector
from .vae_slr import VaeSlr

__all__ = ["PreconditionedVae", "SimultaneousSparseVae", "SupportSelector", "VaeSlr", "fit_many"]
