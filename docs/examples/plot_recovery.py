"""
Exact recovery, and its proof
=============================

Forty of 200 coefficients of a random walk, from 100 samples without noise: neighbouring columns are nearly parallel.
The Lasso has its best penalty here, picked by the truth.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import lasso_path
from sparsevae import VaeSlr
from sparsevae.datasets import make_sparse_regression
from sparsevae.metrics import relative_error
from sparsevae.plotting import plot_coefficients

problem = make_sparse_regression(100, 200, n_nonzero=40, design="random_walk", random_state=0)
model = VaeSlr(fit_intercept=False).fit(problem.X, problem.y)

path = lasso_path(problem.X, problem.y, eps=1e-4, max_iter=5000, tol=1e-2)[1]
lasso = min(path.T, key=lambda coef: relative_error(problem.coef, coef))

figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
plot_coefficients(axes, problem.coef, {"VaeSlr": model.coef_, "Lasso": lasso}, title="40 of 200 coefficients")

# %%
# The fit ends with a certificate: no other solution is as sparse.
print(f"VaeSlr: certified {model.certified_}, error {relative_error(problem.coef, model.coef_):.0e}")
print(f"Lasso: {np.count_nonzero(lasso)} columns, error {relative_error(problem.coef, lasso):.2f}")
