"""Theorem 4.2 of "Marginalization is not Marginal" for every penalty, and the lemmas behind Theorem 4.1, as numbers."""

from itertools import combinations

import numpy as np
import pytest
from sparsevae import SimultaneousSparseVae
from sparsevae.energies import marginal_energy
from sparsevae.exceptions import ParameterError, ShapeError
from sparsevae.theory import basic_minima, count_minima


def identity_and(seed, shape=(4, 7)):
    """The dictionary of the proofs, an identity and a random matrix."""
    rng = np.random.default_rng(seed)
    return np.hstack([np.eye(shape[0]), rng.standard_normal((shape[0], shape[1] - shape[0]))])


def rows(seed, ratio, n_nonzero, n_features, n_responses):
    """Coefficients of norms 1, ratio, ratio**2, ..., then zeros: a row for each feature."""
    directions = np.random.default_rng(seed).standard_normal((n_nonzero, n_responses))
    coef = np.zeros((n_features, n_responses))
    coef[:n_nonzero] = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    coef[:n_nonzero] *= ratio ** np.arange(n_nonzero)[:, None]
    return coef


def null_space(X):
    return np.linalg.svd(X)[2][len(X) :].T


def of_norm(slope, value):
    """A penalty of the row norm, as a function of its square."""
    return lambda squares: (value(np.sqrt(squares)), slope(np.sqrt(squares)) / (2 * np.sqrt(squares)))


RATIOS = np.geomspace(1.0, 1e-6, 49).tolist()
KNOTS = np.geomspace(1e-6, 10.0, 8)
PENALTIES = {
    "norm": (1.0, lambda r: r),
    "root": (0.5, np.sqrt),
    "logarithm": ("log", np.log),
    "smoothed logarithm": (of_norm(lambda r: 1 / (0.1 + r), lambda r: np.log(0.1 + r)), lambda r: np.log(0.1 + r)),
    "bounded": (of_norm(lambda r: np.exp(-r), lambda r: -np.exp(-r)), lambda r: -np.exp(-r)),
    "linear pieces": (
        of_norm(
            lambda r: (r[:, None] < KNOTS).sum(axis=1) + 1e-3,
            lambda r: np.minimum(r[:, None], KNOTS).sum(axis=1) + 1e-3 * r,
        ),
        lambda r: np.minimum(r[:, None], KNOTS).sum(axis=1) + 1e-3 * r,
    ),
}


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("n_responses", [1, 3])
def test_basic_minima_are_minima_and_the_others_are_not(name, n_responses):
    penalty, value = PENALTIES[name]
    rng = np.random.default_rng(2)
    X = rng.standard_normal((3, 6))
    Y = X @ rows(3, 0.5, 2, 6, n_responses)
    found = basic_minima(X, Y, penalty)
    assert found.n_basic > len(found.supports) or name in ("root", "logarithm")
    free = null_space(X)

    def cost(coef):
        with np.errstate(divide="ignore"):
            return value(np.linalg.norm(coef, axis=1)).sum()

    supports = {tuple(support) for support in found.supports}
    for support, coef in zip(found.supports, found.coef, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(np.abs(coef).sum(axis=0)), support)
        np.testing.assert_allclose(X @ coef.T, Y, atol=1e-12)
        for size in (1e-4, 1e-7):
            for direction in rng.standard_normal((40, 3, n_responses)):
                assert name == "logarithm" or cost(coef.T + size * free @ direction) > cost(coef.T)
    for support in combinations(range(6), 3):
        if support in supports or set(support) >= {0, 1}:
            continue
        rest = [j for j in range(6) if j not in support]
        base = np.zeros((6, n_responses))
        base[list(support)] = np.linalg.solve(X[:, support], Y)
        # Some column off the support pays for itself, along the gradient of what it saves.
        best = np.inf
        for j in rest:
            loadings = np.linalg.solve(X[:, support], X[:, j])
            unit = base[list(support)] / np.linalg.norm(base[list(support)], axis=1, keepdims=True)
            slope = (value(np.linalg.norm(base, axis=1) + 1e-9) - value(np.linalg.norm(base, axis=1)))[list(support)]
            way = loadings @ (slope[:, None] * unit)
            moved = base.copy()
            moved[j] = 1e-8 * way / np.linalg.norm(way)
            moved[list(support)] -= np.outer(loadings, moved[j])
            best = min(best, cost(moved))
        assert best < cost(base)


