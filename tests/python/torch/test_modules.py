"""The papers' models as modules: training, state, conversion to and from the estimators."""

import copy
import math
import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sparsevae import PreconditionedVae, VaeSlr
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import DataTypeError, ParameterError, ShapeError

torch = pytest.importorskip("torch")

from sparsevae.torch import LinearVae, SparseDecoder, elbo_energy, marginal_energy  # noqa: E402


def problem(**options):
    data = make_sparse_regression(30, 60, n_nonzero=4, random_state=0, **options)
    return data, torch.from_numpy(data.X), torch.from_numpy(data.y)


def random_model(X):
    model = LinearVae(X, noise_var=0.3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (model.decoder.decoder_scale, model.encoder_weights, model.encoder_factor):
            parameter.copy_(torch.randn(parameter.shape, dtype=parameter.dtype, generator=generator))
    return model


def test_decoder_scales_the_columns_of_the_design():
    _, X, _ = problem()
    decoder = SparseDecoder(X, scale=2.0)
    z = torch.randn(60, 3, dtype=torch.float64)
    torch.testing.assert_close(decoder(z), 2 * X @ z)
    torch.testing.assert_close(decoder(z[:, 0]), 2 * X @ z[:, 0])
    assert [name for name, _ in decoder.named_parameters()] == ["decoder_scale"]


def test_bound_is_the_mean_of_its_definition_over_draws():
    _, X, _ = problem()
    X, y = X[:4, :3], torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    model = random_model(X)
    prior = torch.distributions.MultivariateNormal(
        torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    )
    factor = model.encoder_factor.tril()
    encoder = torch.distributions.MultivariateNormal(model.encoder_weights @ y, factor @ factor.mT)
    torch.manual_seed(0)
    z = encoder.sample((400_000,))
    fitted = z @ (X * model.decoder.decoder_scale).mT
    likelihood = torch.distributions.Normal(fitted, model.noise_var.sqrt()).log_prob(y).sum(-1)
    sampled = likelihood + prior.log_prob(z) - encoder.log_prob(z)
    assert model.elbo(y).item() == pytest.approx(sampled.mean().item(), abs=5 * sampled.std().item() / 400_000**0.5)


def test_responses_of_a_matrix_share_one_bound():
    _, X, y = problem()
    model, Y = random_model(X), torch.stack([y, 2 * y, y.flip(0)], dim=1)
    torch.testing.assert_close(model.elbo(Y), sum(model.elbo(response) for response in Y.T))
    torch.testing.assert_close(model.elbo(Y[None].expand(2, 30, 3)), model.elbo(Y).expand(2))
    torch.testing.assert_close(model.recover(Y)[:, 1], model.recover(Y[:, 1]))
    torch.testing.assert_close(model(Y)[:, 1], X @ model.recover(Y[:, 1]))


def test_best_encoder_makes_the_bound_the_evidence():
    _, X, y = problem()
    model = random_model(X).set_best_encoder()
    energy = marginal_energy(model.decoder.prior_var, model.noise_var, X, y)
    torch.testing.assert_close(model.energy(y), energy)
    torch.testing.assert_close(model.elbo(y), -0.5 * (energy + 30 * math.log(2 * math.pi)))
    slopes = torch.autograd.grad(model.energy(y), (model.encoder_weights, model.encoder_factor))
    assert all(slope.abs().max() < 1e-8 for slope in slopes)


def test_training_finds_the_coefficients():
    data, X, y = problem(snr_db=40)
    model = LinearVae(X)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(3000):
        optimizer.zero_grad()
        loss = -model.elbo(y)
        loss.backward()
        optimizer.step()
    found = model.recover(y).detach().numpy()
    assert set(np.argsort(-np.abs(found))[:4]) == set(data.support)
    np.testing.assert_allclose(found, data.coef, atol=0.1 * np.abs(data.coef).max())


def test_state_moves_to_another_module():
    _, X, y = problem()
    model, other = random_model(X), LinearVae(torch.zeros_like(X), intercept=3.0)
    assert set(model.state_dict()) == {
        "intercept",
        "encoder_weights",
        "encoder_factor",
        "log_noise_var",
        "decoder.X",
        "decoder.decoder_scale",
    }
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.elbo(y), model.elbo(y))
    assert other.float().recover(y.float()).dtype == torch.float32


