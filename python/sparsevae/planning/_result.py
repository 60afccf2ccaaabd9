"""What a plan found, as tables and pictures."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._input.parameters import check_option, read_share
from ..exceptions import ParameterError
from ..plotting import new_figure, plot_plan
from ._limits import Limits
from ._statistics import POWER, Estimate, crossing
from ._trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = ("recovery", "power", "f1", "captured", "false_discovery")
_HEADS = {
    "recovery": "all found",
    "power": "power",
    "false_discovery": "false",
    "f1": "F1",
    "captured": "in a set",
}
# What a study asks for, where nothing else is said.
_GOAL = {True: ("recovery", 0.9), False: ("power", POWER)}
_SOURCES = {
    "rows": "rows of `X`, all or a random subset of them for each trial",
    "model": "rows drawn from a normal model of `X`: an extrapolation",
    "drawn": "a random design, drawn anew for each trial",
}
_LEGEND = (
    "all found: exactly the columns with an effect are selected; power: share of the effects that are selected",
    "false: share of the selected columns without an effect; in a set: share of the effects in a credible set",
    "[ ]: 95% intervals; effect: the size found 8 times in 10, per standard deviation of its column over the noise's",
    "seconds: median of the fits; MiB: beside the design, an estimate, within a factor of two from 20 MiB on",
)


@dataclass(frozen=True)
class PlanPoint:
    """Trials at one number of samples, one number of effects and one signal-to-noise ratio.

    Attributes
    ----------
    n_samples, n_nonzero : int
        Samples, and effects planted.
    snr : float
        Signal-to-noise ratio; infinite without noise.
    source : {"rows", "model", "drawn"}
        Where the design came from: rows of the caller's, a normal model of them, a random design.
    n_trials : int
        Trials that were done.
    recovery : Estimate
        Probability that exactly the columns with an effect are selected, with Wilson's interval.
    power : Estimate
        Share of the effects that are selected; the interval of this and the next three is by the bootstrap.
    false_discovery : Estimate
        Share of the selected columns that have no effect.
    f1 : Estimate
        F1 score of the selection.
    captured : Estimate
        Share of the effects that are in a credible set, which names columns that are alike; NaN where there are none.
    effect_found : float
        Size from which on an effect is selected with probability 0.8: per standard deviation of its column, in units of
        the noise's. NaN without noise, and where all are selected or none.
    seconds : float
        Median time of a fit, by the clock.
    n_passes : float
        Median number of passes over all columns, 0 where the design is searched as a whole.
    memory_bytes : int
        Estimated memory of a fit beside the design.
    """

    n_samples: int
    n_nonzero: int
    snr: float
    source: str
    n_trials: int
    recovery: Estimate
    power: Estimate
    false_discovery: Estimate
    f1: Estimate
    captured: Estimate
    effect_found: float
    seconds: float
    n_passes: float
    memory_bytes: int
    trials: tuple[Trial, ...] = field(repr=False)


class Needed(NamedTuple):
    """How many samples a goal takes: see :meth:`Plan.samples_needed`."""

    value: float
    low: float
    high: float
    extrapolated: bool


@dataclass(frozen=True, repr=False)
class Plan:
    """What :func:`sparsevae.plan` found; printed, it is a table.

    Attributes
    ----------
    shape : tuple of two ints
        Samples and features of the design.
    estimator : str
        What was fitted.
    points : tuple of PlanPoint
        What was measured, by signal-to-noise ratio, number of effects and number of samples.
    limits : tuple of Limits
        What is known without a measurement, for each ratio and number of effects.
    notes : tuple of str
        What is to be known of these numbers.
    ended : {"trials", "max_seconds", "interrupted"}
        Whether all trials were done, and if not, why.
    seconds : float
        What all took.
    """

    shape: tuple[int, int]
    estimator: str
    points: tuple[PlanPoint, ...]
    limits: tuple[Limits, ...]
    notes: tuple[str, ...]
    ended: str
    seconds: float

    def curve(self, *, snr: float | None = None, n_nonzero: int | None = None) -> tuple[PlanPoint, ...]:
        """Return the points of one signal-to-noise ratio and number of effects, by number of samples.

        Parameters
        ----------
        snr : float or None, default=None
            One of the ratios of the plan; None for the only one.
        n_nonzero : int or None, default=None
            One of the numbers of effects; None for the only one.

        Returns
        -------
        tuple of PlanPoint
            Where there are both the rows and the model of one size, the rows alone.

        Raises
        ------
        ParameterError
            If the plan has no such points, or several and none is named.
        """
        wanted = {"snr": snr, "n_nonzero": n_nonzero}
        chosen = list(self.points)
        for name, value in wanted.items():
            there = sorted({getattr(point, name) for point in self.points})
            if value is None and len(there) > 1:
                raise ParameterError(f"`{name}` is None, but it must be one of {', '.join(f'{x:g}' for x in there)}")
            if value is not None and value not in there:
                raise ParameterError(
                    f"`{name}` is {value!r}, but it must be one of {', '.join(f'{x:g}' for x in there)}"
                )
            chosen = [point for point in chosen if value is None or getattr(point, name) == value]
        sizes = {point.n_samples for point in chosen if point.source != "model"}
        return tuple(point for point in chosen if point.source != "model" or point.n_samples not in sizes)

    def samples_needed(
        self,
        *,
        measure: str | None = None,
        target: float | None = None,
        snr: float | None = None,
        n_nonzero: int | None = None,
    ) -> Needed:
        """Tell how many samples a goal takes, between the numbers of samples that were tried.

        Parameters
        ----------
        measure : {"recovery", "power", "f1", "captured"} or None, default=None
            What is to reach `target`; None for "power", and for "recovery" without noise.
        target : float or None, default=None
            From 0 to 1; None for 0.8, and for 0.9 without noise.
        snr, n_nonzero : float, int or None, default=None
            As in :meth:`curve`.

        Returns
        -------
        Needed
            `value`, with the interval from `low` to `high`: the least number of samples that was tried where that
            suffices, infinite where the greatest does not. `extrapolated` says that it depends on a model of `X`.

        Raises
        ------
        ParameterError
            If a parameter is out of its range, or the plan has no such points.

        Notes
        -----
        The means are made monotone in `n_samples` and joined by lines over its logarithm; the interval is that of the
        bootstrap over trials, with a fixed seed. It knows nothing of what is wrong with a model of `X`.
        """
        points = self.curve(snr=snr, n_nonzero=n_nonzero)
        usual = _GOAL[math.isinf(points[0].snr)]
        measure = usual[0] if measure is None else check_option("measure", measure, MEASURES[:-1])
        target = usual[1] if target is None else read_share("target", target)
        values = [np.array([getattr(trial, measure) for trial in point.trials]) for point in points]
        if np.isnan(np.concatenate(values)).any():
            raise ParameterError(f"`measure` is {measure!r}, but not all fits of the plan know it")
        sizes = np.array([point.n_samples for point in points], float)
        found = crossing(sizes, values, target, np.random.default_rng(0))
        own = [point.n_samples for point in points if point.source != "model"]
        beyond = any(point.source == "model" for point in points) and found.high > max(own, default=0)
        return Needed(*found, extrapolated=beyond)

    def plot(self, axes: "Axes | None" = None, *, measure: str | None = None) -> "Figure":
        """Draw a measure with its intervals over the number of samples, or over the ratio where one number was tried.

        Parameters
        ----------
        axes : matplotlib.axes.Axes or None, default=None
            Where to draw; None for a new figure.
        measure : {"recovery", "power", "f1", "captured", "false_discovery"} or None, default=None
            What to draw; None for "power", and for "recovery" without noise.

        Returns
        -------
        matplotlib.figure.Figure
            Save it with ``figure.savefig(path)``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ParameterError
            If there is no such measure.
        """
        free = all(math.isinf(point.snr) for point in self.points)
        measure = _GOAL[free][0] if measure is None else check_option("measure", measure, MEASURES)
        if axes is None:
            axes = new_figure(1, 1)[1][0][0]
        plot_plan(axes, self, measure=measure)
        return axes.figure  # type: ignore[return-value]

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as dicts, lists and numbers, without the single trials.

        Returns
        -------
        dict
            The attributes by name; points and limits are dicts, and estimates dicts of value, low and high.
        """

        def fields_of(record: PlanPoint | Limits) -> dict[str, Any]:
            values = {each.name: getattr(record, each.name) for each in fields(record) if each.name != "trials"}
            return {k: v._asdict() if isinstance(v, Estimate) else v for k, v in values.items()}

        found = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in ("points", "limits"):
            found[name] = [fields_of(record) for record in found[name]]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    def __str__(self) -> str:
        """Write the tables, what they say of the number of samples, and the known limits."""
        lines = [self._head()]
        for limits, points in self._curves():
            cells = [_COLUMNS, *(_cells(point) for point in points)]
            widths = [max(len(row[i]) for row in cells) for i in range(len(_COLUMNS))]
            lines += ["", _title(limits)]
            lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
            lines += self._conclusions(limits, points)
        return "\n".join([*lines, "", *self._notes()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Write the same for notebooks."""
        parts = [f"<p>{html.escape(self._head())}</p>"]
        for limits, points in self._curves():
            head = "".join(f"<th>{html.escape(name)}</th>" for name in _COLUMNS)
            rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(point)) for point in points)
            body = "".join(f"<tr>{row}</tr>" for row in rows)
            parts += [
                f"<table><caption>{html.escape(_title(limits))}</caption><thead><tr>{head}</tr></thead>",
                f"<tbody>{body}</tbody></table>",
                *(f"<p>{html.escape(line.strip())}</p>" for line in self._conclusions(limits, points)),
            ]
        return "".join([*parts, *(f"<p>{html.escape(note.strip())}</p>" for note in self._notes())])

    def _head(self) -> str:
        n_samples, n_features = self.shape
        return f"Plan for {n_samples:,} samples and {n_features:,} columns, fitted by {self.estimator}"

    def _curves(self) -> list[tuple[Limits, list[PlanPoint]]]:
        curves = []
        for limits in self.limits:
            wanted = limits.snr, limits.n_nonzero
            points = [point for point in self.points if (point.snr, point.n_nonzero) == wanted]
            if points:
                curves.append((limits, points))
        return curves

    def _conclusions(self, limits: Limits, points: Sequence[PlanPoint]) -> list[str]:
        free = math.isinf(limits.snr)
        measure, target = _GOAL[free]
        needed = self.samples_needed(snr=limits.snr, n_nonzero=limits.n_nonzero)
        goal = f"all found with probability {target:g}" if free else f"{measure} {target:g}"
        lines = [f"  {goal}: {self._answer(needed, [point.n_samples for point in points])}"]
        if free:
            return [
                *lines,
                f"  no method does it by fewer than {limits.dimension_samples:,} samples",
                f"  l1 minimisation needs {limits.l1_samples:,.0f} samples (independent columns)",
            ]
        n_samples = self.shape[0]
        reached, equal = limits.least_effect(n_samples), math.sqrt(limits.snr / limits.n_nonzero)
        bound, lasso = limits.information_samples, max(limits.information_samples, limits.lasso_samples)
        return [
            *lines,
            f"  for all of {limits.n_nonzero} equal effects, of {equal:.2g} each, in independent columns:",
            f"    any method needs {bound:,.0f} samples at least, the Lasso {lasso:,.0f}",
            f"    the largest chance correlation looks like an effect of {reached:.2g} at {n_samples:,} samples",
        ]

    def _answer(self, needed: Needed, sizes: Sequence[int]) -> str:
        """Say how many samples are needed, given what was tried."""
        if needed.value == math.inf:
            return f"more than {max(sizes):,} samples"
        if needed.value == min(sizes):
            return f"{min(sizes):,} samples or fewer"
        high = f"{needed.high:,.0f}" if needed.high < math.inf else f"more than {max(sizes):,}"
        more = round(needed.value) - self.shape[0]
        return (
            f"about {needed.value:,.0f} samples [{needed.low:,.0f}, {high}]"
            + (f", {more:,} more than there are" if more > 0 else "")
            + (", by extrapolation" if needed.extrapolated else "")
        )

    def _notes(self) -> list[str]:
        lines = [f"{kind}: {_SOURCES[kind]}" for kind in dict.fromkeys(point.source for point in self.points)]
        lines += [*_LEGEND, *self.notes]
        done = sum(point.n_trials for point in self.points)
        stop = {"trials": "", "max_seconds": "; ended by `max_seconds`", "interrupted": "; interrupted"}[self.ended]
        lines.append(f"{done} fits, {self.seconds:.0f} s{stop}")
        return lines


_COLUMNS = ("samples", "from", "trials", *_HEADS.values(), "effect", "passes", "seconds", "MiB")


def _title(limits: Limits) -> str:
    effects = f"{limits.n_nonzero} effect{'s' * (limits.n_nonzero != 1)}"
    if math.isinf(limits.snr):
        return f"{effects}, no noise"
    return f"{effects}, signal-to-noise ratio {limits.snr:g} (R^2 {limits.snr / (1 + limits.snr):.2f} for the truth)"


def _cells(point: PlanPoint) -> tuple[str, ...]:
    return (
        f"{point.n_samples:,}",
        point.source,
        f"{point.n_trials}",
        *(_estimate(getattr(point, name)) for name in _HEADS),
        "" if math.isnan(point.effect_found) else f"{point.effect_found:.2g}",
        f"{point.n_passes:g}",
        f"{point.seconds:.2g}" if point.seconds < 99 else f"{point.seconds:,.0f}",
        f"{point.memory_bytes / 2**20:,.0f}",
    )


def _estimate(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return ""
    value, low, high = (f"{number:.2f}".removeprefix("0") for number in estimate)
    return f"{value} [{low}, {high}]"
