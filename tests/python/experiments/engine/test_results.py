"""Results as tables, text and pictures."""

import sys

import pytest
from sparsevae import experiments
from sparsevae.exceptions import ParameterError


def test_panels_are_drawn_below_one_another_and_defaults_stand_out(small, monkeypatch):
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)
    results = small(methods=["VaeSlr", "PreconditionedVae", "VaeSlr, EM", "Lasso"])
    picture = experiments.draw_panels([results, results])
    assert len(picture.axes) == 2
    widths = {line.get_label(): line.get_linewidth() for line in picture.axes[1].get_lines()}
    assert widths["VaeSlr"] > widths["PreconditionedVae"] > widths["VaeSlr, EM"] > widths["Lasso"]
    with pytest.raises(ParameterError, match="no results"):
        experiments.draw_panels([])


def test_a_table_without_times_is_the_same_for_the_same_trials(small):
    results = small()
    with_times, without = results.text().splitlines(), results.text(times=False).splitlines()
    assert with_times[0].endswith("CPU ms")
    assert all(line.startswith(short) and line != short for line, short in zip(with_times, without, strict=True))
    assert results.text(times=False) == small().text(times=False)


def test_table_is_a_frame_where_pandas_is(small, monkeypatch):
    results = small()
    frame = results.table()
    assert list(frame.columns[:6]) == ["figure", "series", "method", "x", "trials", "errors"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert results.table()[0]["figure"] == "fig1a"
