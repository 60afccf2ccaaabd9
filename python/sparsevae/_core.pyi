# Checked against the built wheel by mypy's stubtest.

from collections.abc import Callable, Iterator
from typing import Any, Self, TypedDict, final, type_check_only

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Reports",
    "Summary",
    "__version__",
    "add_noise",
    "add_response_noise",
    "affine",
    "baseline_defaults",
    "basis_pursuit",
    "check",
    "defaults",
    "elbo_batch",
    "encode_robust",
    "energy",
    "energy_batch",
    "fit",
    "fit_affine",
    "fit_affine_summary",
    "fit_augmented",
    "fit_covariance_free",
    "fit_group_pursuit",
    "fit_many",
    "fit_reweighted",
    "fit_robust",
    "fit_robust_pca",
    "fit_row_penalty",
    "fit_simultaneous",
    "fit_sparse_bayes",
    "fit_summary",
    "is_large",
    "least_squares_equations",
    "make_combinators",
    "make_design",
    "make_low_rank_outliers",
    "make_meg_leadfield",
    "make_partial_dct_design",
    "make_row_sparse_coef",
    "make_sparse_coef",
    "make_sparse_components",
    "moments",
    "multiply_transposed",
    "propagation_plan",
    "propagation_tilts",
    "recover",
    "robust_defaults",
    "sample_support",
    "sarvas_field",
    "tolerances",
    "train",
    "welper_defaults",
]

__version__: str

def make_design(
    kind: str,
    n_samples: int,
    n_features: int,
    correlation: float,
    block_size: int,
    unit_norm: bool,
    seed: int,
) -> NDArray[np.float64]: ...
def make_sparse_coef(n_features: int, n_nonzero: int, law: str, seed: int) -> NDArray[np.float64]: ...
def sample_support(n_features: int, n_nonzero: int, seed: int) -> NDArray[np.int64]: ...
def add_noise(signal: NDArray[np.float64], snr_db: float, seed: int) -> tuple[NDArray[np.float64], float]: ...
def make_row_sparse_coef(
    n_features: int, n_responses: int, n_nonzero: int, rank: int | None, row_scale: str, seed: int
) -> NDArray[np.float64]: ...
def add_response_noise(signal: NDArray[np.float64], snr_db: float, seed: int) -> tuple[NDArray[np.float64], float]: ...

@type_check_only
class Tolerances(TypedDict):
    constant: float
    anneal_start: float
    anneal_end: float
    below_spectrum: float
    lowest: float
    unit: float
    dependent: float
    noise_free_floor: float
    rounding: float
    matters: float
    multiples: float
    same: float
    repeated: float
    exchange_margin: float
    accident: float
    anneal_steps: int
    anneal_look: int

@type_check_only
class PropagationPlan(TypedDict):
    slabs: list[list[float]]
    damping: list[float]
    crowded: float
    runaway: float
    tail: float
    expected: float
    densest: float
    most_dense: float
    rounding: float
    sharpest: float
    widest_cavity: float
    weakest_site: float
    least_share: float
    least_weight: float
    least_count: float
    narrowest_slab: float
    len: int
    decided: int
    early: int
    unconditional: int

@type_check_only
class Leadfield(TypedDict):
    X: NDArray[np.float64]
    column_norms: NDArray[np.float64]
    sensor_positions: NDArray[np.float64]
    sensor_orientations: NDArray[np.float64]
    coil_positions: list[NDArray[np.float64]]
    source_positions: NDArray[np.float64]
    source_orientations: NDArray[np.float64]

def make_meg_leadfield(
    n_sensors: int,
    n_sources: int,
    sensors: str,
    orientation: str,
    region: str,
    source_radius: float,
    sensor_radius: float,
    baseline: float,
    unit_norm: bool,
    seed: int,
) -> Leadfield: ...
def sarvas_field(
    source_positions: NDArray[np.float64],
    source_moments: NDArray[np.float64],
    sensor_positions: NDArray[np.float64],
    sensor_orientations: NDArray[np.float64],
) -> NDArray[np.float64]: ...
def make_partial_dct_design(
    n_samples: int, n_features: int, rows: str, unit_norm: bool, seed: int
) -> NDArray[np.float64]: ...
def make_sparse_components(
    n_features: int, n_components: int, n_nonzero: float, law: str, seed: int
) -> NDArray[np.float64]: ...
def make_combinators(
    n_components: int, n_problems: int, n_nonzero: int, balanced: bool, law: str, seed: int
) -> NDArray[np.float64]: ...

@type_check_only
class LowRankOutliers(TypedDict):
    X: NDArray[np.float64]
    low_rank: NDArray[np.float64]
    outliers: NDArray[np.float64]
    outlier_mask: NDArray[np.bool_]
    missing_mask: NDArray[np.bool_]

def make_low_rank_outliers(
    n_samples: int,
    n_features: int,
    rank: int,
    outlier_share: float,
    magnitude: float,
    missing_share: float,
    seed: int,
) -> LowRankOutliers: ...

