"""Concentration and isometries in Welper's "Non-Convex Compressed Sensing with Training Data", as numbers.

Its constants c and C are unspecified: a bound is held to account by the constant that it would need over sizes and
levels, which must not drift towards none.
"""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import binom, chi2
from sparsevae import basis_pursuit
from sparsevae.datasets import make_combinators, make_sparse_components
from sparsevae.metrics import restricted_isometry_bound, stable_rank

# The sub-Gaussian norms, sup p ** -.5 E[abs(R) ** p] ** (1 / p), have their largest value at p = 1.
NORMS = {"gaussian": math.sqrt(2 / math.pi), "rademacher": 1.0, "uniform": math.sqrt(3) / 2}
LEVELS = (0.05, 0.2, 0.5, 0.9, 1.0, 1.5, 3.0)


def tail(law, n, s, tau):
    """P[abs(norm(x) - s ** .5) >= tau s ** .5] of a column, exactly, by its number of nonzeros."""
    upper, lower = s * (1 + tau) ** 2, s * (1 - tau) ** 2 if tau <= 1 else -1.0
    if law == "rademacher":
        return binom.sf(math.ceil(upper) - 1, n, s / n) + binom.cdf(math.floor(lower), n, s / n)
    counts = np.arange(1, n + 1)
    weights = binom.pmf(counts, n, s / n)
    inside = weights @ (chi2.sf(upper, counts) + chi2.cdf(max(lower, 0.0), counts))
    return inside + (binom.pmf(0, n, s / n) if lower >= 0 else 0.0)


@pytest.mark.parametrize(("law", "constant"), [("gaussian", 0.24), ("rademacher", 1.03)])
def test_lemma_5_4_holds_with_one_constant_at_all_sizes(law, constant):
    needed = [
        -math.log(tail(law, n, s, tau) / 2) * NORMS[law] ** 4 / (s * tau**2)
        for n in (20, 200, 2000)
        for s in (1, 2, 5, 20, 100)
        for tau in LEVELS
        if s <= n / 2 and tail(law, n, s, tau) > 1e-250
    ]
    assert min(needed) == pytest.approx(constant, abs=0.005)
    # The exact tail is that of draws.
    columns = make_sparse_components(200, 4000, 20, law=law, random_state=0)
    off = np.abs(np.linalg.norm(columns, axis=0) - math.sqrt(20)) >= 0.2 * math.sqrt(20)
    expected = tail(law, 200, 20, 0.2)
    assert off.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / 4000))


def test_eqs_11_and_12():
    # tau is the root of min(theta ** 2, theta).
    ratios, thetas = np.linspace(0, 5, 501), np.geomspace(1e-3, 30, 200)
    square, plain = np.abs(ratios**2 - 1)[:, None] <= thetas, np.abs(ratios - 1)[:, None]
    assert (plain <= np.sqrt(np.minimum(thetas**2, thetas)) + 1e-12)[square].all()
    # A sharper exponent does not do for large theta.
    assert not (plain <= thetas**0.4)[square].all()
    # The sub-Gaussian norm is no less than the square root of 1/2, which the last step asks for.
    assert min(NORMS.values()) >= math.sqrt(0.5)
    # Eq. 11, exactly for signs, whose norm is 1: the number of nonzeros.
    needed = []
    for n in (20, 200, 2000):
        for s in (1, 5, 20, 100):
            for theta in (0.1, 0.5, 1.0, 2.0, 5.0):
                upper, lower = math.ceil(s * (1 + theta) - 1e-9), math.floor(s * (1 - theta) + 1e-9)
                share = binom.sf(upper - 1, n, s / n) + binom.cdf(lower, n, s / n)
                if s <= n / 2 and share > 1e-250:
                    needed.append(-math.log(share / 2) / (s * min(theta**2, theta)))
    assert min(needed) > 0.15


