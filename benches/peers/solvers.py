"""The solvers that are compared: ours at default settings, rivals at the best settings we know.

A noise-free solver takes a design with unit columns and a response, and returns coefficients and whether they are
certified.
"""

import functools
import warnings

import numpy as np
import scipy.optimize
import sklearn.linear_model
import sparsevae


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


@quietly
def basis_pursuit(X, y):
    """min ||z||_1 subject to X z = y, by the HiGHS solver in SciPy."""
    n = X.shape[1]
    found = scipy.optimize.linprog(np.ones(2 * n), A_eq=np.hstack([X, -X]), b_eq=y, method="highs")
    if found.x is None:
        return np.zeros(n), False
    return found.x[:n] - found.x[n:], False


@quietly
def tiny_lasso(X, y):
    return sklearn.linear_model.Lasso(alpha=1e-5, fit_intercept=False).fit(X, y).coef_, False


def least_squares(X, y, support):
    coef = np.zeros(X.shape[1])
    if len(support):
        coef[support] = np.linalg.lstsq(X[:, support], y, rcond=None)[0]
    return coef


class McpPath:
    """skglm: coordinate descent on the minimax concave penalty along a path; the supports it visits, in order.

    Columns are scaled by the square root of the number of samples, so that skglm's quadratic has unit curvature; one
    compiled penalty serves the whole path.
    """

    def __init__(self, gamma, n_alphas=50, smallest=1e-3):
        from skglm.datafits import Quadratic
        from skglm.penalties import MCPenalty
        from skglm.utils.jit_compilation import compiled_clone

        self.penalty = compiled_clone(MCPenalty(1.0, gamma))
        self.datafit = compiled_clone(Quadratic())
        self.fractions = np.geomspace(1, smallest, n_alphas)

    @quietly
    def supports(self, X, y):
        from skglm.solvers import AndersonCD

        scaled = np.asfortranarray(X * np.sqrt(len(y)))
        largest = np.abs(scaled.T @ y).max() / len(y)
        solver = AndersonCD(tol=1e-4 * largest, max_iter=50, ws_strategy="fixpoint", fit_intercept=False)
        self.datafit.initialize(scaled, y)
        coef, fit, visited = np.zeros(X.shape[1]), np.zeros(len(y)), {}
        for fraction in self.fractions:
            self.penalty.alpha = fraction * largest
            coef = solver.solve(scaled, y, self.datafit, self.penalty, w_init=coef, Xw_init=fit)[0]
            fit = scaled @ coef
            visited[tuple(np.flatnonzero(coef))] = None
        return [list(support) for support in visited]

    def noise_free(self, X, y):
        """The first support on the path whose least-squares fit is exact; else the last that leaves a spare row."""
        coef = np.zeros(X.shape[1])
        for support in self.supports(X, y):
            if len(support) >= len(y):
                break
            coef = least_squares(X, y, support)
            if np.linalg.norm(y - X @ coef) < 1e-9 * np.linalg.norm(y):
                break
        return coef, False


class GammaMap:
    """MNE-Python: gamma-MAP, its bare kernel with the convex-bound update."""

    def __init__(self, max_iter=10_000):
        import mne
        from mne.inverse_sparse._gamma_map import _gamma_map_opt

        mne.set_log_level("ERROR")
        self.kernel, self.max_iter = _gamma_map_opt, max_iter

    @quietly
    def solve(self, X, y, noise_var):
        # The kernel changes its first two arguments in place.
        values, active = self.kernel(
            y[:, None].copy(), X.copy(), alpha=noise_var, maxit=self.max_iter, tol=1e-6, update_mode=2
        )[:2]
        coef = np.zeros(X.shape[1])
        coef[active] = np.ravel(values)
        return coef

    def noise_free(self, X, y):
        return self.solve(X, y, 1e-10), False


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
        "basis pursuit (HiGHS)": basis_pursuit,
        "Lasso(alpha=1e-5)": tiny_lasso,
    }
    mcp, missing = optional(
        [f"skglm MCP path, gamma {gamma}" for gamma in NOISE_FREE_GAMMAS],
        lambda: [McpPath(gamma, 100, 1e-5).noise_free for gamma in NOISE_FREE_GAMMAS],
    )
    gamma_map, absent = optional(("MNE gamma-MAP",), lambda: [GammaMap().noise_free])
    return solvers | mcp | gamma_map, missing + absent
