"""Who leads where: the default estimators beside all other methods, place by place."""

from collections.abc import Sequence
from dataclasses import dataclass

from .summary import Point, short

DEFAULT_ESTIMATORS = (
    "VaeSlr",
    "PreconditionedVae",
    "SimultaneousSparseVae",
    "WelperRecover",
    "RobustVae",
    "ManifoldVae",
)


@dataclass(frozen=True)
class Comparison:
    """One of our methods and a rival on the same problems, by rates or by normalised mean squared errors ("nmse")."""

    ours: Point
    rival: Point
    metric: str = "rate"

    @property
    def lead(self) -> int:
        """1 where our rate is higher or our error lower, -1 where the rival's is, 0 where they are equal."""
        if self.metric == "nmse":
            return (self.ours.nmse < self.rival.nmse) - (self.ours.nmse > self.rival.nmse)
        return (self.ours.rate > self.rival.rate) - (self.ours.rate < self.rival.rate)

    @property
    def beyond(self) -> bool:
        """Whether Wilson's intervals of the two rates, or the ranges of the errors, are apart."""
        if self.metric == "nmse":
            return self.ours.nmse_low > self.rival.nmse_high or self.ours.nmse_high < self.rival.nmse_low
        return self.ours.low > self.rival.high or self.ours.high < self.rival.low

    def told(self, point: Point) -> str:
        """Write the rate of a point in percent with its interval, or its error with its range."""
        if self.metric == "nmse":
            return f"{short(point.nmse)} ({short(point.nmse_low)}-{short(point.nmse_high)})"
        return f"{100 * point.rate:.0f} ({100 * point.low:.0f}-{100 * point.high:.0f})"


def compare(
    points: Sequence[Point], ours: Sequence[str] = DEFAULT_ESTIMATORS, metric: str = "rate"
) -> list[Comparison]:
    """Pair each of our methods with each other method, at every place.

    Parameters
    ----------
    points : sequence of Point
        Of one panel, or of several on the same problems.
    ours : sequence of str, default=DEFAULT_ESTIMATORS
        Names of our methods; all others are rivals, also our estimators with other optimisers.
    metric : {"rate", "nmse"}, default="rate"
        What they are compared by: rates, or medians of normalised mean squared errors.

    Returns
    -------
    list of Comparison
        Our methods one after the other, places ascending.
    """
    pairs = [
        Comparison(mine, rival, metric)
        for mine in points
        for rival in points
        if mine.method in ours and rival.method not in ours and (mine.series, mine.x) == (rival.series, rival.x)
    ]
    return sorted(pairs, key=lambda pair: ours.index(pair.ours.method))


def standing(points: Sequence[Point], ours: Sequence[str] = DEFAULT_ESTIMATORS, metric: str = "rate") -> str:
    """Say where our methods are ahead of every rival, where behind one, and whether intervals are apart there.

    Parameters
    ----------
    points : sequence of Point
        Of one panel, or of several on the same problems.
    ours : sequence of str, default=DEFAULT_ESTIMATORS
        Names of our methods.
    metric : {"rate", "nmse"}, default="rate"
        What they are compared by.

    Returns
    -------
    str
        A line for each of our curves, then a line for each rival above it. Rates are percentages with Wilson's 95%
        intervals, errors medians with their ranges.

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
