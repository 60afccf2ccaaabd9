"""Theorems of "Marginalization is not Marginal", and one of "Goldfish", as numbers that could come out otherwise."""

from itertools import combinations

import numpy as np
import pytest
from sparsevae import SimultaneousSparseVae
from sparsevae.datasets import make_sparse_regression
from sparsevae.energies import marginal_energy, separable_energy
from sparsevae.exceptions import NonFiniteError, ParameterError, ShapeError
from sparsevae.theory import (
    PriorVarProfile,
    autoencoder_energy,
    count_minima,
    diagonal_coef_energy,
    prior_var_profile,
)

ENERGIES = {"full": marginal_energy, "diagonal": separable_energy}
COVARIANCES = list(ENERGIES)
EXAMPLE = PriorVarProfile(mean_square=10, variance=1, lone_variance=0.01)


def correlated(seed, *, ratio=1.0, noise=0.0, shape=(10, 20), n_nonzero=4, n_responses=3):
    """Neighbouring columns with correlations of .9, and nonzero rows of norms 1, ratio, ratio**2, ..."""
    rng = np.random.default_rng(seed)
    lags = np.abs(np.subtract.outer(np.arange(shape[1]), np.arange(shape[1])))
    X = rng.standard_normal(shape) @ np.linalg.cholesky(0.9**lags).T
    X /= np.linalg.norm(X, axis=0)
    support = np.sort(rng.choice(shape[1], n_nonzero, replace=False))
    coef = np.zeros((n_responses, shape[1]))
    rows = rng.standard_normal((n_responses, n_nonzero))
    coef[:, support] = rows / np.linalg.norm(rows, axis=0) * ratio ** np.arange(n_nonzero)
    return X, X @ coef.T + noise * rng.standard_normal((shape[0], n_responses)), coef, support


def some_problem(seed=0):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((6, 9)), rng.standard_normal((6, 4))
    return X, Y, rng.exponential(size=9), 10.0 ** rng.uniform(-2, 0)


def local_minima(values):
    """Indices of the entries below their neighbours."""
    inner = np.r_[np.inf, values, np.inf]
    return np.flatnonzero((inner[1:-1] < inner[:-2]) & (inner[1:-1] < inner[2:]))


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("seed", range(3))
def test_the_profile_is_the_energy(covariance, seed):
    X, Y, w, gamma = some_problem(seed)
    values = np.r_[0.0, np.geomspace(1e-6, 1e4, 21)]
    for j in range(len(w)):
        expected = [ENERGIES[covariance](X, Y, np.r_[w[:j], value, w[j + 1 :]], gamma)[0] for value in values]
        found = prior_var_profile(X, Y, w, gamma, j, covariance=covariance).energy(values)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_one_response_may_be_a_vector():
    X, Y, w, gamma = some_problem()
    assert prior_var_profile(X, Y[:, 0], w, gamma, 2) == prior_var_profile(X, Y[:, :1], w, gamma, 2)


def test_theorem_4_4_one_free_prior_variance_has_one_minimum():
    seen = set()
    for seed in range(40):
        X, Y, w, gamma = some_problem(seed)
        profile = prior_var_profile(X, Y, w, gamma, 0)
        values = np.r_[0.0, np.geomspace(1e-6, 1e4, 2001)]
        on_grid = local_minima(profile.energy(values))
        (minimum,) = profile.minima()
        assert len(on_grid) == 1
        assert minimum == pytest.approx(max(0.0, profile.mean_square - profile.variance), rel=1e-12)
        assert minimum == pytest.approx(values[on_grid[0]], rel=0.02, abs=1e-6)
        seen.add(minimum > 0)
    assert seen == {False, True}


def test_the_minimiser_has_no_gradient():
    X, Y, w, gamma = some_problem(1)
    for covariance, energy in ENERGIES.items():
        for j in range(len(w)):
            for point in prior_var_profile(X, Y, w, gamma, j, covariance=covariance).stationary_points():
                _, grad, _ = energy(X, Y, np.r_[w[:j], point, w[j + 1 :]], gamma)
                # Scaled by what it is the difference of.
                assert grad[j] * (point + gamma) == pytest.approx(0.0, abs=1e-9)


