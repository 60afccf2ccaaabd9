"""Figure 2 of Wipf, "Marginalization is not marginal", ICML 2023, as data: many responses, shared nonzero rows."""

from ...engine.metric import RATE, Metric
from ...engine.specification import Figure
from .metrics import OWN_RATE
from .problem import RowProblem

# The paper draws all numbers up to 100 (app. A), where no method can succeed. Curves fall in the last ten.
ROWS = (*range(10, 100, 10), 95, 97, 98, 99)
# With noise nothing is left to be seen beyond.
NOISY_ROWS = ROWS[:10]
_TRIALS = 100

_OURS, _DIAGONAL = "SimultaneousSparseVae", "SimultaneousSparseVae, diagonal"
_FAST = (_OURS, _DIAGONAL, "log autoencoder")
_ALL = (
    _OURS,
    "SimultaneousSparseVae, MM",
    _DIAGONAL,
    "SimultaneousSparseVae, diagonal MM",
    "log autoencoder",
    "group basis pursuit",
    "MultiTaskLasso, best penalty",
    "MNE gamma-MAP, mode 1",
    "MNE gamma-MAP, mode 2",
)
_NOISY = (*_ALL, "SimultaneousSparseVae, noise unknown", "log autoencoder, weight L")
_LABEL = "nonzero rows"


def _noise_free(name: str, title: str, claim: str, problem: RowProblem, note: str = "") -> Figure:
    return Figure(
        name, title, claim, "n_nonzero", ROWS, problem, _FAST, choices=_ALL, label=_LABEL, trials=_TRIALS, note=note
    )


def _noisy(name: str, title: str, claim: str, metric: Metric, note: str) -> Figure:
    return Figure(
        name,
        title,
        claim,
        "n_nonzero",
        NOISY_ROWS,
        RowProblem("gaussian", 100, 200, 20, snr_db=20),
        _FAST,
        choices=_NOISY,
        metric=metric,
        label=_LABEL,
        trials_of="rows_noise",
        trials=_TRIALS,
        note=note,
    )


FIGURES = (
    _noise_free(
        "rows_unit",
        "Gaussian design, 100 x 200, rows of norm 1",
        "The full VAE recovers more supports than the autoencoder, its diagonal form as many, the group lasso fewer.",
        RowProblem("gaussian", 100, 200, 20),
    ),
    _noise_free(
        "rows_jeffreys",
        "Gaussian design, 100 x 200, rows of many scales",
        "On rows of very different norms the full VAE succeeds nearly up to 100 rows; the autoencoder gets worse.",
        RowProblem("gaussian", 100, 200, 20, row_scale="jeffreys"),
    ),
    _noise_free(
        "rows_meg_tangential",
        "MEG leadfield, tangential sources, 100 x 200",
        "On highly correlated columns only the full VAE keeps a high rate.",
        RowProblem("meg_tangential", 100, 200, 20),
        note="The paper does not describe its sensors and sources: a spherical head here, sources in a patch.",
    ),
    _noise_free(
        "rows_meg_smooth",
        "MEG leadfield, smooth orientations, 100 x 200",
        "On highly correlated columns only the full VAE keeps a high rate.",
        RowProblem("meg_smooth", 100, 200, 20),
        note="As rows_meg_tangential, but neighbours point the same way, so that columns are even more alike.",
    ),
    _noisy(
        "rows_noise",
        "Gaussian design, 100 x 200, rows of norm 1, 20 dB",
        "With noise, the diagonal VAE is better than the autoencoder, and the full VAE best.",
        RATE,
        "The paper does not say when a noisy trial succeeds. Here: the largest rows, as many as there are, are "
        "the true ones.",
    ),
    _noisy(
        "rows_noise_own",
        "Gaussian design, 100 x 200, rows of norm 1, 20 dB, number of rows unknown",
        "The same trials; each method says itself which rows are nonzero.",
        OWN_RATE,
        "",
    ),
)
