"""ManifoldVae: its energy, recovery and pruning; checkpoints, tensors, input and output."""

import inspect
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from problems import relative_error
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from sparsevae import RobustVae
from sparsevae.datasets import make_low_rank_outliers, make_relu_manifold
from sparsevae.exceptions import DataTypeError, NonFiniteError, NumericalError, ParameterError, ShapeError, StoreError

torch = pytest.importorskip("torch")

from sparsevae.torch import ManifoldVae, _training  # noqa: E402 - it needs torch
from sparsevae.torch._network import Autoencoder, layered  # noqa: E402
from sparsevae.torch._parameters import make_settings  # noqa: E402

TINY = {"encoder_hidden": (8,), "n_steps": 20, "random_state": 0}
LONG = {"encoder_hidden": (64, 64), "n_steps": 10**9, "random_state": 0}


def circle(n=2000, d=20, share=0.1, seed=0):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    clean = np.sqrt(2) * np.cos(angle[:, None] + np.arange(d))
    mask = rng.random((n, d)) < share
    return np.where(mask, rng.standard_normal((n, d)), clean), clean


def settings(**changes):
    return make_settings(ManifoldVae(**{**TINY, "n_components": 3, **changes}), 100, 6)


def energies(network, chosen, x, mask=None, floor=0.01):
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        return _training.sample_energy(network, chosen, x, mask, floor, generator).numpy()


def network_and_samples(covariance="diagonal", networks="mlp"):
    generator = torch.Generator().manual_seed(1)
    network = Autoencoder(*layered(networks, 6, (8, 5), 3, (4,)), 3, covariance=covariance)
    network.initialise(generator)
    return network, torch.randn(7, 6, generator=generator)


@parametrize_with_checks(
    [
        ManifoldVae(**TINY),
        ManifoldVae(covariance="none", allow_missing=True, **TINY),
        ManifoldVae(covariance="full", networks="resnet", noise_var="auto", **TINY),
    ]
)
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


def test_energy_is_the_bound_with_the_decoders_variances_at_their_optimum():
    network, x = network_and_samples()
    with torch.no_grad():
        mean, log_var = (part.numpy().astype(float) for part in network.encode(x))
        noise = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(0)).numpy()
        z = mean + np.exp(log_var / 2) * noise
        square = (x.numpy() - network.decode(torch.from_numpy(z.astype(np.float32))).numpy()) ** 2 + 0.01
    variances = square * np.geomspace(0.1, 10, 5)[:, None, None, None]
    fit = np.sum(square / variances + np.log(variances) - 1, axis=-1).mean(axis=1)
    latent = np.sum(np.exp(log_var) - log_var + mean**2, axis=1)
    np.testing.assert_allclose(energies(network, settings(n_draws=4), x), fit[2] + latent, rtol=1e-5)
    assert (fit[[0, 1, 3, 4]] > fit[2]).all()


@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_a_deterministic_autoencoder_has_a_penalty_in_place_of_the_variances(penalty):
    network, x = network_and_samples("none")
    with torch.no_grad():
        mean = network.encode(x)[0]
        square = (x - network.decode(mean)).square().numpy()
    size = {"l2": mean.square(), "l1": mean.abs()}[penalty].sum(1).numpy()
    found = energies(network, settings(covariance="none", penalty=penalty, penalty_weight=7.0), x)
    np.testing.assert_allclose(found, np.log(square + 0.01).sum(1) + 7 * size, rtol=1e-5)


def test_missing_entries_do_not_count():
    network, x = network_and_samples()
    mask = torch.rand(7, 6, generator=torch.Generator().manual_seed(2)) < 0.7
    whole, masked = (energies(network, settings(), x, mask) for mask in (torch.ones_like(mask), mask))
    assert (masked != whole).any()
    np.testing.assert_allclose(whole, energies(network, settings(), x))
    other = torch.where(mask, x, x)
    np.testing.assert_allclose(energies(network, settings(), other, mask), masked)


