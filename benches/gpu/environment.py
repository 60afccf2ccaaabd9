"""One thread for every library, set before NumPy is imported: data sets are drawn side by side."""

import os

for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
