"""Which trials a run consists of, and which of them the store has already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..._input.parameters import check_count
from ...exceptions import ParameterError
from .metric import Metric
from .record import Key, Record
from .registry import find_methods
from .specification import Figure, Method, Settings, problem_seed, settings_text
from .store import Store
from .trial import Task


@dataclass(frozen=True)
class Plan:
    """A figure with the methods, the number of trials and the first seed of one run."""

    figure: Figure
    methods: tuple[Method, ...]
    trials: int
    seed: int

    def settings(self, method: Method, series: str) -> str:
        """Write the settings of a method's trials, as the store keeps them."""
        problem = self.figure.problem_at(self.figure.values[0], series)
        return settings_text(method, problem, self.figure.swept)

    def series(self) -> tuple[str, ...]:
        """List the curves of each method: one without a name unless the figure has several."""
        return tuple(self.figure.series) or ("",)

    def tasks(self) -> list[Task]:
        """List all trials."""
        found = []
        for method in self.methods:
            for series in self.series():
                settings = self.settings(method, series)
                for value in self.figure.values:
                    problem = self.figure.problem_at(value, series)
                    name, place = self.figure.experiment, (series, method.name, value)
                    found += [
                        Task(Key(name, *place, trial, self.seed, settings), problem, method)
                        for trial in range(self.trials)
                    ]
        return found


def make_plan(
    figure: Figure,
    *,
    trials: int | None = None,
    methods: str | Sequence[str] | None = None,
    quick: bool = False,
    paper_scale: bool = False,
    seed: int = 0,
    settings: Mapping[str, Settings] | None = None,
) -> Plan:
    """Decide what a run of a figure consists of; see :func:`sparsevae.experiments.run`."""
    changes = settings or {}
    chosen = find_methods(figure, methods)
    strangers = sorted(set(changes) - {method.name for method in chosen})
    if strangers:
        raise ParameterError(f"`settings` names {strangers}, but the run has {[method.name for method in chosen]}")
    shown = figure.at_paper_scale() if paper_scale else figure
    shown = shown.quick() if quick else shown
    count = check_count("trials", shown.trials if trials is None else trials)
    # Reading the seed checks it.
    problem_seed(seed, shown.values[0], 0)
    configured = [
        method.configured(changes.get(method.name, {}), quick=quick, paper_scale=paper_scale) for method in chosen
    ]
    return Plan(shown, tuple(configured), count, seed)


def split_done(plans: Sequence[Plan], store: Store) -> tuple[list[Record], list[Task]]:
    """Divide the trials of some plans into those that the store has and those to do, slow ones first.

    Trials that ended in an error are done again, and so are those of earlier versions that lack what a plan shows.
    Trials that two plans share are done once.
    """
    tasks: dict[Key, Task] = {}
    metrics: dict[Key, list[Metric]] = {}
    for plan in plans:
        for task in plan.tasks():
            tasks[task.key] = task
            metrics.setdefault(task.key, []).append(plan.figure.metric)
    known = {record.key: record for record in store.records({plan.figure.experiment for plan in plans})}
    done = [known[key] for key in tasks if key in known and _is_done(known[key], metrics[key])]
    finished = {record.key for record in done}
    left = [task for key, task in tasks.items() if key not in finished]
    # What takes longest begins first, so that no core idles at the end.
    left.sort(key=lambda task: (-task.method.effort, -task.key.value))
    return done, left


def _is_done(record: Record, metrics: Sequence[Metric]) -> bool:
    score = record.score
    return score is not None and all(metric.applies(score) for metric in metrics)
