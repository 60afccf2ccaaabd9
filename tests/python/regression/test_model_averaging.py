"""Averages over supports: better predictions, probabilities that are true, sets that hold the effect."""

import itertools
import math
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_predict
from sparsevae import VaeSlr, fit_many
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import ParameterError
from sparsevae.plotting import new_figure, plot_inclusion, plot_selection_path


def blocks(seed, n_samples=200, n_blocks=40, width=5):
    """Columns in blocks of alike ones (r about .9), and three of the blocks with an effect at one column."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n_samples, n_blocks)).repeat(width, axis=1)
    X = factors + 0.3 * rng.standard_normal(factors.shape)
    support = width * rng.choice(n_blocks, 3, replace=False) + rng.integers(width, size=3)
    signal = X[:, support] @ rng.choice([-1.0, 1.0], 3)
    return X, signal + signal.std() * rng.standard_normal(n_samples), np.sort(support)


def test_averages_predict_new_samples_better_than_one_support_where_columns_are_alike():
    ratios = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((130, 1)) + rng.standard_normal((130, 60))
        y = X @ (0.2 * rng.standard_normal(60)) + rng.standard_normal(130)
        errors = [
            np.square(y[80:] - VaeSlr(model_averaging=averaged).fit(X[:80], y[:80]).predict(X[80:])).mean()
            for averaged in (True, False)
        ]
        ratios.append(errors[0] / errors[1])
    assert np.exp(np.mean(np.log(ratios))) < 0.9


def inclusion_by_enumeration(X, y):
    """Inclusion probabilities by a sum over supports and backgrounds, and an integral over the effects' variance."""
    freedom, n = len(X) - 1, X.shape[1]
    columns, response = X - X.mean(axis=0), y - y.mean()
    columns /= np.sqrt(np.square(columns).sum(axis=0) / freedom)
    response /= np.sqrt(np.square(response).sum() / freedom)
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    columns, reached, spectrum = left.T @ columns, left.T @ response, singular**2 / n
    off_range = freedom - reached @ reached
    backgrounds = [(0.0, 0.5), *((ratio, 0.5 / 19) for ratio in np.geomspace(1e-3, 1e3, 19))]
    slabs = np.geomspace(1e-5, 1e5, 121)
    supports, logs = [], []
    for ratio, prior in backgrounds:
        weights = 1 / (ratio * spectrum + 1)
        products, targets = columns.T * weights @ columns, columns.T @ (weights * reached)
        for k in range(n + 1):
            # The number of effects is uniform, and the share of the variance that k of them explain is.
            density = np.log(max(k, 1)) - 2 * np.log1p(max(k, 1) * slabs) + np.log(slabs) - np.log(math.comb(n, k))
            for support in map(list, itertools.combinations(range(n), k)):
                values, vectors = np.linalg.eigh(products[np.ix_(support, support)])
                explained = np.square(vectors.T @ targets[support]) / (values + 1 / slabs[:, None])
                sums = reached**2 @ weights + off_range - explained.sum(axis=1)
                occam = np.log1p(values * slabs[:, None]).sum(axis=1) - np.log(weights).sum()
                at_slabs = density - occam / 2 - freedom / 2 * np.log(sums)
                supports.append(np.isin(np.arange(n), support))
                logs.append(np.log(prior) + np.logaddexp.reduce(at_slabs))
    return np.exp(np.array(logs) - np.logaddexp.reduce(logs)) @ np.array(supports)


def test_probabilities_are_those_of_the_sum_over_all_supports_for_any_seed():
    X, y = load_diabetes(return_X_y=True)
    exact = inclusion_by_enumeration(X, y)
    assert 0.4 < exact.min() < exact.max() < 0.93
    for seed in range(5):
        found = VaeSlr(model_averaging=True, random_state=seed).fit(X, y).inclusion_prob_
        assert np.abs(found - exact).max() < 0.08


def test_real_data_are_predicted_as_well_as_by_the_lasso():
    X, y = load_diabetes(return_X_y=True)
    predicted = cross_val_predict(VaeSlr(model_averaging=True), X, y, cv=KFold(10, shuffle=True, random_state=0))
    assert 1 - np.square(y - predicted).sum() / np.square(y - y.mean()).sum() > 0.485


def test_credible_sets_hold_the_effect_and_alike_columns_only():
    held = missed = 0
    for seed in range(30):
        X, y, support = blocks(seed)
        for each in VaeSlr(model_averaging=True).fit(X, y).credible_sets():
            hit = np.isin(support, each.columns).any()
            held, missed = held + hit, missed + (not hit)
            correlation = np.abs(np.corrcoef(X[:, each.columns].T)).min() if len(each.columns) > 1 else 1.0
            assert correlation >= 0.5
            assert each.purity == pytest.approx(correlation)
            assert each.prob >= 0.95
    assert held >= 75
    assert missed <= 0.05 * (held + missed)


