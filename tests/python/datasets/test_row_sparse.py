"""Problems with many responses through the public API: wiring, arguments, the stated ratio."""

import numpy as np
import pytest
from sparsevae import datasets
from sparsevae.exceptions import NonFiniteError, ParameterError, ShapeError

PLANT = {"n_responses": 6, "n_nonzero": 4}


@pytest.mark.parametrize("row_scale", ["none", "unit", "jeffreys"])
def test_coefficients_are_contiguous_float64_of_the_stated_rank(row_scale):
    coef = datasets.make_row_sparse_coef(40, 20, 12, rank=5, row_scale=row_scale, random_state=0)
    assert coef.shape == (20, 40)
    assert coef.dtype == np.float64
    assert coef.flags.c_contiguous
    norms = np.linalg.norm(coef, axis=0)
    assert np.count_nonzero(norms) == 12
    assert np.linalg.matrix_rank(coef[:, norms > 0] / norms[norms > 0]) == 5
    if row_scale == "unit":
        np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-12)
    if row_scale == "jeffreys":
        assert norms[norms > 0].min() >= 0.01 * (1 - 1e-12)
        assert norms.max() <= 100 * (1 + 1e-12)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_features": 0}, "n_features"),
        ({"n_responses": 0}, "n_responses"),
        ({"n_responses": 2.0}, "n_responses"),
        ({"n_nonzero": 11}, "n_nonzero"),
        ({"n_nonzero": -1}, "n_nonzero"),
        ({"rank": 0}, "rank"),
        ({"rank": 7}, "rank"),
        ({"rank": "full"}, "rank"),
        ({"row_scale": "Jeffreys"}, "row_scale"),
        ({"row_scale": None}, "row_scale"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_coefficients_name_the_bad_argument(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.make_row_sparse_coef(**{"n_features": 10, "n_responses": 6, "n_nonzero": 2, **arguments})


@pytest.mark.parametrize("design", ["gaussian", "random_walk", "toeplitz", "block"])
def test_a_problem_is_its_parts(design):
    problem = datasets.make_row_sparse_regression(20, 30, **PLANT, rank=2, design=design, random_state=9)
    X = datasets.make_sparse_regression(20, 30, design=design, random_state=9).X
    np.testing.assert_array_equal(problem.X, X)
    coef = datasets.make_row_sparse_coef(30, 6, 4, rank=2, row_scale="unit", random_state=9)
    np.testing.assert_array_equal(problem.coef, coef)
    np.testing.assert_array_equal(problem.support, np.flatnonzero(coef[0]))
    np.testing.assert_array_equal(problem.Y, X @ coef.T)
    assert problem.noise_var == 0.0
    planted = datasets.plant_responses(X, **PLANT, rank=2, random_state=9)
    np.testing.assert_array_equal(planted.Y, problem.Y)


def test_noise_has_the_stated_ratio():
    clean = datasets.make_row_sparse_regression(300, 20, **PLANT, row_scale="jeffreys", random_state=2)
    noisy = datasets.make_row_sparse_regression(300, 20, **PLANT, row_scale="jeffreys", snr_db=12.5, random_state=2)
    np.testing.assert_array_equal(noisy.coef, clean.coef)
    assert 10 * np.log10(np.mean(clean.Y**2) / noisy.noise_var) == pytest.approx(12.5, abs=1e-10)
    assert np.var(noisy.Y - clean.Y) == pytest.approx(noisy.noise_var, rel=0.15)


def test_the_design_may_have_any_layout_and_is_kept():
    X = np.asfortranarray(np.random.default_rng(0).standard_normal((8, 12)))
    X.flags.writeable = False
    problem = datasets.plant_responses(X, **PLANT, snr_db=40, random_state=0)
    np.testing.assert_array_equal(problem.X, X)
    assert problem.Y.shape == (8, 6)


@pytest.mark.parametrize(
    ("X", "arguments", "error", "message"),
    [
        (np.zeros(4), {}, ShapeError, "`X` has shape"),
        (np.zeros((0, 4)), {}, ShapeError, "`X` has shape"),
        ([[1.0, np.nan]], {"n_nonzero": 1}, NonFiniteError, "`X` has a NaN"),
        (np.full((4, 4), 1e308), {"row_scale": "jeffreys"}, NonFiniteError, "overflows"),
        (np.zeros((3, 4)), {"snr_db": 10}, ParameterError, "mean\\(signal\\^2\\)"),
        (np.eye(4), {"snr_db": "loud"}, ParameterError, "`snr_db` is"),
        (np.eye(4), {"snr_db": np.inf}, ParameterError, "`snr_db` is"),
        (np.eye(4), {"n_nonzero": 5}, ParameterError, "`n_nonzero` is"),
        (np.eye(4), {"rank": 5}, ParameterError, "`rank` is"),
    ],
)
def test_plant_responses_names_what_is_wrong(X, arguments, error, message):
    with pytest.raises(error, match=message):
        datasets.plant_responses(X, **{**PLANT, **arguments}, random_state=0)


def test_an_unknown_design_is_named():
    with pytest.raises(ParameterError, match="`design` is"):
        datasets.make_row_sparse_regression(5, 8, **PLANT, design="hadamard")
