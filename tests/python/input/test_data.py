"""Data and parameters at the boundary: what is refused, and what is not."""

import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from problems import LAYOUTS, put, three_nonzeros
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sparsevae import PreconditionedVae, RobustVae, SimultaneousSparseVae, VaeSlr, energies, fit_many
from sparsevae.exceptions import (
    DataTypeError,
    NonFiniteError,
    NumericalError,
    ParameterError,
    ShapeError,
    SparseVaeError,
)

MODELS = [VaeSlr, PreconditionedVae]
both = pytest.mark.parametrize("model", MODELS)
X, Z, Y = three_nonzeros()
FRAME = pd.DataFrame(X, columns=[f"c{j}" for j in range(40)])


BAD_DATA = {
    "X with NaN": (put(X, np.nan), Y, NonFiniteError, "`X`.*[0, 3]"),
    "X with infinity": (put(X, -np.inf), Y, NonFiniteError, "`X`"),
    "y with NaN": (X, put(Y, np.nan), NonFiniteError, "`y`.*[3]"),
    "y with infinity": (X, put(Y, np.inf), NonFiniteError, "`y`"),
    "fewer rows in y": (X, Y[:-1], ShapeError, "`y` has 19 rows"),
    "no rows": (X[:0], Y[:0], ShapeError, "`X`.*0 sample"),
    "no columns": (X[:, :0], Y, ShapeError, "`X`.*0 feature"),
    "1-d X": (Y, Y, ShapeError, r"`X` has shape \(20,\)"),
    "3-d X": (X[None], Y, ShapeError, r"`X` has shape \(1, 20, 40\)"),
    "scalar X": (3.0, Y, ShapeError, r"`X` has shape \(\)"),
    "2-d y": (X, X, ShapeError, r"`y` has shape \(20, 40\).*fit_many, or SimultaneousSparseVae"),
    "scalar y": (X, 3.0, ShapeError, r"`y` has shape \(\)"),
    "no y": (X, None, ShapeError, "`y`"),
    "ragged X": ([[1, 2], [3]], [1, 2], ShapeError, "`X` is ragged"),
    "ragged y": (X[:2], [[1, 2], [3]], ShapeError, "`y` is ragged"),
    "complex X": (X + 1j, Y, DataTypeError, "`X` has dtype complex128"),
    "complex y": (X, Y + 1j, DataTypeError, "`y` has dtype complex128"),
    "list of complex": ([[1j, 2], [3, 4]], [1, 2], DataTypeError, "`X` has dtype complex128"),
    "text X": ([["a", "b"], ["c", "d"]], [1, 2], DataTypeError, "`X` has dtype <U1"),
    "numbers as text": ([["1", "2"], ["3", "4"]], [1, 2], DataTypeError, "`X` has dtype <U1"),
    "text y": (X[:2], ["a", "b"], DataTypeError, "`y` has dtype <U1"),
    "objects in X": (np.array([[{}, 2], [3, 4]], dtype=object), [1, 2], DataTypeError, "`X` has dtype object"),
    "objects in y": (X[:2], np.array([{}, 2], dtype=object), DataTypeError, "`y` has dtype object"),
    "dates": (np.array([["2020-01-01"]], dtype="M8[D]"), [1], DataTypeError, "`X` has dtype datetime64"),
    "numbers as text in a frame": (FRAME.assign(c2="1"), Y, DataTypeError, "`X` at column `c2` .* the text '1'"),
    "objects in a frame": (FRAME.assign(c2=[[]] * 20), Y, DataTypeError, "`X` at column `c2` has dtype object"),
    "names of several types": (FRAME.rename(columns={"c2": 2}), Y, DataTypeError, "`X` cannot be used: Feature names"),
    "integers beyond float64 in X": (put(X.astype(object), 10**400), Y, NonFiniteError, "`X` holds a number beyond"),
    "integers beyond float64 in y": (X, [10**400] * 20, NonFiniteError, "`y` holds a number beyond"),
    "NaN in a frame": (put(FRAME, np.nan), Y, NonFiniteError, "`X`.*[0, 3], row 0 of column 'c3'"),
    "NA in a frame": (FRAME.astype("Float64").mask(X[0, 3] == FRAME), Y, NonFiniteError, "`X`.*row 0 of column 'c3'"),
    "NA among objects": (put(FRAME.astype(object), pd.NA), Y, NonFiniteError, "`X`.*row 0 of column 'c3'"),
    "NA in y": (X, pd.Series(Y, dtype="Float64").where(Y[3] != Y, pd.NA), NonFiniteError, "`y`.*[3]"),
    "masked X": (np.ma.array(X, mask=X[0, 3] == X), Y, NonFiniteError, "`X`.*[0, 3]"),
    "masked y": (X, np.ma.array(Y, mask=Y[3] == Y), NonFiniteError, "`y`.*[3]"),
    "masked text": (np.ma.array(X.astype(str), mask=X > 0), Y, DataTypeError, "`X` has dtype <U32"),
    "masked dates": (X, np.ma.array(Y.astype("M8[s]"), mask=Y > 0), DataTypeError, "`y` has dtype datetime64"),
    "np.matrix": (X.view(np.matrix), Y, DataTypeError, r"`X` is a np.matrix.*np.asarray\(X\)"),
    "sparse frame": (FRAME.astype("Sparse[float]"), Y, DataTypeError, r"use X.sparse.to_dense\(\)"),
    "complex sparse X": (scipy.sparse.csr_array(X + 1j), Y, DataTypeError, "Complex data not supported: `X`"),
    "NaN in sparse X": (scipy.sparse.csr_array(put(X, np.nan)), Y, NonFiniteError, "`X`.*[0, 3]"),
    "sparse y": (X, scipy.sparse.csr_array(Y[:, None]), DataTypeError, "Sparse data was passed for `y`"),
}


