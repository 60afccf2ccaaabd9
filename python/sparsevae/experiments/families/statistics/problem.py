"""Drawn data with noise: the benchmark of Hastie, Tibshirani and Tibshirani, and responses that nothing explains."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import matmul_toeplitz
from sklearn.utils import Bunch

from ....datasets import (
    make_gaussian_design,
    make_hastie_regression,
    make_sparse_regression,
    make_toeplitz_design,
)
from ....metrics import support_f1
from ...engine.scoring import THRESHOLD, Score, Solution, support_score
from .fitted import Array, Fit

# Edges of the bins of inclusion probabilities; narrow at both ends, where most columns are.
BINS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class BenchmarkProblem:
    """How a problem of the benchmark is drawn, but for its seed.

    Parameters
    ----------
    n_samples, n_features, n_nonzero : int
        Rows, columns, large coefficients.
    coef_type : int, default=2
        Type of the coefficients, see :func:`sparsevae.datasets.make_hastie_regression`.
    correlation : float, default=0.35
        Correlation of neighbouring columns.
    snr : float, default=1.0
        Variance of the signal over that of the noise.

    Examples
    --------
    >>> from sparsevae.experiments import BenchmarkProblem
    >>> data = BenchmarkProblem(50, 1000, 5).draw(0)
    >>> data.X.shape, data.y.shape, data.support.tolist()
    ((50, 1000), (50,), [0, 1, 2, 3, 4])
    """

    clock: ClassVar[str] = "CPU"
    goal: ClassVar[str] = "supports recovered exactly"

    n_samples: int
    n_features: int
    n_nonzero: int
    coef_type: int = 2
    correlation: float = 0.35
    snr: float = 1.0

    def draw(self, seed: int) -> Bunch:
        """Draw a problem: ``X``, ``y``, ``coef``, ``support`` and ``noise_var``.

        Parameters
        ----------
        seed : int
            Seed of design and noise, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.make_hastie_regression`.

        Raises
        ------
        ParameterError
            If a size or a number is out of its range.
        """
        return make_hastie_regression(
            self.n_samples,
            self.n_features,
            n_nonzero=self.n_nonzero,
            coef_type=self.coef_type,
            correlation=self.correlation,
            snr=self.snr,
            random_state=seed,
        )

    def answer(self, data: Bunch, fit: Fit) -> Solution:
        """Fit once. The facts are the relative test error, the columns chosen and, where there are any, probabilities.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        fit : callable
            From a design and a response to a :class:`Fitted`.

        Returns
        -------
        Solution
            The answer. Of inclusion probabilities the facts have for each of `BINS` the number of columns, the sum of
            their probabilities, and the number of those with an effect.
        """
        found = fit(data.X, data.y)
        wrong = found.coef - data.coef
        covariance = self.correlation ** np.arange(self.n_features)
        error = float(wrong @ matmul_toeplitz(covariance, wrong)) + found.intercept**2
        facts: dict[str, Any] = {
            "relative_test_error": 1 + error / data.noise_var,
            "n_columns": len(found.support),
        }
        if found.inclusion_prob is not None:
            facts["calibration"] = _counts(found.inclusion_prob, effects(data))
        return Solution(found.coef, sizes=_mask(found.support, self.n_features), facts=facts)

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score an estimate.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is exactly the true support, as the method states it. Coefficients of up to 0.001, which type 5
            has, count as zeros.
        """
        true, stated = effects(data).astype(float), solution.sizes
        if stated is None:
            stated = (solution.coef != 0).astype(float)
        exact = bool(np.array_equal(true, stated))
        return support_score(data, solution, success=exact, f1=support_f1(true, stated), refit_error=np.nan)

    def load_data(self) -> None:
        """Do nothing: no file is needed."""


@dataclass(frozen=True)
class NormalEffectsProblem(BenchmarkProblem):
    """The same with standard normal coefficients at random places, and any number of them up to a largest.

    Parameters
    ----------
    n_samples, n_features, n_nonzero : int
        Rows, columns, and the largest number of effects; each from 1 on is as likely.
    coef_type : int, default=2
        Has no meaning here.
    correlation : float, default=0.35
        Correlation of neighbouring columns.
    snr : float, default=1.0
        Variance of the signal in the sample over that of the noise.

    Examples
    --------
    >>> from sparsevae.experiments import NormalEffectsProblem
    >>> data = NormalEffectsProblem(50, 1000, 10).draw(0)
    >>> data.X.shape, len(data.support) <= 10
    ((50, 1000), True)
    """

    def draw(self, seed: int) -> Bunch:
        """Draw a problem: ``X``, ``y``, ``coef``, ``support`` and ``noise_var``.

        Parameters
        ----------
        seed : int
            Seed of all, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.make_sparse_regression`.

        Raises
        ------
        ParameterError
            If a size or a number is out of its range.
        """
        # Of another stream than all else, so that how many there are says nothing of where and how large.
        count = int(np.random.default_rng([seed, 1]).integers(1, self.n_nonzero + 1))
        return make_sparse_regression(
            self.n_samples,
            self.n_features,
            n_nonzero=count,
            design="toeplitz",
            correlation=self.correlation,
            unit_norm=False,
            snr_db=10 * float(np.log10(self.snr)),
            random_state=seed,
        )


@dataclass(frozen=True)
class NullProblem:
    """How a design and a response that has nothing to do with it are drawn, but for their seed.

    Parameters
    ----------
    n_samples, n_features : int
        Rows and columns.
    correlation : float, default=0.0
        Correlation of neighbouring columns.

    Examples
    --------
    >>> from sparsevae.experiments import NullProblem
    >>> data = NullProblem(30, 28).draw(0)
    >>> data.X.shape, data.coef.any()
    ((30, 28), np.False_)
    """

    clock: ClassVar[str] = "CPU"
    goal: ClassVar[str] = "no column chosen"

    n_samples: int
    n_features: int
    correlation: float = 0.0

    def draw(self, seed: int) -> Bunch:
        """Draw ``X`` and ``y``; ``coef`` is zero.

        Parameters
        ----------
        seed : int
            Seed of both, which are independent.

        Returns
        -------
        Bunch
            Standard normal columns and response.

        Raises
        ------
        ParameterError
            If a size or the correlation is out of its range.
        """
        X = make_toeplitz_design(
            self.n_samples, self.n_features, correlation=self.correlation, unit_norm=False, random_state=seed
        )
        # Of another seed than the design: one kind of draw has one stream.
        (other,) = np.random.SeedSequence([seed, 1]).generate_state(1, np.uint64)
        y = make_gaussian_design(self.n_samples, 1, unit_norm=False, random_state=int(other)).ravel()
        return Bunch(X=X, y=y, coef=np.zeros(self.n_features), noise_var=1.0, support=np.array([], np.intp))

    def answer(self, data: Bunch, fit: Fit) -> Solution:
        """Fit once. The fact is the number of columns chosen."""
        found = fit(data.X, data.y)
        return Solution(found.coef, facts={"n_columns": len(found.support)})

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score an estimate.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            A success is that no column is chosen.
        """
        norm = float(np.linalg.norm(solution.coef - data.coef))
        return unsupported_score(success=solution.facts["n_columns"] == 0, error=norm / self.n_features)

    def load_data(self) -> None:
        """Do nothing: no file is needed."""


def unsupported_score(*, success: bool, error: float = np.nan) -> Score:
    """Score an answer of which neither a true support nor a relative error is known."""
    return Score(
        support_match=success,
        f1=np.nan,
        l2_error_over_n=error,
        relative_error=np.nan,
        mse_after_least_squares=np.nan,
        certified=False,
        wrong_certificate=False,
    )


def effects(data: Bunch) -> NDArray[np.bool_]:
    """Tell which columns have an effect that counts."""
    mask: NDArray[np.bool_] = np.abs(data.coef) > THRESHOLD
    return mask


def _mask(support: NDArray[np.intp], n_features: int) -> Array:
    mask = np.zeros(n_features)
    mask[support] = 1.0
    return mask


def _counts(prob: Array, real: NDArray[np.bool_]) -> list[list[float]]:
    """Count columns, add up their probabilities, and count effects, bin by bin."""
    return [np.histogram(prob, BINS, weights=weights)[0].tolist() for weights in (None, prob, real.astype(float))]
