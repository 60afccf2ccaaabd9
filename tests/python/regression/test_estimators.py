"""The estimators as scikit-learn and its users meet them."""

import inspect
import itertools
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from problems import quietly
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sparsevae import PreconditionedVae, SimultaneousSparseVae, VaeSlr, _core, energies, fit_many
from sparsevae.datasets import make_sparse_regression

MODELS = [VaeSlr, PreconditionedVae]
OPTIMIZERS = ["auto", "em", "mm", "mackay"]
both = pytest.mark.parametrize("model", MODELS)


def noisy(n_samples=60, n_features=30, seed=0):
    data = make_sparse_regression(n_samples, n_features, n_nonzero=4, snr_db=20, random_state=seed)
    return data.X, data.y


@pytest.mark.filterwarnings("ignore:.*no column was chosen")
@parametrize_with_checks(
    [VaeSlr(), PreconditionedVae(), SimultaneousSparseVae()],
    expected_failed_checks=lambda _: {
        f"check_sample_weight_equivalence_on_{kind}_data": "weights are precisions of the noise, not counts of samples"
        for kind in ("dense", "sparse")
    },
)
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


CHOICE = {"n_nonzero", "max_nonzero", "always_select", "prior_odds", "n_choices"}


@pytest.mark.parametrize(
    ("model", "left_out", "own"),
    [
        (VaeSlr, {"power", "covariance"}, CHOICE | {"positive"}),
        (PreconditionedVae, {"covariance", "model_averaging"}, set()),
        (SimultaneousSparseVae, {"power"}, CHOICE | {"groups", "noise_cov", "prior_var_init"}),
    ],
)
def test_defaults_are_those_of_the_core(model, left_out, own):
    parameters = inspect.signature(model).parameters
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())
    defaults = {name: value for name, value in _core.defaults().items() if name not in left_out}
    assert {name: parameters[name].default for name in defaults} == defaults
    assert set(parameters) - set(defaults) == {"random_state", "n_jobs", "verbose"} | own


@pytest.mark.parametrize("model", [*MODELS, SimultaneousSparseVae])
def test_documented_parameters_and_attributes_are_those_that_exist(model):
    def names(section):
        text = inspect.getdoc(model).split(f"{section}\n{'-' * len(section)}\n")[1].split("\n\n")[0]
        return {name for line in re.findall(r"^(\w[\w, ]*) : ", text, re.M) for name in line.split(", ")}

    X, y = noisy()
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])])
    averaged = {} if model is PreconditionedVae else {"model_averaging": True}
    for options, missing in (
        ({"optimizer": "adam", "n_steps": 4000, **averaged}, set()),
        ({}, {"posterior_mean_", "decoder_scale_", "encoder_weights_", "encoder_factor_"}),
    ):
        fitted = model(**options).fit(frame, y[:, None] if model is SimultaneousSparseVae else y)
        public = {name for name in dir(fitted) if name.endswith("_") and not name.startswith("_")}
        assert names("Attributes") - missing - {"n_samples_seen_"} == public
    assert names("Parameters") == set(model().get_params())


@both
def test_pickle_and_clone_keep_what_they_should(model):
    X, y = noisy()
    fitted = model(noise_var=0.01, random_state=3).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "coef_")


