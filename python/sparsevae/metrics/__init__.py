"""How close an estimate comes to the true sparse coefficients, and how well a matrix is conditioned for finding them.

Coefficients of many responses have shape (n_responses, n_features), as in scikit-learn. A feature is in their support
if the norm of its coefficients counts as nonzero.
"""

from ._conditioning import restricted_isometry_bound, stable_rank
from ._scores import mse_after_least_squares, relative_error, support_f1, support_match, wilson_interval

__all__ = [
    "mse_after_least_squares",
    "relative_error",
    "restricted_isometry_bound",
    "stable_rank",
    "support_f1",
    "support_match",
    "wilson_interval",
]
