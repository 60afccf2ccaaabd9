"""Plans: planted effects on designs of all kinds, and what is read from them."""

import math
import re

import numpy as np
import pytest
from scipy import sparse
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.isotonic import isotonic_regression
from sparsevae import ColumnBlocks, PreconditionedVae, VaeSlr, plan
from sparsevae.datasets import make_gaussian_design, make_sparse_regression, make_toeplitz_design
from sparsevae.exceptions import NonFiniteError, ParameterError, ShapeError
from sparsevae.metrics import wilson_interval
from sparsevae.planning import Estimate, _sources, _statistics, _trial
from sparsevae.plotting import new_figure


@pytest.fixture(scope="module")
def gaussian():
    """A plan of a random design at two ratios."""
    return plan((60, 100), n_nonzero=4, snr=[1.0, 20.0], n_samples=[30, 60, 120], n_trials=12)


@pytest.fixture(scope="module")
def correlated():
    """A design of correlated columns, and its plan."""
    X = make_toeplitz_design(60, 100, correlation=0.95, random_state=0)
    return X, plan(X, n_nonzero=4, snr=20.0, n_trials=10)


def outcomes(found, n_trials=None):
    """All that was found in the first trials of a plan, but for times."""
    trials = [trial._replace(seconds=0.0) for point in found.points for trial in point.trials[:n_trials]]
    return np.concatenate([np.ravel(part) for trial in trials for part in trial])


def test_power_and_recovery_are_those_of_a_direct_simulation(gaussian):
    problems = [make_sparse_regression(60, 100, n_nonzero=4, snr_db=13.0103, random_state=seed) for seed in range(40)]
    fits = [VaeSlr().fit(each.X, each.y).support_ for each in problems]
    power = np.array([np.isin(each.support, fit).mean() for each, fit in zip(problems, fits, strict=True)])
    recovery = np.array([np.array_equal(each.support, fit) for each, fit in zip(problems, fits, strict=True)])
    point = gaussian.curve(snr=20.0)[1]
    assert (point.n_samples, point.source, point.n_trials) == (60, "drawn", 12)
    own = np.array([trial.power for trial in point.trials])
    error = math.hypot(power.std() / math.sqrt(40), own.std() / math.sqrt(12))
    assert abs(point.power.value - power.mean()) < 3 * error
    assert abs(point.recovery.value - recovery.mean()) < 3 * math.sqrt(0.25 / 12 + 0.25 / 40)


def test_power_rises_with_samples_and_with_the_signal(gaussian):
    weak, strong = (np.array([point.power.value for point in gaussian.curve(snr=snr)]) for snr in (1.0, 20.0))
    assert np.all(np.diff(weak) > 0)
    assert np.all(np.diff(strong) > 0)
    assert np.all(strong > weak)


def test_the_size_of_an_effect_that_is_found_falls_as_samples_grow(gaussian):
    sizes = [point.effect_found for point in gaussian.curve(snr=20.0)]
    assert sizes[0] > sizes[1] > sizes[2]
    least = gaussian.limits[1].least_effect(120)
    assert 0.5 * least < sizes[2] < 3 * least


def test_correlated_columns_are_harder_than_independent_ones(correlated):
    X, hard = correlated
    easy = plan(make_gaussian_design(*X.shape, random_state=0), n_nonzero=4, snr=20.0, n_samples=60, n_trials=10)
    of_rows = hard.curve()[1]
    assert (of_rows.n_samples, of_rows.source) == (60, "rows")
    assert of_rows.power.high < easy.points[0].power.value
    assert of_rows.f1.high < easy.points[0].f1.value
    assert of_rows.captured.value >= of_rows.recovery.value


def test_sizes_beyond_the_rows_are_of_a_model_which_is_tried_at_their_number_as_well(correlated):
    _, found = correlated
    assert [(point.n_samples, point.source) for point in found.points] == [
        (30, "rows"),
        (60, "rows"),
        (60, "model"),
        (120, "model"),
        (240, "model"),
    ]
    assert [point.source for point in found.curve()] == ["rows", "rows", "model", "model"]
    assert "Ledoit and Wolf" in found.notes[0]


def test_samples_needed_lie_between_those_tried(gaussian):
    points = gaussian.curve(snr=20.0)
    middle = (points[0].power.value + points[1].power.value) / 2
    needed = gaussian.samples_needed(snr=20.0, target=middle)
    assert 30 <= needed.low <= needed.value <= needed.high <= 120
    assert needed.value == pytest.approx(math.sqrt(30 * 60), rel=1e-6)
    assert not needed.extrapolated
    assert gaussian.samples_needed(snr=1.0, target=0.99).value == math.inf
    assert gaussian.samples_needed(snr=20.0, target=0.01).value == 30


