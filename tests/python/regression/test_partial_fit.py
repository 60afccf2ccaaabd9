"""Samples that come in blocks: the fit of all of them, without any of them."""

import copy
import pickle
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sparsevae import ColumnBlocks, VaeSlr
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*no column was chosen:sklearn.exceptions.ConvergenceWarning",
    "ignore:X does not have valid feature names:UserWarning",
)
N_SAMPLES, N_FEATURES = 3_000, 20
RNG = np.random.default_rng(0)
GAUSSIAN = RNG.standard_normal((N_SAMPLES, N_FEATURES))
TOEPLITZ = GAUSSIAN.copy()
for column in range(1, N_FEATURES):
    TOEPLITZ[:, column] = 0.95 * TOEPLITZ[:, column - 1] + np.sqrt(1 - 0.95**2) * GAUSSIAN[:, column]
SUPPORT = np.array([2, 9, 15])
NOISE = RNG.standard_normal(N_SAMPLES)
WEIGHTS = RNG.uniform(0.2, 3, N_SAMPLES)
WEIGHTS[::11] = 0
# One sample, then few, then more than are put together at a time.
ENDS = [0, 1, 3, 40, 41, 900, N_SAMPLES]


def response(X, noise=1.0):
    return X[:, SUPPORT] @ np.array([1.0, -0.7, 0.3]) + noise * NOISE[: len(X)]


def in_blocks(model, X, y, weights=None, ends=ENDS):
    for start, stop in pairwise(ends):
        own = None if weights is None else weights[start:stop]
        model.partial_fit(X[start:stop], y[start:stop], own, refit=False)
    return model.partial_fit()


def assert_same(model, expected, X, tolerance=1e-8):
    """Compare all that fits say, in units in which columns and responses have variance 1."""
    np.testing.assert_array_equal(model.support_, expected.support_)
    scale = X.std(axis=0)
    near = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(model.coef_ * scale, expected.coef_ * scale, **near)
    np.testing.assert_allclose(model.coef_var_ * scale**2, expected.coef_var_ * scale**2, **near)
    assert model.noise_var_ == pytest.approx(expected.noise_var_, rel=tolerance)
    assert model.energy_ == pytest.approx(expected.energy_, rel=tolerance)
    assert hasattr(model, "inclusion_prob_") == hasattr(expected, "inclusion_prob_")
    if hasattr(model, "inclusion_prob_"):
        np.testing.assert_allclose(model.inclusion_prob_, expected.inclusion_prob_, **near)
        sets = zip(model.credible_sets(), expected.credible_sets(), strict=True)
        assert all(mine.columns.tolist() == other.columns.tolist() for mine, other in sets)
    for mine, other in zip(model.predict(X[:50], True), expected.predict(X[:50], True), strict=True):
        np.testing.assert_allclose(mine, other, **near)
    assert not model.certified_


@pytest.mark.parametrize("X", [GAUSSIAN, TOEPLITZ], ids=["Gaussian", "Toeplitz"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 1.0, 30.0])
def test_blocks_have_the_fit_of_all_samples(X, weights, offset, noise):
    y = response(X, noise)
    model = in_blocks(VaeSlr(), X + offset, y, weights)
    expected = VaeSlr().fit(X + offset, y, weights)
    # The offset takes as many digits from the data themselves.
    assert_same(model, expected, X + offset, 1e-8 if offset == 0 or noise > 0 else 1e-6)
    assert model.n_samples_seen_ == (N_SAMPLES if weights is None else np.count_nonzero(weights))


@pytest.mark.parametrize(
    "options",
    [
        {"model_averaging": True},
        {"support_rule": "evidence"},
        {"support_rule": "posterior"},
        {"fit_intercept": False},
        {"noise_var": 1.0},
        {"noise_var": "learn"},
        {"noise_var": 1.0, "optimizer": "em"},
        {"optimizer": "adam", "n_steps": 500},
        {"n_nonzero": 2},
        {"positive": [2]},
        {"prior_odds": np.arange(N_FEATURES, dtype=float)},
        {"n_choices": 500},
    ],
    ids=str,
)
def test_parameters_do_what_they_do_in_a_fit(options):
    X, y = TOEPLITZ[:600], response(TOEPLITZ[:600])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model, expected = in_blocks(VaeSlr(**options), X, y, ends=[0, 17, 600]), VaeSlr(**options).fit(X, y)
    assert_same(model, expected, X)
    if "optimizer" in options and options["optimizer"] == "adam":
        np.testing.assert_allclose(model.encoder_weights_, expected.encoder_weights_, atol=1e-8)


def dependent(rng):
    X = rng.standard_normal((N_SAMPLES, N_FEATURES))
    X[:, 4], X[:, 5], X[:, 6] = X[:, 0] + X[:, 1], 3.0, 0.0
    return X


def constant_at_first(rng):
    X = rng.standard_normal((N_SAMPLES, N_FEATURES))
    X[:2_000, 2], X[:50, 9] = 5.0, 0.0
    return X


