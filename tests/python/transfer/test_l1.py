"""Basis pursuit through the public API: two solvers that check each other, layouts, bad input, warnings."""

import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from problems import LAYOUTS, put, three_nonzeros
from sklearn.exceptions import ConvergenceWarning
from sparsevae import basis_pursuit, datasets
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError, SparseVaeError

A, X, B = three_nonzeros()
MANY = np.c_[B, -2 * B, A[:, 7]]


def with_copies(design, rng):
    picked = rng.choice(design.shape[1], design.shape[1] // 2, replace=False)
    return np.hstack([design, design[:, picked] * rng.choice([-1, 1], picked.size)])


KINDS = {
    "Gaussian": lambda m, n, rng: datasets.make_gaussian_design(m, n, random_state=rng),
    "random walk": lambda m, n, rng: datasets.make_random_walk_design(m, n, random_state=rng),
    "random cosines": lambda m, n, rng: datasets.make_partial_dct_design(m, n, random_state=rng),
    "low cosines": lambda m, n, rng: datasets.make_partial_dct_design(m, n, rows="low", random_state=rng),
    "copies": lambda m, n, rng: with_copies(datasets.make_gaussian_design(m, n, random_state=rng), rng),
    "copied walks": lambda m, n, rng: with_copies(datasets.make_random_walk_design(m, n, random_state=rng), rng),
    "integers": lambda m, n, rng: rng.integers(-2, 3, (m, n)).astype(float),
    "signs": lambda m, n, rng: rng.choice([-1.0, 1.0], (m, n)),
    "low rank": lambda m, n, rng: rng.standard_normal((m, m // 2)) @ rng.standard_normal((m // 2, n)),
    "zeros and ones": lambda m, n, rng: (rng.random((m, n)) < 0.3).astype(float),
}


def problem(kind, rng):
    m = int(rng.integers(5, 30))
    design = KINDS[kind](m, int(rng.integers(m + 1, 70)), rng)
    coef = np.zeros(design.shape[1])
    places = rng.choice(coef.size, int(rng.integers(1, m + 1)), replace=False)
    # Every other one in whole numbers: more ties.
    coef[places] = rng.standard_normal(places.size) if rng.random() < 0.5 else rng.choice([-1.0, 1.0], places.size)
    return design, design @ coef


@pytest.mark.parametrize("kind", KINDS)
def test_both_methods_find_the_same_norm_and_prove_it_on_50_problems(kind):
    rng = np.random.default_rng([11, len(kind)])
    for trial in range(50):
        design, side = problem(kind, rng)
        found = basis_pursuit(design, side)
        other = basis_pursuit(design, side, method="highs")
        size, norm = np.linalg.norm(side), np.abs(found.coef).sum()
        assert found.status == other.status == "optimal", trial
        assert norm == pytest.approx(np.abs(other.coef).sum(), rel=1e-9), trial
        assert np.linalg.norm(side - design @ found.coef) <= 1e-9 * size, trial
        # Optimal by what the data say, not by what the solver says.
        assert np.abs(design.T @ found.dual).max() <= 1 + 1e-9, trial
        assert side @ found.dual == pytest.approx(norm, rel=1e-9), trial
        assert found.gap <= 1e-9, trial
        assert found.infeasibility <= 1e-9, trial


@pytest.mark.parametrize("method", ["homotopy", "highs"])
def test_results_have_the_shape_of_the_right_hand_sides(method):
    one, many = basis_pursuit(A, B, method=method), basis_pursuit(A, MANY, method=method)
    assert one.coef.shape == (40,)
    assert one.dual.shape == (20,)
    assert isinstance(one.gap, float)
    assert isinstance(one.n_iter, int)
    assert isinstance(one.status, str)
    assert many.coef.shape == (40, 3)
    assert many.dual.shape == (20, 3)
    for values in (many.gap, many.infeasibility, many.residual, many.n_iter, many.status):
        assert values.shape == (3,)
    assert many.n_iter.dtype == np.int64
    np.testing.assert_array_equal(np.flatnonzero(one.coef), [3, 14, 15])
    np.testing.assert_allclose(one.coef, X, atol=1e-12)
    np.testing.assert_allclose(many.coef, np.c_[X, -2 * X, np.eye(40)[7]], atol=1e-12)
    single = basis_pursuit(A, B[:, None], method=method)
    np.testing.assert_array_equal(single.coef[:, 0], one.coef)
    assert single.status.shape == (1,)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_bits(layout):
    expected, found = basis_pursuit(A, MANY), basis_pursuit(layout(A), layout(MANY))
    np.testing.assert_array_equal(found.coef, expected.coef)
    np.testing.assert_array_equal(found.dual, expected.dual)


def test_a_series_and_a_list_are_vectors():
    expected = basis_pursuit(A, B).coef
    np.testing.assert_array_equal(basis_pursuit(A, pd.Series(B)).coef, expected)
    np.testing.assert_array_equal(basis_pursuit(A, B.tolist()).coef, expected)


def test_inputs_are_never_modified():
    design, sides = A.copy(), MANY.copy()
    for method in ("homotopy", "highs"):
        basis_pursuit(design, sides, method=method)
    np.testing.assert_array_equal(design, A)
    np.testing.assert_array_equal(sides, MANY)


@pytest.mark.parametrize("which", ["A", "b", "both"])
def test_single_precision_data_have_single_precision_solutions(which):
    design, side = np.round(4 * A), np.round(4 * A) @ X
    found = basis_pursuit(
        design.astype(np.float32) if which != "b" else design, side.astype(np.float32) if which != "A" else side
    )
    assert found.coef.dtype == np.float32
    assert found.dual.dtype == np.float64
    np.testing.assert_allclose(found.coef, X, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.bool_, np.float16])
def test_integers_and_floats_of_every_size_are_solved(dtype):
    design = (A > 0).astype(dtype)
    found = basis_pursuit(design, design.astype(float)[:, 5])
    assert found.coef.dtype == np.float64
    np.testing.assert_allclose(found.coef, np.eye(40)[5], atol=1e-12)


def test_threads_change_no_bit():
    sides = A @ np.random.default_rng(1).standard_normal((40, 30))
    alone = basis_pursuit(A, sides)
    for n_jobs in (1, 2, 3, -1):
        found = basis_pursuit(A, sides, n_jobs=n_jobs)
        np.testing.assert_array_equal(found.coef, alone.coef)
        np.testing.assert_array_equal(found.dual, alone.dual)


@pytest.mark.parametrize("exponent", [-300, -200, -150, 150, 200, 300])
def test_extreme_scales_are_solved(exponent):
    scale = 10.0**exponent
    for design, side, expected in [(A, B * scale, X * scale), (A * scale, B * scale, X), (A * scale, B, X / scale)]:
        if not np.isfinite(expected).all():
            continue
        found = basis_pursuit(design, side)
        assert found.status == "optimal"
        np.testing.assert_allclose(found.coef, expected, rtol=1e-9, atol=0)


def test_solutions_beyond_float64_are_said_to_be_unsolved():
    with pytest.warns(ConvergenceWarning, match="1 of 1 problems are not solved: unsolved"):
        assert basis_pursuit(A * 1e200, B * 1e-200).status == "unsolved"


@pytest.mark.parametrize("method", ["homotopy", "highs"])
def test_a_right_hand_side_outside_the_column_space_is_infeasible_and_counted(method):
    twice = np.vstack([A, A])
    sides = np.c_[np.r_[B, B], np.r_[B, -B], np.r_[B, B + 1e-3], np.zeros(40)]
    with pytest.warns(ConvergenceWarning, match="2 of 4 problems are not solved: infeasible; up to 1 of the norm"):
        found = basis_pursuit(twice, sides, method=method)
    assert found.status.tolist() == ["optimal", "infeasible", "infeasible", "optimal"]
    gap = 1e-3 * np.sqrt(20) / np.sqrt(2)
    np.testing.assert_allclose(found.residual, [0, 1, gap / np.linalg.norm(sides[:, 2]), 0], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.coef[:, 0], X, atol=1e-9)
    with pytest.warns(ConvergenceWarning, match="1 of 1"):
        assert basis_pursuit(np.zeros((3, 5)), np.ones(3), method=method).status == "infeasible"


@pytest.mark.parametrize("method", ["homotopy", "highs"])
def test_degenerate_equations_have_defined_solutions(method):
    def solve(design, side):
        return basis_pursuit(design, side, method=method)

    zero = solve(A, np.zeros(20))
    assert (zero.status, zero.gap, zero.residual, np.abs(zero.coef).max()) == ("optimal", 0.0, 0.0, 0.0)
    assert solve(np.zeros((3, 5)), np.zeros(3)).status == "optimal"
    # One equation: all weight on the largest entry.
    np.testing.assert_allclose(solve([[1.0, -4.0, 2.0]], [8.0]).coef, [0, -2, 0], atol=1e-12)
    np.testing.assert_allclose(solve([[5.0]], [10.0]).coef, [2])
    np.testing.assert_allclose(solve(A[:, :20], B).coef, np.linalg.solve(A[:, :20], B), atol=1e-9)
    np.testing.assert_allclose(solve(A[:, :7], A[:, 2]).coef, np.eye(7)[2], atol=1e-12)
    copied = solve(np.hstack([A, -A, A]), B)
    assert np.abs(copied.coef).sum() == pytest.approx(6, rel=1e-9)


BAD_DATA = {
    "A with NaN": (put(A, np.nan), B, NonFiniteError, "`A`.*[0, 3]"),
    "A with infinity": (put(A, -np.inf), B, NonFiniteError, "`A`"),
    "b with NaN": (A, put(B, np.nan), NonFiniteError, "`b`.*[3]"),
    "many b with infinity": (A, put(MANY, np.inf), NonFiniteError, "`b`.*[1, 0]"),
    "fewer rows in b": (A, B[:-1], ShapeError, r"`b` has shape \(19,\)"),
    "b on its side": (A, MANY.T, ShapeError, r"`b` has shape \(3, 20\)"),
    "no problems": (A, MANY[:, :0], ShapeError, r"`b` has shape \(20, 0\)"),
    "3-d b": (A, MANY[None], ShapeError, r"`b` has shape \(1, 20, 3\)"),
    "scalar b": (A, 3.0, ShapeError, r"`b` has shape \(\)"),
    "no rows": (A[:0], B[:0], ShapeError, r"`A` has shape \(0, 40\)"),
    "no columns": (A[:, :0], B, ShapeError, r"`A` has shape \(20, 0\)"),
    "1-d A": (B, B, ShapeError, r"`A` has shape \(20,\)"),
    "3-d A": (A[None], B, ShapeError, r"`A` has shape \(1, 20, 40\)"),
    "scalar A": (3.0, B, ShapeError, r"`A` has shape \(\)"),
    "ragged A": ([[1, 2], [3]], [1, 2], ShapeError, "`A` is ragged"),
    "ragged b": (A[:2], [[1, 2], [3]], ShapeError, "`b` is ragged"),
    "complex A": (A + 1j, B, DataTypeError, "`A` has dtype complex128"),
    "complex b": (A, B * 1j, DataTypeError, "`b` has dtype complex128"),
    "text A": (A.astype(str), B, DataTypeError, "`A` has dtype"),
    "no b": (A, None, ShapeError, r"`b` has shape \(\)"),
    "sparse A": (scipy.sparse.csr_array(A), B, DataTypeError, "Sparse data was passed for `A`"),
    "sparse b": (A, scipy.sparse.csr_array(MANY), DataTypeError, "Sparse data was passed for `b`"),
}


@pytest.mark.parametrize(("design", "side", "kind", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data_is_refused_by_name(design, side, kind, message):
    for method in ("homotopy", "highs"):
        with pytest.raises(kind, match=re.sub(r"\[(.*)\]", r"\\[\1\\]", message)) as caught:
            basis_pursuit(design, side, method=method)
        assert isinstance(caught.value, SparseVaeError)


@pytest.mark.parametrize(
    ("name", "value"),
    [("method", value) for value in ["simplex", "", None, 1, b"highs", ["highs"]]]
    + [("n_jobs", value) for value in [0, -2, 1.5, True, "2", np.nan]],
)
def test_bad_options_are_refused_by_name(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        basis_pursuit(A, B, **{name: value})
