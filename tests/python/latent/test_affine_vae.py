"""AffineVae: closed form against the raw energy, scikit-learn's PCA, Theorem 2; input and output."""

import inspect
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad, minimize
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sparsevae import AffineVae, energies
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError

VARIANCES = np.r_[9, 6, 4, 2.5, 1.6, np.full(7, 0.3)]


def samples(n=300, seed=0):
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    return rng.standard_normal((n, 12)) * np.sqrt(VARIANCES) @ axes + 5.0


@parametrize_with_checks([AffineVae(), AffineVae(n_components=1, covariance="diagonal", noise_var=0.1)])
@pytest.mark.filterwarnings("ignore:AffineVae:sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize("noise_var", ["auto", 0.7])
def test_agrees_with_scikit_learn_apart_from_the_divisor(noise_var):
    X = samples()
    new, share = samples(50, 1), (len(X) - 1) / len(X)
    model, pca = AffineVae(n_components=5, noise_var=noise_var).fit(X), PCA(5, svd_solver="full").fit(X)
    pca.explained_variance_ *= share
    if noise_var == "auto":
        assert model.noise_var_ == pytest.approx(pca.noise_variance_ * share, rel=1e-12)
    pca.noise_variance_ = model.noise_var_
    np.testing.assert_allclose(model.explained_variance_, pca.explained_variance_, rtol=1e-12)
    np.testing.assert_allclose(model.get_covariance(), pca.get_covariance(), atol=1e-12)
    np.testing.assert_allclose(model.score_samples(new), pca.score_samples(new), rtol=1e-10)
    assert model.score(new) == pytest.approx(pca.score(new), rel=1e-10)
    axes = model.components_ / np.linalg.norm(model.components_, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(np.sum(axes * pca.components_, axis=1)), 1, rtol=1e-12)


def test_score_and_transform_are_those_of_the_dense_normal_law():
    X = samples()
    model = AffineVae(n_components=8, noise_var=0.5).fit(X)
    W, C, centred = model.components_.T, model.get_covariance(), X - model.mean_
    np.testing.assert_allclose(model.score_samples(X), multivariate_normal(model.mean_, C).logpdf(X), rtol=1e-10)
    np.testing.assert_allclose(model.transform(X), np.linalg.solve(C, centred.T).T @ W, atol=1e-12)
    np.testing.assert_allclose(model.encoder_cov_, np.linalg.inv(W.T @ W / 0.5 + np.eye(8)), atol=1e-12)
    diagonal = AffineVae(n_components=8, noise_var=0.5, covariance="diagonal").fit(X)
    np.testing.assert_array_equal(diagonal.encoder_cov_, np.diag(model.encoder_cov_))
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), model.transform(X) @ W.T + model.mean_)
    expected = -2 * len(X) * (model.score(X) + 6 * np.log(2 * np.pi))
    assert model.energy_ == pytest.approx(expected, rel=1e-12)
    for covariance in ("full", "diagonal"):
        value, slope, _ = energies.affine_energy(X, model.components_, 0.5, covariance=covariance)
        assert value == pytest.approx(model.energy_, rel=1e-12)
        assert np.abs(slope).max() < 1e-9 * len(X)


def raw_energy(parameters, X, kappa, noise_var, diagonal):
    """Eq. 22 over n with its gradient: W, the latent means, and the factor of the encoder's covariance (a constant)."""
    n, d = X.shape
    W, rest = parameters[: d * kappa].reshape(d, kappa), parameters[d * kappa :]
    mu, S = rest[: n * kappa].reshape(n, kappa), rest[n * kappa :]
    S = np.diag(S) if diagonal else S.reshape(kappa, kappa)
    left, cov, gram = X - mu @ W.T, S @ S.T, W.T @ W
    value = ((left**2).sum() / n + np.trace(cov @ gram)) / noise_var + d * np.log(noise_var)
    value += np.trace(cov) - 2 * np.linalg.slogdet(S)[1] + (mu**2).sum() / n
    slope_W = 2 * (W @ cov - left.T @ mu / n) / noise_var
    slope_mu = 2 * (mu - left @ W / noise_var) / n
    slope_S = 2 * (gram @ S / noise_var + S - np.linalg.inv(S).T)
    slope_S = np.diag(slope_S) if diagonal else slope_S
    return value, np.r_[slope_W.ravel(), slope_mu.ravel(), slope_S.ravel()]


