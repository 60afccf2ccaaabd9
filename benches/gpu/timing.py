"""Does TF32 in the matrix products change an error? And how long is a step?

    python benches/gpu/timing.py [--steps 3000] [--device cuda] [--quick] [--out FOLDER]

The grid of run.py is trained three times for some steps: in float32, in float32 from another seed, and in TF32. Steps
of the other ensembles are timed on noise of their shapes. Rows go to results.json of the folder.
"""

import environment  # noqa: F401 - first: it sets the number of threads

# isort: split
import argparse
import math
import time
from dataclasses import replace
from pathlib import Path

import jobs
import torch
from ensemble import Ensemble, train
from report import Results, machine, number

KINDS = {"float32": {}, "float32, another seed": {"seed": 1}, "TF32": {"tf32": True}}
SHAPES = {
    "scale": (3, 20_000, 100),
    "paper": (1, 20_000, 100),
    "table1": (5, 20_000, 400),
    "variance": (12, 20_000, 100),
    "collapse": (30, 20_000, 100),
    "mnist": (6, 9_500, 784),
    "digits": (2, 10_000, 784),
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of results.json")
    return parser.parse_args()


def timed(ensemble, n_steps):
    """Seconds a step once there is a graph."""

    def until(end):
        train([lambda: ensemble], [(end,)], lambda *_: None)
        return time.perf_counter()

    warm = n_steps // 10
    begin = until(warm)
    return (until(n_steps) - begin) / (n_steps - warm)


def precision(job, sets, n_steps):
    """Errors of each kind over those of the first, on a logarithmic scale."""
    rows, first, ours = [], None, len(sets.places)
    for name, options in KINDS.items():
        torch.set_float32_matmul_precision("high" if options.get("tf32") else "highest")
        protocol = replace(job.protocol, n_steps=n_steps)
        ensemble = Ensemble(sets.data, job.methods, protocol, options.get("seed", 0))
        seconds = timed(ensemble, n_steps)
        nmse = ensemble.nmse(sets.data[:, : sets.clean.shape[1]], sets.clean).cpu()
        first = nmse if first is None else first
        shift = torch.log(nmse / first)
        rows.append(
            {
                "products": name,
                "us a step": f"{1e6 * seconds:.0f}",
                "mean log ratio, VAE": number(shift[:ours].mean().item()),
                "its standard error": number(shift[:ours].std().item() / math.sqrt(ours)),
                "mean log ratio, AE": number(shift[ours:].mean().item()),
                "root mean square, VAE": number(shift[:ours].square().mean().sqrt().item()),
                "root mean square, AE": number(shift[ours:].square().mean().sqrt().item()),
            }
        )
        print(rows[-1], flush=True)
    return rows


def alone(context, n_steps, device):
    """Time the other ensembles one after the other, in the products set last."""
    rows = []
    for part, shape in SHAPES.items():
        data = torch.randn((shape[0], 300, shape[2]) if context[0] else shape, device=device)
        for job in jobs.PARTS[part](context):
            ensemble = Ensemble(data, job.methods, replace(job.protocol, n_steps=n_steps))
            label = f"{job.part}: {job.label}"
            rows.append({"ensemble": label, "us a step": f"{1e6 * timed(ensemble, n_steps):.0f}"})
            print(rows[-1], flush=True)
    return rows


def main():
    arguments = parse()
    results = Results(arguments.out, ("precision", "timing"))
    about = {"machine": machine(arguments.device)}
    with jobs.workers() as pool:
        context = (arguments.quick, pool.map)
        (job,) = jobs.grid(context)
        sets = job.draw().to(arguments.device)
    results.add("precision", precision(job, sets, arguments.steps), about)
    results.add("timing", alone(context, max(20, arguments.steps // 5), arguments.device), about)
    results.write_tables()


if __name__ == "__main__":
    main()
