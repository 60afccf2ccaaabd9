"""The model that plans draw new rows from, beside the rows that it stands for.

python benches/calibration/plan_model.py [--trials N]

A plan of the first half of the rows tries as many samples as there are in all: they are rows of the model. The same
number is then tried on all rows. The two say the same where the model extrapolates well. Genotypes and genes are read
from the folder that ``SPARSEVAE_DATA`` names, and left out where they are not there.
"""

import argparse

from sparsevae import plan
from sparsevae.datasets import (
    fetch_finemapping,
    fetch_trim32,
    make_block_design,
    make_gaussian_design,
    make_random_walk_design,
    make_toeplitz_design,
)
from sparsevae.exceptions import DataUnavailableError


def random_design(make, **options):
    return lambda: make(200, 300, random_state=0, **options)


DESIGNS = {
    "Gaussian 200 x 300": random_design(make_gaussian_design),
    "Toeplitz .9 200 x 300": random_design(make_toeplitz_design, correlation=0.9),
    "blocks .9 200 x 300": random_design(make_block_design, correlation=0.9),
    "random walk 200 x 300": random_design(make_random_walk_design),
    "trim32 120 x 500": lambda: fetch_trim32().X,
    "genotypes 574 x 1,001": lambda: fetch_finemapping().X,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40)
    trials = parser.parse_args().trials
    print("| 5 effects, SNR 2; power, F1 | samples | half: rows, model | all: rows, model of the half |")
    print("|---|---|---|---|")
    for name, make in DESIGNS.items():
        try:
            X = make()
        except DataUnavailableError as error:
            print(f"| {name}: {error} |")
            continue
        half = len(X) // 2
        arguments = {"n_nonzero": 5, "snr": 2.0, "n_trials": trials, "max_seconds": None}
        rows, own, model = plan(X[:half], n_samples=[half, len(X)], **arguments).points
        (whole,) = plan(X, n_samples=len(X), **arguments).points
        cells = [f"{point.power.value:.2f} {point.f1.value:.2f}" for point in (rows, own, whole, model)]
        print(f"| {name} | {half}, {len(X)} | {cells[0]}, {cells[1]} | {cells[2]}, {cells[3]} |", flush=True)


if __name__ == "__main__":
    main()
