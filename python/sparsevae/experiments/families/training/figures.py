"""Recovery that learns from easier problems (Welper 2021, which has no figures): sizes of ours, as data."""

from ...engine.specification import Figure
from .metrics import SECONDS
from .problem import TrainingProblem

_OURS = ("WelperRecover", "WelperRecover, l4")
_FAST = (*_OURS, "least squares on span", "solutions as components", "l1 minimisation")
_ALL = (*_FAST, "reweighted least squares", "VaeSlr, untrained")
_CLAIM = "Components learned from easier problems solve problems that l1 minimisation cannot."
_GAUSSIAN = TrainingProblem("gaussian", 200, 120, 20, 20, 80)
_WALK = TrainingProblem("random_walk", 200, 120, 20, 20, 80)
_SPARSITIES = (2, 3, 4, 6, 20)
_LABEL = "components in a test problem"

FIGURES = (
    Figure(
        "training_gaussian",
        "Gaussian matrix, 120 x 200, 20 components",
        _CLAIM,
        "test_nonzero",
        _SPARSITIES,
        _GAUSSIAN,
        _FAST,
        choices=_ALL,
        label=_LABEL,
        note="A trial is solved if all four of its test problems are.",
    ),
    Figure(
        "training_walk",
        "Random walk, 120 x 200, 20 components",
        _CLAIM,
        "test_nonzero",
        _SPARSITIES,
        _WALK,
        _FAST,
        choices=_ALL,
        label=_LABEL,
    ),
    Figure(
        "training_problems",
        "Gaussian matrix, 120 x 200, 20 components, 6 of them in a test problem",
        "There have to be enough easy problems to show all components.",
        "n_problems",
        (20, 24, 28, 32, 40, 60, 80),
        _GAUSSIAN,
        _FAST,
        choices=_FAST,
        label="training problems",
        note="15% of the training problems are hard.",
    ),
    Figure(
        "training_few_rows",
        "Gaussian matrix, 75 x 300, 100 components",
        "With fewer rows than components the sparsity of the combinators is needed.",
        "test_nonzero",
        (2, 4, 6, 8, 12, 16),
        TrainingProblem("gaussian", 300, 75, 100, 6, 400, hard_nonzero=8),
        _FAST,
        choices=_ALL,
        label=_LABEL,
        note="The theorem does not cover fewer rows than components.",
    ),
    Figure(
        "training_time",
        "Gaussian matrix, .6 n x n, n / 10 components",
        "Training takes polynomial time.",
        "n_features",
        (200, 300, 400, 600, 800),
        TrainingProblem("gaussian", 200, 0.6, 0.1, 0.1, 0.4),
        (*_OURS, "l1 minimisation"),
        choices=(*_OURS, "l1 minimisation"),
        metric=SECONDS,
        label="features n",
        trials=5,
        quick_values=(200, 400),
        note="n / 10 nonzeros a component, .4 n training problems. Times are with training, on one thread; l1 "
        "minimisation solves the test problems alone.",
    ),
)
