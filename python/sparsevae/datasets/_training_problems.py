"""Problems whose solutions share sparse components: many easier ones to learn from, and harder ones to solve.

Welper's letters are kept: A has shape (n_samples, n_features), and right-hand sides and solutions are columns.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from .. import _core
from .._input.arrays import matrix, product
from .._input.interchange import exchange
from .._input.parameters import check_flag, check_option, check_size, read_number, read_share
from .._input.random import RandomState, draw_seed
from ..exceptions import NonFiniteError, ParameterError
from ._corruption import empty
from ._design import make_gaussian_design, make_partial_dct_design, make_random_walk_design

_LAWS = ("gaussian", "rademacher", "uniform")
_DESIGNS = {
    "gaussian": make_gaussian_design,
    "random_walk": make_random_walk_design,
    "partial_dct": make_partial_dct_design,
}


def make_sparse_components(
    n_features: int, n_components: int, n_nonzero: float, *, law: str = "gaussian", random_state: RandomState = None
) -> NDArray[np.float64]:
    """Draw sparse vectors from the restricted Bernoulli-sub-Gaussian model.

    Each entry is nonzero with probability `n_nonzero` / `n_features`, independently of all others.

    Parameters
    ----------
    n_features : int
        Length of a component, at least 1.
    n_components : int
        Number of components, at least 1.
    n_nonzero : float
        Expected number of nonzero entries of a component, positive and at most `n_features`; no integer is needed.
    law : {"gaussian", "rademacher", "uniform"}, default="gaussian"
        Law of the nonzero entries, each symmetric with variance 1: standard normal, -1 or 1, or uniform between
        -sqrt(3) and sqrt(3).
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed. Under one integer the first components do not change when more are asked for, nor the
        positions of the nonzeros with `law`.

    Returns
    -------
    ndarray of shape (n_features, n_components), float64
        The components, as columns. None of them is zero, see Notes; nothing keeps them linearly independent.

    Raises
    ------
    ParameterError
        If a parameter lies outside its range or the result does not fit in memory.

    Notes
    -----
    A column that comes out all zero, with probability e = (1 - `n_nonzero` / `n_features`) ** `n_features`, at most
    exp(-`n_nonzero`), is drawn anew from the columns that are not. The mean number of nonzeros is then `n_nonzero` /
    (1 - e): larger by 7e-10 of itself for 20 nonzeros of 200, by more than half for one.

    The laws have E abs(R) = 0.798, 1 and 0.866, within the paper's [1/10, 1], and P(abs(R) > t) <= 2 exp(-t ** 2 / 2).

    Draws one uniform number an entry and one value a nonzero.

    References
    ----------
    Welper, "Non-Convex Compressed Sensing with Training Data", 2021, Definitions 2.1 and 2.2 (eqs. 2 and 3).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_sparse_components
    >>> components = make_sparse_components(200, 1000, 20, random_state=0)
    >>> components.shape, bool(abs(np.count_nonzero(components) / 1000 - 20) < 1)
    ((200, 1000), True)
    """
    return _core.make_sparse_components(
        check_size("n_features", n_features),
        check_size("n_components", n_components),
        read_number("n_nonzero", n_nonzero),
        check_option("law", law, _LAWS),
        draw_seed(random_state),
    )


def make_combinators(
    n_components: int,
    n_problems: int,
    n_nonzero: int,
    *,
    balanced: bool = True,
    law: str = "gaussian",
    random_state: RandomState = None,
) -> NDArray[np.float64]:
    """Draw vectors with exactly `n_nonzero` nonzero entries that combine components to solutions.

    Parameters
    ----------
    n_components : int
        Length of a combinator, at least 1.
    n_problems : int
        Number of combinators, at least 1.
    n_nonzero : int
        Number of components that one combinator uses, from 1 to `n_components`.
    balanced : bool, default=True
        Use all components equally often, up to one, see Notes. Otherwise the supports are independent, and each is
        uniform over all sets of `n_nonzero` components.
    law : {"gaussian", "rademacher", "uniform"}, default="gaussian"
        Law of the nonzero entries, as for :func:`make_sparse_components`.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed. Under one integer the first combinators do not change when more are asked for.

    Returns
    -------
    ndarray of shape (n_components, n_problems), float64
        The combinators, as columns.

    Raises
    ------
    ParameterError
        If a parameter lies outside its range or the result does not fit in memory.

    Notes
    -----
    Balanced supports are dealt like cards from a shuffled deck of all components. Where the deck ends within a column,
    the next one is shuffled so that the column gets no component twice. The numbers of columns that use two components
    thus differ by one at most, for the first few columns as for all.

    Takes time of the order of the size of the result.

    References
    ----------
    Welper, "Non-Convex Compressed Sensing with Training Data", 2021, sec. 2, where combinators are t/2-sparse and not
    random.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_combinators
    >>> combinators = make_combinators(7, 10, 3, random_state=0)
    >>> [int(count) for count in np.unique(np.count_nonzero(combinators, axis=0))]
    [3]
    >>> sorted(int(count) for count in np.count_nonzero(combinators, axis=1))
    [4, 4, 4, 4, 4, 5, 5]
    """
    return _core.make_combinators(
        check_size("n_components", n_components),
        check_size("n_problems", n_problems),
        check_size("n_nonzero", n_nonzero),
        check_flag("balanced", balanced),
        check_option("law", law, _LAWS),
        draw_seed(random_state),
    )


@exchange
def plant_training_problems(
    A: ArrayLike,
    *,
    n_components: int = 20,
    n_nonzero: float = 20,
    n_problems: int = 80,
    n_test: int = 4,
    train_nonzero: int = 2,
    test_nonzero: int = 6,
    hard_share: float = 0.15,
    hard_nonzero: int | None = None,
    law: str = "gaussian",
    noise: float = 0.0,
    random_state: RandomState = None,
) -> Bunch:
    """Draw components, training problems and test problems for a given matrix.

    Parameters
    ----------
    A : array-like of shape (n_samples, n_features)
        The sensing matrix, used as it is.
    n_components, n_nonzero, n_problems, n_test, train_nonzero, test_nonzero, hard_share, hard_nonzero, law, noise
        As for :func:`make_training_problems`.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed.

    Returns
    -------
    Bunch
        As from :func:`make_training_problems`.

    Raises
    ------
    ShapeError
        If `A` is not two-dimensional.
    NonFiniteError
        If `A` holds NaN or infinity, or a right-hand side overflows.
    ParameterError
        If a parameter lies outside its range.

    References
    ----------
    Welper, "Non-Convex Compressed Sensing with Training Data", 2021, sec. 2.

    Examples
    --------
    >>> from sparsevae.datasets import make_partial_dct_design, plant_training_problems
    >>> A = make_partial_dct_design(120, 200, rows="low")
    >>> problems = plant_training_problems(A, hard_share=0, random_state=0)
    >>> problems.B.shape, problems.b.shape, bool(problems.hard.any())
    ((120, 80), (120, 4), False)
    """
    n_components = check_size("n_components", n_components)
    n_problems, n_test = check_size("n_problems", n_problems), check_size("n_test", n_test)
    train_nonzero = _as_part("train_nonzero", train_nonzero, n_components)
    test_nonzero = _as_part("test_nonzero", test_nonzero, n_components)
    if hard_nonzero is None:
        hard_nonzero = test_nonzero
    hard_nonzero = _as_part("hard_nonzero", hard_nonzero, n_components)
    share, noise = read_share("hard_share", hard_share), read_number("noise", noise)
    if not 0 <= noise < np.inf:
        raise ParameterError(f"`noise` is {noise!r}, but it must be finite and at least 0")
    A, seed = matrix("A", A), draw_seed(random_state)

    combinators = empty("n_problems", (n_components, n_problems))
    components = make_sparse_components(A.shape[1], n_components, n_nonzero, law=law, random_state=seed)
    n_hard = round(share * n_problems)
    hard = np.zeros(n_problems, dtype=np.bool_)
    hard[_core.sample_support(n_problems, n_hard, seed)] = True
    for part, kind, n_used, balanced in [(~hard, 0, train_nonzero, True), (hard, 1, hard_nonzero, False)]:
        if part.any():
            drawn = _core.make_combinators(n_components, int(part.sum()), n_used, balanced, law, _derive(seed, kind))
            # Row by row: Ctrl-C is not noticed within an assignment.
            for row, values in zip(combinators, drawn, strict=True):
                row[part] = values
    test_combinators = _core.make_combinators(n_components, n_test, test_nonzero, False, law, _derive(seed, 2))
    solutions, coef = product(components, combinators), product(components, test_combinators)
    with np.errstate(over="ignore", invalid="ignore"):
        B, b = product(A, solutions), product(A, coef)
    if not (np.isfinite(B).all() and np.isfinite(b).all()):
        raise NonFiniteError("`A` @ solutions overflows; rescale `A`")
    if noise:
        directions = make_gaussian_design(*B.shape, random_state=_derive(seed, 3))
        B += noise * np.linalg.norm(B, axis=0) * directions
    return Bunch(
        A=A,
        B=B,
        b=b,
        components=components,
        combinators=combinators,
        test_combinators=test_combinators,
        coef=coef,
        solutions=solutions,
        hard=hard,
    )


def make_training_problems(
    n_samples: int = 120,
    n_features: int = 200,
    n_components: int = 20,
    *,
    n_nonzero: float = 20,
    n_problems: int = 80,
    n_test: int = 4,
    train_nonzero: int = 2,
    test_nonzero: int = 6,
    hard_share: float = 0.15,
    hard_nonzero: int | None = None,
    design: str = "gaussian",
    law: str = "gaussian",
    noise: float = 0.0,
    random_state: RandomState = None,
) -> Bunch:
    """Draw a matrix, components, easier training problems and test problems that use the same components.

    Parameters
    ----------
    n_samples, n_features : int, default=120, 200
        Rows and columns of the matrix A.
    n_components : int, default=20
        Number of components that all solutions are combined of.
    n_nonzero : float, default=20
        Expected number of nonzeros of a component, see :func:`make_sparse_components`.
    n_problems : int, default=80
        Number of training problems.
    n_test : int, default=4
        Number of test problems.
    train_nonzero : int, default=2
        Number of components that the solution of an easy training problem uses.
    test_nonzero : int, default=6
        Number of components that the solution of a test problem uses.
    hard_share : float, default=0.15
        Share of training problems that are hard, from 0 to 1; their number is round(hard_share * n_problems), a half
        to the even side. Their places are random.
    hard_nonzero : int or None, default=None
        Number of components that the solution of a hard training problem uses. None takes `test_nonzero`.
    design : {"gaussian", "random_walk", "partial_dct"}, default="gaussian"
        Kind of A, its columns scaled to norm 1; rows of the cosine transform are drawn at random.
    law : {"gaussian", "rademacher", "uniform"}, default="gaussian"
        Law of the nonzeros of components and combinators, see :func:`make_sparse_components`.
    noise : float, default=0.0
        Euclidean norm of the white noise on a column of B over the norm of that column without noise, finite and at
        least 0. The test problems `b` have no noise.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed. Under one integer all parts are drawn independently, and `noise` changes nothing but ``B``.

    Returns
    -------
    Bunch
        The problems to learn from, of which B is known to the learner and the rest is the truth:

        - ``A`` of shape (n_samples, n_features), the matrix
        - ``B`` of shape (n_samples, n_problems), right-hand sides, ``A @ solutions`` plus noise
        - ``solutions`` of shape (n_features, n_problems), ``components @ combinators``
        - ``components`` of shape (n_features, n_components)
        - ``combinators`` of shape (n_components, n_problems)
        - ``hard`` of shape (n_problems,), bool: which training problems are hard

        and the problems to solve:

        - ``b`` of shape (n_samples, n_test), right-hand sides, ``A @ coef``
        - ``coef`` of shape (n_features, n_test), ``components @ test_combinators``
        - ``test_combinators`` of shape (n_components, n_test)

    Raises
    ------
    ParameterError
        If a parameter lies outside its range.

    Notes
    -----
    The easy training problems use all components equally often, up to one (:func:`make_combinators`, balanced); the
    supports of hard and test combinators are uniform. Takes three matrix products.

    References
    ----------
    Welper, "Non-Convex Compressed Sensing with Training Data", 2021, sec. 2: B = A X Z and b = A X z, in the paper's
    letters. The paper has no experiments; sizes, laws, balance and the share of hard problems are ours.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_training_problems
    >>> problems = make_training_problems(design="random_walk", random_state=0)
    >>> problems.B.shape, problems.b.shape, int(problems.hard.sum())
    ((120, 80), (120, 4), 12)
    >>> bool(np.allclose(problems.A @ problems.components @ problems.combinators, problems.B))
    True
    """
    make_design: Any = _DESIGNS[check_option("design", design, tuple(_DESIGNS))]
    seed = draw_seed(random_state)
    return plant_training_problems(
        make_design(n_samples, n_features, random_state=seed),
        n_components=n_components,
        n_nonzero=n_nonzero,
        n_problems=n_problems,
        n_test=n_test,
        train_nonzero=train_nonzero,
        test_nonzero=test_nonzero,
        hard_share=hard_share,
        hard_nonzero=hard_nonzero,
        law=law,
        noise=noise,
        random_state=seed,
    )


def _as_part(name: str, value: Any, n_components: int) -> int:
    count = check_size(name, value)
    if count > n_components:
        raise ParameterError(f"`{name}` is {count}, but it must be at most the number of components, {n_components}")
    return count


def _derive(seed: int, kind: int) -> int:
    """Return another seed, for draws of a kind that `seed` itself serves once."""
    return int(np.random.SeedSequence([seed, kind]).generate_state(1, np.uint64)[0])
