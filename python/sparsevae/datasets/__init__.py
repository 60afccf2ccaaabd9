"""Seeded test problems, digits with outliers and a few real data sets.

The draws are made in Rust, but for ReLU manifolds and digits, which NumPy draws. An integer `random_state`
gives the same draws on every machine and for any number of threads, and draws of different kinds (design,
coefficients, noise) under the same integer are independent. What is multiplied from them, such as a response,
is the same on every machine up to the rounding of its BLAS.
"""

from ._design import (
    make_block_design,
    make_gaussian_design,
    make_partial_dct_design,
    make_random_walk_design,
    make_toeplitz_design,
)
from ._digits import make_corrupted_digits
from ._hastie import make_hastie_regression
from ._leadfield import make_meg_leadfield, sarvas_field
from ._local_tables import fetch_finemapping, fetch_gasoline, fetch_trim32
from ._low_rank import make_low_rank_outliers
from ._mnist import fetch_mnist
from ._regression import make_sparse_coef, make_sparse_regression, plant_response
from ._relu_manifold import make_relu_manifold
from ._riboflavin import fetch_riboflavin
from ._row_sparse import make_row_sparse_coef, make_row_sparse_regression, plant_responses
from ._training_problems import (
    make_combinators,
    make_sparse_components,
    make_training_problems,
    plant_training_problems,
)

__all__ = [
    "fetch_finemapping",
    "fetch_gasoline",
    "fetch_mnist",
    "fetch_riboflavin",
    "fetch_trim32",
    "make_block_design",
    "make_combinators",
    "make_corrupted_digits",
    "make_gaussian_design",
    "make_hastie_regression",
    "make_low_rank_outliers",
    "make_meg_leadfield",
    "make_partial_dct_design",
    "make_random_walk_design",
    "make_relu_manifold",
    "make_row_sparse_coef",
    "make_row_sparse_regression",
    "make_sparse_coef",
    "make_sparse_components",
    "make_sparse_regression",
    "make_toeplitz_design",
    "make_training_problems",
    "plant_response",
    "plant_responses",
    "plant_training_problems",
    "sarvas_field",
]
