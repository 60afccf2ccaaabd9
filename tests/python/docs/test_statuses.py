"""The warnings that the guide shows are those that fits give, word for word; only numbers differ."""

import re
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from mne_sources import Case, forward_solution
from sklearn.exceptions import ConvergenceWarning
from sparsevae import (
    AffineVae,
    RobustVae,
    SimultaneousSparseVae,
    VaeSlr,
    WelperRecover,
    basis_pursuit,
    fit_many,
    report,
)
from sparsevae.baselines import (
    AugmentedBasisPursuit,
    BasisPursuit,
    ConcaveAutoencoder,
    GroupBasisPursuit,
    ReweightedBasisPursuit,
    RobustPca,
    SparseBayesianLearning,
)
from sparsevae.datasets import make_low_rank_outliers, make_sparse_regression, make_training_problems
from sparsevae.exceptions import VersionWarning
from sparsevae.mne import simultaneous_sparse_vae, solver

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "statuses.md"
if not PAGE.is_file():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

TEXT = PAGE.read_text(encoding="utf-8")
NUMBER = re.compile(r"\d+(\.\d+)*(e[+-]?\d+)?")
BLOCK = re.compile(r"^```text\n(.*?)^```\n\n(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


DATA = make_sparse_regression(40, 80, n_nonzero=3, snr_db=10, random_state=0)
X, Y = normal(40, 80), normal(40, 80)[:, :3] @ normal(3, 10, seed=1) + 0.1 * normal(40, 10, seed=2)
NOISE = normal(40, 2, seed=3)
TALL = normal(30, 5)
TABLE = make_low_rank_outliers(40, 30, rank=2, random_state=0).X
EASY = make_training_problems(60, 100, 10, n_nonzero=8, n_problems=40, hard_share=0.1, random_state=3)
WALK = make_training_problems(design="random_walk", random_state=0)
BLOCKS = make_sparse_regression(200, 200, n_nonzero=3, design="block", snr_db=0, random_state=0)


def promised(noise_cov, X):
    SimultaneousSparseVae(noise_var=1.0, noise_cov=noise_cov * np.eye(40)).fit(X, Y)


def sources():
    case = Case(forward_solution("eeg"), seed=0)
    case.noise_cov["data"] *= 30
    simultaneous_sparse_vae(case.evoked, case.forward, case.noise_cov)


def whitened():
    gain = normal(20, 30)
    solver(10 * (3 * gain[:, :2] @ normal(2, 8, seed=1) + normal(20, 8, seed=2)), 10 * gain, 1)


def left_out():
    zero, outside = np.zeros((120, 2)), np.r_[EASY.B[:, :1], -EASY.B[:, :1]]
    WelperRecover().fit(np.r_[EASY.A, EASY.A], np.c_[np.r_[EASY.B, EASY.B], zero, outside])


def not_recovered():
    WelperRecover().fit(EASY.A, EASY.B).predict(normal(60, 2))


def pickled(**stamp):
    state = VaeSlr().__getstate__()
    del state["_sparsevae_version"]
    VaeSlr().__setstate__({**state, **stamp})


CASES = {
    "search": lambda: VaeSlr(noise_var="anneal", n_restarts=1).fit(DATA.X, DATA.y),
    "sweeps": lambda: VaeSlr(max_iter=20).fit(BLOCKS.X, BLOCKS.y),
    "descent": lambda: VaeSlr(optimizer="mm", noise_var=0.1, max_iter=2).fit(DATA.X, DATA.y),
    "training": lambda: VaeSlr(optimizer="adam", n_steps=2).fit(DATA.X, DATA.y),
    "noise learned": lambda: VaeSlr(noise_var="learn").fit(DATA.X, DATA.y),
    "no column": lambda: VaeSlr(noise_var=9.0).fit(X, NOISE[:, 0]),
    "many, unfinished": lambda: fit_many(VaeSlr(optimizer="mm", max_iter=2), DATA.X, np.c_[DATA.y, DATA.y]),
    "many, no column": lambda: fit_many(VaeSlr(noise_var=9.0), X, NOISE),
    "too small a covariance": lambda: promised(1e-3, X[:, :10]),
    "too large a covariance": lambda: promised(1.0, X),
    "too many columns": lambda: SimultaneousSparseVae(noise_var=1e-9, noise_cov=np.eye(20)).fit(X[:20], Y[:20]),
    "sources": sources,
    "whitened": whitened,
    "outliers": lambda: RobustVae(max_iter=20).fit(TABLE),
    "components": lambda: AffineVae(n_components=6).fit(normal(50, 5) @ normal(5, 6, seed=1)),
    "principal component pursuit": lambda: RobustPca(max_iter=3).fit(TABLE),
    "no easy problem": lambda: WelperRecover().fit(EASY.A, normal(60, 12)),
    "too few components": lambda: WelperRecover(n_components=13).fit(EASY.A, EASY.B),
    "too many components": lambda: WelperRecover(n_components=7).fit(EASY.A, EASY.B),
    "incomplete": lambda: WelperRecover(tol=0.5).fit(WALK.A, WALK.B),
    "columns left out": left_out,
    "not recovered": not_recovered,
    "not solved": lambda: basis_pursuit(np.r_[EASY.A, EASY.A], normal(120, 2)),
    "not reproduced": lambda: BasisPursuit().fit(TALL, normal(30, seed=1)),
    "tolerance": lambda: GroupBasisPursuit(tolerance=2.0).fit(TALL, normal(30, 3, seed=1)),
    "unpenalised": lambda: AugmentedBasisPursuit().fit(DATA.X, DATA.y),
    "SBL": lambda: SparseBayesianLearning(max_iter=3).fit(DATA.X, DATA.y),
    "reweighted": lambda: ReweightedBasisPursuit(max_iter=1).fit(DATA.X, DATA.y),
    "gap": lambda: GroupBasisPursuit(max_iter=2).fit(X, Y),
    "autoencoder": lambda: ConcaveAutoencoder(max_iter=2).fit(X, Y),
    "pickle": lambda: pickled(_sparsevae_version="0.0.1"),
    "old pickle": pickled,
}


def without_numbers(text):
    """A text with # for its numbers, on one line."""
    return " ".join(NUMBER.sub("#", text).split())


SHOWN = [(without_numbers(block), remedy) for block, remedy in BLOCK.findall(TEXT) if not block.startswith("status: ")]


@cache
def given(name):
    """The warnings of a case."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CASES[name]()
    assert {each.category for each in caught} <= {ConvergenceWarning, VersionWarning}
    return [without_numbers(str(each.message)) for each in caught]


@pytest.mark.parametrize("name", CASES)
def test_a_warning_is_shown_as_it_is_given(name):
    assert given(name)
    shown = [text for text, _ in SHOWN]
    assert [text for text in given(name) if text not in shown] == []


def test_every_warning_shown_is_given():
    known = {text for name in CASES for text in given(name)}
    assert [text for text, _ in SHOWN if text not in known] == []


def test_every_warning_shown_is_shown_once():
    assert len({text for text, _ in SHOWN}) == len(SHOWN)


@pytest.mark.parametrize("remedy", [pytest.param(remedy, id=text[:60]) for text, remedy in SHOWN])
def test_every_warning_has_its_meaning_and_what_to_do(remedy):
    assert re.fullmatch(r"\*Meaning\*: \S.*\\\n\*What to do\*: [A-Z`[].*", remedy, re.DOTALL)


def test_lines_of_status_are_those_of_the_command_line():
    lines = re.search(r"^```text\n((?:status: .*\n)+)```$", TEXT, re.MULTILINE)[1].splitlines()
    statuses = [line.removeprefix("status: ").partition(": ")[0] for line in lines]
    assert lines == [f"status: {status}{report._STATUS.get(status, '')}" for status in statuses]
    assert set(report._STATUS) <= set(statuses)
