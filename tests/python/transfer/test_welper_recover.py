"""WelperRecover: recovery at the size of the issue, status with their numbers, noise, bad input, the estimator API."""

import inspect
import pickle
import re
import sys

import numpy as np
import pytest
import scipy.sparse
from problems import LAYOUTS, put
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted
from sparsevae import WelperRecover, _core, basis_pursuit
from sparsevae.datasets import make_combinators, make_gaussian_design, make_sparse_coef, make_training_problems
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError, SparseVaeError

both = pytest.mark.parametrize("factorization", ["er-spud", "l4"])
SMALL = make_training_problems(60, 100, 10, n_nonzero=8, n_problems=40, hard_share=0.1, random_state=3)
A, B, SIDES = SMALL.A, SMALL.B, SMALL.b


def errors(coef, true):
    return np.linalg.norm(coef - true, axis=0) / np.linalg.norm(true, axis=0)


def untaught(n=100):
    """Training problems that l1 minimisation solves, of which one is too dense to be of sparse parts; and its bound."""
    components = np.stack([make_sparse_coef(n, 8, law="uniform", random_state=k) for k in range(45)], axis=1)
    design = make_gaussian_design(90, n, random_state=2)
    # All entries that no component has, and others: no combination with components is sparser.
    places = np.argsort(np.count_nonzero(components, axis=1) > 0, kind="stable")[:57]
    dense = np.zeros(n)
    dense[places] = np.random.default_rng(1).standard_normal(57)
    coef = np.c_[components @ make_combinators(45, 180, 2, random_state=0), dense]
    return design, design @ coef


@both
@pytest.mark.parametrize("design", ["gaussian", "random_walk"])
def test_hard_problems_are_recovered_at_the_size_of_the_paper(design, factorization):
    plain = solved = 0
    for seed in range(4):
        data = make_training_problems(design=design, random_state=seed)
        model = WelperRecover(factorization=factorization).fit(data.A, data.B)
        found = model.recover(data.b)
        right = errors(found.coef, data.coef) <= 1e-6
        # Whatever is not right is not called right.
        assert (found.status[~right] != "recovered").all()
        solved += right.all()
        plain += (errors(basis_pursuit(data.A, data.b).coef, data.coef) <= 1e-6).all()
    assert solved >= 3
    assert plain == 0


@both
def test_fitted_attributes_hold_the_factorisation(factorization):
    model = WelperRecover(factorization=factorization).fit(A, B)
    assert model.status_ == "complete"
    assert model.n_components_ == model.rank_ == 10
    assert model.n_features_in_ == 100
    components = model.components_
    np.testing.assert_allclose(np.linalg.norm(components, axis=0), 1, rtol=1e-12)
    sizes = np.count_nonzero(components, axis=0)
    assert (np.diff(sizes) >= 0).all()
    # Up to sign and order, those that were planted.
    planted = SMALL.components / np.linalg.norm(SMALL.components, axis=0)
    match = np.abs(planted.T @ components)
    np.testing.assert_allclose(match.max(axis=1), 1, atol=1e-9)
    assert sorted(match.argmax(axis=1)) == list(range(10))
    # X Z solves the kept problems, with no more members than were planted.
    np.testing.assert_array_equal(model.kept_, model.training_status_ == "easy")
    solutions = components @ model.combinators_
    np.testing.assert_allclose(A @ solutions, B[:, model.kept_], atol=1e-9)
    np.testing.assert_allclose(solutions, model.training_coef_[:, model.kept_], atol=1e-9)
    assert np.count_nonzero(model.combinators_, axis=0).max() <= 3
    assert set(model.training_status_) <= {"easy", "learned"}
    assert (model.training_status_[SMALL.hard] == "hard").sum() + model.kept_.sum() <= 40
    assert [set(level) for level in model.levels_] == [
        {"max_nonzero", "kept", "rank", "n_found", "n_programs", "component_error", "components"}
    ]
    assert model.levels_[0]["n_programs"] > 0