@both
@pytest.mark.parametrize(("design", "response", "kind", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data_is_refused_by_name(model, design, response, kind, message):
    with pytest.raises(kind, match=re.sub(r"\[(.*)\]", r"\\[\1\\]", message)) as caught:
        model().fit(design, response)
    assert isinstance(caught.value, SparseVaeError)


BAD_PARAMETERS = [
    ("optimizer", ["sgd", 1, None, b"em"]),
    ("noise_var", ["none", 0, -1.0, np.nan, np.inf, True, None, 1j, np.array([1.0]), 10**400]),
    ("n_restarts", [-1, 1.5, True, None, "2"]),
    ("max_iter", [0, -1, 2.0, True, None, "2"]),
    ("tol", [-1e-9, np.nan, np.inf, "x", True, None, 10**400]),
    ("n_steps", [0, -1, 2.0, True, None, "2"]),
    ("learning_rate", [0, -1.0, np.nan, np.inf, "x", True, None, 10**400]),
    ("learning_rate_drop", [0, -1.0, 1.5, np.nan, "x", True, None]),
    ("support_rule", ["bic", None, 3]),
    ("fit_intercept", [1, None, "yes"]),
    ("random_state", [-1, 1.5, "a", 2**64]),
    ("verbose", ["x", None, 1.5]),
    ("power", [-0.1, 2.1, np.nan, np.inf, "a", True, None]),
]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD_PARAMETERS for value in values], ids=str
)
def test_bad_parameters_are_refused_by_name(name, value):
    models = [PreconditionedVae] if name == "power" else MODELS
    for model in models:
        with pytest.raises(ParameterError, match=f"^`{name}` is .*, but it must be "):
            model(**{name: value}).fit(X, Y)


@both
def test_training_refuses_to_anneal(model):
    with pytest.raises(ParameterError, match=r'^`noise_var` is "anneal", but it must be "auto", "learn" or'):
        model(optimizer="adam", noise_var="anneal").fit(X, Y)


@both
def test_huge_limits_are_no_limits(model):
    assert model(max_iter=10**30, n_restarts=10**30).fit(X, Y).certified_


def test_more_responses_than_fits_have_memory_for_are_refused_before_it_is_asked_for():
    with pytest.raises(ParameterError, match=f"`Y` has {2**40} columns"):
        fit_many(VaeSlr(), np.ones((2, 3)), np.broadcast_to(np.ones((2, 1)), (2, 2**40)))


