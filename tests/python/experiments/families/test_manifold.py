"""The figures of networks on nonlinear manifolds: problems, facts, the two scales, pictures. Networks are tiny."""

import dataclasses
import json
import math
import struct
import sys

import numpy as np
import pytest
from sklearn.utils import Bunch
from sparsevae import cli, experiments
from sparsevae.datasets import _mnist, fetch_mnist
from sparsevae.exceptions import DataUnavailableError
from sparsevae.experiments import DIMENSIONS, FIGURES, METHODS, DigitsProblem, ManifoldProblem, Solution, Store

NETWORKS = [name for name in FIGURES if name.startswith(("manifold_", "digits_"))]
SMALL = ManifoldProblem(
    120, 20, dimension=2, hidden=(15,), n_components=4, encoder_hidden=(12, 8), decoder_hidden=(8, 12)
)
QUICK = {"n_steps": 20, "batch_size": 50, "learning_rate": 1e-3}


def settings(*methods):
    """Tiny trainings."""
    found = {}
    for name in methods:
        own = METHODS[name].settings
        if METHODS[name].package == "torch":
            found[name] = {"parameters": {**own["parameters"], **QUICK}}
    return found


def small(name, methods, **options):
    fields = {"problem": dataclasses.replace(SMALL, **options.pop("fields", {})), **options.pop("figure", {})}
    figure = dataclasses.replace(FIGURES[name], **fields)
    return experiments.run(figure, methods=list(methods), settings=settings(*methods), **({"trials": 2} | options))


def test_a_problem_has_the_sizes_that_it_names():
    problem = dataclasses.replace(SMALL, outlier_share=0.3)
    data = problem.draw(5)
    assert data.X.shape == data.clean.shape == (120, 20)
    assert data.seed == 5
    assert abs(data.outlier_mask.mean() - 0.3) < 0.05
    assert np.array_equal(data.X[~data.outlier_mask], data.clean[~data.outlier_mask])
    assert np.array_equal(problem.draw(5).X, data.X)
    assert not np.array_equal(problem.draw(6).clean, data.clean)
    images = DigitsProblem(n_samples=40, outlier_share=0.2).draw(1)
    assert images.X.shape == (40, 64)
    assert images.seed == 1


def test_layers_are_counted_or_named():
    assert SMALL.network() == {"n_components": 4, "encoder_hidden": (12, 8), "decoder_hidden": (8, 12)}
    counted = dataclasses.replace(SMALL, n_encoder_layers=0, n_decoder_layers=3, layer_width=7)
    assert counted.network() == {"n_components": 4, "encoder_hidden": (), "decoder_hidden": (7, 7, 7)}
    figure = FIGURES["manifold_depth"]
    assert figure.problem_at(1, "2 encoder layers").network()["encoder_hidden"] == (100, 100)
    assert figure.problem_at(1, "2 encoder layers").network()["decoder_hidden"] == (100,)


def test_success_is_an_error_of_a_hundredth():
    data = SMALL.draw(0)
    for share, solved in ((0.0099, True), (0.0101, False)):
        score = SMALL.score(data, Solution(data.clean * (1 + math.sqrt(share))))
        assert (score.support_match, math.isnan(score.f1)) == (solved, True)
    assert SMALL.score(data, Solution(data.clean, outlier_mask=data.outlier_mask)).f1 == 1


def idx(name, *shape):
    """A file of MNIST with random bytes."""
    values = np.random.default_rng(len(name)).integers(0, 256, shape, dtype=np.uint8)
    return struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape) + values.tobytes()


def test_mnist_is_left_out_where_it_is_not_at_hand(monkeypatch):
    def missing(**_):
        raise DataUnavailableError("MNIST is not at hand")

    monkeypatch.setattr("sparsevae.datasets.fetch_mnist", missing)
    for paper_scale in (False, True):
        plans, notes = experiments.lay_out(experiments.find_figures(["digits"]), paper_scale=paper_scale)
        assert [plan.figure.name for plan in plans] == ["digits_dimensions", "digits_denoise"]
        assert len([note for note in notes if "MNIST is not at hand" in note]) == 2
    with pytest.raises(DataUnavailableError, match="MNIST is not at hand"):
        experiments.run("digits_mnist_denoise")
    with pytest.raises(DataUnavailableError, match="MNIST is not at hand"):
        DigitsProblem("mnist").load_data()
    DigitsProblem().load_data()