@pytest.mark.parametrize("diagonal", [False, True])
def test_no_start_on_the_raw_energy_gets_below_the_closed_form(diagonal):
    X, kappa, noise_var = samples(40), 8, 1.0
    centred = X - X.mean(axis=0)
    covariance = "diagonal" if diagonal else "full"
    model = AffineVae(n_components=kappa, noise_var=noise_var, covariance=covariance).fit(X)
    best = model.energy_ / len(X) + kappa  # the raw energy carries the trace of an identity
    size = 12 * kappa + len(X) * kappa + (kappa if diagonal else kappa**2)
    arguments = (centred, kappa, noise_var, diagonal)
    factor = np.sqrt(model.encoder_cov_)
    optimum = np.r_[model.components_.T.ravel(), model.transform(X).ravel(), factor.ravel()]
    assert raw_energy(optimum, *arguments)[0] == pytest.approx(best, rel=1e-13)
    rng = np.random.default_rng(0)
    start = rng.standard_normal(size)
    error = check_grad(lambda p: raw_energy(p, *arguments)[0], lambda p: raw_energy(p, *arguments)[1], start)
    assert error < 1e-3
    ends = []
    for scale in np.repeat([0.1, 1, 3], 3):
        start = scale * rng.standard_normal(size)
        options = {"maxiter": 20000, "maxfun": 40000, "ftol": 1e-16, "gtol": 1e-9}
        ends.append(minimize(raw_energy, start, arguments, jac=True, method="L-BFGS-B", options=options).fun)
    assert min(ends) > best - 1e-10
    assert min(ends) < best + 1e-6


def test_theorem_2_rotations_leave_one_energy_and_raise_the_other_and_superfluous_columns_are_zero():
    X = samples()
    model = AffineVae(n_components=8, noise_var=1.0, covariance="diagonal").fit(X)
    assert (model.components_.any(axis=1).sum(), model.n_active_) == (5, 5)
    np.testing.assert_array_equal(model.transform(X)[:, 5:], 0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        turned = np.linalg.qr(rng.standard_normal((8, 8)))[0] @ model.components_
        assert turned.any(axis=1).all()
        assert energies.affine_energy(X, turned, 1.0)[0] == pytest.approx(model.energy_, rel=1e-13)
        assert energies.affine_energy(X, turned, 1.0, covariance="diagonal")[0] > model.energy_ + 10
        mixed = rng.permutation(8)
        for covariance in ("full", "diagonal"):
            value = energies.affine_energy(X, model.components_[mixed], 1.0, covariance=covariance)[0]
            assert value == pytest.approx(model.energy_, rel=1e-13)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_gradient_of_the_affine_energy_matches_differences(covariance):
    X, W = samples(30), np.random.default_rng(1).standard_normal((3, 12))
    mean = X.mean(axis=0) + 0.1

    def value(p):
        return energies.affine_energy(X, p[:-1].reshape(3, 12), p[-1], mean=mean, covariance=covariance)[0]

    _, slope, slope_noise = energies.affine_energy(X, W, 0.8, mean=mean, covariance=covariance)
    point, found, step = np.r_[W.ravel(), 0.8], np.r_[slope.ravel(), slope_noise], 1e-5
    shifts = step * np.eye(len(point))
    expected = [(value(point + shift) - value(point - shift)) / (2 * step) for shift in shifts]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-4)


