"""The networks of ManifoldVae: residual blocks, modules of the user's, their checkpoints and pickles."""

import functools
import json
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sparsevae.exceptions import ParameterError, ShapeError, StoreError

torch = pytest.importorskip("torch")

from sparsevae.torch import ManifoldVae, _training  # noqa: E402 - it needs torch
from sparsevae.torch._network import Autoencoder, Block, layered  # noqa: E402

nn = torch.nn
X = np.random.default_rng(0).standard_normal((60, 16))
TINY = {"n_steps": 20, "batch_size": 20, "random_state": 0}


def convolutional(n_features, n_components):
    side = round(n_features**0.5)
    encoder = nn.Sequential(nn.Unflatten(1, (1, side, side)), nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten())
    decoder = nn.Sequential(
        nn.Unflatten(1, (n_components, 1, 1)), nn.ConvTranspose2d(n_components, 1, side), nn.Flatten()
    )
    return encoder, decoder


def regularised(n_features, n_components, share=0.2):
    encoder = nn.Sequential(nn.Linear(n_features, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(share))
    return encoder, nn.Sequential(nn.Linear(n_components, 12), nn.ReLU(), nn.Linear(12, n_features))


def broken(kind):
    """What a function of the user's may return."""
    linear = nn.Linear
    return {
        "one module": lambda d, _: linear(d, 5),
        "three": lambda d, k: (linear(d, 5), linear(k, d), None),
        "no module": lambda d, k: (linear(d, 5), lambda z: z @ torch.ones(k, d)),
        "encoder's input": lambda d, k: (linear(d + 1, 5), linear(k, d)),
        "encoder's output": lambda d, k: (nn.Sequential(linear(d, 6), nn.Unflatten(1, (2, 3))), linear(k, d)),
        "encoder's tuple": lambda d, k: (nn.GRU(d, 5), linear(k, d)),
        "decoder's input": lambda d, k: (linear(d, 5), linear(k + 2, d)),
        "decoder's output": lambda d, k: (linear(d, 5), linear(k, d - 1)),
    }[kind]


def test_a_residual_block_adds_to_its_input():
    torch.manual_seed(0)
    x = torch.randn(5, 4)
    block = Block(4, 4)
    expected = x + block.second(torch.relu(block.first(torch.relu(x))))
    torch.testing.assert_close(block(x), expected)
    wider = Block(4, 6)
    torch.testing.assert_close(wider(x) - wider.second(torch.relu(wider.first(torch.relu(x)))), wider.shortcut(x))


def test_widths_are_those_of_the_blocks():
    encoder, decoder, width = layered("resnet", 16, (8, 8, 5), 3, (5, 8))
    blocks = [module for module in encoder if isinstance(module, Block)]
    assert [(b.first.in_features, b.second.out_features) for b in blocks] == [(8, 8), (8, 8), (8, 5)]
    assert (width, encoder(torch.zeros(2, 16)).shape, decoder(torch.zeros(2, 3)).shape) == (5, (2, 5), (2, 16))
    network = Autoencoder(encoder, decoder, width, 3, covariance="full")
    z = torch.randn(4, 2, 3)
    torch.testing.assert_close(network.decode(z)[3, 1], network.decode(z[3, 1]))
    affine, _, width = layered("resnet", 16, (), 3, ())
    assert (len(affine), width) == (0, 16)


@pytest.mark.parametrize("networks", ["resnet", convolutional, regularised, functools.partial(regularised, share=0.5)])
@pytest.mark.parametrize("covariance", ["diagonal", "full"])
# PyTorch 2.4 warns whenever a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:You are using .torch.load. with:FutureWarning")
def test_networks_are_cloned_pickled_and_repeat_themselves(networks, covariance):
    state = torch.get_rng_state()
    model = ManifoldVae(4, networks=networks, covariance=covariance, encoder_hidden=(12,), noise_var="auto", **TINY)
    fitted = clone(model).fit(X)
    assert torch.equal(torch.get_rng_state(), state)
    found = fitted.denoise(X)
    np.testing.assert_array_equal(clone(model).fit(X).denoise(X), found)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).denoise(X), found)
    other = clone(model).set_params(random_state=1).fit(X)
    assert np.abs(other.denoise(X) - found).max() > 1e-3
    # In use, nothing depends on chance or on the other samples.
    np.testing.assert_allclose(fitted.denoise(X[:3]), found[:3], atol=1e-5)
    assert fitted.posterior_cov(X).shape == (60, 4, 4)


class StopError(Exception):
    pass