def test_samples_needed_beyond_the_rows_are_an_extrapolation(correlated):
    _, found = correlated
    rows = found.curve()
    assert found.samples_needed(target=rows[-1].power.value).extrapolated
    assert "by extrapolation" in str(found) or "more than 240 samples" in str(found)


def test_without_noise_few_nonzeros_are_found_and_as_many_as_samples_are_not():
    found = plan((30, 60), n_nonzero=[4, 29], n_samples=30, n_trials=5, estimator=VaeSlr(max_iter=200))
    few, many = found.points
    assert few.recovery == Estimate(1.0, *wilson_interval(5, 5))
    assert many.recovery.value == 0.0
    assert math.isnan(few.effect_found)
    assert found.samples_needed(n_nonzero=4) == (30, 30, 30, False)
    assert "l1 minimisation needs" in str(found)


def test_the_same_seed_gives_the_same_trials_and_fewer_are_the_first_of_them(gaussian):
    first = {"n_trials": 2, "n_nonzero": 4, "snr": [1.0, 20.0], "n_samples": [30, 60, 120]}
    few = outcomes(plan((60, 100), **first))
    np.testing.assert_array_equal(few, outcomes(gaussian, 2))
    np.testing.assert_array_equal(few, outcomes(plan((60, 100), **first)))
    assert not np.array_equal(few, outcomes(plan((60, 100), random_state=1, **first)))


def genotypes():
    return np.random.default_rng(0).integers(0, 3, (40, 60)).astype(np.int8)


@pytest.mark.parametrize(
    "kind", [np.asfortranarray, sparse.csc_array, sparse.csr_array, ColumnBlocks, lambda X: X.tolist(), "memmap"]
)
def test_all_kinds_of_designs_have_the_same_plan(kind, tmp_path):
    X = genotypes()
    if kind == "memmap":
        np.save(tmp_path / "X.npy", X)
        other = np.load(tmp_path / "X.npy", mmap_mode="r")
    else:
        other = kind(X)
    arguments = {"n_nonzero": 3, "snr": 5.0, "n_samples": [20, 40, 50], "n_trials": 2}
    np.testing.assert_allclose(outcomes(plan(X, **arguments)), outcomes(plan(other, **arguments)), rtol=1e-12)


def test_rows_of_weight_zero_are_as_good_as_rows_that_are_left_out():
    X = genotypes().astype(float)
    drawn, weights = _sources.Rows(X).draw(25, np.random.default_rng(0))
    assert drawn is X
    assert weights.sum() == 25
    y = X[:, :3] @ [1.0, -2.0, 3.0] + np.random.default_rng(1).standard_normal(40)
    some = weights > 0
    np.testing.assert_array_equal(
        VaeSlr().fit(X, y, sample_weight=weights).support_, VaeSlr().fit(X[some], y[some]).support_
    )


def test_effects_are_planted_on_columns_that_vary():
    X = np.ones((30, 40))
    X[:, 10:13] = np.random.default_rng(0).standard_normal((30, 3))
    for seed in range(5):
        support, _ = _trial._varying(X, 3, np.random.default_rng(seed))
        assert support.tolist() == [10, 11, 12]
    with pytest.raises(ParameterError, match="`n_nonzero` is 4, but `X` has 3 columns that are not constant, of 40"):
        plan(X, n_nonzero=4, n_trials=1)


def test_the_model_has_the_shrunk_covariance_of_the_rows():
    X = make_toeplitz_design(30, 8, correlation=0.8, random_state=0) @ np.diag(np.arange(1.0, 9.0)) + 5
    X[:, 3] = 2.0
    model = _sources.Model(X)
    standardised = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    assert model.shrinkage == pytest.approx(ledoit_wolf_shrinkage(standardised, assume_centered=True))
    drawn, weights = model.draw(40_000, np.random.default_rng(0))
    assert weights is None
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.05)
    expected = (1 - model.shrinkage) * np.cov(X.T, ddof=0)
    np.fill_diagonal(expected, X.var(axis=0))
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.03 * X.var(axis=0).max())


def test_designs_that_are_too_large_to_draw_are_left_out_with_a_note(monkeypatch):
    monkeypatch.setattr("sparsevae.planning._planner.MOST_ENTRIES", 5_000)
    found = plan(genotypes(), n_nonzero=2, snr=5.0, n_samples=[40, 80, 160], n_trials=1)
    assert [point.n_samples for point in found.points] == [40, 40, 80]
    assert "160 samples were left out" in found.notes[0]
    with pytest.raises(ParameterError, match="`n_samples` is beyond the 40 rows of `X`"):
        plan(genotypes(), n_nonzero=2, n_samples=160)


