"""What a caller may know of the columns: how many, which ones, how likely, of which sign."""

import numpy as np
import pandas as pd
import pytest
from sparsevae import SimultaneousSparseVae, VaeSlr, fit_many
from sparsevae.exceptions import ParameterError, ShapeError

rng = np.random.default_rng(0)
AGE = rng.integers(20, 80, 120).astype(float)
GENES = rng.standard_normal((120, 40))
GENES[:, 5] += 0.03 * AGE
X = np.column_stack([GENES, AGE + 1e4])
Y = 0.8 * AGE + 2 * GENES[:, 3] - 1.5 * GENES[:, 20] + 2 * rng.standard_normal(120) + 1e3
WEIGHTS = rng.uniform(0.5, 2, 120)


def least_squares(support, weights=None):
    """Coefficients and intercept, and the columns that they belong to."""
    columns = np.column_stack([X[:, support], np.ones(len(X))])
    root = np.ones(len(X)) if weights is None else np.sqrt(weights)
    return np.linalg.lstsq(root[:, None] * columns, root * Y)[0], columns


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("rule", ["evidence", "projection"])
def test_columns_that_are_always_in_are_fitted_with_the_others(rule, weights):
    model = VaeSlr(always_select=[40, 7], support_rule=rule).fit(X, Y, weights)
    assert {3, 7, 20, 40} <= set(model.support_)
    expected, columns = least_squares(model.support_, weights)
    deviation = np.sqrt(model.coef_var_[model.support_])
    if rule == "evidence":
        np.testing.assert_allclose(model.coef_[model.support_], expected[:-1], rtol=1e-7)
        assert model.intercept_ == pytest.approx(expected[-1], rel=1e-7)
    certain = np.isin(model.support_, [3, 7, 20, 40])
    coef, expected = model.coef_[model.support_], expected[:-1]
    assert (np.abs(coef - expected) < 1.5 * deviation)[certain].all()
    # What may not be there is shrunk.
    assert (np.abs(coef - expected) <= np.abs(expected))[~certain].all()
    # Coefficients, intervals and predictions are those of one model.
    scaled = np.sqrt(np.ones(len(X)) if weights is None else weights)[:, None] * columns
    covariance = model.noise_var_ * np.linalg.inv(scaled.T @ scaled)
    np.testing.assert_allclose(deviation[certain], np.sqrt(np.diag(covariance))[:-1][certain], rtol=0.35)
    mean, spread = model.predict(X, return_std=True)
    np.testing.assert_allclose(mean, X @ model.coef_ + model.intercept_)
    expected_spread = np.sqrt(model.noise_var_ + np.einsum("ij,jk,ik->i", columns, covariance, columns))
    np.testing.assert_allclose(spread, expected_spread, rtol=0.15)


