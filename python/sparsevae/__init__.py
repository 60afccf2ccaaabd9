"""Sparse linear regression by minimising the energy of a linear variational autoencoder."""

import sys
from typing import TYPE_CHECKING, Any

from . import datasets, energies, exceptions, metrics, planning, theory
from ._core import __version__
from ._input.columns import ColumnBlocks
from .latent import AffineVae, RobustVae, affine_vae, robust_vae
from .planning import Plan, plan
from .regression import (
    PreconditionedVae,
    SimultaneousSparseVae,
    VaeSlr,
    fit_many,
    parallel,
    preconditioned_vae,
    simultaneous_sparse_vae,
    vae_slr,
)
from .transfer import BasisPursuitResult, Recovery, WelperRecover, basis_pursuit, l1, welper_recover

if TYPE_CHECKING:
    from .regression import SupportSelector

__all__ = [
    "AffineVae",
    "BasisPursuitResult",
    "ColumnBlocks",
    "Plan",
    "PreconditionedVae",
    "Recovery",
    "RobustVae",
    "SimultaneousSparseVae",
    "SupportSelector",
    "VaeSlr",
    "WelperRecover",
    "__version__",
    "basis_pursuit",
    "datasets",
    "energies",
    "exceptions",
    "fit_many",
    "metrics",
    "plan",
    "planning",
    "theory",
]

# Where these modules stood before they had packages: users' imports and pickles name them so.
sys.modules.update(
    {
        "sparsevae.affine_vae": affine_vae,
        "sparsevae.l1": l1,
        "sparsevae.parallel": parallel,
        "sparsevae.preconditioned_vae": preconditioned_vae,
        "sparsevae.robust_vae": robust_vae,
        "sparsevae.simultaneous_sparse_vae": simultaneous_sparse_vae,
        "sparsevae.vae_slr": vae_slr,
        "sparsevae.welper_recover": welper_recover,
    }
)


def __getattr__(name: str) -> Any:
    if name == "SupportSelector":
        from .regression import SupportSelector

        return SupportSelector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
