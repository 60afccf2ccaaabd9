"""Networks that benches/gpu trains as one are those of ManifoldVae."""

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sparsevae.torch import ManifoldVae, _training  # noqa: E402 - it needs torch
from sparsevae.torch._network import Autoencoder, layered  # noqa: E402
from sparsevae.torch._parameters import make_settings  # noqa: E402

FOLDER = Path(__file__).parents[3] / "benches" / "gpu"
if not FOLDER.is_dir():
    pytest.skip("the source distribution has no benches", allow_module_level=True)
sys.path.insert(0, str(FOLDER))
import ensemble  # noqa: E402 - it is no package
import jobs  # noqa: E402
import report  # noqa: E402

sys.path.remove(str(FOLDER))

METHODS = [
    ensemble.Method("AE-l1", penalty="l1", weight=3.0),
    ensemble.Method("VAE", variational=True),
    ensemble.Method("AE-l2", weight=10.0),
]
PROTOCOL = ensemble.Protocol(4, (7, 5), (6,), n_steps=10, batch_size=8, weight_decay=0.01, anneal_share=0.5)


def samples(dtype=torch.float32):
    return torch.randn(2, 20, 9, generator=torch.Generator().manual_seed(0), dtype=dtype)


def settings_of(method, protocol=PROTOCOL):
    model = ManifoldVae(
        protocol.n_components,
        encoder_hidden=protocol.encoder,
        decoder_hidden=protocol.decoder,
        covariance="diagonal" if method.variational else "none",
        penalty=method.penalty,
        penalty_weight=method.weight,
        weight_decay=protocol.weight_decay,
        floor=protocol.floor,
        anneal_share=protocol.anneal_share,
        warmup_share=protocol.warmup_share,
        n_draws=protocol.n_draws,
        n_steps=protocol.n_steps,
        batch_size=protocol.batch_size,
        learning_rate=protocol.learning_rate,
        random_state=0,
    )
    return make_settings(model, 20, 9)


def linear(layers):
    return [module for module in layers if isinstance(module, torch.nn.Linear)]


def pairs(network, stack):
    """Layers of a network of the package, and the stacks that they are in."""
    found = [*zip(linear(network.body), stack.encoder, strict=True), (network.mean, stack.mean)]
    if network.log_var is not None:
        found.append((network.log_var, stack.log_var))
    return [*found, *zip(linear(network.decoder), stack.decoder, strict=True)]


def network_of(stack, index):
    count, covariance = stack.protocol.n_components, "diagonal" if index < stack.n_variational else "none"
    layers = layered("mlp", 9, stack.protocol.encoder, count, stack.protocol.decoder)
    network = Autoencoder(*layers, count, covariance=covariance).to(stack.data)
    with torch.no_grad():
        for module, (weight, offset) in pairs(network, stack):
            module.weight.copy_(weight[index].T)
            module.bias.copy_(offset[index, 0])
    return network


def places(stack):
    return [(m * 2 + s, method, s) for m, method in enumerate(stack.methods) for s in range(2)]


