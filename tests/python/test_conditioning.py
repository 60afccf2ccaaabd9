"""Stable rank against closed forms, the isometry bound against all sets of columns, and their errors."""

import itertools

import numpy as np
import pytest
from sparsevae.datasets import make_gaussian_design, make_partial_dct_design, make_random_walk_design
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError
from sparsevae.metrics import restricted_isometry_bound, stable_rank


def constant(A, n_nonzero, scale=None):
    """The least e with (1 - e) ||x|| <= ||c A x|| <= (1 + e) ||x||, by the eigenvalues of all Gram matrices."""
    factor = np.sqrt(A.shape[1]) / np.linalg.norm(A) if scale is None else scale
    worst = 0.0
    for support in itertools.combinations(range(A.shape[1]), n_nonzero):
        columns = factor * A[:, support]
        values = np.sqrt(np.linalg.eigvalsh(columns.T @ columns).clip(0))
        worst = max(worst, 1 - values[0], values[-1] - 1)
    return worst


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
def test_stable_rank_has_its_closed_forms(scale):
    outer = np.outer([1.0, -2.0, 3.0], [4.0, 0.0, 1.0, 2.0])
    assert stable_rank(scale * outer) == pytest.approx(1)
    assert stable_rank(scale * np.eye(5, 8)) == pytest.approx(5)
    assert stable_rank(scale * make_partial_dct_design(6, 30, unit_norm=False, random_state=0)) == pytest.approx(6)
    assert stable_rank(scale * np.diag([3.0, 2.0, 1.0, 0.0])) == pytest.approx(14 / 9)
    equicorrelated = np.linalg.cholesky(0.3 * np.eye(4) + 0.7)
    assert stable_rank(scale * equicorrelated) == pytest.approx(4 / 3.1)


def test_stable_rank_is_at_most_the_rank_and_low_for_the_walk():
    walk, gaussian = (make(60, 100, random_state=0) for make in (make_random_walk_design, make_gaussian_design))
    assert 1 <= stable_rank(walk) < 2
    assert 15 < stable_rank(gaussian) <= 60


@pytest.mark.parametrize("n_nonzero", [1, 2, 3, 5])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_the_bound_reaches_the_constant_and_never_exceeds_it(n_nonzero, scale):
    for make in (make_gaussian_design, make_random_walk_design):
        A = 3.0 * make(5, 8, unit_norm=False, random_state=1)
        exact = constant(A, n_nonzero, scale)
        bounds = [
            restricted_isometry_bound(A, n_nonzero, n_draws=n_draws, scale=scale, random_state=seed)
            for n_draws, seed in [(1, 0), (1, 1), (5, 2), (30, 3)]
        ]
        assert max(bounds) <= exact * (1 + 1e-12)
        assert min(bounds) < max(bounds) or n_nonzero == 1
        assert restricted_isometry_bound(A, n_nonzero, n_draws=2_000, scale=scale) == pytest.approx(exact, rel=1e-9)


def test_more_draws_only_raise_the_bound():
    A = make_gaussian_design(20, 60, random_state=0)
    bounds = [restricted_isometry_bound(A, 6, n_draws=n_draws) for n_draws in (1, 2, 10, 100, 1_000)]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[-1]


def test_a_seed_repeats_and_the_default_is_one():
    A = make_gaussian_design(20, 60, random_state=0)
    assert restricted_isometry_bound(A, 6) == restricted_isometry_bound(A, 6, random_state=0)
    assert restricted_isometry_bound(A, 6) != restricted_isometry_bound(A, 6, random_state=1)


def test_large_submatrices_are_taken_in_several_stacks():
    A = make_gaussian_design(700, 400, random_state=0)
    whole = restricted_isometry_bound(A, 300, n_draws=12)
    ones = [restricted_isometry_bound(A, 300, n_draws=n_draws) for n_draws in range(1, 13)]
    assert max(ones) == whole
    assert len(set(ones)) > 1


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
def test_orthonormal_columns_are_an_isometry_in_any_unit(scale):
    A = scale * np.linalg.qr(make_gaussian_design(9, 6, random_state=0))[0]
    assert restricted_isometry_bound(A, 4, n_draws=20) == pytest.approx(0, abs=1e-12)
    assert restricted_isometry_bound(A, 4, n_draws=20, scale=1.5 / scale) == pytest.approx(0.5)
    assert restricted_isometry_bound(A, 4, n_draws=20, scale=0.5 / scale) == pytest.approx(0.5)


def test_more_columns_than_rows_cannot_be_an_isometry():
    A = np.linalg.qr(make_gaussian_design(6, 6, random_state=0))[0][:3]
    assert restricted_isometry_bound(A, 4, n_draws=1, scale=1.0) == pytest.approx(1)
    assert constant(A, 4, 1.0) == pytest.approx(1)


@pytest.mark.parametrize("metric", [stable_rank, lambda A: restricted_isometry_bound(A, 1)])
def test_a_bad_matrix_is_named(metric):
    for bad in (np.ones(3), np.ones((2, 2, 2)), np.ones((0, 3)), [[1.0], [1.0, 2.0]]):
        with pytest.raises(ShapeError, match="`A` "):
            metric(bad)
    for bad in ([[1j]], [["a"]]):
        with pytest.raises(DataTypeError, match="`A` has dtype"):
            metric(bad)
    with pytest.raises(NonFiniteError, match="`A` has a NaN"):
        metric([[1.0, np.inf]])
    with pytest.raises(ParameterError, match="`A` is zero"):
        metric(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_nonzero": 0}, "n_nonzero"),
        ({"n_nonzero": 5}, "n_nonzero"),
        ({"n_nonzero": 1.0}, "n_nonzero"),
        ({"n_nonzero": True}, "n_nonzero"),
        ({"n_draws": 0}, "n_draws"),
        ({"n_draws": "many"}, "n_draws"),
        ({"n_draws": 2**40}, "n_draws"),
        ({"scale": 0.0}, "scale"),
        ({"scale": np.nan}, "scale"),
        ({"scale": np.inf}, "scale"),
        ({"scale": 1e308}, "scale"),
        ({"scale": "paper"}, "scale"),
        ({"scale": 10**400}, "scale"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_the_bound_names_the_bad_argument(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        restricted_isometry_bound(**{"A": 10 * np.eye(3, 4), "n_nonzero": 2, **arguments})