def test_eq_21_lacks_a_factor():
    X, Y, _, _ = correlated(1, noise=0.01)
    model = SimultaneousSparseVae(noise_var=1e-4, fit_intercept=False)
    found = count_minima(model, X, Y, n_starts=1)
    w, support = found.prior_var[0], found.supports[0]
    inverse = np.linalg.inv((X * w) @ X.T + 1e-4 * np.eye(10))
    squares = np.mean((w[:, None] * X.T @ inverse @ Y) ** 2, axis=1)[support]
    s = np.einsum("ij,ik,kj->j", X, inverse, X)[support]
    np.testing.assert_allclose(squares / w[support] ** 2, s, rtol=1e-5)
    # As printed, without the square of the prior variance.
    assert (np.abs(squares / s - 1) > 0.1).all()


def test_eq_54_needs_an_eigenvector():
    # What the paper writes for `a` is right where the other columns are orthogonal to this one, and only there.
    X, Y, w, gamma = some_problem(3)
    eq_54 = np.mean((X[:, 0] @ Y) ** 2) / (X[:, 0] @ X[:, 0]) ** 2
    assert prior_var_profile(X, Y, w, gamma, 0).mean_square != pytest.approx(eq_54, rel=0.1)
    others = X - np.outer(X[:, 0], X[:, 0] @ X) / (X[:, 0] @ X[:, 0])
    others[:, 0] = X[:, 0]
    assert prior_var_profile(others, Y, w, gamma, 0).mean_square == pytest.approx(eq_54, rel=1e-9)


def test_corollary_4_5_the_diagonal_covariance_has_two_minima():
    # Eq. 56 at the numbers of the paper.
    expected = (8 + np.array([-1, 1]) * np.sqrt(100 + 40 * (0.01 - 1))) / 2
    np.testing.assert_allclose(EXAMPLE.stationary_points(), expected, rtol=1e-12)
    values = np.r_[0.0, np.geomspace(1e-4, 1e4, 4001)]
    energy = EXAMPLE.energy(values)
    np.testing.assert_allclose(values[local_minima(energy)], EXAMPLE.minima(), rtol=3e-3)
    # The smaller point is no minimum but the maximum between 0 and the larger one, and 0 is the bad minimum.
    top = local_minima(-energy)[0]
    assert values[top] == pytest.approx(expected[0], rel=3e-3)
    np.testing.assert_array_equal(EXAMPLE.minima(), [0.0, expected[1]])
    assert EXAMPLE.energy(expected[1]) < EXAMPLE.energy(0.0) - 2


def test_two_minima_occur_in_problems():
    # Column 1 explains the response almost as well as column 0 does, and has a prior variance that lets it.
    X, Y = np.array([[1.0, 0.999], [0.0, np.sqrt(1 - 0.999**2)]]), np.array([3.0, 0.0])
    one = prior_var_profile(X, Y, [0.0, 2.0], 1e-3, 0)
    two = prior_var_profile(X, Y, [0.0, 2.0], 1e-3, 0, covariance="diagonal")
    assert (len(one.minima()), len(two.minima())) == (1, 2)
    assert two.lone_variance < two.variance == one.variance == one.lone_variance


@pytest.mark.parametrize("lone_variance", [1.0, 1.5, 30.0])
def test_no_second_minimum_unless_the_encoder_underrates_the_variance(lone_variance):
    # The case S of the second half of Corollary 4.5.
    for mean_square in (0.0, 0.5, 1.0, 1.9, 2.1, 5.0, 100.0):
        profile = PriorVarProfile(mean_square, 1.0, lone_variance)
        values = np.r_[0.0, np.geomspace(1e-5, 1e5, 4001)]
        assert len(profile.minima()) == len(local_minima(profile.energy(values))) == 1


@pytest.mark.parametrize(
    ("arguments", "points", "minima"),
    [
        ((4.0, 1.0, 0.25), [2.0], [2.0]),  # Flat at 0, from where the energy falls.
        ((1.0, 1.0, 1.0), [], [0.0]),  # Flat at 0, from where it rises.
        ((4.0, 1.5, 0.5), [0.5], [0.0]),  # Two stationary points in one: no minimum.
        ((0.0, 1.0, 0.5), [], [0.0]),  # A column that the data say is zero.
        ((2.0, 1.0, 0.01), [], [0.0]),  # No real root.
    ],
)
def test_the_edges_of_eq_56(arguments, points, minima):
    profile = PriorVarProfile(*arguments)
    np.testing.assert_allclose(profile.stationary_points(), points)
    np.testing.assert_allclose(profile.minima(), minima)


