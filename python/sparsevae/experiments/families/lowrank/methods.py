"""Methods that separate outliers from a low-rank matrix."""

from ...engine.specification import Method

METHODS = (
    Method(
        "RobustVae",
        "separation",
        {"estimator": "sparsevae:RobustVae", "parameters": {"allow_missing": True}},
        effort=10.0,
        style=("#2166ac", "o"),
        special=True,
    ),
    Method(
        "RobustPca",
        "separation",
        {"estimator": "sparsevae.baselines:RobustPca", "parameters": {"allow_missing": True}},
        effort=3.0,
        style=("#b35806", "s"),
        note="The convex relaxation at its usual weight.",
        special=True,
    ),
    Method(
        "RobustPca, best weight",
        "best_robust_pca",
        # In neither figure is an end of the grid ever the best.
        {"parameters": {"allow_missing": True}, "weights": [0.7, 1.0, 1.4, 2.0, 2.8]},
        effort=15.0,
        style=("#f1a340", "D"),
        note="Its weight, as a multiple of the usual one, is picked with the truth at hand.",
        special=True,
    ),
)
