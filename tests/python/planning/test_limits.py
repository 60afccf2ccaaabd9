"""What is known without a simulation."""

import math

import numpy as np
import pytest
from sparsevae import basis_pursuit
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import ParameterError
from sparsevae.metrics import support_match
from sparsevae.planning import limits


def test_thresholds_are_those_of_their_formulas():
    found = limits(1000, 10, 1.0, fit_intercept=False)
    assert found.dimension_samples == 11
    assert found.lasso_samples == pytest.approx(2 * 10 * math.log(990) + 11)
    by_all, by_last = 2 * math.log(math.comb(1000, 10)) / math.log(2), 2 * math.log(991) / math.log(1.1)
    assert found.information_samples == pytest.approx(max(by_all, by_last))
    assert limits(1000, 10, 1.0).lasso_samples == found.lasso_samples + 1
    assert limits(1000, 10, fit_intercept=False).information_samples == 11
    assert found.least_effect(400) == pytest.approx(math.sqrt(2 * math.log(1000) / 400))


def test_l1_minimisation_changes_from_failure_to_success_at_its_limit():
    needed = round(limits(200, 20, fit_intercept=False).l1_samples)

    def successes(n_samples):
        problems = [make_sparse_regression(n_samples, 200, n_nonzero=20, random_state=seed) for seed in range(10)]
        return sum(support_match(each.coef, basis_pursuit(each.X, each.y).coef) for each in problems)

    assert successes(needed - 25) <= 2
    assert successes(needed + 25) >= 8


def test_a_stronger_signal_takes_fewer_samples_and_no_noise_the_fewest():
    samples = [limits(500, 5, snr).information_samples for snr in (0.1, 1.0, 10.0, math.inf)]
    assert np.all(np.diff(samples) < 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 11), "`n_nonzero` is 11, but it must be at most the number of columns, which is 10"),
        ((10, 2, 0.0), "`snr` is 0.0, but it must be greater than 0"),
        ((10, 2, math.nan), "`snr` is nan, but it must be greater than 0"),
        ((0, 2), "`n_features` is 0"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        limits(*arguments)
