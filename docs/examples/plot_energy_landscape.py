"""
Bad minima that are smoothed away
=================================

The energy along one prior variance, all others fixed (Corollary 4.5 of "Marginalization is not marginal"). An encoder
with a diagonal covariance leaves a bad minimum at zero, in which a descent that starts small stays; with the full
covariance, whose latent variables are integrated out, there is one minimum.
"""

import matplotlib.pyplot as plt
import numpy as np
from sparsevae.theory import PriorVarProfile

full = PriorVarProfile(mean_square=10, variance=1, lone_variance=1)
diagonal = PriorVarProfile(mean_square=10, variance=1, lone_variance=0.01)

values = np.concatenate([[0], np.geomspace(1e-4, 100, 400)])
figure, all_axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for axes, profile, title in zip(all_axes, (full, diagonal), ("full covariance", "diagonal covariance"), strict=True):
    axes.plot(values, profile.energy(values))
    minima = profile.minima()
    axes.plot(minima, profile.energy(minima), "o", label="minima")
    axes.set_xscale("symlog", linthresh=1e-2)
    axes.set(xlabel="prior variance", ylabel="energy", title=title)
    axes.legend(frameon=False)
