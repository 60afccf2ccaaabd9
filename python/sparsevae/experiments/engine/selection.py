"""Which trials of a store a figure shows."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from .plan import Plan
from .record import Key, Record
from .specification import Figure, problem_fields


def select(figure: Figure, records: Iterable[Record], plan: Plan | None = None) -> tuple[list[Record], list[str]]:
    """Choose the trials of one figure, and say what is left out.

    A curve has one seed and one set of settings. Those of the plan are taken where there is one; else the seed with
    the most trials, and of each method the settings with the most, then the latest. Of a figure that has two scales
    only trials of its own are.

    Parameters
    ----------
    figure : Figure
        What is to be shown.
    records : iterable of Record
        Trials of a store.
    plan : Plan or None, default=None
        The run that was asked for.

    Returns
    -------
    chosen : list of Record
        Trials of the figure.
    notes : list of str
        Sentences for the user.
    """
    mine = [record for record in records if record.key.figure == figure.experiment and _is_shown(figure, record.key)]
    counts: dict[int, int] = defaultdict(int)
    for record in mine:
        counts[record.key.seed] += 1
    if not counts:
        return [], []
    seed = plan.seed if plan else min(counts, key=lambda seed: (-counts[seed], seed))
    wanted: dict[tuple[str, str], str] = {}
    if plan:
        curves = [(method, series) for method in plan.methods for series in plan.series()]
        wanted = {(method.name, series): plan.settings(method, series) for method, series in curves}
    groups: dict[tuple[str, str], dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in mine:
        if record.key.seed == seed:
            groups[record.key.method, record.key.series][record.key.settings].append(record)
    chosen, others = [], 0
    for curve, variants in groups.items():
        best = wanted.get(curve)
        if best is None:
            shown = [text for text in variants if _has_scale(figure, curve[1], text)]
            best = max(shown, key=lambda text: (len(variants[text]), _latest(variants[text]), text), default="")
        chosen += variants.get(best, [])
        others += sum(len(group) for text, group in variants.items() if text != best)
    notes = []
    strangers = len(mine) - len(chosen) - others
    complete = [record for record in chosen if record.score is None or figure.metric.applies(record.score)]
    if strangers:
        notes.append(f"{figure.name}: {strangers} trials of other seeds than {seed} are not shown")
    if others:
        notes.append(f"{figure.name}: {others} trials of other settings are not shown")
    if lacking := len(chosen) - len(complete):
        notes.append(
            f"{figure.name}: {lacking} trials of an earlier version do not say what is shown here and are left out; "
            "the next run does them again"
        )
    return complete, notes


def _is_shown(figure: Figure, key: Key) -> bool:
    """Tell whether a figure shows a trial, which it may share with a figure that has more of them."""
    if not figure.metric.own_trials:
        return True
    return key.method in figure.choices and key.value in figure.values and key.series in (figure.series or ("",))


def _latest(records: Iterable[Record]) -> str:
    return max(record.started for record in records)


def _has_scale(figure: Figure, series: str, settings: str) -> bool:
    """Tell whether the problems of a trial have the sizes of the figure; of a figure with one scale it need not be."""
    if not figure.paper:
        return True
    if figure.series and series not in figure.series:
        return False
    fields = problem_fields(figure.problem_at(figure.values[0], series), figure.swept)
    own: dict[str, Any] = json.loads(settings)["problem"]
    return bool(own == json.loads(json.dumps(fields)))


def remarks(figure: Figure, records: Iterable[Record], version: str) -> list[str]:
    """Say what a reader should know of some trials: errors, wrong certificates, other versions.

    Parameters
    ----------
    figure : Figure
        The figure that shows them.
    records : iterable of Record
        Its trials.
    version : str
        The version that is running.

    Returns
    -------
    list of str
        Sentences for the user.
    """
    failed: dict[str, list[str]] = defaultdict(list)
    wrong: dict[str, int] = defaultdict(int)
    versions: dict[str, int] = defaultdict(int)
    for record in records:
        if record.score is None:
            failed[record.key.method].append(record.error)
        elif record.score.wrong_certificate:
            wrong[record.key.method] += 1
        if record.version != version:
            versions[record.version] += 1
    notes = [
        f"{figure.name}: {method}: {len(errors)} trials ended in an error and count as failures; the first: {errors[0]}"
        for method, errors in sorted(failed.items())
    ]
    notes += [f"{figure.name}: {method}: {count} wrong certificates" for method, count in sorted(wrong.items())]
    notes += [
        f"{figure.name}: {count} trials were made by sparsevae {other}; this is {version}"
        for other, count in sorted(versions.items())
    ]
    return notes
