"""Models of the samples themselves: an affine decoder, and a low-rank part apart from outliers."""

from .affine_vae import AffineVae
from .robust_vae import RobustVae

__all__ = ["AffineVae", "RobustVae"]