def test_optimal_noise_variance_is_a_minimum_of_the_energy():
    X = samples()
    for kappa in (1, 5, 11, 12):
        best = AffineVae(n_components=kappa).fit(X)
        for factor in (0.9, 1.1):
            other = AffineVae(n_components=kappa, noise_var=best.noise_var_ * factor).fit(X)
            assert other.energy_ >= best.energy_ - 1e-9
        assert np.all(best.explained_variance_[: best.n_active_] > best.noise_var_)
    # Nothing is left for the noise: the smallest eigenvalue needs fewest components.
    assert best.n_active_ == 11


def test_number_of_components_is_found_with_and_without_a_noise_variance():
    assert AffineVae().fit(samples()).n_components_ == 5
    assert AffineVae(noise_var=1.0).fit(samples()).n_active_ == 5


@pytest.mark.parametrize(
    ("n", "d", "rank", "noise"),
    [(30, 200, 3, 0.1), (30, 200, 3, 2.0), (100, 120, 5, 0.3), (20, 20, 3, 0.3), (60, 20, 3, 0.3), (6, 200, 2, 0.3)],
)
def test_rank_is_found_of_more_features_than_samples_and_of_fewer(n, d, rank, noise):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        signal = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))
        model = AffineVae().fit(signal + noise * rng.standard_normal((n, d)))
        assert (model.n_components_, model.status_) == (rank, "converged")
        # What the components leave, spread over the degrees of freedom that the fit has not used.
        assert model.noise_var_ * n / (n - 1 - rank) == pytest.approx(noise**2, rel=0.3)


@pytest.mark.parametrize(("n", "d"), [(3, 100), (20, 50), (20, 20), (50, 20)])
def test_pure_noise_needs_no_more_than_the_one_component_that_there_must_be(n, d):
    for seed in range(5):
        assert AffineVae().fit(np.random.default_rng(seed).standard_normal((n, d))).n_components_ == 1


def test_components_that_explain_everything_warn():
    X = samples(5)
    with pytest.warns(ConvergenceWarning, match="optimal noise variance is zero"):
        model = AffineVae(n_components=6).fit(X)
    assert model.status_ == "noise_collapsed"
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, rtol=1e-10)
    assert np.isfinite(model.score_samples(X)).all()


