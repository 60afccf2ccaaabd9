"""The figure of deep networks with diagonal and full covariance: equal capacity, facts, pictures. Networks are tiny."""

import dataclasses
import gzip
import json
import struct

import numpy as np
import pytest
from sparsevae import experiments
from sparsevae.datasets import _mnist
from sparsevae.exceptions import DataUnavailableError
from sparsevae.experiments import FIGURES, METHODS, CovarianceProblem, Solution

PANELS = ("covariance_error", "covariance_dimensions", "covariance_directions")
NAMES = ("deep VAE, diagonal", "deep VAE, full", "deep VAE, full, same width")
SMALL = CovarianceProblem(n_components=4, n_weights=20_000)


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Sixty images in the place of MNIST's for tests."""
    rng = np.random.default_rng(0)
    pixels = np.clip(rng.standard_normal((60, 3)) @ rng.standard_normal((3, 784)) + 0.5, 0, 1)
    for name, values in (("images-idx3", np.round(255 * pixels).reshape(60, 28, 28)), ("labels-idx1", np.zeros(60))):
        header = struct.pack(f">{1 + values.ndim}I", 0x800 + values.ndim, *values.shape)
        content = gzip.compress(header + values.astype(np.uint8).tobytes(), mtime=0)
        (tmp_path / f"t10k-{name}-ubyte.gz").write_bytes(content)
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    monkeypatch.setitem(_mnist._PARTS, "test", _mnist._PARTS["test"]._replace(n_images=60))
    return np.round(255 * pixels) / 255


def settings(n_steps=20):
    found = {}
    for name in NAMES:
        own = METHODS[name].settings
        found[name] = {**own, "parameters": {**own["parameters"], "n_steps": n_steps, "batch_size": 20}}
    return found


def run(panel, **options):
    figure = dataclasses.replace(FIGURES[panel], problem=SMALL, values=(4, 16), trials=2)
    return experiments.run(figure, methods="all", settings=settings(), **options)


def test_a_problem_is_the_images_and_the_seed(images):
    data = CovarianceProblem().draw(5)
    np.testing.assert_array_equal(data.X, images)
    assert data.seed == 5
    assert CovarianceProblem(n_samples=7).draw(0).X.shape == (7, 784)
    score = SMALL.score(data, Solution(1.1 * data.X))
    assert score.relative_error == pytest.approx(0.1)
    assert SMALL.score(data, Solution(1.09 * data.X)).support_match


def test_networks_have_as_many_weights_as_they_may():
    for components in (1, 8, 64):
        problem = CovarianceProblem(n_components=components)
        for covariance in ("diagonal", "full"):
            width = problem.width(covariance)
            assert problem.weights(width, covariance) <= 1_000_000 < problem.weights(width + 1, covariance)
            assert problem.weights(width, covariance) > 990_000


def test_steps_are_fewer_where_they_take_longer_and_facts_say_what_the_network_says(images):
    pytest.importorskip("torch")
    from sparsevae.torch import ManifoldVae

    results = run("covariance_error")
    assert not results.notes
    for record in results.records:
        facts, name = record.score.facts, record.key.method
        problem = dataclasses.replace(SMALL, n_components=record.key.value)
        slower = name == NAMES[1] and record.key.value == 16
        assert facts["steps"] == (19 if slower else 20)
        assert facts["width"] == problem.width("full" if name == NAMES[1] else "diagonal")
        assert facts["weights"] == problem.weights(facts["width"], "diagonal" if name == NAMES[0] else "full")
        assert facts["weights"] <= 20_000 or name == NAMES[2]
    record = results.records[-1]
    parameters = METHODS[record.key.method].settings["parameters"]
    own = {"n_steps": facts["steps"], "batch_size": 20, "encoder_hidden": (facts["width"],) * 2, "device": "cpu"}
    model = ManifoldVae(record.key.value, **{**parameters, **own}, random_state=record.problem_seed).fit(images)
    assert facts["mean"] == len(model.active_dimensions("mean"))
    assert facts["directions"] == len(model.active_directions())
    assert facts["noise_var"] == pytest.approx(model.noise_var_, rel=1e-4)
    np.testing.assert_allclose(np.sum(np.square(facts["spectrum"])), np.trace(model.mean_moment_), rtol=1e-4)
    error = np.linalg.norm(model.denoise(images) - images) / np.linalg.norm(images)
    assert record.score.relative_error == pytest.approx(error, rel=1e-4)


@pytest.mark.usefixtures("images")
def test_panels_share_their_trials_and_are_drawn(tmp_path):
    pytest.importorskip("torch")
    store = tmp_path / "trials.sqlite"
    found = {panel: run(panel, store=store) for panel in PANELS}
    one, other, third = (sorted(json.dumps(r.score.facts) for r in results.records) for results in found.values())
    assert one == other == third
    for panel, fact in (("covariance_dimensions", "mean"), ("covariance_directions", "directions")):
        results = found[panel]
        for point in results.points:
            told = [
                r.score.facts[fact] for r in results.records if (r.key.method, r.key.value) == (point.method, point.x)
            ]
            assert (point.dimensions_low, point.dimensions, point.dimensions_high) == (
                min(told),
                np.mean(told),
                max(told),
            )
        results.save(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_without_images_the_figure_is_left_out(monkeypatch):
    def missing(**_):
        raise DataUnavailableError("MNIST is not at hand")

    monkeypatch.setattr("sparsevae.datasets.fetch_mnist", missing)
    plans, notes = experiments.lay_out(experiments.find_figures(["covariance"]))
    assert not plans
    assert len(notes) == 3
    assert all("MNIST is not at hand" in note for note in notes)
