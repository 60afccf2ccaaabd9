"""Sparse linear regression by minimising the energy of a linear variational autoencoder."""

from . import datasets, energies, exceptions, metrics, theory
from ._core import __version__
from .parallel import fit_many
from .preconditioned_vae import PreconditionedVae
from .simultaneous_sparse_vae import SimultaneousSparseVae
from .vae_slr import VaeSlr

__all__ = [
    "PreconditionedVae",
    "SimultaneousSparseVae",
    "VaeSlr",
    "__version__",
    "datasets",
    "energies",
    "exceptions",
    "fit_many",
    "metrics",
    "theory",
]
