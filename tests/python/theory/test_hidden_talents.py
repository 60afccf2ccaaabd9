"""Theorems of "Hidden Talents of the Variational Autoencoder", as numbers that could come out otherwise."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from sparsevae import AffineVae
from sparsevae.energies import affine_energy
from sparsevae.exceptions import NonFiniteError, ParameterError, ShapeError
from sparsevae.theory import count_affine_minima, memorising_energy, smoothed_count, smoothed_rank


def samples_with(values, n_samples=20, seed=0):
    """Centred samples whose covariance has these eigenvalues."""
    rng = np.random.default_rng(seed)
    d = len(values)
    centred = rng.standard_normal((n_samples, d))
    left = np.linalg.qr(centred - centred.mean(0))[0]
    right = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return left * np.sqrt(n_samples * np.array(values)) @ right.T


@pytest.mark.parametrize(
    ("values", "n_components", "expected"),
    [((9.0, 0.1, 0.05), 2, 4), ((9.0, 3.0, 0.1), 2, 8), ((9.0, 4.0, 3.0), 1, 2), ((9.0, 0.2, 0.1), 3, 6)],
)
def test_theorem_2_random_starts_end_in_as_many_minima_as_are_counted(values, n_components, expected):
    X = samples_with(values)
    rng = np.random.default_rng(1)

    def energy(w):
        value, slope, _ = affine_energy(X, w.reshape(n_components, -1), 1.0, covariance="diagonal")
        return value, slope.ravel()

    ends, least = set(), []
    for _ in range(20 * expected):
        found = minimize(energy, rng.standard_normal(3 * n_components), jac=True, options={"gtol": 1e-9})
        ends.add(tuple(np.round(found.x, 2) + 0.0))
        least.append(found.fun)
    assert len(ends) == expected == count_affine_minima(X, n_components, 1.0)
    # They are equally good, and as good as the energy of the full covariance can be.
    best = AffineVae(n_components=n_components, noise_var=1.0).fit(X).energy_
    np.testing.assert_allclose(least, best, rtol=1e-9)


def test_minima_are_infinitely_many_where_directions_are_alike_and_one_where_there_are_none():
    assert count_affine_minima(samples_with((4.0, 4.0, 0.1)), 2, 1.0) == math.inf
    assert count_affine_minima(samples_with((9.0, 4.0, 4.0)), 2, 1.0) == math.inf
    assert count_affine_minima(samples_with((9.0, 4.0, 4.0)), 1, 1.0) == 2
    assert count_affine_minima(samples_with((0.5, 0.2, 0.1)), 2, 1.0) == 1


def test_corollary_5_the_limit_is_the_number_of_nonzeros():
    rng = np.random.default_rng(0)
    residual = rng.standard_normal((6, 8)) * (rng.random((6, 8)) < 0.3)
    values = [smoothed_count(residual, floor) for floor in (1e-20, 1e-80, 1e-300)]
    errors = np.abs(np.array(values) - np.count_nonzero(residual))
    assert (errors[1:] < errors[:-1]).all()
    assert errors[-1] < 0.1
    # It is what is left of the energy with the best variances above the floor.
    for floor in (1e-3, 1e-6):
        variances = np.maximum(residual**2, floor)
        energy = (residual**2 / variances + np.log(variances)).sum()
        counted = np.log(variances).sum() - residual.size * np.log(floor)
        assert smoothed_count(residual, floor) == pytest.approx(counted / -np.log(floor))
        nearby = variances * np.exp(0.1 * rng.standard_normal(variances.shape))
        assert energy <= (residual**2 / np.maximum(nearby, floor) + np.log(np.maximum(nearby, floor))).sum()


@pytest.mark.parametrize("seed", range(4))
def test_eq_18_the_rank_is_no_more_than_its_bound_and_stops_at_the_dimension(seed):
    rng = np.random.default_rng(seed)
    n, d, rank = 7, 6, 2
    low_rank = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))
    outliers = np.zeros((n, d))
    counts = np.arange(n)  # up to all of the features
    for row, count in zip(outliers, counts, strict=True):
        row[rng.choice(d, count, replace=False)] = rng.standard_normal(count)
    limit = sum(np.linalg.matrix_rank(low_rank.T @ low_rank + np.diag(row**2), hermitian=True) for row in outliers)
    assert limit == np.minimum(rank + counts, d).sum()
    assert limit < n * rank + np.count_nonzero(outliers)
    errors = [abs(smoothed_rank(low_rank, outliers, floor) - limit) for floor in (1e-20, 1e-80, 1e-300)]
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.2


def test_ranks_without_a_low_rank_part_are_counts():
    rng = np.random.default_rng(0)
    outliers = rng.standard_normal((5, 4)) * (rng.random((5, 4)) < 0.5)
    found = smoothed_rank(np.zeros((5, 4)), outliers, 1e-12)
    assert found == pytest.approx(sum(np.log((row**2 + 1e-12) / 1e-12).sum() for row in outliers) / -np.log(1e-12))


def memory(seed=0, shape=(8, 3)):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape), rng.standard_normal(shape[1])


@pytest.mark.parametrize(("noise_var", "latent_var"), [(0.5, None), (0.2, 0.01), (1e-3, 2.0)])
def test_the_energy_of_a_memory_is_the_mean_of_its_definition_over_draws(noise_var, latent_var):
    X, a = memory()
    spread = noise_var if latent_var is None else latent_var
    codes = X @ a
    draws = codes[:, None] + math.sqrt(spread) * np.random.default_rng(1).standard_normal((len(X), 40_000))
    nearest = np.abs(draws[..., None] - codes).argmin(-1)
    misfits = ((X[:, None, :] - X[nearest]) ** 2).sum(-1)
    rest = len(X) * (3 * math.log(noise_var) + spread - math.log(spread)) + (codes**2).sum()
    error = 5 * math.sqrt((misfits.var(axis=1) / misfits.shape[1]).sum()) / noise_var
    assert memorising_energy(X, a, noise_var, latent_var) == pytest.approx(
        misfits.mean(axis=1).sum() / noise_var + rest, abs=error + 1e-9
    )


@pytest.mark.parametrize("seed", range(3))
def test_theorem_6_the_energy_of_a_memory_has_no_bound_below_but_that_of_eq_97_above(seed):
    X, a = memory(seed)
    n, d = X.shape
    codes = np.sort(X @ a)
    half = np.diff(codes).min() / 2
    farthest = ((X[:, None] - X) ** 2).sum(-1).max()
    variances = np.geomspace(1e-2, 1e-200, 40)
    values = np.array([memorising_energy(X, a, value) for value in variances])
    bounds = n * (farthest / half**2 + (d - 1) * np.log(variances) + variances) + (codes**2).sum()
    assert (values <= bounds).all()
    assert (np.diff(values[10:]) < 0).all()
    slope = (values[-1] - values[-2]) / np.diff(np.log(variances))[-1]
    assert slope == pytest.approx(n * (d - 1), rel=1e-9)


MISTAKES = {
    "components": (lambda: count_affine_minima([[1.0, 2.0]], 0, 1.0), ParameterError, "`n_components` is 0"),
    "noise": (lambda: count_affine_minima([[1.0], [2.0]], 1, 0.0), ParameterError, "`noise_var` is 0"),
    "empty": (lambda: smoothed_count(np.empty((0, 3)), 0.1), ShapeError, "`residual` has shape"),
    "floor": (lambda: smoothed_count([[1.0]], 1.0), ParameterError, "`floor` is 1.0"),
    "floor of the rank": (lambda: smoothed_rank([[1.0]], [[1.0]], 0.0), ParameterError, "`floor` is 0.0"),
    "shapes": (lambda: smoothed_rank([[1.0]], [[1.0, 2.0]], 0.1), ShapeError, "to match `low_rank`"),
    "nan": (lambda: smoothed_rank([[np.nan]], [[1.0]], 0.1), NonFiniteError, "`low_rank` has a NaN"),
    "direction": (lambda: memorising_energy([[1.0, 2.0]], [1.0], 0.1), ShapeError, "to match `X`"),
    "same code": (lambda: memorising_energy([[1.0, 2.0], [1.0, 3.0]], [1.0, 0.0], 0.1), ParameterError, "same code"),
    "latent": (lambda: memorising_energy([[1.0]], [1.0], 0.1, 0.0), ParameterError, "`latent_var` is 0"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        call()
