"""What the notebooks of the papers' figures run, and what is kept of their numbers.

They run all methods with the figure's own number of trials a point, and keep the trials in results/ at the root of the
repository. With the environment variable SPARSEVAE_QUICK they run fast methods, two trials at three points, and keep
nothing. With SPARSEVAE_PAPER_SCALE figures that are smaller here have the sizes of the paper.

    python notebooks/paper.py               # the papers' figures
    python notebooks/paper.py statistics    # those of noisy data, which take longer

execute the notebooks in place and write their numbers into notebooks/expected.
"""

import base64
import csv
import io
import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from sparsevae.exceptions import DataUnavailableError
from sparsevae.experiments import STORE_NAME, Results, find_figures, run, success

Row: TypeAlias = Mapping[str, str]

FOLDER = Path(__file__).resolve().parent
EXPECTED = FOLDER / "expected"
PAPERS = (
    *sorted(FOLDER.glob("fig*.ipynb")),
    *(FOLDER / f"{name}.ipynb" for name in ("welper", "robust_pca", "manifold", "digits", "covariance")),
)
STATISTICS = tuple(FOLDER / f"statistics_{name}.ipynb" for name in ("benchmark", "real_data"))
QUICK, PAPER_SCALE = (
    os.environ.get(name, "0") not in ("", "0") for name in ("SPARSEVAE_QUICK", "SPARSEVAE_PAPER_SCALE")
)
FULL = {"methods": "all", "store": FOLDER.parent / "results" / STORE_NAME}
# Panels of a quick run share trials, too; they are gone with the process.
_SHORT_LIVED = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
SHORT = {"quick": True, "store": Path(_SHORT_LIVED.name) / STORE_NAME}
OPTIONS = {**(SHORT if QUICK else FULL), "paper_scale": PAPER_SCALE}

# A download would tell where on this machine it goes.
logging.disable(logging.INFO)

# Mean squared errors below this are rounding.
ROUNDING = 1e-20
CURVE = ("figure", "series", "method", "x")
COUNTS = ("trials", "successes", "rate", "low", "high", "outcomes")
# Of columns with the ends of intervals by which two runs are compared: the value up to which all are the same, and the
# factor and the difference by which they may be apart.
EXACT = (0.0, 1.0, 0.0)
SLACK = {"nmse_low": (1e-6, 2.0, 0.0), "dimensions_low": (0.0, 1.0, 1.0)}


def run_panels(figure: str) -> list[Results]:
    """Run all panels of a figure; a line says what each consists of, or that it is left out for want of data."""
    panels = []
    for panel in find_figures([figure]):
        try:
            results = run(panel, **OPTIONS)
        except DataUnavailableError:
            print(f"{panel.name}: LEFT OUT, its data are not at hand, see sparsevae.datasets")
            continue
        methods = {point.method for point in results.points}
        print(f"{panel.name}: {panel.title}; {len(results.records)} trials, methods: {len(methods)}")
        for line in filter(None, (panel.note, *results.notes)):
            print(f"  {line}")
        panels.append(results)
    return panels


