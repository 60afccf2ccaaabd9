"""What earlier versions have left in users' hands: import paths and pickles."""

import base64
import importlib
import json
import pickle
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import sparsevae
import sparsevae.baselines
from sparsevae.exceptions import VersionWarning

PICKLES = json.loads((Path(__file__).parents[1] / "data" / "pickles.json").read_text(encoding="utf-8"))
OF_TORCH = ("BatchSolution", "LinearVae", "ManifoldVae", "SparseDecoder", "VaeSlr of tensors")
# No estimators of scikit-learn.
RESULTS = ("BasisPursuitResult", "BatchSolution", "LinearVae", "PriorVarProfile", "Recovery", "SparseDecoder")
# The design and the responses of the regressors in `make_pickles.py`.
X = np.random.default_rng(0).standard_normal((6, 9))
Y = X[:, [1, 4]] @ np.array([[1.0, 2.0], [3.0, -1.0]])

# Every public module of commit 5c571fe, and what it has.
PATHS = {
    "sparsevae": (
        "AffineVae BasisPursuitResult PreconditionedVae Recovery RobustVae SimultaneousSparseVae VaeSlr "
        "WelperRecover __version__ basis_pursuit datasets energies exceptions fit_many metrics theory"
    ),
    "sparsevae.affine_vae": "AffineVae",
    "sparsevae.baselines": (
        "AugmentedBasisPursuit BasisPursuit CovarianceFreeEm GroupBasisPursuit LogAutoencoder "
        "ReweightedBasisPursuit RobustPca SparseBayesianLearning"
    ),
    "sparsevae.baselines.augmented_basis_pursuit": "AugmentedBasisPursuit",
    "sparsevae.baselines.basis_pursuit": "BasisPursuit",
    "sparsevae.baselines.covariance_free_em": "CovarianceFreeEm",
    "sparsevae.baselines.group_basis_pursuit": "GroupBasisPursuit",
    "sparsevae.baselines.log_autoencoder": "LogAutoencoder",
    "sparsevae.baselines.reweighted_basis_pursuit": "ReweightedBasisPursuit",
    "sparsevae.baselines.robust_pca": "RobustPca",
    "sparsevae.baselines.sparse_bayesian_learning": "SparseBayesianLearning",
    "sparsevae.cli": "main",
    "sparsevae.datasets": (
        "fetch_riboflavin make_block_design make_combinators make_corrupted_digits make_gaussian_design "
        "make_low_rank_outliers make_meg_leadfield make_partial_dct_design make_random_walk_design "
        "make_relu_manifold make_row_sparse_coef make_row_sparse_regression make_sparse_coef "
        "make_sparse_components make_sparse_regression make_toeplitz_design make_training_problems plant_response "
        "plant_responses plant_training_problems sarvas_field"
    ),
    "sparsevae.demo": "Recovery random_walk recovery riboflavin selected_genes",
    "sparsevae.energies": "affine_energy marginal_energy preconditioned_energy separable_energy",
    "sparsevae.exceptions": (
        "DataTypeError DataUnavailableError DerivativeError NonFiniteError NumericalError ParameterError "
        "SchedulerError ShapeError SparseVaeError StoreError"
    ),
    "sparsevae.experiments": (
        "Comparison DEFAULT_ESTIMATORS DIMENSIONS DigitsProblem FIGURES Figure Key LowRankProblem METHODS "
        "ManifoldProblem Method Plan Point Problem Record Results RowProblem STORE_NAME Score Solution Store Task "
        "Timing TrainingProblem compare draw draw_panels execute find_figures find_methods lay_out make_plan "
        "missing_package problem_seed recorded_rates run run_trial split_done split_names standing stored_results "
        "success summarise time_spent training_settings write"
    ),
    "sparsevae.experiments.rivals": (
        "GammaMap McpPath best_lasso best_multi_task_lasso evidence extended_bic least_squares"
    ),
    "sparsevae.l1": "BasisPursuitResult basis_pursuit",
    "sparsevae.metrics": (
        "mse_after_least_squares relative_error restricted_isometry_bound stable_rank support_f1 support_match "
        "wilson_interval"
    ),
    "sparsevae.mne": "simultaneous_sparse_vae solver",
    "sparsevae.parallel": "fit_many",
    "sparsevae.plotting": "new_figure plot_coefficients plot_recovery_rates",
    "sparsevae.preconditioned_vae": "PreconditionedVae",
    "sparsevae.robust_vae": "RobustVae",
    "sparsevae.simultaneous_sparse_vae": "SimultaneousSparseVae",
    "sparsevae.theory": "PriorVarProfile autoencoder_energy count_minima diagonal_coef_energy prior_var_profile",
    "sparsevae.torch": (
        "BatchSolution LinearVae ManifoldVae SparseDecoder elbo_energy marginal_energy preconditioned_energy "
        "recover separable_energy solve_batch"
    ),
    "sparsevae.torch.energies": "elbo_energy marginal_energy preconditioned_energy separable_energy",
    "sparsevae.torch.implicit": "recover",
    "sparsevae.torch.manifold_vae": "ManifoldVae",
    "sparsevae.torch.modules": "LinearVae SparseDecoder",
    "sparsevae.torch.solve": "BatchSolution solve_batch",
    "sparsevae.vae_slr": "VaeSlr",
    "sparsevae.welper_recover": "Recovery WelperRecover",
}
MOVED = [
    "affine_vae",
    "l1",
    "parallel",
    "preconditioned_vae",
    "robust_vae",
    "simultaneous_sparse_vae",
    "vae_slr",
    "welper_recover",
]


