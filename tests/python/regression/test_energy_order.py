"""The default searches by expectation propagation; its objective is the energy, below which no descent ends."""

import numpy as np
import pytest
from sparsevae import VaeSlr
from sparsevae.baselines import SparseBayesianLearning
from sparsevae.datasets import make_sparse_regression
from sparsevae.energies import marginal_energy

# Noise variances as shares of the mean square of the response; the first stands for no noise.
NOISE = np.geomspace(1e-10, 1.0, 21)


def energy(data, prior_var):
    """The energy at prior variances, at the noise variance that suits them best."""
    return min(marginal_energy(data.X, data.y, prior_var, share * np.mean(data.y**2))[0] for share in NOISE)


def ends_of_descents(data):
    """Prior variances where each rule ends by itself, and those of `VaeSlr` with the rule."""
    torch = pytest.importorskip("torch")
    from sparsevae.torch import solve_batch

    yield SparseBayesianLearning(fit_intercept=False).fit(data.X, data.y).prior_var_
    for rule in ("em", "mm"):
        found = solve_batch(torch.from_numpy(data.X), torch.from_numpy(data.y), optimizer=rule)
        yield found.prior_var.numpy()
    for rule in ("em", "mm", "mackay"):
        yield VaeSlr(optimizer=rule, noise_var="anneal", fit_intercept=False).fit(data.X, data.y).prior_var_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("design", ["gaussian", "random_walk", "toeplitz"])
@pytest.mark.parametrize("n_nonzero", [2, 20, 40, 60])
def test_no_descent_ends_below_the_energy_that_is_certified(design, n_nonzero):
    certified = 0
    for seed in range(2):
        data = make_sparse_regression(100, 200, n_nonzero=n_nonzero, design=design, random_state=seed)
        model = VaeSlr(noise_var="anneal", fit_intercept=False).fit(data.X, data.y)
        if model.certified_:
            least = min(energy(data, prior_var) for prior_var in ends_of_descents(data))
            assert energy(data, model.prior_var_) <= least + 1e-6 * abs(least)
        certified += model.certified_
    assert certified >= 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_a_certificate_a_descent_may_end_lower():
    data = make_sparse_regression(100, 200, n_nonzero=60, random_state=1)
    model = VaeSlr(noise_var="anneal", fit_intercept=False).fit(data.X, data.y)
    assert not model.certified_
    assert energy(data, model.prior_var_) > energy(data, next(ends_of_descents(data)))
