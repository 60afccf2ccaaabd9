"""The figures of the papers as experiments: run, kept, resumed, summarised and drawn.

A figure is data: what is swept, how problems are drawn, which methods run. Trials go into an SQLite file as they end,
so that a run which was stopped goes on where it was. See ``sparsevae reproduce --help`` for the command line.
"""

from .comparison import DEFAULT_ESTIMATORS, Comparison, compare, standing
from .drawing import draw
from .figures import FIGURES, find_figures
from .manifold_problem import DigitsProblem, ManifoldProblem
from .methods import METHODS, find_methods, missing_package, split_names, training_settings
from .outlier_problem import LowRankProblem
from .plan import Plan, make_plan, split_done
from .reference import recorded_rates
from .results import STORE_NAME, Results, draw_panels, lay_out, run, stored_results, write
from .row_problem import RowProblem
from .runner import execute
from .scoring import Score, Solution
from .specification import Figure, Method, Problem, problem_seed
from .store import Store
from .summary import DIMENSIONS, Point, Timing, success, summarise, time_spent
from .training_problem import TrainingProblem
from .trial import Key, Record, Task, run_trial

__all__ = [
    "DEFAULT_ESTIMATORS",
    "DIMENSIONS",
    "FIGURES",
    "METHODS",
    "STORE_NAME",
    "Comparison",
    "DigitsProblem",
    "Figure",
    "Key",
    "LowRankProblem",
    "ManifoldProblem",
    "Method",
    "Plan",
    "Point",
    "Problem",
    "Record",
    "Results",
    "RowProblem",
    "Score",
    "Solution",
    "Store",
    "Task",
    "Timing",
    "TrainingProblem",
    "compare",
    "draw",
    "draw_panels",
    "execute",
    "find_figures",
    "find_methods",
    "lay_out",
    "make_plan",
    "missing_package",
    "problem_seed",
    "recorded_rates",
    "run",
    "run_trial",
    "split_done",
    "split_names",
    "standing",
    "stored_results",
    "success",
    "summarise",
    "time_spent",
    "training_settings",
    "write",
]