def test_a_column_of_probability_one_half_has_an_effect_half_of_the_time():
    probabilities, effects = [], []
    for seed in range(40):
        X, y, support = blocks(seed)
        probabilities.append(VaeSlr(model_averaging=True, random_state=seed).fit(X, y).inclusion_prob_)
        effects.append(np.isin(np.arange(X.shape[1]), support))
    probability, effect = np.concatenate(probabilities), np.concatenate(effects)
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.9)):
        chosen = (probability > low) & (probability < high)
        error = 3 * np.sqrt(0.25 / chosen.sum())
        assert abs(effect[chosen].mean() - probability[chosen].mean()) < error


def test_noise_has_no_credible_set_and_no_probable_column():
    rng = np.random.default_rng(0)
    for _ in range(10):
        X, y = rng.standard_normal((80, 200)), rng.standard_normal(80)
        model = VaeSlr(model_averaging=True).fit(X, y)
        assert model.inclusion_prob_.max() < 0.95
        assert not model.credible_sets_


def test_predictive_intervals_hold():
    inside = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((160, 1)) + rng.standard_normal((160, 100))
        y = 1e3 + X[:, :3].sum(axis=1) + X @ (0.1 * rng.standard_normal(100)) + 2 * rng.standard_normal(160)
        mean, std = VaeSlr(model_averaging=True).fit(X[:60], y[:60]).predict(X[60:], return_std=True)
        inside.append((np.abs(y[60:] - mean) < 1.96 * std).mean())
    assert 0.93 < np.mean(inside) < 0.97


def test_a_certified_fit_leaves_no_doubt():
    data = make_sparse_regression(60, 100, n_nonzero=4, random_state=0)
    model = VaeSlr(model_averaging=True).fit(data.X, data.y)
    plain = VaeSlr().fit(data.X, data.y)
    assert model.certified_
    assert np.array_equal(model.coef_, plain.coef_)
    assert np.array_equal(np.flatnonzero(model.inclusion_prob_), data.support)
    assert [each.tolist() for each in model.credible_sets_] == [[j] for j in data.support]
    assert model.background_var_ == 0
    for averaged, given in zip(*(m.predict(data.X, return_std=True) for m in (model, plain)), strict=True):
        assert np.array_equal(averaged, given)


def test_without_averages_the_coefficients_are_those_of_the_selection():
    X, y, _ = blocks(0)
    model = VaeSlr(model_averaging=True).fit(X, y)
    assert np.count_nonzero(model.coef_) == 200
    plain = VaeSlr().fit(X, y)
    model.set_params(model_averaging=False).fit(X, y)
    assert np.array_equal(np.flatnonzero(model.coef_), model.support_)
    assert np.array_equal(model.predict(X), plain.predict(X))


