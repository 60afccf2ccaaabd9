"""Sparse linear regression by minimising the energy of a linear variational autoencoder."""

from . import datasets, energies, exceptions, metrics, theory
from ._core import __version__
from .affine_vae import AffineVae
from .l1 import BasisPursuitResult, basis_pursuit
from .parallel import fit_many
from .preconditioned_vae import PreconditionedVae
from .robust_vae import RobustVae
from .simultaneous_sparse_vae import SimultaneousSparseVae
from .vae_slr import VaeSlr
from .welper_recover import Recovery, WelperRecover

__all__ = [
    "AffineVae",
    "BasisPursuitResult",
    "PreconditionedVae",
    "Recovery",
    "RobustVae",
    "SimultaneousSparseVae",
    "VaeSlr",
    "WelperRecover",
    "__version__",
    "basis_pursuit",
    "datasets",
    "energies",
    "exceptions",
    "fit_many",
    "metrics",
    "theory",
]
