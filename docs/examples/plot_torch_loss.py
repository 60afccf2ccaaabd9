"""
The energy as a loss in PyTorch
===============================

The marginal energy is differentiable in all of its arguments. Here Adam descends on it over the logarithms of the prior
variances: most of them vanish, and the energy chooses the columns.
"""

import matplotlib.pyplot as plt
import torch
from sparsevae.datasets import make_sparse_regression
from sparsevae.torch import marginal_energy

problem = make_sparse_regression(60, 100, n_nonzero=6, snr_db=20, random_state=0)
X, y = torch.from_numpy(problem.X), torch.from_numpy(problem.y)

log_prior_var = torch.zeros(100, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.Adam([log_prior_var], lr=0.1)
path, losses = [], []
for _ in range(300):
    optimizer.zero_grad()
    loss = marginal_energy(log_prior_var.exp(), problem.noise_var, X, y)
    loss.backward()
    optimizer.step()
    path.append(log_prior_var.detach().clone())
    losses.append(loss.item())

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.plot(losses)
left.set(xlabel="step", ylabel="energy")
paths = torch.stack(path).exp().numpy()
right.semilogy(paths, color="0.8", linewidth=0.8)
right.semilogy(paths[:, problem.support], linewidth=1.5)
right.set(xlabel="step", ylabel="prior variance", title="in colour: the columns with an effect")
