"""Sources of MEG and EEG through MNE-Python's own objects: three dipoles at 10 dB, and gamma-MAP beside ours."""

import os
import subprocess
import sys
import time

# Compiling takes longer than these small problems.
os.environ.setdefault("MNE_USE_NUMBA", "false")

import mne
import numpy as np
import pytest
from mne.inverse_sparse import gamma_map
from mne_sources import CENTRE, N_TIMES, Case, forward_solution
from sklearn.exceptions import ConvergenceWarning
from sparsevae import SimultaneousSparseVae
from sparsevae.exceptions import NonFiniteError, ParameterError, ShapeError
from sparsevae.mne import simultaneous_sparse_vae, solver


@pytest.fixture(scope="module", params=["meg", "eeg"])
def head(request):
    return forward_solution(request.param)


def fixed(forward):
    """The same sources, each with one orientation: at right angles to the radius."""
    directions = np.cross(forward["source_rr"] - CENTRE, [0.3, 0.5, 0.8])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    source_space = forward["src"].copy()
    source_space[0]["nn"][source_space[0]["vertno"]] = directions
    with mne.use_log_level("ERROR"):
        sphere = mne.make_sphere_model(CENTRE, None)
        free = mne.make_forward_solution(forward["info"], None, source_space, sphere, eeg=False)
        return mne.convert_forward_solution(free, force_fixed=True)


@pytest.fixture(scope="module")
def case(head):
    return Case(head, seed=0)


@pytest.fixture(autouse=True)
def _quiet_mne():
    with mne.use_log_level("ERROR"):
        yield


@pytest.mark.parametrize("seed", range(3))
def test_three_free_dipoles_are_found_as_a_source_estimate(head, seed):
    case = Case(head, seed)
    estimate = simultaneous_sparse_vae(case.evoked, case.forward, case.noise_cov)
    assert isinstance(estimate, mne.VolSourceEstimate)
    assert estimate.shape == (3, N_TIMES)
    assert case.errors(head["src"][0]["rr"][estimate.vertices[0]]).max() < 0.01
    np.testing.assert_array_equal(estimate.times, case.evoked.times)


def test_dipoles_have_the_moments_and_the_residual_is_the_noise(case):
    dipoles, residual = simultaneous_sparse_vae(
        case.evoked, case.forward, case.noise_cov, return_as_dipoles=True, return_residual=True
    )
    assert len(dipoles) == 3
    assert case.errors_of(dipoles).max() < 0.01
    for dipole, moment in zip(dipoles, case.moments, strict=True):
        assert np.linalg.norm(dipole.amplitude * dipole.ori.T - moment) < 0.4 * np.linalg.norm(moment)
    assert residual.ch_names == case.evoked.ch_names
    assert np.mean(residual.data**2) == pytest.approx(case.noise_var, rel=0.15)


def test_components_are_returned_on_request(case):
    estimate = simultaneous_sparse_vae(case.evoked, case.forward, case.noise_cov, pick_ori="vector")
    assert isinstance(estimate, mne.VolVectorSourceEstimate)
    assert estimate.data.shape == (3, 3, N_TIMES)
    norms = simultaneous_sparse_vae(case.evoked, case.forward, case.noise_cov).data
    np.testing.assert_allclose(np.linalg.norm(estimate.data, axis=1), norms)