def elbo(X, Y, scale, weights, factor, gamma):
    """Eq. 13 with full S, straight from eq. 5."""
    d, L = Y.shape
    decoder, covariance = X * scale, factor @ factor.T
    misfit = np.sum((Y - decoder @ weights @ Y) ** 2) / gamma
    spread = np.trace(decoder.T @ decoder @ covariance) / gamma + d * np.log(gamma) + np.trace(covariance)
    return misfit + L * (spread - np.linalg.slogdet(covariance)[1]) + np.sum((weights @ Y) ** 2)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_the_bound_at_the_best_encoder_is_the_energy(covariance):
    X, Y, w, gamma = some_problem(5)
    scale = np.sqrt(w)
    Sigma = (X * w) @ X.T + gamma * np.eye(len(X))
    weights = (X * scale).T @ np.linalg.inv(Sigma)
    precision = (X * scale).T @ (X * scale) / gamma + np.eye(len(w))
    best = np.linalg.cholesky(np.linalg.inv(precision)) if covariance == "full" else np.diag(np.diag(precision) ** -0.5)
    # Eq. 5 has as many latent variables as columns: the constant of each is 1 at the best encoder.
    value = elbo(X, Y, scale, weights, best, gamma) - Y.shape[1] * len(w)
    assert value == pytest.approx(ENERGIES[covariance](X, Y, w, gamma)[0], rel=1e-12)


def test_section_4_6_signs_change_neither_the_bound_nor_the_coefficients():
    rng = np.random.default_rng(6)
    X, Y, _, gamma = some_problem(6)
    scale, weights, factor = rng.standard_normal(9), rng.standard_normal((9, 6)), rng.standard_normal((9, 9))
    value, coef = elbo(X, Y, scale, weights, factor, gamma), scale[:, None] * weights @ Y
    for _ in range(5):
        D = np.diag(rng.choice([-1.0, 1.0], 9))
        assert elbo(X, Y, D @ scale, D @ weights, D @ factor, gamma) == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose((D @ scale)[:, None] * (D @ weights) @ Y, coef)
        # A sign of the decoder alone is another model.
        flipped = elbo(X, Y, D @ scale, weights, factor, gamma)
        assert (D > -1).all() or flipped != pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_signs_of_columns_and_rotations_of_responses_leave_the_energy_alone(covariance):
    # The counterpart in the data: the minima in the prior variances stay where they are.
    rng = np.random.default_rng(7)
    X, Y, w, gamma = some_problem(7)
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    value, grad, _ = ENERGIES[covariance](X, Y, w, gamma)
    other, other_grad, _ = ENERGIES[covariance](X * rng.choice([-1.0, 1.0], 9), Y @ rotation, w, gamma)
    assert other == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(other_grad, grad, rtol=1e-9, atol=1e-9)


def test_lemma_4_3_the_diagonal_covariance_tends_to_the_autoencoder():
    rng = np.random.default_rng(8)
    X, coef = rng.standard_normal((5, 8)), rng.standard_normal((3, 8))
    Y = X @ coef.T + 0.1 * rng.standard_normal((5, 3))
    lengths, squares, L = (X**2).sum(axis=0), (coef**2).sum(axis=0), 3
    rate, apart = L**2 * np.sum(1 / (squares * lengths)), []
    for gamma in (1e-3, 1e-4, 1e-5):
        constant = L * (np.log(lengths).sum() + (5 - 8) * np.log(gamma))
        autoencoder = autoencoder_energy(X, Y, coef, gamma, log_weight=L)
        apart.append((diagonal_coef_energy(X, Y, coef, gamma) - autoencoder - constant) / (gamma * rate))
    assert apart == pytest.approx([1.0, 1.0, 1.0], abs=0.1)
    assert np.abs(np.array(apart) - 1).argsort().tolist() == [2, 1, 0]
    # Not with the weight of eq. 8, where the number of responses does not multiply the penalty.
    assert abs(diagonal_coef_energy(X, Y, coef, gamma) - autoencoder_energy(X, Y, coef, gamma) - constant) > 1


