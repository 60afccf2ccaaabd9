"""Theorems 4.1 and 4.2 without a search: which basic solutions are minima of the autoencoder, and which of the VAE."""

import math
from collections.abc import Callable
from itertools import combinations, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from .._input.arrays import Array, problem_arrays
from .._input.interchange import exchange
from .._input.parameters import check_positive
from .._input.penalties import CheckedPenalty, Penalty, check_penalty
from ..exceptions import ParameterError, ShapeError

# Numbers in one stack of systems, 8 MB, between two of which Ctrl-C is noticed, and operations of minutes.
_STACK, _MOST = 2**20, 10**10
# Sets of columns that float64 cannot tell from dependent ones, and where the slope at 0 is taken, as shares.
_DEPENDENT, _AT_ZERO = 1e-13, 1e-8


@exchange
def basic_minima(
    X: ArrayLike,
    Y: ArrayLike,
    penalty: Penalty = "marginal",
    *,
    tol: float = 1e-9,
) -> Bunch:
    r"""Find the basic solutions that are local minima, of the autoencoder or of the marginal energy, without noise.

    A basic solution has :math:`Y = X U` with nonzero rows for `n_samples` independent columns `S` and no others, and
    so is as dense as need be; where `Y` has a sparser representation, each minimum among them is a bad one. With
    :math:`v_j = X_S^{-1} x_j` and :math:`L` responses it is a strict local minimum of :math:`\sum_j h(\|u_j\|)` among
    all :math:`U` with :math:`Y = X U`, for :math:`h` concave and increasing, if for every column not in `S`

    .. math:: \Big\| \sum_{i \in S} v_{ij} \, h'(\|u_i\|) \frac{u_i}{\|u_i\|} \Big\| < h'(0),

    and one of the marginal energy for :math:`\gamma \to 0`, at :math:`w_i = \|u_i\|^2 / L`, if

    .. math:: \frac{1}{L} \Big\| \sum_{i \in S} \frac{v_{ij}}{w_i} u_i \Big\|^2 < \sum_{i \in S} \frac{v_{ij}^2}{w_i}.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Design, of no more rows than columns.
    Y : array-like of shape (n_samples,) or (n_samples, n_responses)
        Response, or several.
    penalty : "marginal", "log", float or callable, default="marginal"
        "marginal" for the VAE; else the penalty of the autoencoder, as in
        :class:`~sparsevae.baselines.ConcaveAutoencoder`: "log" for the logarithm of the row norm, a float, greater than
        0 and at most 1, for its power. A callable takes squared row norms, an array of shape (n,), and returns values
        and slopes there, two arrays of that shape.
    tol : float, default=1e-9
        Rows of at most this share of the largest are zero, and their solution has fewer nonzero rows than samples;
        greater than 0.

    Returns
    -------
    Bunch
        With `supports`, the columns of each minimum, of shape (n_minima, n_samples), and `coef`, its coefficients, of
        shape (n_minima, n_responses, n_features); `n_basic`, the basic solutions in all.

    Raises
    ------
    ShapeError, NonFiniteError, DataTypeError, ParameterError
        If an argument cannot be used, or there are more than 1e10 / (n_samples**2 * n_features) sets of columns.

    See Also
    --------
    count_minima : A search, for problems of any size, with noise.

    Notes
    -----
    The logarithm and the powers below 1 have an infinite slope at 0: all basic solutions are minima of theirs. If
    :math:`\|v_j\|_1 < 1` for all columns not in `S`, the solution is a minimum for every concave :math:`h`, since
    :math:`h'` falls; the marginal energy does not share it if the rows differ enough in size. That is a proof of
    Theorem 4.2, with a dictionary of that kind; columns of equal norm have no such `S`.

    With one response every minimum of these energies is basic or sparser. With several there may be others, with more
    nonzero rows, which are not looked for. Of a callable the slope at 0 is taken at 1e-8 of the least row.

    Cost: a system of `n_samples` equations for each of the binomial(n_features, n_samples) sets.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal", Theorems 4.1 and 4.2, eq. 49 and Lemma C.6.

    Examples
    --------
    The first column is a short sum of the others, and explains the response alone:

    >>> from sparsevae.theory import basic_minima
    >>> X, y = [[0.3, 1.0, 0.0], [0.4, 0.0, 1.0]], [0.3, 0.4]
    >>> basic_minima(X, y, 1.0).supports  # The lasso prefers the two others.
    array([[1, 2]])
    >>> len(basic_minima(X, y).supports)
    0
    """
    chosen = check_penalty(penalty, "marginal", "log")
    least = check_positive("tol", tol)
    design, responses = problem_arrays(X, Y)
    d, n = design.shape
    if d > n:
        raise ShapeError(f"`X` has shape {design.shape}, but no more rows than columns are needed")
    if math.comb(n, d) * d**2 * n > _MOST:
        raise ParameterError(
            f"`X` has shape {design.shape}, but to be tried one by one its sets of {d} columns must be no more than "
            f"{_MOST // (d**2 * n)}"
        )
    # In units of the largest values squares neither overflow nor vanish; a callable sees the coefficients as they are.
    largest = float(np.abs(design).max(initial=0.0)) or 1.0, float(np.abs(responses).max(initial=0.0)) or 1.0
    design, responses, unit = design / largest[0], responses / largest[1], largest[1] / largest[0]
    if not 0 < unit < math.inf:
        raise ParameterError(
            f"`X` has values up to {largest[0]:.1e} and `Y` up to {largest[1]:.1e}, which puts coefficients beyond the "
            "range of float64, but one of them must be rescaled"
        )
    found: list[tuple[NDArray[np.int64], Array]] = []
    basic = 0
    choices = combinations(range(n), d)
    while chunk := list(islice(choices, max(1, _STACK // (d * n)))):
        sets = np.array(chunk, np.int64)
        columns = design.T[sets].transpose(0, 2, 1)
        values = np.linalg.svd(columns, compute_uv=False)
        regular = values[:, -1] > _DEPENDENT * values[:, 0]
        sets, columns = sets[regular], columns[regular]
        rows = np.linalg.solve(columns, np.broadcast_to(responses, (len(sets), *responses.shape)))
        norms = np.linalg.norm(rows, axis=2)
        dense = (norms > least * norms.max(axis=1, keepdims=True)).all(axis=1)
        sets, columns, rows, norms = sets[dense], columns[dense], rows[dense], norms[dense]
        basic += len(sets)
        loadings = np.linalg.solve(columns, np.broadcast_to(design, (len(sets), d, n)))
        gain, most = _slopes(chosen, rows, norms, loadings, unit)
        outside = np.ones((len(sets), n), bool)
        np.put_along_axis(outside, sets, False, axis=1)
        minima = ((gain < most) | ~outside).all(axis=1)
        found.extend(zip(sets[minima], rows[minima], strict=True))
    coef = np.zeros((len(found), responses.shape[1], n))
    for full, (support, rows) in zip(coef, found, strict=True):
        full[:, support] = unit * rows.T
    supports = np.array([support for support, _ in found], np.int64).reshape(-1, d)
    return Bunch(supports=supports, coef=coef, n_basic=basic)


def _slopes(
    penalty: CheckedPenalty,
    rows: Array,
    norms: Array,
    loadings: Array,
    unit: float,
) -> tuple[Array, Array]:
    """Both sides of the condition for each set and column."""
    if penalty == "marginal":
        variances = norms**2 / rows.shape[2]
        shares = np.einsum("sij,sil->sjl", loadings, rows / variances[..., None])
        return (shares**2).mean(axis=2), (loadings**2 / variances[..., None]).sum(axis=1)
    if penalty == "log" or (not callable(penalty) and float(penalty) < 1):
        return np.zeros(loadings.shape[::2]), np.ones(loadings.shape[::2])
    if callable(penalty):
        slopes = _slope_of_norm(penalty, unit * norms)
        at_zero = _slope_of_norm(penalty, _AT_ZERO * unit * norms.min(axis=1, keepdims=True))
    else:
        slopes, at_zero = np.ones_like(norms), np.ones((len(norms), 1))
    sums = np.einsum("sij,sil->sjl", loadings, rows * (slopes / norms)[..., None])
    return np.linalg.norm(sums, axis=2), np.broadcast_to(at_zero, loadings.shape[::2])


def _slope_of_norm(penalty: Callable[[Array], tuple[Array, Array]], norms: Array) -> Array:
    """Evaluate the slope in the norm of a penalty that is a function of its square."""
    return 2 * norms * penalty((norms**2).ravel())[1].reshape(norms.shape)
