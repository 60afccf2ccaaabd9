"""Numbers of networks that were trained on a GPU: what benches/gpu has kept of every one, as the notebook shows it.

``benches/gpu/README.md`` says how they were made. Nothing is trained here, and PyTorch is not needed.
"""

import itertools
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from sparsevae.experiments.drawing import curves, heat_maps
from sparsevae.experiments.engine.metrics import NMSE
from sparsevae.experiments.engine.metrics import short as number
from sparsevae.plotting import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row: TypeAlias = Mapping[str, Any]
# Of each method the error on each data set, named "dimension/share/trial".
Errors: TypeAlias = Mapping[str, Mapping[str, float]]

KEPT = Path(__file__).resolve().parents[1] / "benches" / "gpu" / "results.json"
VAE, BETTER = "VAE", "better autoencoder"
_TUNED = ("AE-l2", "AE-l1")
# How a penalty is picked: by held-out entries, or by the truth, which no user has.
HONEST, TRUTH = "entries", "nmse"
_SAID = {HONEST: "", TRUTH: ", by the truth"}
_STYLES = {VAE: ("#1b7837", "o"), "AE-l2": ("#762a83", "s"), "AE-l1": ("#c2a5cf", "^")}


def read(part: str) -> tuple[list[Row], str]:
    """Return the rows of a part, and a line with date, machine and versions."""
    found = json.loads(KEPT.read_text(encoding="utf-8"))[part]
    return found["rows"], ". ".join(found["about"].values())


def picked(rows: Iterable[Row], method: str, by: str) -> dict[str, Row]:
    """Return of each data set the row of a method for whose penalty the number called `by` is least."""
    best: dict[str, Row] = {}
    for row in rows:
        if row["method"] == method and (row["set"] not in best or row[by] < best[row["set"]][by]):
            best[row["set"]] = row
    return best


def errors(rows: Sequence[Row], by: str = HONEST) -> dict[str, dict[str, float]]:
    """Return the errors of every method, penalties picked in one of two ways."""
    found = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        if name in _TUNED:
            found[name] = {key: row["nmse"] for key, row in picked(rows, name, by).items()}
        else:
            found[name] = {row["set"]: row["nmse"] for row in rows if row["method"] == name}
    return found


def medians(found: Mapping[str, float]) -> dict[tuple[int, float], float]:
    """Return the median over the data sets of each place: dimension, share of outliers."""
    trials: dict[tuple[int, float], list[float]] = {}
    for name, value in found.items():
        dimension, share, _ = name.split("/")
        trials.setdefault((int(dimension), float(share)), []).append(value)
    return {place: statistics.median(values) for place, values in sorted(trials.items())}


def standing(found: Errors) -> list[str]:
    """Say at how many places the median error of the VAE is at or below those of each rival, and of all of them."""
    ours = medians(found[VAE])
    won = {
        name: {place for place, value in medians(theirs).items() if ours[place] <= value}
        for name, theirs in found.items()
        if name != VAE
    }
    lines = [f"at or below {name}: {len(places)} of {len(ours)} places" for name, places in won.items()]
    everywhere = set(ours).intersection(*won.values())
    names = ", ".join(f"{dimension}/{share:g}" for dimension, share in sorted(everywhere))
    return [*lines, f"at or below every rival: {len(everywhere)} of {len(ours)} places ({names})"]


def draw_grid() -> "Figure":
    """Draw heat maps of the median errors on one scale, penalties picked without the truth above, with it below."""
    rows, about = read("grid")
    honest, told = errors(rows), errors(rows, TRUTH)
    above = {name: honest[name] for name in (VAE, *_TUNED)}
    below = {"RobustPca": honest["RobustPca"], **{f"{name}{_SAID[TRUTH]}": told[name] for name in _TUNED}}
    cells = [
        {
            (name, f"dimension {dimension}", share): value
            for name, values in part.items()
            for (dimension, share), value in medians(values).items()
        }
        for part in (above, below)
    ]
    norm = NMSE.scale(np.array([value for part in cells for value in part.values()]))
    picture, grid = new_figure(2, 1)
    steps = max(row.get("step", 0) for row in rows)
    title = f"Median NMSE, {steps:,} steps; {about.partition(', Python')[0]}"
    for (axes,), part, text in zip(grid, cells, (title, ""), strict=True):
        heat_maps.draw_heat_maps(
            axes,
            part,
            scale=lambda _: norm,
            text=NMSE.number,
            title=text,
            label="share of outliers",
            bar_label="NMSE (median)",
        )
    width, height = heat_maps.size(cells[0])
    picture.set_size_inches(width, 2 * height)
    return picture


