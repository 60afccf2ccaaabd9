"""Hostile input to every public estimator: a fitted result of finite numbers, or an error of ours; nothing else.

``SPARSEVAE_FUZZ_SECONDS=60 pytest tests/python/test_fuzz.py`` draws new examples for a minute.
"""

import importlib
import inspect
import os
import re
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import sparsevae
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sparsevae.exceptions import SparseVaeError

SECONDS = float(os.environ.get("SPARSEVAE_FUZZ_SECONDS", "0"))
N_EXAMPLES = 15
# They bound the work, write files, or ask for threads.
TAME = {
    "max_iter": 60,
    "n_anneal": 20,
    "n_restarts": 2,
    "n_steps": 5,
    "hidden": (4,),
    "encoder_hidden": (4,),
    "decoder_hidden": (4,),
}
MADE_OF = {
    "SupportSelector": {"estimator": sparsevae.VaeSlr(max_iter=60, n_restarts=2)},
    "ManifoldVae": {"n_components": 2},
}
LEFT_ALONE = {*TAME, "checkpoint", "n_jobs"}
PARAMETERS = [
    *(None, True, -1, 0, 1, 2, 3, 10**30, -0.5, 0.0, 1e-300, 1e-12, 0.5, 1.0, 1e6, 1e300, np.nan, np.inf, 2**1100),
    *(
        "",
        "nonsense",
        b"auto",
        [],
        [0],
        [0, 0, 1, 1],
        {},
        (),
        np.float32(0.5),
        np.int8(1),
        np.nan,
        1j,
        np.eye(5),
        print,
    ),
]
DAMAGES = {
    "zero": lambda a, _: a * 0,
    "one": lambda a, _: a * 0 + 1,
    "huge": lambda a, _: a * 1e300,
    "large": lambda a, _: a * 1e150,
    "tiny": lambda a, _: a * 1e-300,
    "subnormal": lambda a, _: a * 5e-324,
    "offset": lambda a, _: a + 1e12,
    "integers": lambda a, _: np.round(a),
    "columns of unlike scale": lambda a, _: a * np.logspace(-200, 200, max(a.shape[-1:], default=1))[: a.shape[-1]],
    "rows of unlike scale": lambda a, _: a * np.logspace(-8, 8, len(a)).reshape(-1, *[1] * (a.ndim - 1)),
    "repeated rows": lambda a, rng: a[rng.integers(0, 2, len(a))] if len(a) > 1 else a,
    "repeated columns": lambda a, rng: a[..., rng.integers(0, 2, a.shape[-1])] if a.shape[-1] > 1 else a,
    "NaN": lambda a, rng: np.where(rng.random(a.shape) < 0.1, np.nan, a),
    "infinite": lambda a, rng: np.where(rng.random(a.shape) < 0.1, -np.inf, a),
    "outlier": lambda a, rng: np.where(rng.random(a.shape) < 0.1, 1e200, a),
}
DTYPES = [
    *["float64"] * 6,
    "float32",
    "float16",
    "longdouble",
    ">f8",
    "int8",
    "uint64",
    "bool",
    "complex128",
    "object",
    "U8",
    "M8[s]",
]
CONTAINERS = {
    "array": lambda a: a,
    "Fortran": np.asfortranarray,
    "list": lambda a: a.tolist(),
    "frame": lambda a: pd.DataFrame(a) if a.ndim == 2 else a,
    "mask": lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) == 1),
}


def public_estimators():
    """All estimators that a public package names, as sklearn's all_estimators finds its own."""
    packages = [sparsevae, *(importlib.import_module(f"sparsevae.{name}") for name in ("baselines", "torch"))]
    public = {name: getattr(package, name) for package in packages for name in package.__all__}
    return {name: kind for name, kind in public.items() if inspect.isclass(kind) and issubclass(kind, BaseEstimator)}


ESTIMATORS = public_estimators()


class Hostile:
    """An array by what was done to it, so that a failure names that."""

    def __init__(self, shape, seed, damages, dtype, container):
        self.told = shape, seed, damages, dtype, container
        rng = np.random.default_rng(seed)
        array = rng.standard_normal(shape)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for damage in damages:
                array = DAMAGES[damage](array, rng)
            self.array = CONTAINERS[container](np.asarray(array, dtype="i8" if dtype[0] == "M" else None).astype(dtype))

    def __repr__(self):
        return f"Hostile{self.told}"


@st.composite
def calls(draw, kind):
    """Parameters and data of a fit."""
    words = [*PARAMETERS, *re.findall(r'"(\w+)"', inspect.getdoc(kind))]
    names = sorted(set(kind._get_param_names()) - LEFT_ALONE)
    changed = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    parameters = {name: draw(st.sampled_from(words)) for name in changed}
    sides = st.sampled_from([6, 5, 9, 2, 1, 0])
    n, p = draw(sides), draw(sides)
    target = {"X": 2, "A": 2, "Y": 2, "B": 2, "y": 1}
    data = []
    for name, argument in list(inspect.signature(kind.fit).parameters.items())[1:]:
        if argument.default is None:
            continue
        shape = (n, p) if not data else (n, 3)[: target[name]]
        if draw(st.integers(0, 9)) == 9:
            shape = draw(st.sampled_from([(), (n,), (n, 2), (n + 1,), (2, n, 2)]))
        damages = draw(st.lists(st.sampled_from([*DAMAGES]), max_size=2)) if shape else []
        seed, dtype = draw(st.integers(0, 99)), draw(st.sampled_from(DTYPES))
        data.append(Hostile(shape, seed, damages, dtype, draw(st.sampled_from([*CONTAINERS]))))
    return parameters, data


def check_numbers(name, value):
    """Energies are infinite where there is nothing left to explain; conditions are NaN without a design."""
    if isinstance(value, (float, np.ndarray)) and np.asarray(value).dtype.kind == "f":
        wrong = np.isnan(value) if name.startswith("energy") else ~np.isfinite(value)
        assert not np.any(wrong), f"{name} is {value}"


def check(kind, parameters, data):
    """Fit, then predict or transform the data of the fit."""
    tame = {name: value for name, value in TAME.items() if name in kind._get_param_names()}
    arrays = [part.array for part in data]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = kind(**{**MADE_OF.get(kind.__name__, {}), **tame, **parameters}).fit(*arrays)
        except SparseVaeError:
            return
        for name, value in vars(model).items():
            if name.endswith("_") and name[0] != "_":
                check_numbers(name, value)
        for name in ("predict", "transform"):
            if hasattr(model, name):
                try:
                    result = getattr(model, name)(arrays[-1] if kind.__name__ == "WelperRecover" else arrays[0])
                except SparseVaeError:
                    continue
                check_numbers(name, result)


@pytest.mark.parametrize("kind", ESTIMATORS.values(), ids=ESTIMATORS)
def test_hostile_input_is_answered_by_finite_numbers_or_an_error_of_ours(kind):
    @settings(
        max_examples=N_EXAMPLES,
        derandomize=not SECONDS,
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(calls(kind))
    def draw(call):
        check(kind, *call)

    end = time.monotonic() + SECONDS / len(ESTIMATORS)
    draw()
    while time.monotonic() < end:
        draw()
