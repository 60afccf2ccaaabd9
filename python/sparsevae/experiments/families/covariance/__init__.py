"""Diagonal and full covariance of deep networks: Wipf, "Marginalization is not Marginal", section 5.2."""

from ...engine.registry import Family
from .figures import FIGURES
from .methods import METHODS
from .solvers import SOLVERS

FAMILY = Family("covariance", FIGURES, METHODS, SOLVERS)