def test_mnist_is_where_fetch_mnist_finds_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    counts = {"train": 30, "t10k": 20}
    parts = {name: part._replace(n_images=counts[part.prefix]) for name, part in _mnist._PARTS.items()}
    monkeypatch.setattr(_mnist, "_PARTS", parts)
    (tmp_path / "mnist").mkdir()
    for prefix, count in counts.items():
        for kind, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            (tmp_path / "mnist" / f"{prefix}-{kind}-ubyte").write_bytes(idx(prefix, *shape))
    for part, source in (("test", "mnist"), ("all", "mnist_all")):
        problem = DigitsProblem(source, outlier_share=0.1)
        problem.load_data()
        data = problem.draw(0)
        np.testing.assert_array_equal(data.clean, fetch_mnist(part=part).X)
        assert abs(data.outlier_mask.mean() - 0.1) < 0.01


def test_without_torch_networks_are_left_out_and_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    results = small("manifold_recovery", ["ManifoldVae", "RobustPca"], figure={"values": (0.05,)}, trials=1)
    assert {point.method for point in results.points} == {"RobustPca"}
    assert any("ManifoldVae: left out" in note and "sparsevae[torch]" in note for note in results.notes)


@pytest.mark.parametrize("name", NETWORKS)
def test_both_scales_fit_together(name):
    figure = FIGURES[name]
    large = figure.at_paper_scale()
    # The images of scikit-learn are not the paper's.
    assert bool(figure.paper) == (getattr(figure.problem, "source", "") != "digits")
    assert set(figure.methods) <= set(figure.choices) <= set(METHODS)
    if isinstance(figure.problem, ManifoldProblem):
        assert large.problem.n_samples == 1_000_000
        if figure.experiment == "manifold_depth":
            # z(20)-D1(200)-D2(200)-x(400) draws, and all layers that are trained have 200 units (sec. 5.2).
            assert (large.problem.dimension, large.problem.hidden, large.problem.n_features) == (20, (200, 200), 400)
            network = large.problem_at(2, "3 encoder layers").network()
            assert network == {"n_components": 30, "encoder_hidden": (200,) * 3, "decoder_hidden": (200,) * 2}
    elif figure.paper:
        assert (figure.problem.source, large.problem.source) == ("mnist", "mnist_all")
        network = large.problem_at(30, "").network() if figure.swept == "n_components" else large.problem.network()
        layers = (1000, 500, 250)
        assert network == {"n_components": 30, "encoder_hidden": layers, "decoder_hidden": layers[::-1]}
    for scale in (figure, large):
        for series in scale.series or ("",):
            problem = scale.problem_at(scale.values[0], series)
            assert problem.network()["n_components"] >= getattr(problem, "dimension", 0)
    if figure.trials_of:
        # What is shared is shared at both scales.
        source = FIGURES[figure.trials_of]
        for paper_scale in (False, True):
            shared, own = (
                {task.key for task in experiments.make_plan(f, methods="all", paper_scale=paper_scale).tasks()}
                for f in (source, figure)
            )
            assert {key.method for key in own} == {"ManifoldVae"}
            assert len(own & shared) >= len(own) * 2 // 3


def test_the_papers_training_has_epochs():
    plan = experiments.make_plan(FIGURES["manifold_recovery"], methods="all", trials=1, paper_scale=True)
    found = {task.method.name: task.method.settings for task in plan.tasks()}
    assert found["ManifoldVae"] == {
        "parameters": {"batch_size": 100, "learning_rate": 1e-4, "weight_decay": 0.0005},
        "epochs": 200,
    }
    assert found["AE-l2"]["penalty_weights"] == [1, 10, 100, 1000]
    assert "n_steps" not in found["AE-l1"]["parameters"]


def test_networks_of_images_differ_in_their_energy_alone(monkeypatch):
    monkeypatch.setattr("sparsevae.datasets.fetch_mnist", lambda **_: None)
    names = ("digits_mnist_dimensions", "digits_mnist_denoise")
    for paper_scale in (False, True):
        found = {}
        for name in names:
            plan = experiments.make_plan(FIGURES[name], methods="all", trials=1, paper_scale=paper_scale)
            found |= {task.method.name: task.method.settings for task in plan.tasks()}
        trainings = [dict(own["parameters"]) for method, own in found.items() if method != "RobustPca"]
        assert len(trainings) == 4
        for own in trainings:
            for of_energy in ("covariance", "penalty", "penalty_weight", "n_draws"):
                own.pop(of_energy, None)
            assert own == trainings[0]
        assert (trainings[0]["scale"], trainings[0]["warmup_share"]) == (1.0, 0.7)
        assert ("n_steps" in trainings[0]) == (not paper_scale)


