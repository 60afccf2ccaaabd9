"""Many responses, shared nonzero rows: figure 2 of Wipf, "Marginalization is not marginal", ICML 2023."""

from ...engine.registry import Family
from .figures import FIGURES
from .methods import METHODS
from .solvers import SOLVERS

FAMILY = Family("rows", FIGURES, METHODS, SOLVERS, estimators=("SimultaneousSparseVae",))