def test_the_posterior_is_that_of_data_adjusted_by_hand():
    rest = np.delete(X, 40, axis=1)
    columns = np.column_stack([np.ones(120), X[:, 40]])
    basis = np.linalg.qr(columns, mode="complete")[0][:, 2:]
    by_hand = VaeSlr(fit_intercept=False).fit(basis.T @ rest, basis.T @ Y)
    model = VaeSlr(always_select=[40]).fit(X, Y)
    np.testing.assert_array_equal(model.support_, [*by_hand.support_, 40])
    np.testing.assert_allclose(model.coef_[:40], by_hand.coef_, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(model.inclusion_prob_, [*by_hand.inclusion_prob_, 1.0], atol=1e-8)
    assert model.noise_var_ == pytest.approx(by_hand.noise_var_)
    assert [sorted(each) for each, _ in model.selection_path_] == [
        sorted([*each, 40]) for each, _ in by_hand.selection_path_
    ]
    assert np.isinf(model.prior_var_[40])


def test_columns_may_be_given_by_name():
    frame = pd.DataFrame(X, columns=[f"g{j}" for j in range(40)] + ["age"])
    by_name = VaeSlr(always_select=["age"], positive=["g3"]).fit(frame, Y)
    by_index = VaeSlr(always_select=[40], positive=[3]).fit(X, Y)
    np.testing.assert_array_equal(by_name.coef_, by_index.coef_)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize(
    "options", [{}, {"support_rule": "evidence"}, {"support_rule": "ebic"}, {"noise_var": 4.0}, {"optimizer": "em"}]
)
def test_as_many_columns_are_chosen_as_are_asked_for(options, size):
    assert len(VaeSlr(n_nonzero=size, **options).fit(X, Y).support_) == size
    few = VaeSlr(max_nonzero=size, **options).fit(X, Y).support_
    assert len(few) == min(size, len(VaeSlr(**options).fit(X, Y).support_))


def test_columns_that_are_always_in_count():
    model = VaeSlr(always_select=[7, 40], n_nonzero=3).fit(X, Y)
    assert len(model.support_) == 3
    assert {7, 40} < set(model.support_)
    assert VaeSlr(always_select=[7, 40], n_nonzero=2).fit(X, Y).support_.tolist() == [7, 40]


def test_fewer_columns_do_where_they_explain_everything():
    coef = np.zeros(60)
    coef[[1, 2, 3]] = 1, -2, 3
    design = np.random.default_rng(1).standard_normal((30, 60))
    exact = design @ coef
    assert VaeSlr(n_nonzero=5).fit(design, exact).support_.tolist() == [1, 2, 3]
    assert VaeSlr(max_nonzero=2).fit(design, exact).support_.tolist() == [2, 3]
    wrong = VaeSlr(positive=True).fit(design, exact)
    assert not wrong.certified_
    assert (wrong.coef_ >= 0).all()
    right = VaeSlr(positive=[1, 3]).fit(design, exact)
    assert right.certified_
    assert right.support_.tolist() == [1, 2, 3]


def test_prior_odds_decide_between_columns_that_are_alike_and_leave_out_those_of_0():
    twin = X.copy()
    twin[:, 4] = twin[:, 3] + 0.02 * np.random.default_rng(2).standard_normal(120)
    odds = np.ones(41)
    odds[4] = 100.0
    model = VaeSlr(prior_odds=odds).fit(twin, Y)
    assert model.inclusion_prob_[4] > 5 * model.inclusion_prob_[3]
    assert 4 in model.support_
    odds[4] = 0.0
    without = VaeSlr(prior_odds=odds).fit(twin, Y)
    assert without.inclusion_prob_[4] == without.coef_[4] == 0
    assert {3, 20} <= set(without.support_)
    assert without.prior_var_.shape == without.coef_.shape == (41,)


@pytest.mark.filterwarnings("ignore:.*no column was chosen")
@pytest.mark.parametrize("shape", [(30, 28), (60, 100), (50, 60)])
def test_extended_bic_does_not_take_all_columns_that_it_may(shape):
    noisy, right = 0, 0
    for seed in range(10):
        draw = np.random.default_rng(seed)
        design, noise = draw.standard_normal(shape), draw.standard_normal(shape[0])
        noisy += len(VaeSlr(support_rule="ebic").fit(design, noise).support_) > 0
        found = VaeSlr(support_rule="ebic").fit(design, design[:, :3] @ [2, 2, 2] + noise).support_
        right += {0, 1, 2} <= set(found) and len(found) <= 8
    assert noisy <= 2
    assert right >= 8


@pytest.mark.filterwarnings("ignore:.*no column was chosen")
def test_screened_noise_is_told_from_a_signal_by_the_number_of_columns_before():
    chosen = {None: 0, 5000: 0}
    for seed in range(20):
        draw = np.random.default_rng(seed)
        all_columns, noise = draw.standard_normal((80, 5000)), draw.standard_normal(80)
        kept = np.argsort(-np.abs(noise @ all_columns))[:60]
        for n_choices in chosen:
            chosen[n_choices] += len(VaeSlr(n_choices=n_choices).fit(all_columns[:, kept], noise).support_) > 0
    assert chosen[None] >= 18
    assert chosen[5000] <= 2
    signal = noise + 2.0 * all_columns[:, 7]
    kept = np.argsort(-np.abs(signal @ all_columns))[:60]
    found = VaeSlr(n_choices=5000).fit(all_columns[:, kept], signal)
    assert kept[found.support_].tolist() == [7]


@pytest.mark.parametrize("averaging", [False, True])
def test_coefficients_that_must_not_be_negative_are_not(averaging):
    model = VaeSlr(positive=True, model_averaging=averaging).fit(X, Y)
    assert (model.coef_ >= 0).all()
    assert {3, 40} <= set(model.support_)
    assert model.background_var_ == 0
    some = VaeSlr(positive=[3, 5], model_averaging=averaging).fit(X, Y)
    assert (some.coef_[[3, 5]] >= 0).all()
    assert some.coef_[20] < -1


def test_a_given_noise_variance_is_taken_and_no_minimum_sought():
    model = VaeSlr(noise_var=4.0).fit(X, Y)
    assert model.noise_var_ == 4.0
    assert model.status_ == "converged"
    assert {3, 20, 40} <= set(model.support_)
    assert len(model.inclusion_prob_) == 41


def test_fits_of_many_responses_are_those_of_each():
    both = np.column_stack([Y, GENES[:, 8] + rng.standard_normal(120)])
    odds = np.r_[0.0, np.ones(40)]
    estimator = VaeSlr(always_select=[40], prior_odds=odds, max_nonzero=3)
    for column, many in zip(both.T, fit_many(estimator, X, both, sample_weight=WEIGHTS), strict=True):
        alone = VaeSlr(**estimator.get_params()).fit(X, column, WEIGHTS)
        np.testing.assert_array_equal(many.support_, alone.support_)
        np.testing.assert_allclose(many.coef_, alone.coef_, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(many.coef_var_, alone.coef_var_, rtol=1e-8)


def test_several_responses_take_the_same():
    both = np.column_stack([Y, GENES[:, 8] - GENES[:, 3] + rng.standard_normal(120)])
    model = SimultaneousSparseVae(always_select=[40], n_nonzero=4).fit(X, both)
    assert model.support_.tolist() == [3, 8, 20, 40]
    # Half of the second response's effect of age, which it has not, is noise of the fit.
    assert np.abs(model.coef_[:, 40] - [0.8, 0.0]).max() < 0.06
    np.testing.assert_allclose(model.residual_, both - model.predict(X), atol=1e-9)
    averaged = SimultaneousSparseVae(always_select=[40], prior_odds=np.r_[0.0, np.ones(40)], model_averaging=True)
    averaged.fit(X, both, WEIGHTS)
    assert averaged.inclusion_prob_[[3, 8, 20, 40]].min() > 0.9
    assert (averaged.coef_[:, 0] == 0).all()
    assert (averaged.coef_var_[1:] > 0).all()


@pytest.mark.parametrize("kind", [{"groups": np.arange(41) // 2}, {"covariance": "diagonal"}])
@pytest.mark.parametrize("options", [{"n_nonzero": 2}, {"model_averaging": True}, {"prior_odds": np.ones(41)}])
def test_groups_and_the_diagonal_covariance_know_no_posterior(kind, options):
    with pytest.raises(ParameterError, match=f"`{next(iter(options))}`"):
        SimultaneousSparseVae(**kind, **options).fit(X, np.column_stack([Y, Y]))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"n_nonzero": 0}, ParameterError, "`n_nonzero`"),
        ({"n_nonzero": 2.5}, ParameterError, "`n_nonzero`"),
        ({"n_nonzero": 2, "max_nonzero": 3}, ParameterError, "`n_nonzero` .*None where the other is given"),
        ({"n_nonzero": 2, "support_rule": "posterior"}, ParameterError, "`n_nonzero`"),
        ({"n_nonzero": 1, "always_select": [1, 2]}, ParameterError, "`n_nonzero` is 1, .* `always_select`, 2"),
        ({"always_select": [41]}, ParameterError, "`always_select` has 41"),
        ({"always_select": np.ones(41, bool)}, ParameterError, "leave no column to choose"),
        ({"prior_odds": np.ones(40)}, ShapeError, "`prior_odds`"),
        ({"prior_odds": np.ones(41), "support_rule": "ebic"}, ParameterError, "`prior_odds`"),
        ({"prior_odds": np.ones(41), "noise_var": "learn"}, ParameterError, "`prior_odds`"),
        ({"positive": True, "optimizer": "em"}, ParameterError, "`positive`"),
        ({"positive": [40], "always_select": [40]}, ParameterError, "`positive` has a column of `always_select`"),
        ({"positive": "yes"}, ParameterError, "`positive`"),
        ({"n_choices": 40}, ParameterError, "`n_choices` is 40, .* the number of columns of `X`, 41"),
    ],
)
def test_what_cannot_be_is_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        VaeSlr(**options).fit(X, Y)