def test_epochs_are_counted_in_batches():
    pytest.importorskip("torch")
    methods = {"ManifoldVae": {"epochs": 3, "parameters": {"batch_size": 50}}}
    figure = dataclasses.replace(FIGURES["manifold_collapse"], problem=SMALL, values=(0.05,))
    (record,) = experiments.run(figure, methods="ManifoldVae", settings=methods, trials=1).records
    assert record.score.facts["steps"] == 9


def test_facts_say_what_the_network_says(tmp_path):
    pytest.importorskip("torch")
    from sparsevae.torch import ManifoldVae

    path = tmp_path / "trials.sqlite"
    (record,) = small("manifold_collapse", ["ManifoldVae"], trials=1, figure={"values": (0.1,)}, store=path).records
    problem = dataclasses.replace(SMALL, outlier_share=0.1)
    data = problem.draw(record.problem_seed)
    model = ManifoldVae(**problem.network(), **QUICK, random_state=record.problem_seed, device="cpu").fit(data.X)
    facts = record.score.facts
    assert facts["truth"] == 2
    assert facts["columns"] == len(model.active_dimensions("columns"))
    assert facts["variance"] == len(model.active_dimensions("variance"))
    np.testing.assert_allclose(facts["column_norms"], np.sort(model.column_norms_)[::-1], rtol=1e-4)
    np.testing.assert_allclose(facts["variances"], np.sort(model.posterior_var_), rtol=1e-4)
    counts, _ = np.histogram(np.minimum(model.posterior_var(data.X), 1.25), 50, (0, 1.25))
    assert facts["histogram"] == counts.tolist()
    assert sum(facts["histogram"]) == 120 * 4
    with Store(path) as store:
        assert store.records()[0].score.facts == facts


def test_every_training_has_one_thread_whatever_else_runs(monkeypatch):
    torch = pytest.importorskip("torch")
    from sparsevae.torch import ManifoldVae

    fit, threads = ManifoldVae.fit, []

    def counted(model, X):
        threads.append(torch.get_num_threads())
        return fit(model, X)

    monkeypatch.setattr(ManifoldVae, "fit", counted)
    figure = {"values": (0.1, 0.2), "series": {}}
    alone, together = (small("manifold_recovery", ["ManifoldVae"], figure=figure, jobs=jobs) for jobs in (1, 4))
    assert threads == [1] * 8
    assert alone.csv() == together.csv()


def test_an_autoencoder_is_tuned_without_the_truth_and_tells_the_errors_of_all_weights():
    pytest.importorskip("torch")
    from sparsevae.experiments.families.manifold.solvers import tuned_autoencoder

    problem = dataclasses.replace(SMALL, outlier_share=0.1)
    data, weights = problem.draw(3), [1.0, 10.0, 100.0, 1000.0]
    method = METHODS["AE-l1"].settings
    assert method["penalty_weights"] == METHODS["AE-l2"].settings["penalty_weights"] == weights
    own = {**method, **settings("AE-l1")["AE-l1"]}
    solution = tuned_autoencoder(problem, data, own)
    facts = solution.facts
    place = int(np.argmin(facts["entries"]))
    assert len(set(facts["entries"])) == len(set(facts["errors"])) == 4
    assert (facts["penalty_weight"], facts["penalty_weights"]) == (weights[place], weights)
    assert problem.score(data, solution).relative_error ** 2 == pytest.approx(facts["errors"][place], rel=1e-5)
    assert "variances" not in facts
    assert len(facts["column_norms"]) == 4
    # Another truth changes the errors that are reported, and nothing else.
    other = tuned_autoencoder(problem, Bunch(**{**data, "clean": data.clean[::-1]}), own)
    assert np.array_equal(other.coef, solution.coef)
    assert {**other.facts, "errors": facts["errors"]} == facts
    assert other.facts["errors"] != facts["errors"]


