"""What the papers' training leaves as fitted attributes: the encoder and the decoder."""

import numpy as np
import pytest
from problems import quietly
from sparsevae import PreconditionedVae, SimultaneousSparseVae, VaeSlr, energies
from sparsevae.datasets import make_row_sparse_regression, make_sparse_regression

TRAINED = ("decoder_scale_", "encoder_weights_", "encoder_factor_")
DATA = make_sparse_regression(20, 40, n_nonzero=3, snr_db=25, random_state=0)
N_STEPS = 6000


def trained(model, X, y, **options):
    return quietly(model(optimizer="adam", n_steps=N_STEPS, **options).fit, X, y)


def bound(model, X, y, noise_var):
    """Twice the negative evidence lower bound in the mean over draws, less a constant."""
    decoder, spread = X * model.decoder_scale_, model.encoder_factor_
    mean = model.encoder_weights_ @ y
    misfit = ((y - decoder @ mean) ** 2).sum() + ((decoder @ spread) ** 2).sum()
    log_det = 2 * np.log(np.abs(spread.diagonal())).sum()
    rest = (mean**2).sum() + (spread**2).sum() - log_det - X.shape[1]
    return misfit / noise_var + len(y) * np.log(noise_var) + rest


@pytest.mark.parametrize("noise_var", ["auto", 0.05])
def test_encoder_and_decoder_give_the_posterior_mean_and_nearly_the_energy(noise_var):
    X, y = DATA.X, DATA.y
    model = trained(VaeSlr, X, y, noise_var=noise_var, fit_intercept=False)
    assert [getattr(model, name).shape for name in TRAINED] == [(40,), (40, 20), (40, 40)]
    np.testing.assert_allclose(model.decoder_scale_ * (model.encoder_weights_ @ y), model.posterior_mean_, rtol=1e-10)
    np.testing.assert_allclose(model.decoder_scale_**2, model.prior_var_, rtol=1e-12)
    np.testing.assert_array_equal(np.triu(model.encoder_factor_, 1), 0.0)
    value = bound(model, X, y, model.noise_var_)
    assert value >= model.energy_
    assert value == pytest.approx(np.mean(model.energy_path_[-500:]), abs=3.0)


def test_the_preconditioned_encoder_sees_the_preconditioned_response():
    X, y = DATA.X, DATA.y
    model = trained(PreconditionedVae, X, y, noise_var=0.05, power=0.5, fit_intercept=False)
    values, vectors = np.linalg.eigh(X @ X.T + 0.05 * np.eye(20))
    seen = vectors @ ((vectors.T @ y) / values**0.5)
    np.testing.assert_allclose(
        model.decoder_scale_ * (model.encoder_weights_ @ seen), model.posterior_mean_, rtol=1e-8, atol=1e-12
    )
    assert energies.preconditioned_energy(X, y, model.decoder_scale_**2, 0.05, 0.5)[0] == pytest.approx(model.energy_)


def test_with_an_intercept_the_encoder_sees_the_rows_that_the_docstring_says():
    X, y = DATA.X + 2.0, DATA.y + 5.0
    X[:, 4] = 1.0
    model = trained(VaeSlr, X, y)
    centred = y - y.mean()
    seen = centred[1:] - centred[0] / (1 + 20**0.5)
    assert model.encoder_weights_.shape == (40, 19)
    np.testing.assert_allclose(model.decoder_scale_ * (model.encoder_weights_ @ seen), model.posterior_mean_, rtol=1e-9)
    for name in TRAINED:
        assert (getattr(model, name)[4] == 0).all()
    assert (model.encoder_factor_[:, 4] == 0).all()


def test_more_samples_than_features_have_as_many_inputs_as_features():
    data = make_sparse_regression(60, 12, n_nonzero=3, snr_db=20, random_state=1)
    model = trained(VaeSlr, data.X, data.y, fit_intercept=False)
    assert [getattr(model, name).shape for name in TRAINED] == [(12,), (12, 12), (12, 12)]


def test_responses_share_an_encoder():
    data = make_row_sparse_regression(20, 40, n_responses=3, n_nonzero=3, snr_db=25, random_state=0)
    model = trained(SimultaneousSparseVae, data.X, data.Y, fit_intercept=False)
    expected = model.decoder_scale_[:, None] * (model.encoder_weights_ @ data.Y)
    np.testing.assert_allclose(model.posterior_mean_, expected.T, rtol=1e-8, atol=1e-12)


def test_columns_that_are_always_in_are_not_trained():
    model = trained(VaeSlr, DATA.X, DATA.y, always_select=[2, 7])
    alone = np.setdiff1d(np.arange(40), [2, 7])
    for name in TRAINED:
        assert (getattr(model, name)[[2, 7]] == 0).all()
        assert (np.abs(getattr(model, name)[alone]).reshape(38, -1).sum(axis=1) > 0).all()


@pytest.mark.parametrize("model", [VaeSlr, PreconditionedVae])
def test_only_training_leaves_them(model):
    fitted = trained(model, DATA.X, DATA.y)
    assert all(hasattr(fitted, name) for name in TRAINED)
    fitted.set_params(optimizer="auto").fit(DATA.X, DATA.y)
    assert not any(hasattr(fitted, name) for name in TRAINED)
