"""One response: figures 1 to 6 of Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025."""

from ...engine.registry import Family
from .figures import FIGURES
from .methods import METHODS
from .solvers import SOLVERS

FAMILY = Family("goldfish", FIGURES, METHODS, SOLVERS, estimators=("VaeSlr", "PreconditionedVae"))
