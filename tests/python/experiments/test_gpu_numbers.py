"""What the notebook of manifolds reads of benches/gpu: picks, counts and crossings, none of them typed by hand."""

import importlib.util
import math
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
_specification = importlib.util.spec_from_file_location("gpu", REPOSITORY / "notebooks" / "gpu.py")
gpu = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(gpu)
if not gpu.KEPT.is_file():
    pytest.skip("the source distribution has no benches", allow_module_level=True)


def row(place, method, nmse, weight=1.0, entries=0.0):
    return {"set": place, "method": method, "nmse": nmse, "weight": weight, "entries": entries}


def test_penalties_are_picked_as_the_script_picks_them():
    pytest.importorskip("torch")
    sys.path.insert(0, str(REPOSITORY / "benches" / "gpu"))
    try:
        import jobs
    finally:
        sys.path.pop(0)
    rows, _ = gpu.read("grid")
    for by in (gpu.HONEST, gpu.TRUTH):
        found = gpu.errors(rows, by)
        assert list(found) == ["VAE", "AE-l2", "AE-l1", "RobustPca"]
        for name in ("AE-l2", "AE-l1"):
            assert found[name] == {key: nmse for key, (nmse, _) in jobs.pick(rows, name, by).items()}


def test_the_grid_has_five_by_five_places_of_three_sets():
    rows, about = gpu.read("grid")
    assert "GPU" in about or "NVIDIA" in about
    for values in gpu.errors(rows).values():
        assert len(values) == 75
        assert len(gpu.medians(values)) == 25


def test_places_are_counted_where_the_median_is_at_or_below_every_rival():
    rows = [
        *(row(f"2/0.1/{trial}", "VAE", nmse) for trial, nmse in enumerate((0.1, 0.2, 0.9))),
        *(row(f"2/0.1/{trial}", "RobustPca", nmse) for trial, nmse in enumerate((0.2, 0.2, 0.2))),
        *(row(f"2/0.1/{trial}", "AE-l2", 0.3, 1.0, 0.1) for trial in range(3)),
        *(row(f"2/0.1/{trial}", "AE-l2", 0.1, 10.0, 0.2) for trial in range(3)),
        row("8/0.3/0", "VAE", 0.5),
        row("8/0.3/0", "RobustPca", 0.4),
        row("8/0.3/0", "AE-l2", 0.6),
    ]
    assert gpu.standing(gpu.errors(rows)) == [
        "at or below RobustPca: 1 of 2 places",
        "at or below AE-l2: 2 of 2 places",
        "at or below every rival: 1 of 2 places (2/0.1)",
    ]
    assert gpu.standing(gpu.errors(rows, gpu.TRUTH))[-1] == "at or below every rival: 0 of 2 places ()"


def test_ratios_cross_one_between_two_points():
    assert gpu.crossover([(100, 0.5), (10_000, 2.0), (20_000, 3.0)]) == pytest.approx(1000)
    assert gpu.crossover([(100, 0.5), (200, 1.0)]) == pytest.approx(200)
    assert math.isnan(gpu.crossover([(100, 0.5), (200, 0.9)]))
    assert gpu.ratio({"VAE": {"a": 1.0, "b": 4.0}, gpu.BETTER: {"a": 2.0, "b": 8.0}}) == pytest.approx(2)


def test_the_scale_study_begins_with_the_steps_of_the_least_networks():
    found = list(gpu.studies().items())
    steps = [steps for _, (steps, _) in found[:4]]
    assert steps == sorted(steps)
    assert [gpu._sizes(label) for label, _ in found[:4]] == [(50_000, 100)] * 4
    for _, known in gpu.studies(gpu.TRUTH).values():
        assert known[gpu.BETTER] == {key: min(known["AE-l2"][key], known["AE-l1"][key]) for key in known["VAE"]}
    assert len(gpu.scale_table().splitlines()) == 1 + len(found)
    assert all(line.startswith("level with") for line in gpu.turning_points())


def test_pictures_have_all_places():
    upper, lower = gpu.draw_grid().axes[:2]
    for axes in (upper, lower):
        assert axes.get_images()[0].get_array().count() == 75
    assert upper.get_images()[0].norm.vmin == lower.get_images()[0].norm.vmin
    (axes,) = gpu.draw_scale().axes
    assert [line.get_label() for line in axes.get_lines()] == ["VAE", "AE-l2", "AE-l1"]
