"""What tests of experiments share."""

import pytest
from sparsevae import experiments


@pytest.fixture(scope="session")
def small():
    """Run figure 1a small: two methods, two trials at three points."""

    def run(**options):
        return experiments.run("fig1a", **({"methods": ["VaeSlr", "Lasso"], "trials": 2, "quick": True} | options))

    return run