def test_outliers_are_removed_and_the_dimension_is_found():
    X, clean = circle()
    model = ManifoldVae(8, encoder_hidden=(100, 50), n_steps=3000, learning_rate=3e-3, random_state=0).fit(X)
    assert relative_error(X, clean) > 0.15
    assert relative_error(model.denoise(X), clean) < 0.01
    active = model.active_dimensions("variance")
    assert len(active) == 2
    np.testing.assert_array_equal(active, np.sort(np.argsort(model.column_norms_)[-2:]))
    assert (np.abs(np.delete(model.posterior_var_, active) - 1) < 0.05).all()
    new, truth = circle(seed=1)
    assert relative_error(model.denoise(new), truth) < 0.01
    np.testing.assert_allclose(model.inverse_transform(model.transform(new)), model.denoise(new), atol=1e-5)


def test_an_affine_decoder_finds_the_rank_of_clean_data():
    data = make_low_rank_outliers(2000, 20, rank=3, outlier_share=0.0, random_state=0)
    model = ManifoldVae(10, encoder_hidden=(), n_steps=3000, learning_rate=3e-3, random_state=0).fit(data.X)
    assert len(model.active_dimensions()) == RobustVae(floor=1e-4).fit(data.X).rank_ == 3
    assert relative_error(model.denoise(data.X), data.low_rank) < 1e-3


def test_superfluous_dimensions_vanish_and_only_with_variances():
    data = make_relu_manifold(4000, 30, dimension=3, hidden=(40, 40), outlier_share=0.0, random_state=0)
    common = {"encoder_hidden": (40, 40), "learning_rate": 3e-3, "random_state": 0}
    model = ManifoldVae(6, n_steps=2000, center=True, **common).fit(data.X)
    assert len(model.active_dimensions()) == len(model.active_dimensions("variance")) == 3
    statistics = model.posterior_var_statistics(data.X)
    assert statistics.near_zero == pytest.approx(3 / 6, abs=0.01)
    assert statistics.counts.sum() == 6 * 4000
    assert statistics.counts[2:38].sum() < 0.05 * statistics.counts.sum()
    np.testing.assert_allclose(statistics.mean, np.sort(model.posterior_var_), atol=1e-5)
    plain = ManifoldVae(6, covariance="none", weight_decay=5e-4, n_steps=600, **common).fit(data.X)
    assert len(plain.active_dimensions()) == 6
    assert not plain.posterior_var_.any()


def test_missing_entries_are_filled_in():
    X, clean = circle(share=0.0)
    missing = np.random.default_rng(1).random(X.shape) < 0.2
    X[missing], X[7], X[:, 3] = np.nan, np.nan, np.nan
    model = ManifoldVae(4, encoder_hidden=(100, 50), n_steps=2000, allow_missing=True, center=True, random_state=0).fit(
        X
    )
    found = model.denoise(X)
    assert np.isfinite(found).all()
    rest = np.ix_(np.arange(2000) != 7, np.arange(20) != 3)
    assert relative_error(found[rest], clean[rest]) < 0.02
    assert model.offset_[3] == 0


def test_equal_seeds_give_equal_results_and_the_users_generator_stays():
    X, _ = circle(300)
    state = torch.get_rng_state()
    one, same, other = (ManifoldVae(**{**TINY, "random_state": seed}).fit(X) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.denoise(X), same.denoise(X))
    assert np.abs(one.denoise(X) - other.denoise(X)).max() > 1e-3
    assert torch.equal(torch.get_rng_state(), state)


def test_every_epoch_takes_each_sample_once():
    training = _training.Training(settings(batch_size=5), torch.zeros(23, 6), None)
    orders = []
    for epoch in range(2):
        rows = torch.cat([training._rows(4 * epoch + place) for place in range(4)])
        assert len(rows.unique()) == 20
        orders.append(rows)
    assert not torch.equal(*orders)


def test_the_floor_falls_and_stays_and_the_learning_rate_falls_to_the_end():
    training = _training.Training(settings(n_steps=1000, anneal_share=0.5, floor=1e-3), torch.zeros(9, 6), None)
    floors = [training.floor_at(step) for step in (0, 250, 500, 1000)]
    np.testing.assert_allclose(floors, [0.1, 0.01, 0.001, 0.001])
    assert _training.Training(settings(anneal_share=0.0), torch.zeros(9, 6), None).floor_at(0) == 0.01
    rates = [_training.learning_rate_share(done) for done in (0, 0.5, 1)]
    np.testing.assert_allclose(rates, [1, 0.51, 0.02])