def test_constant_features_are_no_obstacle_and_constant_samples_need_a_noise_variance():
    X = samples()
    X[:, 3] = 7.0
    model = AffineVae(n_components=4).fit(X)
    np.testing.assert_allclose(model.components_[:, 3], 0, atol=1e-14)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X))[:, 3], 7.0)
    same = np.full((6, 3), 0.1)
    with pytest.raises(ParameterError, match="all samples are equal"):
        AffineVae().fit(same)
    fixed = AffineVae(noise_var=2.0).fit(same)
    assert (fixed.n_active_, fixed.n_components_) == (0, 3)
    np.testing.assert_array_equal(fixed.inverse_transform(fixed.transform(same)), same)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 13}, "`n_components` is 13, but it must be from 1 to the number of features, 12"),
        ({"n_components": 10**30}, "`n_components` is"),
        ({"n_components": 0}, "`n_components` is 0"),
        ({"n_components": 2.0}, "`n_components` is 2.0"),
        ({"n_components": True}, "`n_components` is True"),
        ({"covariance": "low"}, "`covariance` is 'low'"),
        ({"covariance": 3}, "`covariance` is 3"),
        ({"noise_var": 0.0}, "`noise_var` is 0"),
        ({"noise_var": -1}, "`noise_var` is -1"),
        ({"noise_var": np.nan}, "`noise_var` is NaN"),
        ({"noise_var": "learn"}, "`noise_var` is 'learn'"),
        ({"noise_var": None}, "`noise_var` is None"),
        ({"noise_var": 10**400}, "`noise_var` is beyond"),
    ],
)
def test_parameters_out_of_range_are_named(options, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        AffineVae(**options).fit(samples())


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones(3), ShapeError, "`X` has shape (3,)"),
        (np.ones((1, 3)), ShapeError, "n_samples = 1"),
        (np.ones((0, 3)), ShapeError, "`X` cannot be used"),
        ([[1.0, np.nan], [0.0, 1.0]], NonFiniteError, "index [0, 1]"),
        ([[1.0, 2.0], [-np.inf, 1.0]], NonFiniteError, "index [1, 0]"),
        (np.eye(2) * 1j, DataTypeError, "Complex"),
        ([["a", "b"], ["c", "d"]], DataTypeError, "real numbers"),
        (np.diag([1e200, 1.0]), ParameterError, "variance overflows"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(X, error, message):
    with pytest.raises(error, match=re.escape(message)):
        AffineVae().fit(X)


def test_other_methods_refuse_what_does_not_fit():
    model = AffineVae(n_components=2).fit(samples())
    for method in (model.transform, model.score_samples, model.score):
        with pytest.raises(ShapeError, match="11 features"):
            method(np.ones((2, 11)))
        with pytest.raises(NonFiniteError):
            method(np.full((2, 12), np.nan))
    with pytest.raises(ShapeError, match="2 columns are needed"):
        model.inverse_transform(np.ones((2, 3)))
    for bad in (0, 1.5):
        with pytest.raises(ParameterError, match="n_samples"):
            model.sample(bad)
    for arguments, error in [
        (([[1.0]], [[1.0, 2.0]], 1.0), ShapeError),
        (([[1.0]], [[np.nan]], 1.0), NonFiniteError),
        (([[1.0]], [[1.0]], 0.0), ParameterError),
        ((np.zeros((0, 2)), [[1.0, 2.0]], 1.0), ShapeError),
        (([[1e200], [-1e200]], [[1.0]], 1.0), ParameterError),
    ]:
        with pytest.raises(error):
            energies.affine_energy(*arguments)
    with pytest.raises(ParameterError, match="covariance"):
        energies.affine_energy([[1.0]], [[1.0]], 1.0, covariance="none")


def test_samples_follow_the_model():
    model = AffineVae(n_components=5).fit(samples())
    drawn = model.sample(100_000, random_state=0)
    np.testing.assert_array_equal(drawn, model.sample(100_000, random_state=0))
    np.testing.assert_allclose(drawn.mean(axis=0), model.mean_, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), model.get_covariance(), atol=0.1)


def test_layouts_dtypes_names_and_pickles():
    X = samples()
    model = AffineVae(n_components=3).fit(X)
    for other in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.astype(">f8"), X.tolist()):
        again = AffineVae(n_components=3).fit(other)
        for name in ("components_", "mean_", "noise_var_", "explained_variance_", "energy_"):
            np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
        np.testing.assert_array_equal(model.transform(other), model.transform(X))
        np.testing.assert_array_equal(model.score_samples(other), model.score_samples(X))
    assert model.transform(X.astype(np.float32)).dtype == np.float32
    assert model.inverse_transform(np.ones((1, 3), np.float32)).dtype == np.float32
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(12)])
    named = AffineVae(n_components=3).fit(frame)
    assert named.get_feature_names_out().tolist() == ["affinevae0", "affinevae1", "affinevae2"]
    again = pickle.loads(pickle.dumps(named))
    np.testing.assert_array_equal(again.transform(frame), named.transform(frame))
    with pytest.raises(ShapeError, match="feature names should match"):
        named.transform(frame[frame.columns[::-1]])


def read_from(path, X):
    np.save(path, X)
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize("shape", [(2000, 300), (300, 2000)])
def test_samples_of_any_element_are_read_as_they_lie(shape, tmp_path):
    rng = np.random.default_rng(0)
    counts = rng.integers(-4, 5, shape).astype(np.int8)
    expected = AffineVae(n_components=3).fit(counts.astype(float))
    for X in (counts, counts.astype(np.float32), np.asfortranarray(counts), read_from(tmp_path / "x.npy", counts)):
        model = AffineVae(n_components=3).fit(X)
        for name in ("components_", "mean_", "noise_var_", "explained_variance_", "energy_"):
            np.testing.assert_array_equal(getattr(model, name), getattr(expected, name))
        latent = model.transform(X)
        assert latent.dtype == (np.float32 if X.dtype == np.float32 else np.float64)
        np.testing.assert_allclose(latent, expected.transform(counts.astype(float)), rtol=1e-5, atol=1e-6)
    with pytest.raises(DataTypeError, match=r"use X.toarray\(\)"):
        AffineVae().fit(csr_array(counts))


