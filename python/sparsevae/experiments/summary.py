"""From trials to numbers: rates with intervals, errors, times; as rows, CSV and text."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from ..metrics import wilson_interval
from .methods import METHODS
from .scoring import Score
from .specification import Figure, Number
from .trial import Record

_RESAMPLES = 1000
# Metrics of networks, and the fact that says by which rule the latent variables that are needed are counted.
DIMENSIONS = {"dimensions": "columns", "norms": "columns", "variances": "variance", "histogram": "variance"}
# Columns that only figures of one metric have.
_OF_METRIC = {
    "nmse": ("nmse", "nmse_low", "nmse_high"),
    **dict.fromkeys(DIMENSIONS, ("dimensions", "dimensions_low", "dimensions_high")),
}


@dataclass(frozen=True)
class Point:
    """One method at one point of a sweep; means are over trials without errors, NaN where there are none.

    Of normalised mean squared errors the median, the least and the largest are kept, and of the number of latent
    variables that a network needs the mean, the least and the largest.
    """

    figure: str
    series: str
    method: str
    x: Number
    trials: int
    errors: int
    successes: int
    rate: float
    low: float
    high: float
    f1: float
    l2_error_over_n: float
    relative_error: float
    mse: float
    mse_low: float
    mse_high: float
    certified: int
    wrong_certificates: int
    nmse: float
    nmse_low: float
    nmse_high: float
    dimensions: float
    dimensions_low: float
    dimensions_high: float


@dataclass(frozen=True)
class Timing:
    """How long one method took at one point of a sweep, in seconds."""

    figure: str
    series: str
    method: str
    x: Number
    trials: int
    wall_median: float
    cpu_median: float
    cpu_total: float


def _order(figure: Figure) -> Mapping[str, int]:
    return {name: place for place, name in enumerate(dict.fromkeys([*METHODS, *figure.methods]))}


def _grouped(figure: Figure, records: Iterable[Record]) -> list[tuple[tuple[str, str, Number], list[Record]]]:
    """Trials by curve and place: methods and series in their fixed order, places ascending."""
    order, laws = _order(figure), {name: place for place, name in enumerate(figure.series)}
    groups: dict[tuple[str, str, Number], list[Record]] = {}
    for record in sorted(records, key=lambda record: record.key.trial):
        key = record.key
        value = int(key.value) if float(key.value).is_integer() else key.value
        groups.setdefault((key.method, key.series, value), []).append(record)
    late = len(order) + len(laws)
    return sorted(
        groups.items(),
        key=lambda item: (order.get(item[0][0], late), item[0][0], laws.get(item[0][1], late), *item[0][1:]),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """95% interval of a mean, by the percentile bootstrap with a fixed seed."""
    if not values:
        return math.nan, math.nan
    sample = np.asarray(values)
    picks = np.random.default_rng(0).integers(len(sample), size=(_RESAMPLES, len(sample)))
    low, high = np.quantile(sample[picks].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def success(figure: Figure, score: Score) -> bool:
    """Tell whether a trial counts as a success in a figure.

    Parameters
    ----------
    figure : Figure
        The figure.
    score : Score
        Of one of its trials.

    Returns
    -------
    bool
        Whether the support was found, or the matrix; where the figure says so, by the method's own choice of its size,
        or the number of latent variables that is true.
    """
    if figure.metric in DIMENSIONS:
        truth = score.facts.get("truth")
        return truth is not None and score.facts.get(DIMENSIONS[figure.metric]) == truth
    return score.f1 == 1 if figure.metric == "own" else score.support_match


def summarise(figure: Figure, records: Iterable[Record]) -> list[Point]:
    """Compute rates with Wilson's 95% intervals, mean errors and counts of certificates.

    Parameters
    ----------
    figure : Figure
        The figure that the trials belong to.
    records : iterable of Record
        Trials, in any order.

    Returns
    -------
    list of Point
        One for each method, series and place, sorted.
    """
    points = []
    for (method, series, value), group in _grouped(figure, records):
        scores: list[Score] = [record.score for record in group if record.score is not None]
        successes = sum(success(figure, score) for score in scores)
        low, high = wilson_interval(successes, len(group))
        squares = [score.mse_after_least_squares for score in scores]
        mse_low, mse_high = _bootstrap(squares)
        # Of a matrix this is the paper's normalised mean squared error.
        shares = [score.relative_error**2 for score in scores] or [math.nan]
        rule = DIMENSIONS.get(figure.metric, "columns")
        counts = [float(score.facts[rule]) for score in scores if rule in score.facts]
        points.append(
            Point(
                figure=figure.name,
                series=series,
                method=method,
                x=value,
                trials=len(group),
                errors=len(group) - len(scores),
                successes=successes,
                rate=successes / len(group),
                low=low,
                high=high,
                f1=_mean([score.f1 for score in scores]),
                l2_error_over_n=_mean([score.l2_error_over_n for score in scores]),
                relative_error=_mean([score.relative_error for score in scores]),
                mse=_mean(squares),
                mse_low=mse_low,
                mse_high=mse_high,
                certified=sum(score.certified for score in scores),
                wrong_certificates=sum(score.wrong_certificate for score in scores),
                nmse=float(np.median(shares)),
                nmse_low=min(shares),
                nmse_high=max(shares),
                dimensions=_mean(counts),
                dimensions_low=min(counts, default=math.nan),
                dimensions_high=max(counts, default=math.nan),
            )
        )
    return points


def time_spent(figure: Figure, records: Iterable[Record]) -> list[Timing]:
    """Compute median and total times.

    Parameters
    ----------
    figure : Figure
        The figure that the trials belong to.
    records : iterable of Record
        Trials, in any order.

    Returns
    -------
    list of Timing
        One for each method, series and place, sorted.
    """
    return [
        Timing(
            figure.name,
            series,
            method,
            value,
            len(group),
            float(np.median([record.wall_seconds for record in group])),
            float(np.median([record.cpu_seconds for record in group])),
            math.fsum(record.cpu_seconds for record in group),
        )
        for (method, series, value), group in _grouped(figure, records)
    ]


def seconds(figure: Figure, timing: Timing) -> float:
    """Return the median of the times that a figure tells.

    Parameters
    ----------
    figure : Figure
        The figure.
    timing : Timing
        Of one of its points.

    Returns
    -------
    float
        Seconds: CPU time, or wall time where the figure says so.
    """
    return timing.wall_median if figure.clock == "wall" else timing.cpu_median


def columns(kind: type[Point] | type[Timing]) -> list[str]:
    """List the columns of points or of times."""
    return [field.name for field in fields(kind)]


def point_columns(figure: Figure) -> list[str]:
    """List the columns of the points of a figure: those of other metrics are left out."""
    others = {name for names in _OF_METRIC.values() for name in names} - set(_OF_METRIC.get(figure.metric, ()))
    return [name for name in columns(Point) if name not in others]


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
        Percentages of exact recovery with their 95% intervals, mean squared errors, medians of normalised ones, or mean
        numbers of latent variables; in the last column the median of the times in milliseconds. Of a figure of times
        these, in seconds, or without `timings` the percentages.
    """
    places = sorted({point.x for point in points})
    curves = list(dict.fromkeys((point.method, point.series) for point in points))
    cells = {(point.method, point.series, point.x): _shown(figure, point) for point in points}
    if figure.metric == "seconds" and timings:
        cells = {(timing.method, timing.series, timing.x): f"{seconds(figure, timing):.2g}" for timing in timings}
        timings = ()
    names = [f"{method}, {series}" if series else method for method, series in curves]
    rows = [[figure.label, *(f"{place:g}" for place in places), *([f"{figure.clock} ms"] if timings else [])]]
    for curve, name in zip(curves, names, strict=True):
        spent = [seconds(figure, timing) for timing in timings if (timing.method, timing.series) == curve]
        last = [f"{1e3 * np.median(spent):.3g}"] if timings else []
        rows.append([name, *(cells.get((*curve, place), "-") for place in places), *last])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for name, *numbers in rows:
        padded = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]))
    return "\n".join(lines)


def short(value: float) -> str:
    """Write a number that may be of any order: one digit if it is less than 0.001, otherwise two.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    str
        The text; "-" for NaN.

    Examples
    --------
    >>> from sparsevae.experiments.summary import short
    >>> short(2.17e-13), short(0.0217)
    ('2e-13', '0.022')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.1g}" if value < 1e-3 else f"{value:.2g}"


def _shown(figure: Figure, point: Point) -> str:
    if figure.metric == "nmse":
        return short(point.nmse)
    if figure.metric in DIMENSIONS:
        return "-" if math.isnan(point.dimensions) else f"{point.dimensions:.1f}"
    if figure.metric == "mse":
        return "-" if math.isnan(point.mse) else f"{point.mse:.1e}"
    return f"{100 * point.rate:.0f} {100 * point.low:.0f}-{100 * point.high:.0f}"
