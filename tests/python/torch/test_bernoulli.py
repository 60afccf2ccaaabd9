"""ManifoldVae with Bernoulli's law: its energy, images of black and white, missing pixels, what it refuses."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sparsevae.exceptions import NumericalError, ParameterError, StoreError

torch = pytest.importorskip("torch")

from sparsevae.torch import ManifoldVae  # noqa: E402 - it needs torch
from sparsevae.torch._network import Autoencoder, layered  # noqa: E402
from sparsevae.torch._objective import sample_energy  # noqa: E402
from sparsevae.torch._parameters import make_settings  # noqa: E402

TINY = {"likelihood": "bernoulli", "encoder_hidden": (8,), "n_steps": 20, "random_state": 0}
DIGITS = {"likelihood": "bernoulli", "encoder_hidden": (64,), "learning_rate": 3e-3, "random_state": 0}
IMAGES = (load_digits().data > 7).astype(float)


def network_and_samples(covariance):
    generator = torch.Generator().manual_seed(1)
    network = Autoencoder(*layered("mlp", 6, (5,), 3, (4,)), 3, covariance=covariance, likelihood="bernoulli")
    network.initialise(generator)
    if network.below is not None:
        torch.nn.init.normal_(network.below.bias, generator=generator)
    return network.double(), torch.randint(0, 2, (7, 6), generator=generator, dtype=torch.float64)


def energies(network, x, observed=None, **options):
    settings = make_settings(ManifoldVae(3, n_draws=4, **{**TINY, **options}), *x.shape)
    with torch.no_grad():
        return sample_energy(network, settings, x, observed, 0.0, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("covariance", ["none", "diagonal", "full"])
@pytest.mark.parametrize("missing", [False, True])
def test_energy_is_twice_the_bound_by_the_laws_of_torch(covariance, missing):
    network, x = network_and_samples(covariance)
    observed = torch.rand(7, 6, generator=torch.Generator().manual_seed(2)) < 0.6 if missing else None
    with torch.no_grad():
        posterior = network.posterior(x)
        logits = network.output(posterior.draw(4, torch.Generator().manual_seed(0)))
    logs = torch.distributions.Bernoulli(logits=logits).log_prob(x)
    fit = -2 * (logs * observed if missing else logs).sum(-1).mean(0)
    latent = posterior.mean.square().sum(1)
    if covariance != "none":
        prior = torch.distributions.MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
        law = torch.distributions.MultivariateNormal(posterior.mean, posterior.covariances())
        latent = 2 * torch.distributions.kl_divergence(law, prior) + 3
    torch.testing.assert_close(energies(network, x, observed, covariance=covariance), fit + latent)


def test_a_probability_costs_the_mean_of_its_draws():
    network, ones = network_and_samples("none")
    ones, zeros, share = torch.ones_like(ones), torch.zeros_like(ones), 0.3
    # The encoder sees the same, so that entries alone differ.
    with torch.no_grad():
        network.body[0].weight.zero_()
    costs = [energies(network, x, covariance="none") for x in (ones, zeros, share * ones)]
    torch.testing.assert_close(costs[2], share * costs[0] + (1 - share) * costs[1])
    assert (costs[0] - costs[1]).abs().min() > 0.01


def test_equal_samples_have_their_probabilities_back_and_the_energy_of_their_entropy():
    share = np.array([0.05, 0.3, 0.5, 0.9])
    model = ManifoldVae(2, **{**TINY, "n_steps": 1200}, learning_rate=1e-2).fit(np.tile(share, (50, 1)))
    np.testing.assert_allclose(model.denoise(share[None])[0], share, atol=0.01)
    entropy = -np.sum(share * np.log(share) + (1 - share) * np.log(1 - share))
    # Neither latent variable is needed: each costs its prior variance.
    assert model.energy_path_[-1] == pytest.approx(2 * entropy + 2, abs=0.02)
    assert len(model.active_dimensions("variance")) == 0


@pytest.mark.parametrize("covariance", ["none", "diagonal", "full"])
def test_new_images_are_closer_to_their_projections_than_to_the_mean_image(covariance):
    train, test = IMAGES[:1400], IMAGES[1400:]
    decay = 1e-4 if covariance == "none" else 0.0
    model = ManifoldVae(10, covariance=covariance, weight_decay=decay, n_steps=1500, **DIGITS).fit(train)
    found, mean = model.denoise(test), train.mean(axis=0)
    assert np.mean((found - test) ** 2) < 0.6 * np.mean((mean - test) ** 2)
    assert ((found >= 0) & (found <= 1)).all()
    # Pixels that come out as they went in: chance has those of the mean image.
    assert np.mean((found > 0.5) == test) > np.mean((mean > 0.5) == test) + 0.06
    assert (model.noise_var_, model.scale_, np.abs(model.offset_).max()) == (None, 1.0, 0.0)
    assert model.reconstruction_error_ == pytest.approx(np.mean((model.denoise(train) - train) ** 2), rel=1e-4)
    latent = model.transform(test)
    np.testing.assert_allclose(model.inverse_transform(latent), found, atol=1e-6)
    with torch.no_grad():
        logits = model.network_.output(torch.from_numpy(latent).float()).double().numpy()
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_missing_pixels_are_filled_in():
    missing = np.random.default_rng(0).random(IMAGES.shape) < 0.2
    X = np.where(missing, np.nan, IMAGES)
    model = ManifoldVae(10, n_steps=1500, allow_missing=True, **DIGITS).fit(X)
    found, mean = model.denoise(X), np.broadcast_to(np.nanmean(X, axis=0), X.shape)
    assert np.mean((found - IMAGES)[missing] ** 2) < 0.7 * np.mean((mean - IMAGES)[missing] ** 2)
    assert model.reconstruction_error_ == pytest.approx(np.nanmean((found - X) ** 2), rel=1e-4)


def test_there_is_neither_a_floor_nor_an_annealing(tmp_path):
    path = tmp_path / "state.pt"
    model = ManifoldVae(3, checkpoint=path, **TINY).fit(IMAGES)
    other = clone(model).set_params(floor=0.3, anneal_share=0.1, checkpoint=None).fit(IMAGES)
    np.testing.assert_array_equal(other.denoise(IMAGES), model.denoise(IMAGES))
    np.testing.assert_array_equal(other.energy_path_, model.energy_path_)
    # The same training to a checkpoint too; another law is another.
    clone(other).set_params(checkpoint=path).fit(IMAGES)
    with pytest.raises(StoreError, match="differs in anneal_share, data, floor, likelihood:"):
        clone(model).set_params(likelihood="gaussian").fit(IMAGES)
    # From the first energy on: three more are not lower by `tol`.
    early = ManifoldVae(3, **{**TINY, "n_steps": 1000}, patience=3, tol=1e3).fit(IMAGES)
    assert (early.status_, early.n_iter_) == ("early_stop", 40)


# PyTorch 2.4 warns whenever a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:You are using .torch.load. with:FutureWarning")
def test_tensors_and_pickles_keep_the_law():
    x = torch.from_numpy(IMAGES[:40]).float()
    model = ManifoldVae(3, **TINY).fit(x)
    found = model.denoise(x)
    assert (found.dtype, found.requires_grad) == (x.dtype, False)
    torch.testing.assert_close(pickle.loads(pickle.dumps(model)).denoise(x), found)
    # Of the fit, whatever a parameter is set to later.
    torch.testing.assert_close(model.set_params(likelihood="gaussian").denoise(x), found)
    inside = x.mul(0.5).requires_grad_()
    model.denoise(inside)[0, 20].backward()
    assert inside.grad[0].abs().max() > 0
    assert not inside.grad[1:].any()


def test_negative_entries_are_told_to_scikit_learn():
    assert ManifoldVae(likelihood="bernoulli").__sklearn_tags__().input_tags.positive_only
    assert not ManifoldVae().__sklearn_tags__().input_tags.positive_only


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "poisson"}, "`likelihood` is 'poisson'"),
        ({"noise_var": "auto"}, "`noise_var` is 'auto', but likelihood=\"bernoulli\" has no variance"),
        ({"noise_var": 0.1}, "`noise_var` is 0.1, but likelihood"),
        ({"center": True}, '`center` is True, but likelihood="bernoulli" takes entries as they are'),
        ({"scale": 1.0}, '`scale` is 1.0, but likelihood="bernoulli" takes entries as they are'),
        ({"floor": 0.7}, "`floor` is 0.7"),
    ],
)
def test_parameters_that_do_not_go_together_are_named(options, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        ManifoldVae(3, **{**TINY, **options}).fit(IMAGES)


@pytest.mark.parametrize("value", [-0.01, 1.5])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_entries_that_are_no_probabilities_are_refused(value, kind):
    X = IMAGES[:9].copy()
    model = ManifoldVae(3, allow_missing=True, **TINY).fit(X)
    X[0, 0], X[2, 5] = np.nan, value
    message = re.escape(f'`X` is {value} at index [2, 5], but likelihood="bernoulli" needs entries from 0 to 1')
    for method in (clone(model).fit, model.denoise, model.transform):
        with pytest.raises(ParameterError, match=message):
            method(kind(X))
    with pytest.raises(ParameterError, match="all entries of `X` are missing"):
        clone(model).fit(kind(np.full((2, 3), np.nan)))


def test_a_diverging_training_does_not_speak_of_a_floor():
    with pytest.raises(NumericalError, match=r"a lower `learning_rate` than 1e\+30$"):
        ManifoldVae(3, **{**TINY, "n_steps": 200}, learning_rate=1e30).fit(IMAGES)
