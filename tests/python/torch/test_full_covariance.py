"""ManifoldVae with a full covariance, and one variance of the decoder: bounds, closed forms, what is counted."""

import copy

import numpy as np
import pytest
from sparsevae.energies import affine_energy

torch = pytest.importorskip("torch")

from sparsevae.torch import ManifoldVae  # noqa: E402 - it needs torch
from sparsevae.torch._network import Autoencoder, layered  # noqa: E402
from sparsevae.torch._objective import decoder_energy, sample_energy  # noqa: E402
from sparsevae.torch._parameters import make_settings  # noqa: E402

GAMMA = 0.3


def network(n_components=4, covariance="full", n_features=6):
    """An affine one with weights at random, those below the diagonal included."""
    found = Autoencoder(*layered("mlp", n_features, (), n_components, ()), n_components, covariance=covariance)
    generator = torch.Generator().manual_seed(n_components)
    found.initialise(generator)
    if found.below is not None:
        for values in found.below.parameters():
            torch.nn.init.normal_(values, generator=generator)
    return found.double()


def samples(count=7, n_features=6, seed=0):
    return torch.randn(count, n_features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def best_encoder(components, covariance, noise_var=GAMMA):
    """An affine network with Lemma 1's encoder of the decoder `W z`, whose columns are the rows of `components`."""
    size, n_features = components.shape
    found = network(size, covariance, n_features)
    W = torch.from_numpy(components.T)
    precision = torch.eye(size, dtype=torch.float64) + W.mT @ W / noise_var
    inverse = torch.linalg.inv(precision)
    factor = torch.linalg.cholesky(inverse) if covariance == "full" else torch.diag(precision.diagonal().rsqrt())
    with torch.no_grad():
        for layer in (found.mean, found.log_var, found.decoder[0]):
            layer.weight.zero_()
            layer.bias.zero_()
        found.decoder[0].weight.copy_(W)
        found.mean.weight.copy_(inverse @ W.mT / noise_var)
        found.log_var.bias.copy_(2 * factor.diagonal().log())
        if covariance == "full":
            below = (factor / factor.diagonal()[:, None])[*torch.tril_indices(size, size, -1)]
            found.below.weight.zero_()
            found.below.bias.copy_(below * size)
    return found


def energy(model, x, n_draws):
    options = {"covariance": "full", "noise_var": GAMMA, "n_draws": n_draws}
    settings = make_settings(ManifoldVae(model.n_components, **options), *x.shape)
    with torch.no_grad():
        return float(sample_energy(model, settings, x, None, 0.01, torch.Generator().manual_seed(0)).sum())


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_divergence_is_that_of_torch_distributions(size, covariance):
    with torch.no_grad():
        posterior = network(size, covariance).posterior(samples())
    prior = torch.distributions.MultivariateNormal(torch.zeros(size).double(), torch.eye(size).double())
    law = torch.distributions.MultivariateNormal(posterior.mean, posterior.covariances())
    expected = 2 * torch.distributions.kl_divergence(law, prior) + size
    torch.testing.assert_close(posterior.size("l2"), expected)
    torch.testing.assert_close(posterior.variances(), law.variance)


def test_draws_have_the_means_and_the_covariances():
    with torch.no_grad():
        posterior = network().posterior(samples(3))
        draws = posterior.draw(200_000, torch.Generator().manual_seed(0))
    centred = draws - posterior.mean
    spread = posterior.variances().sqrt()
    found = torch.einsum("tni,tnj->nij", centred, centred) / len(draws)
    bound = 5 / np.sqrt(len(draws)) * spread[:, :, None] * spread[:, None, :]
    assert (centred.mean(0).abs() < 5 / np.sqrt(len(draws)) * spread).all()
    assert ((found - posterior.covariances()).abs() < 2 * bound).all()
    assert (posterior.covariances() - torch.diag_embed(posterior.variances())).abs().max() > 0.1


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_lemma_1_of_hidden_talents_at_the_best_encoder_the_bound_is_the_closed_form(covariance):
    # Far from orthogonal, so that the two differ.
    components = 1.0 + 0.5 * np.random.default_rng(0).standard_normal((3, 6))
    x = samples(5)
    zeros = np.zeros(6)
    expected, other = (
        affine_energy(x.numpy(), components, GAMMA, mean=zeros, covariance=name)[0]
        for name in (covariance, "diagonal" if covariance == "full" else "full")
    )
    found = energy(best_encoder(components, covariance), x, 40_000) - 5 * 3
    assert found == pytest.approx(expected, rel=3e-3)
    assert abs(found - other) > 0.05 * expected


def test_theorem_2_of_hidden_talents_a_rotation_leaves_the_full_covariance_its_energy():
    components = np.diag([2.0, 1.0, 0.0]) @ np.eye(3, 6)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    x = samples(5)
    found = {
        (name, turned): energy(best_encoder(rotation @ components if turned else components, name), x, 40_000)
        for name in ("full", "diagonal")
        for turned in (False, True)
    }
    assert found["full", True] == pytest.approx(found["full", False], rel=3e-3)
    assert found["diagonal", False] == pytest.approx(found["full", False], rel=3e-3)
    assert found["diagonal", True] > found["full", False] + 1


def linear(noise, n=1500, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 3)) @ rng.standard_normal((3, 10)) + noise * rng.standard_normal((n, 10))


