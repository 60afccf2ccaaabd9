"""Networks on nonlinear manifolds and digits: Dai et al., "Hidden Talents of the Variational Autoencoder"."""

from ...engine.registry import Family
from .figures import FIGURES
from .methods import METHODS
from .solvers import SOLVERS

FAMILY = Family("manifold", FIGURES, METHODS, SOLVERS, estimators=("ManifoldVae",))
