"""Which trials a run consists of: keys, seeds, order."""

import hashlib

from sparsevae import experiments
from sparsevae.experiments import FIGURES, Store

# What "all" stood for in the first release.
RIVALS = (
    *("VaeSlr", "PreconditionedVae", "Lasso", "Lasso, best penalty", "basis pursuit", "reweighted basis pursuit"),
    *("augmented basis pursuit", "SBL", "skglm MCP path", "MNE gamma-MAP"),
)
FIRST = {
    "fig1a": (*RIVALS, "VaeSlr, EM", "VAE, Adam"),
    **dict.fromkeys(("fig1b", "fig1c"), (*RIVALS, "VaeSlr, EM", "VAE, Adam", "PreconVAE, Adam")),
    **dict.fromkeys(("fig2a", "fig2b", "fig4b", "fig5"), (*RIVALS, "PreconVAE, Adam")),
    **dict.fromkeys(("fig3a", "fig3b"), ("VaeSlr",)),
    "fig4a": (*RIVALS, "VAE, Adam"),
    "fig6a": tuple(f"PreconVAE, Adam, noise {noise_var}" for noise_var in ("0.1", "0.01", "0.0001")),
    "fig6b": ("PreconVAE, Adam",),
}


def test_stored_trials_are_found_again():
    # The keys of all trials of figures 1 to 6, as the first release wrote them: other keys would do them all again.
    plans = [experiments.make_plan(FIGURES[name], methods=methods) for name, methods in FIRST.items()]
    keys = sorted(repr(task.key) for plan in plans for task in plan.tasks())
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()
    assert (len(keys), digest[:16]) == (15860, "ee9bc693e19b4af3")


def test_seeds_differ_by_place_and_trial_and_by_nothing_else():
    seeds = {experiments.problem_seed(s, value, t) for s in range(3) for value in (2, 10, 20.5) for t in range(20)}
    assert len(seeds) == 180
    assert experiments.problem_seed(0, 2, 1) == experiments.problem_seed(0, 2.0, 1)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_slow_methods_and_hard_problems_begin_first():
    plan = experiments.make_plan(FIGURES["fig1a"], methods="all", trials=1)
    _, tasks = experiments.split_done([plan], Store(None))
    efforts = [(task.method.effort, task.key.value) for task in tasks]
    assert efforts == sorted(efforts, reverse=True)
