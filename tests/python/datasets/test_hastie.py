"""The benchmark of Hastie, Tibshirani and Tibshirani: coefficients, columns and noise as the paper has them."""

import numpy as np
import pytest
from sparsevae.datasets import make_hastie_regression
from sparsevae.exceptions import ParameterError


@pytest.mark.parametrize(
    ("coef_type", "wanted"),
    [
        (1, [1, 0, 0, 1, 0, 0, 1]),
        (2, [1, 1, 1, 0, 0, 0, 0]),
        (3, [10, 5.25, 0.5, 0, 0, 0, 0]),
        (5, [1, 1, 1, 0.5, 0.25, 0.125, 0.0625]),
    ],
)
def test_coefficients_are_those_of_the_paper(coef_type, wanted):
    data = make_hastie_regression(10, 7, n_nonzero=3, coef_type=coef_type, random_state=0)
    np.testing.assert_array_equal(data.coef, wanted)
    np.testing.assert_array_equal(data.support, np.flatnonzero(wanted))


@pytest.mark.parametrize("correlation", [0.0, 0.35, 0.7])
def test_rows_and_noise_have_the_stated_laws(correlation):
    data = make_hastie_regression(100_000, 6, n_nonzero=2, correlation=correlation, snr=0.25, random_state=1)
    places = np.arange(6)
    covariance = correlation ** np.abs(np.subtract.outer(places, places))
    np.testing.assert_allclose(data.X.T @ data.X / len(data.X), covariance, atol=0.02)
    assert data.noise_var == pytest.approx(data.coef @ covariance @ data.coef / 0.25)
    noise = data.y - data.X @ data.coef
    assert noise.var() == pytest.approx(data.noise_var, rel=0.02)
    assert np.abs(np.corrcoef(noise, data.X, rowvar=False)[0, 1:]).max() < 0.02


def test_a_seed_is_a_problem():
    one, again, other = (make_hastie_regression(random_state=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.y, again.y)
    assert not np.array_equal(one.X, other.X)
    assert not np.array_equal(one.y - one.X @ one.coef, other.y - other.X @ other.coef)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 1),
        ("n_samples", 2**60),
        ("n_features", 0),
        ("n_nonzero", 11),
        ("n_nonzero", 0),
        ("coef_type", 4),
        ("coef_type", True),
        ("coef_type", "2"),
        ("correlation", 1.0),
        ("correlation", "high"),
        ("snr", 0),
        ("snr", np.inf),
    ],
)
def test_what_is_out_of_range_is_named(name, value):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        make_hastie_regression(**{name: value})
