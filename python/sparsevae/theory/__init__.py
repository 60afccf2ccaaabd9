"""The theorems on the landscape of the energies and their limits, as functions that can be evaluated."""

from ._basic import basic_minima
from ._coef import autoencoder_energy, diagonal_coef_energy
from ._manifold import count_affine_minima, memorising_energy, smoothed_count, smoothed_rank
from ._probe import count_minima
from ._profile import PriorVarProfile, prior_var_profile

__all__ = [
    "PriorVarProfile",
    "autoencoder_energy",
    "basic_minima",
    "count_affine_minima",
    "count_minima",
    "diagonal_coef_energy",
    "memorising_energy",
    "prior_var_profile",
    "smoothed_count",
    "smoothed_rank",
]
