"""Test problems whose solutions share components with those of easier training problems."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ....datasets import make_training_problems
from ....metrics import mse_after_least_squares, support_f1
from ...engine.scoring import THRESHOLD, Score, Solution, support_score

# Relative error, in the l2 norm, up to which a test problem counts as solved.
_SOLVED = 1e-6


@dataclass(frozen=True)
class TrainingProblem:
    """How a matrix, training problems and test problems are drawn, but for their seed.

    Parameters
    ----------
    design : {"gaussian", "random_walk", "partial_dct"}
        Kind of matrix; columns have norm 1.
    n_features : int
        Columns of the matrix.
    n_samples, n_components, n_nonzero, n_problems : int or float
        Rows of the matrix, components, expected nonzeros of a component, training problems. What is less than 1 is a
        share of `n_features`, rounded.
    train_nonzero, test_nonzero, hard_nonzero : int, default=2, 6, 6
        Components in the solution of an easy training problem, of a test problem, of a hard training problem.
    n_test : int, default=4
        Test problems.
    hard_share : float, default=0.15
        Share of training problems that are hard.
    law : str, default="gaussian"
        Law of the nonzeros of components and combinators, see :func:`sparsevae.datasets.make_training_problems`.
    noise : float, default=0.0
        Norm of the noise on a right-hand side of a training problem, as a share of the norm of that right-hand side.

    Examples
    --------
    >>> from sparsevae.experiments import TrainingProblem
    >>> data = TrainingProblem("gaussian", 100, 0.6, 0.1, 0.1, 0.4).draw(0)
    >>> data.X.shape, data.B.shape, data.y.shape, data.coef.shape
    ((60, 100), (60, 40), (60, 4), (4, 100))
    """

    # Solvers have threads of their own, whose CPU time is not seen.
    clock: ClassVar[str] = "wall"
    goal: ClassVar[str] = "trials with all test problems solved"

    design: str
    n_features: int
    n_samples: int | float
    n_components: int | float
    n_nonzero: int | float
    n_problems: int | float
    train_nonzero: int = 2
    test_nonzero: int = 6
    hard_nonzero: int = 6
    n_test: int = 4
    hard_share: float = 0.15
    law: str = "gaussian"
    noise: float = 0.0

    def draw(self, seed: int) -> Bunch:
        """Draw a problem: ``X``, ``B``, ``y``, ``coef`` and ``support``.

        Parameters
        ----------
        seed : int
            Seed of matrix, components and combinators, which are independent.

        Returns
        -------
        Bunch
            As from :func:`sparsevae.datasets.make_training_problems`, but ``coef`` has a row for each test problem, as
            with many responses; ``X`` and ``y`` are the matrix and the right-hand sides of the test problems,
            ``support`` the features that are nonzero in any of them.

        Raises
        ------
        ParameterError
            If a size or a name is out of its range.
        """
        data = make_training_problems(
            self.size("n_samples"),
            self.n_features,
            self.size("n_components"),
            n_nonzero=self.size("n_nonzero"),
            n_problems=self.size("n_problems"),
            n_test=self.n_test,
            train_nonzero=self.train_nonzero,
            test_nonzero=self.test_nonzero,
            hard_share=self.hard_share,
            hard_nonzero=self.hard_nonzero,
            design=self.design,
            law=self.law,
            noise=self.noise,
            random_state=seed,
        )
        coef = data.coef.T.copy()
        return Bunch(**{**data, "coef": coef}, X=data.A, y=data.b, support=np.flatnonzero(coef.any(axis=0)))

    def size(self, name: str) -> int:
        """Return a size that may be given as a share of the features.

        Parameters
        ----------
        name : str
            Its field.

        Returns
        -------
        int
            The size.

        Examples
        --------
        >>> from sparsevae.experiments import TrainingProblem
        >>> TrainingProblem("gaussian", 200, 0.6, 20, 20, 80).size("n_samples")
        120
        """
        value: int | float = getattr(self, name)
        return round(self.n_features * value) if value < 1 else int(value)

    @property
    def snr_db(self) -> None:
        """None: the test problems have no noise."""
        return None

    def matches(self, data: Bunch, coef: NDArray[np.float64]) -> bool:
        """Tell whether a trial succeeds: all test problems are solved, to a relative error of 1e-6 in the l2 norm.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        coef : ndarray of shape (n_test, n_features)
            The estimates.

        Returns
        -------
        bool
            Whether it does.
        """
        errors = np.linalg.norm(coef - data.coef, axis=1)
        return bool((errors <= _SOLVED * np.linalg.norm(data.coef, axis=1)).all())

    def score(self, data: Bunch, solution: Solution) -> Score:
        """Score estimates.

        Parameters
        ----------
        data : Bunch
            The problem that was drawn.
        solution : Solution
            The answer.

        Returns
        -------
        Score
            F1 and the error after least squares are means over test problems, each with a support of its own.
        """
        rows = list(zip(data.y.T, data.coef, solution.coef, strict=True))
        errors = [mse_after_least_squares(data.X, y, true, np.abs(found) > THRESHOLD) for y, true, found in rows]
        return support_score(
            data,
            solution,
            success=self.matches(data, solution.coef),
            f1=float(np.mean([support_f1(true, found) for _, true, found in rows])),
            refit_error=float(np.mean(errors)),
        )

    def load_data(self) -> None:
        """Do nothing: no file is needed."""
