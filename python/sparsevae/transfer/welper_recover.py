"""Recovery that learns from easier problems with the same matrix."""

import numbers
import sys
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._input.arrays import matrix, right_hand_sides
from .._input.interchange import Interchange
from .._input.parameters import MOST, as_float, check_count, check_flag, check_optional_count, check_type
from .._input.random import RandomState, draw_seed
from .._input.threads import thread_count
from ..exceptions import ParameterError
from ._assumptions import rows_of_assumptions
from ._recovery import Recovery

Array = NDArray[np.float64]

_TOL = "a number greater than 0 and less than 1"


class WelperRecover(Interchange, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    r"""Sparse solutions of hard problems, learned from easier problems with the same matrix.

    Solutions are taken to be sparse combinations of a few sparse components: :math:`x = X z`. Training problems
    :math:`A y_l = b_l` that l1 minimisation can solve reveal the components: their solutions :math:`\bar Y = X \bar Z`
    are factorised. A problem that l1 minimisation cannot solve is then one in the combinator alone,

    .. math:: \min_z \|z\|_1 \quad \text{subject to} \quad A \bar X z = b .

    Parameters
    ----------
    n_components : int or None, default=None
        Components that are expected; None for as many as the training problems show. What is missing is said, and of
        what is too much the sparsest are kept.
    max_nonzero : int or None, default=None
        Nonzeros of a training solution that is trusted, at most (the paper's u). None to find out: first every solution
        sparser than chance, then lower bounds for as long as components are missing (Algorithm 3).
    all_levels : bool, default=False
        Whether to factorise at all bounds on the nonzeros at which the span of the solutions shrinks (Algorithm 3 as
        printed), where the default stops at the first that leaves no component missing. Recoveries then are the
        sparsest of all levels; the time is that of one factorisation and one recovery for each.
    factorization : {"er-spud", "l4"}, default="er-spud"
        How components are looked for. "er-spud": linear programs for pairs of rows (Algorithm 4), best for few, very
        sparse components. "l4": an orthonormal basis of largest 4-norm first, fewer programs; for less sparse
        components and many rows.
    tol : float, default=1e-8
        Norm of the noise in a right-hand side, as a share of its norm. Give 3 to 10 times the noise of `B`: below it,
        no solution is sparse; far above it, wrong solutions pass.
    n_jobs : int or None, default=None
        Threads: None for one, -1 for as many as there are cores. The result does not depend on it.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the pairs of rows, or of the first basis.
    verbose : bool, default=False
        Whether to report progress on standard error.

    Attributes
    ----------
    components_ : ndarray of shape (n_features, n_components)
        The components :math:`\bar X`, columns of norm 1 with exact zeros, sparsest first. Their signs and their order
        are arbitrary.
    combinators_ : ndarray of shape (n_components, n_kept)
        Coefficients :math:`\bar Z` of the solutions of the kept training problems.
    n_components_ : int
        Number of components.
    kept_ : ndarray of shape (n_problems,), bool
        Training problems whose solutions the components come from.
    training_status_ : ndarray of shape (n_problems,), str
        "easy": solved by l1 minimisation, and sparse enough. "learned": not so, but solved by the components. "hard":
        no sparse solution was found. "zero": its right-hand side is zero. "inconsistent": its right-hand side lies
        outside the column space of `A`.
    training_coef_ : ndarray of shape (n_features, n_problems)
        Solutions of the training problems; without meaning for those that are neither easy nor learned.
    rank_ : int
        Dimension of the span of the kept solutions.
    component_error_ : float
        Error of a component, as a share of its norm, that noise of the size `tol` may cause.
    levels_ : list of dict
        One for each bound on the nonzeros that was tried, the best first: "max_nonzero", "kept" (indices), "rank",
        "n_found" (sparse components that were found), "components", "component_error", and "n_programs", the linear
        programs solved.
    status_ : {"complete", "incomplete", "too_few", "too_many", "no_easy_problems"}
        "complete": as many sparse components as the kept solutions have dimensions, and as many as were expected.
        "incomplete": fewer; training solutions make up for those that are missing. "too_few", "too_many": their span
        has other than `n_components` dimensions.
        "no_easy_problems": no training problem has a sparse solution; there are no components.
    n_features_in_ : int
        Number of columns of `A`.

    See Also
    --------
    sparsevae.basis_pursuit : Plain l1 minimisation, for problems without training.
    sparsevae.VaeSlr : Sparser solutions than l1 minimisation finds, without training.

    Notes
    -----
    Cost: one basis pursuit for each training problem, then a few linear programs for each component, each with about
    two steps of ``O(n_features * k)`` for each of its ``k`` nonzeros. 80 problems of 120 x 200 with 20 components take
    about 40 ms on two cores. Memory: up to two matrices of ``n_features**2`` numbers, for at most 11,585 features.

    Theorem 4.2 asks for more rows than components (up to constants, ``n_samples >= 2 s t > n_components``), where least
    squares on the span of the easy solutions already solves the problem; sparsity of the combinators is needed where
    there are fewer rows than components.

    It fails where a component has too many nonzeros to be part of any easy problem: ``rank_`` is then lower than it
    should be. Noise in `B` is amplified where columns of `A` are nearly parallel.

    After Algorithm 4, each component is compared once more with the sparsest vector that has a share of it, and missing
    dimensions are looked for one by one: this goes beyond the paper, and mends mixtures of two components. So does
    least squares on the nonzeros of a solution, where they are fewer than 0.9 times the rows.

    References
    ----------
    Welper, "Non-Convex Compressed Sensing with Training Data", Algorithms 1 to 4, Theorem 4.2.

    Spielman, Wang and Wright (2012), "Exact Recovery of Sparsely-Used Dictionaries", COLT.

    Zhai, Yang, Liao, Wright and Ma (2020), "Complete Dictionary Learning via l4-Norm Maximization over the Orthogonal
    Group", JMLR 21(165).

    Examples
    --------
    >>> from sparsevae import WelperRecover, basis_pursuit
    >>> from sparsevae.datasets import make_training_problems
    >>> data = make_training_problems(random_state=0)
    >>> model = WelperRecover().fit(data.A, data.B)
    >>> model.status_, model.n_components_
    ('complete', 20)
    >>> found = model.recover(data.b)
    >>> found.status.tolist()
    ['recovered', 'recovered', 'recovered', 'recovered']
    >>> bool(abs(found.coef - data.coef).max() < 1e-9)
    True
    >>> bool(abs(basis_pursuit(data.A, data.b).coef - data.coef).max() < 0.1)
    False
    """

    def __init__(
        self,
        *,
        n_components: int | None = None,
        max_nonzero: int | None = None,
        all_levels: bool = False,
        factorization: str = "er-spud",
        tol: float = 1e-8,
        n_jobs: int | None = None,
        random_state: RandomState = 0,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.max_nonzero = max_nonzero
        self.all_levels = all_levels
        self.factorization = factorization
        self.tol = tol
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, A: Any, B: Any) -> Self:
        """Learn components from training problems.

        Parameters
        ----------
        A : array-like of shape (n_samples, n_features)
            Matrix of all problems.
        B : array-like of shape (n_samples, n_problems)
            Right-hand sides of the training problems, one per column; hard ones among them do no harm.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `A` has not two dimensions, or `B` does not match it.
        NonFiniteError
            If there is a NaN or an infinite value.
        DataTypeError
            If the data are complex, sparse, or no numbers.
        ParameterError
            If a parameter is out of its range, there are fewer training problems than `n_components`, or their
            solutions are beyond the range of float64.
        NumericalError
            If a decomposition fails.

        Warns
        -----
        ConvergenceWarning
            If ``status_`` is not "complete", or a right-hand side is zero or outside the column space of `A`; the
            message has the numbers.
        """
        values = matrix("A", A)
        sides = right_hand_sides("B", B, A, len(values)).values
        n_problems = sides.shape[1]
        expected = check_optional_count("n_components", self.n_components)
        most = check_optional_count("max_nonzero", self.max_nonzero)
        if expected is not None and n_problems < expected:
            raise ParameterError(
                f"`n_components` is {expected}, but `B` has {n_problems} columns: at least one training "
                "problem for each component is needed"
            )
        check_flag("all_levels", self.all_levels)
        check_type("factorization", self.factorization, str, '"er-spud" or "l4"')
        check_type("verbose", self.verbose, (bool, numbers.Integral), "True, False or an integer")
        arguments = {
            "n_components": expected,
            "max_nonzero": None if most is None else min(most, MOST),
            "all_levels": bool(self.all_levels),
            "factorization": self.factorization,
            "tol": self._tolerance(),
            "seed": draw_seed(self.random_state),
        }
        threads, progress = thread_count(self.n_jobs, n_problems), _progress if self.verbose else None
        try:
            found = _core.train(values, sides, arguments, threads, progress)
        finally:
            if self.verbose:
                sys.stderr.write("\n")
        self._absorb(values, found)
        self._warn(found)
        return self

    def _tolerance(self) -> float:
        return as_float("tol", self.tol, _TOL)

    def _absorb(self, A: Array, found: "_core.WelperFit") -> None:
        """Turn what was learned into fitted attributes."""
        self.status_, self.levels_ = found["status"], found["levels"]
        self.training_status_ = np.asarray(found["problem_status"], dtype=np.str_)
        self.training_coef_ = found["solutions"]
        self.n_features_in_ = A.shape[1]
        # A copy: the caller's matrix may change later.
        self._A, self._A_rank = A.copy(), found["rank"]
        self.kept_ = np.zeros(len(self.training_status_), dtype=bool)
        self.components_, self.combinators_ = np.zeros((A.shape[1], 0)), found["combinators"]
        self.rank_, self.component_error_ = 0, 0.0
        if self.levels_:
            best = self.levels_[0]
            self.kept_[best["kept"]] = True
            self.components_, self.rank_ = best["components"], best["rank"]
            self.component_error_ = best["component_error"]
        self.n_components_ = self.components_.shape[1]

    def _warn(self, found: "_core.WelperFit") -> None:
        """Say what went wrong, with numbers."""
        count = {name: int((self.training_status_ == name).sum()) for name in ("easy", "zero", "inconsistent")}
        total, messages = len(self.training_status_), []
        if self.status_ == "no_easy_problems":
            sizes = found["n_nonzero"][self.training_status_ == "hard"]
            messages.append(
                f"none of {total} training problems has a sparse solution: the sparsest has "
                f"{sizes.min(initial=found['rank'])} nonzeros, `A` has rank {found['rank']}. If `B` is noisy, give "
                "`tol` 3 to 10 times the noise; else easier problems are needed"
            )
        elif self.status_ == "too_few":
            messages.append(
                f"{self.rank_} of an expected {self.n_components} independent components are seen in the "
                f"{count['easy']} easy ones of {total} training problems: add training problems"
            )
        elif self.status_ == "too_many":
            messages.append(
                f"the solutions of {self.kept_.sum()} training problems have {self.rank_} dimensions, but "
                f"{self.n_components} components are expected; the sparsest were kept. Some solutions may be wrong: "
                "give a lower `max_nonzero`, or a `tol` nearer to the noise"
            )
        elif self.status_ == "incomplete":
            messages.append(
                f"{self.levels_[0]['n_found']} sparse components were found in the {self.rank_} dimensions of the "
                f"solutions of {self.kept_.sum()} training problems, and solutions had to make up for the others: "
                "components are not sparse enough, or some solutions are wrong; "
                'factorization="l4" or "er-spud", whichever was not tried, or a lower `max_nonzero` may help'
            )
        for name, meaning in (("zero", "zero"), ("inconsistent", "outside the column space of `A`")):
            if count[name]:
                messages.append(f"{count[name]} of {total} columns of `B` are {meaning} and were left out")
        for message in messages:
            warnings.warn(f"WelperRecover: {message}", ConvergenceWarning, stacklevel=4)

    def recover(self, b: Any) -> Recovery:
        """Solve hard problems by sparse combinations of the components.

        Parameters
        ----------
        b : array-like of shape (n_samples,) or (n_samples, n_problems)
            Right-hand sides.

        Returns
        -------
        Recovery
            Solutions with their status. Where several levels were trained, the sparsest solution of them all
            (Algorithm 3).

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError, NumericalError, ParameterError
            As in :meth:`fit`; the last where `tol` or `n_jobs` was changed since.
        """
        check_is_fitted(self)
        sides = right_hand_sides("b", b, self._A, len(self._A))
        levels = [(level["components"], level["component_error"], level["max_nonzero"]) for level in self.levels_]
        threads = thread_count(self.n_jobs, sides.values.shape[1])
        found = _core.recover(self._A, self._A_rank, levels, sides.values, self._tolerance(), threads)
        fields: dict[str, Any] = {
            "coef": found["coef"].astype(sides.dtype),
            "combinator": found["combinators"],
            "residual": found["residual"],
            "status": np.asarray(found["status"], dtype=np.str_),
            "max_nonzero": found["max_nonzero"],
        }
        if sides.single:
            fields = {name: array[..., 0] if array.ndim == 2 else array[0].item() for name, array in fields.items()}
        return Recovery(**fields)

    def check_assumptions(self, n_combined: int | None = None) -> list[dict[str, Any]]:
        r"""Compare what was learned with what Theorem 4.2 asks for.

        With `m` x `n` the shape of `A`, `p` components of `s` nonzeros each in the mean, `q` training problems and
        :math:`t / 2` components in a solution, the theorem asks for

        - (A1) training problems that are sparse combinations of sparse components;
        - (A2) :math:`p \le q`, :math:`n > p^2 \log^2 p`, :math:`2 / p \le s / n \le 1 / \sqrt p`, and
          :math:`\mathrm{sr}(A) \ge (n t / s) \log(3 p / t)`, with sr the stable rank;
        - (A3) a bound :math:`u \ge s t` on the nonzeros below which solutions are unique;
        - (A4) easy problems enough: no fewer than `p`, with solutions of rank `p`.

        Parameters
        ----------
        n_combined : int or None, default=None
            Components in a solution of interest, :math:`t / 2`; None for the most in a kept training problem.

        Returns
        -------
        list of dict
            One for each condition: "assumption" ("A1" to "A4"), "condition", "value", "least" and "most" (None where
            there is no such bound), "holds".

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ParameterError
            If `n_combined` is no integer of at least 1, or no components were learned.

        Notes
        -----
        The constants of the theorem are not given in the paper; :math:`c_1, c_2, C, K, \epsilon` are set to 1 here.
        What is measured is what was learned: `p` is `n_components` or the number that was found, (A1) the share of
        training problems that are easy or learned, `s / n` an estimate, whose bounds are two standard errors wider. The
        law of the entries of the components is not looked at. Uniqueness (A3) cannot be checked in reasonable time;
        ``rank(A) >= 2 u`` is what it needs at least, with `max_nonzero` for `u` or else :math:`s t`. The assumptions
        are sufficient, not necessary: the example below is solved. Costs a singular value decomposition of `A`.

        References
        ----------
        Welper, "Non-Convex Compressed Sensing with Training Data", Theorem 4.2, (A1) to (A4), eqs. 6 and 7.

        Examples
        --------
        >>> from sparsevae import WelperRecover
        >>> from sparsevae.datasets import make_training_problems
        >>> data = make_training_problems(random_state=0)
        >>> model = WelperRecover().fit(data.A, data.B)
        >>> for row in model.check_assumptions(n_combined=6):
        ...     print(row["assumption"], row["condition"], row["holds"])
        A1 share of B = A X Z True
        A2 q >= p True
        A2 n > p^2 log^2 p False
        A2 2 / p <= s / n <= 1 / sqrt(p) True
        A2 sr(A) >= (n t / s) log(3 p / t) False
        A3 u >= s t True
        A3 rank(A) >= 2 u False
        A4 kept problems >= p True
        A4 rank of their solutions = p True
        """
        check_is_fitted(self)
        if not self.n_components_:
            raise ParameterError("no components were learned, so there is nothing to compare")
        used = int(np.count_nonzero(self.combinators_, axis=0).max(initial=1))
        return rows_of_assumptions(
            self._A,
            self.components_,
            self.combinators_,
            rank=self._A_rank,
            rank_kept=self.rank_,
            n_expected=self.n_components_ if self.n_components is None else int(self.n_components),
            n_combined=used if n_combined is None else check_count("n_combined", n_combined),
            max_nonzero=self.max_nonzero,
            solved=np.isin(self.training_status_, ["easy", "learned"]),
        )

    def predict(self, b: Any) -> Any:
        """Solve hard problems; see :meth:`recover` for how each was solved.

        Parameters
        ----------
        b : array-like of shape (n_samples,) or (n_samples, n_problems)
            Right-hand sides.

        Returns
        -------
        ndarray of shape (n_features,) or (n_features, n_problems)
            Solutions, of the dtype of the data.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError, NumericalError, ParameterError
            As in :meth:`fit`; the last where `tol` or `n_jobs` was changed since.

        Warns
        -----
        ConvergenceWarning
            If some problems are not recovered; the message says how many.
        """
        found = self.recover(b)
        status = np.atleast_1d(found.status)
        failed = status[status != "recovered"]
        if failed.size:
            message = (
                f"WelperRecover: {failed.size} of {status.size} problems are not recovered: "
                f"{', '.join(sorted(set(failed)))}; the largest residual is {np.max(found.residual):.2g} of the norm "
                "of `b`"
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return found.coef


def _progress(stage: str, done: int, total: int, *_: object) -> None:
    sys.stderr.write(f"\r{stage}: {done} of {total}{' ' * 20}")
    sys.stderr.flush()
