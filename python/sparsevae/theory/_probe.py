"""The probe by many starts: which minima an optimiser ends in."""

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from .._input.arrays import Array, problem_arrays
from .._input.groups import group_labels
from .._input.interchange import exchange
from .._input.parameters import check_count, check_not_negative, check_positive
from .._input.random import RandomState, draw_seed
from .._input.whitening import Whitening
from ..energies import marginal_energy, separable_energy
from ..exceptions import ParameterError
from ..regression.simultaneous_sparse_vae import SimultaneousSparseVae
from ._profile import prior_var_profile

# The descents by "mm" that end each start of the probe.
_LAST_TOL, _LAST_STEPS, _ROUNDS = 1e-10, 100_000, 100


@exchange
def count_minima(
    estimator: SimultaneousSparseVae,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    n_starts: int = 100,
    decades: float = 6.0,
    tolerance: float = 1e-3,
    random_state: RandomState = 0,
) -> Bunch:
    r"""Count the distinct minima at which descents from random prior variances end.

    Parameters
    ----------
    estimator : SimultaneousSparseVae
        The energy and its optimiser: a number for `noise_var`, any `optimizer` but "adam", and `max_iter` and `tol` as
        for a single fit. It is not changed.
    X : array-like of shape (n_samples, n_features)
        Design.
    Y : array-like of shape (n_samples,) or (n_samples, n_responses)
        Response, or several.
    n_starts : int, default=100
        Descents.
    decades : float, default=6.0
        Starts are log-uniform over so many powers of 10, about the prior variances with which each column explains
        an equal part of `Y`; not negative.
    tolerance : float, default=1e-3
        A column is in the support where :math:`w_j s_j`, between 0 and 1, exceeds this; of a group all columns or none.
        Ends with the same support are one minimum where their energies, over the number of responses, lie no further
        apart.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the starts.

    Returns
    -------
    Bunch
        With `energies` of the minima, ascending, and for each of them `counts`, the starts that ended there,
        `supports`, and `prior_var` of shape (n_minima, n_features); `best_share`, the share of starts that ended in the
        first; `labels`, the minimum of each start; `n_unconverged`, the starts whose ends are
        no minima because the steps did not suffice.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError, NumericalError
        If an argument cannot be used, or a fit fails.

    Notes
    -----
    Where a descent ends, others by "mm" go on to a `tol` of 1e-10, the last without the columns off the support: the
    steps of "em" shrink so slowly where a prior variance goes to 0 that its ends would not be distinguished. Where the
    energy still falls with a prior variance, this one moves down to the next minimum of its
    :func:`profile <prior_var_profile>`, and they start again. The count is a lower bound: a minimum that no start
    reached is not seen. Of equal columns any division of the prior variance is as good, and each may count as one.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal", sec. 4: which models have bad minima.

    Examples
    --------
    Columns that are orthogonal leave one minimum:

    >>> import numpy as np
    >>> from sparsevae import SimultaneousSparseVae
    >>> from sparsevae.theory import count_minima
    >>> model = SimultaneousSparseVae(noise_var=0.1, fit_intercept=False)
    >>> found = count_minima(model, np.eye(4), np.diag([3.0, 2.0, 1.0, 0.0]), n_starts=20)
    >>> found.supports, found.best_share
    ([array([0, 1, 2])], 1.0)
    """
    if not isinstance(estimator, SimultaneousSparseVae):
        raise ParameterError(f"`estimator` is {estimator!r}, but it must be a SimultaneousSparseVae")
    if isinstance(estimator.noise_var, (str, bool)) or estimator.optimizer == "adam":
        raise ParameterError(
            f"`estimator` has noise_var={estimator.noise_var!r} and optimizer={estimator.optimizer!r}, but a number "
            'and any optimizer but "adam" are needed, for descents on one energy'
        )
    starts = check_count("n_starts", n_starts)
    tolerance = check_positive("tolerance", tolerance)
    decades = check_not_negative("decades", decades)
    design, responses = problem_arrays(X, Y)
    seen, target = _as_seen(estimator, design, responses)
    lengths = (seen**2).sum(axis=0)
    with np.errstate(divide="ignore"):
        unit = np.where(lengths > 0, np.sum(target**2) / (lengths * lengths.size * target.shape[1]), 0.0)
    groups = group_labels(estimator.groups, lengths.size)
    labels = np.arange(lengths.size) if groups is None else groups
    # Columns of a group start at one value.
    unit = (np.bincount(labels, unit) / np.bincount(labels))[labels]
    rng = np.random.default_rng(draw_seed(random_state))
    model = clone(estimator).set_params(support_rule="posterior")
    last = clone(model).set_params(optimizer="mm", tol=_LAST_TOL, max_iter=_LAST_STEPS)
    ends, unconverged = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(starts):
            start = unit * 10.0 ** rng.uniform(-decades / 2, decades / 2, lengths.size)[labels]
            end = model.set_params(prior_var_init=start).fit(design, responses)
            settled = False
            for _ in range(_ROUNDS):
                end = last.set_params(prior_var_init=end.prior_var_).fit(design, responses)
                share = end.prior_var_ * _sensitivity(seen, end.prior_var_, end.noise_var_)
                # A group stays together.
                kept = (np.bincount(labels, share > tolerance) > 0)[labels]
                end = last.set_params(prior_var_init=np.where(kept, end.prior_var_, 0.0)).fit(design, responses)
                growth = _growth(end, seen, target, labels)
                growth[~kept] = np.maximum(growth[~kept], 0.0)
                settled = end.status_ != "iteration_limit" and bool(np.abs(growth).max() <= 2 * tolerance)
                if settled or groups is not None:
                    break
                _step(end, seen, target, growth)
            unconverged += not settled
            ends.append((end.energy_, tuple(np.flatnonzero(kept).tolist()), end.prior_var_))
    found = _cluster(ends, tolerance * responses.shape[1])
    found.n_unconverged = unconverged
    return found