MATRICES = {
    "identity": np.eye(60),
    "all ones": np.ones((60, 60)),
    "no diagonal": np.ones((60, 60)) - np.eye(60),
    "one entry": np.eye(60) * (np.arange(60) == 0),
    "random": np.random.default_rng(0).standard_normal((60, 60)),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("law", NORMS)
def test_theorem_5_3_holds_with_one_constant_for_matrices_of_every_kind(name, law):
    M, K = MATRICES[name], NORMS[law]
    for s in (3, 12, 60):
        draws = make_sparse_components(60, 20_000, s, law=law, random_state=1)
        forms = np.einsum("ik,ij,jk->k", draws, M, draws)
        off = np.abs(forms - s / 60 * np.trace(M))
        for tau in np.quantile(off, [0.5, 0.9, 0.99, 0.999]):
            exponent = min(60 * tau**2 / (s * K**4 * np.linalg.norm(M) ** 2), tau / (K**2 * np.linalg.norm(M, 2)))
            share = (off >= tau).mean()
            # With c = 1/10.
            assert share <= 2 * math.exp(-0.1 * exponent) + 3 * math.sqrt(share / 20_000)


def test_corollary_5_5_needs_its_condition_and_then_holds():
    # The probability that some of p columns is off, with s = C K ** 4 log(p) / tau ** 2.
    for tau in (0.3, 0.6):
        for factor, sufficient in ((8.0, True), (0.25, False)):
            fails = []
            for p in (10, 100, 10_000):
                s = math.ceil(factor * math.log(p) / tau**2)
                fails.append(-math.expm1(p * math.log1p(-tail("rademacher", 50 * s, s, tau))))
                if sufficient:
                    assert fails[-1] <= 2 * math.exp(-0.1 * s * tau**2)
            assert (fails[-1] < fails[0]) == sufficient
    # The scaling itself: a diagonal matrix of the norms.
    X = make_sparse_components(2000, 30, 200, random_state=0)
    tau = np.abs(np.linalg.norm(X, axis=0) / math.sqrt(200) - 1).max()
    for v in np.random.default_rng(0).standard_normal((20, 30)):
        scaled = np.linalg.norm(np.linalg.norm(X, axis=0) * v) / math.sqrt(200)
        assert (1 - tau) * np.linalg.norm(v) <= scaled <= (1 + tau) * np.linalg.norm(v)
    # The chain of the proof has the sign of log(p) the other way: a union over p columns costs.
    assert 2 * 10 * math.exp(-5.0) == pytest.approx(2 * math.exp(-5.0 + math.log(10)))
    assert 2 * 10 * math.exp(-5.0) > 2 * math.exp(-5.0 - math.log(10))


def isometry(A, X, n_nonzero, scale):
    """The least epsilon of a restricted isometry in norms, of all sets of columns."""
    sets = np.array(list(combinations(range(X.shape[1]), n_nonzero)))
    values = np.linalg.svd((scale * A @ X).T[sets], compute_uv=False)
    return max(1 - values.min(), values.max() - 1)


def design(rank, n=300, seed=0):
    """Rows of an orthonormal matrix: the stable rank is their number."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0][:rank]


def test_theorem_5_1_and_corollary_5_2_by_simulation_over_stable_ranks():
    n, s, p = 300, 60, 20
    plain, normed = {}, {}
    for rank in (3, 12, 48, 192):
        A = design(rank)
        assert stable_rank(A) == pytest.approx(rank)
        draws = [make_sparse_components(n, p, s, random_state=seed) for seed in range(20)]
        factor = np.linalg.norm(A)
        plain[rank] = np.array([isometry(A, X, 2, math.sqrt(n / s) / factor) for X in draws])
        units = [X / np.linalg.norm(X, axis=0) for X in draws]
        normed[rank] = np.array([isometry(A, X, 2, math.sqrt(n) / factor) for X in units])
    expected = [[1.17, 0.69, 0.38, 0.25], [1.10, 0.61, 0.32, 0.14]]
    found = [[np.median(draws) for draws in scaled.values()] for scaled in (plain, normed)]
    np.testing.assert_allclose(found, expected, atol=0.006)
    for found in (plain, normed):
        # Never at 3, always at 192 for epsilon of 1/2; in between epsilon falls with the root of the stable rank,
        # as in eqs. 9 and 10.
        assert (found[3] > 0.5).all()
        assert (found[192] < 0.5).all()
        medians = [np.median(found[rank]) for rank in (12, 48, 192)]
        np.testing.assert_allclose(np.array(medians[:-1]) / medians[1:], 2.0, rtol=0.4)
    # With C = 1 eq. 9 asks for 49 at epsilon of 1/2 and t of 2.
    asked = NORMS["gaussian"] ** 4 * n * 2 / (s * 0.25) * math.log(p / (0.5 * 2))
    assert asked == pytest.approx(48.6, abs=0.1)
    assert ((plain[48] < 0.5).mean(), (normed[48] < 0.5).mean()) == (0.9, 1.0)
    # Rows of the identity have the same stable rank, and see the fewest entries of X: C has to be larger.
    chosen = np.eye(n)[:48]
    found = [isometry(chosen, X, 2, math.sqrt(n / s / 48)) for X in draws]
    assert np.sum(np.array(found) < 0.5) == 1
    # The bound of the package agrees with what all sets say.
    X = make_sparse_components(n, p, s, random_state=0)
    bound = restricted_isometry_bound(
        design(48) @ X, 2, n_draws=2000, scale=math.sqrt(n / s) / np.linalg.norm(design(48))
    )
    assert bound == pytest.approx(plain[48][0], rel=1e-9)
    # The scales: mean squares are those of the vectors.
    v = np.r_[1.0, -2.0, np.zeros(18)]
    squares = [np.sum((design(48) @ X @ v) ** 2) * n / s / 48 for X in draws]
    assert np.mean(squares) == pytest.approx(5.0, rel=0.2)


def test_corollary_5_2_three_epsilons_suffice_up_to_a_third():
    epsilon = np.linspace(0, 1 / 3, 1001)
    assert ((1 - epsilon) / (1 + epsilon) >= 1 - 3 * epsilon - 1e-12).all()
    assert ((1 + epsilon) / (1 - epsilon) <= 1 + 3 * epsilon + 1e-12).all()
    assert 1.34 / 0.66 > 1 + 3 * 0.34


def test_lemma_5_9_and_eq_14_with_their_own_constants():
    slack = []
    for n in (10, 100, 3000):
        for s in (0.5, 2.0, 10.0, 50.0):
            for p in (1, 20, 1000):
                for alpha in (0.0, 0.1, 0.5, 1.0, 3.0):
                    if s <= n:
                        one = binom.sf(math.ceil((1 + alpha) * s - 1e-9) - 1, n, s / n)
                        exact = -math.expm1(p * math.log1p(-min(one, 1 - 1e-16)))
                        bound = 2 * math.exp(-3 * alpha**2 / (6 + 2 * alpha) * s + math.log(p))
                        assert exact <= bound
                        slack.append(exact / bound)
    # One-sided, Bernstein's inequality has no factor 2; it is not far off otherwise.
    assert 0.2 < max(slack) <= 0.5
    # Eq. 14 is the case alpha = 1 with s >= 2 c_1 p log(p) ** 2, here c_1 = 1.
    for p in (2, 3, 10, 100, 10_000):
        assert 3 / 8 * 2 * p * math.log(p) ** 2 - math.log(p) >= 0.01 * p


def test_lemma_5_10_and_eq_16():
    for p in (1, 2, 7, 500):
        t = np.linspace(1, p, 200)
        values = t * np.log(3 * p / t)
        assert (values >= math.log(p)).all()
        assert (np.diff(values) >= 0).all()
        # Eq. 10 in eq. 16 leaves p to a negative power; as printed after it the power is positive.
        epsilon = 0.5
        exponent = t * np.log(3 * p / (epsilon * t))
        assert (np.exp(-exponent) <= 1 / p).all()


@pytest.mark.parametrize("seed", range(3))
def test_lemma_5_11_scaling_to_norm_one_commutes_up_to_signs(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((7, 5))
    P, gamma = np.eye(5)[:, rng.permutation(5)], rng.standard_normal(5) * 10.0 ** rng.integers(-3, 3, 5)
    other = X @ P * gamma
    scaled, other_scaled = X / np.linalg.norm(X, axis=0), other / np.linalg.norm(other, axis=0)
    np.testing.assert_allclose(scaled, other_scaled * np.sign(gamma) @ P.T, atol=1e-12)
    # Columns of zeros have no scaling, and the model has them with probability (1 - s / n) ** n.
    assert tail("rademacher", 10, 1, 1.0) >= 0.9**10


def test_lemma_5_12_needs_a_square():
    # Singular values between 1 - epsilon and 1 + epsilon leave squares of them in both norms.
    A, s, epsilon = np.diag(np.r_[1.6, np.full(31, 0.4)]), 32, 0.6
    share = (1 - epsilon) / (1 + epsilon)
    assert isometry(A, np.eye(32), s, 1.0) == pytest.approx(epsilon)
    assert stable_rank(A) == pytest.approx(1 + 31 / 16)
    assert stable_rank(A) < share / 2 * s
    assert stable_rank(A) >= share**2 / 2 * s
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((6, 9)) + rng.uniform(0, 2) * rng.standard_normal((6, 1))
        X /= np.linalg.norm(X) / 3
        for order in (1, 2, 3, 4):
            found = isometry(np.eye(6), X, order, 1.0)
            if found < 1:
                assert stable_rank(X) >= ((1 - found) / (1 + found)) ** 2 / 2 * order


def er_spud(Y):
    """Algorithm 4 as printed, with the greedy choice: columns of the span, the sparsest first."""
    n, p = Y.shape
    pairs = np.random.default_rng(0).permutation(n)[: n // 2 * 2].reshape(-1, 2)
    identity = np.eye(n)
    found = []
    for pair in pairs:
        row = Y[pair].sum(axis=0)
        if np.abs(row).max() < 1e-9:
            continue
        solved = linprog(
            np.r_[np.zeros(p), np.ones(n)],
            A_ub=np.block([[Y, -identity], [-Y, -identity]]),
            b_ub=np.zeros(2 * n),
            A_eq=np.r_[row, np.zeros(n)][None],
            b_eq=[1.0],
            bounds=[(None, None)] * p + [(0, None)] * n,
        )
        column = Y @ solved.x[:p]
        found.append(np.where(np.abs(column) > 1e-7 * np.abs(column).max(), column, 0.0))
    chosen = np.empty((n, 0))
    for column in sorted(found, key=np.count_nonzero):
        wider = np.c_[chosen, column / np.linalg.norm(column)]
        chosen = wider if np.linalg.svd(wider, compute_uv=False)[-1] > 1e-6 else chosen
    return chosen


def test_theorem_5_6_er_spud_by_simulation_inside_and_outside_of_eq_13():
    # p = 5: eq. 13 has s / n from .4 to a multiple of .45, and n > 65 c_1.
    solved = {}
    for share in (0.25, 0.4, 0.7):
        solved[share] = 0
        for seed in range(4):
            X = make_sparse_components(80, 5, 80 * share, random_state=seed)
            Z = np.random.default_rng(seed).standard_normal((5, 8))
            found = er_spud(np.linalg.svd(X @ Z, full_matrices=False)[0][:, :5])
            likeness = np.abs(found.T @ X) / np.linalg.norm(X, axis=0)
            solved[share] += found.shape[1] == 5 and (likeness.max(axis=0) > 1 - 1e-6).all()
    assert solved == {0.25: 4, 0.4: 4, 0.7: 0}


def test_corollary_5_8_holds_by_simulation_and_its_proof_needs_another_condition():
    ranks = [np.linalg.matrix_rank(make_sparse_components(80, 5, 32, random_state=seed)) for seed in range(300)]
    assert min(ranks) == 5
    # With a size of alpha v below its largest entry, as printed, I - alpha V can be a signed permutation; the entries
    # of alpha v have to be below 1.
    v, alpha = np.array([2.0, 2.0]), 0.5
    assert alpha < np.abs(v).max()
    moved = np.eye(2) - alpha * np.c_[v, v]
    np.testing.assert_array_equal(moved, [[0.0, -1.0], [-1.0, 0.0]])


def test_remark_2_4_other_factors_serve_if_they_keep_both_properties():
    X = make_sparse_components(200, 80, 20, random_state=0)
    A = np.random.default_rng(0).standard_normal((45, 200))
    Z = make_combinators(80, 20, 4, random_state=1)
    coef = X @ Z
    rng = np.random.default_rng(2)
    mixed = X.copy()
    # Some columns are sums of two: combinators become a little denser.
    mixed[:, :5] += X[:, 5:10]
    factors = {
        "itself": X,
        "further columns": np.c_[X, X @ make_combinators(80, 5, 2, random_state=3)],
        "sums of two": mixed,
        "no sparse combinator": X @ np.linalg.qr(rng.standard_normal((80, 80)))[0],
    }
    solved = {}
    for name, factor in factors.items():
        unit = factor / np.linalg.norm(factor, axis=0)
        found = unit @ basis_pursuit(A @ unit, A @ coef).coef
        solved[name] = np.mean(np.linalg.norm(found - coef, axis=0) < 1e-6 * np.linalg.norm(coef, axis=0))
    assert solved["itself"] == 1
    assert min(solved["further columns"], solved["sums of two"]) >= 0.9
    assert solved["no sparse combinator"] == 0
    # Nor does l1 minimisation without factors solve one.
    plain = basis_pursuit(A, A @ coef).coef
    assert (np.linalg.norm(plain - coef, axis=0) > 1e-3 * np.linalg.norm(coef, axis=0)).all()
