"""Run a figure, or read what a store has of it."""

from collections.abc import Mapping, Sequence
from os import PathLike

from ...exceptions import DataUnavailableError, ParameterError
from .plan import Plan, make_plan, split_done
from .registry import FIGURES, find_figures, missing_package
from .results import Results, summarised
from .runner import execute
from .selection import select
from .specification import Figure, Settings
from .store import Store

STORE_NAME = "trials.sqlite"


def lay_out(
    figures: Sequence[Figure],
    *,
    trials: int | None = None,
    methods: str | Sequence[str] | None = None,
    quick: bool = False,
    paper_scale: bool = False,
    seed: int = 0,
    settings: Mapping[str, Settings] | None = None,
) -> tuple[list[Plan], list[str]]:
    """Plan runs of figures; what cannot run here is left out, and the notes say so."""
    plans: list[Plan] = []
    notes: dict[str, None] = {}
    for figure in figures:
        plan = make_plan(
            figure,
            trials=trials,
            methods=methods,
            quick=quick,
            paper_scale=paper_scale,
            seed=seed,
            settings=settings,
        )
        try:
            plan.figure.problem.load_data()
        except DataUnavailableError as error:
            notes[f"{figure.name}: left out, {error}"] = None
            continue
        lacking = {method.name: missing_package(method) for method in plan.methods}
        notes |= dict.fromkeys(note for note in lacking.values() if note)
        left = tuple(method for method in plan.methods if not lacking[method.name])
        plans.append(Plan(plan.figure, left, plan.trials, plan.seed))
    return plans, list(notes)


def run(
    figure: str | Figure,
    *,
    trials: int | None = None,
    methods: str | Sequence[str] | None = None,
    store: str | PathLike[str] | None = None,
    quick: bool = False,
    paper_scale: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
    seed: int = 0,
    settings: Mapping[str, Settings] | None = None,
    progress: bool = False,
) -> Results:
    """Run one figure and return its results.

    Parameters
    ----------
    figure : str or Figure
        Name of a panel, such as "fig1a", or a figure of your own.
    trials : int or None, default=None
        Problems a point; None for the figure's own number: 20, with many responses 100.
    methods : str, sequence of str or None, default=None
        Names from ``METHODS``, or "all"; None for the figure's own.
    store : path-like or None, default=None
        File that keeps the trials. Those that it has are not done again. None keeps nothing.
    quick : bool, default=False
        Two trials at three points, and few steps of the paper's training.
    paper_scale : bool, default=False
        Whether figures that are smaller here have the sizes of the paper, and their methods its training.
    jobs : int or None, default=None
        Threads; None for as many as there are cores. Results do not depend on it.
    scheduler : str or None, default=None
        Address of a Dask scheduler whose workers do the trials.
    seed : int, default=0
        First seed. Problems depend on it, on the place in the sweep and on the number of the trial, not on the method.
    settings : mapping of str to mapping or None, default=None
        For some of the methods, settings that differ from those in ``METHODS``.
    progress : bool, default=False
        Whether to show progress on standard error, if that is a terminal.

    Returns
    -------
    Results
        The trials that were asked for, summarised.

    Raises
    ------
    ParameterError
        If a name is unknown or a number out of its range.
    DataUnavailableError
        If the figure needs data that are not at hand.
    StoreError
        If `store` is no store of sparsevae, or of a newer version.
    SchedulerError
        If the cluster cannot be used.

    Notes
    -----
    A trial that fails is recorded with its error and counts as a failure; `notes` of the results say so. Trials with
    an error are done again in the next run on the same store.

    Examples
    --------
    >>> from sparsevae import experiments
    >>> results = experiments.run("fig2a", methods=["VaeSlr"], trials=1, quick=True)
    >>> [(point.x, point.trials) for point in results.points]
    [(150, 1), (250, 1), (300, 1)]
    """
    if isinstance(figure, str):
        if figure not in FIGURES:
            raise ParameterError(f"there is no figure {figure!r}; there are {', '.join(FIGURES)}")
        figure = FIGURES[figure]
    (figure.at_paper_scale() if paper_scale else figure).problem.load_data()
    plans, notes = lay_out(
        [figure],
        trials=trials,
        methods=methods,
        quick=quick,
        paper_scale=paper_scale,
        seed=seed,
        settings=settings,
    )
    with Store(store) as kept:
        done, left = split_done(plans, kept)
        done = done + execute(left, kept, jobs=jobs, scheduler=scheduler, progress=progress)
    return summarised(plans[0].figure, sorted(done, key=lambda record: record.key), notes)


def stored_results(store: Store, plans: Sequence[Plan] | None = None, *, paper_scale: bool = False) -> list[Results]:
    """Summarise what a store has: of the figures of some plans, or of all that it knows.

    Parameters
    ----------
    store : Store
        The trials.
    plans : sequence of Plan or None, default=None
        Runs whose seeds and settings are shown.
    paper_scale : bool, default=False
        Without plans, whether figures that are smaller here are shown at the paper's scale.

    Returns
    -------
    list of Results
        One for each panel that has trials.
    """
    if plans is None:
        figures = [figure.at_paper_scale() if paper_scale else figure for figure in find_figures(["all"])]
    else:
        figures = [plan.figure for plan in plans]
    records, found = store.records(figure.experiment for figure in figures), []
    for place, figure in enumerate(figures):
        chosen, notes = select(figure, records, plans[place] if plans else None)
        if chosen:
            found.append(summarised(figure, chosen, notes))
    return found
