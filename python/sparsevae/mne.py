"""Sources of MEG and EEG data, with MNE-Python's objects in and out. Needs it: ``pip install "sparsevae[mne]"``."""

import contextlib
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from ._input.arrays import check_finite, real_array
from ._input.interchange import exchange
from ._input.parameters import check_type
from ._input.whitening import broken_promise
from .exceptions import ParameterError, ShapeError
from .regression.simultaneous_sparse_vae import SimultaneousSparseVae

try:
    import mne

    # Private, but what gamma_map itself is made of: the same in MNE-Python 1.8 to 1.13.
    from mne.inverse_sparse.mxne_inverse import (
        _check_ori,
        _compute_residual,
        _make_dipoles_sparse,
        _make_sparse_stc,
        _prepare_gain,
        _reapply_source_weighting,
    )
    from mne.minimum_norm.inverse import _check_reference
except ImportError as error:
    raise ImportError(f'sparsevae.mne needs MNE-Python: pip install "sparsevae[mne]" ({error})') from error

__all__ = ["simultaneous_sparse_vae", "solver"]

Array = NDArray[np.float64]

# An orientation whose field is below this share of the strongest one of its source is silent.
_SILENT = 1e-4
# A prior variance below this share of the largest is none.
_VANISHED = 1e-6


