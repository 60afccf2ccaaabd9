"""The package where PyTorch is not installed."""

import subprocess
import sys

# Stands before all other finders, so that PyTorch is missing here even if it is installed.
HIDE = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
"""
USE = """
import numpy as np
import sparsevae.baselines, sparsevae.cli, sparsevae.experiments, sparsevae.parallel, sparsevae.plotting
X = np.random.default_rng(0).standard_normal((20, 40))
model = sparsevae.VaeSlr().fit(X, X[:, 3])
assert model.support_.tolist() == [3]
assert model.predict(X).shape == (20,)
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


def test_all_but_one_part_works_without_torch():
    done = run(HIDE + USE)
    assert done.returncode == 0, done.stderr


def test_torch_is_not_imported_where_it_is_installed():
    done = run(USE + "import sys; assert 'torch' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_error_of_the_part_that_needs_torch_says_what_to_install():
    last = run(HIDE + "import sparsevae.torch").stderr.splitlines()[-1]
    assert last.startswith("ImportError: sparsevae.torch needs PyTorch")
    assert "No module named 'torch'" in last
    assert "pip install 'sparsevae[torch]'" in last