@pytest.mark.parametrize("encoder", [(7, 5), ()])
def test_energies_and_slopes_are_those_of_the_package(encoder):
    data = samples(torch.float64)
    stack = ensemble.Ensemble(data, METHODS, replace(PROTOCOL, encoder=encoder))
    with torch.no_grad():
        # Beyond the limits of the logarithms of variances.
        stack.log_var[1][0, 0, :2] = torch.tensor([-30.0, 30.0])
    noise = torch.randn(1, 20, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = stack.energies(stack.repeated(data), noise.expand(2, -1, -1), 0.03)
    found.mean(1).sum().backward()
    for index, method, where in places(stack):
        network = network_of(stack, index)
        expected = _training.sample_energy(
            network, settings_of(method, stack.protocol), data[where], None, 0.03, torch.Generator().manual_seed(1)
        )
        torch.testing.assert_close(found[index], expected, rtol=1e-12, atol=1e-12)
        expected.mean().backward()
        for module, (weight, offset) in pairs(network, stack):
            torch.testing.assert_close(weight.grad[index].T, module.weight.grad, rtol=1e-11, atol=1e-12)
            torch.testing.assert_close(offset.grad[index, 0], module.bias.grad, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("warmup_share", "n_draws"), [(0.0, 1), (0.7, 1), (0.7, 3)])
def test_a_training_is_that_of_the_package(warmup_share, n_draws):
    protocol = replace(PROTOCOL, warmup_share=warmup_share, n_draws=n_draws)
    data = samples()
    stack = ensemble.Ensemble(data, METHODS, protocol)
    trainings = []
    for index, method, where in places(stack):
        training = _training.Training(settings_of(method, protocol), data[where], None)
        training.network.load_state_dict(network_of(stack, index).state_dict())
        trainings.append(training)
    for step in range(PROTOCOL.n_steps):
        stack.order = trainings[0]._rows(step).expand(stack.per_epoch, -1)
        generator = torch.Generator().manual_seed(_training._mix(trainings[0].settings.seed, step + 1))
        noise = torch.randn(n_draws, 8, 4, generator=generator).expand(2, -1, -1, -1)
        stack.take_step(noise[:, 0] if n_draws == 1 else noise)
        for training in trainings:
            training._step(step)
    for (index, *_), training in zip(places(stack), trainings, strict=True):
        for name, value in network_of(stack, index).state_dict().items():
            torch.testing.assert_close(value, training.network.state_dict()[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.35, 0.7, 1.0])
def test_floor_and_warm_up_are_those_of_the_package_at_every_step(share):
    protocol = replace(PROTOCOL, anneal_share=share, warmup_share=share, n_steps=40)
    for method in METHODS:
        training = _training.Training(settings_of(method, protocol), samples()[0], None)
        assert protocol.floors() == pytest.approx([training.floor_at(step) for step in range(40)], rel=1e-12)
        weights = [method.weight * warmth for warmth in protocol.warmth()]
        assert weights == pytest.approx([training.penalty_weight_at(step) for step in range(40)], rel=1e-12)


def test_every_epoch_takes_each_sample_once_and_marks_are_kept(monkeypatch):
    stack = ensemble.Ensemble(samples(), METHODS, replace(PROTOCOL, n_steps=30, batch_size=5))
    taken, steps = [], []
    step = stack.take_step

    def record():
        taken.append(stack.order[stack.clock.item() % stack.per_epoch].tolist())
        step()

    monkeypatch.setattr(stack, "take_step", record)
    ready = iter([None, stack])
    ensemble.train([lambda: next(ready)], [(13, 30)], lambda index, found: steps.append((index, found.step)))
    assert steps == [(0, 13), (0, 30)]
    assert len(taken) == 30
    for epoch in range(7):
        assert sorted(itertools.chain(*taken[4 * epoch : 4 * epoch + 4])) == list(range(20))
    assert taken[0] != taken[4]


def test_methods_of_a_data_set_share_their_first_weights():
    stack = ensemble.Ensemble(samples(), METHODS, PROTOCOL)
    for weight, offset in (*stack.encoder, stack.mean, *stack.decoder):
        for tensor in (weight, offset):
            assert torch.equal(tensor[:2], tensor[2:4])
            assert torch.equal(tensor[:2], tensor[4:])
            assert not torch.equal(tensor[0], tensor[1])


def test_scores_are_those_of_the_networks():
    data, clean = samples(), samples() + 0.5
    stack = ensemble.Ensemble(data, METHODS, PROTOCOL)
    with torch.no_grad():
        stack.decoder[0][0][0, :2] = 0.0
    nmse, misfit = stack.nmse(data, clean), stack.misfit(data, data)
    columns, variances = stack.used(data)
    means, counts = stack.variances(data)
    for index, method, where in places(stack):
        network = network_of(stack, index)
        with torch.no_grad():
            found = network(data[where])
            assert nmse[index] == pytest.approx(
                float((found - clean[where]).square().sum() / clean[where].square().sum())
            )
            assert misfit[index] == pytest.approx(float(((found - data[where]).square() + 0.01).log().mean()), rel=1e-5)
            if method.variational:
                every = network.encode(data[where])[1].exp()
                assert variances[index] == int((every.mean(0) < 0.5).sum())
                torch.testing.assert_close(means[index], every.mean(0).sort().values)
                # As ManifoldVae.posterior_var_statistics counts them.
                expected = np.histogram(np.minimum(every.numpy(), 1.25), 50, (0, 1.25))[0]
                assert np.abs(counts[index].numpy() - expected).sum() <= 2
                assert counts[index].sum() == every.numel()
    assert columns.tolist() == [2, 4, 4, 4, 4, 4]
    assert len(variances) == len(means) == len(counts) == 2


def test_the_penalty_is_picked_without_the_truth():
    rows = [
        {"set": s, "method": "AE-l2", "weight": w, "nmse": nmse, "entries": entries, "misfit": misfit}
        for s, w, nmse, entries, misfit in [
            ("a", 1.0, 0.3, 1.0, 3.0),
            ("a", 10.0, 0.2, 0.5, 4.0),
            ("a", 100.0, 0.1, 0.7, 5.0),
            ("b", 1.0, 0.3, 0.1, 9.0),
            ("b", 10.0, 0.2, 0.5, 4.0),
        ]
    ]
    assert jobs.pick(rows, "AE-l2", "entries") == {"a": (0.2, 10.0), "b": (0.3, 1.0)}
    assert jobs.pick(rows, "AE-l2", "misfit") == {"a": (0.3, 1.0), "b": (0.2, 10.0)}
    assert jobs.pick(rows, "AE-l2", "nmse") == {"a": (0.1, 100.0), "b": (0.2, 10.0)}


def test_sets_are_those_of_the_package_and_held_out_entries_are_changed():
    place = jobs.Place(3, 0.2, 1)
    sets = jobs.draw_manifolds([place], 300, hidden=(20, 20), n_features=12, n_held=50, n_scored=100)
    from sparsevae.datasets import make_relu_manifold

    data = make_relu_manifold(350, 12, dimension=3, hidden=(20, 20), outlier_share=0.2, random_state=place.seed)
    assert sets.data.shape == (1, 300, 12)
    np.testing.assert_allclose(sets.data[0] * sets.scale[0], data.X[:300], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sets.clean[0] * sets.scale[0], data.clean[:100], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sets.held[0] * sets.scale[0], data.X[300:], rtol=1e-5, atol=1e-6)
    changed = sets.altered != sets.held
    assert 0.05 < sets.hidden.float().mean() < 0.15
    assert bool((changed <= sets.hidden).all())
    assert changed.sum() > 0.9 * sets.hidden.sum()


def test_images_keep_their_unit_and_the_last_of_them_are_held_out(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x_train=images)
    place = jobs.Place(0, 0.2, 0)
    sets = jobs.draw_digits([place], tmp_path / "images.npz", 30, 5)
    from sparsevae.datasets import make_corrupted_digits

    data = make_corrupted_digits(path=tmp_path / "images.npz", n_samples=30, outlier_share=0.2, random_state=place.seed)
    assert sets.scale == [1.0]
    for found, expected in ((sets.data, data.X[:25]), (sets.clean, data.clean[:25]), (sets.held, data.X[25:])):
        np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_ratios_have_the_interval_of_trials_at_fixed_places():
    ours = {"2/0.1/0": 0.1, "2/0.1/1": 0.1, "8/0.1/0": 0.4, "8/0.1/1": 0.4}
    theirs = {"2/0.1/0": 0.2, "2/0.1/1": 0.2, "8/0.1/0": 0.2, "8/0.1/1": 0.2}
    assert report.ratio(ours, theirs) == "1 (1-1)"
    assert report.ahead(ours, theirs) == ("2 of 4", "1 of 2", "1 of 2")
    spread = {"2/0.1/0": 0.2 * np.exp(0.1), "2/0.1/1": 0.2 * np.exp(-0.1), "8/0.1/0": 0.2, "8/0.1/1": 0.2}
    # Two degrees of freedom: 4.303 standard errors of sqrt(0.02 / 2 / 4).
    assert report.ratio(ours, spread) == f"1 ({np.exp(-0.21514):.3g}-{np.exp(0.21514):.3g})"


def test_tables_of_variances_have_shares_of_all_and_means_in_order():
    counts = [0] * 50
    # Bins of 1/40: 0.175 to 0.2, 0.2 to 0.225, 0.775 to 0.8, 1 to 1.025, and all beyond 1.225.
    for place, count in ((7, 1), (8, 2), (31, 3), (40, 4), (49, 10)):
        counts[place] = count
    row = {"dimension": 2, "share": 0.25, "nmse": 0.5, "variance": 1, "histogram": counts}
    assert (
        report.show_variance([row]).splitlines()[2] == "| 2 | 0.25 | 0.5 | 5.0% | 10.0% | 15.0% | 20.0% | 50.0% | 1 |"
    )
    rows = [{"share": 0.1, "variance": 2 - t, "variances": [0.1, 0.3 + 0.4 * t]} for t in range(2)]
    assert report.show_collapse(rows).splitlines()[2] == "| 0.1 | 0.10 | 0.50 | 2, 1 |"
    rows = [
        {"label": label, "method": method, "columns": int(label) - 1.0, "nmse": 0.25, **more}
        for label in ("10", "5")
        for method, more in (("VAE", {"variance": 4}), ("AE, no penalty", {}))
    ]
    lines = report.show_digits(rows).splitlines()
    assert lines[2:] == ["| 5 | 4 | 4 | 0.25 | 4 | 0.25 |", "| 10 | 9 | 4 | 0.25 | 9 | 0.25 |"]


def test_results_keep_the_parts_that_are_not_run(tmp_path):
    about = {"machine": "a machine"}
    report.Results(tmp_path).add("tests", [{"summary": "6 passed", "code": 0, "seconds": 1.0}], about)
    later = report.Results(tmp_path, ("precision",))
    later.add("precision", [{"products": "TF32"}], about)
    later.add("precision", [{"products": "float32"}], about)
    later.write_tables()
    assert list(report.Results(tmp_path).content) == ["tests", "precision"]
    assert list(report.Results(tmp_path, ("tests",)).content) == ["precision"]
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "| 6 passed | 1 |" in text
    assert "| TF32 |\n| float32 |" in text
