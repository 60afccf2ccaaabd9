"""Recovery metrics against values worked out by hand, and their errors."""

import numpy as np
import pytest
from sparsevae import metrics
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError

PAIRWISE = [metrics.support_match, metrics.support_f1, metrics.relative_error]


@pytest.mark.parametrize(
    ("coef", "match", "f1"),
    [
        ([1.0, 0.0, -2.0, 0.0], True, 1.0),
        ([5.0, 9e-4, 2.0, -9e-4], True, 1.0),
        ([1.0, 0.0, 0.0, 0.0], False, 2 / 3),
        ([1.0, 1.0, 1.0, 1.0], False, 2 / 3),
        ([0.0, 1.0, 0.0, 1.0], False, 0.0),
        ([0.0, 0.0, 0.0, 0.0], False, 0.0),
    ],
)
def test_support_metrics(coef, match, f1):
    true = np.array([1.0, 0.0, -2.0, 0.0])
    assert metrics.support_match(true, coef) is match
    assert metrics.support_f1(true, coef) == pytest.approx(f1)


def test_threshold_applies_to_the_truth_as_well():
    assert metrics.support_match([5e-4, 1.0], [0.0, 1.0])
    assert not metrics.support_match([5e-4, 1.0], [0.0, 1.0], threshold=0)


def test_two_empty_supports_agree():
    assert metrics.support_match([0.0, 0.0], [0.0, 0.0])
    assert metrics.support_f1([0.0, 0.0], [0.0, 0.0]) == 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_features_of_many_responses_count_by_the_norm_of_their_coefficients(scale):
    true = scale * np.array([[3.0, 0.0, 0.0], [4.0, 0.0, 1.0]])
    for coef, match, f1, error in [
        ([[3.0, 0.6, 0.0], [4.0, 0.6, 1.0]], True, 1.0, np.sqrt(0.72 / 26)),
        ([[3.0, 0.8, 0.0], [4.0, 0.8, 1.0]], False, 0.8, np.sqrt(1.28 / 26)),
        ([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], False, 2 / 3, np.sqrt(25 / 26)),
    ]:
        found = scale * np.array(coef)
        assert metrics.support_match(true, found, threshold=0.9 * scale) is match
        assert metrics.support_f1(true, found, threshold=0.9 * scale) == pytest.approx(f1)
        assert metrics.relative_error(true, found) == pytest.approx(error)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_relative_error_does_not_depend_on_the_unit(scale):
    true, found = np.array([3.0, 4.0, 0.0]), np.array([3.0, 4.0, 1.0])
    assert metrics.relative_error(scale * true, scale * found) == pytest.approx(0.2)
    assert metrics.relative_error(scale * true, scale * true) == 0.0


def test_least_squares_on_the_true_support_recovers_the_coefficients():
    problem = make_sparse_regression(40, 80, n_nonzero=6, random_state=0)
    arguments = (problem.X, problem.y, problem.coef)
    assert metrics.mse_after_least_squares(*arguments, problem.support) < 1e-25
    assert metrics.mse_after_least_squares(*arguments, problem.coef != 0) < 1e-25
    assert metrics.mse_after_least_squares(*arguments, []) == pytest.approx(np.mean(problem.coef**2))


def test_a_repeated_index_counts_once():
    X, coef = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([2.0, -1.0])
    once, twice = (metrics.mse_after_least_squares(X, X @ coef, coef, support) for support in ([0, 1], [0, 1, 1]))
    assert once == twice


@pytest.mark.parametrize("metric", PAIRWISE)
def test_pairs_are_validated(metric):
    with pytest.raises(ShapeError, match=r"`coef` has shape \(3,\), but \(2,\)"):
        metric([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match=r"`coef` has shape \(2, 1\), but \(1, 2\)"):
        metric([[1.0, 2.0]], [[1.0], [2.0]])
    with pytest.raises(ShapeError, match="`coef_true` has 3 dimensions, but needs 1 or 2"):
        metric([[[1.0, 2.0]]], [[[1.0, 2.0]]])
    with pytest.raises(NonFiniteError, match="`coef`"):
        metric([1.0, 2.0], [1.0, np.nan])
    for bad in ([1j, 0j], ["a", "b"], np.array([1, {}], dtype=object)):
        with pytest.raises(DataTypeError, match="`coef` has dtype"):
            metric([1.0, 2.0], bad)
    for missing in (np.array([1, None], dtype=object), np.ma.array([1.0, 2.0], mask=[0, 1])):
        with pytest.raises(NonFiniteError, match=r"`coef`.*\[1\]"):
            metric([1.0, 2.0], missing)


@pytest.mark.parametrize("threshold", [-1.0, np.nan, np.inf, "a", None, True, 10**400])
def test_threshold_is_checked(threshold):
    for metric in (metrics.support_match, metrics.support_f1):
        with pytest.raises(ParameterError, match="`threshold`"):
            metric([1.0], [1.0], threshold=threshold)


def test_no_error_is_relative_to_zero():
    with pytest.raises(ParameterError, match="`coef_true` is zero"):
        metrics.relative_error([0.0, 0.0], [1.0, 0.0])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"X": np.ones(3)}, ShapeError),
        ({"y": np.ones(4)}, ShapeError),
        ({"coef_true": np.ones(3)}, ShapeError),
        ({"support": [[0]]}, ShapeError),
        ({"support": [True, False, True]}, ShapeError),
        ({"support": [2]}, ParameterError),
        ({"support": [-1]}, ParameterError),
        ({"support": [0.5]}, ParameterError),
        ({"y": [1.0, np.inf, 0.0]}, NonFiniteError),
    ],
)
def test_least_squares_arguments_are_validated(changes, error):
    arguments = {"X": np.eye(3, 2), "y": np.ones(3), "coef_true": np.ones(2), "support": [0]}
    with pytest.raises(error):
        metrics.mse_after_least_squares(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 0, 0, 1)],
)
def test_wilson_interval_has_the_published_values(successes, trials, low, high):
    assert metrics.wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (0.5, 2), (True, 2)])
def test_wilson_interval_refuses_impossible_counts(successes, trials):
    with pytest.raises(ParameterError, match="successes"):
        metrics.wilson_interval(successes, trials)
