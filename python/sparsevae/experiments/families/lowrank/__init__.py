"""Low-rank matrices with outliers: the affine case of Dai et al., "Hidden Talents of the Variational Autoencoder"."""

from ...engine.registry import Family
from .figures import FIGURES
from .methods import METHODS
from .solvers import SOLVERS

FAMILY = Family("lowrank", FIGURES, METHODS, SOLVERS, estimators=("RobustVae",))