def test_recovery_tells_how():
    model = WelperRecover().fit(A, B)
    found = model.recover(SIDES)
    assert found.status.tolist() == ["recovered"] * 4
    np.testing.assert_allclose(found.coef, SMALL.coef, atol=1e-9)
    np.testing.assert_allclose(model.components_ @ found.combinator, found.coef, atol=1e-9)
    assert found.combinator.shape == (10, 4)
    assert (found.residual <= 1e-10).all()
    assert (found.max_nonzero == model.levels_[0]["max_nonzero"]).all()
    one = model.recover(SIDES[:, 0])
    assert one.coef.shape == (100,)
    assert one.combinator.shape == (10,)
    assert (one.status, type(one.residual), type(one.max_nonzero)) == ("recovered", float, int)
    np.testing.assert_allclose(one.coef, found.coef[:, 0], atol=1e-12)
    np.testing.assert_array_equal(model.predict(SIDES), found.coef)
    zero = model.recover(np.zeros(60))
    assert (zero.status, zero.residual, np.abs(zero.coef).max()) == ("recovered", 0.0, 0.0)


def test_what_components_do_not_solve_is_infeasible_and_predict_warns():
    model = WelperRecover().fit(A, B)
    sides = np.c_[SIDES[:, 0], np.random.default_rng(0).standard_normal((60, 2))]
    found = model.recover(sides)
    assert found.status.tolist() == ["recovered", "infeasible", "infeasible"]
    message = rf"2 of 3 problems are not recovered: infeasible; the largest residual is {found.residual.max():.2g} of"
    with pytest.warns(ConvergenceWarning, match=message):
        model.predict(sides)


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_combination_that_any_right_hand_side_has_is_dense(repeats):
    rng = np.random.default_rng(3)
    components = np.stack([make_sparse_coef(80, 2, law="uniform", random_state=k) for k in range(30)], axis=1)
    design = np.vstack([rng.standard_normal((25, 80))] * repeats)
    model = WelperRecover().fit(design, design @ components)
    assert model.n_components_ >= 25
    found = model.recover(design @ np.c_[rng.standard_normal(80), components[:, 4]])
    assert found.status.tolist() == ["dense", "recovered"]
    with pytest.warns(ConvergenceWarning, match="1 of 1 problems are not recovered: dense"):
        model.predict(design @ rng.standard_normal(80))


def test_missing_components_are_counted():
    with pytest.warns(ConvergenceWarning) as caught:
        model = WelperRecover(n_components=13).fit(A, B)
    assert model.status_ == "too_few"
    easy = (model.training_status_ == "easy").sum()
    message = rf"10 of an expected 13 independent components are seen in the {easy} easy ones of 40 training problems"
    assert re.search(message, str(caught[0].message))
    # The components themselves are as good as ever.
    assert (model.recover(SIDES).status == "recovered").all()


def test_superfluous_components_are_counted_and_the_sparsest_kept():
    with pytest.warns(ConvergenceWarning, match="have 10 dimensions, but 7 components are expected") as caught:
        model = WelperRecover(n_components=7).fit(A, B)
    assert f"the solutions of {model.kept_.sum()} training problems" in str(caught[0].message)
    assert (model.status_, model.n_components_, model.rank_) == ("too_many", 7, 10)
    np.testing.assert_array_equal(model.components_, WelperRecover().fit(A, B).components_[:, :7])
    assert WelperRecover(n_components=10).fit(A, B).status_ == "complete"


def test_dimensions_without_sparse_components_are_counted():
    design, sides = untaught()
    with pytest.warns(ConvergenceWarning, match="45 sparse components were found in the 46 dimensions") as caught:
        model = WelperRecover(max_nonzero=81).fit(design, sides)
    assert f"of the solutions of {model.kept_.sum()} training problems" in str(caught[0].message)
    assert (model.status_, model.n_components_, model.rank_) == ("incomplete", 46, 46)


def test_lower_bounds_on_the_nonzeros_are_tried_where_components_are_missing():
    design, sides = untaught()
    model = WelperRecover().fit(design, sides)
    assert (model.status_, model.n_components_) == ("complete", 45)
    assert [level["rank"] for level in model.levels_] == [45, 46]
    assert model.levels_[0]["max_nonzero"] < model.levels_[1]["max_nonzero"] == 57
    assert not model.kept_[-1]
    assert model.training_status_[-1] == "easy"
    found = model.recover(sides[:, :3])
    np.testing.assert_array_equal(found.status, "recovered")
    assert (found.max_nonzero == model.levels_[0]["max_nonzero"]).all()
    assert (np.count_nonzero(found.coef, axis=0) <= 16).all()


