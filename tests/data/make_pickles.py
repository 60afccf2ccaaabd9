"""Writes pickles.json: an object of each class that users keep, pickled by the version that runs this, in base64.

``pickles.json`` is of commit 5c571fe, before the modules had packages; it stays as it is, so that what that version
wrote can be read for ever. Run with that version, NumPy 2 and PyTorch 2: ``python tests/data/make_pickles.py``.
"""

import base64
import json
import pickle
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from sparsevae import (
    AffineVae,
    PreconditionedVae,
    RobustVae,
    SimultaneousSparseVae,
    VaeSlr,
    WelperRecover,
    baselines,
    basis_pursuit,
    theory,
)
from sparsevae.torch import LinearVae, ManifoldVae, SparseDecoder, solve_batch

rng = np.random.default_rng(0)
X = rng.standard_normal((6, 9))
Y = X[:, [1, 4]] @ np.array([[1.0, 2.0], [3.0, -1.0]])
LOW_RANK = rng.standard_normal((9, 1)) @ rng.standard_normal((1, 3)) + 0.1 * rng.standard_normal((9, 3))
DESIGN = torch.from_numpy(X)

REGRESSORS = (
    VaeSlr(),
    PreconditionedVae(),
    baselines.BasisPursuit(),
    baselines.ReweightedBasisPursuit(),
    baselines.AugmentedBasisPursuit(n_nonzero=1),
    baselines.SparseBayesianLearning(max_iter=5),
    baselines.CovarianceFreeEm(max_iter=5),
)
ROW_SPARSE = (SimultaneousSparseVae(), baselines.GroupBasisPursuit(), baselines.LogAutoencoder())
LATENT = (AffineVae(), RobustVae(floor=1e-3), baselines.RobustPca(), ManifoldVae(encoder_hidden=(2,), n_steps=3))


def objects():
    found = {type(model).__name__: model.fit(X, Y[:, 0]) for model in REGRESSORS}
    found |= {type(model).__name__: model.fit(X, Y) for model in ROW_SPARSE}
    found |= {type(model).__name__: model.fit(LOW_RANK) for model in LATENT}
    welper = WelperRecover().fit(X, X @ np.eye(9)[:, :5])
    return found | {
        "VaeSlr of tensors": VaeSlr().fit(DESIGN.float(), torch.from_numpy(Y[:, 0]).float()),
        "WelperRecover": welper,
        "Recovery": welper.recover(Y),
        "BasisPursuitResult": basis_pursuit(X, Y),
        "PriorVarProfile": theory.prior_var_profile(X, Y, np.ones(9), 0.5, 3),
        "BatchSolution": solve_batch(DESIGN, torch.from_numpy(Y.T.copy())),
        "SparseDecoder": SparseDecoder(DESIGN),
        "LinearVae": LinearVae(DESIGN, noise_var=0.1),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    pickled = {name: zlib.compress(pickle.dumps(value, 4), 9) for name, value in objects().items()}
    text = json.dumps({name: base64.b64encode(data).decode() for name, data in pickled.items()}, indent=1)
    Path(__file__).with_name("pickles.json").write_text(text + "\n", encoding="utf-8")
