"""What a GPU is for: CUDA tests, `solve_batch`, and networks at the scale of "Hidden Talents".

    python benches/gpu/run.py --part all --tf32 --minutes 8

Writes results.json as it goes, and results.md from it; parts that are not run are kept. All data are drawn on the
processor by the package. Without a GPU, `--device cpu --quick --out FOLDER` shows that everything runs.
"""

import environment  # noqa: F401 - first: it sets the number of threads

# isort: split
import argparse
import subprocess
import sys
import time
from pathlib import Path

import batches
import jobs
import torch
from ensemble import Ensemble, train
from report import Results, machine

TESTS = Path(__file__).parents[2] / "tests" / "python" / "torch"
PARTS = ("tests", "solve_batch", *jobs.PARTS)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=(*PARTS, "all"), default=["all"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--minutes", type=float, default=8.0, help="what trains then is scored as it is (default: 8)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of results.json and results.md")
    parser.add_argument("--tf32", action="store_true", help="matrix products of 10 bits of mantissa, see timing.py")
    arguments = parser.parse_args()
    if "all" in arguments.part:
        arguments.part = list(PARTS)
    return arguments


def run_tests():
    """Run the project's tests that need a GPU; return their summary."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "cuda", str(TESTS)]
    begin = time.perf_counter()
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    print(found.stdout, found.stderr)
    summary = (found.stdout.strip() or "no output").splitlines()[-1]
    return {"summary": summary, "code": found.returncode, "seconds": time.perf_counter() - begin}


class Training:
    """The ensembles of several parts, side by side; data are drawn and robust PCA runs meanwhile."""

    def __init__(self, todo, pool, collectors, device, record):
        self.todo, self.pool, self.device, self.record = todo, pool, device, record
        self.origin = time.monotonic()
        self.begun, self.there, self.robust_pca = {}, {}, []
        # Jobs on the same data share what is drawn. The longest draws come first.
        draws = dict.fromkeys(job.draw for job in sorted(todo, key=lambda job: job.robust_pca))
        self.drawn = {draw: collectors.submit(draw) for draw in draws}

    def start(self, index):
        """Return the ensemble of a job, or None while its data are being drawn."""
        job = self.todo[index]
        if not self.drawn[job.draw].done():
            return None
        if job.draw not in self.there:
            sets = self.drawn[job.draw].result()
            self.there[job.draw] = sets.to(self.device)
            if job.robust_pca:
                self.robust_pca += [(job, *found) for found in jobs.submit_robust_pca(self.pool, sets)]
        self.begun[index] = time.monotonic()
        self.tell(f"begin {job.part}: {job.label}")
        # Small ensembles fill the gaps of the large one, not the other way round.
        priority = 0 if job.robust_pca else -1
        return Ensemble(self.there[job.draw].data, job.methods, job.protocol, priority=priority)

    def reached(self, index, ensemble):
        """Score an ensemble."""
        job, spent = self.todo[index], time.monotonic() - self.begun[index]
        rows = jobs.scores(job, self.there[job.draw], ensemble)
        self.record(job.part, [{**row, "seconds": round(spent, 1)} for row in rows])
        self.tell(f"{job.part}: {job.label}, step {ensemble.step:,} after {spent:.1f} s")

    def finish(self, deadline):
        """Record robust PCA, as far as it is done at the deadline."""
        for job, row, future in self.robust_pca:
            if time.monotonic() < deadline or future.done():
                self.record(job.part, [{"label": job.label, **row, "nmse": float(f"{future.result():.5g}")}])
            else:
                future.cancel()

    def tell(self, what):
        print(f"{time.monotonic() - self.origin:6.1f} s  {what}", flush=True)


def main():
    arguments = parse()
    deadline = time.monotonic() + 60 * arguments.minutes
    torch.set_float32_matmul_precision("high" if arguments.tf32 else "highest")
    about = {"machine": machine(arguments.device)}
    results = Results(arguments.out, arguments.part)
    print(about["machine"], flush=True)
    if "tests" in arguments.part:
        results.add("tests", [run_tests()], about)
    if "solve_batch" in arguments.part:
        for row in batches.run(arguments.device, arguments.quick):
            print(row, flush=True)
            results.add("solve_batch", [row], about)
    about = {**about, "products": "Matrix products in " + ("TF32" if arguments.tf32 else "float32")}
    # One pool draws data sets, the other one collects them.
    with jobs.workers() as pool, jobs.workers() as collectors:
        context = (arguments.quick, pool.map)
        todo = [job for part, found in jobs.PARTS.items() if part in arguments.part for job in found(context)]
        training = Training(todo, pool, collectors, arguments.device, lambda part, rows: results.add(part, rows, about))
        starts = [lambda index=index: training.start(index) for index in range(len(todo))]
        train(starts, [job.steps() for job in todo], training.reached, deadline)
        training.finish(deadline)
    results.write_tables()
    print(results.text())


if __name__ == "__main__":
    main()
