"""Modules of the preconditioned and of the row-sparse model: energies, slopes, training, estimators."""

import copy
import math
import pickle

import numpy as np
import pytest
from problems import quietly
from sklearn.exceptions import NotFittedError
from sparsevae import PreconditionedVae, SimultaneousSparseVae, VaeSlr, energies
from sparsevae.datasets import make_row_sparse_regression, make_sparse_regression
from sparsevae.exceptions import ParameterError, ShapeError

torch = pytest.importorskip("torch")

from sparsevae.torch import (  # noqa: E402
    LinearVae,
    PreconditionedLinearVae,
    RowSparseVae,
    elbo_energy,
    preconditioned_energy,
)

ONE = make_sparse_regression(20, 40, n_nonzero=3, snr_db=25, random_state=0)
MANY = make_row_sparse_regression(20, 40, n_responses=4, n_nonzero=3, snr_db=25, random_state=0)
X, Y = torch.from_numpy(MANY.X), torch.from_numpy(MANY.Y)
x, y = torch.from_numpy(ONE.X), torch.from_numpy(ONE.y)
POWERS = [0.5, 1.0]


def at_random(model):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (model.decoder.decoder_scale, model.encoder_weights, model.encoder_factor):
            parameter.copy_(torch.randn(parameter.shape, dtype=parameter.dtype, generator=generator))
    return model


def slopes_at_best_encoder(model, response):
    """Derivatives in prior variances and noise variance: those of the energy, since the encoder is at its best."""
    energy = model.set_best_encoder().energy(response)
    energy.backward()
    by_prior = model.decoder.decoder_scale.grad / (2 * model.decoder.decoder_scale.detach())
    return energy.item(), by_prior.numpy(), (model.log_noise_var.grad / model.noise_var.detach()).item()


def test_row_sparse_energy_is_the_marginal_energy_with_its_slopes():
    model = at_random(RowSparseVae(X, noise_var=0.3))
    w = model.decoder.prior_var.detach().numpy()
    value, by_prior, by_noise = slopes_at_best_encoder(model, Y)
    expected = energies.marginal_energy(MANY.X, MANY.Y, w, 0.3)
    assert value == pytest.approx(expected[0], rel=1e-10)
    np.testing.assert_allclose(by_prior, expected[1], rtol=1e-7, atol=1e-7)
    assert by_noise == pytest.approx(expected[2], rel=1e-7)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("tall", [False, True])
def test_preconditioned_energy_is_that_of_the_package_with_its_slopes(power, tall):
    design = x[:, :8].clone() if tall else x
    model = at_random(PreconditionedLinearVae(design, noise_var=0.3, power=power))
    w = model.decoder.prior_var.detach().numpy()
    value, by_prior, by_noise = slopes_at_best_encoder(model, y)
    expected = energies.preconditioned_energy(design.numpy(), ONE.y, w, 0.3, power)
    assert value == pytest.approx(expected[0], rel=1e-9)
    np.testing.assert_allclose(by_prior, expected[1], rtol=1e-6, atol=1e-6)
    assert by_noise == pytest.approx(expected[2], rel=1e-6)


def test_away_from_the_best_encoder_the_bounds_are_their_formulas_and_their_slopes_central_differences():
    with torch.no_grad():
        values, vectors = torch.linalg.eigh(x @ x.mT + 0.3 * torch.eye(20, dtype=x.dtype))
        preconditioner = vectors / values @ vectors.mT
    for model, design, response, given in (
        (RowSparseVae(X, noise_var=0.3), X, Y, Y),
        (PreconditionedLinearVae(x, noise_var=0.3), preconditioner @ x, preconditioner @ y, y),
    ):
        at_random(model)
        parts = (model.encoder_weights, model.encoder_factor, model.decoder.decoder_scale, model.noise_var)
        torch.testing.assert_close(model.energy(given), elbo_energy(*parts, design, response), rtol=1e-9, atol=1e-9)
        model.energy(given).backward()
        for parameter in model.parameters():
            place = (0,) * parameter.ndim
            with torch.no_grad():
                ends = []
                for step in (1e-5, -2e-5):
                    parameter[place] += step
                    ends.append(model.energy(given).item())
                parameter[place] += 1e-5
            assert parameter.grad[place].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("power", POWERS)
def test_recover_and_forward_are_the_encoder_and_the_decoder(power):
    model = at_random(PreconditionedLinearVae(x, noise_var=0.3, power=power, intercept=2.0))
    values, vectors = np.linalg.eigh(ONE.X @ ONE.X.T + 0.3 * np.eye(20))
    seen = vectors @ ((vectors.T @ (ONE.y - 2.0)) / values**power)
    coef = model.decoder.decoder_scale.detach().numpy() * (model.encoder_weights.detach().numpy() @ seen)
    np.testing.assert_allclose(model.recover(y).detach(), coef, rtol=1e-9)
    np.testing.assert_allclose(model(y).detach(), ONE.X @ coef + 2.0, rtol=1e-9)
    assert model.elbo(y).item() == pytest.approx(-0.5 * (model.energy(y).item() + 20 * math.log(2 * math.pi)))


