"""The energies through Python: one golden case each, to prove the wiring."""

import numpy as np
import pytest
from problems import golden
from sparsevae import energies
from sparsevae.exceptions import ParameterError

CASE = golden("energy")[6]
ARGUMENTS = [np.array(CASE["X"]), np.array(CASE["y"][0]), np.array(CASE["prior_var"]), CASE["noise_var"]]


def assert_evaluation(found, expected):
    value, grad_prior_var, grad_noise_var = found
    assert value == pytest.approx(expected["value"], rel=1e-11)
    np.testing.assert_allclose(grad_prior_var, expected["grad_prior_var"], rtol=1e-6, atol=1e-8)
    assert grad_noise_var == pytest.approx(expected["grad_noise_var"], rel=1e-6)


def test_marginal_energy_matches_the_reference():
    assert_evaluation(energies.marginal_energy(*ARGUMENTS), CASE["marginal"])


@pytest.mark.parametrize("energy", [energies.marginal_energy, energies.separable_energy])
def test_energy_of_several_responses_is_the_sum_of_theirs(energy):
    X, y, prior_var, noise_var = ARGUMENTS
    Y = np.c_[y, 2 * y, np.ones_like(y)]
    several = energy(X, Y, prior_var, noise_var)
    alone = [energy(X, response, prior_var, noise_var) for response in Y.T]
    for found, *parts in zip(several, *alone, strict=True):
        np.testing.assert_allclose(found, np.sum(parts, axis=0), rtol=1e-11, atol=1e-11)


def test_separable_energy_bounds_the_marginal_one_and_equals_it_for_orthogonal_columns():
    X, y, w, noise_var = ARGUMENTS
    assert energies.separable_energy(*ARGUMENTS)[0] > energies.marginal_energy(*ARGUMENTS)[0]
    orthogonal = np.linalg.svd(X)[0] * 3
    arguments = orthogonal, y, w[: len(y)], noise_var
    separable, marginal = energies.separable_energy(*arguments), energies.marginal_energy(*arguments)
    for found, expected in zip(separable, marginal, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("noise_var", [1e-4, 1e-8, 1e-12])
@pytest.mark.parametrize(
    "energy",
    [
        energies.marginal_energy,
        energies.separable_energy,
        lambda *arguments: energies.background_energy(*arguments, 0.0)[:3],
        lambda *arguments: energies.preconditioned_energy(*arguments, power=0.0),
    ],
)
def test_more_samples_than_features_lose_no_digits_beside_a_small_noise_variance(energy, noise_var):
    # Columns of two ones each; the response in their range, and half the difference of each pair off it.
    X, inside, off = np.kron(np.eye(4), [[1.0], [1.0]]), np.array([1.0, -2.0, 0.5, 3.0]), 2.0**-16
    X = np.vstack([X, np.zeros((1, 4))])
    y = np.append((inside[:, None] + off * np.array([1.0, -1.0])).ravel(), off)
    prior_var = np.array([0.5, 2.0, 0.1, 4.0])
    spread, square = noise_var + 2 * prior_var, 9 * off**2
    value = np.sum(2 * inside**2 / spread + np.log(spread)) + square / noise_var + 5 * np.log(noise_var)
    slope = 2 / spread - (2 * inside / spread) ** 2
    noise_slope = np.sum(1 / spread - 2 * (inside / spread) ** 2) + (5 - square / noise_var) / noise_var
    found = energy(X, y, prior_var, noise_var)
    assert found[0] == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(found[1], slope, rtol=1e-12)
    assert found[2] == pytest.approx(noise_slope, rel=1e-9)


def test_separable_energy_is_that_of_the_paper():
    X, y, w, noise_var = ARGUMENTS
    value, grad_prior_var, grad_noise_var = energies.separable_energy(*ARGUMENTS)
    d, n = X.shape
    precision = np.linalg.inv(X * w @ X.T + noise_var * np.eye(d))
    own = noise_var + w * (X**2).sum(axis=0)
    assert value == pytest.approx(y @ precision @ y + np.log(own).sum() + (d - n) * np.log(noise_var), rel=1e-9)
    expected = (X**2).sum(axis=0) / own - (X.T @ precision @ y) ** 2
    np.testing.assert_allclose(grad_prior_var, expected, rtol=1e-6, atol=1e-8)
    expected = (1 / own).sum() + (d - n) / noise_var - np.sum((precision @ y) ** 2)
    assert grad_noise_var == pytest.approx(expected, rel=1e-6)


def test_preconditioned_energy_matches_the_reference():
    assert_evaluation(energies.preconditioned_energy(*ARGUMENTS, CASE["power"]), CASE["preconditioned"])


def test_power_of_the_preconditioner_is_one_as_in_the_paper():
    assert energies.preconditioned_energy(*ARGUMENTS)[0] == energies.preconditioned_energy(*ARGUMENTS, 1.0)[0]


def test_a_background_adds_to_every_prior_variance():
    rng = np.random.default_rng(3)
    X, y, w = rng.standard_normal((6, 9)), rng.standard_normal((6, 2)), rng.random(9)
    value, grad_prior_var, grad_noise_var, slope = energies.background_energy(X, y, w, 0.3, 0.2)
    expected = energies.marginal_energy(X, y, w + 0.2, 0.3)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(grad_prior_var, expected[1], rtol=1e-10)
    np.testing.assert_allclose(grad_noise_var, expected[2], rtol=1e-10)
    np.testing.assert_allclose(slope, grad_prior_var.sum(), rtol=1e-10)
    with pytest.raises(ParameterError, match="`background_var` is -1"):
        energies.background_energy(X, y, w, 0.3, -1.0)