@pytest.mark.parametrize("head", ["meg"], indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_three_fixed_dipoles_are_found(head, seed):
    case = Case(fixed(head), seed)
    dipoles = simultaneous_sparse_vae(case.evoked, case.forward, case.noise_cov, loose=0.0, return_as_dipoles=True)
    assert case.errors_of(dipoles).max() < 0.01
    assert len(dipoles) <= 4


def test_orientations_may_have_their_own_prior_variances(case):
    dipoles = simultaneous_sparse_vae(
        case.evoked, case.forward, case.noise_cov, xyz_same_gamma=False, return_as_dipoles=True
    )
    assert case.errors_of(dipoles).max() < 0.03


def test_noise_of_single_epochs_is_divided_by_their_number(case):
    one = simultaneous_sparse_vae(case.evoked, case.forward, case.noise_cov)
    averaged = case.evoked.copy()
    averaged.nave = 4
    single = case.noise_cov.copy()
    single["data"] *= 4
    four = simultaneous_sparse_vae(averaged, case.forward, single)
    np.testing.assert_array_equal(four.vertices[0], one.vertices[0])
    np.testing.assert_allclose(four.data, one.data, rtol=1e-4, atol=1e-3 * one.data.max())


def test_noise_may_be_learned(case):
    wrong = case.noise_cov.copy()
    wrong["data"] *= 4
    learned = SimultaneousSparseVae(noise_var="learn", optimizer="mm", fit_intercept=False)
    dipoles = simultaneous_sparse_vae(case.evoked, case.forward, wrong, estimator=learned, return_as_dipoles=True)
    assert len(dipoles) == 3
    assert case.errors_of(dipoles).max() < 0.01


@pytest.mark.parametrize("pca", [True, False])
@pytest.mark.parametrize(("factor", "found"), [(1 / 100, "small"), (1 / 30, "small"), (1 / 3, "small"), (30, "large")])
def test_a_covariance_that_is_not_that_of_the_noise_is_told(case, factor, found, pca):
    wrong = case.noise_cov.copy()
    wrong["data"] *= factor
    with pytest.warns(ConvergenceWarning, match=rf"too {found}(.|\n)*`noise_cov`.*`evoked\.nave`.*noise_var=\"learn\""):
        simultaneous_sparse_vae(case.evoked, case.forward, wrong, pca=pca)


def draw(seed):
    """Two sources of 30, at 12 dB, in 20 channels whose noise has variance 1."""
    rng = np.random.default_rng(seed)
    gain = rng.standard_normal((20, 30))
    return gain[:, [4, 9]] @ (3 * rng.standard_normal((2, 8))) + rng.standard_normal((20, 8)), gain


def test_whitened_data_are_never_warned_of():
    # Warnings are errors here.
    for seed in range(200):
        solver(*draw(seed), 1)


@pytest.mark.parametrize("factor", [1 / 100, 1 / 30, 1 / 10, 1 / 3])
def test_data_whitened_by_too_small_a_covariance_are_warned_of(factor):
    for seed in range(10):
        data, gain = draw(seed)
        with pytest.warns(ConvergenceWarning, match="too small.*`M` and `G` are whitened"):
            solver(data / factor**0.5, gain / factor**0.5, 1)


def test_noise_alone_has_no_sources(case):
    silence = case.evoked.copy()
    noise = np.random.default_rng(0).standard_normal(silence.data.shape)
    silence.data = noise * np.sqrt(case.noise_var)
    with pytest.warns(ConvergenceWarning):
        estimate = simultaneous_sparse_vae(silence, case.forward, case.noise_cov)
    assert estimate.shape == (0, N_TIMES)
    with pytest.warns(ConvergenceWarning):
        assert simultaneous_sparse_vae(silence, case.forward, case.noise_cov, return_as_dipoles=True) == []


def test_solver_fits_into_the_pattern_of_the_custom_inverse_solver(case):
    # As in MNE-Python's example: preparation, solver, units, source estimate.
    from mne.inverse_sparse.mxne_inverse import _make_sparse_stc, _prepare_gain, _reapply_source_weighting

    forward, gain, info, whitener, weights, _ = _prepare_gain(
        case.forward, case.evoked.info, case.noise_cov, pca=False, depth=0.8, loose=1.0, rank=None
    )
    X, active_set = solver(whitener @ case.evoked.copy().pick(info["ch_names"]).data, gain, 3)
    assert X.shape == (9, N_TIMES)
    assert active_set.shape == (gain.shape[1],)
    assert active_set.dtype == bool
    X = _reapply_source_weighting(X, weights, active_set)
    found = _make_sparse_stc(X, active_set, forward, tmin=0.0, tstep=0.01)
    expected = simultaneous_sparse_vae(case.evoked, case.forward, case.noise_cov)
    np.testing.assert_array_equal(found.vertices[0], expected.vertices[0])
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-3, atol=1e-3 * expected.data.max())


def test_gamma_map_on_the_same_data_is_no_nearer(case, record_property):
    arguments = case.evoked, case.forward, case.noise_cov
    begin = time.perf_counter()
    ours = simultaneous_sparse_vae(*arguments, return_as_dipoles=True)
    middle = time.perf_counter()
    theirs = gamma_map(*arguments, alpha=1.0, tol=1e-4, return_as_dipoles=True)
    record_property("ours", f"{len(ours)} dipoles, {middle - begin:.2f} s, {case.errors_of(ours)} m")
    record_property(
        "gamma_map", f"{len(theirs)} dipoles, {time.perf_counter() - middle:.2f} s, {case.errors_of(theirs)} m"
    )
    assert case.errors_of(ours).max() <= case.errors_of(theirs).max()
    assert len(ours) <= len(theirs)