def test_training_ends_early_when_the_energy_stays():
    X, _ = circle(300)
    model = ManifoldVae(**{**TINY, "n_steps": 1000}, anneal_share=0.2, patience=3, tol=1e3).fit(X)
    # The first energy after the annealing is lower than none, the next three are not lower by `tol`.
    assert (model.status_, model.n_iter_) == ("early_stop", 240)
    assert ManifoldVae(**TINY, patience=10**6).fit(X).status_ == "completed"


def test_energy_falls_at_a_fixed_floor():
    X, _ = circle(500)
    model = ManifoldVae(4, encoder_hidden=(50,), n_steps=1000, anneal_share=0.0, random_state=0).fit(X)
    assert len(model.energy_path_) == 100
    assert model.energy_path_[-10:].mean() < model.energy_path_[:10].mean() - 5


class StopError(Exception):
    pass


def test_a_stopped_fit_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    X, _ = circle(300)
    monkeypatch.setattr(_training, "_APART", 0.0)
    path = tmp_path / "folder" / "state.pt"
    model = ManifoldVae(**{**TINY, "n_steps": 200}, n_draws=2)
    whole = clone(model).fit(X)
    once = _training.Training.run

    def stopped(self, _, checkpoint):
        def stop(state):
            if state.step == 60:
                raise StopError

        once(self, stop, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(_training.Training, "run", stopped)
        with pytest.raises(StopError):
            clone(model).set_params(checkpoint=path).fit(X)
    assert [file.name for file in path.parent.iterdir()] == ["state.pt"]
    steps = []
    kept = _training.Training._step
    monkeypatch.setattr(_training.Training, "_step", lambda self, step: steps.append(step) or kept(self, step))
    resumed = clone(model).set_params(checkpoint=str(path)).fit(X)
    assert steps == list(range(60, 200))
    np.testing.assert_array_equal(resumed.denoise(X), whole.denoise(X))
    np.testing.assert_array_equal(resumed.energy_path_, whole.energy_path_)
    # What is done is not done again.
    done = clone(model).set_params(checkpoint=path).fit(X)
    assert len(steps) == 140
    np.testing.assert_array_equal(done.denoise(X), whole.denoise(X))


SCRIPT = """
import sys
import numpy as np
from sparsevae.torch import ManifoldVae, _training
_training._APART = 0.0
X = np.random.default_rng(0).standard_normal((400, 20))
model = ManifoldVae(5, encoder_hidden=(64,), n_steps=400, random_state=0, checkpoint=sys.argv[1], verbose=True).fit(X)
"""


@pytest.mark.slow
def test_a_killed_fit_goes_on_to_the_same_bits(tmp_path):
    path = tmp_path / "state.pt"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    X = np.random.default_rng(0).standard_normal((400, 20))
    model = ManifoldVae(5, encoder_hidden=(64,), n_steps=400, random_state=0)
    whole, resumed = clone(model).fit(X), clone(model).set_params(checkpoint=path).fit(X)
    np.testing.assert_array_equal(resumed.denoise(X), whole.denoise(X))


def test_a_checkpoint_of_another_training_is_refused_and_the_difference_named(tmp_path):
    X, _ = circle(100)
    path = tmp_path / "state.pt"
    model = ManifoldVae(**TINY, checkpoint=path).fit(X)
    for other, changed, rows in (
        (clone(model).set_params(floor=1e-3, n_draws=2), "floor, n_draws", X),
        (clone(model), "data", X + 1e-3 * np.eye(100, 20)),
    ):
        with pytest.raises(StoreError, match=f"differs in {changed}:"):
            other.fit(rows)
    path.write_bytes(b"something else")
    with pytest.raises(StoreError, match=r"state\.pt is no checkpoint"):
        clone(model).fit(X)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("state/data.pkl", bytes(10**7))
    with pytest.raises(StoreError, match=r"state\.pt is no checkpoint of ManifoldVae: it is compressed"):
        clone(model).fit(X)
    torch.save({"sparsevae": 99}, path)
    with pytest.raises(StoreError, match="format 99"):
        clone(model).fit(X)
    with pytest.raises(StoreError, match="cannot be written"):
        clone(model).set_params(checkpoint=path / "below").fit(X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensors_come_back_as_they_are(dtype):
    X, _ = circle(200)
    tensor = torch.from_numpy(X).to(getattr(torch, dtype))
    array = tensor.numpy()
    model, other = ManifoldVae(**TINY).fit(tensor), ManifoldVae(**TINY).fit(array)
    for name in ("denoise", "transform", "posterior_var"):
        found, expected = getattr(model, name)(tensor), getattr(other, name)(array)
        assert (found.dtype, found.requires_grad) == (tensor.dtype, False)
        assert expected.dtype == array.dtype
        # NumPy's float32 is scaled in float64.
        np.testing.assert_allclose(found.numpy(), expected, atol=0 if dtype == "float64" else 1e-4)
    latent = model.transform(tensor)
    torch.testing.assert_close(model.inverse_transform(latent), model.denoise(tensor), rtol=1e-5, atol=1e-5)
    assert model.inverse_transform(latent).dtype == tensor.dtype
    assert model.posterior_var_statistics(tensor).counts.sum() == latent.numel()
    turned = ManifoldVae(**TINY).fit(tensor.T.contiguous().T)
    torch.testing.assert_close(turned.denoise(tensor), model.denoise(tensor), rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.denoise(array[::-1]), other.denoise(array)[::-1], atol=1e-4)


def test_gradients_go_through_a_fitted_projection():
    X, _ = circle(50)
    model = ManifoldVae(**TINY).fit(X)
    x = torch.from_numpy(X[:3]).requires_grad_()
    found = model.denoise(x)
    found[0, 0].backward()
    step = np.zeros_like(X[:3])
    step[0, 4] = 1e-2
    slope = (model.denoise(X[:3] + step) - model.denoise(X[:3] - step))[0, 0] / 2e-2
    assert x.grad[0, 4] == pytest.approx(slope, abs=1e-3 + 0.05 * abs(slope))
    assert not x.grad[1:].any()
    assert not ManifoldVae(**TINY).fit(x.detach().requires_grad_()).network_.mean.weight.grad_fn


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_what_the_cpu_gives():
    X, clean = circle()
    model = ManifoldVae(8, encoder_hidden=(100, 50), n_steps=3000, random_state=0)
    tensor = torch.from_numpy(X).cuda()
    found = clone(model).fit(tensor).denoise(tensor)
    assert found.device == tensor.device
    assert relative_error(found.cpu().numpy(), clean) < 0.02
    there = clone(model).set_params(device="cuda").fit(X)
    assert there.network_.mean.weight.is_cuda
    assert isinstance(there.denoise(X), np.ndarray)


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e150])
def test_the_unit_of_the_data_does_not_matter(scale):
    X, _ = circle(300)
    here, there = ManifoldVae(**TINY).fit(X), ManifoldVae(**TINY).fit(X * scale)
    assert there.scale_ == pytest.approx(here.scale_ * scale)
    np.testing.assert_allclose(there.denoise(X * scale) / scale, here.denoise(X), atol=1e-3)