def load(name):
    if name in OF_TORCH:
        pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionWarning)
        return pickle.loads(zlib.decompress(base64.b64decode(PICKLES[name])))


@pytest.mark.parametrize("path", PATHS)
def test_import_paths_are_kept(path):
    if path.startswith("sparsevae.torch"):
        pytest.importorskip("torch")
    module = importlib.import_module(path)
    assert [name for name in PATHS[path].split() if not hasattr(module, name)] == []


def test_the_package_itself_exports_what_it_did():
    assert set(PATHS["sparsevae"].split()) <= set(sparsevae.__all__)


@pytest.mark.parametrize("name", MOVED)
def test_modules_that_have_moved_are_attributes_of_the_package(name):
    assert getattr(sparsevae, name) is importlib.import_module(f"sparsevae.{name}")


@pytest.mark.parametrize("name", PICKLES)
def test_old_pickles_are_of_the_classes_of_today(name):
    found, public = load(name), [sparsevae, sparsevae.baselines, sparsevae.theory]
    if name in OF_TORCH:
        public.append(importlib.import_module("sparsevae.torch"))
    assert any(getattr(module, type(found).__name__, None) is type(found) for module in public)
    again = pickle.loads(pickle.dumps(found))
    assert type(again) is type(found)


@pytest.mark.parametrize("name", [name for name in PICKLES if name not in RESULTS])
def test_estimators_of_another_version_load_with_a_warning(name):
    model = load(name)
    state = model.__getstate__()
    assert state.pop("_sparsevae_version") == sparsevae.__version__
    for stamp, origin in (
        ({}, "a version before versions were kept"),
        ({"_sparsevae_version": "0.0.1"}, "version 0.0.1"),
    ):
        with pytest.warns(VersionWarning, match=f"this {type(model).__name__} was pickled by {origin} of sparsevae"):
            object.__new__(type(model)).__setstate__(state | stamp)
    assert vars(pickle.loads(pickle.dumps(model))).keys() == vars(model).keys()


@pytest.mark.parametrize(
    "name", ["VaeSlr", "PreconditionedVae", "SimultaneousSparseVae", "BasisPursuit", "GroupBasisPursuit"]
)
def test_old_regressors_predict(name):
    model = load(name)
    np.testing.assert_allclose(model.predict(X), X @ model.coef_.T + model.intercept_, rtol=1e-12)


@pytest.mark.parametrize("name", ["VaeSlr", "PreconditionedVae", "SimultaneousSparseVae"])
def test_old_regressors_know_their_uncertainty(name):
    _, deviation = load(name).predict(X, return_std=True)
    assert (deviation > 0).all()


def test_old_regressors_of_tensors_predict_tensors():
    torch, model = pytest.importorskip("torch"), load("VaeSlr of tensors")
    mean = model.predict(torch.from_numpy(X).float())
    np.testing.assert_allclose(mean, X @ model.coef_.numpy() + model.intercept_, rtol=1e-5)


@pytest.mark.parametrize("name", ["AffineVae", "RobustVae", "ManifoldVae"])
def test_old_latent_models_decode_what_they_encode(name):
    model, samples = load(name), X[:, :3]
    assert model.inverse_transform(model.transform(samples)).shape == samples.shape


def test_an_old_welper_recovers():
    found, before = load("WelperRecover").recover(Y), load("Recovery")
    np.testing.assert_allclose(found.coef, before.coef, atol=1e-10)
    np.testing.assert_array_equal(found.status, before.status)


def test_old_pickles_load_before_anything_is_imported(tmp_path):
    file = tmp_path / "model.pkl"
    file.write_bytes(zlib.decompress(base64.b64decode(PICKLES["VaeSlr"])))
    code = f"import pickle; print(pickle.load(open({str(file)!r}, 'rb')).support_.tolist())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(load("VaeSlr").support_.tolist())
