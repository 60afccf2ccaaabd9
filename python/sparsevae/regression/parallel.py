"""Many independent responses on one design."""

import warnings
from typing import Any, TypeVar

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from .. import _core
from .._input.backend import Backend
from .._input.data import fit_arrays
from .._input.interchange import exchange
from .._input.parameters import check_room
from .._input.threads import thread_count
from ..exceptions import ParameterError
from ._base import LinearVae

Estimator = TypeVar("Estimator", bound=LinearVae)

# Numbers that a fit takes at the least, a model and its report, 2 kB; zeros of columns are not kept.
_FIT = 256


@exchange
def fit_many(
    estimator: Estimator,
    X: Any,
    Y: Any,
    *,
    sample_weight: Any = None,
    n_jobs: int | None = None,
    backend: Backend | None = None,
) -> list[Estimator]:
    """Fit one clone of an estimator to each column of `Y`, side by side.

    The design is checked and factorised once; the interpreter lock is released while the fits run.

    Parameters
    ----------
    estimator : VaeSlr or PreconditionedVae
        What to fit; it is not changed.
    X : array-like of shape (n_samples, n_features)
        Design, of any kind that :meth:`VaeSlr.fit` takes.
    Y : array-like of shape (n_samples, n_responses)
        Responses, one per column.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the samples, the same for all responses; as in :meth:`VaeSlr.fit`.
    n_jobs : int or None, default=None
        Threads, of which each has its own responses: None for one, -1 for as many as there are cores. Results do not
        depend on it. `n_jobs` of the estimator is not looked at.

    Returns
    -------
    list of estimators
        Fitted clones of `estimator`, one per column of `Y`; each as if it had been fitted alone. Where columns are
        many they keep no zeros: ``scipy.sparse.vstack([model.sparse_coef_ for model in models])`` is the matrix of all
        coefficients.

    Raises
    ------
    ParameterError
        If `estimator` is of another type, `n_jobs` out of range, or the fits of so many responses do not fit in memory.
    ShapeError, NonFiniteError, DataTypeError, NumericalError
        As in ``fit``.

    Warns
    -----
    ConvergenceWarning
        Once, if some of the fits ended without convergence; once, if some chose no column.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae import VaeSlr, fit_many
    >>> rng = np.random.default_rng(0)
    >>> X, Z = rng.standard_normal((30, 60)), np.zeros((60, 3))
    >>> Z[[3, 14, 15]] = 1.0
    >>> [model.support_.tolist() for model in fit_many(VaeSlr(), X, X @ Z)]
    [[3, 14, 15], [3, 14, 15], [3, 14, 15]]
    """
    if not isinstance(estimator, LinearVae):
        raise ParameterError(f"`estimator` is {estimator!r}, but it must be a VaeSlr or a PreconditionedVae")
    thread_count(n_jobs, 1)
    arguments = estimator._arguments()
    first = clone(estimator)
    _check_responses(X, Y)
    X, Y, precision = fit_arrays(first, X, Y, multi_output=True, any_kind=backend is None)
    arguments["precision"] = precision
    prepared = first._prepare(X, Y, arguments, sample_weight)
    arguments = first._descend_on(backend, prepared.X, prepared.Y, arguments, prepared.weighting)
    reports = _core.fit_many(prepared.X, prepared.Y, arguments, thread_count(n_jobs, Y.shape[1]))
    models = [first, *(clone(estimator) for _ in range(1, len(reports)))]
    for response, (model, report) in enumerate(zip(models, reports, strict=True)):
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(first, name):
                setattr(model, name, getattr(first, name))
        model._absorb(report, X.shape[0], precision, prepared, response)
    unfinished = sum(model.status_ in ("iteration_limit", "sampling_limit", "noise_collapsed") for model in models)
    empty = sum(model._is_empty(varies=model._varies(y)) for model, y in zip(models, Y.T, strict=True))
    for count, message in (
        (unfinished, "ended without convergence; see their `status_`"),
        (empty, "chose no column; see their `support_`"),
    ):
        if count:
            warnings.warn(f"{count} of {len(models)} fits {message}", ConvergenceWarning, stacklevel=3)
    return models


def _check_responses(X: Any, Y: Any) -> None:
    """Refuse more responses than there is memory for the fits of, before anything is copied."""
    shapes: list[tuple[int, ...]] = [getattr(array, "shape", ()) for array in (X, Y)]
    if all(len(shape) == 2 for shape in shapes):
        n_responses = shapes[1][1]
        check_room("Y", f"has {n_responses} columns", (n_responses, _FIT))