@pytest.mark.parametrize("kind", ["row_sparse", "preconditioned"])
def test_a_users_loop_trains_the_encoder_to_the_planted_columns(kind):
    model, response, support = {
        "row_sparse": (RowSparseVae(X), Y, MANY.support),
        "preconditioned": (PreconditionedLinearVae(x, power=0.5), y, ONE.support),
    }[kind]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(800):
        optimizer.zero_grad()
        loss = model.energy(response)
        loss.backward()
        optimizer.step()
    found = model.recover(response).detach().numpy().reshape(40, -1)
    assert set(np.argsort(-np.linalg.norm(found, axis=1))[:3]) == set(support)


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_a_row_sparse_fit_goes_to_a_module(fit_intercept):
    exact = MANY.X @ MANY.coef.T if MANY.coef.shape[0] == 4 else MANY.X @ MANY.coef
    shifted = exact + fit_intercept * np.arange(4.0)
    estimator = SimultaneousSparseVae(fit_intercept=fit_intercept).fit(MANY.X, shifted)
    model = RowSparseVae.from_estimator(estimator, X)
    np.testing.assert_allclose(model.recover(torch.from_numpy(shifted)).detach().T, estimator.coef_, atol=1e-6)
    np.testing.assert_allclose(model(torch.from_numpy(shifted)).detach(), shifted, atol=1e-6)


def test_fits_have_the_energy_of_their_modules():
    many = SimultaneousSparseVae(fit_intercept=False, support_rule="evidence").fit(MANY.X, MANY.Y)
    assert RowSparseVae.from_estimator(many, X).energy(Y).item() == pytest.approx(many.energy_, rel=1e-8)
    one = quietly(PreconditionedVae(noise_var=0.05, power=0.5, optimizer="em", fit_intercept=False).fit, ONE.X, ONE.y)
    model = PreconditionedLinearVae.from_estimator(one, x)
    assert model.power == 0.5
    assert model.energy(y).item() == pytest.approx(one.energy_, rel=1e-8)
    at = model.decoder.prior_var, model.noise_var
    torch.testing.assert_close(model.energy(y), preconditioned_energy(*at, x, y, 0.5), rtol=1e-8, atol=1e-8)


def test_a_noise_free_preconditioned_fit_goes_to_a_module():
    exact = ONE.X @ ONE.coef
    estimator = PreconditionedVae(fit_intercept=False).fit(ONE.X, exact)
    model = PreconditionedLinearVae.from_estimator(estimator, x)
    np.testing.assert_allclose(model.recover(torch.from_numpy(exact)).detach(), estimator.coef_, atol=1e-5)


# PyTorch 2.4 warns whenever a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:You are using .torch.load. with:FutureWarning")
@pytest.mark.parametrize("kind", [RowSparseVae, PreconditionedLinearVae])
def test_state_moves_and_copies_are_the_module(kind):
    model = at_random(kind(x))
    response = y[:, None] if kind is RowSparseVae else y
    other = kind(torch.zeros_like(x))
    other.load_state_dict(model.state_dict())
    for again in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(again.elbo(response), model.elbo(response))
    assert other.float().recover(response.float()).dtype == torch.float32


def test_what_makes_no_module_is_refused():
    with pytest.raises(ParameterError, match="it must be a SimultaneousSparseVae"):
        RowSparseVae.from_estimator(VaeSlr(), X)
    with pytest.raises(ParameterError, match="it must be a PreconditionedVae"):
        PreconditionedLinearVae.from_estimator(VaeSlr(), X)
    with pytest.raises(NotFittedError):
        PreconditionedLinearVae.from_estimator(PreconditionedVae(), X)
    with pytest.raises(ShapeError, match="`X` has 39 columns, but `estimator` was fitted to 40"):
        PreconditionedLinearVae.from_estimator(PreconditionedVae().fit(ONE.X, ONE.y), x[:, 1:])
    whitened = SimultaneousSparseVae(noise_cov=np.eye(20)).fit(MANY.X, MANY.Y)
    with pytest.raises(ParameterError, match="`estimator` has a `noise_cov`"):
        RowSparseVae.from_estimator(whitened, X)
    with pytest.raises(ParameterError, match="columns that are always in"):
        LinearVae.from_estimator(VaeSlr(always_select=[3]).fit(ONE.X, ONE.y), x)
    with pytest.raises(ShapeError, match=r"`intercept` has shape \(1, 1\)"):
        RowSparseVae(X, intercept=torch.ones(1, 1))
    with pytest.raises(ParameterError, match="`power` is 'one'"):
        PreconditionedLinearVae(x, power="one")


@pytest.mark.parametrize("kind", [RowSparseVae, PreconditionedLinearVae])
def test_modules_are_compiled_with_their_bounds(kind):
    model, response = at_random(kind(x)), y[:, None] if kind is RowSparseVae else y
    compiled = torch.compile(model.elbo, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(response), model.elbo(response))
