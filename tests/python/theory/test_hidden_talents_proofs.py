"""Steps of the proofs of "Hidden Talents": Corollary 3, and the cost of candidates in Theorem 4, as numbers."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.stats import chi2, norm
from sparsevae.energies import affine_energy


def samples_with(values, n_samples=20, seed=0):
    """Centred samples whose covariance has these eigenvalues."""
    rng = np.random.default_rng(seed)
    centred = rng.standard_normal((n_samples, len(values)))
    left = np.linalg.qr(centred - centred.mean(0))[0]
    right = np.linalg.qr(rng.standard_normal((len(values), len(values))))[0]
    return left * np.sqrt(n_samples * np.array(values)) @ right.T


def separable(X, W, noise_var=1.0):
    """Eq. 34 and its slopes, times the number of samples."""
    value, slope, _ = affine_energy(X, W, noise_var, covariance="diagonal")
    return value / len(X), slope / len(X)


def least_energy(values, n_components):
    kept = [value for value in values if value > 1][:n_components]
    return sum(math.log(value) + 1 for value in kept) + sum(values) - sum(kept)


def slope_and_curvature(X, W):
    """The slopes of eq. 34 and the least eigenvalue of its second derivatives, by differences."""

    def slope(w):
        return separable(X, w.reshape(W.shape))[1].ravel()

    steps = 1e-5 * np.eye(W.size)
    second = np.array([(slope(W.ravel() + step) - slope(W.ravel() - step)) / 2e-5 for step in steps])
    return slope(W.ravel()), np.linalg.eigvalsh((second + second.T) / 2)[0]


@pytest.mark.parametrize("n_components", [1, 2])
@pytest.mark.parametrize("values", [(9.0, 4.0, 0.3), (9.0, 4.0, 2.0), (5.0, 5.0, 0.5)])
def test_corollary_3_every_stationary_point_above_the_least_energy_falls_off_somewhere(values, n_components):
    X, rng = samples_with(values), np.random.default_rng(1)
    shape = (n_components, 3)
    worse = 0
    for _ in range(25):
        start = 2 * rng.standard_normal(shape).ravel()
        found = least_squares(lambda w: separable(X, w.reshape(shape))[1].ravel(), start, xtol=1e-14, bounds=(-20, 20))
        slope, curvature = slope_and_curvature(X, found.x.reshape(shape))
        if np.abs(slope).max() < 1e-7:
            above = separable(X, found.x.reshape(shape))[0] - least_energy(values, n_components)
            assert above > -1e-9
            assert above < 1e-6 or curvature < -1e-3
            worse += above > 1e-6
    assert worse > 0


@pytest.mark.parametrize("values", [(9.0, 4.0, 0.3), (9.0, 4.0, 2.0)])
def test_corollary_3_any_choice_of_principal_directions_is_stationary_and_only_the_largest_a_minimum(values):
    X = samples_with(values)
    found, vectors = np.linalg.eigh(X.T @ X / len(X))
    scaled = (vectors * np.sqrt(np.maximum(found - 1, 0))).T[::-1]
    minima = 0
    for chosen in product(range(4), repeat=3):
        rows = [j for j in chosen if j < 3]
        if len(set(rows)) < len(rows):
            continue
        W = np.array([scaled[j] if j < 3 else np.zeros(3) for j in chosen])
        slope, curvature = slope_and_curvature(X, W)
        assert np.abs(slope).max() < 1e-9
        above = separable(X, W)[0] - least_energy(values, 3)
        assert (above < 1e-9) == (curvature > -1e-6)
        minima += above < 1e-9
    assert minima > 0


def test_eq_40_a_stationary_point_whose_columns_are_not_orthogonal():
    # Of one norm, so that all weights of eq. 38 are equal; the proof has rotations other than permutations stationary
    # only by continuity. It is a saddle: the corollary stands.
    X = samples_with((9.0, 4.0, 0.3))
    vectors = np.linalg.eigh(X.T @ X / len(X))[1][:, ::-1]
    lengths = np.sqrt(2.5 * np.array([3.0, 2.0]) - 1)
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    W = turn @ (vectors[:, :2] * lengths).T
    assert (W[0] @ W[1]) ** 2 > 0.5
    slope, curvature = slope_and_curvature(X, W)
    assert np.abs(slope).max() < 1e-9
    assert curvature < -1e-3
    assert separable(X, W)[0] > least_energy((9.0, 4.0, 0.3), 2) + 0.01


def test_eqs_34_to_38_the_bound_is_above_with_the_sign_of_eq_36_the_other_way():
    rng = np.random.default_rng(0)
    X, noise_var = samples_with((9.0, 4.0, 0.3)), 0.7
    W = rng.standard_normal((3, 3))
    covariance = X.T @ X / len(X)
    squares = (W**2).sum(axis=1)

    def energy(V):
        inverse = np.linalg.inv(V.T @ V + noise_var * np.eye(3))
        return np.trace(covariance @ inverse) + np.log((V**2).sum(axis=1) + noise_var).sum()

    assert separable(X, W, noise_var)[0] == pytest.approx(energy(W))
    # The conjugate of the logarithm: at its best omega the two sides of eq. 35 are equal.
    omega = 1 / (squares + noise_var)
    conjugate = 1 - omega * noise_var + np.log(omega)
    np.testing.assert_allclose(omega * squares - conjugate, np.log(squares + noise_var))
    for _ in range(20):
        V = W + rng.standard_normal((3, 3))
        other = (V**2).sum(axis=1)
        linear = omega * other - conjugate
        assert (linear >= np.log(other + noise_var)).all()
        bound = energy(V) - np.log(other + noise_var).sum() + linear.sum()
        assert bound >= energy(V)
    # Eq. 36 as printed has the linear function below.
    assert (linear > np.log(other + noise_var) + 1e-3).any()


def rotated(gram, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.diag(turn.T @ gram @ turn)


def test_eqs_39_and_40_weights_that_differ_have_permutations_as_stationary_points_and_equal_ones_have_all():
    gram = np.array([[1.0, 0.6], [0.6, 1.0]])
    angles = np.linspace(0, np.pi, 20001)
    values = np.array([rotated(gram, angle) @ [0.4, 0.9] for angle in angles])
    turning = angles[1:-1][np.diff(np.sign(np.diff(values))) != 0]
    np.testing.assert_allclose(turning, [np.pi / 4, 3 * np.pi / 4], atol=1e-3)
    for angle in turning:
        np.testing.assert_allclose(np.sort(rotated(gram, angle)), [0.4, 1.6], atol=1e-3)
    assert np.ptp([rotated(gram, angle).sum() for angle in angles]) < 1e-12


@pytest.mark.parametrize("n_components", [1, 3, 6])
def test_eqs_41_to_43_with_the_logarithm_that_the_second_line_lacks(n_components):
    W, noise_var, d = np.random.default_rng(n_components).standard_normal((4, n_components)), 0.3, 4
    squares = (W**2).sum(axis=0)
    whole = np.linalg.slogdet(W @ W.T + noise_var * np.eye(d))[1]
    inner = np.linalg.slogdet(W.T @ W / noise_var + np.eye(n_components))[1] + d * math.log(noise_var)
    assert whole == pytest.approx(inner)
    right = np.log(squares + noise_var).sum() + (d - n_components) * math.log(noise_var)
    assert np.log1p(squares / noise_var).sum() + d * math.log(noise_var) == pytest.approx(right)
    assert whole <= right + 1e-12
    assert (1 + squares / noise_var).sum() + d * math.log(noise_var) > right + 0.5
    # Equal for orthogonal columns, eq. 41.
    left, values, _ = np.linalg.svd(W, full_matrices=False)
    straight = np.log(values**2 + noise_var).sum() + (d - len(values)) * math.log(noise_var)
    assert np.linalg.slogdet((left * values**2) @ left.T + noise_var * np.eye(d))[1] == pytest.approx(straight)


def decomposition(seed=0, n=4, d=6, distinct=True):
    """Samples of one basis vector with one outlier each, at different features: basis, codes, outliers."""
    rng = np.random.default_rng(seed)
    basis, codes = rng.uniform(0.5, 1.5, d), np.arange(n) - n / 2 + rng.uniform(0, 0.5, n)
    if not distinct:
        codes[1] = codes[0]
    outliers = np.zeros((n, d))
    outliers[np.arange(n), np.arange(n)] = rng.choice([-1, 1], n) * rng.uniform(1.0, 2.0, n)
    return basis, codes, outliers


def candidate_cost(basis, codes, outliers, alpha):
    """Eq. 45 at the candidate of eqs. 46-50 for one latent variable, exactly: off the right support, and on it."""
    X = np.outer(codes, basis) + outliers
    order = np.argsort(codes)
    edges = np.r_[-np.inf, (codes[order][1:] + codes[order][:-1]) / 2, np.inf]
    variances = np.where(outliers == 0, alpha, 1.0)
    off = on = 0.0
    for i, code in enumerate(codes):
        rest = alpha - math.log(alpha) + code**2
        for k, lower, upper in zip(order, edges[:-1], edges[1:], strict=True):
            a, b = (lower - code) / math.sqrt(alpha), (upper - code) / math.sqrt(alpha)
            mass = norm.cdf(b) - norm.cdf(a) if a < 0 else norm.sf(a) - norm.sf(b)
            mean = norm.pdf(a) - norm.pdf(b)
            square = mass + (a * norm.pdf(a) if np.isfinite(a) else 0) - (b * norm.pdf(b) if np.isfinite(b) else 0)
            misfit = X[i] - basis * code
            moments = misfit**2 * mass - 2 * misfit * basis * math.sqrt(alpha) * mean + alpha * basis**2 * square
            cost = (moments / variances[k]).sum() + (np.log(variances[k]).sum() + rest) * mass
            right = ((outliers[k] == 0) == (outliers[i] == 0)).all()
            off, on = off + cost * (not right), on + cost * right
    return off, on


@pytest.mark.parametrize("seed", range(3))
def test_eqs_46_to_66_the_cost_of_the_candidate_has_the_slope_of_the_proof(seed):
    basis, codes, outliers = decomposition(seed)
    n, d = outliers.shape
    alphas = np.geomspace(1e-2, 1e-8, 13)
    off, on = np.transpose([candidate_cost(basis, codes, outliers, alpha) for alpha in alphas])
    # Eq. 61, by the bound that eq. 59 has for it; its Chebyshev inequality is exact enough with one latent variable.
    half = np.min([abs(one - two) / 2 for one, two in combinations(codes, 2)])
    largest = (outliers**2).sum(axis=1).max()
    for value, alpha in zip(off, alphas, strict=True):
        bracket = largest / alpha + alpha - math.log(alpha) + codes**2
        assert value <= n * basis @ basis + bracket.sum() * alpha / half**2
    # Eqs. 62 and 65: what is left of the rest is bounded; the slope in the logarithm is the count of eq. 66.
    count = (d - 1 - np.count_nonzero(outliers, axis=1)).sum()
    rest = on - count * np.log(alphas)
    assert np.ptp(rest[alphas < 1e-4]) < 0.05
    assert rest[-1] <= n * largest + n * basis @ basis + (codes**2).sum()
    slope = np.polyfit(np.log(alphas[-5:]), (off + on)[-5:], 1)[0]
    assert slope == pytest.approx(count, abs=1e-3)


def test_eq_60_lacks_the_number_of_latent_variables():
    # P(||sqrt(alpha) e|| > rho) in kappa dimensions against alpha / rho ** 2 and kappa times that.
    for kappa in (1, 2, 10, 50):
        shares = np.linspace(0.01, 1.0, 100)
        probability = chi2.sf(1 / shares, kappa)
        assert (probability <= kappa * shares).all()
        assert (probability <= shares).all() == (kappa <= 2)
    # It decays faster than any power of alpha, and so nothing else changes.
    assert chi2.sf(1e4, 50) < 1e-300


def pointwise_cost(X, basis, codes, alpha, spread):
    """Least cost over all functions for the variances of the decoder (eq. 45), one latent variable, by quadrature."""
    lower, upper = codes.min() - 9 * math.sqrt(spread), codes.max() + 9 * math.sqrt(spread)
    points = np.unique(np.concatenate([code + math.sqrt(spread) * np.linspace(-9, 9, 2001) for code in codes]))
    assert points[0] == pytest.approx(lower)
    assert points[-1] == pytest.approx(upper)
    widths = np.gradient(points)
    weights = norm.pdf(points, codes[:, None], math.sqrt(spread)) * widths
    squares = (X[:, None, :] - points[:, None] * basis) ** 2
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nan_to_num(np.einsum("ip,ipj->pj", weights, squares) / total[:, None])
    variances = np.maximum(mean, alpha)
    data = np.sum(total[:, None] * (mean / variances + np.log(variances)))
    return data + len(X) * (spread - math.log(spread)) + (codes**2).sum()


def slope_of_cost(X, basis, codes):
    alphas = np.geomspace(1e-5, 1e-8, 4)
    return np.polyfit(np.log(alphas), [pointwise_cost(X, basis, codes, alpha, alpha) for alpha in alphas], 1)[0]


def test_eq_47_needs_another_threshold_where_two_samples_have_the_same_low_rank_part():
    # With the basis of the theorem and the best variances for each value of the latent variable.
    basis, codes, outliers = decomposition(1)
    count = 4 * (6 - 1 - 1)
    assert slope_of_cost(np.outer(codes, basis) + outliers, basis, codes) == pytest.approx(count, abs=0.02)
    # Two samples with one code and different outliers: half their least distance, eq. 54, is 0, the decoder cannot
    # tell them apart, and each pays for the outliers of both.
    basis, codes, outliers = decomposition(1, distinct=False)
    X = np.outer(codes, basis) + outliers
    assert slope_of_cost(X, basis, codes) == pytest.approx(count - 2, abs=0.02)
    # Codes a few roots of alpha apart cost a constant, and no more; eq. 47 has them within alpha.
    alphas = np.geomspace(1e-5, 1e-8, 4)
    ways = [codes + 4 * math.sqrt(alpha) * np.array([1.0, -1.0, 0.0, 0.0]) for alpha in alphas]
    costs = [pointwise_cost(X, basis, way, alpha, alpha) for way, alpha in zip(ways, alphas, strict=True)]
    assert np.polyfit(np.log(alphas), costs, 1)[0] == pytest.approx(count, abs=0.1)
    for way, alpha in zip(ways, alphas, strict=True):
        misfit = np.abs(X - np.outer(way, basis) - outliers)
        assert misfit[:2].min() > alpha
        assert misfit.max() < 10 * math.sqrt(alpha)


def floor_bound(X, basis, codes, spreads, alpha):
    """Eq. 71 without its O(1), for one latent variable."""
    nodes = np.linspace(-9, 9, 20001)
    weights = norm.pdf(nodes) * (nodes[1] - nodes[0])
    squares = (X[:, None, :] - (codes[:, None] + np.sqrt(spreads)[:, None] * nodes)[..., None] * basis) ** 2
    data = np.einsum("p,ipj->", weights, np.log(np.maximum(squares, alpha)))
    return data + spreads.sum() - np.log(spreads).sum() + (codes**2).sum()


def test_eqs_70_and_71_are_bounds():
    for alpha in (1e-1, 1e-6):
        c = np.geomspace(1e-9, 1e3, 61)
        gammas = np.geomspace(alpha, 1e4, 20001)
        values = (c[:, None] / gammas + np.log(gammas)).min(axis=1)
        apart = values - np.log(np.maximum(c, alpha))
        assert (apart >= 0).all()
        assert (apart <= 1 + 1e-6).all()
    basis, codes, outliers = decomposition(0)
    X = np.outer(codes, basis) + outliers
    rng = np.random.default_rng(0)
    for alpha in (1e-2, 1e-5):
        off, on = candidate_cost(basis, codes, outliers, alpha)
        assert off + on >= floor_bound(X, basis, codes, np.full(4, alpha), alpha)
        for _ in range(5):
            other = codes + rng.standard_normal(4)
            cost = pointwise_cost(X, basis, other, alpha, 0.1)
            assert cost >= floor_bound(X, basis, other, np.full(4, 0.1), alpha) - 1e-3


def test_eqs_72_to_84_no_fixed_candidate_has_a_steeper_bound():
    basis, codes, outliers = decomposition(2)
    X, d = np.outer(codes, basis) + outliers, 6
    alphas, rng = np.geomspace(1e-7, 1e-10, 4), np.random.default_rng(0)

    def slope(basis, codes, spreads):
        values = [floor_bound(X, basis, codes, np.maximum(spreads, alpha), alpha) for alpha in alphas]
        return np.polyfit(np.log(alphas), values, 1)[0]

    count = (d - 1 - 1) * 4
    assert slope(basis, codes, np.zeros(4)) == pytest.approx(count, abs=0.02)
    # Eq. 84: the variance of a code that is no longer at the floor costs what it gains, or more, never less.
    for spread in (1e-2, 1.0):
        for released in range(1, 5):
            spreads = np.r_[np.full(released, spread), np.zeros(4 - released)]
            assert slope(basis, codes, spreads) == pytest.approx(count - (d - 2) * released, abs=0.05)
    # Other codes, other bases, and the basis vector that fits one feature of each sample exactly.
    for _ in range(10):
        other = basis * np.exp(0.3 * rng.standard_normal(d))
        features = rng.integers(0, d, 4)
        for moved in (codes + 0.1 * rng.standard_normal(4), X[np.arange(4), features] / other[features]):
            exact = np.abs(X - np.outer(moved, other)) <= 1e-12
            found = slope(other, moved, np.zeros(4))
            assert found == pytest.approx(exact.sum() - 4, abs=0.1)
            assert found <= count + 0.1


def test_eq_77_holds_uniformly():
    nodes = np.linspace(-12, 12, 400001)
    weights = norm.pdf(nodes) * (nodes[1] - nodes[0])
    apart = []
    for alpha in (1e-2, 1e-5, 1e-8):
        for length in (0.0, 1e-5, 1e-3, 1e-1, 1.0, 10.0):
            for shift in (0.0, alpha, -3 * alpha):
                value = weights @ np.log(np.maximum((shift + length * nodes) ** 2, alpha))
                assert value >= math.log(alpha) - 1e-6
                apart.append(value - math.log(max(length**2, alpha)))
    assert min(apart) > -1.3
    assert max(apart) < 1.0


def test_eq_80_does_not_hold_where_residuals_lie_between_the_floor_and_its_root():
    # Their squares are below the floor, so that they cost nothing; but each counts as an outlier in eq. 72, whose
    # residuals footnote 17 says to be of order 1.
    basis, codes, outliers = decomposition(0)
    X, d = np.outer(codes, basis) + outliers, 6
    for alpha in (1e-6, 1e-10):
        moved = codes + 0.1 * math.sqrt(alpha)
        counted = (np.abs(X - np.outer(moved, basis)) > alpha).sum(axis=1)
        assert (counted == d).all()
        cost = sum(candidate_cost(basis, moved, X - np.outer(codes, basis), alpha))
        printed = (d - 1 - counted).sum() * math.log(alpha)
        assert cost < printed + 20 * math.log(alpha) + 40
        # With the features that are outliers for a threshold of the root the bound is the right one.
        counted = (np.abs(X - np.outer(moved, basis)) > math.sqrt(alpha)).sum(axis=1)
        assert abs(cost - (d - 1 - counted).sum() * math.log(alpha)) < 40


def test_theorem_4_withstands_data_that_sparser_decompositions_approach_and_none_attains():
    # One basis vector and one outlier come as near to these data as one likes, with a basis and an outlier that grow;
    # exactly, all samples but the first need an outlier. Candidates on that way, at every rate in alpha.
    n, d = 4, 6
    rng = np.random.default_rng(0)
    shares, loadings = rng.uniform(0.5, 1.5, d - 1), rng.uniform(0.5, 1.5, n - 1)
    X = np.zeros((n, d))
    X[0], X[1:, 0] = np.r_[1.0, shares], loadings
    for size in (1e-2, 1e-5):
        near = np.outer(np.r_[1.0, size * loadings], np.r_[1 / size, shares])
        assert np.count_nonzero(np.abs(near - X) > 2.5 * size) == 1
    alphas = np.geomspace(1e-7, 1e-10, 4)

    def slope(rate):
        costs = []
        for alpha in alphas:
            basis = np.r_[alpha ** (-rate / 2), shares]
            codes = np.r_[1.0, alpha ** (rate / 2) * loadings]
            costs.append(floor_bound(X, basis, codes, np.full(n, alpha), alpha))
        return np.polyfit(np.log(alphas), costs, 1)[0]

    exact = (d - 1) + (n - 1) * (d - 1 - 1)
    codes = np.r_[1.0, np.zeros(n - 1)]
    costs = [floor_bound(X, X[0], codes, np.full(n, alpha), alpha) for alpha in alphas]
    assert np.polyfit(np.log(alphas), costs, 1)[0] == pytest.approx(exact, abs=0.1)
    # The basis that grows lets the least variance of the code grow as well, which takes what the outliers give.
    for rate in (0.25, 0.5, 0.75, 1.0):
        assert slope(rate) == pytest.approx((d - 1 - rate - 1) + (n - 1) * rate * (d - 2), abs=0.5)
        assert slope(rate) < exact - 0.5


def test_eq_81_has_its_sign_the_other_way():
    # The logarithm of alpha is negative: fewer outliers make the sum larger. As printed every worse candidate would
    # prove that the solution is not the unique one.
    basis, codes, outliers = decomposition(0)
    X, d = np.outer(codes, basis) + outliers, 6
    worse = np.abs(X - np.outer(codes + 0.3, basis)) > 1e-9
    printed = (d - 1 - worse.sum(axis=1)).sum() <= (d - 1 - (outliers != 0).sum(axis=1)).sum()
    assert printed
    assert worse.sum() > np.count_nonzero(outliers)
