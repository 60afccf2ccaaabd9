"""What an experiment consists of: problems, figures and methods, as data."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, field, replace
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from sklearn.utils import Bunch

from ...exceptions import ParameterError
from .metric import RATE, Metric
from .record import Number
from .scoring import Score, Solution

Settings: TypeAlias = Mapping[str, Any]

# What the paper's scale may change of a figure; all else is of its problem.
_SCALED = {"values", "trials", "series"}


class AnyProblem(Protocol):
    """How a problem is drawn, but for its seed: a frozen dataclass, whose fields are part of the key of a stored trial.

    Attributes
    ----------
    clock : str
        Which time is reported: "CPU", or "wall" where solvers have threads of their own, whose CPU time is not seen.
    goal : str
        What the rate of successes counts.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    clock: ClassVar[str]
    goal: ClassVar[str]

    def draw(self, seed: int) -> Bunch:
        """Draw the problem of a seed."""

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score an answer to a problem that was drawn."""

    def load_data(self) -> None:
        """Read the data that are needed, or raise DataUnavailableError."""


# From a problem, what was drawn of it, and the settings of a method, to its answer.
Solver: TypeAlias = Callable[[Any, Bunch, Settings], Solution]


@dataclass(frozen=True)
class Figure:
    """A panel of a figure: what is swept, how problems are drawn, what is drawn of the results.

    Parameters
    ----------
    name, title, claim : str
        Short name, heading, and the statement of the paper that the panel supports.
    swept : str
        Field of `problem` that varies.
    values : tuple of numbers
        What it takes, ascending.
    problem : Problem, RowProblem, LowRankProblem, CovarianceProblem, another of the package or one of your own
        All else about the problems.
    methods : tuple of str
        Methods that run if none are named.
    choices : tuple of str, default=()
        Methods that "all" stands for; empty for every general one.
    metric : Metric, default=RATE
        What is shown of the trials: by default the rate of success, with Wilson's 95% intervals.
    label : str, default="nonzero coefficients"
        What is swept, in words.
    series : mapping of str to mapping, default={}
        Several curves a method: for each name the fields of `problem` that differ.
    trials_of : str, default=""
        Experiment whose trials are shown, where two panels share them; empty for its own.
    trials : int, default=20
        Problems a point.
    quick_values : tuple of numbers, default=()
        Values of a quick run; empty for three of them, from end to end.
    quick_series : tuple of str, default=()
        Series of a quick run; empty for all.
    quick_problem : mapping, default={}
        Fields of `problem` that differ in a quick run.
    paper : mapping, default={}
        What differs at the paper's own scale, where the figure is smaller: "values", "trials" and "series" of the
        figure, and any field of `problem`.
    note : str, default=""
        What the paper leaves open and was decided here.
    """

    name: str
    title: str
    claim: str
    swept: str
    values: tuple[Number, ...]
    problem: AnyProblem
    methods: tuple[str, ...]
    choices: tuple[str, ...] = ()
    metric: Metric = RATE
    label: str = "nonzero coefficients"
    series: Mapping[str, Settings] = field(default_factory=dict)
    trials_of: str = ""
    trials: int = 20
    quick_values: tuple[Number, ...] = ()
    quick_series: tuple[str, ...] = ()
    quick_problem: Settings = field(default_factory=dict)
    paper: Settings = field(default_factory=dict)
    note: str = ""

    @property
    def experiment(self) -> str:
        """Name under which the trials are stored."""
        return self.trials_of or self.name

    @property
    def group(self) -> str:
        """Name that stands for all panels of a figure: what is before "_", and before the letter after a number."""
        return re.sub(r"((?<=\d)[a-z])?(_.*)?$", "", self.name, count=1)

    @property
    def clock(self) -> str:
        """Which time is reported, "CPU" or "wall"."""
        return self.problem.clock

    def quick(self) -> "Figure":
        """Return the same figure with few points, two trials and, where it says so, fewer series, smaller problems."""
        ends = (self.values[0], self.values[len(self.values) // 2], self.values[-1])
        values = self.quick_values or tuple(dict.fromkeys(ends))
        wanted = self.quick_series or self.series
        series = {name: fields for name, fields in self.series.items() if name in wanted}
        problem = replace(self.problem, **self.quick_problem)
        return replace(self, values=values, trials=2, series=series, problem=problem)

    def at_paper_scale(self) -> "Figure":
        """Return the same figure with the sizes of the paper, where `paper` has any."""
        own = {name: self.paper[name] for name in _SCALED & set(self.paper)}
        fields = {name: value for name, value in self.paper.items() if name not in _SCALED}
        if "values" in own:
            own["quick_values"] = ()
        return replace(self, **own, problem=replace(self.problem, **fields))

    def problem_at(self, value: Number, series: str = "") -> AnyProblem:
        """Return the problem at one point of the sweep."""
        fields: dict[str, Any] = {self.swept: value, **self.series.get(series, {})}
        return replace(self.problem, **fields)


@dataclass(frozen=True)
class Method:
    """A way to solve a problem, its settings, and how it is drawn.

    Parameters
    ----------
    name : str
        Name in tables and legends.
    solver : str
        Name under which a family has registered the function that runs it.
    settings : mapping
        Its settings, of JSON types. They are part of the key of a stored trial.
    quick : mapping, default={}
        Settings of a quick run that differ.
    paper : mapping, default={}
        Settings of the paper's own scale that differ.
    package : str, default=""
        Package needed beyond the dependencies of sparsevae.
    extra : str, default="rivals"
        Extra of sparsevae that brings it.
    effort : float, default=1.0
        Rough time a solve, in any unit: slow methods are started first.
    style : tuple of two str, default=("0.3", "o")
        Colour and marker.
    note : str, default=""
        What a reader of the figure should know.
    special : bool, default=False
        Whether it belongs to a single figure, and "all" leaves it out of the others.
    """

    name: str
    solver: str
    settings: Settings
    quick: Settings = field(default_factory=dict)
    paper: Settings = field(default_factory=dict)
    package: str = ""
    extra: str = "rivals"
    effort: float = 1.0
    style: tuple[str, str] = ("0.3", "o")
    note: str = ""
    special: bool = False

    def configured(self, changes: Settings, *, quick: bool, paper_scale: bool) -> "Method":
        """Return the method with the settings of the paper's scale, of a quick run, then `changes`, over its own."""
        own = {**self.settings, **(self.paper if paper_scale else {}), **(self.quick if quick else {}), **changes}
        return replace(self, settings=own)


def problem_fields(problem: AnyProblem, swept: str) -> dict[str, Any]:
    """Return all about a problem but its place in the sweep."""
    return {name: value for name, value in asdict(problem).items() if name != swept}


def settings_text(method: Method, problem: AnyProblem, swept: str) -> str:
    """Write what a trial depends on beyond its place in the sweep, as JSON with sorted keys."""
    content = {"solver": method.solver, **method.settings, "problem": problem_fields(problem, swept)}
    try:
        return json.dumps(content, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the settings of {method.name!r} must be of JSON types: {error}") from error


def problem_seed(seed: int, value: Number, trial: int) -> int:
    """Derive the seed of a problem from the first seed, the place in the sweep and the number of the trial.

    It depends neither on the method nor on the figure, so that all methods see the same problems.
    """
    if not math.isfinite(value):
        raise ParameterError(f"a swept value is {value}, but it must be finite")
    place = np.float64(value).view(np.uint64)
    words = np.random.SeedSequence([seed, int(place), trial]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