@type_check_only
class BasisPursuit(TypedDict):
    coef: NDArray[np.float64]
    dual: NDArray[np.float64]
    gap: NDArray[np.float64]
    infeasibility: NDArray[np.float64]
    residual: NDArray[np.float64]
    n_iter: NDArray[np.int64]
    status: list[str]

@type_check_only
class Level(TypedDict):
    max_nonzero: int
    kept: NDArray[np.int64]
    rank: int
    n_found: int
    n_programs: int
    component_error: float
    components: NDArray[np.float64]

@type_check_only
class WelperFit(TypedDict):
    solutions: NDArray[np.float64]
    n_nonzero: NDArray[np.int64]
    problem_status: list[str]
    levels: list[Level]
    combinators: NDArray[np.float64]
    rank: int
    status: str

@type_check_only
class Recoveries(TypedDict):
    coef: NDArray[np.float64]
    combinators: NDArray[np.float64]
    residual: NDArray[np.float64]
    status: list[str]
    max_nonzero: NDArray[np.int64]

@type_check_only
class Places(TypedDict):
    n_sweeps: int
    features: NDArray[np.int64]
    correlation: NDArray[np.float64]
    column: NDArray[np.int64]
    probability: NDArray[np.float64]
    start: NDArray[np.int64]
    sweep: NDArray[np.int64]
    times: NDArray[np.int64]

@type_check_only
class Selection(TypedDict):
    columns: list[NDArray[np.int64]]
    loss: NDArray[np.float64]
    tolerance: float

@type_check_only
class Posterior(TypedDict):
    inclusion_prob: NDArray[np.float64]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    drawn: NDArray[np.int64]
    coef_draws: NDArray[np.float64]
    intercept_draws: NDArray[np.float64]
    noise_var: float
    background_var: float
    n_effects: float
    selection: Selection
    places: Places

@type_check_only
class Trained(TypedDict):
    decoder_scale: NDArray[np.float64]
    encoder_weights: NDArray[np.float64]
    encoder_factor: NDArray[np.float64]

@type_check_only
class FitReport(TypedDict):
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    support: NDArray[np.int64]
    prior_var: NDArray[np.float64]
    support_cov: NDArray[np.float64]
    coef_var: NDArray[np.float64]
    support_mean: NDArray[np.float64]
    noise_var: float
    response_noise_var: float
    energy: float
    energy_path: NDArray[np.float64]
    n_iter: int
    n_rounds: int
    n_passes: int
    status: str
    certified: bool
    posterior_mean: NDArray[np.float64] | None
    trained: Trained | None
    condition_number: tuple[float, float] | None
    posterior: Posterior | None

@final
class Reports(Iterator[FitReport]):
    def __len__(self) -> int: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> FitReport: ...

@final
class Summary:
    def __new__(cls, n_features: int, n_responses: int) -> Self: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def weight(self) -> float: ...
    def add(self, x: Any, y: NDArray[np.float64], weights: NDArray[np.float64] | None) -> None: ...
    def varies(self, fit_intercept: bool) -> bool: ...
    @staticmethod
    def restore(sizes: tuple[int, int, float], columns: tuple[NDArray[np.float64], ...]) -> Summary: ...

# Designs are arrays of real elements, csc_array or csc_matrix of SciPy, or have `shape`, `block_columns` and `read`.
def fit(
    x: Any,
    y: NDArray[np.float64],
    arguments: dict[str, Any],
    n_threads: int,
    progress: Callable[[str, int, int, int, float, float], object] | None,
) -> FitReport: ...
def fit_simultaneous(
    x: Any,
    y: NDArray[np.float64],
    arguments: dict[str, Any],
    n_threads: int,
    progress: Callable[[str, int, int, int, float, float], object] | None,
) -> FitReport: ...
def moments(x: Any, roots: NDArray[np.float64], centred: bool) -> NDArray[np.float64]: ...
def fit_summary(
    x: Summary,
    columns: NDArray[np.int64],
    arguments: dict[str, Any],
    n_threads: int,
    progress: Callable[[str, int, int, int, float, float], object] | None,
) -> FitReport: ...
def multiply_transposed(x: Any, vectors: NDArray[np.float64]) -> NDArray[np.float64]: ...
def check(arguments: dict[str, Any]) -> None: ...
def is_large(n_samples: int, n_features: int) -> bool: ...
def fit_many(x: Any, y: NDArray[np.float64], arguments: dict[str, Any], n_threads: int) -> Reports: ...
def basis_pursuit(a: NDArray[np.float64], b: NDArray[np.float64], n_threads: int) -> BasisPursuit: ...
def train(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    arguments: dict[str, Any],
    n_threads: int,
    progress: Callable[[str, int, int, int, float, float], object] | None,
) -> WelperFit: ...
def recover(
    a: NDArray[np.float64],
    rank: int,
    levels: list[tuple[NDArray[np.float64], float, int]],
    b: NDArray[np.float64],
    tol: float,
    n_threads: int,
) -> Recoveries: ...
def welper_defaults() -> dict[str, Any]: ...
def energy(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    prior_var: NDArray[np.float64],
    noise_var: float,
    name: str,
    parameter: float,
) -> tuple[float, NDArray[np.float64], float, float | None]: ...
def energy_batch(
    arguments: list[NDArray[np.float64]],
    name: str,
    parameter: float,
    wanted: list[bool],
    n_leading: int,
    n_threads: int,
) -> tuple[NDArray[np.float64], list[NDArray[np.float64] | None]]: ...
def elbo_batch(
    arguments: list[NDArray[np.float64]], wanted: list[bool], n_leading: int, n_threads: int
) -> tuple[NDArray[np.float64], list[NDArray[np.float64] | None]]: ...

