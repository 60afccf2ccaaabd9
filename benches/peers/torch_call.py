"""What a call with tensors costs beyond the same call with arrays of NumPy; data are not copied (tests/python).

    python benches/peers/torch_call.py [--quick]

100 x 200, float64, one thread, CPU times of pairs of calls that take turns. The core's work is the same for both, and
its time varies by more than what is looked for: the interquartile range says how far to trust a difference.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import time

import numpy as np
import report
import torch
from sparsevae import VaeSlr
from sparsevae.datasets import make_sparse_regression

SHAPE, N_NONZERO, REPEATS = (100, 200), 20, 2000


def differences(array_call, tensor_call, repeats):
    """Microseconds of the tensor call less those of the other, pair by pair."""
    spent = np.empty((repeats, 2))
    for pair in spent:
        for k, call in enumerate((array_call, tensor_call)):
            begin = time.thread_time_ns()
            call()
            pair[k] = time.thread_time_ns() - begin
    return spent[:, 0] / 1e3, (spent[:, 1] - spent[:, 0]) / 1e3


def main():
    repeats = 100 if environment.parser(__doc__, "100 pairs of calls").parse_args().quick else REPEATS
    data = make_sparse_regression(*SHAPE, n_nonzero=N_NONZERO, random_state=0)
    arrays = data.X, data.y
    tensors = tuple(map(torch.from_numpy, arrays))
    by_arrays, by_tensors = VaeSlr().fit(*arrays), VaeSlr().fit(*tensors)
    calls = {
        "predict": (lambda: by_arrays.predict(arrays[0]), lambda: by_tensors.predict(tensors[0])),
        "fit": (lambda: VaeSlr().fit(*arrays), lambda: VaeSlr().fit(*tensors)),
    }
    rows = []
    for name, pair in calls.items():
        alone, more = differences(*pair, repeats)
        low, middle, high = np.percentile(more, [25, 50, 75])
        rows.append(
            {
                "call": name,
                "NumPy us": np.median(alone),
                "tensors: more us": middle,
                "quartiles": f"{low:.0f} to {high:.0f}",
            }
        )
    environment.introduce(f"{repeats:,} pairs of calls.")
    print(report.table(rows))


if __name__ == "__main__":
    main()
