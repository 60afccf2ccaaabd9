"""What a design can tell before there is a response: recovery measured by planted effects, known limits, costs.

:func:`plan` is where to begin; the rest is what it returns.
"""

from ._limits import Limits, limits
from ._planner import plan
from ._result import MEASURES, Needed, Plan, PlanPoint
from ._statistics import Estimate

__all__ = ["MEASURES", "Estimate", "Limits", "Needed", "Plan", "PlanPoint", "limits", "plan"]
