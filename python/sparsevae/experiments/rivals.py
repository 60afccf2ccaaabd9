"""Rivals from other packages. Each may be called from several threads at once; what gives up may warn."""

import threading
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from sklearn.linear_model import lars_path, lasso_path

from ..metrics import support_f1

Array: TypeAlias = NDArray[np.float64]
Criterion: TypeAlias = Callable[[float, float, int, int, int], float]

# Numba compiles, and MNE-Python is imported, by one thread at a time.
_IMPORTS = threading.Lock()


def least_squares(X: Array, y: Array, support: list[int] | Array) -> Array:
    """Fit by least squares on a support; zero elsewhere.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Design.
    y : ndarray of shape (n_samples,)
        Response.
    support : sequence of int
        Columns to use.

    Returns
    -------
    ndarray of shape (n_features,), float64
        Coefficients.
    """
    coef = np.zeros(X.shape[1])
    if len(support):
        coef[support] = np.linalg.lstsq(X[:, support], y, rcond=None)[0]
    return coef


def best_lasso(X: Array, y: Array, coef: Array) -> Array:
    """Of all Lasso solutions on scikit-learn's exact path, find the one whose support is nearest to the true one.

    No user can choose so well: it is the Lasso's best penalty, picked with the truth at hand.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Design.
    y : ndarray of shape (n_samples,)
        Response.
    coef : ndarray of shape (n_features,)
        The truth.

    Returns
    -------
    ndarray of shape (n_features,), float64
        Coefficients.
    """
    path: Array = lars_path(X, y, method="lasso", max_iter=10 * len(y))[2].T
    return max(path, key=lambda found: support_f1(coef, found))


def best_multi_task_lasso(
    X: Array,
    Y: Array,
    coef: Array,
    *,
    smallest: float = 1e-6,
    n_alphas: int = 60,
    tol: float = 1e-13,
    max_iter: int = 1000,
    threshold: float = 1e-3,
) -> Array:
    """Of all penalised group-lasso solutions on a path, find the one whose row support is nearest to the true one.

    No user can choose so well: it is the penalty picked with the truth at hand. The path is scikit-learn's coordinate
    descent, each penalty from the solution of the last, the responses rotated to as many as they have rank.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Design.
    Y : ndarray of shape (n_samples, n_responses)
        Responses.
    coef : ndarray of shape (n_responses, n_features)
        The truth.
    smallest : float, default=1e-6
        Last penalty, as a share of the one that leaves nothing.
    n_alphas : int, default=60
        Penalties on the path, evenly spaced in the logarithm.
    tol : float, default=1e-13
        Duality gap at which a penalty is done, as a share of the sum of squares of the responses: far below the last
        penalty.
    max_iter : int, default=1000
        Most sweeps for each penalty.
    threshold : float, default=1e-3
        Largest row norm that counts as zero, as in :func:`sparsevae.metrics.support_f1`.

    Returns
    -------
    ndarray of shape (n_responses, n_features), float64
        Coefficients.

    Notes
    -----
    Without noise the last penalties come near group basis pursuit, but most often with rows off its support that only
    shrink in proportion to the penalty: exact zeros would make a support that no penalty finds.
    """
    factor, rotation = _compress(Y)
    path: Array = lasso_path(X, factor, eps=smallest, alphas=n_alphas, tol=tol, max_iter=max_iter)[1]
    # A rotation leaves row norms as they are.
    norms = np.linalg.norm(path, axis=0)
    true = np.linalg.norm(coef, axis=0)
    best = max(reversed(range(path.shape[2])), key=lambda k: support_f1(true, norms[:, k], threshold=threshold))
    return rotation.T @ path[:, :, best]


def _compress(responses: Array) -> tuple[Array, Array]:
    """Split responses into as many columns as they have rank and orthonormal rows that take these back.

    Parameters
    ----------
    responses : ndarray of shape (n_equations, n_responses)
        Right-hand sides.

    Returns
    -------
    factor : ndarray of shape (n_equations, rank)
        What a criterion of row norms needs to know of the responses: it does not change under rotations.
    rotation : ndarray of shape (rank, n_responses)
        ``factor @ rotation`` equals `responses`; one row at least.
    """
    U, s, rotation = np.linalg.svd(responses, full_matrices=False)
    rank = max(1, int((s > max(responses.shape) * np.finfo(np.float64).eps * s.max(initial=0.0)).sum()))
    return U[:, :rank] * s[:rank], rotation[:rank]


