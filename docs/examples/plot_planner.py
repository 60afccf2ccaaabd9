"""
How many samples a study needs
==============================

Effects are planted on the columns at hand, and fitted: the power by the number of samples, before there is a response.
Numbers of samples beyond those at hand come from a model of the rows, and are marked as extrapolations.
"""

import matplotlib.pyplot as plt
import sparsevae
from sparsevae.datasets import make_toeplitz_design
from sparsevae.plotting import plot_plan

X = make_toeplitz_design(100, 200, correlation=0.8, random_state=0)
plan = sparsevae.plan(X, n_nonzero=5, snr=[1.0, 5.0], n_samples=[25, 50, 100, 200], n_trials=8)

figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
plot_plan(axes, plan, measure="power", title="five effects among 200 correlated columns")

# %%
print(plan)
