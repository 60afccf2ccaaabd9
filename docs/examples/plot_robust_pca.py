"""
Outliers in a low-rank table
============================

A table of rank 5 in which every fifth entry was replaced. ``RobustVae`` takes it apart into the low-rank part and the
outliers; no number is given to it.
"""

import matplotlib.pyplot as plt
import numpy as np
from sparsevae import RobustVae
from sparsevae.datasets import make_low_rank_outliers

data = make_low_rank_outliers(200, 50, rank=5, outlier_share=0.2, random_state=0)
model = RobustVae().fit(data.X)

figure, all_axes = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained")
limit = 3 * data.X.std()
for axes, title, matrix in zip(
    all_axes, ("data", "low rank", "outliers"), (data.X, model.low_rank_, model.outliers_), strict=True
):
    axes.imshow(matrix[:60], cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    axes.set(title=title, xticks=[], yticks=[])

# %%
found = model.outlier_mask_
print(f"rank {model.rank_}, {np.count_nonzero(found)} outliers")
