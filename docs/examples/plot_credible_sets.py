"""
Columns that are interchangeable
================================

Twenty blocks of ten columns, correlated by .95 within a block, as neighbouring genotypes are. The data show that a
block has an effect, hardly at which of its columns: these share the probability, and a credible set names them.
"""

import matplotlib.pyplot as plt
from sparsevae import VaeSlr
from sparsevae.datasets import make_sparse_regression
from sparsevae.plotting import plot_inclusion

problem = make_sparse_regression(200, 200, n_nonzero=4, design="block", correlation=0.95, snr_db=5, random_state=1)
model = VaeSlr().fit(problem.X, problem.y)

figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
plot_inclusion(axes, model, support=problem.support, title="credible sets in colour, true effects ringed")

# %%
# Each set holds an effect with the probability given; purity is the smallest correlation in it.
for each in model.credible_sets():
    print(each.columns, f"probability {each.prob:.2f}, purity {each.purity:.2f}")
