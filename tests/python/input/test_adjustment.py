"""Data adjusted for covariates, held to least squares on all columns."""

import numpy as np
import pytest
from sparsevae._input.adjustment import Adjustment
from sparsevae.exceptions import ParameterError


def draw(seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((30, 4)) + offset, rng.standard_normal((30, 3)), rng.uniform(0.5, 2, 30)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_least_squares_on_what_is_left_is_least_squares_on_all_columns(fit_intercept, offset):
    X, Z, weights = draw(offset=offset)
    weights[3] = 0
    y = X @ [[1.0], [2.0], [0.0], [-1.0]] + Z @ [[3.0], [0.0], [1.0]] + draw(1)[0][:, :1]
    adjustment = Adjustment(weights, Z, fit_intercept=fit_intercept)
    (along_X, left_X), (along_y, left_y) = adjustment.split(X), adjustment.split(y)
    assert left_X.shape == (29 - 3 - fit_intercept, 4)
    coef = np.linalg.lstsq(left_X, left_y)[0]
    root = np.sqrt(weights)[:, None]
    columns = np.hstack([X, Z, np.ones((30, int(fit_intercept)))])
    expected = np.linalg.lstsq(root * columns, root * y)[0]
    np.testing.assert_allclose(coef, expected[:4], rtol=1e-6)
    np.testing.assert_allclose(adjustment.coefficients(along_y - along_X @ coef), expected[4:7], rtol=1e-6)


def test_the_covariance_is_that_of_least_squares():
    _, Z, weights = draw()
    adjustment = Adjustment(weights, Z, fit_intercept=True)
    columns = np.hstack([Z, np.ones((30, 1))])
    expected = np.linalg.inv(columns.T @ (weights[:, None] * columns))[:3, :3]
    np.testing.assert_allclose(adjustment.covariance(), expected, rtol=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_dependent_or_too_many_covariates_are_refused(fit_intercept):
    _, Z, weights = draw()
    for wrong in (np.hstack([Z, Z[:, :1] + Z[:, 1:2]]), np.zeros((30, 1))):
        with pytest.raises(ParameterError, match=f"the one at place {wrong.shape[1] - 1}, that depends"):
            Adjustment(weights, wrong, fit_intercept=fit_intercept)
    with pytest.raises(ParameterError, match=f"30 samples allow {29 - fit_intercept} at most"):
        Adjustment(weights, np.random.default_rng(0).standard_normal((30, 40)), fit_intercept=fit_intercept)


def test_a_constant_covariate_depends_on_the_intercept_alone():
    constant = np.full((30, 1), 5.0)
    with pytest.raises(ParameterError, match="depends on those before it or on the intercept"):
        Adjustment(np.ones(30), constant, fit_intercept=True)
    assert Adjustment(np.ones(30), constant, fit_intercept=False).split(constant)[1].shape == (29, 1)
