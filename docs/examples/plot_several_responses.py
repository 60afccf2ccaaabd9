"""
Several responses with one support
==================================

Of 200 rows of coefficients 80 are not zero, with 100 samples: too many to be found from one response, certain from ten
that share them. The picture has the coefficients of the first response.
"""

import matplotlib.pyplot as plt
from sparsevae import SimultaneousSparseVae
from sparsevae.datasets import make_row_sparse_regression
from sparsevae.plotting import plot_coefficients

problem = make_row_sparse_regression(100, 200, n_responses=10, n_nonzero=80, rank=5, random_state=0)
figure, all_axes = plt.subplots(2, 1, figsize=(9, 5.5), layout="constrained", sharex=True)
for axes, n_responses in zip(all_axes, (1, 10), strict=True):
    model = SimultaneousSparseVae(fit_intercept=False).fit(problem.X, problem.Y[:, :n_responses])
    title = f"responses: {n_responses}, certified: {model.certified_}"
    plot_coefficients(axes, problem.coef[0], {"found": model.coef_[0]}, title=title)
