"""
How sure a selection is
=======================

Ten measurements of 442 diabetes patients beside 40 columns that are permuted, and so have no effect. Each point is the
posterior probability that a column has one.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sparsevae import VaeSlr
from sparsevae.plotting import plot_inclusion

data = load_diabetes()
permuted = np.random.default_rng(0).permuted(np.tile(data.data, 4), axis=0)
model = VaeSlr().fit(np.hstack([data.data, permuted]), data.target)

figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
plot_inclusion(axes, model, title="diabetes: ten measurements, then 40 permuted columns")
axes.axvline(9.5, color="0.7", linewidth=0.8)
axes.set_xticks(range(10), data.feature_names, rotation=90)

# %%
# Coefficients of the columns chosen, with 95% intervals. Columns are chosen because they predict: one whose interval
# contains zero is no sure effect.
names = [*data.feature_names, *(f"permuted {number}" for number in range(40))]
for column in model.support_:
    deviation = 1.96 * np.sqrt(model.coef_var_[column])
    print(f"{names[column]:>11} {model.coef_[column]:7.0f} +- {deviation:.0f}")
