"""Large designs by the clock: two threads, and two workers of Dask, beside one thread.

    python benches/peers/clock.py [--fits N] [--quick]

A line for each way to the same answer: seconds by the clock, the least and the median of the fits, which the ways do in
turn; by how much the median of one thread is longer; and whether all coefficients are the same to the last bit. Workers
are processes of one thread each on this machine; between fits blocks stay in their memory, or each pass reads a file.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import logging
import tempfile
import time
import warnings
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import report
import scale
from distributed import Client, LocalCluster, wait
from sparsevae import VaeSlr

BLOCK = 20_000


def measured(name, ways, fits):
    """The rows of one design: `ways` are functions that fit it, the first of them by one thread."""
    seconds, coefs = {way: [] for way in ways}, {}
    for _ in range(fits):
        for way, fit in ways.items():
            begin = time.perf_counter()
            coefs[way] = fit().coef_
            seconds[way].append(time.perf_counter() - begin)
    one = next(iter(ways))
    for way, each in seconds.items():
        yield {
            "data": name,
            "by": way,
            "least": min(each),
            "median": np.median(each),
            "times as fast": np.median(seconds[one]) / np.median(each),
            "same bits": "yes" if np.array_equal(coefs[way], coefs[one]) else "no",
        }


def by_threads(name, X, y, fits):
    ways = {"one thread": lambda: VaeSlr(n_jobs=1).fit(X, y), "two threads": lambda: VaeSlr(n_jobs=2).fit(X, y)}
    return measured(name, ways, fits)


def threads(sizes, fits):
    for order, layout in (("F", "columns"), ("C", "rows")):
        for snr_db in (30, 10):
            X, y, _ = scale.gaussian(*sizes, snr_db, order=order)(0, None)
            yield from by_threads(f"{sizes[0]:,} x {sizes[1]:,}, {snr_db} dB, in memory by {layout}", X, y, fits)


def read(path, start, stop):
    return np.array(np.load(path, mmap_mode="r")[:, start:stop])


def workers(sizes, fits):
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        Client(cluster),
    ):
        X, y, _ = scale.genotypes(*sizes, 20)(0, Path(folder))
        blocks = []
        for start in range(0, sizes[1], BLOCK):
            stop = min(start + BLOCK, sizes[1])
            block = dask.delayed(read)(X.filename, start, stop)
            blocks.append(da.from_delayed(block, (sizes[0], stop - start), dtype=X.dtype))
        from_file = da.concatenate(blocks, axis=1)
        kept, X = from_file.persist(), np.array(X)
        wait(kept)
        ways = {
            "one thread": lambda: VaeSlr(n_jobs=1).fit(X, y),
            "workers, blocks in memory": lambda: VaeSlr(n_jobs=1).fit(kept, y),
            "workers, blocks in a file": lambda: VaeSlr(n_jobs=1).fit(from_file, y),
        }
        yield from measured(f"int8 {sizes[0]:,} x {sizes[1]:,}, 20 dB", ways, fits)


def main():
    parser = environment.parser(__doc__, "two fits of small designs")
    parser.add_argument("--fits", type=int, default=6, help="fits of each kind (default: 6)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    fits = 2 if arguments.quick else arguments.fits
    environment.introduce(f"{fits} fits of each.")
    wide, genotypes = (500, 100_000, 20), (400, 400_000, 10)
    if arguments.quick:
        wide, genotypes = (100, 5_000, 5), (100, 50_000, 5)
    print(f"## Threads\n\n{report.table(list(threads(wide, fits)))}\n", flush=True)
    print(f"## Workers\n\n{report.table(list(workers(genotypes, fits)))}\n", flush=True)


if __name__ == "__main__":
    main()
