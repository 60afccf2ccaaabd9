"""ManifoldVae on images most pixels of which are 0: a unit that is given, a warm-up of the latent variables' terms."""

import re

import numpy as np
import pytest
from problems import relative_error
from sparsevae.exceptions import ParameterError

torch = pytest.importorskip("torch")

from sparsevae.torch import ManifoldVae, _training  # noqa: E402 - it needs torch
from sparsevae.torch._parameters import make_settings  # noqa: E402

TINY = {"encoder_hidden": (8,), "n_steps": 20, "random_state": 0}


def spots(n=1000, side=12, share=0.1, seed=0):
    """Images from 0 to 1 of a spot somewhere, some pixels of which are uniform."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(2, side - 3, (n, 2, 1))
    rows, columns = (np.exp(-0.5 * (np.arange(side) - places[:, axis]) ** 2 / 1.5**2) for axis in range(2))
    clean = (rows[:, :, None] * columns[:, None, :]).reshape(n, -1)
    clean[clean < 0.2] = 0.0
    mask = rng.random(clean.shape) < share
    return np.where(mask, rng.random(clean.shape), clean), clean


def schedule(**changes):
    settings = make_settings(ManifoldVae(3, **{**TINY, "n_steps": 1000, **changes}), 100, 6)
    training = _training.Training(settings, torch.zeros(9, 6), None)
    return [training.penalty_weight_at(step) for step in (0, 250, 500, 1000)]


def test_a_warm_up_keeps_the_latent_variables_of_images_that_are_mostly_0():
    X, clean = spots()
    common = {"encoder_hidden": (60, 40), "n_steps": 800, "batch_size": 100, "learning_rate": 3e-3, "random_state": 0}
    cold = ManifoldVae(6, scale=1.0, floor=0.03, **common).fit(X)
    warm = ManifoldVae(6, scale=1.0, floor=0.03, warmup_share=0.7, **common).fit(X)
    assert relative_error(cold.denoise(X), clean) > 0.5
    assert relative_error(warm.denoise(X), clean) < 0.1
    assert len(cold.active_dimensions("variance")) < 2 <= len(warm.active_dimensions("variance"))
    # The same energy at the end, of which the warm-up finds a lower minimum.
    assert warm.energy_path_[-1] < cold.energy_path_[-1] - 10


def test_the_weight_rises_during_the_warm_up_and_stays():
    np.testing.assert_allclose(schedule(warmup_share=0.5, penalty_weight=3.0), [0, 1.5, 3, 3])
    np.testing.assert_allclose(schedule(warmup_share=1.0), [0, 0.25, 0.5, 1])
    assert schedule() == [1.0] * 4
    X, _ = spots(200)
    # Energies count from the end of the warm-up on: the first is lower than none, the next three are not by `tol`.
    early = ManifoldVae(3, **{**TINY, "n_steps": 1000}, anneal_share=0.2, warmup_share=0.4, patience=3, tol=1e3).fit(X)
    assert (early.status_, early.n_iter_) == ("early_stop", 440)


def test_a_given_unit_is_that_of_the_training_and_of_the_floor():
    X, _ = spots(200)
    model, other = ManifoldVae(3, scale=0.5, **TINY).fit(X), ManifoldVae(3, scale=5.0, **TINY).fit(10 * X)
    assert (model.scale_, other.scale_) == (0.5, 5.0)
    np.testing.assert_allclose(other.denoise(10 * X), 10 * model.denoise(X), atol=1e-4)
    np.testing.assert_allclose(other.energy_path_, model.energy_path_, rtol=1e-4)
    assert np.abs(ManifoldVae(3, **TINY).fit(X).energy_path_ - model.energy_path_).min() > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0.0}, "`scale` is 0.0, but it must be None or a number greater than 0"),
        ({"scale": "rms"}, "`scale` is 'rms'"),
        ({"scale": 1e-20}, "`scale` is 1e-20, but beside entries of 1 it must be at least 1e-15"),
        ({"warmup_share": 1.1}, "`warmup_share` is 1.1"),
        ({"warmup_share": None}, "`warmup_share` is None"),
    ],
)
def test_parameters_out_of_range_are_named(options, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        ManifoldVae(3, **TINY, **options).fit(np.eye(4))