@both
def test_grid_search_pipeline_and_cross_validation_work(model):
    X, y = noisy()
    pipeline = make_pipeline(StandardScaler(), model())
    assert cross_val_score(pipeline, X, y, cv=3).min() > 0.8
    name = f"{model.__name__.lower()}__support_rule"
    search = GridSearchCV(pipeline, {name: ["evidence", "ebic"]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.8


@both
def test_feature_names_go_in_and_are_checked_on_the_way_out(model):
    X, y = noisy()
    frame = pd.DataFrame(X, columns=[f"gene{j}" for j in range(X.shape[1])])
    fitted = model().fit(frame, pd.Series(y))
    assert list(fitted.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(fitted.coef_, model().fit(X, y).coef_)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[frame.columns[::-1]])
    assert fit_many(model(), frame, frame[["gene1", "gene2"]])[1].feature_names_in_[0] == "gene0"


@pytest.mark.parametrize(
    ("optimizer", "noise_var", "support_rule", "power"),
    [
        *itertools.product(
            OPTIMIZERS, ["auto", "anneal", "learn", 0.05], ["evidence", "ebic", "posterior"], [None, 0.0, 1.0]
        )
    ],
)
def test_every_option_works(optimizer, noise_var, support_rule, power):
    options = {"optimizer": optimizer, "noise_var": noise_var, "support_rule": support_rule, "n_restarts": 2}
    X, y = noisy(40, 20)
    model = VaeSlr(**options) if power is None else PreconditionedVae(power=power, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    np.testing.assert_array_equal(model.support_, np.flatnonzero(model.coef_))
    np.testing.assert_allclose(model.coef_var_[model.support_], model.support_cov_.diagonal())
    assert (model.coef_var_[model.support_] > 0).all()
    design = np.c_[X[:, model.support_], np.ones(len(X))]
    expected = np.linalg.lstsq(design, y)[0]
    np.testing.assert_allclose(np.r_[model.coef_[model.support_], model.intercept_], expected, rtol=1e-8, atol=1e-10)

    centred = X - X.mean(0), y - y.mean()
    if power is None or noise_var in ("auto", "anneal"):
        value = energies.marginal_energy(*centred, model.prior_var_, model.noise_var_)[0]
    else:
        value = energies.preconditioned_energy(*centred, model.prior_var_, model.noise_var_, power)[0]
    assert model.energy_ == pytest.approx(value - np.log(model.noise_var_), rel=1e-8)
    if noise_var == 0.05:
        assert model.energy_path_[-1] == pytest.approx(model.energy_)
        if optimizer in ("em", "mm"):
            assert (np.diff(model.energy_path_) < 1e-9).all()


@both
@pytest.mark.parametrize("noise_var", ["auto", "learn", 0.05])
def test_training_gives_the_mean_of_the_encoder_and_least_squares_on_a_support(model, noise_var):
    X, y = noisy(40, 20)
    fitted = model(optimizer="adam", noise_var=noise_var, n_steps=20_000).fit(X, y)
    assert fitted.posterior_mean_.shape == fitted.coef_.shape
    assert (fitted.n_iter_, len(fitted.energy_path_)) == (20_000, 20_000)
    assert np.corrcoef(fitted.posterior_mean_, fitted.coef_)[0, 1] > 0.9
    design = np.c_[X[:, fitted.support_], np.ones(len(X))]
    expected = np.linalg.lstsq(design, y)[0]
    np.testing.assert_allclose(np.r_[fitted.coef_[fitted.support_], fitted.intercept_], expected, rtol=1e-8, atol=1e-10)
    if noise_var == 0.05:
        assert fitted.noise_var_ == pytest.approx(0.05)
    assert not hasattr(model().fit(X, y), "posterior_mean_")


@both
def test_training_that_is_too_short_warns(model):
    X, y = noisy(40, 20)
    with pytest.warns(ConvergenceWarning, match="the bound was not negative at any of `n_steps` steps"):
        model(optimizer="adam", n_steps=2).fit(X, y)


@both
@pytest.mark.parametrize("noise_var", ["auto", 0.05])
def test_predictive_standard_deviation_covers_new_data(model, noise_var):
    rng = np.random.default_rng(0)
    z = np.zeros(40)
    z[[3, 17, 30]] = 1.0, -2.0, 1.5
    X, new = rng.standard_normal((80, 40)), rng.standard_normal((4000, 40))
    y = X @ z + 0.5 + 0.3 * rng.standard_normal(80)
    mean, deviation = model(noise_var=noise_var).fit(X, y).predict(new, return_std=True)
    truth = new @ z + 0.5 + 0.3 * rng.standard_normal(len(new))
    covered = np.abs(truth - mean) < 1.96 * deviation
    assert 0.85 < covered.mean() < 0.995


@both
def test_posterior_covariance_is_that_of_the_model(model):
    X, y = noisy()
    fitted = model(noise_var=0.05, fit_intercept=False, support_rule="evidence").fit(X, y)
    chosen, w = fitted.support_, fitted.prior_var_[fitted.support_]
    P = np.eye(len(X))
    if model is PreconditionedVae:
        values, vectors = np.linalg.eigh(X @ X.T + 0.05 * np.eye(len(X)))
        P = vectors / np.sqrt(values) @ vectors.T
    design = P @ X[:, chosen]
    expected = np.linalg.inv(design.T @ design / 0.05 + np.diag(1 / w))
    np.testing.assert_allclose(fitted.support_cov_, expected, rtol=1e-8)


@both
def test_certified_coefficients_are_least_squares_on_the_true_support(model):
    data = make_sparse_regression(50, 100, n_nonzero=8, design="random_walk", random_state=1)
    fitted = model(fit_intercept=False).fit(data.X, data.y)
    assert fitted.certified_
    assert fitted.status_ == "certified"
    np.testing.assert_array_equal(fitted.support_, data.support)
    expected = np.linalg.lstsq(data.X[:, data.support], data.y)[0]
    np.testing.assert_allclose(fitted.coef_[data.support], expected, rtol=1e-9)


@both
def test_same_seed_gives_the_same_bits_in_threads_and_in_fit_many(model):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 60))
    Y = X @ np.where(rng.random((60, 4)) < 0.1, 1.5, 0) + [0, 0, 1e-2, 1] * rng.standard_normal((30, 4))
    estimator = model(n_restarts=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        alone = [clone(estimator).fit(X, y) for y in Y.T]
        threads = Parallel(n_jobs=2, backend="threading")(delayed(clone(estimator).fit)(X, y) for y in Y.T)
        many = [fit_many(estimator, X, Y, n_jobs=n_jobs) for n_jobs in (None, 1, 2, -1, 10**30)]
    for models in [threads, *many]:
        for model_, expected in zip(models, alone, strict=True):
            for name in ("coef_", "prior_var_", "energy_path_", "support_cov_"):
                np.testing.assert_array_equal(getattr(model_, name), getattr(expected, name))
            assert vars(model_).keys() == vars(expected).keys()


@both
def test_random_state_none_and_generators_are_accepted(model):
    X, y = noisy()
    for random_state in [None, 7, np.random.default_rng(0), np.random.RandomState(0)]:
        model(random_state=random_state).fit(X, y)


@both
def test_verbose_prints_to_standard_error_only(model, capfd):
    X, y = noisy()
    model().fit(X, y)
    assert capfd.readouterr() == ("", "")
    model(verbose=True).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    assert "noisy" in err


@both
def test_unfinished_fits_warn(model):
    X, y = noisy()
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model(optimizer="mm", noise_var=0.05, max_iter=2).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="2 of 2 fits"):
        fit_many(model(optimizer="mm", noise_var=0.05, max_iter=2), X, np.c_[y, y])


@both
def test_an_empty_support_warns_unless_the_response_is_constant(model):
    X, _ = noisy()
    noise = np.random.default_rng(5).standard_normal(60)
    options = {"power": 0.0} if model is PreconditionedVae else {}
    with pytest.warns(ConvergenceWarning, match=f"{model.__name__}: no column was chosen") as caught:
        assert not model(noise_var=5.0, **options).fit(X, noise).support_.size
    assert caught[0].filename == __file__
    assert not model().fit(X, np.ones(60)).support_.size


def test_fit_many_counts_empty_supports():
    X, y = noisy()
    noise = np.random.default_rng(5).standard_normal(60)
    with pytest.warns(ConvergenceWarning, match="1 of 3 fits chose no column") as caught:
        fit_many(VaeSlr(), X, np.c_[y, noise, np.ones(60)])
    assert [warning.filename for warning in caught] == [__file__]


@both
def test_a_second_fit_leaves_nothing_of_the_first(model):
    X, y = noisy()
    fitted = quietly(model().fit(X, y).fit, np.ones((5, 2)), np.arange(5.0))
    assert vars(fitted).keys() == vars(model().fit(X, y)).keys()
    assert fitted.coef_.shape == (2,)
    if model is PreconditionedVae:
        assert np.isnan(fitted.condition_number_).all()
    trained = model(optimizer="adam", n_steps=4000).fit(X, y)
    assert vars(trained.set_params(optimizer="auto").fit(X, y)).keys() == vars(model().fit(X, y)).keys()