def groups(path: Path) -> list[str]:
    """List the figures that a notebook runs."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "".join(line for cell in cells if cell["cell_type"] == "code" for line in cell["source"])
    return re.findall(r'run_panels\("(\w+)"\)', code)


def rows(results: Results) -> list[Row]:
    """Reduce a panel to what is expected of it: counts, intervals, and the outcome of each trial, in order.

    An outcome is 1 for a success, most often a support or a matrix that was recovered, 0 for a failure, e for an error.
    """
    outcomes: dict[tuple[str, str, float], str] = {}
    for record in sorted(results.records, key=lambda record: record.key.trial):
        curve = (record.key.series, record.key.method, record.key.value)
        mark = "e" if record.score is None else str(int(success(results.figure, record.score)))
        outcomes[curve] = outcomes.get(curve, "") + mark
    found = []
    for point in results.points:
        row = {name: _cell(getattr(point, name)) for name in (*CURVE, *COUNTS[:-1])}
        row["outcomes"] = outcomes[point.series, point.method, point.x]
        metric = results.figure.metric
        shown = [name for name in dict.fromkeys((*metric.measure, *metric.columns)) if name not in row]
        row |= {name: _square(getattr(point, name)) for name in shown}
        found.append(row)
    return found


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"


def _square(value: float) -> str:
    return "0" if abs(value) < ROUNDING else f"{value:.6g}"


def read(path: Path) -> list[Row]:
    """Read the rows of a panel."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, found: Sequence[Row]) -> None:
    """Write the rows of a panel; the same trials give the same bytes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


def disagreements(expected: Iterable[Row], found: Iterable[Row]) -> list[str]:
    """Apply the rule by which two runs agree, to the points that both have; list those that do not.

    Wilson's 95% intervals of the two rates must overlap; so must the bootstrap's of the two mean squared errors. Seeds
    are fixed, so on one machine even the outcomes of single trials are the same, and noise-free problems that are not
    near the phase transition have the same outcomes everywhere. But a search near the transition may take another
    turn where floating point rounds otherwise.

    Of normalised mean squared errors the ranges over the trials must overlap up to a factor of 2: the median of a few
    trials that are half recovered may be anything. All that is below 1e-6 counts as the same, since how far a
    recovered matrix is below it is rounding. Of the numbers of latent variables that networks need, the ranges must
    come as near as 1: trainings on two machines are two trainings.
    """
    known = {tuple(row[name] for name in CURVE): row for row in expected}
    told = []
    for row in found:
        curve = tuple(row[name] for name in CURVE)
        for low in (name for name in row if name.endswith("low")):
            high = low.removesuffix("low") + "high"
            if curve in known and _apart(known[curve], row, low, high, *SLACK.get(low, EXACT)):
                told.append(
                    f"{', '.join(filter(None, curve))}: {row[low]} to {row[high]}, "
                    f"but {known[curve][low]} to {known[curve][high]} was expected"
                )
    return told


def _apart(one: Row, other: Row, low: str, high: str, least: float, factor: float, difference: float) -> bool:
    pairs = ((float(a[low]), float(b[high])) for a, b in ((one, other), (other, one)))
    return any(begin > factor * max(end, least) + difference for begin, end in pairs)


def _reduced(png: str) -> str:
    """Reduce a picture to 64 colours, which makes it four times smaller; base64 as in a notebook."""
    from PIL import Image

    small = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(64, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")


def _execute(path: Path) -> None:
    """Run a notebook in place. Nothing of the machine or the moment stays in it."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    kernel, language = dict(notebook.metadata.kernelspec), {"name": "python"}
    place = {"metadata": {"path": FOLDER}}
    NotebookClient(notebook, timeout=None, record_timing=False, coalesce_streams=True, resources=place).execute()
    notebook.metadata = {"kernelspec": kernel, "language_info": language}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", ()):
                output["data"]["image/png"] = _reduced(output["data"]["image/png"])
    nbformat.write(notebook, path)


def main(arguments: Sequence[str]) -> int:
    """Execute the notebooks, then write what is expected of them; say what differs from what was expected so far."""
    if QUICK or PAPER_SCALE:
        sys.exit("paper.py: unset SPARSEVAE_QUICK and SPARSEVAE_PAPER_SCALE; full runs at our own scale are kept")
    if arguments not in ([], ["statistics"]):
        sys.exit(f"paper.py: {' '.join(arguments)!r} is no set of notebooks; name statistics, or nothing")
    notebooks = STATISTICS if arguments else PAPERS
    for path in notebooks:
        print(path.name, flush=True)
        _execute(path)
    EXPECTED.mkdir(exist_ok=True)
    for results in (results for path in notebooks for group in groups(path) for results in run_panels(group)):
        path, found = EXPECTED / f"{results.figure.name}.csv", rows(results)
        for line in disagreements(read(path), found) if path.exists() else ():
            print(f"  differs: {line}")
        write(path, found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