@pytest.mark.parametrize("seed", range(3))
def test_basic_minima_of_the_marginal_energy_are_those_that_descents_find(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((3, 7))
    y = X[:, :2] @ [1.0, 0.9]
    expected = basic_minima(X, y)
    model = SimultaneousSparseVae(noise_var=1e-11, fit_intercept=False)
    found = count_minima(model, X, y, n_starts=150)
    np.testing.assert_array_equal(found.supports[0], [0, 1])
    assert {tuple(support) for support in found.supports[1:]} == {tuple(support) for support in expected.supports}
    for support, coef in zip(expected.supports, expected.coef, strict=True):
        slope = marginal_energy(X, y, coef[0] ** 2, 1e-11)[1]
        np.testing.assert_allclose((coef[0] ** 2 * slope)[support], 0.0, atol=1e-6)
        assert (np.delete(slope, support) > 0).all()


def test_basic_minima_have_no_units_and_few_columns_are_no_trouble():
    X = np.random.default_rng(3).standard_normal((3, 7))
    Y = X @ rows(0, 0.7, 2, 7, 1)
    expected = basic_minima(X, Y)
    assert len(expected.supports) > 0
    for x_unit, y_unit in ((1e150, 1e-150), (1e-150, 1e100), (1.0, 1e-290)):
        found = basic_minima(x_unit * X, y_unit * Y)
        np.testing.assert_array_equal(found.supports, expected.supports)
        np.testing.assert_allclose(found.coef, expected.coef * (y_unit / x_unit), rtol=1e-9)
    # Columns as many as samples have one solution; a response of zeros none with nonzero rows, nor dependent columns.
    assert basic_minima(X[:, :3], Y).n_basic == 0
    assert basic_minima(X[:, 2:5], Y).supports.tolist() == [[0, 1, 2]]
    assert (basic_minima(X, 0 * Y).n_basic, basic_minima(np.ones((2, 4)), np.ones(2)).n_basic) == (0, 0)
    assert basic_minima(X, Y).n_basic == 35 - 5


@pytest.mark.parametrize("n_responses", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_theorem_4_2_a_short_column_gives_every_penalty_a_bad_minimum_at_every_scale(seed, n_responses):
    # The first column is a combination of the others with weights that add up to less than 1.
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((4, 5))
    weights = rng.standard_normal(4)
    X[:, 0] = X[:, 1:] @ (0.8 * weights / np.abs(weights).sum())
    marginal = []
    for ratio in (1.0, 1e-1, 1e-2, 1e-3):
        Y = X @ rows(seed, ratio, 3, 5, n_responses)
        for penalty, _ in PENALTIES.values():
            # The least row is 1e-6 of the largest.
            found = basic_minima(X, Y, penalty, tol=1e-12)
            assert [1, 2, 3, 4] in found.supports.tolist()
        marginal.append(len(basic_minima(X, Y, tol=1e-12).supports))
    assert marginal[-1] == 0


@pytest.mark.parametrize("seed", range(5))
def test_with_columns_of_one_norm_the_lasso_has_no_bad_minimum_for_one_row(seed):
    # The construction above cannot be had with columns of norm 1; here the theorem needs more rows than one.
    X = np.random.default_rng(seed).standard_normal((4, 8))
    X /= np.linalg.norm(X, axis=0)
    found = basic_minima(X, X[:, 0], 1.0)
    assert (len(found.supports), found.n_basic) == (0, 35)
    assert len(basic_minima(X, X[:, 0], 0.5).supports) == 35
    assert len(basic_minima(X, X[:, :3] @ [1.0, -1.0, 1.0], 1.0).supports) <= 1


@pytest.mark.parametrize("structure", ["pairs of equal columns", "zero", "rank one"])
def test_eq_6_a_small_random_matrix_makes_all_square_parts_regular(structure):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((4, 8))
    if structure == "zero":
        base[:] = 0.0
    elif structure == "rank one":
        base = np.outer(base[:, 0], base[0])
    else:
        base[:, 4:] = base[:, :4]
    sets = list(combinations(range(8), 4))
    ranks = [np.linalg.matrix_rank(base[:, chosen]) for chosen in sets]
    assert min(ranks) < 4
    for size in (1e-1, 1e-3):
        X = base + size * rng.standard_normal((4, 8))
        least = min(np.linalg.svd(X[:, chosen], compute_uv=False)[-1] for chosen in sets)
        assert least > 1e-5 * size
        # What Theorem 4.1 says of them, for rows that differ enough.
        coef = rows(1, 1e-3 * size, 2, 8, 1)
        assert len(basic_minima(X, X @ coef, tol=1e-13).supports) == 0


def test_theorem_4_1_asks_for_rows_that_differ_the_more_the_smaller_the_random_part_of_eq_6():
    # The least ratio of two rows with a bad minimum, of a dictionary with pairs of nearly equal columns.
    least = []
    for seed in (0, 1, 2, 4, 6):
        for size in (1e-1, 1e-2, 1e-3):
            rng = np.random.default_rng(seed)
            base = rng.standard_normal((4, 4))
            X = np.hstack([base, base]) + size * rng.standard_normal((4, 8))
            least.append(min(r for r in RATIOS if len(basic_minima(X, X @ rows(1, r, 2, 8, 1), tol=1e-13).supports)))
    medians = np.median(np.reshape(least, (5, 3)), axis=0)
    np.testing.assert_allclose(np.log10(medians[:-1] / medians[1:]), 1.0, atol=0.5)


def least_entry(X):
    """The least that the entry of rank d + 1 of a null vector of norm 1 can be, up to the root of their number."""
    free = null_space(X)
    n_free = free.shape[1]
    found = (np.linalg.svd(free[list(chosen)]) for chosen in combinations(range(X.shape[1]), n_free))
    value, way = min(((values[-1], right[-1]) for _, values, right in found), key=lambda pair: pair[0])
    return value / np.sqrt(n_free), free @ way


@pytest.mark.parametrize("seed", range(4))
def test_lemma_c_1_by_a_constant_of_the_dictionary(seed):
    # A feasible solution is the true one and `size` times null vectors, d + 1 rows of which are no less than a constant
    # times `size`: the three categories are its orders. The constant does not depend on the ratio.
    rng = np.random.default_rng(seed)
    X = identity_and(seed)
    constant, worst = least_entry(X)
    free, d, L = null_space(X), 4, 3
    assert constant > 1e-4
    reached = []
    for ratio in (1e-1, 1e-2, 1e-4):
        coef = rows(seed, ratio, 3, 7, L)
        for size in (1e2, 1.0, ratio**0.5, ratio, ratio**2):
            ways = [free @ rng.standard_normal((3, L)) for _ in range(20)] + [np.outer(worst, [1.0, 0.0, 0.0])]
            for way in ways:
                way *= size / np.linalg.norm(way)
                norms = np.linalg.norm(coef + way, axis=1)
                np.testing.assert_allclose(X @ (coef + way), X @ coef, atol=1e-9 * size)
                others = np.sort(norms[1:])[::-1]
                assert others[d - 1] >= constant * size / np.sqrt(L) - ratio
                assert others[0] <= size + ratio
                assert abs(norms[0] - 1) <= size
                reached.append(np.sort(np.linalg.norm(way, axis=1))[-d - 1] / (constant * size))
    assert min(reached) >= 1 / np.sqrt(L)
    assert min(reached) < 3


def test_lemma_c_1_fails_where_the_random_part_of_the_dictionary_shrinks_with_the_rows():
    # Eq. 6 has an epsilon as well. With the same one, a pair of nearly equal columns takes up each other: two rows of
    # order 1 beside the first, and the others small.
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((5, 3))
    for ratio in (1e-2, 1e-4):
        X = np.hstack([np.eye(5), np.eye(5)[:, 1:4] + ratio * noise])
        coef = rows(0, ratio, 3, 8, 1)
        coef[[1, 5]] += [[1.0], [-1.0]]
        coef[:5] += ratio * noise[:, :1]
        np.testing.assert_allclose(X @ coef, X @ rows(0, ratio, 3, 8, 1), atol=1e-12)
        norms = np.abs(coef[:, 0])
        assert (norms[[0, 1, 5]] > 0.9).all()
        assert (np.delete(norms, [0, 1, 5]) < 5 * ratio).all()


def bound(X, squares, L, logs):
    """Eq. 20 without its constant, for rows of these squared norms."""
    w = np.exp(logs)
    return np.sum(squares / w) + L * np.linalg.slogdet((X * w) @ X.T)[1]


def minimise_bound(X, squares, L):
    """Newton's method in the logarithms, in which the bound is convex."""
    logs = np.log(squares / L)
    for _ in range(200):
        w = np.exp(logs)
        cross = X.T @ np.linalg.solve((X * w) @ X.T, X)
        slope = -squares / w + L * w * np.diag(cross)
        curvature = np.diag(squares / w + L * w * np.diag(cross)) - L * np.outer(w, w) * cross**2
        step = np.linalg.solve(curvature, -slope)
        size = 1.0
        while bound(X, squares, L, logs + size * step) > bound(X, squares, L, logs) + 1e-9 and size > 1e-6:
            size /= 2
        logs += size * step
        if np.abs(step).max() < 1e-10:
            return np.exp(logs)
    raise AssertionError("Newton's method did not end")


def exponent(values, ratios):
    return np.polyfit(np.log(ratios), np.log(np.abs(values)), 1)[0]


def test_eq_20_has_one_minimum_since_it_is_convex_in_the_logarithms():
    rng = np.random.default_rng(0)
    for seed in range(20):
        X, squares = identity_and(seed), rng.exponential(size=7)
        one, two = 5 * rng.standard_normal((2, 7))
        middle = bound(X, squares, 3, (one + two) / 2)
        assert middle < (bound(X, squares, 3, one) + bound(X, squares, 3, two)) / 2


@pytest.mark.parametrize("seed", range(3))
def test_lemma_c_2_the_second_category_has_the_orders_of_its_proof_but_one(seed):
    X, L, ratios = identity_and(seed), 3, np.geomspace(1e-2, 1e-4, 5)
    way = null_space(X) @ np.random.default_rng(seed).standard_normal((3, L))
    first, rest, largest, others = [], [], [], []
    for ratio in ratios:
        coef = rows(seed, ratio, 3, 7, L)
        true = np.linalg.eigvalsh((X * (coef**2).mean(axis=1)) @ X.T)[-1]
        squares = ((coef + ratio * way) ** 2).sum(axis=1)
        w = minimise_bound(X, squares, L)
        values = np.linalg.eigvalsh((X * w) @ X.T)
        first.append(w[0] - squares[0] / L)
        rest.append(w[1:].max())
        largest.append(values[-1] - true)
        others.append(values[-2])
    for found in (first, rest, others):
        assert exponent(found, ratios) == pytest.approx(2, abs=0.05)
    # As printed, 2; but the first row differs from the true one by a multiple of the ratio, and so does its square.
    assert exponent(largest, ratios) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_corollary_c_3_a_set_of_prior_variances_scaled_as_one_is_stationary_and_none_is_large(seed):
    X = identity_and(seed)
    model = SimultaneousSparseVae(noise_var=1e-10, fit_intercept=False)
    for ratio in (1.0, 0.3):
        Y = X @ rows(seed, ratio, 3, 7, 2)
        found = count_minima(model, X, Y, n_starts=40)
        for w in found.prior_var:
            covariance = (X * w) @ X.T + 1e-10 * np.eye(4)
            assert np.linalg.eigvalsh(covariance)[-1] < 30
            for chosen in (slice(0, 2), slice(2, 5), slice(None)):
                part = X[:, chosen] * np.sqrt(w[chosen])
                dual = np.linalg.solve(covariance, part)
                # Eq. 24, less than its first term by far.
                terms = 2 * np.sum(part * dual), np.sum((Y.T @ dual) ** 2)
                assert terms[0] == pytest.approx(terms[1], rel=2e-4, abs=1e-6)


def test_eqs_24_and_27_are_derivatives():
    rng = np.random.default_rng(0)
    X, Y, w = identity_and(0), rng.standard_normal((4, 3)), rng.exponential(size=7)
    covariance = (X * w) @ X.T
    inverse, part = np.linalg.inv(covariance), X[:, 2:5] * np.sqrt(w[2:5])

    def energy(other):
        return 3 * np.linalg.slogdet(other)[1] + np.trace(Y.T @ np.linalg.solve(other, Y))

    def derivative(way):
        return (energy(covariance + 1e-5 * way) - energy(covariance - 1e-5 * way)) / 2e-5

    along = 3 * np.trace(part.T @ inverse @ part) - np.sum((Y.T @ inverse @ part) ** 2)
    assert derivative(part @ part.T) == pytest.approx(along, rel=1e-5)
    assert derivative(covariance) == pytest.approx(3 * 4 - np.trace(Y.T @ inverse @ Y), rel=1e-5)
    unit = np.eye(4)[:, :1]
    along = 3 * inverse[0, 0] - np.sum((inverse[0] @ Y) ** 2)
    assert derivative(unit @ unit.T) == pytest.approx(along, rel=1e-5)


def test_lemma_c_4_eqs_29_and_32_lack_the_number_of_responses():
    # One sample and one column: the only minimum is 1 / n, at which the sides of eq. 29 as printed are n and n**2.
    for n in (2, 5):
        y = np.full((1, n), n**-0.5)
        slope = marginal_energy(np.ones((1, 1)), y, np.array([1 / n]), 1e-300)[1]
        assert slope[0] == pytest.approx(0.0, abs=1e-9)
        inverse = n
        assert inverse - inverse**2 < 0 == n * inverse - inverse**2
        # With it nothing changes in the argument where there are two samples or more.
        for d in (2, 3, 10):
            assert n * (n * d) - (n * d) ** 2 < 0


@pytest.mark.parametrize("seed", range(3))
def test_lemma_c_4_where_all_variances_are_of_order_one_the_energy_falls_along_the_first_column(seed):
    X, L = identity_and(seed), 3
    # Scaled so that eq. 27 vanishes in alpha, whatever the prior variances are, of any order above the ratio.
    for ratio in (1e-3, 1e-5):
        Y = X @ rows(seed, ratio, 3, 7, L)
        for f in (1.0, ratio**0.5):
            w = np.random.default_rng(seed).uniform(0.5, 2.0, 7) * np.r_[1.0, np.full(6, f**2)]
            inverse = np.linalg.inv((X * w) @ X.T)
            inverse *= L * 4 / np.trace(Y.T @ inverse @ Y)
            assert inverse[0, 0] == pytest.approx(L * 4, rel=20 * ratio**0.5)
            along = L * inverse[0, 0] - np.sum((inverse[0] @ Y) ** 2)
            assert along == pytest.approx(L * (L * 4) - (L * 4) ** 2, rel=20 * ratio**0.5)
            assert along < 0


def descend(X, Y, w, n_frozen, gamma):
    """Steps of majorisation in the prior variances that are free."""
    for _ in range(2000):
        inverse = np.linalg.inv((X * w) @ X.T + gamma * np.eye(len(X)))
        squares = ((w[:, None] * (X.T @ inverse @ Y)) ** 2).mean(axis=1)
        s = np.einsum("ij,ik,kj->j", X, inverse, X)
        w = np.r_[w[:n_frozen], np.sqrt(squares / s)[n_frozen:]]
    return w


@pytest.mark.parametrize("n_frozen", [1, 2])
def test_lemma_c_5_with_the_largest_rows_frozen_the_next_is_found_if_rows_differ(n_frozen):
    X, found = identity_and(0, (5, 9)), {}
    for ratio in (0.02, 0.7):
        rng = np.random.default_rng(n_frozen)
        coef = rows(0, ratio, 4, 9, 1)
        true = (coef**2).mean(axis=1)
        order = ratio ** (2 * (n_frozen + 1))
        found[ratio] = 0
        for _ in range(4):
            w = ratio ** (2 * n_frozen) * 10.0 ** rng.uniform(-2, 2, 9)
            # Off by an order less than the next row, as the lemma has it.
            w[:n_frozen] = true[:n_frozen] * (1 + rng.uniform(-1, 1, n_frozen) * ratio**2)
            w = descend(X, X @ coef, w, n_frozen, 1e-14)
            next_row = abs(w[n_frozen] - true[n_frozen]) < 0.1 * order
            found[ratio] += next_row and w[n_frozen + 1 :].max() < 2 * order
    assert found[0.02] == 4
    assert found[0.7] < 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: basic_minima(np.ones((3, 2)), np.ones(3)), ShapeError, r"`X` has shape \(3, 2\)"),
        (lambda: basic_minima(np.eye(2), np.ones(2), "exp"), ParameterError, "`penalty` is 'exp'"),
        (lambda: basic_minima(np.eye(2), np.ones(2), 1.5), ParameterError, "`penalty` is 1.5"),
        (lambda: basic_minima(np.eye(2), np.ones(2), tol=0.0), ParameterError, "`tol` is 0.0"),
        (lambda: basic_minima(np.ones((20, 60)), np.ones(20)), ParameterError, "sets of 20 columns"),
        (lambda: basic_minima(1e-200 * np.eye(2), np.full(2, 1e200)), ParameterError, "beyond the range of float64"),
        (
            lambda: basic_minima(np.eye(2), np.ones(2), lambda squares: (squares, 1.0)),
            ParameterError,
            "`penalty` returns .* two arrays",
        ),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()