def test_a_penalty_is_picked_by_samples_that_are_in_no_training(monkeypatch):
    pytest.importorskip("torch")
    from sparsevae.experiments.families.manifold import solvers
    from sparsevae.torch import ManifoldVae

    fit, models, seen = ManifoldVae.fit, [], []

    def counted(model, X):
        models.append(fit(model, X))
        seen.append(X)
        return models[-1]

    monkeypatch.setattr(ManifoldVae, "fit", counted)
    problem = dataclasses.replace(SMALL, n_samples=200, outlier_share=0.1)
    data = problem.draw(3)
    own = {**METHODS["AE-l2"].settings, **settings("AE-l2")["AE-l2"], "penalty_weights": [1.0, 1000.0]}
    facts = solvers.tuned_autoencoder(problem, data, own).facts
    rows = {row.tobytes() for row in data.X}
    assert all(X.shape == (190, 20) and {row.tobytes() for row in X} < rows for X in seen)
    kept, held = solvers._split(data)
    changed, where = solvers._altered(held, data.seed)
    assert np.array_equal(kept, seen[0])
    assert {row.tobytes() for row in held} | {row.tobytes() for row in kept} == rows
    assert len(held) == 10
    assert 0.03 < where.mean() < 0.2
    assert np.array_equal(changed[~where], held[~where])
    assert (changed[where] != held[where]).all()
    for model, told in zip(models, facts["entries"], strict=True):
        residuals = (held - model.denoise(changed))[where] / model.scale_
        assert told == pytest.approx(np.log(residuals**2 + model.floor).mean(), rel=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_method_of_every_figure_runs(name, tmp_path):
    pytest.importorskip("torch")
    figure = FIGURES[name]
    if isinstance(figure.problem, ManifoldProblem):
        sizes = {field: getattr(SMALL, field) for field in ("n_samples", "n_features", "hidden", "layer_width")}
        networks = {"encoder_hidden": (12, 8), "decoder_hidden": (8, 12), "layer_width": 9}
        latent = min(figure.problem.n_components, SMALL.n_features)
        problem = dataclasses.replace(figure.problem, n_components=latent, **sizes | networks)
    else:
        sizes = {"encoder_hidden": (20,), "decoder_hidden": (20,)}
        problem = dataclasses.replace(figure.problem, source="digits", n_samples=150, **sizes)
    shown = dataclasses.replace(figure, problem=problem, values=figure.values[:2], trials=1)
    results = experiments.run(shown, methods="all", settings=settings(*figure.choices))
    assert not [note for note in results.notes if "error" in note]
    assert {point.method for point in results.points} == set(figure.choices)
    columns = results.csv().splitlines()[0]
    if figure.metric.name in DIMENSIONS:
        assert columns.endswith(",dimensions,dimensions_low,dimensions_high")
        for point in results.points:
            assert 0 <= point.dimensions_low <= point.dimensions <= point.dimensions_high
    else:
        assert columns.endswith(",nmse,nmse_low,nmse_high")
    assert len(results.text().splitlines()) == 1 + len(figure.choices) * max(1, len(figure.series))
    results.save(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def told(figure, series, value, facts, trial=0):
    """A trial as it would be, without the training."""
    score = experiments.Score(False, math.nan, 0.1, 0.5, math.nan, False, False, facts)
    key = experiments.Key(figure.experiment, series, "ManifoldVae", value, trial, 0, "{}")
    return experiments.Record(key, 1, "0", "here", "now", 1.0, 1.0, score)


def drawn(figure, records):
    points = experiments.summarise(figure, records)
    results = experiments.Results(figure, records, points, experiments.time_spent(figure, records))
    picture = experiments.draw_panels([results])
    picture.canvas.draw()
    return results, picture.axes[0]


def test_dimensions_are_means_and_success_is_the_true_number():
    figure = dataclasses.replace(FIGURES["manifold_depth"], values=(0, 1))
    records = [
        told(figure, series, value, {"columns": 10 + value * trial, "truth": 10}, trial)
        for series in figure.series
        for value in figure.values
        for trial in range(2)
    ]
    results, axes = drawn(figure, records)
    by_value = {value: [p for p in results.points if p.x == value] for value in figure.values}
    assert {(p.dimensions, p.successes) for p in by_value[0]} == {(10.0, 2)}
    assert {(p.dimensions, p.dimensions_low, p.dimensions_high, p.successes) for p in by_value[1]} == {
        (10.5, 10, 11, 1)
    }
    assert "10.5" in results.text()
    assert np.ma.allclose(axes.get_images()[0].get_array(), [[10, 10.5]] * 4)
    assert [text.get_text() for text in axes.texts[:2]] == ["10.0", "10.5"]


@pytest.mark.parametrize(("name", "fact"), [("manifold_norms", "column_norms"), ("manifold_collapse", "variances")])
def test_sorted_numbers_are_curves_of_means(name, fact):
    figure = dataclasses.replace(FIGURES[name], values=(1, 2))
    series = next(iter(figure.series), "")
    counts = {"columns": 2, "variance": 2, "truth": 2}
    records = [
        told(figure, series, value, {fact: [3.0 * value, 1.0 + trial], **counts}, trial)
        for value in figure.values
        for trial in range(2)
    ]
    _, axes = drawn(figure, records)
    assert [line.get_ydata().tolist() for line in axes.get_lines()] == [[3, 1.5], [6, 1.5]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["1", "2"]


def test_histograms_have_a_panel_for_each_series_and_place():
    figure = FIGURES["manifold_variance"]
    records = [
        told(figure, series, value, {"histogram": [1, 0, 3], "variance": 1, "truth": 2}, trial)
        for series in figure.series
        for value in figure.values
        for trial in range(2)
    ]
    records.append(dataclasses.replace(records[0], score=None, error="broken"))
    results, axes = drawn(figure, records)
    assert len(axes.child_axes) == 12
    for inset in axes.child_axes:
        shares, edges, _ = inset.patches[0].get_data()
        assert shares.tolist() == [0.25, 0, 0.75]
        assert edges[-1] == 1.25
    assert [inset.get_title() for inset in axes.child_axes[:2]] == ["dimension 2, 0", "dimension 2, 0.25"]
    assert results.points[0].errors == 1


def test_figure_3_has_the_papers_places_at_both_scales():
    figure = FIGURES["manifold_variance"]
    for scale in (figure, figure.at_paper_scale()):
        assert scale.values == (0, 0.25, 0.5)
        assert [scale.problem_at(0, series).dimension for series in scale.series] == [2, 8, 14, 20]
        assert scale.problem.n_components == 50
        assert (scale.trials, scale.experiment, scale.choices) == (1, "manifold_variance", ("ManifoldVae",))


def test_figures_of_networks_show_their_own_part_of_shared_trials():
    source, figure = FIGURES["manifold_depth"], FIGURES["manifold_norms"]
    facts = {"column_norms": [1, 0], "columns": 1, "truth": 2}
    base = told(figure, "3 encoder layers", 1, facts)
    keys = [("ManifoldVae", name, value) for name in ("3 encoder layers", "0 encoder layers") for value in (0, 1)]
    with Store(None) as store:
        for method, series, value in [*keys, ("AE-l2", "3 encoder layers", 0)]:
            problem = dataclasses.asdict(source.problem_at(value, series))
            text = json.dumps({"problem": {name: found for name, found in problem.items() if name != source.swept}})
            key = dataclasses.replace(base.key, method=method, series=series, value=value, settings=text)
            store.add(dataclasses.replace(base, key=key))
        shown = {results.figure.name: results for results in experiments.stored_results(store)}
    assert set(shown) == {source.name, figure.name}
    for name, count in ((source.name, 4), (figure.name, 2)):
        assert len(shown[name].records) == count
        assert {record.key.method for record in shown[name].records} == {"ManifoldVae"}
    assert {record.key.series for record in shown[figure.name].records} == {"3 encoder layers"}


def test_the_command_runs_a_tiny_one(tmp_path, capsys, monkeypatch):
    pytest.importorskip("torch")
    figure = dataclasses.replace(FIGURES["manifold_collapse"], problem=SMALL)
    for module in (cli.experiments, experiments.engine.reproduce):
        monkeypatch.setattr(module, "find_figures", lambda _: [figure])
    arguments = ["reproduce", "manifold_collapse", "--quick", "--trials", "1", "--out", str(tmp_path)]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "3 trials to do" in out
    assert "mean number of latent variables" in out
    assert "wall ms" in out
    assert cli.main(arguments) == 0
    assert "0 trials to do, 3 done before" in capsys.readouterr().out