def test_all_levels_are_tried_on_demand_and_the_sparsest_solution_of_all_is_taken():
    plain, every = WelperRecover().fit(A, B), WelperRecover(all_levels=True).fit(A, B)
    assert len(plain.levels_) == 1
    ranks = [level["rank"] for level in every.levels_]
    bounds = [level["max_nonzero"] for level in every.levels_]
    assert len(ranks) > 3
    assert ranks[0] == plain.rank_
    assert ranks == sorted(set(ranks), reverse=True)
    assert bounds == sorted(set(bounds), reverse=True)
    np.testing.assert_array_equal(every.components_, plain.components_)
    one, all_of_them = plain.recover(SIDES), every.recover(SIDES)
    np.testing.assert_array_equal(all_of_them.status, "recovered")
    assert (np.count_nonzero(all_of_them.coef, axis=0) <= np.count_nonzero(one.coef, axis=0)).all()
    design, sides = untaught()
    assert len(WelperRecover(all_levels=True).fit(design, sides).levels_) > len(
        WelperRecover().fit(design, sides).levels_
    )


def test_assumptions_of_the_theorem_are_told_with_numbers():
    model = WelperRecover().fit(A, B)
    n, p, q = A.shape[1], model.n_components_, B.shape[1]
    rows = {row["condition"]: row for row in model.check_assumptions(n_combined=3)}
    assert [row["assumption"] for row in rows.values()] == ["A1", "A2", "A2", "A2", "A2", "A3", "A3", "A4", "A4"]
    s = np.count_nonzero(model.components_) / p
    assert rows["share of B = A X Z"]["value"] == np.isin(model.training_status_, ["easy", "learned"]).mean()
    assert (rows["q >= p"]["value"], rows["q >= p"]["least"]) == (q, p)
    assert rows["n > p^2 log^2 p"]["least"] == pytest.approx((p * np.log(p)) ** 2)
    assert rows["2 / p <= s / n <= 1 / sqrt(p)"]["value"] == pytest.approx(s / n)
    singular = np.linalg.svd(A, compute_uv=False)
    stable = rows["sr(A) >= (n t / s) log(3 p / t)"]
    assert stable["value"] == pytest.approx((singular**2).sum() / singular[0] ** 2)
    assert stable["least"] == pytest.approx(n * 6 / s * np.log(3 * p / 6))
    assert rows["rank(A) >= 2 u"]["least"] == pytest.approx(2 * s * 6)
    assert rows["kept problems >= p"]["value"] == model.kept_.sum()
    assert rows["rank of their solutions = p"]["holds"]
    for row in rows.values():
        least, most = (row["least"] if row["least"] is not None else -np.inf), (row["most"] or np.inf)
        assert row["holds"] == (least <= row["value"] <= most)
    assert not rows["n > p^2 log^2 p"]["holds"]
    bounded = {row["condition"]: row for row in WelperRecover(max_nonzero=30).fit(A, B).check_assumptions(3)}
    assert bounded["u >= s t"]["value"] == 30
    assert bounded["rank(A) >= 2 u"]["least"] == 60


def test_more_components_expected_than_seen_fail_the_fourth_assumption():
    with pytest.warns(ConvergenceWarning, match="expected"):
        model = WelperRecover(n_components=30).fit(A, B)
    assert not model.check_assumptions()[-1]["holds"]
    with pytest.raises(ParameterError, match="`n_combined` is 0"):
        model.check_assumptions(0)
    with pytest.warns(ConvergenceWarning):
        nothing = WelperRecover().fit(A, np.random.default_rng(0).standard_normal((60, 12)))
    with pytest.raises(ParameterError, match="no components were learned"):
        nothing.check_assumptions()
    with pytest.raises(NotFittedError):
        WelperRecover().check_assumptions()


def test_hopeless_training_problems_leave_no_components_and_say_so():
    sides = np.random.default_rng(0).standard_normal((60, 12))
    with pytest.warns(ConvergenceWarning, match="none of 12 training problems has a sparse solution") as caught:
        model = WelperRecover().fit(A, sides)
    assert "`A` has rank 60" in str(caught[0].message)
    assert (model.status_, model.n_components_, model.rank_, model.levels_) == ("no_easy_problems", 0, 0, [])
    assert model.components_.shape == (100, 0)
    assert model.combinators_.shape == (0, 0)
    found = model.recover(SIDES)
    assert found.status.tolist() == ["infeasible"] * 4
    np.testing.assert_array_equal(found.coef, 0)
    np.testing.assert_array_equal(found.residual, 1)
    with pytest.warns(ConvergenceWarning, match="4 of 4 problems are not recovered: infeasible"):
        model.predict(SIDES)