def test_offsets_are_taken_off_where_asked_for():
    X, clean = circle()
    shift = 100.0 + np.arange(20)
    model = ManifoldVae(4, encoder_hidden=(100, 50), n_steps=2000, center=True, random_state=0).fit(X + shift)
    np.testing.assert_allclose(model.offset_, shift, atol=0.2)
    assert relative_error(model.denoise(X + shift) - shift, clean) < 0.03
    np.testing.assert_array_equal(ManifoldVae(**TINY).fit(X + shift).offset_, 0)


def test_outliers_of_any_size_leave_the_unit_alone():
    X, _ = circle(500, share=0.05)
    far = np.where(np.abs(X - circle(500, share=0.0)[0]) > 0, 1e6 * X, X)
    assert ManifoldVae(**TINY).fit(far).scale_ == pytest.approx(ManifoldVae(**TINY).fit(X).scale_, rel=0.2)


def test_constant_features_and_single_samples_are_defined():
    assert ManifoldVae(**TINY, center=True).fit(np.ones((6, 4))).scale_ == 1
    model = ManifoldVae(**TINY).fit(np.zeros((6, 4)))
    assert model.scale_ == 1
    assert np.isfinite(model.denoise(np.ones((2, 4)))).all()
    X, _ = circle(300)
    X[:, 3] = 7.0
    model = ManifoldVae(4, encoder_hidden=(50,), n_steps=1000, center=True, random_state=0).fit(X)
    assert np.abs(model.denoise(X)[:, 3] - 7).max() < 0.5
    assert np.isfinite(ManifoldVae(**TINY).fit(X[:1]).denoise(X)).all()
    # Mostly zeros, as in pictures: their upper quartile is no unit.
    sparse = np.where(np.random.default_rng(0).random((50, 6)) < 0.1, 3.0, 0.0)
    assert ManifoldVae(**TINY).fit(sparse).scale_ == pytest.approx(np.sqrt(np.mean(sparse**2)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "`n_components` is 0"),
        ({"n_components": 4}, "`n_components` is 4, but it must be at most 3"),
        ({"n_components": 1.5}, "`n_components` is 1.5"),
        ({"encoder_hidden": 5}, "`encoder_hidden` is 5"),
        ({"encoder_hidden": (5, 0)}, "`encoder_hidden` is (5, 0)"),
        ({"decoder_hidden": ("wide",)}, "`decoder_hidden` is ('wide',)"),
        ({"covariance": "low rank"}, "`covariance` is 'low rank'"),
        ({"penalty": "l0"}, "`penalty` is 'l0'"),
        ({"penalty": "l1"}, 'set covariance="none"'),
        ({"penalty_weight": -1}, "`penalty_weight` is -1"),
        ({"weight_decay": np.nan}, "`weight_decay` is nan"),
        ({"n_draws": 0}, "`n_draws` is 0"),
        ({"floor": 0.0}, "`floor` is 0.0"),
        ({"floor": 0.5}, "`floor` is 0.5"),
        ({"anneal_share": 1.1}, "`anneal_share` is 1.1"),
        ({"n_steps": 0}, "`n_steps` is 0"),
        ({"batch_size": True}, "`batch_size` is True"),
        ({"learning_rate": 0}, "`learning_rate` is 0"),
        ({"patience": 0}, "`patience` is 0"),
        ({"tol": np.inf}, "`tol` is inf"),
        ({"device": "abacus"}, "`device` is 'abacus'"),
        ({"device": "meta"}, "`device` is 'meta'"),
        ({"checkpoint": 5}, "`checkpoint` is 5"),
        ({"n_draws": 10**30}, "`n_draws` is 1000000000000000000000000000000, but memory does not suffice"),
        ({"n_draws": 2**60}, "`n_draws` is 1152921504606846976, but memory does not suffice"),
        (
            {"encoder_hidden": (10**30,)},
            "`encoder_hidden` is (1000000000000000000000000000000,), but memory does not suffice",
        ),
        ({"decoder_hidden": (10, 10**17)}, "`decoder_hidden` is (10, 100000000000000000), but memory does not suffice"),
        ({"random_state": -1}, "`random_state` is -1"),
        ({"allow_missing": "yes"}, "`allow_missing` is 'yes'"),
        ({"center": "mean"}, "`center` is 'mean'"),
        ({"center": 3}, "`center` is 3, but it must be True or False"),
    ],
)
def test_parameters_out_of_range_are_named(options, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        ManifoldVae(**{**TINY, **options}).fit(np.eye(3))


@pytest.mark.parametrize(
    ("X", "missing", "kind", "message"),
    [
        (np.ones(3), False, ShapeError, "`X` has shape (3,)"),
        ([[1.0, np.nan]], False, NonFiniteError, "index [0, 1]"),
        ([[1.0, np.inf]], True, NonFiniteError, "index [0, 1]"),
        ([[np.nan, np.nan]], True, ParameterError, "all entries of `X` are missing"),
        ([[1j]], False, DataTypeError, "Complex"),
        (torch.ones(3), False, ShapeError, "`X` has shape (3,)"),
        (torch.ones(0, 3), False, ShapeError, "`X` has shape (0, 3)"),
        (torch.tensor([[1.0, np.nan]]), False, NonFiniteError, "index [0, 1]"),
        (torch.ones(2, 2, dtype=torch.float16), False, DataTypeError, "torch.float16"),
        (torch.ones(2, 2, dtype=torch.complex64), False, DataTypeError, "torch.complex64"),
        (torch.eye(2).to_sparse(), False, DataTypeError, "torch.sparse_coo"),
        (torch.ones(2, 2, device="meta"), False, DataTypeError, "meta device"),
    ],
)
def test_data_that_cannot_be_used_are_refused(X, missing, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        ManifoldVae(allow_missing=missing, **TINY).fit(X)


def test_other_methods_refuse_what_does_not_fit():
    X, _ = circle(50)
    model = ManifoldVae(3, covariance="none", **TINY).fit(X)
    for wrong in (X[:, 1:], torch.from_numpy(X[:, 1:].copy())):
        with pytest.raises(ShapeError, match="19"):
            model.denoise(wrong)
    for wrong in (np.ones((2, 4)), torch.ones(2, 4)):
        with pytest.raises(ShapeError, match="3 columns are needed"):
            model.inverse_transform(wrong)
    with pytest.raises(NonFiniteError):
        model.inverse_transform(np.full((2, 3), np.nan))
    with pytest.raises(ParameterError, match="`rule` is 'best'"):
        model.active_dimensions("best")
    with pytest.raises(ParameterError, match="deterministic"):
        model.active_dimensions("variance")
    with pytest.raises(ParameterError, match="`n_bins` is 0"):
        model.posterior_var_statistics(X, 0)


def test_a_diverging_training_is_an_error():
    X, _ = circle(50)
    with pytest.raises(NumericalError, match="`learning_rate`"):
        ManifoldVae(**{**TINY, "n_steps": 200}, learning_rate=1e30).fit(X)


def test_interrupt_stops_a_fit_within_a_fifth_of_a_second():
    X, _ = circle(500)
    sent = []

    def press():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.5, press).start()
    with pytest.raises(KeyboardInterrupt):
        ManifoldVae(**LONG).fit(X)
    assert time.perf_counter() - sent[0] < 0.2


def test_progress_goes_to_standard_error(capfd):
    X, _ = circle(50)
    ManifoldVae(**TINY).fit(X)
    assert capfd.readouterr() == ("", "")
    ManifoldVae(**TINY, verbose=True).fit(X)
    out, err = capfd.readouterr()
    assert out == ""
    assert "step 20 of 20" in err


# PyTorch 2.4 warns whenever a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:You are using .torch.load. with:FutureWarning")
def test_names_and_pickles():
    X, _ = circle(100)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(20)])
    named = ManifoldVae(3, **TINY).fit(frame)
    assert named.get_feature_names_out().tolist() == [f"manifoldvae{k}" for k in range(3)]
    again = pickle.loads(pickle.dumps(named))
    np.testing.assert_array_equal(again.denoise(frame), named.denoise(frame))
    assert ManifoldVae(**TINY).fit(X).n_components_ == 20
    assert ManifoldVae(**TINY).fit(np.ones((3, 60))).n_components_ == 50