def test_the_rank_of_linear_data_is_the_number_of_directions_in_whatever_coordinates():
    X = linear(0.1)
    common = {"encoder_hidden": (), "noise_var": "auto", "n_steps": 1500, "learning_rate": 1e-2, "floor": 1e-5}
    for covariance in ("full", "diagonal"):
        model = ManifoldVae(5, covariance=covariance, random_state=0, **common).fit(X)
        directions = model.active_directions()
        assert directions.shape == (3, 5)
        np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-12)
        means = model.transform(X)
        np.testing.assert_allclose(means.T @ means / len(X), model.mean_moment_, atol=1e-4)
        sizes = np.sqrt(np.mean((means @ directions.T) ** 2, axis=0))
        assert (np.diff(sizes) <= 1e-6).all()
        assert model.reconstruction_error_ == pytest.approx(np.mean((model.denoise(X) - X) ** 2), rel=1e-3)
        assert model.reconstruction_error_ < 0.012
        assert model.noise_var_ == pytest.approx(0.01, rel=0.3)
        np.testing.assert_array_equal(
            model.active_dimensions("mean"), np.flatnonzero(np.sqrt(np.mean(means**2, axis=0)) > 0.1)
        )
        cov = model.posterior_cov(X[:20])
        np.testing.assert_allclose(np.diagonal(cov, axis1=1, axis2=2), model.posterior_var(X[:20]), rtol=1e-5)
        assert (np.linalg.eigvalsh(cov) > 0).all()
        off = np.abs(cov - np.eye(5) * cov).max()
        assert off > 0.01 if covariance == "full" else off == 0


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))],
)
def test_the_rank_is_found_on_any_device_and_covariances_are_those_of_its_network(device):
    X = torch.from_numpy(linear(0.1)).to(device)
    options = {"encoder_hidden": (), "noise_var": "auto", "n_steps": 1500, "learning_rate": 1e-2, "floor": 1e-5}
    model = ManifoldVae(5, covariance="full", random_state=0, **options).fit(X)
    assert model.active_directions().shape == (3, 5)
    assert model.noise_var_ == pytest.approx(0.01, rel=0.3)
    found = model.posterior_cov(X[:20])
    assert {found.device.type, *(values.device.type for values in model.network_.parameters())} == {device}
    here = copy.deepcopy(model.network_).cpu()
    with torch.no_grad():
        posterior = here.posterior((X[:20].cpu() / model.scale_).float())
    torch.testing.assert_close(found.cpu().float(), posterior.covariances(), rtol=1e-4, atol=1e-5)
    assert (found - torch.diag_embed(found.diagonal(dim1=1, dim2=2))).abs().max() > 0.01


