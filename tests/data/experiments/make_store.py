"""A small store of trials, and what is shown of it, as the version that ran this wrote them.

    python tests/data/experiments/make_store.py

writes trials.sqlite and shown.json beside this file; it needs sparsevae[torch]. Both were written by commit 5c571fe,
when a metric was a string; a test opens, shows and resumes them. Do not write them anew: newer versions must read what
older ones wrote.
"""

import json
import sqlite3
from pathlib import Path

from sparsevae import experiments

FOLDER = Path(__file__).parent
# Panels of each family and each metric, with methods that are quick; one trial a place.
BROKEN = {"Lasso": {"parameters": {"alpha": "much"}}}
RUNS = (
    ("fig1a", ["Lasso"], BROKEN),
    ("fig1a", ["VaeSlr", "Lasso"], {}),
    ("fig3a", ["VaeSlr"], {}),
    ("fig3b", ["VaeSlr"], {}),
    ("rows_noise", ["SimultaneousSparseVae, diagonal", "log autoencoder"], {}),
    ("rows_noise_own", ["SimultaneousSparseVae, diagonal", "log autoencoder"], {}),
    ("training_walk", ["WelperRecover", "l1 minimisation"], {}),
    ("training_time", ["l1 minimisation"], {}),
    ("lowrank_missing", ["RobustVae", "RobustPca"], {}),
    ("manifold_recovery", ["ManifoldVae", "RobustPca"], {}),
    ("manifold_norms", ["ManifoldVae"], {}),
    ("manifold_variance", ["ManifoldVae"], {}),
    ("manifold_collapse", ["ManifoldVae"], {}),
    ("digits_dimensions", ["ManifoldVae"], {}),
)


def main() -> None:
    path, shown = FOLDER / "trials.sqlite", []
    for figure, methods, settings in RUNS:
        experiments.run(figure, methods=methods, settings=settings, trials=1, quick=True, store=path)
    connection = sqlite3.connect(path, isolation_level=None)
    # Nothing of the machine or the moment.
    connection.execute("UPDATE trials SET host = 'elsewhere', started = '2026-01-01T00:00:00.000+00:00'")
    connection.execute("UPDATE trials SET wall_seconds = round(wall_seconds, 3), cpu_seconds = round(cpu_seconds, 3)")
    connection.execute("PRAGMA page_size = 1024")
    connection.execute("VACUUM")
    connection.close()
    with experiments.Store(path) as store:
        for figure, methods, settings in RUNS:
            options = {"methods": methods, "settings": settings, "trials": 1, "quick": True}
            plan = experiments.make_plan(experiments.FIGURES[figure], **options)
            (results,) = experiments.stored_results(store, [plan])
            shown.append({"figure": figure, "options": options, "csv": results.csv(), "text": results.text()})
    (FOLDER / "shown.json").write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