def test_a_span_that_the_tolerance_swallows_is_not_called_complete():
    data = make_training_problems(design="random_walk", random_state=0)
    with pytest.warns(ConvergenceWarning, match="0 sparse components were found in the 0 dimensions"):
        model = WelperRecover(tol=0.5).fit(data.A, data.B)
    assert (model.status_, model.n_components_) == ("incomplete", 0)
    assert (model.recover(data.b).status == "infeasible").all()


def test_zero_and_inconsistent_columns_are_counted_and_left_out():
    twice = np.vstack([A, A])
    sides = np.c_[np.vstack([B, B]), np.zeros((120, 2)), np.r_[B[:, 0], -B[:, 0]]]
    with pytest.warns(ConvergenceWarning) as caught:
        model = WelperRecover().fit(twice, sides)
    messages = [str(warning.message) for warning in caught]
    assert messages == [
        "WelperRecover: 2 of 43 columns of `B` are zero and were left out",
        "WelperRecover: 1 of 43 columns of `B` are outside the column space of `A` and were left out",
    ]
    assert model.training_status_[40:].tolist() == ["zero", "zero", "inconsistent"]
    assert not model.kept_[40:].any()
    assert (model.status_, model.n_components_) == ("complete", 10)
    with pytest.warns(ConvergenceWarning, match="not recovered"):
        assert np.isfinite(model.predict(np.r_[SIDES[:, 0], -SIDES[:, 0]])).all()


def test_small_noise_is_recovered_with_the_matching_tolerance():
    for seed in range(4):
        data = make_training_problems(noise=1e-6, random_state=seed)
        model = WelperRecover(tol=1e-5).fit(data.A, data.B)
        found = model.recover(data.b)
        assert (model.status_, model.n_components_) == ("complete", 20)
        assert (found.status == "recovered").all()
        assert (errors(found.coef, data.coef) <= 1e-4).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("design", ["gaussian", "random_walk"])
@pytest.mark.parametrize(
    ("noise", "tols"), [(1e-6, [1e-8, 1e-7, 1e-6, 1e-4]), (1e-3, [1e-8, 1e-4, 1e-3, 3e-3, 1e-2, 0.1, 0.5])]
)
def test_a_wrong_solution_is_never_called_recovered(design, noise, tols):
    for seed in range(2):
        data = make_training_problems(design=design, noise=noise, random_state=seed)
        for tol in tols:
            model = WelperRecover(tol=tol).fit(data.A, data.B)
            found = model.recover(data.b)
            wrong = errors(found.coef, data.coef) > 100 * max(noise, tol)
            assert not (wrong & (found.status == "recovered")).any(), (seed, tol)
            assert (found.residual[found.status == "recovered"] <= tol).all()


def test_a_bound_below_all_solutions_names_the_sparsest():
    sizes = np.count_nonzero(WelperRecover().fit(A, B).training_coef_, axis=0)
    message = f"none of 40 training problems has a sparse solution: the sparsest has {sizes.min()} nonzeros"
    with pytest.warns(ConvergenceWarning, match=message):
        assert WelperRecover(max_nonzero=2).fit(A, B).status_ == "no_easy_problems"


def test_noise_without_a_tolerance_is_explained():
    data = make_training_problems(noise=1e-6, random_state=0)
    with pytest.warns(ConvergenceWarning, match="If `B` is noisy, give `tol` 3 to 10 times the noise"):
        assert WelperRecover().fit(data.A, data.B).status_ == "no_easy_problems"


@pytest.mark.parametrize("most", [13, 15, 20, 10**30])
def test_a_bound_on_the_nonzeros_is_kept(most):
    model = WelperRecover(max_nonzero=most).fit(A, B)
    assert len(model.levels_) == 1
    sizes = np.count_nonzero(model.training_coef_, axis=0)
    assert model.kept_.any()
    assert sizes[model.kept_].max() <= most
    assert model.levels_[0]["max_nonzero"] == sizes[model.kept_].max()


