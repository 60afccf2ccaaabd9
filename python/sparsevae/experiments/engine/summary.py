"""From trials to numbers: rates with intervals, errors, times."""

import math
from collections.abc import Iterable

import numpy as np

from ...metrics import wilson_interval
from .intervals import bootstrap, mean
from .point import Point, Timing
from .record import Number, Record
from .registry import method_order
from .scoring import Score
from .specification import Figure


def _grouped(figure: Figure, records: Iterable[Record]) -> list[tuple[tuple[str, str, Number], list[Record]]]:
    """Trials by curve and place: methods and series in their fixed order, places ascending."""
    order, laws = ({name: n for n, name in enumerate(names)} for names in (method_order(figure), figure.series))
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
        Whether it does, by the metric of the figure.
    """
    return figure.metric.success(score)


def summarise(figure: Figure, records: Iterable[Record]) -> list[Point]:
    """Compute rates with Wilson's 95% intervals, mean errors, counts of certificates, and what the metric adds.

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
        successes = sum(figure.metric.success(score) for score in scores)
        low, high = wilson_interval(successes, len(group))
        squares = [score.mse_after_least_squares for score in scores]
        mse_low, mse_high = bootstrap(squares)
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
                f1=mean([score.f1 for score in scores]),
                l2_error_over_n=mean([score.l2_error_over_n for score in scores]),
                relative_error=mean([score.relative_error for score in scores]),
                mse=mean(squares),
                mse_low=mse_low,
                mse_high=mse_high,
                certified=sum(score.certified for score in scores),
                wrong_certificates=sum(score.wrong_certificate for score in scores),
                own=figure.metric.aggregate(scores),
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