def test_rotated_orientations_give_rotated_amplitudes():
    rng = np.random.default_rng(1)
    gain, moments = rng.standard_normal((30, 90)), np.zeros((90, 12))
    gain[:, 2::3] *= 1e-2
    moments[[9, 10, 40]] = 2 * rng.standard_normal((3, 12))
    data = gain @ moments + rng.standard_normal((30, 12))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    X, active = solver(data, gain, 3)
    turned, also = solver(data, (gain.reshape(30, 30, 3) @ turn).reshape(30, 90), 3)
    assert set(np.flatnonzero(active)) == {9, 10, 11, 39, 40, 41}
    np.testing.assert_array_equal(also, active)
    np.testing.assert_allclose(turn @ turned.reshape(2, 3, 12), X.reshape(2, 3, 12), atol=1e-4)


def test_silent_orientations_get_no_amplitude():
    rng = np.random.default_rng(2)
    gain = rng.standard_normal((30, 30, 3))
    gain[:, :, 2] = gain[:, :, 0]
    gain = gain.reshape(30, 90)
    data = 5 * np.outer(gain[:, 6] + gain[:, 7], np.ones(10)) + rng.standard_normal((30, 10))
    X, active = solver(data, gain, 3)
    np.testing.assert_array_equal(np.flatnonzero(active), [6, 7, 8])
    np.testing.assert_allclose(X[0], X[2], atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones((4, 2)), np.ones((4, 7)), 3), ShapeError, "`G` has 7 columns, but `n_orient` = 3 must divide"),
        ((np.ones((4, 2)), np.ones((5, 6)), 3), ShapeError, "`M` has 4 rows, but `G` has 5"),
        ((np.ones(4), np.ones((4, 6)), 3), ShapeError, "`M` has shape"),
        ((np.ones((4, 2)), np.ones(4), 3), ShapeError, "`G` has shape"),
        ((np.ones((4, 2)), np.ones((4, 6)), 2), ParameterError, "`n_orient` is 2, but it must be 1 or 3"),
        ((np.ones((4, 2)), np.ones((4, 6)), "3"), ParameterError, "`n_orient` is '3'"),
        ((np.full((4, 2), np.nan), np.ones((4, 6)), 3), NonFiniteError, "`M` has a NaN"),
        ((np.ones((4, 2)), np.full((4, 6), np.inf), 3), NonFiniteError, "`G` has a NaN or an infinite"),
    ],
)
def test_bad_arrays_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        solver(*arguments)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("em", "`estimator` is 'em'"),
        (SimultaneousSparseVae(), "fit_intercept=True, but it must be False"),
        (SimultaneousSparseVae(fit_intercept=False, groups=[0, 0, 0]), "groups=.* but it must be None"),
    ],
)
def test_bad_estimators_are_named(estimator, message):
    with pytest.raises(ParameterError, match=message):
        solver(np.ones((4, 2)), np.ones((4, 3)), 3, estimator=estimator)


def test_objects_of_other_types_are_named(case):
    with pytest.raises(ParameterError, match="`evoked` is"):
        simultaneous_sparse_vae(case.evoked.data, case.forward, case.noise_cov)
    with pytest.raises(ParameterError, match="`forward` is"):
        simultaneous_sparse_vae(case.evoked, None, case.noise_cov)
    with pytest.raises(ParameterError, match="`noise_cov` is"):
        simultaneous_sparse_vae(case.evoked, case.forward, np.eye(3))


def test_the_estimator_is_left_as_it_is():
    estimator = SimultaneousSparseVae(noise_var=1.0, fit_intercept=False, support_rule="ebic")
    rng = np.random.default_rng(0)
    gain = rng.standard_normal((20, 30))
    solver(5 * np.outer(gain[:, 4], np.ones(6)) + rng.standard_normal((20, 6)), gain, 3, estimator=estimator)
    assert estimator.groups is None
    assert not hasattr(estimator, "coef_")


def test_importing_sparsevae_does_not_import_mne():
    code = "import sys, sparsevae; sys.exit('mne' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_mne_the_error_says_what_to_install():
    code = "import sys; sys.modules['mne'] = None; import sparsevae.mne"
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert 'pip install "sparsevae[mne]"' in result.stderr.splitlines()[-1]