def test_scales_of_right_hand_sides_change_nothing():
    scales = 10.0 ** np.random.default_rng(0).uniform(-15, 15, 40)
    plain, scaled = WelperRecover().fit(A, B), WelperRecover().fit(A, B * scales)
    assert (scaled.status_, scaled.n_components_) == ("complete", 10)
    np.testing.assert_array_equal(scaled.kept_, plain.kept_)
    np.testing.assert_allclose(np.abs(scaled.components_.T @ plain.components_).max(axis=0), 1, atol=1e-9)
    for exponent in (-200, 150, 200):
        model = WelperRecover().fit(A * 10.0**exponent, B)
        found = model.recover(SIDES)
        assert (found.status == "recovered").all()
        np.testing.assert_allclose(found.coef * 10.0**exponent, SMALL.coef, atol=1e-9)


def test_solutions_of_training_problems_beyond_float64_are_refused():
    with pytest.raises(ParameterError, match=r"`A` and `B` are scaled so that a training solution is -?inf"):
        WelperRecover().fit(A * 1e-200, B * 1e200)


def test_threads_change_no_bit():
    models = [WelperRecover(n_jobs=n_jobs).fit(A, B) for n_jobs in (None, 1, 2, -1)]
    for model in models[1:]:
        np.testing.assert_array_equal(model.components_, models[0].components_)
        np.testing.assert_array_equal(model.combinators_, models[0].combinators_)
        np.testing.assert_array_equal(model.recover(SIDES).coef, models[0].recover(SIDES).coef)


@both
def test_the_seed_decides(factorization):
    def components(seed):
        return WelperRecover(factorization=factorization, random_state=seed).fit(A, B).components_

    np.testing.assert_array_equal(components(3), components(3))
    np.testing.assert_array_equal(components(np.random.default_rng(5)), components(np.random.default_rng(5)))
    match = np.abs(components(3).T @ components(4))
    np.testing.assert_allclose(match.max(axis=0), 1, atol=1e-9)
    assert components(None).shape == (100, 10)


BAD_DATA = {
    "A with NaN": (put(A, np.nan), B, NonFiniteError, "`A`.*[0, 3]"),
    "B with infinity": (A, put(B, np.inf), NonFiniteError, "`B`.*[0, 3]"),
    "fewer rows in B": (A, B[:-1], ShapeError, r"`B` has shape \(59, 40\)"),
    "no problems": (A, B[:, :0], ShapeError, r"`B` has shape \(60, 0\)"),
    "3-d B": (A, B[None], ShapeError, "`B` has shape"),
    "no rows": (A[:0], B[:0], ShapeError, r"`A` has shape \(0, 100\)"),
    "no columns": (A[:, :0], B, ShapeError, r"`A` has shape \(60, 0\)"),
    "1-d A": (A[:, 0], B, ShapeError, r"`A` has shape \(60,\)"),
    "ragged A": ([[1, 2], [3]], [1, 2], ShapeError, "`A` is ragged"),
    "ragged B": (A[:2], [[1, 2], [3]], ShapeError, "`B` is ragged"),
    "complex A": (A + 1j, B, DataTypeError, "`A` has dtype complex128"),
    "complex B": (A, B + 1j, DataTypeError, "`B` has dtype complex128"),
    "text B": (A, B.astype(str), DataTypeError, "`B` has dtype"),
    "sparse A": (scipy.sparse.csr_array(A), B, DataTypeError, "Sparse data was passed for `A`"),
    "sparse B": (A, scipy.sparse.csr_array(B), DataTypeError, "Sparse data was passed for `B`"),
}