# PyTorch 2.4 warns whenever a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:You are using .torch.load. with:FutureWarning")
def test_module_is_copied_and_pickled_with_its_gradients():
    _, X, y = problem()
    model = random_model(X)
    model.elbo(y).backward()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.zero_grad()
        other.elbo(y).backward()
        assert torch.equal(other.elbo(y), model.elbo(y))
        assert torch.equal(other.encoder_weights.grad, model.encoder_weights.grad)


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_noise_free_fit_goes_to_a_module_and_back(fit_intercept):
    data, X, y = problem()
    y = y + 5.0 * fit_intercept
    estimator = VaeSlr(fit_intercept=fit_intercept).fit(data.X, y.numpy())
    model = LinearVae.from_estimator(estimator, X)
    np.testing.assert_allclose(model.recover(y).detach(), estimator.coef_, atol=1e-6)
    np.testing.assert_allclose(model.decoder.prior_var.detach(), estimator.prior_var_, rtol=1e-12)
    back = model.to_estimator(y)
    np.testing.assert_array_equal(back.support_, estimator.support_)
    np.testing.assert_allclose(back.coef_, estimator.coef_, atol=1e-6)
    np.testing.assert_allclose(back.predict(data.X), y, atol=1e-6)


def test_noisy_fit_goes_to_a_module_and_back():
    data, X, y = problem(snr_db=30)
    estimator = VaeSlr(support_rule="evidence", fit_intercept=False).fit(data.X, data.y)
    model = LinearVae.from_estimator(estimator, X)
    assert model.energy(y).item() == pytest.approx(estimator.energy_, rel=1e-8)
    again = LinearVae.from_estimator(VaeSlr(support_rule="evidence", fit_intercept=False).fit(X, y), X)
    assert torch.equal(again.decoder.prior_var, model.decoder.prior_var)
    back = model.to_estimator(y)
    assert torch.is_tensor(back.coef_)
    np.testing.assert_array_equal(back.support_, estimator.support_)
    np.testing.assert_allclose(back.coef_, estimator.coef_, rtol=1e-8)
    assert back.noise_var_ == pytest.approx(estimator.noise_var_)
    assert back.predict(data.X, return_std=True)[1].shape == (30,)


def test_what_makes_no_module_is_refused():
    data, X, y = problem()
    with pytest.raises(ParameterError, match="`estimator` is PreconditionedVae"):
        LinearVae.from_estimator(PreconditionedVae(), X)
    with pytest.raises(NotFittedError):
        LinearVae.from_estimator(VaeSlr(), X)
    with pytest.raises(ShapeError, match="`X` has 59 columns, but `estimator` was fitted to 60"):
        LinearVae.from_estimator(VaeSlr().fit(data.X, data.y), X[:, 1:])
    with pytest.raises(DataTypeError, match="`X` is of type ndarray"):
        SparseDecoder(data.X)
    with pytest.raises(ShapeError, match=r"`X` has shape \(60,\)"):
        SparseDecoder(X[0])
    with pytest.raises(ParameterError, match=r"`noise_var` is 0\.0"):
        LinearVae(X, noise_var=0.0)
    with pytest.raises(ShapeError, match="`y` has shape"):
        LinearVae(X).to_estimator(torch.stack([y, y], dim=1))
    with pytest.raises(DataTypeError, match="`y` is of type ndarray"):
        LinearVae(X).elbo(data.y)


def test_module_is_compiled_with_its_bound():
    _, X, y = problem()
    model = random_model(X)
    compiled = torch.compile(model.elbo, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(y), elbo_energy_of(model, X, y))


def elbo_energy_of(model, X, y):
    scale = model.decoder.decoder_scale
    energy = elbo_energy(model.encoder_weights, model.encoder_factor, scale, model.noise_var, X, y)
    return -0.5 * (energy + len(y) * math.log(2 * math.pi))
