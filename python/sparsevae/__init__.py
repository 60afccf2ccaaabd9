"""Sparse linear regression by minimising the energy of a linear variational autoencoder."""

import sys

from . import datasets, energies, exceptions, metrics, theory
from ._core import __version__
from .affine_vae import AffineVae
from .parallel import fit_many
from .preconditioned_vae import PreconditionedVae
from .robust_vae import RobustVae
from .simultaneous_sparse_vae import SimultaneousSparseVae
from .transfer import BasisPursuitResult, Recovery, WelperRecover, basis_pursuit, l1, welper_recover
from .vae_slr import VaeSlr

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

# Modules that stood here in earlier versions: user code and pickles name them.
for _module in (l1, welper_recover):
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module
