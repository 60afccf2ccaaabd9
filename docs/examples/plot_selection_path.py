"""
How many columns
================

For each number of columns: the best ones, and how far their predictions are from those of the posterior mean. The
fewest within the tolerance are chosen; any other size is there to take.
"""

import matplotlib.pyplot as plt
from sparsevae import VaeSlr
from sparsevae.datasets import make_sparse_regression
from sparsevae.plotting import plot_selection_path

problem = make_sparse_regression(150, 300, n_nonzero=8, design="toeplitz", correlation=0.8, snr_db=8, random_state=2)
model = VaeSlr().fit(problem.X, problem.y)

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
plot_selection_path(axes, model)

# %%
columns, loss = model.selection_path_[3]
print("chosen:", model.support_)
print("the best three:", columns)