@type_check_only
class AffineFit(TypedDict):
    components: NDArray[np.float64]
    mean: NDArray[np.float64]
    noise_var: float
    explained_variance: NDArray[np.float64]
    n_active: int
    energy: float
    status: str

def fit_affine(x: NDArray[np.float64], n_components: int | None, noise_var: float | None) -> AffineFit: ...
def fit_affine_summary(x: Summary, n_components: int | None, noise_var: float | None) -> AffineFit: ...
def affine(
    x: NDArray[np.float64],
    components: NDArray[np.float64],
    mean: NDArray[np.float64],
    noise_var: float,
    covariance: str,
) -> tuple[float, NDArray[np.float64], float]: ...

@type_check_only
class RobustPca(TypedDict):
    low_rank: NDArray[np.float64]
    outliers: NDArray[np.float64]
    singular: NDArray[np.float64]
    components: NDArray[np.float64]
    n_iter: int
    residual: float
    status: str

def fit_robust_pca(
    x: NDArray[np.float64],
    missing: bool,
    outlier_weight: float | None,
    tol: float,
    max_iter: int,
    progress: Callable[[str, int, int, int, float, float], object] | None,
) -> RobustPca: ...

@type_check_only
class RobustFit(TypedDict):
    low_rank: NDArray[np.float64]
    outlier_var: NDArray[np.float64]
    outlier_mask: NDArray[np.bool_]
    components: NDArray[np.float64]
    units: NDArray[np.float64]
    energy_path: NDArray[np.float64]
    n_iter: int
    status: str

def fit_robust(
    x: NDArray[np.float64],
    missing: bool,
    arguments: dict[str, Any],
    n_threads: int,
    progress: Callable[[str, int, int, int, float, float], object] | None,
) -> RobustFit: ...
def encode_robust(
    x: NDArray[np.float64],
    missing: bool,
    components: NDArray[np.float64],
    units: NDArray[np.float64],
    arguments: dict[str, Any],
    n_threads: int,
) -> NDArray[np.float64]: ...
def robust_defaults() -> dict[str, dict[str, Any]]: ...
def tolerances() -> Tolerances: ...
def propagation_plan() -> PropagationPlan: ...
def propagation_tilts(seed: int, number: int, n_cols: int) -> NDArray[np.float64]: ...
def defaults() -> dict[str, Any]: ...

@type_check_only
class LeastSquaresEquations(TypedDict):
    rows: NDArray[np.float64]
    target: NDArray[np.float64]
    to_dual: NDArray[np.float64]
    residual: float

@type_check_only
class SparseBayesArguments(TypedDict):
    noise_var: float | None
    max_iter: int
    tol: float
    prune: float

@type_check_only
class RowPenaltyArguments(TypedDict):
    noise_var: float
    weight: float
    unit: float
    max_iter: int
    tol: float
    rounding: float

def least_squares_equations(x: NDArray[np.float64], y: NDArray[np.float64]) -> LeastSquaresEquations: ...
def fit_sparse_bayes(
    x: NDArray[np.float64], y: NDArray[np.float64], arguments: SparseBayesArguments
) -> dict[str, Any]: ...
def fit_covariance_free(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    arguments: SparseBayesArguments,
    n_probes: int,
    cg_max_iter: int,
    cg_tol: float,
    seed: int,
) -> dict[str, Any]: ...
def fit_reweighted(
    x: NDArray[np.float64], y: NDArray[np.float64], epsilon: float, max_iter: int, tol: float, rounding: float
) -> dict[str, Any]: ...
def fit_augmented(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    covariance: NDArray[np.float64] | None,
    n_nonzero: int,
    threshold: float,
    rounding: float,
) -> dict[str, Any]: ...
def fit_group_pursuit(
    x: NDArray[np.float64], y: NDArray[np.float64], tolerance: float, max_iter: int, tol: float, rounding: float
) -> dict[str, Any]: ...
def fit_row_penalty(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    penalty: str | float | Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
    arguments: RowPenaltyArguments,
) -> dict[str, Any]: ...
def baseline_defaults() -> dict[str, dict[str, Any]]: ...