def test_the_energy_of_coefficients_is_a_bound_that_the_posterior_mean_attains():
    X, Y, _, noise_var = correlated(0, noise=0.01)[:4]
    noise_var = 1e-3
    model = SimultaneousSparseVae(covariance="diagonal", noise_var=noise_var, fit_intercept=False, tol=1e-10).fit(X, Y)
    w = model.prior_var_
    Sigma = (X * w) @ X.T + noise_var * np.eye(len(X))
    mean = (w[:, None] * X.T @ np.linalg.solve(Sigma, Y)).T
    energy = separable_energy(X, Y, w, noise_var)[0]
    assert diagonal_coef_energy(X, Y, mean, noise_var) == pytest.approx(energy, abs=1e-5)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 1e-1):
        support = np.flatnonzero(np.abs(mean).sum(axis=0) > 1e-3)
        other = mean.copy()
        other[:, support] += size * rng.standard_normal((3, len(support)))
        assert diagonal_coef_energy(X, Y, other, noise_var) > energy


def test_corollary_4_6_one_free_row_has_two_minima_for_the_autoencoder_alone():
    X, Y, coef, support = correlated(1, noise=0.05)
    gamma, j = 0.0025, support[0]
    others = np.delete(np.arange(20), j)
    # No row is zero, so that the autoencoder has a finite value.
    coef[:, others] += 1e-3
    # Along the least-squares row given the others, on which the best row lies.
    residual = Y - X[:, others] @ coef[:, others].T
    best = X[:, j] @ residual / (X[:, j] @ X[:, j])
    scales = np.r_[0.0, np.geomspace(1e-9, 3.0, 2001)]
    diagonal, autoencoder = [], []
    for scale in scales:
        coef[:, j] = scale * best
        diagonal.append(diagonal_coef_energy(X, Y, coef, gamma))
        autoencoder.append(autoencoder_energy(X, Y, coef, gamma))
    assert len(local_minima(np.array(diagonal))) == 1
    both = local_minima(np.array(autoencoder))
    assert len(both) == 2
    assert both[0] == 0
    assert autoencoder[0] == -np.inf


def test_smoothing_makes_the_autoencoder_finite():
    X, Y, coef, _ = correlated(2)
    assert autoencoder_energy(X, Y, coef, 0.1) == -np.inf
    value = autoencoder_energy(X, Y, coef, 0.1, log_weight=2.0, smoothing=1e-3)
    assert value == pytest.approx(20 * 2 * (1 - np.log(2)) + 2 * np.log((coef**2).sum(axis=0) + 1e-3).sum())


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_orthogonal_columns_leave_one_minimum(covariance):
    rng = np.random.default_rng(1)
    X = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    Y = X[:, :3] @ rng.standard_normal((3, 3)) + 0.1 * rng.standard_normal((8, 3))
    model = SimultaneousSparseVae(covariance=covariance, noise_var=0.01, fit_intercept=False)
    found = count_minima(model, X, Y, n_starts=50)
    # Each coordinate for itself, in closed form.
    expected = np.maximum(0.0, np.mean((X.T @ Y) ** 2, axis=1) - 0.01)
    np.testing.assert_allclose(found.prior_var, expected[None], rtol=1e-6, atol=1e-12)
    assert (found.best_share, found.n_unconverged) == (1.0, 0)
    np.testing.assert_array_equal(found.supports[0], np.flatnonzero(expected))


@pytest.mark.parametrize("optimizer", ["auto", "em", "mackay"])
def test_theorem_4_1_scaled_rows_leave_no_bad_minimum(optimizer):
    for seed in range(4):
        X, Y, _, support = correlated(seed, ratio=0.1)
        model = SimultaneousSparseVae(optimizer=optimizer, noise_var=1e-12, fit_intercept=False)
        full = count_minima(model, X, Y, n_starts=40)
        assert (full.best_share, full.n_unconverged) == (1.0, 0)
        np.testing.assert_array_equal(full.supports[0], support)
        diagonal = count_minima(model.set_params(covariance="diagonal"), X, Y, n_starts=40)
        # The same best minimum, among many: the theorem has no counterpart.
        np.testing.assert_array_equal(diagonal.supports[0], support)
        assert len(diagonal.energies) > 20
        assert diagonal.best_share < 0.5


