"""MEG at its real size: 306 sensors, 7,500 sources of free orientation, 100 time points, five active sources, 10 dB.

    python benches/peers/meg_size.py [n_sources] [--quick]

Each solver runs in its own process and reports wall time and the largest resident memory. The leadfield is that of
point magnetometers and a spherical head, after Sarvas; sources fill a half ball of 2 to 8 cm radius.
"""

import environment  # sets the number of threads; keep it before numpy

# isort: split
import argparse
import resource
import subprocess
import sys
import time
import warnings

import numpy as np

SENSORS, SOURCES, TIMES, ACTIVE, SNR_DB = 306, 7500, 100, 5, 10
# MNE-Python's default.
MAX_ITER = 10_000
ORIENTATIONS = 3


def half_ball(n, smallest, largest):
    """Positions on a Fibonacci spiral with z > 0, radii spread evenly over the volume."""
    i = np.arange(n) + 0.5
    z = 1 - i / n
    angle = np.pi * (1 + 5**0.5) * i
    share = (i * 0.7548776662466927) % 1
    radius = np.cbrt(smallest**3 + share * (largest**3 - smallest**3))
    side = np.sqrt(1 - z * z)
    return np.stack([side * np.cos(angle), side * np.sin(angle), z], axis=1) * np.reshape(radius, (-1, 1))


def leadfield(sensors, sources):
    """Radial field at `sensors` of unit dipoles along x, y and z: there the volume currents of a sphere add nothing."""
    outwards = sensors / np.linalg.norm(sensors, axis=1, keepdims=True)
    gap = sensors[:, None] - sources[None]
    # n . (m x gap) = m . (gap x n)
    field = np.cross(gap, outwards[:, None]) / np.linalg.norm(gap, axis=2, keepdims=True) ** 3
    return 1e-7 * field.reshape(len(sensors), -1)


def problem(n_sources):
    """Whitened data and gain, positions, active sources, moments."""
    rng = np.random.default_rng(0)
    positions = half_ball(n_sources, 0.02, 0.08)
    gain = leadfield(half_ball(SENSORS, 0.12, 0.12), positions)
    active = np.zeros(0, dtype=int)
    while len(active) < ACTIVE:
        new = rng.integers(n_sources)
        if all(np.linalg.norm(positions[active] - positions[new], axis=1) > 0.03):
            active = np.append(active, new)
    time_points = np.arange(TIMES) / TIMES
    courses = np.stack([np.sin(2 * np.pi * (3 + k) * time_points + k) for k in range(ACTIVE)])
    signal = np.zeros((SENSORS, TIMES))
    for j, course in zip(active, courses, strict=True):
        columns = gain[:, 3 * j : 3 * j + 3]
        field = columns @ np.cross(rng.standard_normal(3), positions[j])
        signal += np.outer(field / np.linalg.norm(field), course)
    noise_std = np.sqrt(np.mean(signal**2) / 10 ** (SNR_DB / 10))
    data = signal / noise_std + rng.standard_normal(signal.shape)
    return data, gain / np.linalg.norm(gain, axis=0).max(), positions, active


def ours(data, gain):
    from sparsevae import SimultaneousSparseVae

    groups = np.repeat(np.arange(gain.shape[1] // ORIENTATIONS), ORIENTATIONS)
    model = SimultaneousSparseVae(noise_var=1.0, fit_intercept=False, groups=groups).fit(gain, data)
    return model.support_ // ORIENTATIONS, f"{model.n_iter_} steps, {model.status_}"


def ours_for_mne(data, gain):
    from sparsevae.mne import solver

    return np.flatnonzero(solver(data, gain, ORIENTATIONS)[1]) // ORIENTATIONS, "silent orientations left out"


def gamma_map(mode):
    def solve(data, gain):
        import mne
        from mne.inverse_sparse._gamma_map import _gamma_map_opt

        mne.set_log_level("ERROR")
        _, active = _gamma_map_opt(
            data, gain, alpha=1.0, maxit=MAX_ITER, tol=1e-6, update_mode=mode, group_size=ORIENTATIONS
        )
        return active // ORIENTATIONS, f"at most {MAX_ITER} steps"

    return solve


SOLVERS = {
    "SimultaneousSparseVae(groups=...)": ours,
    "sparsevae.mne.solver": ours_for_mne,
    "MNE gamma-MAP, mode 1": gamma_map(1),
    "MNE gamma-MAP, mode 2": gamma_map(2),
}


def measure(name, n_sources):
    """In a process of its own: one line of a table. A small run before spares the timed one imports and compilation."""
    warnings.simplefilter("ignore")
    data, gain, positions, active = problem(n_sources)
    small = slice(0, 60 * ORIENTATIONS)
    solve = SOLVERS[name]
    try:
        solve(data, gain[:, small])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.perf_counter()
        found, note = solve(data, gain)
        seconds = time.perf_counter() - begin
    except (ArithmeticError, ImportError, ValueError) as error:
        return f"| {name} | failed: {str(error)[:90]} | | | | |"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = np.unique(found)
    gaps = np.linalg.norm(positions[active][:, None] - positions[found][None], axis=2)
    worst = gaps.min(axis=1).max() * 1e3 if len(found) else np.inf
    # ru_maxrss is in KiB, but in bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return (
        f"| {name} | {seconds:.1f} s | {memory / unit:.0f} MiB ({before / unit:.0f} before) | {len(found)} "
        f"| {worst:.0f} mm | {note} |"
    )


def main():
    parser = environment.parser(__doc__, "200 sources")
    parser.add_argument("n_sources", type=int, nargs="?", default=SOURCES, help=f"default: {SOURCES:,}")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    n_sources = 200 if arguments.quick else arguments.n_sources
    if arguments.measure:
        print(measure(arguments.measure, n_sources))
        return
    environment.introduce(
        f"{SENSORS} sensors, {n_sources:,} sources x {ORIENTATIONS} orientations, {TIMES} time points, "
        f"{ACTIVE} active, {SNR_DB} dB."
    )
    print("| solver | time by the clock | peak memory | sources found | farthest true one | |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in SOLVERS:
        done = subprocess.run(
            [sys.executable, __file__, str(n_sources), "--measure", name], check=True, stdout=subprocess.PIPE, text=True
        )
        print(done.stdout, end="", flush=True)


if __name__ == "__main__":
    main()
