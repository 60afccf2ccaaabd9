"""The figures of the papers as experiments: run, kept, resumed, summarised and drawn.

A figure is data: what is swept, how problems are drawn, which methods run, which metric is shown. Trials go into an
SQLite file as they end, so that a run which was stopped goes on where it was. See ``sparsevae reproduce --help`` for
the command line.
"""

from .engine.comparison import Comparison, compare, standing
from .engine.metric import RATE, Metric
from .engine.metrics import NMSE
from .engine.pictures import draw
from .engine.plan import Plan, make_plan, split_done
from .engine.point import Point, Timing
from .engine.record import Key, Record
from .engine.registry import (
    FIGURES,
    METHODS,
    Family,
    default_estimators,
    figure_groups,
    find_figures,
    find_methods,
    missing_package,
    register,
    split_names,
)
from .engine.reproduce import STORE_NAME, lay_out, run, stored_results
from .engine.results import Results, draw_panels, write
from .engine.runner import execute
from .engine.scoring import Score, Solution
from .engine.specification import Figure, Method, problem_seed
from .engine.store import Store
from .engine.summary import success, summarise, time_spent
from .engine.trial import Task, run_trial
from .families.covariance.problem import CovarianceProblem
from .families.goldfish.methods import training_settings
from .families.goldfish.problem import Problem
from .families.goldfish.reference import recorded_rates
from .families.lowrank.problem import LowRankProblem
from .families.manifold.metrics import DIMENSIONS
from .families.manifold.problem import DigitsProblem, ManifoldProblem
from .families.rows.problem import RowProblem
from .families.statistics.fine_mapping import FineMappingProblem
from .families.statistics.problem import BenchmarkProblem, NormalEffectsProblem, NullProblem
from .families.statistics.real_data import CrossValidationProblem
from .families.training.problem import TrainingProblem

# Our methods in comparisons, and those that stand out in pictures; all families are registered by now.
DEFAULT_ESTIMATORS = default_estimators()

__all__ = [
    "DEFAULT_ESTIMATORS",
    "DIMENSIONS",
    "FIGURES",
    "METHODS",
    "NMSE",
    "RATE",
    "STORE_NAME",
    "BenchmarkProblem",
    "Comparison",
    "CovarianceProblem",
    "CrossValidationProblem",
    "DigitsProblem",
    "Family",
    "Figure",
    "FineMappingProblem",
    "Key",
    "LowRankProblem",
    "ManifoldProblem",
    "Method",
    "Metric",
    "NormalEffectsProblem",
    "NullProblem",
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
    "figure_groups",
    "find_figures",
    "find_methods",
    "lay_out",
    "make_plan",
    "missing_package",
    "problem_seed",
    "recorded_rates",
    "register",
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