def evidence(rss: float, total: float, k: int, d: int, n: int) -> float:
    """Compute the criterion of sparsevae's default support rule, less a constant: the lower, the better.

    Parameters
    ----------
    rss, total : float
        Sum of squares of the residual and of the response.
    k, d, n : int
        Columns in the support, samples, features.

    Returns
    -------
    float
        Minus twice the logarithm of the evidence.
    """
    if k == 0:
        return 0.0
    left = max(rss / total, 1e-30)
    g = max((1 - left) / k * (d - k) / left - 1, 0.0)
    return float(d * np.log1p(g * left) - (d - k) * np.log1p(g) + 2 * _log_choose(n, k))


def extended_bic(rss: float, total: float, k: int, d: int, n: int) -> float:
    """Compute the extended Bayesian information criterion: the lower, the better.

    Parameters
    ----------
    rss, total : float
        Sum of squares of the residual and of the response.
    k, d, n : int
        Columns in the support, samples, features.

    Returns
    -------
    float
        The criterion, less a constant.
    """
    return float(d * np.log(max(rss / total, 1e-30)) + k * np.log(d) + 2 * _log_choose(n, k))


def _log_choose(n: int, k: int) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


class McpPath:
    """skglm: coordinate descent on the minimax concave penalty along a path; the supports it visits, in order.

    Columns are scaled by the square root of the number of samples, so that skglm's quadratic has unit curvature.

    Parameters
    ----------
    gamma : float
        Concavity of the penalty, greater than 1.
    n_alphas : int, default=50
        Penalties on the path.
    smallest : float, default=1e-3
        Last penalty, as a share of the first.
    """

    def __init__(self, gamma: float, n_alphas: int = 50, smallest: float = 1e-3) -> None:
        with _IMPORTS:
            from skglm.datafits import Quadratic
            from skglm.penalties import MCPenalty
            from skglm.solvers import AndersonCD
            from skglm.utils.jit_compilation import compiled_clone

            # The solver clones what it is given; classes are compiled here, once a process.
            compiled_clone(Quadratic())
            compiled_clone(MCPenalty(1.0, gamma))
        self._quadratic, self._penalty, self._solver = Quadratic, MCPenalty, AndersonCD
        self.gamma = gamma
        self.fractions = np.geomspace(1, smallest, n_alphas)

    def supports(self, X: Array, y: Array) -> list[list[int]]:
        """List the supports on the path, each once.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Design; columns of norm 1.
        y : ndarray of shape (n_samples,)
            Response.

        Returns
        -------
        list of list of int
            Indices of the nonzero coefficients.
        """
        scaled = X * np.sqrt(len(y))
        largest = np.abs(scaled.T @ y).max() / len(y)
        path = self.coefficients(scaled, y, self.fractions * largest)
        return [list(support) for support in dict.fromkeys(tuple(map(int, np.flatnonzero(coef))) for coef in path.T)]

    def coefficients(self, X: Array, y: Array, alphas: Array) -> Array:
        """Compute the solutions at some penalties, each from the last.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Design, of columns with a mean square of 1.
        y : ndarray of shape (n_samples,)
            Response.
        alphas : ndarray of shape (n_alphas,)
            Penalties, descending from one that leaves nothing.

        Returns
        -------
        ndarray of shape (n_features, n_alphas), float64
            Coefficients.
        """
        X = np.asfortranarray(X)
        solver = self._solver(tol=1e-4 * alphas[0], max_iter=50, ws_strategy="fixpoint", fit_intercept=False)
        found = np.zeros((X.shape[1], len(alphas)))
        coef, fit = np.zeros(X.shape[1]), np.zeros(len(y))
        for number, alpha in enumerate(alphas):
            penalty = self._penalty(alpha, self.gamma)
            coef = solver.solve(X, y, self._quadratic(), penalty, w_init=coef, Xw_init=fit)[0]
            fit = X @ coef
            found[:, number] = coef
        return found

    def noise_free(self, X: Array, y: Array) -> Array:
        """Return the first support on the path whose least-squares fit is exact; else the last that leaves a spare row.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Design; columns of norm 1.
        y : ndarray of shape (n_samples,)
            Response.

        Returns
        -------
        ndarray of shape (n_features,), float64
            Coefficients.
        """
        coef = np.zeros(X.shape[1])
        for support in self.supports(X, y):
            if len(support) >= len(y):
                break
            coef = least_squares(X, y, support)
            if np.linalg.norm(y - X @ coef) < 1e-9 * np.linalg.norm(y):
                break
        return coef

    def noisy(self, X: Array, y: Array, criterion: Criterion = evidence) -> Array:
        """Return the support on the path that is best by a criterion, fitted by least squares.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Design; columns of norm 1.
        y : ndarray of shape (n_samples,)
            Response.
        criterion : callable, default=evidence
            From the sums of squares of residual and response, the sizes of support, samples and features, to a number:
            the lower, the better. :func:`evidence` or :func:`extended_bic`.

        Returns
        -------
        ndarray of shape (n_features,), float64
            Coefficients.
        """
        (d, n), total = X.shape, float(y @ y)
        best, lowest = np.zeros(n), criterion(total, total, 0, d, n)
        for support in self.supports(X, y):
            if 0 < len(support) < 3 * d // 4:
                coef = least_squares(X, y, support)
                value = criterion(float(np.sum((y - X @ coef) ** 2)), total, len(support), d, n)
                if value < lowest:
                    best, lowest = coef, value
        return best