def test_of_a_shape_that_is_too_large_fewer_columns_are_drawn_and_times_are_scaled(monkeypatch):
    monkeypatch.setattr("sparsevae.planning._planner.MOST_ENTRIES", 5_000)
    monkeypatch.setattr("time.perf_counter", iter(range(100)).__next__)
    found = plan((50, 100_000), n_nonzero=2, snr=5.0, n_samples=50, n_trials=1)
    assert "trials have 100 of the 100,000 columns" in found.notes[0]
    assert found.points[0].seconds == pytest.approx(1000**1.04)
    assert found.limits[0].n_features == 100_000
    with pytest.raises(ParameterError, match="`n_samples` is 5000, but designs of more than 5000 entries"):
        plan((50, 100), n_nonzero=2, n_samples=5000)


def test_time_that_is_up_ends_a_plan_with_what_was_done(monkeypatch):
    arguments = {"n_nonzero": 2, "snr": 5.0, "n_samples": [20, 30]}
    clock = iter(range(100))
    monkeypatch.setattr("sparsevae.planning._planner.time.monotonic", lambda: float(next(clock)))
    # It is looked at before each fit but the first.
    found = plan((30, 40), max_seconds=4.5, **arguments)
    assert [point.n_trials for point in found.points] == [3, 2]
    assert found.ended == "max_seconds"
    assert "ended by `max_seconds`" in str(found)
    assert [point.n_trials for point in plan((30, 40), max_seconds=0.5, **arguments).points] == [1]


def test_ctrl_c_keeps_what_was_done(monkeypatch):
    fits = []

    def fit(*arguments):
        if len(fits) == 3:
            raise KeyboardInterrupt
        fits.append(_trial.run_trial(*arguments))
        return fits[-1]

    monkeypatch.setattr("sparsevae.planning._planner.run_trial", fit)
    found = plan((30, 40), n_nonzero=2, snr=5.0, n_samples=[20, 30])
    assert [point.n_trials for point in found.points] == [2, 1]
    assert found.ended == "interrupted"
    assert "3 fits" in str(found)
    assert "interrupted" in str(found)
    with pytest.raises(KeyboardInterrupt):
        plan((30, 40), n_nonzero=2)


def test_other_estimators_are_fitted():
    found = plan((40, 60), n_nonzero=2, snr=5.0, n_samples=40, n_trials=2, estimator=PreconditionedVae())
    assert found.estimator == "PreconditionedVae()"
    assert math.isnan(found.points[0].captured.value)
    assert found.samples_needed(target=0.0).value == 40
    with pytest.raises(ParameterError, match="`measure` is 'captured', but not all fits of the plan know it"):
        found.samples_needed(measure="captured")
    exact = plan((40, 60), n_nonzero=2, snr=5.0, n_samples=40, n_trials=2, estimator=VaeSlr(n_nonzero=2))
    assert all(trial.power + trial.false_discovery == 1 for trial in exact.points[0].trials)


def test_tables_have_a_line_for_each_point_and_what_they_say_of_it(gaussian):
    text, page = str(gaussian), gaussian._repr_html_()
    assert repr(gaussian) == text
    rows = re.findall(r"^ +(\d+)  drawn +12 ", text, re.MULTILINE)
    assert rows == ["30", "60", "120"] * 2
    assert page.count("<table>") == 2
    assert page.count("<tr>") == 2 * (1 + len(rows) // 2)
    estimate = gaussian.points[0].power
    shown = f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]".replace("0.", ".")
    assert shown in text
    assert shown in page
    assert max(map(len, text.splitlines())) <= 140


def test_pictures_have_a_line_for_each_ratio_and_broken_ones_for_the_model(gaussian, correlated):
    axes = gaussian.plot().axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["4 effects, SNR 1", "4 effects, SNR 20"]
    assert axes.get_ylabel() == "power"
    _, (middle, *_) = new_figure(1, 2)[1][0], new_figure(1, 1)[1][0]
    found = correlated[1]
    found.plot(middle, measure="captured")
    assert [container[0].get_linestyle() for container in middle.containers] == ["-", "--"]
    (only,) = new_figure(1, 1)[1][0]
    ratios = plan((30, 40), n_nonzero=2, snr=[math.inf, 5.0, 1.0], n_samples=30, n_trials=2)
    assert [point.snr for point in ratios.points] == [1.0, 5.0, math.inf]
    assert ratios.plot(only).axes == [only]
    assert only.get_xlabel() == "signal-to-noise ratio"
    assert only.get_xticks().tolist() == [1.0, 5.0]
    assert [text.get_text() for text in only.get_legend().get_texts()] == ["2 effects, no noise", "2 effects"]


