"""More samples than features: designs of every kind are read in blocks of rows, and answers keep their digits."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import scipy.sparse
from sparsevae import ColumnBlocks, PreconditionedVae, SimultaneousSparseVae, VaeSlr, fit_many

N_SAMPLES, N_FEATURES = 6_000, 40
RNG = np.random.default_rng(0)
COUNTS = RNG.integers(-3, 4, (N_SAMPLES, N_FEATURES)).astype(np.int8)
SUPPORT = np.array([3, 17, 31])
CLEAN = COUNTS[:, SUPPORT] @ np.array([1.37, -0.71, 0.234])
NOISE = RNG.standard_normal(N_SAMPLES)
WEIGHTS = RNG.uniform(0.2, 3, N_SAMPLES)
WEIGHTS[::11] = 0

KINDS = {
    "float32": COUNTS.astype(np.float32),
    "int8": COUNTS,
    "Fortran": np.asfortranarray(COUNTS, dtype=np.float64),
    "strided": np.repeat(np.repeat(COUNTS, 2, 0), 2, 1)[::2, ::2],
    "csc": scipy.sparse.csc_array(COUNTS),
    "columns": ColumnBlocks(COUNTS, block_bytes=7 * N_SAMPLES),
}
every_kind = pytest.mark.parametrize("X", KINDS.values(), ids=KINDS)


def least_squares(X, y, support, weights=None):
    """Coefficients on a support, by a decomposition of all rows, the intercept last."""
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    columns = np.column_stack([X[:, support], np.ones(len(y))])
    return np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)[0]


@every_kind
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_an_evidence_fit_is_least_squares_of_all_rows_on_its_support(X, weights):
    y = CLEAN + NOISE + 5
    model = VaeSlr(support_rule="evidence").fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(model.support_, SUPPORT)
    expected = least_squares(COUNTS.astype(float), y, SUPPORT, weights)
    tolerance = 1e-6 if model.coef_.dtype == np.float32 else 1e-10
    np.testing.assert_allclose([*model.coef_[SUPPORT], model.intercept_], expected, rtol=tolerance)


@every_kind
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_every_kind_has_the_posterior_of_the_float64_array(X, fit_intercept):
    y = CLEAN + 3 * NOISE
    model, expected = (VaeSlr(fit_intercept=fit_intercept).fit(design, y) for design in (X, COUNTS.astype(float)))
    np.testing.assert_array_equal(model.support_, expected.support_)
    np.testing.assert_allclose(model.inclusion_prob_, expected.inclusion_prob_, rtol=1e-6, atol=1e-8)
    tolerance = 1e-6 if model.coef_.dtype == np.float32 else 1e-8
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=tolerance, atol=tolerance)


@every_kind
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_every_kind_is_certified_where_there_is_no_noise(X, fit_intercept):
    model = VaeSlr(fit_intercept=fit_intercept).fit(X, CLEAN)
    assert model.certified_
    np.testing.assert_allclose(model.coef_[SUPPORT], [1.37, -0.71, 0.234], rtol=1e-6)


@every_kind
def test_responses_together_and_side_by_side_are_those_of_the_float64_array(X):
    Y = np.column_stack([CLEAN + NOISE, 2 * CLEAN - NOISE[::-1], CLEAN])
    dense = COUNTS.astype(float)
    together = SimultaneousSparseVae().fit(X, Y)
    np.testing.assert_allclose(together.coef_, SimultaneousSparseVae().fit(dense, Y).coef_, rtol=1e-6, atol=1e-7)
    side_by_side = zip(fit_many(PreconditionedVae(), X, Y), fit_many(PreconditionedVae(), dense, Y), strict=True)
    for model, expected in side_by_side:
        np.testing.assert_array_equal(model.support_, expected.support_)
        np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("share", [1.0, 1e-3])
@pytest.mark.parametrize("noise", [0.0, 1e-13, 1e-5])
def test_noise_of_any_size_is_told_from_rounding(offset, share, noise):
    X = np.random.default_rng(1).standard_normal((N_SAMPLES, N_FEATURES))
    X[:, 1:] = X[:, :1] + share * X[:, 1:]
    coef = np.array([1.37, -0.71, 0.234])
    y = X[:, SUPPORT] @ coef + noise * NOISE
    model = VaeSlr().fit(X + offset, y)
    np.testing.assert_array_equal(model.support_, SUPPORT)
    # Sums with the offset are rounded to 1e-10, and smaller noise is not to be distinguished from that.
    assert model.certified_ == (noise == 0 or (offset > 0 and noise < 1e-10))
    np.testing.assert_allclose(model.coef_[SUPPORT], coef, rtol=0, atol=(0.1 * noise + 1e-17 * offset) / share + 1e-14)
    if noise == 1e-5:
        assert np.sqrt(model.noise_var_) == pytest.approx(noise, rel=0.1)


def test_fits_are_the_same_bits_each_time():
    first, again = (VaeSlr().fit(COUNTS, CLEAN + NOISE) for _ in range(2))
    np.testing.assert_array_equal(first.coef_, again.coef_)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are those of Linux")
def test_tall_designs_are_fitted_without_a_copy():
    script = """
        import resource
        import numpy as np
        from sparsevae import VaeSlr
        rng = np.random.default_rng(0)
        X = rng.integers(-9, 9, (300_000, 40)).astype(float)
        clean = X[:, [5, 20]] @ [1.0, -2.0731]
        noise = 0.1 * rng.standard_normal(300_000)
        VaeSlr().fit(X[:100], clean[:100] + noise[:100])
        kinds = [np.asarray, np.asfortranarray, lambda X: X.astype(np.float32), lambda X: X.astype(np.int8)]
        for kind, y in [(kind, y) for kind in kinds for y in (clean, clean + noise)]:
            design = kind(X)
            size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            # As float64 the design has 96 million bytes.
            resource.setrlimit(resource.RLIMIT_AS, (size + 70_000_000, resource.RLIM_INFINITY))
            assert VaeSlr().fit(design, y).support_.tolist() == [5, 20], (design.dtype, design.flags)
            del design
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
