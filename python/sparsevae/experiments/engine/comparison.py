"""Who leads where: the default estimators beside all other methods, place by place."""

from collections.abc import Sequence
from dataclasses import dataclass

from .metric import RATE, Metric
from .point import Point
from .registry import default_estimators


@dataclass(frozen=True)
class Comparison:
    """One of our methods and a rival on the same problems, by the number that a metric shows."""

    ours: Point
    rival: Point
    metric: Metric = RATE

    @property
    def lead(self) -> int:
        """1 where our rate is higher or our error lower, -1 where the rival's is, 0 where they are equal."""
        ours, rival = (self.metric.interval(point)[1] for point in (self.ours, self.rival))
        sign = -1 if self.metric.lower_is_better else 1
        return sign * ((ours > rival) - (ours < rival))

    @property
    def beyond(self) -> bool:
        """Whether the intervals of the two numbers are apart."""
        (low, _, high), (other_low, _, other_high) = map(self.metric.interval, (self.ours, self.rival))
        return low > other_high or high < other_low

    def told(self, point: Point) -> str:
        """Write the number of a point with its interval."""
        low, middle, high = map(self.metric.number, self.metric.interval(point))
        return f"{middle} ({low}-{high})"


def compare(points: Sequence[Point], ours: Sequence[str] | None = None, metric: Metric = RATE) -> list[Comparison]:
    """Pair each of our methods with each other method, at every place.

    Parameters
    ----------
    points : sequence of Point
        Of one panel, or of several on the same problems.
    ours : sequence of str or None, default=None
        Names of our methods, None for ``DEFAULT_ESTIMATORS``; all others are rivals, also our estimators with other
        optimisers.
    metric : Metric, default=RATE
        What they are compared by: by default rates of success; ``figure.metric`` for what the figure shows.

    Returns
    -------
    list of Comparison
        Our methods one after the other, places ascending.
    """
    ours = default_estimators() if ours is None else ours
    pairs = [
        Comparison(mine, rival, metric)
        for mine in points
        for rival in points
        if mine.method in ours and rival.method not in ours and (mine.series, mine.x) == (rival.series, rival.x)
    ]
    return sorted(pairs, key=lambda pair: ours.index(pair.ours.method))


def standing(points: Sequence[Point], ours: Sequence[str] | None = None, metric: Metric = RATE) -> str:
    """Say where our methods are ahead of every rival, where behind one, and whether intervals are apart there.

    Parameters
    ----------
    points : sequence of Point
        Of one panel, or of several on the same problems.
    ours : sequence of str or None, default=None
        Names of our methods, None for ``DEFAULT_ESTIMATORS``.
    metric : Metric, default=RATE
        What they are compared by.

    Returns
    -------
    str
        A line for each of our curves, then a line for each rival above it. Rates are percentages with Wilson's 95%
        intervals, normalised errors medians with their ranges.

    Examples
    --------
    >>> from sparsevae import experiments
    >>> results = experiments.run("fig2b", methods="VaeSlr, Lasso", trials=5, quick=True)
    >>> print(experiments.standing(results.points))
    VaeSlr: ahead at 60, 100, beyond the intervals at 60, 100; level at 10
    """
    curves: dict[tuple[str, str], dict[float, list[Comparison]]] = {}
    for pair in compare(points, ours, metric):
        places = curves.setdefault((pair.ours.method, pair.ours.series), {})
        places.setdefault(pair.ours.x, []).append(pair)
    lines = []
    for (method, series), places in curves.items():
        worst = {x: min(pair.lead for pair in pairs) for x, pairs in places.items()}
        clear = [x for x, pairs in places.items() if worst[x] > 0 and all(pair.beyond for pair in pairs)]
        parts = []
        for lead, word in ((1, "ahead"), (0, "level"), (-1, "behind")):
            if found := [x for x in places if worst[x] == lead]:
                parts.append(f"{word} at {_listed(found)}")
            if lead > 0 and clear:
                parts[-1] += f", beyond the intervals at {_listed(clear)}"
        lines.append(f"{method}, {series}: " if series else f"{method}: ")
        lines[-1] += "; ".join(parts)
        lines += [_above(pair) for pairs in places.values() for pair in pairs if pair.lead < 0]
    return "\n".join(lines)


def _listed(places: Sequence[float]) -> str:
    return ", ".join(f"{x:g}" for x in places)


def _above(pair: Comparison) -> str:
    how = "beyond the intervals" if pair.beyond else "within the intervals"
    return f"    {pair.ours.x:g}: {pair.rival.method} {pair.told(pair.rival)}, ours {pair.told(pair.ours)}; {how}"