@pytest.mark.parametrize("networks", ["resnet", regularised])
def test_a_stopped_fit_goes_on_to_the_same_bits(networks, tmp_path, monkeypatch):
    monkeypatch.setattr(_training, "_APART", 0.0)
    options = {**TINY, "n_steps": 100, "covariance": "full", "noise_var": "learn", "encoder_hidden": (12,)}
    model = ManifoldVae(4, networks=networks, **options)
    whole, once = clone(model).fit(X), _training.Training.run

    def stopped(self, _, checkpoint):
        def stop(state):
            if state.step == 30:
                raise StopError

        once(self, stop, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(_training.Training, "run", stopped)
        with pytest.raises(StopError):
            clone(model).set_params(checkpoint=tmp_path / "state.pt").fit(X)
    resumed = clone(model).set_params(checkpoint=tmp_path / "state.pt").fit(X)
    assert resumed.noise_var_ == whole.noise_var_
    np.testing.assert_array_equal(resumed.denoise(X), whole.denoise(X))


def test_a_checkpoint_of_other_networks_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    model = ManifoldVae(4, networks=regularised, checkpoint=path, **TINY).fit(X)
    changes = {"networks": convolutional, "covariance": "full", "noise_var": "auto"}
    for name, value in changes.items():
        with pytest.raises(StoreError, match=f"which differs in {name}:"):
            clone(model).set_params(**{name: value}).fit(X)
    with pytest.raises(StoreError, match="which differs in networks:"):
        clone(model).set_params(networks=functools.partial(regularised, share=0.4)).fit(X)
    # The same name, another make.
    monkeypatch.setattr(convolutional, "__qualname__", "regularised")
    with pytest.raises(StoreError, match="which differs in networks:"):
        clone(model).set_params(networks=convolutional).fit(X)


@pytest.mark.parametrize("variational", [True, False])
def test_a_checkpoint_of_version_0_2_goes_on(variational, tmp_path):
    path = tmp_path / "state.pt"
    model = ManifoldVae(4, covariance="diagonal" if variational else "none", checkpoint=path, **TINY)
    expected = clone(model).fit(X).denoise(X)
    content = torch.load(path, weights_only=True)
    training = json.loads(content["training"])
    for name in ("networks", "noise_var", "covariance", "likelihood", "warmup_share"):
        del training[name]
    content["training"] = json.dumps({**training, "variational": variational}, sort_keys=True)
    torch.save(content, path)
    kept = path.read_bytes()
    np.testing.assert_array_equal(clone(model).fit(X).denoise(X), expected)
    assert path.read_bytes() == kept


def test_networks_of_version_0_2_are_unpickled():
    network = Autoencoder(*layered("mlp", 6, (5,), 3, (5,)), 3, covariance="diagonal")
    state = network.__dict__.copy()
    state["_modules"] = {name: module for name, module in network._modules.items() if name != "below"}
    state["_parameters"] = {}
    del state["n_components"], state["likelihood"]
    old = Autoencoder.__new__(Autoencoder)
    old.__setstate__(state)
    x = torch.zeros(2, 6)
    torch.testing.assert_close(old(x), network(x))
    assert old.first_weights().shape == (5, 3)
    assert (old.log_noise_var, old.likelihood) == (None, "gaussian")


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("one module", ParameterError, "`networks` returned Linear.*an encoder and a decoder"),
        ("three", ParameterError, "an encoder and a decoder, two of torch.nn.Module, are needed"),
        ("no module", ParameterError, "two of torch.nn.Module"),
        ("encoder's input", ShapeError, r"the encoder of `networks` does not take a batch of shape \(3, 16\): "),
        ("encoder's output", ShapeError, r"encoder of `networks` makes \(3, 2, 3\) of .* but \(3, width\) is needed"),
        ("encoder's tuple", ShapeError, r"encoder of `networks` makes tuple of .* but \(3, width\) is needed"),
        ("decoder's input", ShapeError, r"the decoder of `networks` does not take a batch of shape \(3, 4\): "),
        ("decoder's output", ShapeError, r"decoder of `networks` makes \(3, 15\) of .* but \(3, 16\) is needed"),
    ],
)
def test_networks_that_do_not_fit_are_told(kind, error, message):
    with pytest.raises(error, match=message):
        ManifoldVae(4, networks=broken(kind), **TINY).fit(X)


def test_columns_are_counted_where_the_decoder_begins_with_them():
    fitted = ManifoldVae(4, networks=regularised, **TINY).fit(X)
    first = fitted.network_.decoder[0].weight.detach().norm(dim=0).numpy()
    np.testing.assert_allclose(fitted.column_norms_, first, rtol=1e-6)
    other = ManifoldVae(4, networks=convolutional, **TINY).fit(X)
    assert np.isnan(other.column_norms_).all()
    with pytest.raises(ParameterError, match="does not begin with a linear layer on the latent variables: take 'mean'"):
        other.active_dimensions()
    assert set(other.active_dimensions("mean")) <= set(range(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"networks": "transformer"}, "`networks` is 'transformer', but it must be one of mlp, resnet or a function"),
        ({"networks": 5}, "`networks` is 5"),
        ({"networks": ["mlp"]}, r"`networks` is \['mlp'\]"),
        ({"noise_var": 1e-60}, "`noise_var` is 1e-60, but beside entries of the size of .* it must be from .*e-38 to"),
        ({"noise_var": "fixed"}, "`noise_var` is 'fixed', but it must be entries, auto, learn or a number"),
        ({"noise_var": 0.0}, "`noise_var` is 0.0"),
        ({"noise_var": np.nan}, "`noise_var` is nan"),
        ({"noise_var": None}, "`noise_var` is None"),
        ({"covariance": "full", "penalty": "l1"}, '`penalty` is .l1.* set covariance="none"'),
    ],
)
def test_parameters_out_of_range_are_named(options, message):
    with pytest.raises(ParameterError, match=message):
        ManifoldVae(4, **{**TINY, **options}).fit(X)


def test_more_latent_variables_than_a_full_covariance_has_room_for_are_refused():
    wide = np.zeros((2, 2_000_000), np.float32)
    with pytest.raises(ParameterError, match="`n_components` is 2000000, but memory does not suffice"):
        ManifoldVae(2_000_000, covariance="full", encoder_hidden=(1,), **TINY).fit(wide)