def rare_events(rng):
    X = (rng.random((N_SAMPLES, N_FEATURES)) < 0.01).astype(float)
    return X[np.argsort(X.sum(axis=1))]


DESIGNS = {
    "dependent and constant columns": dependent,
    "columns that are constant at first": constant_at_first,
    "nearly dependent": lambda rng: GAUSSIAN[:, :1] + 1e-4 * rng.standard_normal((N_SAMPLES, N_FEATURES)),
    "scales": lambda rng: GAUSSIAN * np.logspace(-8, 8, N_FEATURES)[rng.permutation(N_FEATURES)],
    "samples that grow": lambda _: GAUSSIAN * np.logspace(-20, 20, N_SAMPLES)[:, None],
    "samples that shrink": lambda _: GAUSSIAN * np.logspace(20, -20, N_SAMPLES)[:, None],
    "rare events, most of them late": rare_events,
    "one column": lambda _: GAUSSIAN[:, :1],
}


@pytest.mark.parametrize("make", DESIGNS.values(), ids=DESIGNS)
@pytest.mark.parametrize("noise", [0.1, 1e3])
def test_designs_of_any_condition(make, noise):
    X = make(np.random.default_rng(1))
    chosen = X[:, [0, 2, 9]] if X.shape[1] > 9 else X
    scale = chosen.std(axis=0)
    y = (chosen / np.where(scale > 0, scale, 1.0)).sum(axis=1) + noise * NOISE
    assert_same(in_blocks(VaeSlr(), X, y), VaeSlr().fit(X, y), X, 1e-7)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("spare", [1, 2, 3])
def test_hardly_more_samples_than_columns(spare, fit_intercept):
    n = N_FEATURES + spare
    X, y, options = GAUSSIAN[:n], response(GAUSSIAN[:n], 0.01), {"fit_intercept": fit_intercept}
    model = in_blocks(VaeSlr(**options), X, y, ends=range(n + 1))
    expected = VaeSlr(**options).fit(X, y)
    np.testing.assert_array_equal(model.support_, expected.support_)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)


def test_the_order_of_blocks_does_not_matter():
    y = response(TOEPLITZ)
    one = in_blocks(VaeSlr(), TOEPLITZ, y)
    other = in_blocks(VaeSlr(), TOEPLITZ[::-1], y[::-1], ends=[0, 1_500, N_SAMPLES])
    assert_same(one, other, TOEPLITZ)


