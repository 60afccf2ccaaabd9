"""Tables of results.json.

python benches/gpu/report.py FOLDER
"""

import datetime as dt
import itertools
import json
import math
import os
import platform
import statistics
import sys
from pathlib import Path

import numpy as np
import scipy
import sklearn
import torch
from jobs import SCALES, pick, scale_label
from scipy.stats import t as student

# How the penalty of an autoencoder is picked: by the entries of held-out samples that were replaced, by the misfit of
# held-out samples, or by the truth, which no user has.
CHOICES = {"": "entries", ", by misfit": "misfit", ", by the truth": "nmse"}
_NAMES = ("AE-l2", "AE-l1")


def table(rows):
    """A Markdown table of dictionaries with the same keys."""
    if not rows:
        return ""
    keys = list(rows[0])
    lines = [[str(key) for key in keys], ["---"] * len(keys), *([str(row[key]) for key in keys] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value, digits=2):
    if not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    return f"{value:.{digits}g}" if 1e-4 <= abs(value) < 1e4 else f"{value:.{digits - 1}e}"


def spread(values):
    """Median, least and largest."""
    return f"{number(statistics.median(values))} ({number(min(values))}-{number(max(values))})" if values else "-"


def methods(rows):
    """NMSE of every method on every set; penalties picked in each of three ways."""
    found = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        if name in _NAMES and "entries" in rows[0]:
            for label, by in CHOICES.items():
                found[name + label] = {key: value for key, (value, _) in pick(rows, name, by).items()}
        else:
            found[name] = {row["set"]: row["nmse"] for row in rows if row["method"] == name}
    return found


def ratio(ours, theirs):
    """Geometric mean of their NMSE over ours with a 95% interval; places are fixed, trials at a place are drawn."""
    places = {}
    for name in ours.keys() & theirs.keys():
        places.setdefault(name.rpartition("/")[0], []).append(math.log(theirs[name] / ours[name]))
    count = sum(map(len, places.values()))
    free = count - len(places)
    middle = statistics.fmean(statistics.fmean(values) for values in places.values())
    if free == 0:
        return f"{number(math.exp(middle), 3)}"
    within = sum(sum((value - statistics.fmean(values)) ** 2 for value in values) for values in places.values()) / free
    half = student.ppf(0.975, free) * math.sqrt(within / count)
    low, mid, high = (number(math.exp(value), 3) for value in (middle - half, middle, middle + half))
    return f"{mid} ({low}-{high})"


def ahead(ours, theirs):
    """Sets, and places in all trials, at which ours is lower."""
    shared = ours.keys() & theirs.keys()
    lower = {name for name in shared if ours[name] < theirs[name]}
    places = {name.rpartition("/")[0] for name in shared}
    wins = sum(all(name in lower for name in shared if name.rpartition("/")[0] == place) for place in places)
    losses = sum(not any(name in lower for name in shared if name.rpartition("/")[0] == place) for place in places)
    return f"{len(lower)} of {len(shared)}", f"{wins} of {len(places)}", f"{losses} of {len(places)}"


def compared(found):
    """The VAE beside each rival, over all sets."""
    rows = []
    for name, theirs in found.items():
        if name != "VAE":
            sets, wins, losses = ahead(found["VAE"], theirs)
            rows.append(
                {
                    "rival": name,
                    "NMSE over the VAE's": ratio(found["VAE"], theirs),
                    "sets, VAE lower": sets,
                    "places, VAE lower in all trials": wins,
                    "places, VAE higher in all trials": losses,
                }
            )
    return rows


def fixed(rows):
    """NMSE of autoencoders with one weight of the penalty at all places, and of the VAE."""
    kinds = dict.fromkeys((row["method"], row["weight"]) for row in rows if "weight" in row)
    return {
        name if name == "VAE" else f"{name}, {weight:g}": {
            row["set"]: row["nmse"] for row in rows if (row["method"], row.get("weight")) == (name, weight)
        }
        for name, weight in kinds
    }


def at(values, place):
    """Values of one place."""
    return [value for name, value in values.items() if name.rpartition("/")[0] == place]


def places_of(rows):
    return sorted({(row["dimension"], row["share"]) for row in rows})


def show_tests(rows):
    return table([{"CUDA tests": row["summary"], "seconds": number(row["seconds"])} for row in rows])


def show_batches(rows):
    return table(
        [
            {
                "problems": f"{row['problems']:,}",
                "solver": row["solver"],
                "median s": number(row["seconds"], 3),
                "least to largest": f"{number(row['least'], 3)}-{number(row['most'], 3)}",
                "runs": row["runs"],
                "problems a s": f"{row['problems a second']:,.0f}",
                "certified": f"{row['certified']:,}",
                "largest error": number(row["largest error"]),
            }
            for row in rows
        ]
    )


def better(found, label=""):
    """NMSE of the better kind of autoencoder on every set, which no user knows."""
    return {name: min(found[kind + label][name] for kind in _NAMES) for name in found["VAE"]}


def ratios(rows, found, label):
    """Ratio of the better autoencoder's NMSE to the VAE's: a row for each dimension, a column for each share."""
    rivals = better(found, label)
    places = places_of(rows)
    cells = []
    for dimension in sorted({dimension for dimension, _ in places}):
        line = {"dimension": dimension}
        for share in sorted({share for _, share in places}):
            place = f"{dimension}/{share}"
            pairs = zip(at(rivals, place), at(found["VAE"], place), strict=True)
            line[share] = number(statistics.geometric_mean(theirs / ours for theirs, ours in pairs))
        cells.append(line)
    return table(cells)


def show_grid(rows):
    found = methods(rows)
    shown = [name for name in found if ", by misfit" not in name]
    cells, used, weights = [], [], []
    for dimension, share in places_of(rows):
        place = f"{dimension}/{share}"
        head = {"dimension": dimension, "outliers": share}
        cells.append({**head, **{name: spread(at(found[name], place)) for name in shown}})
        ours = [row for row in rows if row["method"] == "VAE" and row["set"].rpartition("/")[0] == place]
        used.append(
            {
                **head,
                "variances below 1/2": ", ".join(str(row["variance"]) for row in ours),
                "columns": ", ".join(f"{row['columns']:.0f}" for row in ours),
            }
        )
        line = dict(head)
        for name in _NAMES:
            for label, by in CHOICES.items():
                picked = {key: weight for key, (_, weight) in pick(rows, name, by).items()}
                line[name + label] = ", ".join(f"{weight:g}" for weight in at(picked, place))
        weights.append(line)
    return "\n\n".join(
        [
            "NMSE: median (least-largest) of the trials.",
            table(cells),
            "The VAE beside each rival: geometric mean of the ratio of their NMSE, 95% interval over the trials.",
            table(compared(found)),
            "The same with one weight of the penalty at all places.",
            table(compared(fixed(rows))),
            "NMSE of the better kind of autoencoder over the VAE's, geometric mean of the trials.",
            "Penalties picked by held-out entries:",
            ratios(rows, found, ""),
            "Penalties picked by the truth:",
            ratios(rows, found, ", by the truth"),
            "Latent variables of 50 that the VAE uses, each trial.",
            table(used),
            "Weights of the penalty that were picked, each trial.",
            table(weights),
        ]
    )


def show_scale(rows):
    cells = []
    there = {row["label"] for row in rows}
    for label in (label for label in (scale_label(*point) for point in SCALES) if label in there):
        found = methods([row for row in rows if row["label"] == label])
        reached = max(row["step"] for row in rows if row["label"] == label)
        cells.append(
            {
                "training": label,
                "reached": f"{reached:,}",
                **{name: spread(list(values.values())) for name, values in found.items()},
                "better AE over the VAE": ratio(found["VAE"], better(found)),
            }
        )
    return table(cells)


def show_paper(rows):
    cells = []
    for step in sorted({row["step"] for row in rows}):
        line = {"step": f"{step:,}"}
        for row in rows:
            if row["step"] == step:
                name = row["method"] + (f", {row['weight']:g}" if row["method"] in _NAMES else "")
                line[name] = number(row["nmse"])
        line["VAE uses"] = next(row["variance"] for row in rows if row["step"] == step and row["method"] == "VAE")
        cells.append(line)
    return table(cells)


def show_table1(rows):
    cells = []
    for label in dict.fromkeys(row["label"] for row in rows):
        ours = [row for row in rows if row["label"] == label]
        cells.append(
            {
                "VAE": label,
                "reached": f"{max(row['step'] for row in ours):,}",
                "columns, mean": number(statistics.fmean(row["columns"] for row in ours), 3),
                "columns, each trial": ", ".join(f"{row['columns']:.0f}" for row in ours),
                "variances below 1/2": ", ".join(str(row["variance"]) for row in ours),
                "NMSE": spread([row["nmse"] for row in ours]),
            }
        )
    return table(cells)


def show_mnist(rows):
    found, cells = methods(rows), []
    for dimension, share in places_of(rows):
        line = {"outliers": share}
        line |= {name: number(statistics.median(at(values, f"{dimension}/{share}"))) for name, values in found.items()}
        ours = next(row for row in rows if row["method"] == "VAE" and row["share"] == share)
        line |= {"VAE uses, columns": f"{ours['columns']:.0f}", "variances": ours["variance"]}
        cells.append(line)
    return table(cells)


def show_digits(rows):
    cells = []
    for count in sorted({int(row["label"]) for row in rows}):
        line = {"latent variables": count}
        for name in dict.fromkeys(row["method"] for row in rows):
            there = [row for row in rows if int(row["label"]) == count and row["method"] == name]
            line[f"{name}, columns"] = ", ".join(f"{row['columns']:.0f}" for row in there)
            if "variance" in there[0]:
                line[f"{name}, variances below 1/2"] = ", ".join(str(row["variance"]) for row in there)
            line[f"{name}, NMSE"] = ", ".join(number(row["nmse"]) for row in there)
        cells.append(line)
    return table(cells)


def show_variance(rows):
    """Shares of all posterior variances in five parts of the histogram."""
    cells = []
    for row in sorted(rows, key=lambda row: (row["dimension"], row["share"])):
        counts = np.array(row["histogram"])
        # Bins of 1/40.
        parts = [counts[first:last].sum() / counts.sum() for first, last in itertools.pairwise((0, 8, 20, 32, 44, 50))]
        names = ("below 0.2", "to 0.5", "to 0.8", "to 1.1", "beyond")
        line = {"dimension": row["dimension"], "outliers": row["share"], "NMSE": number(row["nmse"])}
        line |= {name: f"{part:.1%}" for name, part in zip(names, parts, strict=True)}
        cells.append({**line, "means below 1/2": row["variance"]})
    return table(cells)


def show_collapse(rows):
    """Means over the trials of the sorted mean variances."""
    cells = []
    for share in sorted({row["share"] for row in rows}):
        there = [row for row in rows if row["share"] == share]
        means = np.mean([row["variances"] for row in there], axis=0)
        line = {"outliers": share, **{place: f"{value:.2f}" for place, value in enumerate(means, 1)}}
        cells.append({**line, "below 1/2": ", ".join(str(row["variance"]) for row in there)})
    return table(cells)


SECTIONS = {
    "tests": ("Tests that need a GPU", show_tests),
    "solve_batch": ("`solve_batch` beside the Rust core, noise-free 100 x 200, 20 nonzeros", show_batches),
    "precision": ("TF32: the grid after 3,000 steps, NMSE over that in float32", table),
    "timing": ("Microseconds a step in float32, each alone", table),
    "grid": ("Fig. 1: dimension by outliers", show_grid),
    "scale": ("What the order depends on: dimension 8, 30% outliers", show_scale),
    "paper": (
        "One cell with the paper's networks: dimension 8, 30% outliers, 1,000,000 samples, one trial",
        show_paper,
    ),
    "table1": ("Table 1, last row: 20 dimensions, 30 latent variables, 400 features", show_table1),
    "variance": ("Fig. 3: posterior variances, 50 latent variables, shares of all", show_variance),
    "collapse": ("Fig. 4: mean posterior variances in order, 10 dimensions, 10 latent variables", show_collapse),
    "mnist": ("Fig. 5: MNIST with outliers, NMSE", show_mnist),
    "digits": ("Fig. 2(b): MNIST, latent variables that are used", show_digits),
}


def machine(device):
    gpu = torch.cuda.get_device_name() if device.startswith("cuda") else "no GPU"
    return (
        f"{dt.datetime.now(dt.UTC).date():%B %Y}; {gpu}; {os.cpu_count()} cores; {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}, scikit-learn {sklearn.__version__}"
    )


class Results:
    """Rows of each part in results.json of a folder, written whenever there are more; `parts` are begun anew."""

    def __init__(self, folder, parts=()):
        self.folder, self.content = folder, {}
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            old = json.loads(self.path.read_text(encoding="utf-8"))
            self.content = {part: found for part, found in old.items() if part not in parts}

    @property
    def path(self):
        return self.folder / "results.json"

    def add(self, part, rows, about):
        self.content.setdefault(part, {"about": about, "rows": []})["rows"] += rows
        parts = []
        for name, found in self.content.items():
            lines = ",\n".join(json.dumps(row) for row in found["rows"])
            parts.append(f'"{name}": {{"about": {json.dumps(found["about"])}, "rows": [\n{lines}\n]}}')
        self.path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")

    def text(self):
        parts = ["# On a GPU", "[README.md](README.md) says how these were made, and how penalties are picked."]
        for part, (title, show) in SECTIONS.items():
            if part in self.content:
                about = ". ".join(str(value) for value in self.content[part]["about"].values())
                parts += [f"## {title}", f"{about}.", show(self.content[part]["rows"])]
        return "\n\n".join(parts) + "\n"

    def write_tables(self):
        (self.folder / "results.md").write_text(self.text(), encoding="utf-8")


if __name__ == "__main__":
    Results(Path(sys.argv[1])).write_tables()
