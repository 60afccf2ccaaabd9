"""One thread for every library, set before NumPy is imported; where and with what the numbers are measured."""

import argparse
import datetime as dt
import importlib.metadata
import os
import platform
from pathlib import Path

for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:
    # A pinned kernel would slow rivals down: OpenBLAS chooses for itself.
    del os.environ[name]
for library in ("OPENBLAS", "OMP", "MKL", "NUMBA", "RAYON", "BLIS", "VECLIB_MAXIMUM"):
    os.environ[f"{library}_NUM_THREADS"] = "1"


def _facts():
    """The name of the processor on Linux; nothing elsewhere."""
    known = Path("/proc/cpuinfo")
    if not known.is_file():
        return {}
    lines = (line.partition(":") for line in known.read_text(encoding="utf-8").splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


# Where all.py wants to read what a script was run on, in place of the script's own words.
RECORD = "SPARSEVAE_BENCH_RECORD"


def parser(doc, quick):
    """The options of a script: `--quick` at least, for which `quick` says what it does."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--quick", action="store_true", help=f"only to see that it works: {quick}")
    return options


def introduce(remark=""):
    """Print where and with what the script runs, and a remark of its own."""
    if RECORD in os.environ:
        Path(os.environ[RECORD]).write_text(machine(), encoding="utf-8")
    else:
        print(f"{month()}; {machine()}\n", flush=True)
    if remark:
        print(f"{remark}\n", flush=True)


def month():
    return f"{dt.datetime.now(dt.UTC).date():%B %Y}"


def machine():
    """Two sentences: processor and system, then versions."""
    import numpy as np  # noqa: F401 - loads its BLAS
    import sparsevae
    import threadpoolctl

    facts = _facts()
    flags = facts.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2", "sse2") if name in flags), "unknown vectors")
    processor = f"{facts.get('model name', platform.machine())}, family {facts.get('cpu family', '?')}, {vectors}"
    pools = (pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas")
    kernels = {f"{pool['internal_api']} with {pool.get('architecture', 'unnamed')} kernels" for pool in pools}
    # What is imported, which an older installed package need not be.
    versions = [f"sparsevae {sparsevae.__version__}"]
    for name in ("numpy", "scipy", "scikit-learn", "skglm", "celer", "mne", "abess", "dask", "torch"):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} absent")
    return (
        f"{processor}; {os.cpu_count()} cores, one thread per solver; "
        f"{platform.system()}, Python {platform.python_version()}; {', '.join(sorted(kernels))}. "
        f"{', '.join(versions)}."
    )
