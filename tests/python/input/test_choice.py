"""Columns by index, mask and name, and prior odds."""

import numpy as np
import pytest
from sparsevae._input.choice import column_indices, prior_odds_array
from sparsevae.exceptions import NonFiniteError, ParameterError, ShapeError

NAMES = np.array(["age", "sex", "bmi"], dtype=object)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (None, []),
        ([], []),
        ([2, 0], [0, 2]),
        (np.array([True, False, True]), [0, 2]),
        (["bmi", "age"], [0, 2]),
        (np.array(["sex"]), [1]),
    ],
)
def test_columns_are_read_as_indices(chosen, expected):
    found = column_indices("always_select", chosen, 3, NAMES)
    assert found.dtype == np.int64
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("chosen", "names", "message"),
    [
        ([3], None, "has 3, but indices of the 3 columns are between 0 and 2"),
        ([-1], None, "has -1, but indices"),
        ([1, 1], None, "has a column twice"),
        ([0.5], None, "must have indices of columns"),
        ("bmi", NAMES, "in one dimension"),
        (["height"], NAMES, "has 'height', but `X` has no column of this name"),
        (["age"], None, "`X` has none: give indices"),
        ([True, False], None, "is a mask of length 2, but `X` has 3 columns"),
        ([[0]], None, "in one dimension"),
    ],
)
def test_what_is_no_column_is_refused(chosen, names, message):
    with pytest.raises(ParameterError, match=f"`always_select` .*{message}"):
        column_indices("always_select", chosen, 3, names)


def test_prior_odds_are_read_and_refused():
    assert prior_odds_array(None, 3) is None
    np.testing.assert_array_equal(prior_odds_array([0, 1, 2], 3), [0.0, 1.0, 2.0])
    for wrong, kind in (
        ([1, 2], ShapeError),
        ([1, 2, -1], ParameterError),
        ([0, 0, 0], ParameterError),
        ([1, np.nan, 1], NonFiniteError),
    ):
        with pytest.raises(kind, match="`prior_odds`"):
            prior_odds_array(wrong, 3)