def studies(by: str = HONEST) -> dict[str, tuple[int, Errors]]:
    """Return of each point of the scale study, by its label, the steps that were reached, and the errors."""
    rows, _ = read("scale")
    found = {}
    for label in dict.fromkeys(row["label"] for row in rows):
        mine = [row for row in rows if row["label"] == label]
        told = errors(mine, by)
        better = {key: min(told[name][key] for name in _TUNED) for key in told[VAE]}
        found[label] = (max(row["step"] for row in mine), {**told, BETTER: better})
    return dict(sorted(found.items(), key=lambda item: (_sizes(item[0]), item[1][0])))


def _sizes(label: str) -> tuple[int, ...]:
    """Return samples and width of a label such as "10,000 steps, 50,000 samples, width 100"."""
    words = label.replace(",", "").split()
    return int(words[2]), int(words[5])


def ratio(found: Errors, rival: str = BETTER) -> float:
    """Return the geometric mean of a rival's error over the VAE's."""
    return statistics.geometric_mean(found[rival][key] / value for key, value in found[VAE].items())


def crossover(points: Sequence[tuple[int, float]]) -> float:
    """Return the steps at which ratios rise through 1, between two points on logarithmic axes; NaN if they do not."""
    for (one, low), (two, high) in itertools.pairwise(points):
        if low < 1 <= high:
            share = -math.log(low) / (math.log(high) - math.log(low))
            return math.exp(math.log(one) + share * math.log(two / one))
    return math.nan


def turning_points() -> list[str]:
    """Say at how many steps the VAE draws level with each rival, at the least samples and width."""
    lines = []
    for by, said in _SAID.items():
        found = list(studies(by).items())
        first = [told for label, told in found if _sizes(label) == _sizes(found[0][0])]
        for rival in (*_TUNED, BETTER):
            steps = crossover([(steps, ratio(told, rival)) for steps, told in first])
            lines.append(
                f"level with {rival + said}: "
                + ("never" if math.isnan(steps) else f"about {round(steps, -3):,.0f} steps")
            )
    return lines


def scale_table() -> str:
    """Write the scale study: median error, least and largest of the data sets, and who leads by what factor."""
    lines = [f"{'training':46}{VAE:>23}{'AE-l2':>23}{'AE-l1':>23}  {BETTER} over VAE"]
    for label, (steps, found) in studies().items():
        cells = "".join(f"{_range(list(found[name].values())):>23}" for name in (VAE, *_TUNED))
        reached = f"{steps:,} steps, {label.partition(', ')[2]}"
        lines.append(f"{reached:46}{cells}  {ratio(found):.2f}")
    return "\n".join(lines)


def _range(values: Sequence[float]) -> str:
    return f"{number(statistics.median(values))} ({number(min(values))}-{number(max(values))})"


def draw_scale() -> "Figure":
    """Draw the errors over the steps, at the least samples and width, bars from the least to the largest data set."""
    found = list(studies().items())
    sizes = _sizes(found[0][0])
    first = [told for label, told in found if _sizes(label) == sizes]
    drawn = []
    for name, style in _STYLES.items():
        values = [list(told[name].values()) for _, told in first]
        middle, low, high = ([pick(part) for part in values] for pick in (statistics.median, min, max))
        steps = [reached for reached, _ in first]
        drawn.append(curves.Curve(name, steps, middle, low, high, style, emphasised=name == VAE))
    picture, ((axes,),) = new_figure(1, 1)
    rows, about = read("scale")
    place = f"dimension {rows[0]['dimension']}, {rows[0]['share']:.0%} outliers"
    title = f"{place}, {sizes[0]:,} samples, width {sizes[1]}\n{about.partition(', Python')[0]}"
    settings = {"ylabel": "NMSE (median)", "xscale": "log", "yscale": "log"}
    curves.draw_curves(axes, drawn, title=title, label="steps", settings=settings, dodge=0.0)
    picture.set_size_inches(*curves.size(axes))
    return picture