KINDS = {
    "float32": lambda X: X.astype(np.float32),
    "int8": lambda X: X.astype(np.int8),
    "Fortran": lambda X: np.asfortranarray(X, dtype=float),
    "DataFrame": lambda X: pd.DataFrame(X, columns=[f"x{j}" for j in range(N_FEATURES)]),
    "DataFrame of another byte order": lambda X: pd.DataFrame(X.astype(">f8")),
    "csr": lambda X: scipy.sparse.csr_array(X),
    "columns": lambda X: ColumnBlocks(X.astype(float), block_bytes=1_000),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_blocks_of_every_kind(kind):
    X = np.round(2 * GAUSSIAN)
    y = response(X)
    model = VaeSlr()
    for start, stop in pairwise(ENDS):
        model.partial_fit(kind(X[start:stop]), y[start:stop], refit=False)
    model.partial_fit()
    expected = VaeSlr().fit(kind(X), y)
    assert model.coef_.dtype == expected.coef_.dtype
    assert_same(model, expected, X, 1e-6 if model.coef_.dtype == np.float32 else 1e-8)


def test_the_least_precise_block_has_the_dtype():
    y = response(GAUSSIAN)
    model = VaeSlr().partial_fit(GAUSSIAN[:100].astype(np.float32), y[:100]).partial_fit(GAUSSIAN[100:], y[100:])
    assert model.coef_.dtype == np.float32


def test_tensors_come_back_as_tensors():
    torch = pytest.importorskip("torch")
    y = response(GAUSSIAN)
    model = VaeSlr()
    for rows in (slice(0, 100), slice(100, None)):
        model.partial_fit(torch.tensor(GAUSSIAN[rows]), torch.tensor(y[rows]))
    assert isinstance(model.coef_, torch.Tensor)
    np.testing.assert_allclose(model.coef_.numpy(), VaeSlr().fit(GAUSSIAN, y).coef_, atol=1e-12)


def test_until_there_are_samples_enough_the_model_waits():
    X, y = GAUSSIAN, response(GAUSSIAN)
    model = VaeSlr().fit(X, y).partial_fit(X[:7], y[:7])
    assert model.n_samples_seen_ == 7
    assert not hasattr(model, "coef_")
    with pytest.raises(NotFittedError, match=r"has seen 7 samples .* once there are 21"):
        model.predict(X)
    with pytest.raises(NotFittedError, match="has seen 7 samples"):
        model.credible_sets()
    assert_same(model.partial_fit(X[7:], y[7:]), VaeSlr().fit(X, y), X)
    model.fit(X[:100], y[:100])
    assert not hasattr(model, "n_samples_seen_")
    assert model.partial_fit(X[:50], y[:50]).n_samples_seen_ == 50


def test_samples_of_weight_0_do_not_count():
    X, y = GAUSSIAN.copy(), response(GAUSSIAN)
    weights = np.ones(N_SAMPLES)
    weights[:30] = 0
    X[3] = np.nan
    model = VaeSlr().partial_fit(X[:30], y[:30], weights[:30])
    assert model.n_samples_seen_ == 0
    assert_same(model.partial_fit(X[30:], y[30:]), VaeSlr().fit(X, y, weights), X[30:])


BAD = GAUSSIAN[:3_000].copy()
BAD[2_999, 4] = np.inf
BLOCK, OWN = GAUSSIAN[:5], response(GAUSSIAN[:5])


@pytest.mark.parametrize(
    ("error", "match", "block"),
    [
        (NonFiniteError, r"`X` .* index \[2999, 4\]", (BAD, response(GAUSSIAN))),
        (NonFiniteError, r"`X` .* index \[2999, 4\]", (scipy.sparse.csr_array(BAD), response(GAUSSIAN))),
        (NonFiniteError, r"`y` .* index \[1\]", (BLOCK, [0, np.nan, 0, 0, 0])),
        (ShapeError, "`X` .* 3 features", (BLOCK[:, :3], OWN)),
        (ShapeError, "`y` has 4 rows", (BLOCK, OWN[:4])),
        (ShapeError, "`sample_weight` has shape", (BLOCK, OWN, np.ones(4))),
        (ParameterError, "`sample_weight` has -1", (BLOCK, OWN, -np.ones(5))),
        (ParameterError, "`sample_weight` is inf", (BLOCK, OWN, np.full(5, 1e308))),
        (DataTypeError, "`X`", (BLOCK * 1j, OWN)),
    ],
)
def test_a_bad_block_is_left_out(error, match, block):
    X, y = GAUSSIAN[:500], response(GAUSSIAN[:500])
    model = VaeSlr().partial_fit(X, y)
    before = model.coef_
    with pytest.raises(error, match=match):
        model.partial_fit(*block)
    assert model.n_samples_seen_ == 500
    np.testing.assert_array_equal(model.partial_fit().coef_, before)


def test_other_names_of_columns_are_refused():
    frame = pd.DataFrame(GAUSSIAN[:100], columns=[f"x{j}" for j in range(N_FEATURES)])
    model = VaeSlr().partial_fit(frame, OWN.repeat(20))
    with pytest.raises(ShapeError, match="feature names"):
        model.partial_fit(frame.rename(columns={"x1": "z"}), OWN.repeat(20))


@pytest.mark.parametrize(
    ("options", "arguments", "match"),
    [
        ({"always_select": [1]}, {"X": BLOCK, "y": OWN}, "`always_select` is given, but `partial_fit`"),
        ({"prior_odds": [1.0]}, {"X": BLOCK, "y": OWN}, "`prior_odds`"),
        ({"n_nonzero": -1}, {"X": BLOCK, "y": OWN}, "`n_nonzero`"),
        ({}, {"X": BLOCK, "y": OWN, "refit": "no"}, "`refit`"),
        ({}, {}, "`X` is None"),
    ],
)
def test_what_has_no_meaning_is_refused_and_named(options, arguments, match):
    model = VaeSlr(**options)
    with pytest.raises((ParameterError, ShapeError), match=match):
        model.partial_fit(**arguments)
    assert not hasattr(model, "n_samples_seen_")


def test_nothing_to_explain_is_no_warning_and_noise_is_one():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = in_blocks(VaeSlr(), GAUSSIAN, np.full(N_SAMPLES, 0.1))
    assert (model.status_, model.intercept_) == ("converged", pytest.approx(0.1))
    with pytest.warns(ConvergenceWarning, match="no column was chosen"):
        in_blocks(VaeSlr(), GAUSSIAN, NOISE)


def test_pickles_and_copies_go_on_and_clones_begin_anew():
    X, y = GAUSSIAN, response(GAUSSIAN)
    model = VaeSlr().partial_fit(X[:1_000], y[:1_000]).partial_fit(X[1_000:1_003], y[1_000:1_003], refit=False)
    others = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    for each in [model, *others]:
        assert_same(each.partial_fit(X[1_003:], y[1_003:]), VaeSlr().fit(X, y), X)
    assert not hasattr(clone(model), "n_samples_seen_")


def test_a_summary_has_the_size_of_the_products():
    X, y = np.tile(GAUSSIAN, (20, 1)), np.tile(response(GAUSSIAN), 20)
    small, large = (pickle.dumps(VaeSlr().partial_fit(X[:n], y[:n], refit=False)) for n in (3_000, 60_000))
    assert len(small) == pytest.approx(len(large), rel=0.1)