def test_noise_far_below_the_signal_is_found_to_its_digits():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    latent = rng.standard_normal((500, 40))
    latent = np.linalg.qr(latent - latent.mean(axis=0))[0] * np.sqrt(500)
    for noise in (1e-2, 1e-5, 1e-8):
        X = latent * np.r_[np.full(4, 3.0), np.full(36, noise)] @ axes
        for samples_ in (X, X.T - X.T.mean(axis=0)):
            assert AffineVae().fit(samples_).n_components_ == 4
        assert AffineVae(n_components=4).fit(X).noise_var_ == pytest.approx(noise**2, rel=1e-6)


def test_documented_parameters_and_attributes_are_those_that_exist():
    def names(section):
        text = inspect.getdoc(AffineVae).split(f"{section}\n{'-' * len(section)}\n")[1].split("\n\n")[0]
        return set(re.findall(r"^(\w+) : ", text, re.M))

    model = AffineVae().partial_fit(pd.DataFrame(samples(), columns=[f"x{j}" for j in range(12)]))
    assert names("Attributes") == {name for name in vars(model) if name.endswith("_")}
    assert names("Parameters") == set(model.get_params())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(samples())


@pytest.mark.parametrize("n", [300, 12, 5])
@pytest.mark.parametrize("noise", [1.0, 1e-4])
@pytest.mark.parametrize(
    "options", [{}, {"n_components": 2}, {"n_components": 2, "noise_var": 0.5}, {"covariance": "diagonal"}], ids=str
)
def test_blocks_have_the_fit_of_all_samples(n, noise, options):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 3)) @ rng.standard_normal((3, 8)) + noise * rng.standard_normal((n, 8)) + 1e3
    X = np.round(X, 10) * np.array([1, 1, 1, 1, 1, 1, 1e-3, 1e3])
    model, expected = AffineVae(**options), AffineVae(**options).fit(X)
    for rows in (slice(0, 1), slice(1, 4), slice(4, 200), slice(200, n)):
        if len(X[rows]):
            model.partial_fit(X[rows], refit=False)
    model.partial_fit()
    assert (model.n_samples_seen_, model.status_) == (n, expected.status_)
    assert model.n_components_ == expected.n_components_
    size = np.abs(expected.components_).max()
    np.testing.assert_allclose(model.components_, expected.components_, atol=1e-8 * size)
    np.testing.assert_allclose(model.mean_, expected.mean_, rtol=1e-12)
    for name in ("noise_var_", "explained_variance_", "energy_"):
        np.testing.assert_allclose(getattr(model, name), getattr(expected, name), rtol=1e-6, atol=1e-300)


def test_blocks_are_taken_in_whole_or_not_at_all_and_a_fit_begins_anew():
    X = samples()
    model = AffineVae().fit(X).partial_fit(X[:1])
    assert not hasattr(model, "components_")
    with pytest.raises(NotFittedError, match=r"has seen 1 samples .* once there are 2"):
        model.transform(X)
    with pytest.raises(ParameterError, match="`X` is None"):
        AffineVae().partial_fit()
    holed = X.copy()
    holed[7, 3] = np.nan
    for bad, error in ((X[:, :3], ShapeError), (holed, NonFiniteError), (X * 1j, DataTypeError)):
        with pytest.raises(error, match="`X`"):
            model.partial_fit(bad)
    copied = pickle.loads(pickle.dumps(model))
    for each in (model, copied):
        np.testing.assert_allclose(each.partial_fit(X[1:]).components_, AffineVae().fit(X).components_, atol=1e-12)
    model.fit(X)
    assert not hasattr(model, "n_samples_seen_")
    equal = AffineVae().partial_fit(np.full((3, 2), 0.1), refit=False)
    with pytest.raises(ParameterError, match="all samples are equal"):
        equal.partial_fit()