def test_goldfish_theorem_4_2_bad_minima_remain_under_a_restricted_isometry():
    data = make_sparse_regression(20, 40, n_nonzero=2, random_state=3)
    # Any two columns: the constant is their largest correlation, since columns have norm 1.
    constant = max(abs(data.X[:, i] @ data.X[:, j]) for i, j in combinations(range(40), 2))
    assert constant == pytest.approx(0.632, abs=1e-3)
    model = SimultaneousSparseVae(noise_var=1e-8, fit_intercept=False, tol=1e-10)
    found = count_minima(model, data.X, data.y, n_starts=40)
    assert (len(found.energies), found.n_unconverged) == (4, 0)
    np.testing.assert_array_equal(found.supports[0], data.support)
    for w in found.prior_var:
        slope = marginal_energy(data.X, data.y, w, 1e-8)[1]
        np.testing.assert_allclose(w * slope, 0.0, atol=1e-6)
        assert (slope[w == 0] > 0).all()


def test_lemma_c_6_as_many_columns_as_samples_have_the_squared_solution_as_minimum():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((6, 6)), rng.standard_normal((6, 3))
    squares = np.mean(np.linalg.solve(X, Y) ** 2, axis=1)
    energy, slope = marginal_energy(X, Y, squares, 1e-12)[:2]
    np.testing.assert_allclose(squares * slope, 0.0, atol=1e-9)
    # Eq. 38, the only minimum in each prior variance for itself.
    volume = 2 * np.linalg.slogdet(X)[1]
    for w in rng.lognormal(size=(5, 6)) * squares:
        expected = 3 * (np.sum(squares / w + np.log(w)) + volume)
        assert marginal_energy(X, Y, w, 1e-12)[0] == pytest.approx(expected, abs=1e-6)
        assert expected > energy


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_what_the_probe_finds_are_minima(covariance):
    X, Y, _, _ = correlated(2, noise=0.01)
    model = SimultaneousSparseVae(covariance=covariance, noise_var=1e-4, fit_intercept=False)
    found = count_minima(model, X, Y, n_starts=40)
    assert len(found.energies) > 1
    assert found.n_unconverged == 0
    assert found.counts.sum() == len(found.labels) == 40
    np.testing.assert_array_equal(np.bincount(found.labels), found.counts)
    assert (np.diff(found.energies) >= 0).all()
    for energy, w, support in zip(found.energies, found.prior_var, found.supports, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(w), support)
        assert energy == pytest.approx(ENERGIES[covariance](X, Y, w, 1e-4)[0], abs=1e-6)
        for j in range(20):
            minima = prior_var_profile(X, Y, w, 1e-4, j, covariance=covariance).minima()
            assert np.abs(minima - w[j]).min() <= 5e-3 * w[j]


def test_the_full_covariance_has_fewer_minima():
    counts = {}
    for covariance in COVARIANCES:
        model = SimultaneousSparseVae(covariance=covariance, noise_var=1e-4, fit_intercept=False)
        problems = [correlated(seed, noise=0.01) for seed in range(6)]
        counts[covariance] = [len(count_minima(model, X, Y, n_starts=40).energies) for X, Y, _, _ in problems]
    assert np.median(counts["full"]) == 1
    assert max(counts["full"]) < 15
    assert min(counts["diagonal"]) > 20


def test_the_probe_does_not_change_the_estimator_and_repeats():
    X, Y, _, _ = correlated(0, noise=0.01)
    model = SimultaneousSparseVae(covariance="diagonal", noise_var=1e-4)
    before = dict(model.get_params())
    first, again = (count_minima(model, X, Y, n_starts=10, random_state=3) for _ in range(2))
    assert model.get_params() == before
    assert not hasattr(model, "coef_")
    np.testing.assert_array_equal(first.prior_var, again.prior_var)
    other = count_minima(model, X, Y, n_starts=10, random_state=4)
    assert not np.array_equal(first.labels, other.labels) or not np.array_equal(first.energies, other.energies)


def test_the_probe_has_no_units():
    X, Y, _, _ = correlated(3, noise=0.01)
    model = SimultaneousSparseVae(covariance="diagonal", noise_var=1e-4)
    found = count_minima(model, X, Y, n_starts=15)
    scaled = count_minima(model.set_params(noise_var=1e4), X * 1e-3, Y * 1e4, n_starts=15)
    np.testing.assert_array_equal(scaled.counts, found.counts)
    np.testing.assert_allclose(scaled.prior_var, found.prior_var * 1e14, rtol=1e-4)