def test_bad_arguments_of_fit_many_are_refused():
    Y2 = np.c_[Y, Y]
    for bad in [Y, Y[:, None, None], None]:
        with pytest.raises(ShapeError, match="`Y`"):
            fit_many(VaeSlr(), X, bad)
    for n_jobs in [0, -2, 1.5, True, "2"]:
        with pytest.raises(ParameterError, match="`n_jobs`"):
            fit_many(VaeSlr(), X, Y2, n_jobs=n_jobs)
    for estimator in ["x", VaeSlr, None]:
        with pytest.raises(ParameterError, match="`estimator`"):
            fit_many(estimator, X, Y2)
    with pytest.raises(NonFiniteError, match="`Y`"):
        fit_many(VaeSlr(), X, put(Y2, np.nan))
    with pytest.raises(ShapeError, match="`Y` has 19 rows"):
        fit_many(VaeSlr(), X, Y2[:-1])
    with pytest.raises(ShapeError, match=r"`Y`.*0 feature"):
        fit_many(VaeSlr(), X, Y2[:, :0])
    with pytest.raises(DataTypeError, match="`Y`"):
        fit_many(VaeSlr(), X, Y2.astype(str))


@both
def test_bad_data_for_predict_is_refused(model):
    fitted = model().fit(X, Y)
    with pytest.raises(NonFiniteError, match="`X`"):
        fitted.predict(put(X, np.nan))
    with pytest.raises(ShapeError, match=r"39 features, but .* is expecting 40"):
        fitted.predict(X[:, 1:])
    for bad in [Y, X[:0], 3.0]:
        with pytest.raises(ShapeError, match="`X`"):
            fitted.predict(bad)
    for bad in [X + 1j, X.astype(str), scipy.sparse.csr_array(X + 1j)]:
        with pytest.raises(DataTypeError, match="`X`"):
            fitted.predict(bad)
    with pytest.raises(NotFittedError):
        model().predict(X)


@pytest.mark.parametrize(
    "energy", [energies.marginal_energy, energies.separable_energy, energies.preconditioned_energy]
)
def test_bad_arguments_of_the_energies_are_refused(energy):
    w = np.ones(40)
    for arguments, kind, message in [
        ((Y, Y, w, 1.0), ShapeError, "`X`"),
        ((X, X[None], w, 1.0), ShapeError, "`y`"),
        ((X, Y, X, 1.0), ShapeError, "`prior_var`"),
        ((X, Y[1:], w, 1.0), ShapeError, "`y`"),
        ((X, Y, w[1:], 1.0), ShapeError, "`prior_var`"),
        ((put(X, np.nan), Y, w, 1.0), NonFiniteError, "`X`"),
        ((X.astype(str), Y, w, 1.0), DataTypeError, "`X`"),
        ((X, Y * 1j, w, 1.0), DataTypeError, "`y`"),
        ((X, Y, -w, 1.0), ParameterError, "`prior_var`"),
        ((X, Y, w, 0.0), ParameterError, "`noise_var`"),
        ((X, Y, w, "1"), ParameterError, "`noise_var`"),
        ((X, Y, w, None), ParameterError, "`noise_var`"),
    ]:
        with pytest.raises(kind, match=message):
            energy(*arguments)


def test_a_noise_variance_too_small_for_float64_is_a_numerical_error():
    twice = np.vstack([X, X])
    with pytest.raises(NumericalError, match="step 0, pivot"):
        energies.marginal_energy(twice, np.r_[Y, Y], np.ones(40), 1e-40)


@both
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_bits(model, layout):
    design, response = layout(X), layout(Y[:, None])
    response = response[0] if isinstance(response, list) else np.asarray(response)[:, 0]
    if isinstance(design, list):
        response = Y.tolist()
    expected = model().fit(X, Y)
    found = model().fit(design, response)
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    np.testing.assert_allclose(found.predict(design), expected.predict(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "missing", [lambda a, m: np.ma.array(a, mask=m), lambda a, m: pd.DataFrame(a, dtype="Float64").mask(m)]
)
def test_masked_entries_and_na_are_missing_values(missing):
    mask = np.random.default_rng(0).random(X.shape) < 0.1
    expected = RobustVae(allow_missing=True).fit(np.where(mask, np.nan, X))
    found = RobustVae(allow_missing=True).fit(missing(X, mask))
    np.testing.assert_allclose(found.low_rank_, expected.low_rank_, atol=1e-10)
    with pytest.raises(NonFiniteError, match="`X`"):
        RobustVae().fit(missing(X, mask))


def test_masks_of_nothing_change_nothing():
    expected = VaeSlr().fit(X.astype(np.float32), Y)
    found = VaeSlr().fit(np.ma.array(X, np.float32), np.ma.array(Y, mask=np.zeros(20, bool)))
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    assert found.coef_.dtype == np.float32


def test_a_missing_response_is_named_with_its_column():
    responses = pd.DataFrame({"a": Y, "b": put(Y, np.nan)})
    with pytest.raises(NonFiniteError, match=r"`Y`.*row 3 of column 'b'"):
        SimultaneousSparseVae().fit(X, responses)


def test_masked_arguments_of_the_energies_are_refused():
    with pytest.raises(NonFiniteError, match="`X`"):
        energies.marginal_energy(np.ma.array(X, mask=X > 2), Y, np.ones(40), 1.0)


@both
def test_inputs_are_never_modified(model):
    design, response = X.copy(), Y.copy()
    for noise_var in ["auto", 0.1]:
        model(noise_var=noise_var).fit(design, response).predict(design, return_std=True)
    fit_many(model(), design, response[:, None])
    np.testing.assert_array_equal(design, X)
    np.testing.assert_array_equal(response, Y)


@both
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_, np.float16])
def test_integers_and_floats_of_every_size_are_fitted(model, dtype):
    design = (X > 0).astype(dtype) if dtype in (np.uint8, np.bool_) else np.round(4 * X).astype(dtype)
    # Coefficients that are multiples of each other could not be certified where entries repeat.
    response = design.astype(float) @ (Z * np.linspace(1.0, 1.7, len(Z)))
    fitted = model().fit(design, response.astype(np.float32) if dtype is np.float32 else response)
    assert fitted.certified_
    np.testing.assert_array_equal(fitted.support_, [3, 14, 15])
    assert fitted.coef_.dtype == fitted.predict(design).dtype == (np.float32 if dtype is np.float32 else np.float64)


