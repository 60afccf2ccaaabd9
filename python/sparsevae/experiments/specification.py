"""What an experiment is made of: problems, figures and methods, as data."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ..datasets import make_sparse_regression, plant_response
from ..exceptions import ParameterError
from ..metrics import support_match
from . import genes
from .manifold_problem import DigitsProblem, ManifoldProblem
from .outlier_problem import LowRankProblem
from .row_problem import RowProblem
from .scoring import Score, Solution, support_score
from .training_problem import TrainingProblem

Array: TypeAlias = NDArray[np.float64]
Number: TypeAlias = int | float
Settings: TypeAlias = Mapping[str, Any]

_GENES = ("riboflavin", "riboflavin_random")
# What the paper's scale may change of a figure; all else is of its problem.
_SCALED = {"values", "trials", "series"}


@dataclass(frozen=True)
class Problem:
    """How a problem is drawn, but for its seed.

    Parameters
    ----------
    design : {"gaussian", "random_walk", "toeplitz", "block", "riboflavin", "riboflavin_random"}
        Kind of design; columns have norm 1. "riboflavin": the `n_features` genes of largest variance.
        "riboflavin_random": `n_features` genes at random. Both have 71 samples.
    n_samples, n_features, n_nonzero : int
        Rows, columns, nonzero coefficients.
    law : str, default="gaussian"
        Law of the nonzero coefficients, see :func:`sparsevae.datasets.make_sparse_coef`.
    snr_db : float or None, default=None
        Signal-to-noise ratio in decibels; None for no noise.

    Examples
    --------
    >>> from sparsevae.experiments import Problem
    >>> data = Problem("random_walk", 50, 100, 5).draw(0)
    >>> data.X.shape, data.y.shape, data.support.shape
    ((50, 100), (50,), (5,))
    """

    clock: ClassVar[str] = "CPU"
    goal: ClassVar[str] = "supports recovered exactly"

    design: str
    n_samples: int
    n_features: int
    n_nonzero: int
    law: str = "gaussian"
    snr_db: float | None = None

    def draw(self, seed: int) -> Bunch:
        """Draw a problem: ``X``, ``y``, ``coef``, ``support`` and ``noise_var``.

        Parameters
        ----------
        seed : int
            Seed of design, coefficients and noise, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.make_sparse_regression`.

        Raises
        ------
        ParameterError
            If a size or a name is out of its range.
        DataUnavailableError
            If the riboflavin data are needed and not at hand.
        """
        signal: dict[str, Any] = {
            "n_nonzero": self.n_nonzero,
            "law": self.law,
            "snr_db": self.snr_db,
            "random_state": seed,
        }
        if self.design in _GENES:
            X = genes.design(self.n_features, seed if self.design == "riboflavin_random" else None)
            return plant_response(X, **signal)
        return make_sparse_regression(self.n_samples, self.n_features, design=self.design, **signal)

    def covariance(self, data: Bunch) -> Array:
        """Compute the covariance of the rows, in the units that the design had before its columns were scaled.

        The population's for Gaussian and random-walk designs; for all others the second moments of the scaled columns,
        times the number of samples.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.

        Returns
        -------
        ndarray of shape (n_features, n_features), float64
            The covariance.
        """
        if self.design == "gaussian":
            identity: Array = np.eye(self.n_features)
            return identity
        if self.design == "random_walk":
            place = np.arange(1.0, self.n_features + 1)
            earlier: Array = np.minimum.outer(place, place)
            return earlier
        moments: Array = data.X.T @ data.X
        return moments

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score an estimate.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is exactly the true support; its size is never told.
        """
        return support_score(data, solution, success=support_match(data.coef, solution.coef))

    def load_data(self) -> None:
        """Read the riboflavin data, if they are needed, or raise DataUnavailableError."""
        if self.design in _GENES:
            genes.load()


SupportProblem: TypeAlias = Problem | RowProblem | TrainingProblem
AnyProblem: TypeAlias = SupportProblem | LowRankProblem | ManifoldProblem | DigitsProblem


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
    problem : Problem, RowProblem, TrainingProblem, LowRankProblem, ManifoldProblem or DigitsProblem
        All else about the problems.
    methods : tuple of str
        Methods that run if none are named.
    choices : tuple of str, default=()
        Methods that "all" stands for; empty for every general one.
    metric : {"rate", "own", "mse", "nmse", "seconds", "dimensions", "norms", "variances", "histogram"}, default="rate"
        Rate of exact recovery, mean squared error after least squares on the support that was found, normalised mean
        squared error of a matrix, or median time a trial. "own": rate of exact recovery by each method's own choice of
        how many coefficients are nonzero, where "rate" is told it. The last four are of networks: how many latent
        variables the decoder uses, the sorted norms of its columns, the sorted posterior variances, their histograms.
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
    metric: str = "rate"
    label: str = "nonzero coefficients"
    series: Mapping[str, Settings] = field(default_factory=dict)
    trials_of: str = ""
    trials: int = 20
    quick_values: tuple[Number, ...] = ()
    quick_problem: Settings = field(default_factory=dict)
    paper: Settings = field(default_factory=dict)
    note: str = ""

    @property
    def experiment(self) -> str:
        """Name under which the trials are stored."""
        return self.trials_of or self.name

    @property
    def clock(self) -> str:
        """Which time is told: "CPU", or "wall" where solvers have threads of their own, whose CPU time is not seen."""
        return self.problem.clock

    def quick(self) -> "Figure":
        """Return the same figure with few points, two trials and, where it says so, smaller problems."""
        ends = (self.values[0], self.values[len(self.values) // 2], self.values[-1])
        values = self.quick_values or tuple(dict.fromkeys(ends))
        return replace(self, values=values, trials=2, problem=replace(self.problem, **self.quick_problem))

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
        Which function of ``sparsevae.experiments.solvers`` runs it.
    settings : mapping
        Its settings, of JSON types. They are part of the key of a stored trial.
    quick : mapping, default={}
        Settings of a quick run that differ.
    paper : mapping, default={}
        Settings of the paper's own scale that differ.
    package : str, default=""
        Package needed beyond the dependencies of sparsevae.
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
