"""Rivals of the estimators, as scikit-learn regressors.

The methods that "Be a Goldfish" (Pratihar and Mukhopadhyay, ICML 2025) compares with, at their best settings, and
reweighted basis pursuit. The Lasso is scikit-learn's. For many responses whose coefficients share their zeros, those
of "Marginalization is not Marginal" (Wipf, ICML 2023). For low-rank data with outliers, principal component pursuit,
which is no regressor.

Their loops are compiled, as are those of the package's own models, so that algorithms are compared and not languages;
:class:`BasisPursuit` alone calls HiGHS.
"""

from .augmented_basis_pursuit import AugmentedBasisPursuit
from .basis_pursuit import BasisPursuit
from .concave_autoencoder import ConcaveAutoencoder
from .covariance_free_em import CovarianceFreeEm
from .group_basis_pursuit import GroupBasisPursuit
from .log_autoencoder import LogAutoencoder
from .reweighted_basis_pursuit import ReweightedBasisPursuit
from .robust_pca import RobustPca
from .sparse_bayesian_learning import SparseBayesianLearning

__all__ = [
    "AugmentedBasisPursuit",
    "BasisPursuit",
    "ConcaveAutoencoder",
    "CovarianceFreeEm",
    "GroupBasisPursuit",
    "LogAutoencoder",
    "ReweightedBasisPursuit",
    "RobustPca",
    "SparseBayesianLearning",
]
