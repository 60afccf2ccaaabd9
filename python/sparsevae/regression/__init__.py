"""Sparse regression: one response, several that share their support, many at once."""

from typing import TYPE_CHECKING, Any

from .parallel import fit_many
from .preconditioned_vae import PreconditionedVae
from .simultaneous_sparse_vae import SimultaneousSparseVae
from .vae_slr import VaeSlr

if TYPE_CHECKING:
    from .support_selector import SupportSelector

__all__ = ["PreconditionedVae", "SimultaneousSparseVae", "SupportSelector", "VaeSlr", "fit_many"]


def __getattr__(name: str) -> Any:
    # scikit-learn's feature selection takes 100 ms to import: only where it is used.
    if name == "SupportSelector":
        from .support_selector import SupportSelector

        return SupportSelector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
