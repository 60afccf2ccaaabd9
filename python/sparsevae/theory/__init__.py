"""The theorems on the landscape of the energies, as functions that can be evaluated."""

from ._coef import autoencoder_energy, diagonal_coef_energy
from ._probe import count_minima
from ._profile import PriorVarProfile, prior_var_profile

__all__ = ["PriorVarProfile", "autoencoder_energy", "count_minima", "diagonal_coef_energy", "prior_var_profile"]
