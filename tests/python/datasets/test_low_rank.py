"""Low-rank matrices with outliers through the public API."""

import numpy as np
import pytest
from sparsevae.datasets import make_gaussian_design, make_low_rank_outliers
from sparsevae.exceptions import ParameterError

SETTINGS = {"rank": 4, "outlier_share": 0.2, "magnitude": 3.0, "missing_share": 0.1}


def test_parts_fit_together():
    data = make_low_rank_outliers(80, 30, **SETTINGS, random_state=0)
    assert set(data) == {"X", "low_rank", "outliers", "outlier_mask", "missing_mask"}
    assert np.linalg.matrix_rank(data.low_rank) == 4
    np.testing.assert_array_equal(np.isnan(data.X), data.missing_mask)
    seen = ~data.missing_mask
    np.testing.assert_allclose(data.X[seen], (data.low_rank + data.outliers)[seen], atol=1e-14)
    np.testing.assert_array_equal(data.outliers != 0, data.outlier_mask)
    plain = make_low_rank_outliers(80, 30, rank=30, outlier_share=0, random_state=0)
    np.testing.assert_array_equal(plain.X, plain.low_rank)
    assert (plain.outlier_mask.any(), plain.missing_mask.any()) == (False, False)
    assert make_low_rank_outliers(9, 9, outlier_share=1.0, random_state=0).outlier_mask.all()


def test_shares_and_moments_are_as_stated():
    data = make_low_rank_outliers(1000, 300, **SETTINGS, random_state=1)
    size = data.X.size
    assert abs(data.outlier_mask.mean() - 0.2) < 5 * np.sqrt(0.16 / size)
    assert abs(data.missing_mask.mean() - 0.1) < 5 * np.sqrt(0.09 / size)
    assert abs((data.outlier_mask & data.missing_mask).mean() - 0.02) < 5 * np.sqrt(0.0196 / size)
    values = data.X[data.outlier_mask & ~data.missing_mask]
    assert abs(values.mean()) < 5 * 3 / np.sqrt(values.size)
    assert np.mean(values**2) == pytest.approx(9, rel=5 * np.sqrt(2 / values.size))
    assert np.mean(data.low_rank**2) == pytest.approx(1, rel=0.2)
    assert abs(np.corrcoef(values, data.low_rank[data.outlier_mask & ~data.missing_mask])[0, 1]) < 0.03


def test_draws_are_repeatable_nested_and_independent():
    data = make_low_rank_outliers(40, 20, **SETTINGS, random_state=2)
    again = make_low_rank_outliers(40, 20, **SETTINGS, random_state=2)
    larger = make_low_rank_outliers(60, 35, **SETTINGS, random_state=2)
    for name, values in data.items():
        np.testing.assert_array_equal(again[name], values)
        np.testing.assert_array_equal(larger[name][:40, :20], values)
    other = make_low_rank_outliers(40, 20, **SETTINGS, random_state=3)
    assert not np.isclose(other.low_rank, data.low_rank).any()
    more = make_low_rank_outliers(40, 20, **{**SETTINGS, "outlier_share": 0.4, "magnitude": 1.0}, random_state=2)
    assert more.outlier_mask[data.outlier_mask].all()
    np.testing.assert_array_equal(more.missing_mask, data.missing_mask)
    seen = data.outlier_mask & ~data.missing_mask
    np.testing.assert_allclose(more.X[seen], data.X[seen] / 3, rtol=1e-12)
    design = make_gaussian_design(40, 20, unit_norm=False, random_state=2)
    assert not np.isin(design, data.X).any()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_features": 2.5}, "n_features"),
        ({"n_samples": 2**40, "n_features": 2**40}, "n_features"),
        ({"rank": 0}, "rank"),
        ({"rank": 51}, "rank"),
        ({"outlier_share": -0.1}, "outlier_share"),
        ({"outlier_share": np.nan}, "outlier_share"),
        ({"missing_share": 1.0}, "missing_share"),
        ({"magnitude": 0.0}, "magnitude"),
        ({"magnitude": np.inf}, "magnitude"),
        ({"magnitude": "large"}, "magnitude"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_a_bad_argument_is_named(options, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        make_low_rank_outliers(**options)