def test_everything_is_documented():
    fitted = ManifoldVae(**TINY).fit(pd.DataFrame(circle(50)[0], columns=[f"x{j}" for j in range(20)]))

    def names(section):
        text = inspect.getdoc(ManifoldVae).split(f"{section}\n{'-' * len(section)}\n")[1].split("\n\n")[0]
        return set(re.findall(r"^(\w+) : ", text, re.M))

    assert names("Attributes") == {key for key in vars(fitted) if key.endswith("_")}
    assert names("Parameters") == set(inspect.signature(ManifoldVae).parameters)


@pytest.mark.parametrize("kept", [True, False])
def test_denormal_numbers_are_treated_as_before_once_a_training_ends(kept):
    def survive():
        return bool((torch.full((8,), 1e-40) * 1.0 != 0).any())

    seen = []

    class Layer(torch.nn.Linear):
        def forward(self, x):
            seen.append(survive())
            return super().forward(x)

    before = survive()
    try:
        torch.set_flush_denormal(not kept)
        ManifoldVae(1, networks=lambda d, k: (Layer(d, 4), torch.nn.Linear(k, d)), n_steps=3).fit(np.eye(6))
        assert survive() == kept
        assert not any(seen[1:4])
    finally:
        torch.set_flush_denormal(not before)