def _cluster(ends: list[tuple[float, tuple[int, ...], Array]], tolerance: float) -> Bunch:
    """Put ends of one support together while the next energy is within `tolerance`."""
    minima: list[tuple[float, tuple[int, ...], Array]] = []
    newest: dict[tuple[int, ...], tuple[int, float]] = {}
    labels = np.zeros(len(ends), np.int64)
    for start in sorted(range(len(ends)), key=lambda start: ends[start][0]):
        energy, support, _ = ends[start]
        number, before = newest.get(support, (0, -math.inf))
        if energy - before > tolerance:
            number = len(minima)
            minima.append(ends[start])
        newest[support] = (number, energy)
        labels[start] = number
    counts = np.bincount(labels)
    return Bunch(
        energies=np.array([energy for energy, _, _ in minima]),
        counts=counts,
        supports=[np.array(support, np.int64) for _, support, _ in minima],
        prior_var=np.array([w for _, _, w in minima]),
        best_share=float(counts[0] / len(ends)),
        labels=labels,
    )


def _as_seen(estimator: SimultaneousSparseVae, X: Array, Y: Array) -> tuple[Array, Array]:
    """Centre or whiten the data as a fit does."""
    if estimator.noise_cov is not None:
        whitening = Whitening(estimator.noise_cov, len(X), fit_intercept=bool(estimator.fit_intercept))
        return whitening.apply(X), whitening.apply(Y)
    return (X - X.mean(axis=0), Y - Y.mean(axis=0)) if estimator.fit_intercept else (X, Y)


def _sensitivity(X: Array, w: Array, noise_var: float) -> Array:
    """Evaluate `s_j = x_j^T Sigma^-1 x_j`."""
    left, values, _ = np.linalg.svd(X * np.sqrt(w))
    values = np.append(values**2, np.zeros(len(left) - len(values)))
    s: Array = ((left.T @ X) ** 2 / (values + noise_var)[:, None]).sum(axis=0)
    return s


def _growth(end: SimultaneousSparseVae, X: Array, Y: Array, labels: NDArray[np.int64]) -> Array:
    """Evaluate the share by which the energy falls rather than rises with each prior variance; groups share theirs."""
    w, gamma = end.prior_var_, end.noise_var_
    if end.covariance == "full":
        _, grad, _ = marginal_energy(X, Y, w, gamma)
        rise = _sensitivity(X, w, gamma)
    else:
        _, grad, _ = separable_energy(X, Y, w, gamma)
        rise = (X**2).sum(axis=0) / gamma
    falls, rises = np.bincount(labels, -grad), Y.shape[1] * np.bincount(labels, rise)
    growth: Array = np.divide(falls, rises, out=np.zeros_like(falls), where=rises > 0)[labels]
    return growth


def _step(end: SimultaneousSparseVae, X: Array, Y: Array, growth: Array) -> None:
    """Move the prior variance that has furthest to go down to the next minimum of its profile."""
    j = int(np.argmax(np.abs(growth)))
    w = end.prior_var_
    minima = prior_var_profile(X, Y, w, end.noise_var_, j, covariance=end.covariance).minima()
    ahead = minima[minima > w[j]][:1] if growth[j] > 0 else minima[minima < w[j]][-1:]
    w[j] = ahead[0] if len(ahead) else w[j]