@pytest.mark.parametrize(("design", "sides", "kind", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data_is_refused_by_name(design, sides, kind, message):
    model = WelperRecover()
    with pytest.raises(kind, match=re.sub(r"\[(.*)\]", r"\\[\1\\]", message)) as caught:
        model.fit(design, sides)
    assert isinstance(caught.value, SparseVaeError)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_components", value) for value in [0, -1, 2.5, True, "2", 41]]
    + [("max_nonzero", value) for value in [0, -1, 2.5, True, "2"]]
    + [("all_levels", value) for value in [0, None, "yes"]]
    + [("factorization", value) for value in ["L4", "", None, 1]]
    + [("tol", value) for value in [0, -1e-3, 1, 2.0, np.nan, np.inf, "x", None, True, 10**400]]
    + [("n_jobs", value) for value in [0, -2, 1.5, True, "2"]]
    + [("random_state", value) for value in [-1, 1.5, "x", 2**64]]
    + [("verbose", value) for value in [None, "yes", 0.5]],
)
def test_bad_parameters_are_refused_by_name(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        WelperRecover(**{name: value}).fit(A, B)


def test_more_components_than_problems_are_refused_with_numbers():
    with pytest.raises(ParameterError, match="`n_components` is 41, but `B` has 40 columns"):
        WelperRecover(n_components=41).fit(A, B)


def test_bad_problems_are_refused_by_name():
    model = WelperRecover()
    for method in (model.recover, model.predict):
        with pytest.raises(NotFittedError):
            method(SIDES)
    model.fit(A, B)
    for method in (model.recover, model.predict):
        for side, kind in [
            (SIDES[:-1], ShapeError),
            (SIDES[:, :0], ShapeError),
            (put(SIDES, np.nan), NonFiniteError),
            (SIDES * 1j, DataTypeError),
            (scipy.sparse.csr_array(SIDES), DataTypeError),
        ]:
            with pytest.raises(kind, match="`b`"):
                method(side)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_bits(layout):
    expected, found = WelperRecover().fit(A, B), WelperRecover().fit(layout(A), layout(B))
    np.testing.assert_array_equal(found.components_, expected.components_)
    np.testing.assert_array_equal(found.predict(layout(SIDES)), expected.predict(SIDES))


def test_single_precision_problems_have_single_precision_solutions():
    model = WelperRecover(tol=1e-6).fit(A.astype(np.float32), B.astype(np.float32))
    found = model.recover(SIDES.astype(np.float32))
    assert found.coef.dtype == np.float32
    assert found.residual.dtype == np.float64


def test_inputs_are_not_modified_and_may_change_later():
    design, sides, problems = A.copy(), B.copy(), SIDES.copy()
    model = WelperRecover().fit(design, sides)
    expected = model.predict(problems)
    for array, original in [(design, A), (sides, B), (problems, SIDES)]:
        np.testing.assert_array_equal(array, original)
    design[:] = 0
    np.testing.assert_array_equal(model.predict(problems), expected)


def test_defaults_are_those_of_the_core():
    parameters = inspect.signature(WelperRecover).parameters
    defaults = _core.welper_defaults()
    assert {name: parameters[name].default for name in defaults} == defaults
    assert set(parameters) - set(defaults) == {"n_jobs", "verbose"}


def test_the_estimator_is_cloned_pickled_and_refitted():
    model = WelperRecover(n_components=10, max_nonzero=30, factorization="l4", tol=1e-7, n_jobs=2, random_state=4)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert clone(model).set_params(tol=1e-6).tol == 1e-6
    model.fit(A, B)
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(model))
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(SIDES), model.predict(SIDES))
    # A refit leaves nothing of the fit before.
    other = make_training_problems(30, 50, 5, n_nonzero=4, n_problems=15, hard_share=0, test_nonzero=3, random_state=0)
    fresh = WelperRecover().fit(other.A, other.B)
    reused = model.set_params(**WelperRecover().get_params()).fit(other.A, other.B)
    assert vars(reused).keys() == vars(fresh).keys()
    for name, value in vars(fresh).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(reused, name), value)
        elif name != "levels_":
            assert getattr(reused, name) == value
    np.testing.assert_array_equal(reused.recover(other.b).coef, fresh.recover(other.b).coef)


def test_progress_goes_to_standard_error_and_only_on_request(capfd):
    large = make_training_problems(250, 500, 40, n_nonzero=25, n_problems=200, random_state=0)
    WelperRecover(verbose=True).fit(large.A, large.B)
    out, err = capfd.readouterr()
    assert not out
    assert err.endswith("\n")
    shown = re.findall(r"\r(problems|linear programs): (\d+) of (\d+) ", err)
    assert shown
    assert all(int(done) <= int(total) for _, done, total in shown)
    assert all(int(total) <= 200 for stage, _, total in shown if stage == "problems")
    WelperRecover().fit(A, B)
    assert capfd.readouterr() == ("", "")


def test_an_error_of_the_progress_stream_reaches_the_caller(monkeypatch):
    class Closed:
        def write(self, _):
            raise BrokenPipeError("nobody reads")

    large = make_training_problems(250, 500, 40, n_nonzero=25, n_problems=200, random_state=0)
    monkeypatch.setattr(sys, "stderr", Closed())
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        WelperRecover(verbose=True).fit(large.A, large.B)