@both
def test_a_column_of_responses_warns_as_in_scikit_learn(model):
    with pytest.warns(DataConversionWarning):
        fitted = model().fit(X, Y[:, None])
    assert fitted.predict(X).shape == (20,)


@both
@pytest.mark.parametrize("exponent", [-300, -150, 150, 300])
@pytest.mark.parametrize("which", ["X", "y", "both"])
def test_extreme_scales_give_a_typed_error_or_the_right_answer(model, exponent, which):
    design = X * 10.0**exponent if which != "y" else X
    response = Y * 10.0**exponent if which != "X" else Y
    expected = Z * (10.0**exponent if which == "y" else 10.0**-exponent if which == "X" else 1.0)
    # There the noise variance, or a prior variance, is beyond the range of float64.
    if abs(exponent) == 300:
        with pytest.raises(ParameterError, match="scaled so that"):
            model().fit(design, response)
        return
    fitted = model().fit(design, response)
    np.testing.assert_allclose(fitted.coef_, expected, rtol=1e-9, atol=0)
    assert np.isfinite(fitted.prior_var_).all()


@both
def test_float32_results_beyond_float32_stay_finite(model):
    design, response = (X * 1e-30).astype(np.float32), (Y * 1e30).astype(np.float32)
    fitted = model().fit(design, response)
    np.testing.assert_allclose(fitted.coef_, Z * 1e60, rtol=1e-4)
    assert np.isfinite(fitted.prior_var_).all()


@both
def test_degenerate_data_have_defined_results(model):
    design = X.copy()
    design[:, 0], design[:, 1], design[:, 5] = 0.0, 7.0, design[:, 6]
    fitted = model().fit(design, design @ Z + 2)
    np.testing.assert_array_equal(fitted.support_, [3, 14, 15])
    assert fitted.intercept_ == pytest.approx(2)

    design[:, 0] = design[:, 3]
    with pytest.warns(UserWarning, match="without a certified solution"):
        fitted = model(n_restarts=3, noise_var="anneal").fit(design, Y)
    assert not fitted.certified_
    assert len({0, 3} & set(fitted.support_)) == 1

    constant = model().fit(X, np.full(20, 1.7))
    assert constant.intercept_ == pytest.approx(1.7)
    assert constant.support_.size == 0
    assert constant.certified_
    np.testing.assert_allclose(constant.predict(X, return_std=True)[1], 0)
    known = model(noise_var=0.25).fit(X, np.full(20, 1.7))
    assert known.noise_var_ == 0.25
    assert not known.certified_

    one = model().fit(X[:1], [3.0])
    assert (one.intercept_, one.support_.size) == (3.0, 0)
    column = model().fit(X[:, :1], 2 * X[:, 0] - 1)
    assert column.coef_ == pytest.approx([2])
    assert column.intercept_ == pytest.approx(-1)
    rank_one = model(fit_intercept=False).fit(np.outer(np.arange(1.0, 6), np.ones(4)), np.arange(1.0, 6))
    assert rank_one.support_.size == 1