@exchange
def solver(
    M: ArrayLike, G: ArrayLike, n_orient: int, *, estimator: SimultaneousSparseVae | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Find active sources, as the ``apply_solver`` of MNE-Python's example of a custom inverse solver asks for.

    Parameters
    ----------
    M : array-like of shape (n_channels, n_times)
        Whitened data: their noise has variance 1.
    G : array-like of shape (n_channels, n_sources * n_orient)
        Whitened and weighted gain; the columns of a source are neighbours.
    n_orient : {1, 3}
        Columns of a source: 1 for fixed orientations, 3 for free ones.
    estimator : SimultaneousSparseVae or None, default=None
        Estimator with other settings; a copy of it is fitted. None:
        ``SimultaneousSparseVae(noise_var=1.0, fit_intercept=False)``. Sources become its groups.

    Returns
    -------
    X : ndarray of shape (n_active * n_orient, n_times)
        Amplitudes of the active sources, in units of `M` over units of `G`: their posterior means.
    active_set : ndarray of shape (n_sources * n_orient,), bool
        Which columns of `G` they belong to; all `n_orient` of a source or none.

    Raises
    ------
    ShapeError
        If `M` or `G` is not two-dimensional, their numbers of channels differ, or `n_orient` does not divide the number
        of columns of `G`.
    NonFiniteError, DataTypeError
        If there is a NaN, an infinite value, or what is no real number.
    ParameterError
        If `n_orient` is neither 1 nor 3, or `estimator` is none or has an intercept, groups, start values or a noise
        covariance.
    NumericalError
        If float64 does not suffice to factorise the covariance.

    Warns
    -----
    ConvergenceWarning
        If no source is active, as the estimator warns, or if the residual is less than half or more than twice what a
        given noise variance promises.

    Notes
    -----
    The columns of a source are rotated to its principal axes, which changes no energy, since they share one prior
    variance; axes that no channel sees (in a spherical head, for MEG, the radius) are left out and get amplitude 0.
    Amplitudes are posterior means, not the least-squares fit of ``coef_``, which would blow up what the sensors
    hardly see.

    References
    ----------
    Wipf and Nagarajan (2009), "A unified Bayesian framework for MEG/EEG source imaging", NeuroImage 44:947-966.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.mne import solver
    >>> rng = np.random.default_rng(0)
    >>> G, U = rng.standard_normal((30, 90)), np.zeros((90, 20))
    >>> U[15:18] = U[60:63] = 3.0
    >>> X, active_set = solver(G @ U + rng.standard_normal((30, 20)), G, 3)
    >>> X.shape, np.flatnonzero(active_set)
    ((6, 20), array([15, 16, 17, 60, 61, 62]))
    """
    data = real_array("M", M, 2, "(n_channels, n_times)")
    gain = real_array("G", G, 2, "(n_channels, n_sources * n_orient)")
    check_type("n_orient", n_orient, (int, np.integer), "1 or 3")
    if n_orient not in (1, 3):
        raise ParameterError(f"`n_orient` is {n_orient}, but it must be 1 or 3")
    if len(data) != len(gain):
        raise ShapeError(f"`M` has {len(data)} rows, but `G` has {len(gain)}: the numbers of channels differ")
    if gain.shape[1] % n_orient:
        raise ShapeError(f"`G` has {gain.shape[1]} columns, but `n_orient` = {n_orient} must divide their number")
    check_finite("M", data)
    check_finite("G", gain)
    model = _checked(estimator, noise_var=1.0)
    amplitudes = _amplitudes(data, gain, int(n_orient), model)
    _warn(model, data, gain, "check that `M` and `G` are whitened by a covariance of the noise in `M`", stacklevel=4)
    sources = amplitudes.reshape(-1, n_orient * data.shape[1]).any(axis=1)
    active_set = np.repeat(sources, n_orient)
    return amplitudes[active_set], active_set


def simultaneous_sparse_vae(
    evoked: Any,
    forward: Any,
    noise_cov: Any,
    *,
    estimator: SimultaneousSparseVae | None = None,
    loose: float | str = "auto",
    depth: Any = 0.8,
    xyz_same_gamma: bool = True,
    pca: bool = True,
    rank: Any = None,
    pick_ori: str | None = None,
    return_residual: bool = False,
    return_as_dipoles: bool = False,
    verbose: Any = None,
) -> Any:
    """Locate few sources that explain evoked data, as :func:`mne.inverse_sparse.gamma_map` does.

    Data and gain are prepared by MNE-Python's own functions, as for `gamma_map`, so that its arguments of the same name
    mean the same here. There is no `alpha`: the noise variance is that of whitened data.

    Parameters
    ----------
    evoked : mne.Evoked
        Data.
    forward : mne.Forward
        Forward solution, of any source space.
    noise_cov : mne.Covariance
        Covariance of the noise.
    estimator : SimultaneousSparseVae or None, default=None
        Estimator with other settings; a copy of it is fitted, with the sources as its groups. None:
        ``SimultaneousSparseVae(noise_var=1 / evoked.nave, fit_intercept=False)``, for a `noise_cov` of single epochs,
        as MNE-Python's minimum-norm estimates presume. Give ``noise_var=1.0`` for one of the average itself.
    loose : float in [0, 1] or "auto", default="auto"
        How free orientations of surface source spaces are: 0 fixed, 1 free. "auto": 0.2 there, and 1 elsewhere.
    depth : None, float or dict, default=0.8
        Exponent by which deep sources are favoured; a dict has more options.
    xyz_same_gamma : bool, default=True
        Whether the three orientations of a source share one prior variance and are chosen together.
    pca : bool, default=True
        Whether whitening reduces the data to their rank.
    rank : None, "info", "full" or dict, default=None
        Rank of the noise covariance. None: it is estimated.
    pick_ori : {None, "vector"}, default=None
        None: free orientations are combined to their norm. "vector": all three components are returned.
    return_residual : bool, default=False
        Whether to return the residual as well.
    return_as_dipoles : bool, default=False
        Whether to return dipoles in place of a source estimate.
    verbose : bool, str, int or None, default=None
        Log level of MNE-Python; None leaves it as it is.

    Returns
    -------
    estimate : SourceEstimate, VolSourceEstimate, a vector variant of them, or list of mne.Dipole
        Source amplitudes in Am: posterior means. They may be none.
    residual : mne.Evoked
        What they do not explain; only if `return_residual`.

    Raises
    ------
    ParameterError
        If `evoked`, `forward` or `noise_cov` is of another type, or `estimator` has an intercept, groups, start values
        or a noise covariance.
    ValueError
        As MNE-Python raises it, for channels, orientations or references that do not go together.

    Warns
    -----
    ConvergenceWarning
        If no source is active, as the estimator warns, or if the residual is less than half or more than twice what
        `noise_cov` promises: in other units, or an `evoked.nave` that does not belong to it, it makes sources of noise
        or hides them.

    See Also
    --------
    solver : The same for whitened arrays.

    Notes
    -----
    `gamma_map` stops where its iterations do, and all sources that they have not yet pruned are returned; here the
    support is chosen by its evidence. For groups of three, `gamma_map` divides by the size of the group, and so does
    not descend on the energy.

    References
    ----------
    Wipf and Nagarajan (2009), "A unified Bayesian framework for MEG/EEG source imaging", NeuroImage 44:947-966.
    """
    check_type("evoked", evoked, mne.Evoked, "an mne.Evoked")
    check_type("forward", forward, mne.Forward, "an mne.Forward")
    check_type("noise_cov", noise_cov, mne.Covariance, "an mne.Covariance")
    model = _checked(estimator, noise_var=1.0 / evoked.nave)
    with contextlib.nullcontext() if verbose is None else mne.use_log_level(verbose):
        _check_reference(evoked)
        forward, gain, gain_info, whitener, weights, _ = _prepare_gain(
            forward, evoked.info, noise_cov, pca, depth, loose, rank
        )
        _check_ori(pick_ori, forward)
        n_orient = 1 if mne.forward.is_fixed_orient(forward) else 3
        data = whitener @ evoked.data[[evoked.ch_names.index(name) for name in gain_info["ch_names"]]]
        full = _amplitudes(data, gain, n_orient if xyz_same_gamma else 1, model)
        _warn(model, data, gain, "check the units of `noise_cov` and `evoked.nave`", stacklevel=3)
        sources = np.flatnonzero(full.reshape(gain.shape[1] // n_orient, -1).any(axis=1))
        active = (sources[:, None] * n_orient + np.arange(n_orient)).ravel()
        amplitudes = _reapply_source_weighting(full[active], weights, active)
        start, step = evoked.times[0], 1.0 / evoked.info["sfreq"]
        if return_as_dipoles:
            unweighted = gain[:, active] / np.where(weights == 0, 1, weights)[active]
            found = _make_dipoles_sparse(amplitudes, active, forward, start, step, data, unweighted, active_is_idx=True)
        else:
            found = _make_sparse_stc(amplitudes, active, forward, start, step, active_is_idx=True, pick_ori=pick_ori)
        if not return_residual:
            return found
        return found, _compute_residual(forward, evoked, amplitudes, active, gain_info)


def _checked(estimator: SimultaneousSparseVae | None, noise_var: float) -> SimultaneousSparseVae:
    """Return a copy to fit, or the default at `noise_var`."""
    if estimator is None:
        return SimultaneousSparseVae(noise_var=noise_var, fit_intercept=False)
    check_type("estimator", estimator, SimultaneousSparseVae, "None or a SimultaneousSparseVae")
    for name, wanted, reason in (
        ("fit_intercept", False, "whitened data have no intercept"),
        ("noise_cov", None, "the data are whitened before"),
        ("groups", None, "sources are the groups"),
        ("prior_var_init", None, "sources are rotated before"),
    ):
        value = getattr(estimator, name)
        if value is not wanted:
            raise ParameterError(f"`estimator` has {name}={value!r}, but it must be {wanted}: {reason}")
    copy: SimultaneousSparseVae = clone(estimator)
    return copy


def _warn(model: SimultaneousSparseVae, data: Array, gain: Array, advice: str, stacklevel: int) -> None:
    """Say so where the residual of the fitted `model` is not what a given noise variance promises."""
    if isinstance(model.noise_var, str):
        return
    # Projections leave directions in which there are neither fields nor noise.
    seen = np.hstack([data, gain])
    n_dimensions = int(np.linalg.matrix_rank(seen)) if seen.shape[1] >= len(seen) else len(seen)
    broken = broken_promise(model.residual_, model.noise_var_, n_dimensions, model.n_features_in_, len(model.support_))
    if broken is not None:
        learn = 'estimator=SimultaneousSparseVae(noise_var="learn", fit_intercept=False)'
        warnings.warn(f"{broken}; {advice}, or learn it: {learn}", ConvergenceWarning, stacklevel=stacklevel)


def _amplitudes(data: Array, gain: Array, size: int, model: SimultaneousSparseVae) -> Array:
    """Fit `model` with groups of `size` neighbouring columns; return posterior means, of shape (n_columns, n_times)."""
    n_channels, n_columns = gain.shape
    columns, labels, axes = gain, None, None
    if size > 1:
        each = gain.reshape(n_channels, -1, size).transpose(1, 0, 2)
        left, strengths, axes = np.linalg.svd(each, full_matrices=False)
        heard = strengths > _SILENT * strengths[:, :1]
        columns = (left * strengths[:, None, :]).transpose(0, 2, 1)[heard].T
        labels = np.nonzero(heard)[0]
    model.set_params(groups=labels).fit(columns, data)
    support = model.support_
    # A source that the search of the support added has no prior variance at the minimum: its mean square stands in.
    prior_var = model.prior_var_[support]
    mean_square = model.coef_norm_[support] ** 2 / data.shape[1]
    scale = np.sqrt(np.where(prior_var > _VANISHED * prior_var.max(initial=0.0), prior_var, mean_square))
    chosen = columns[:, support] * scale
    inner = chosen.T @ chosen + model.noise_var_ * np.eye(len(support))
    means = np.zeros((columns.shape[1], data.shape[1]))
    means[support] = scale[:, None] * np.linalg.solve(inner, chosen.T @ data)
    if axes is None:
        return means
    rotated = np.zeros((len(axes), axes.shape[1], data.shape[1]))
    rotated[heard] = means
    return (axes.transpose(0, 2, 1) @ rotated).reshape(n_columns, -1)
