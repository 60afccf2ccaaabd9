"""Noisy data, real and drawn: predictions, supports and probabilities beside the rivals of statistics."""

from ...engine.registry import Family
from .figures import FIGURES
from .methods import METHODS
from .solvers import SOLVERS

FAMILY = Family("statistics", FIGURES, METHODS, SOLVERS, estimators=("VaeSlr()", "VaeSlr(model_averaging=True)"))
