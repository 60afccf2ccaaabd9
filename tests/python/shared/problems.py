"""Problems and arrays that tests of more than one subject use."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

GOLDEN = Path(__file__).parents[2] / "data" / "golden.jsonl"


def golden(kind):
    """The cases of one kind that `tests/data/make_golden.py` wrote."""
    cases = (json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines())
    return [case for case in cases if case["kind"] == kind]


def gaussian(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def three_nonzeros():
    """A design of 20 x 40, coefficients of which three are not zero, and the response without noise."""
    X, coef = gaussian(20, 40), np.zeros(40)
    coef[[3, 14, 15]] = 1.0, -2.0, 3.0
    return X, coef, X @ coef


def orthonormal(d, n, seed=0):
    return np.linalg.qr(gaussian(d, n, seed=seed))[0]


def relative_error(found, truth):
    """The share of the sum of squares of the truth."""
    return np.sum((found - truth) ** 2) / np.sum(truth**2)


def quietly(function, *arguments, **options):
    """Call a function that may stop before it has converged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return function(*arguments, **options)


# Arrays that a caller may hand over.


def put(array, value):
    """The same array or frame, but for one entry."""
    array = array.copy()
    if isinstance(array, pd.DataFrame):
        array.iloc[0, 3] = value
    else:
        array.flat[3] = value
    return array


def strided(array):
    wide = np.zeros((array.shape[0], 2 * array.shape[1]))
    wide[:, ::2] = array
    return wide[:, ::2]


def misaligned(array):
    view = np.zeros(array.nbytes + 1, np.uint8)[1:].view(np.float64).reshape(array.shape)
    view[:] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "strided": strided,
    "negative strides": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "misaligned": misaligned,
    "big-endian": lambda a: a.astype(">f8"),
    "DataFrame": pd.DataFrame,
    "lists": lambda a: a.tolist(),
    "objects": lambda a: a.astype(object),
    "longdouble": lambda a: a.astype(np.longdouble),
}
