"""Who leads where, from points made by hand."""

import dataclasses

import pytest
from sparsevae import experiments
from sparsevae.metrics import wilson_interval


def point(method, x, successes, trials=20, series="", figure="fig1a"):
    low, high = wilson_interval(successes, trials)
    values = dict.fromkeys([field.name for field in dataclasses.fields(experiments.Point) if field.name != "own"], 0)
    values |= {"figure": figure, "series": series, "method": method, "x": x, "trials": trials, "successes": successes}
    return experiments.Point(**values | {"rate": successes / trials, "low": low, "high": high})


def test_each_of_our_methods_is_compared_with_every_rival_at_the_same_place():
    points = [point(method, x, 10) for method in ("Lasso", "PreconditionedVae", "SBL", "VaeSlr") for x in (2, 10)]
    pairs = [(pair.ours.method, pair.rival.method, pair.ours.x) for pair in experiments.compare(points)]
    assert len(pairs) == len(set(pairs)) == 8
    assert all(pair.ours.x == pair.rival.x for pair in experiments.compare(points))
    assert [ours for ours, _, _ in pairs] == ["VaeSlr"] * 4 + ["PreconditionedVae"] * 4
    assert {rival for _, rival, _ in pairs} == {"Lasso", "SBL"}


def test_series_are_not_mixed():
    points = [point("VaeSlr", 2, 20, series="uniform"), point("Lasso", 2, 0, series="poisson")]
    assert not experiments.compare(points)
    assert experiments.standing(points) == ""


@pytest.mark.parametrize(
    ("ours", "rival", "lead", "beyond"),
    [(20, 20, 0, False), (20, 19, 1, False), (20, 10, 1, True), (9, 10, -1, False), (0, 20, -1, True)],
)
def test_a_lead_beyond_the_intervals_has_intervals_apart(ours, rival, lead, beyond):
    (pair,) = experiments.compare([point("VaeSlr", 2, ours), point("Lasso", 2, rival)])
    assert (pair.lead, pair.beyond) == (lead, beyond)


def test_standing_names_every_rival_above_and_the_worst_place_counts():
    rates = {"VaeSlr": (20, 20, 18, 2), "Lasso": (20, 5, 17, 3), "SBL": (3, 4, 0, 15)}
    points = [
        point(name, x, count)
        for name, counts in rates.items()
        for x, count in zip((2, 10, 20, 30), counts, strict=True)
    ]
    assert experiments.standing(points).splitlines() == [
        "VaeSlr: ahead at 10, 20, beyond the intervals at 10; level at 2; behind at 30",
        "    30: Lasso 15 (5-36), ours 10 (3-30); within the intervals",
        "    30: SBL 75 (53-89), ours 10 (3-30); beyond the intervals",
    ]


def error(method, x, low, middle, high):
    return dataclasses.replace(point(method, x, 0), own={"nmse": middle, "nmse_low": low, "nmse_high": high})


def test_standing_by_errors_tells_medians_and_ranges():
    points = [error("RobustVae", 1, 0.1, 0.2, 0.3), error("RobustPca", 1, 0.4, 0.5, 0.6)]
    points += [error("RobustVae", 2, 0.1, 0.2, 0.3), error("RobustPca", 2, 0.01, 0.11, 0.12)]
    points += [error("RobustVae", 3, 0.1, 0.2, 0.3), error("RobustPca", 3, 0.1, 0.2, 0.3)]
    assert experiments.standing(points, ["RobustVae"], experiments.NMSE).splitlines() == [
        "RobustVae: ahead at 1, beyond the intervals at 1; level at 3; behind at 2",
        "    2: RobustPca 0.11 (0.01-0.12), ours 0.2 (0.1-0.3); within the intervals",
    ]
    assert experiments.standing(points, ["RobustVae"]) == "RobustVae: level at 1, 2, 3"


def test_standing_takes_other_names_and_several_panels():
    points = [point("learned", 2, 20, figure="fig6b"), point("fixed", 2, 0, figure="fig6a")]
    assert experiments.standing(points, ours=["learned"]) == "learned: ahead at 2, beyond the intervals at 2"
    assert experiments.standing(points) == ""
