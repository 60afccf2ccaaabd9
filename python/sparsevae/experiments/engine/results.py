"""Trials of one figure with what they come to: table, text, CSV, picture, files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from .metric import Panel
from .pictures import panel, stack
from .point import TIMING_COLUMNS, Point, Timing
from .record import Record
from .selection import remarks
from .specification import Figure
from .summary import summarise, time_spent
from .table import csv_text, point_columns, table_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure


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
            Of each place what the metric of the figure writes, most often the percentage of exact recovery with
            Wilson's 95% interval.
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
        self.figure.metric.draw(axes, self._panel())
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

    def _panel(self) -> Panel:
        return panel(self.figure, self.points, self.timings, self.records)


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
    return stack([(result.figure, result._panel()) for result in results])


def summarised(figure: Figure, records: Sequence[Record], notes: Sequence[str] = ()) -> Results:
    """Summarise trials of a figure."""
    said = [*notes, *remarks(figure, records, __version__)]
    return Results(figure, records, summarise(figure, records), time_spent(figure, records), said)


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
        for suffix, text in ((".csv", result.csv()), ("-times.csv", csv_text(result.timings, TIMING_COLUMNS))):
            path = place / f"{result.figure.name}{suffix}"
            path.write_text(text, encoding="utf-8", newline="\n")
            paths.append(path)
    if pictures:
        for result in results:
            path = place / f"{result.figure.name}.png"
            result.save(path)
            paths.append(path)
    return paths