class GammaMap:
    """MNE-Python: gamma-MAP, its bare kernel for one response or many.

    Parameters
    ----------
    max_iter : int, default=10000
        Most update steps.
    update_mode : {1, 2}, default=2
        1: MacKay's fixed point. 2: the convex-bound update, which never increases the energy.
    tol : float, default=1e-6
        The steps end once the prior variances move by less than this share, all together.
    """

    def __init__(self, max_iter: int = 10_000, update_mode: int = 2, tol: float = 1e-6) -> None:
        with _IMPORTS:
            import mne
            from mne.inverse_sparse._gamma_map import _gamma_map_opt

            mne.set_log_level("ERROR")
        self._kernel, self.max_iter, self.update_mode, self.tol = _gamma_map_opt, max_iter, update_mode, tol

    def solve(self, X: Array, y: Array, noise_var: float = 1e-10) -> Array:
        """Estimate coefficients at a given variance of the noise.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Design.
        y : ndarray of shape (n_samples,) or (n_samples, n_responses)
            Response, or responses of the same active features.
        noise_var : float, default=1e-10
            Variance of the noise, in squared units of `y`; the default stands for none in data of order one.

        Returns
        -------
        ndarray of shape (n_features,) or (n_responses, n_features), float64
            Coefficients.

        Notes
        -----
        Many responses are rotated to as many as they have rank, which only makes it faster: the kernel averages the
        squares over responses. It divides the design by its largest sum of absolute values in a row, the responses by
        the root of the norm of their covariance, and adds 2.2e-16 to the noise there, so that less is no less noise.
        """
        responses = y.reshape(len(y), -1)
        factor, rotation = _compress(responses) if y.ndim == 2 else (responses.copy(), np.ones((1, 1)))
        factor *= np.sqrt(len(rotation) / responses.shape[1])
        # The kernel may change its first two arguments in place.
        values, active = self._kernel(
            factor, X.copy(), alpha=noise_var, maxit=self.max_iter, tol=self.tol, update_mode=self.update_mode
        )[:2]
        coef = np.zeros((responses.shape[1], X.shape[1]))
        coef[:, active] = (values @ rotation).T * np.sqrt(responses.shape[1] / len(rotation))
        return coef.reshape(y.shape[1:] + X.shape[1:])
