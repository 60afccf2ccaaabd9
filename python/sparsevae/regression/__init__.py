"""Sparse regression: one response, several that share their support, many at once."""

from .parallel import fit_many
from .preconditioned_vae import PreconditionedVae
from .simultaneous_sparse_vae import SimultaneousSparseVae
from .vae_slr import VaeSlr

__all__ = ["PreconditionedVae", "SimultaneousSparseVae", "VaeSlr", "fit_many"]
