"""Points as rows: CSV and plain tables."""

import csv
import io
import math
from collections.abc import Sequence

import numpy as np

from .point import POINT_COLUMNS, Point, Timing
from .specification import Figure


def point_columns(figure: Figure) -> tuple[str, ...]:
    """List the columns of the points of a figure: those of all figures, then those of its metric."""
    return POINT_COLUMNS + figure.metric.columns


def csv_text(rows: Sequence[Point] | Sequence[Timing], names: Sequence[str]) -> str:
    """Write rows as CSV; numbers to ten digits, so that the same trials give the same text.

    Parameters
    ----------
    rows : sequence of Point or of Timing
        What to write.
    names : sequence of str
        The columns.

    Returns
    -------
    str
        The text, lines ended by a newline.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in names])
    return text.getvalue()


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.10g}"


def table_text(figure: Figure, points: Sequence[Point], timings: Sequence[Timing] = ()) -> str:
    """Write a plain table: a line a curve, a column a place.

    Parameters
    ----------
    figure : Figure
        The figure.
    points : sequence of Point
        From :func:`summarise`.
    timings : sequence of Timing, default=()
        From :func:`time_spent`; empty for no column of times.

    Returns
    -------
    str
        What the metric of the figure writes; in the last column the median of the times in milliseconds, unless the
        table is of times.
    """
    places = sorted({point.x for point in points})
    curves = list(dict.fromkeys((point.method, point.series) for point in points))
    metric, clock = figure.metric, figure.clock
    seconds = {(timing.method, timing.series, timing.x): timing.median(clock) for timing in timings}
    keys = {(point.method, point.series, point.x): point for point in points}
    cells = {key: metric.cell(point, seconds.get(key, math.nan)) for key, point in keys.items()}
    if metric.shows_time:
        timings = ()
    names = [f"{method}, {series}" if series else method for method, series in curves]
    rows = [[figure.label, *(f"{place:g}" for place in places), *([f"{clock} ms"] if timings else [])]]
    for curve, name in zip(curves, names, strict=True):
        spent = [timing.median(clock) for timing in timings if (timing.method, timing.series) == curve]
        last = [f"{1e3 * np.median(spent):.3g}"] if timings else []
        rows.append([name, *(cells.get((*curve, place), "-") for place in places), *last])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for name, *numbers in rows:
        padded = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]))
    return "\n".join(lines)
