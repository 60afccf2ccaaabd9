"""The solvers that are compared: ours at default settings, rivals at the best settings we know.

A noise-free solver takes a design with unit columns and a response, and returns coefficients and whether they are
certified.
"""

import functools
import warnings

import sklearn.linear_model
import sparsevae
from sparsevae.baselines import BasisPursuit, ReweightedBasisPursuit, SparseBayesianLearning
from sparsevae.experiments.rivals import GammaMap, McpPath


def quietly(function):
    """Without warnings, as of solvers that give up: what counts is what they return."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return wrapped


def ours(estimator):
    @quietly
    def solve(X, y):
        estimator.fit(X, y)
        return estimator.coef_, estimator.certified_

    return solve


def uncertified(solve):
    """A rival's solver, which has no certificates."""
    return quietly(lambda X, y: (solve(X, y), False))


def baseline(estimator):
    return uncertified(lambda X, y: estimator.fit(X, y).coef_)


@quietly
def tiny_lasso(X, y):
    return sklearn.linear_model.Lasso(alpha=1e-5, fit_intercept=False).fit(X, y).coef_, False


# Of the values 1.5, 2, 3, 6, 12, 25, 50 and 100, the best on one design or another.
NOISE_FREE_GAMMAS = (3, 12, 50)
VAE, PRECONDITIONED = "VaeSlr()", "PreconditionedVae()"


def optional(names, make):
    """Solvers of a package that may be absent: `make` is called only where the import succeeds."""
    try:
        return dict(zip(names, make(), strict=True)), []
    except ImportError as error:
        return {}, [f"{', '.join(names)}: left out, {error}"]


def noise_free_solvers():
    """Names and solvers, and notes about what is left out."""
    solvers = {
        VAE: ours(sparsevae.VaeSlr()),
        PRECONDITIONED: ours(sparsevae.PreconditionedVae()),
        "VaeSlr(fit_intercept=False)": ours(sparsevae.VaeSlr(fit_intercept=False)),
        'VaeSlr(optimizer="em")': ours(sparsevae.VaeSlr(optimizer="em")),
        'PreconditionedVae(optimizer="em")': ours(sparsevae.PreconditionedVae(optimizer="em")),
        "basis pursuit (our homotopy)": uncertified(lambda X, y: sparsevae.basis_pursuit(X, y).coef),
        "basis pursuit (HiGHS)": baseline(BasisPursuit(fit_intercept=False)),
        "reweighted basis pursuit": baseline(ReweightedBasisPursuit(fit_intercept=False)),
        "sparse Bayesian learning, EM": baseline(SparseBayesianLearning(fit_intercept=False)),
        "Lasso(alpha=1e-5)": tiny_lasso,
    }
    mcp, missing = optional(
        [f"skglm MCP path, gamma {gamma}" for gamma in NOISE_FREE_GAMMAS],
        lambda: [uncertified(McpPath(gamma, 100, 1e-5).noise_free) for gamma in NOISE_FREE_GAMMAS],
    )
    gamma_map, absent = optional(("MNE gamma-MAP",), lambda: [uncertified(GammaMap().solve)])
    return solvers | mcp | gamma_map, missing + absent