def test_the_probe_keeps_groups_and_whitens():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 20))
    Y = X[:, :4] @ rng.standard_normal((4, 2)) + 5 + 0.03 * rng.standard_normal((12, 2))
    grouped = count_minima(SimultaneousSparseVae(noise_var=1e-3, groups=np.arange(20) // 2), X, Y, n_starts=10)
    assert set(range(4)) <= set(grouped.supports[0])
    np.testing.assert_array_equal(grouped.prior_var[:, ::2], grouped.prior_var[:, 1::2])
    plain = count_minima(SimultaneousSparseVae(noise_var=1e-3), X, Y, n_starts=10)
    white = count_minima(SimultaneousSparseVae(noise_var=5e-4, noise_cov=2 * np.eye(12)), X, Y, n_starts=10)
    np.testing.assert_allclose(white.prior_var[0], plain.prior_var[0], rtol=1e-6)


def test_no_column_is_a_minimum_too():
    X, Y, _, _ = correlated(0)
    found = count_minima(SimultaneousSparseVae(noise_var=1e3), X, Y[:, 0], n_starts=5)
    assert [support.size for support in found.supports] == [0]
    assert found.prior_var.tolist() == [[0.0] * 20]


X, Y, W, GAMMA = some_problem()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: prior_var_profile(X, Y, W, GAMMA, 9), ParameterError, "`feature` is 9.*from 0 to 8"),
        (lambda: prior_var_profile(X, Y, W, GAMMA, 0.5), ParameterError, "`feature` is 0.5"),
        (lambda: prior_var_profile(X * 0, Y, W, GAMMA, 0), ParameterError, "`feature` is 0.*zero"),
        (lambda: prior_var_profile(X * 1e-160, Y, W, GAMMA, 0), ParameterError, "`X` is scaled so that .* `feature` 0"),
        (lambda: prior_var_profile(X * 1e-200, Y, W, GAMMA, 0), ParameterError, "`X` is scaled so that .* `feature` 0"),
        (lambda: prior_var_profile(X, Y, W, 0.0, 0), ParameterError, "noise_var"),
        (lambda: prior_var_profile(X, Y, W[1:], GAMMA, 0), ShapeError, "prior_var"),
        (lambda: prior_var_profile(X, Y, W, GAMMA, 0, covariance="low"), ParameterError, "`covariance` is 'low'"),
        (lambda: PriorVarProfile(1.0, 0.0, 1.0), ParameterError, "`variance` is 0.0"),
        (lambda: PriorVarProfile(-1.0, 1.0, 1.0), ParameterError, "`mean_square` is -1.0"),
        (lambda: PriorVarProfile(1.0, 1.0, 1.0, 0), ParameterError, "`n_responses` is 0"),
        (lambda: EXAMPLE.energy([1.0, -1.0]), ParameterError, "`values` has -1.0"),
        (lambda: EXAMPLE.energy([np.nan]), NonFiniteError, "`values`"),
        (lambda: diagonal_coef_energy(X, Y, W, GAMMA), ShapeError, r"`coef` has shape \(9,\), but \(4, 9\)"),
        (lambda: diagonal_coef_energy(X, Y[1:], np.ones((4, 9)), GAMMA), ShapeError, "`Y` has 5 rows"),
        (lambda: autoencoder_energy(X, Y, np.ones((4, 9)), -1.0), ParameterError, "`noise_var` is -1.0"),
        (lambda: autoencoder_energy(X, Y, np.ones((4, 9)), 1.0, log_weight=0), ParameterError, "`log_weight` is 0"),
        (lambda: autoencoder_energy(X, Y, np.ones((4, 9)), 1.0, smoothing=-1), ParameterError, "`smoothing` is -1"),
        (lambda: count_minima("mm", X, Y), ParameterError, "`estimator` is 'mm'"),
        (lambda: count_minima(SimultaneousSparseVae(), X, Y), ParameterError, "noise_var='auto'"),
        (lambda: count_minima(SimultaneousSparseVae(noise_var=1, optimizer="adam"), X, Y), ParameterError, "adam"),
        (lambda: count_minima(SimultaneousSparseVae(noise_var=1.0), X, Y, n_starts=0), ParameterError, "`n_starts`"),
        (lambda: count_minima(SimultaneousSparseVae(noise_var=1.0), X, Y, decades=-1), ParameterError, "`decades`"),
        (lambda: count_minima(SimultaneousSparseVae(noise_var=1.0), X, Y, tolerance=0), ParameterError, "`tolerance`"),
        (lambda: count_minima(SimultaneousSparseVae(noise_var=1.0), X, Y + np.inf), NonFiniteError, "`Y`"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()
