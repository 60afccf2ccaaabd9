"""Recovery from exact measurements: basis pursuit, and what is learned from easier problems with the same matrix."""

from ._recovery import Recovery
from .l1 import BasisPursuitResult, basis_pursuit
from .welper_recover import WelperRecover

__all__ = ["BasisPursuitResult", "Recovery", "WelperRecover", "basis_pursuit"]