def test_progress_counts_the_fits(capsys):
    plan((30, 40), n_nonzero=2, snr=5.0, n_samples=30, n_trials=2, verbose=True)
    assert "fit 2 of 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_nonzero": 41}, ParameterError, "`n_nonzero` is 41, but it must be at most the number of columns"),
        ({"n_nonzero": 0}, ParameterError, "`n_nonzero` is 0"),
        ({"n_nonzero": []}, ParameterError, "`n_nonzero` is empty"),
        ({"snr": -1}, ParameterError, "`snr` is -1, but it must be greater than 0"),
        ({"snr": "high"}, ParameterError, "`snr` is 'high'"),
        ({"snr": []}, ParameterError, "`snr` is empty"),
        ({"n_samples": 3}, ParameterError, "`n_samples` is 3, but it must be an integer of at least 4"),
        ({"n_trials": 0}, ParameterError, "`n_trials` is 0"),
        ({"max_seconds": 0}, ParameterError, "`max_seconds` is 0"),
        ({"design": "dct"}, ParameterError, "`design` is 'dct', but it must be one of gaussian"),
        ({"law": "cauchy"}, ParameterError, "`law` is 'cauchy'"),
        ({"estimator": "lasso"}, ParameterError, "`estimator` is 'lasso', but it must be a VaeSlr"),
        ({"estimator": VaeSlr(always_select=[0])}, ParameterError, "`estimator` has `always_select`"),
        ({"verbose": "yes"}, ParameterError, "`verbose` is 'yes'"),
        ({"X": (3, 40)}, ParameterError, "`X.0.` is 3"),
        ({"X": np.ones(5)}, ShapeError, "`X` has shape"),
        ({"X": np.full((5, 5), np.nan)}, NonFiniteError, "`X` has a NaN"),
    ],
)
def test_bad_arguments_are_errors_that_name_them(arguments, error, message):
    arguments = {"X": (30, 40), "n_nonzero": 2, "snr": 5.0} | arguments
    with pytest.raises(error, match=message):
        plan(arguments.pop("X"), **arguments)


def test_curves_and_goals_that_a_plan_lacks_are_refused(gaussian):
    with pytest.raises(ParameterError, match="`snr` is None, but it must be one of 1, 20"):
        gaussian.curve()
    with pytest.raises(ParameterError, match="`n_nonzero` is 5, but it must be one of 4"):
        gaussian.curve(snr=1.0, n_nonzero=5)
    with pytest.raises(ParameterError, match="`measure` is 'false_discovery'"):
        gaussian.samples_needed(snr=1.0, measure="false_discovery")
    with pytest.raises(ParameterError, match="`target` is 2"):
        gaussian.samples_needed(snr=1.0, target=2)
    with pytest.raises(ParameterError, match="`measure` is 'speed'"):
        gaussian.plot(measure="speed")


def test_means_are_made_monotone_as_isotonic_regression_makes_them():
    rng = np.random.default_rng(0)
    means, counts = rng.random((20, 5)), rng.integers(1, 9, 5).astype(float)
    expected = [isotonic_regression(row, sample_weight=counts) for row in means]
    np.testing.assert_allclose(_statistics._isotonic(means, counts), expected)


def test_intervals_of_means_hold_where_trials_vary_and_where_they_agree():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        estimate = _statistics.mean(rng.beta(2, 1, 30), rng)
        held += estimate.low <= 2 / 3 <= estimate.high
    assert 176 <= held <= 200
    assert _statistics.mean(np.ones(10), rng) == (1.0, *wilson_interval(10, 10))
    assert math.isnan(_statistics.mean(np.array([np.nan]), rng).value)


def test_the_size_found_is_that_of_the_logistic_curve_that_drew_it():
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.normal(-1.0, 1.0, 4000))
    found = rng.random(4000) < 1 / (1 + np.exp(-3 * (np.log(sizes) + 1.0)))
    assert _statistics.size_found(sizes, found) == pytest.approx(math.exp(math.log(4) / 3 - 1), rel=0.05)
    assert math.isnan(_statistics.size_found(sizes, np.ones(4000, bool)))
    assert math.isnan(_statistics.size_found(np.ones(4), np.array([True, True, False, True])))


def test_the_estimated_memory_is_near_that_of_the_page_on_scale():
    from sparsevae.planning._cost import memory_bytes

    measured = {(500, 100_000): 55, (200, 50_000): 20, (200, 1_000_000): 200, (1000, 5_000_000): 790}
    for shape, mib in measured.items():
        assert 0.5 < memory_bytes(*shape) / 2**20 / mib < 2
