"""Learning from easier problems: Welper, "Non-Convex Compressed Sensing with Training Data", 2021."""

from ...engine.registry import Family
from .figures import FIGURES
from .methods import METHODS
from .solvers import SOLVERS

FAMILY = Family("training", FIGURES, METHODS, SOLVERS, estimators=("WelperRecover",))
