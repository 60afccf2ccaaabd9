"""Run a figure and hold its results; read those of a store; write them into a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__, plotting
from ..exceptions import DataUnavailableError, ParameterError
from .drawing import draw, panel_size
from .figures import FIGURES, find_figures
from .methods import missing_package
from .plan import Plan, make_plan, split_done
from .runner import execute
from .selection import remarks, select
from .specification import Figure, Settings
from .store import Store
from .summary import Point, Timing, columns, csv_text, point_columns, summarise, table_text, time_spent
from .trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

STORE_NAME = "trials.sqlite"


@dataclass(frozen=True)
class Results:
    """Trials of one figure, summarised.

    Attributes
    ----------
    figure : Figure
        What was run.
    records : list of Record
        One for each trial.
    points : list of Point
        One for each method, series and place.
    timings : list of Timing
        The same for the times.
    notes : list of str
        What was left out, what failed, what else a reader should know.
    """

    figure: Figure
    records: Sequence[Record] = field(repr=False)
    points: Sequence[Point] = field(repr=False)
    timings: Sequence[Timing] = field(repr=False)
    notes: Sequence[str] = ()

    def table(self) -> Any:
        """Return the points as a pandas DataFrame or, without pandas, as a list of dictionaries.

        Returns
        -------
        DataFrame or list of dict
            Columns as in the CSV file.
        """
        names = point_columns(self.figure)
        rows = [{name: getattr(point, name) for name in names} for point in self.points]
        try:
            import pandas as pd
        except ImportError:
            return rows
        return pd.DataFrame(rows)

    def text(self, *, times: bool = True) -> str:
        """Return a plain table: a line a curve, a column a place.

        Parameters
        ----------
        times : bool, default=True
            Whether the last column has the medians of the times, which differ from run to run. Of a figure of times
            the table is of these, or of rates.

        Returns
        -------
        str
            Percentages of exact recovery with Wilson's 95% intervals, mean squared errors, or medians of normalised
            ones.
        """
        return table_text(self.figure, self.points, self.timings if times else ())

    def csv(self) -> str:
        """Return the points as CSV. The same trials give the same text; times are not in it.

        Returns
        -------
        str
            The text.
        """
        return csv_text(self.points, point_columns(self.figure))

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw the figure.

        Parameters
        ----------
        axes : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure without a display, which is ``axes.figure`` of what is returned.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        if axes is None:
            return draw_panels([self]).axes[0]
        draw(axes, self.figure, self.points, self.timings, self.records)
        return axes

    def save(self, path: str | PathLike[str]) -> None:
        """Draw the figure into a file.

        Parameters
        ----------
        path : path-like
            Where; its suffix tells the format.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        draw_panels([self]).savefig(path, dpi=120)


def draw_panels(results: Sequence[Results]) -> "MatplotlibFigure":
    """Draw panels below one another, with a legend beside each.

    Parameters
    ----------
    results : sequence of Results
        The panels, at least one.

    Returns
    -------
    matplotlib.figure.Figure
        The picture, made without a display.

    Raises
    ------
    ParameterError
        If there are no panels.
    ImportError
        If matplotlib is not installed.
    """
    if not results:
        raise ParameterError("there are no results to draw")
    picture, grid = plotting.new_figure(len(results), 1)
    sizes = []
    for result, (axes,) in zip(results, grid, strict=True):
        result.plot(axes)
        sizes.append(panel_size(axes, result.figure, result.points, result.records))
    widths, heights = zip(*sizes, strict=True)
    rows = grid[0][0].get_gridspec()
    if rows is not None and len(set(heights)) > 1:
        rows.set_height_ratios(heights)
    picture.set_size_inches(max(widths), sum(heights))
    return picture


def summarised(figure: Figure, records: Sequence[Record], notes: Sequence[str] = ()) -> Results:
    """Summarise trials of a figure."""
    said = [*notes, *remarks(figure, records, __version__)]
    return Results(figure, records, summarise(figure, records), time_spent(figure, records), said)


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
        Problems a point; None for the figure's own number: 20, with many responses 50 to 100.
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


def write(results: Sequence[Results], folder: str | PathLike[str], *, pictures: bool = True) -> list[Path]:
    """Write ``<figure>.csv``, ``<figure>-times.csv`` and, if asked for, ``<figure>.png`` into a folder.

    Parameters
    ----------
    results : sequence of Results
        What to write.
    folder : path-like
        Where; made if it is not there.
    pictures : bool, default=True
        Whether to draw, which needs matplotlib.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ImportError
        If matplotlib is needed and not installed; the CSV files are written first.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for result in results:
        for suffix, text in ((".csv", result.csv()), ("-times.csv", csv_text(result.timings, columns(Timing)))):
            path = place / f"{result.figure.name}{suffix}"
            path.write_text(text, encoding="utf-8", newline="\n")
            paths.append(path)
    if pictures:
        for result in results:
            path = place / f"{result.figure.name}.png"
            result.save(path)
            paths.append(path)
    return paths
