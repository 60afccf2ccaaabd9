"""The scripts of the gallery run without a warning, and each draws a picture."""

import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
if not EXAMPLES.is_dir():
    pytest.skip("source distributions have no documentation", allow_module_level=True)


@pytest.mark.parametrize("script", [pytest.param(each, id=each.stem) for each in sorted(EXAMPLES.glob("*.py"))])
def test_a_script_draws_its_picture(script):
    mpl.use("agg")
    import matplotlib.pyplot as plt

    try:
        runpy.run_path(str(script))
        drawn = [axes for number in plt.get_fignums() for axes in plt.figure(number).axes if axes.has_data()]
        assert drawn
    finally:
        plt.close("all")


def test_the_gallery_runs_every_script():
    assert [each.name for each in EXAMPLES.glob("*.py") if not each.name.startswith("plot_")] == []