def test_the_size_is_the_first_within_the_tolerance_and_larger_ones_come_closer():
    X, y, support = blocks(0)
    model = VaeSlr().fit(X, y)
    losses = np.array([loss for _, loss in model.selection_path_])
    size = int(np.argmax(losses <= model.selection_tolerance_))
    columns, _ = model.selection_path_[size]
    assert np.array_equal(np.sort(columns), model.support_)
    assert [len(columns) for columns, _ in model.selection_path_] == list(range(len(losses)))
    assert (np.diff(losses) <= 0).all()
    assert losses[0] > 10 * model.selection_tolerance_
    # A block has columns alike: one of each block that has an effect is chosen.
    assert np.isin(support // 5, model.support_ // 5).all()


@pytest.mark.filterwarnings("ignore:VaeSlr. no column was chosen")
def test_noise_alone_is_seldom_told_a_column():
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found.append(
            len(VaeSlr(random_state=seed).fit(rng.standard_normal((60, 30)), rng.standard_normal(60)).support_)
        )
    # Four in a hundred are expected.
    assert np.count_nonzero(found) <= 4


def test_constant_responses_and_constant_columns_have_no_effects():
    X, y, _ = blocks(1)
    for design, response in ((X, np.ones(200)), (np.ones((200, 3)), y)):
        model = VaeSlr(model_averaging=True).fit(design, response)
        assert not model.inclusion_prob_.any()
        assert model.credible_sets_ == []
        assert np.isfinite(model.predict(design, return_std=True)).all()


def test_the_same_seed_gives_the_same_bits():
    X, y, _ = blocks(2)
    model = VaeSlr(model_averaging=True, random_state=3).fit(X, y)
    assert np.array_equal(model.coef_, clone(model).fit(X, y).coef_)
    assert not np.array_equal(model.coef_, clone(model).set_params(random_state=4).fit(X, y).coef_)


@pytest.mark.parametrize("noise_var", [2.5, 1e-200])
def test_given_noise_is_taken_as_it_is(noise_var):
    X, y, _ = blocks(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = VaeSlr(model_averaging=True, noise_var=noise_var).fit(X, y)
    assert model.noise_var_ == noise_var
    assert np.isfinite(model.coef_).all()


def test_less_probable_credible_sets_are_found_where_they_are_asked_for():
    X, y, support = blocks(1)
    y = y + y.std() * np.random.default_rng(0).standard_normal(len(y))
    model = VaeSlr(model_averaging=True, random_state=0).fit(X, y)
    likely = model.credible_sets(min_prob=0.5)
    assert len(likely) > len(model.credible_sets())
    for each in likely:
        # 95% of what there is among its columns and those like it.
        assert each.prob >= 0.95 * 0.5
        assert np.isin(support, each.columns).any()


@pytest.mark.parametrize(
    "options", [{"coverage": 0.0}, {"coverage": 1.0}, {"purity": -0.1}, {"purity": 1.1}, {"min_prob": 1.0}]
)
def test_credible_sets_name_the_parameter_that_is_out_of_range(options):
    X, y, _ = blocks(4)
    model = VaeSlr(model_averaging=True).fit(X, y)
    with pytest.raises(ParameterError, match=next(iter(options))):
        model.credible_sets(**options)


def test_credible_sets_say_that_they_need_a_posterior():
    X, y, _ = blocks(5)
    model = VaeSlr(support_rule="evidence").fit(X, y)
    assert not hasattr(model, "credible_sets_")
    assert not hasattr(model, "inclusion_prob_")
    with pytest.raises(ParameterError, match="model_averaging"):
        model.credible_sets()


def test_the_path_is_drawn_with_the_chosen_size():
    pytest.importorskip("matplotlib")
    X, y, _ = blocks(6)
    model = VaeSlr().fit(X, y)
    (axes,), *_ = new_figure(1, 1)[1]
    plot_selection_path(axes, model)
    path, chosen, tolerance = axes.lines
    assert len(path.get_xdata()) == len(model.selection_path_)
    assert chosen.get_xdata() == len(model.support_)
    assert tolerance.get_ydata()[0] == model.selection_tolerance_
    with pytest.raises(ParameterError, match="no path"):
        plot_selection_path(axes, VaeSlr(support_rule="evidence").fit(X, y))


def test_the_picture_has_every_column_the_sets_and_the_known_effects():
    pytest.importorskip("matplotlib")
    X, y, support = blocks(6)
    model = VaeSlr(model_averaging=True).fit(X, y)
    (axes,), *_ = new_figure(1, 1)[1]
    plot_inclusion(axes, model, support=support)
    shown = [np.asarray(each.get_offsets()) for each in axes.collections]
    np.testing.assert_array_equal(shown[0][:, 1], model.inclusion_prob_)
    assert [each[:, 0].astype(int).tolist() for each in shown[1:-1]] == [each.tolist() for each in model.credible_sets_]
    np.testing.assert_array_equal(shown[-1][:, 0], support)


def test_many_responses_are_averaged_each_as_if_alone():
    X, y, _ = blocks(7)
    together = fit_many(VaeSlr(model_averaging=True), X, np.column_stack([y, 2 * y]), n_jobs=2)
    alone = VaeSlr(model_averaging=True).fit(X, y)
    np.testing.assert_array_equal(together[0].coef_, alone.coef_)
    np.testing.assert_allclose(together[1].coef_, 2 * alone.coef_, rtol=1e-6, atol=1e-9)


def test_tensors_give_tensors():
    torch = pytest.importorskip("torch")
    X, y, _ = blocks(8)
    given, tensor = VaeSlr(model_averaging=True), VaeSlr(model_averaging=True)
    given.fit(X, y), tensor.fit(torch.from_numpy(X), torch.from_numpy(y))
    assert torch.equal(tensor.inclusion_prob_, torch.from_numpy(given.inclusion_prob_))
    mean, std = tensor.predict(torch.from_numpy(X), return_std=True)
    for found, wanted in zip((mean, std), given.predict(X, return_std=True), strict=True):
        assert torch.equal(found, torch.from_numpy(wanted))
    assert [each.columns.tolist() for each in tensor.credible_sets()] == [
        each.tolist() for each in given.credible_sets_
    ]


@pytest.mark.parametrize("averaged", [True, False])
def test_the_iteration_limit_bounds_the_sweeps_and_a_fit_that_it_cuts_off_says_so(averaged):
    X, y, _ = blocks(0)
    with pytest.warns(ConvergenceWarning, match="ended at `max_iter` sweeps"):
        model = VaeSlr(max_iter=20, model_averaging=averaged).fit(X, y)
    assert model.status_ == "sampling_limit"
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.predict(X, return_std=True)[1]).all()
    with pytest.warns(ConvergenceWarning, match="2 of 2 fits ended without convergence"):
        fit_many(VaeSlr(max_iter=20, model_averaging=averaged), X, np.c_[y, y])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert VaeSlr(max_iter=500, model_averaging=averaged).fit(X, y).status_ == "noisy"