def test_a_trained_full_covariance_beats_the_diagonal_of_its_decoder():
    X = linear(0.5)
    options = {"encoder_hidden": (), "noise_var": 0.25, "n_steps": 2000, "learning_rate": 1e-2, "random_state": 0}
    model = ManifoldVae(5, covariance="full", **options).fit(X)
    layer, unit = model.network_.decoder[0], model.scale_
    W, b = (values.detach().double().numpy() * unit for values in (layer.weight, layer.bias))
    full, diagonal = (affine_energy(X, W.T, 0.25, mean=b, covariance=name)[0] / len(X) for name in ("full", "diagonal"))
    found = model.energy_path_[-5:].mean() - 5 + 20 * np.log(unit)
    # The encoder is nearly the best for its decoder, which is in no special coordinates.
    assert full - 0.1 < found < full + 0.3
    assert diagonal > found + 0.5


def test_one_variance_for_all_entries_given_optimal_or_learned():
    generator = torch.Generator().manual_seed(0)
    square = torch.rand(2, 4, 6, generator=generator, dtype=torch.float64)
    seen = torch.rand(4, 6, generator=generator) < 0.7
    for observed in (None, seen):
        weight = torch.ones_like(square) if observed is None else seen.expand_as(square).double()
        count = weight.sum(-1)

        def given(variance, square=square, weight=weight, count=count):
            return count * np.log(variance) + (square * weight).sum(-1) / variance

        torch.testing.assert_close(decoder_energy(square, observed, 0.2, 9.0, None), given(0.2))
        best = float((square * weight).sum() / weight.sum())
        automatic = decoder_energy(square, observed, "auto", 0.0, None)
        assert float(automatic.sum()) == pytest.approx(float((given(best) - count).sum()))
        assert all(given(best * factor).sum() > given(best).sum() for factor in (0.9, 1.1))
        logarithm = torch.tensor(np.log(0.2))
        learned = decoder_energy(square, observed, "learn", 0.05, logarithm)
        torch.testing.assert_close(learned, given(0.2) + 0.05 * count / 0.2)
        optimal = decoder_energy(square, observed, "auto", 0.05, None)
        torch.testing.assert_close(optimal, count * np.log(best + 0.05))


def test_the_noise_of_linear_data_is_found_and_a_given_one_kept():
    X = linear(0.5)
    common = {"encoder_hidden": (), "n_steps": 1000, "learning_rate": 1e-2, "floor": 1e-4, "random_state": 0}
    found = {how: ManifoldVae(4, noise_var=how, **common).fit(X).noise_var_ for how in ("auto", "learn", 0.4)}
    assert found["auto"] == pytest.approx(0.25, rel=0.15)
    assert found["learn"] == pytest.approx(0.25, rel=0.15)
    assert found[0.4] == pytest.approx(0.4)
    assert ManifoldVae(4, **{**common, "n_steps": 2}).fit(X).noise_var_ is None


@pytest.mark.parametrize("how", ["auto", "learn", 0.25])
def test_missing_entries_and_the_unit_of_the_data_do_not_matter(how):
    X = linear(0.5, n=300)
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    options = {"covariance": "full", "encoder_hidden": (8,), "n_steps": 50, "allow_missing": True, "random_state": 0}
    here = ManifoldVae(4, noise_var=how, **options).fit(gaps)
    there = ManifoldVae(4, noise_var=how * 1e6 if isinstance(how, float) else how, **options).fit(1e3 * gaps)
    np.testing.assert_allclose(there.denoise(1e3 * gaps) / 1e3, here.denoise(gaps), atol=1e-3)
    assert there.noise_var_ == pytest.approx(1e6 * here.noise_var_, rel=1e-3)
    assert there.reconstruction_error_ == pytest.approx(1e6 * here.reconstruction_error_, rel=1e-3)
    assert here.reconstruction_error_ == pytest.approx(np.nanmean((here.denoise(gaps) - gaps) ** 2), rel=1e-3)


def test_a_deterministic_autoencoder_may_have_one_variance():
    model = ManifoldVae(3, covariance="none", noise_var="auto", encoder_hidden=(), n_steps=500, random_state=0)
    X = linear(0.1)
    assert model.fit(X).denoise(X).shape == X.shape
    assert model.noise_var_ == pytest.approx(model.reconstruction_error_ + 0.01 * model.scale_**2, rel=1e-3)
    assert not model.posterior_cov(X[:2]).any()
