"""The autoencoder that separates outliers from a low-rank signal."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._input.arrays import check_results
from .._input.data import latent_array, read_samples
from .._input.interchange import Interchange
from .._input.parameters import MOST, as_float, check_count, check_flag, check_optional_count, check_verbose
from .._input.threads import thread_count
from ..exceptions import NumericalError

_NUMBERS = {"floor": "a number greater than 0 and less than 0.5", "tol": "a number of at least 0"}
_COUNTS = {"n_anneal": 0, "max_iter": 1}


class RobustVae(Interchange, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Variational autoencoder with an affine decoder and a noise variance for every entry.

    It is a form of robust principal components.

    Samples are :math:`x_i = W z_i + s_i`, with latent variables of variance 1 and outliers of variances :math:`D_i`, a
    diagonal matrix for each sample. With the encoder at its optimum the energy is

    .. math:: \sum_i x_i^T C_i^{-1} x_i + \log |C_i|, \qquad C_i = W W^T + D_i, \quad D_i \ge \alpha .

    For a small floor :math:`\alpha` its global minima are the solutions of :math:`\min n \, \mathrm{rank}(L) + \|S\|_0`
    with :math:`X = L + S`, the problem that principal component pursuit relaxes. It is descended on by expectation
    maximisation while the floor falls. Of more features than samples the energy is that of the columns of `X`, a
    dimension of which costs as much as outliers in as many entries as there are features, not samples.

    Parameters
    ----------
    n_components : int or None, default=None
        Columns of :math:`W`, at most, no more than features; None for the shorter side of `X`. Superfluous ones vanish.
    floor : float, default=1e-7
        Least noise variance :math:`\alpha`, as a share of the mean square of the observed entries; greater than 0 and
        less than 0.5. Of noisy data give the share of the noise.
    scale_features : bool, default=False
        Whether each feature is first divided by the median size of its nonzero entries. Outliers and structure of a
        feature whose squares are below `floor` times the mean square of all are lost: set it where features differ in
        unit or by orders of magnitude. The noise is then taken to be the same share of each feature, not the same
        variance in all.
    allow_missing : bool, default=False
        Whether NaN stands for a missing entry; otherwise it is an error.
    n_anneal : int, default=100
        Steps in which the floor falls from 0.5 to `floor`. More steps solve slightly harder problems.
    max_iter : int, default=300
        Steps, at most, those of the annealing included.
    tol : float, default=1e-4
        Change of the energy per entry, from step to step at the last floor, at which the steps end.
    n_jobs : int or None, default=None
        Threads: None for one, -1 for as many as there are cores. The result does not depend on it.
    verbose : bool, default=False
        Whether to report progress on standard error.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        The low-rank part :math:`L = Z W^T` at the mean of the latent variables, in units of `X`; missing entries are
        filled in, with 0 where nothing of a sample or a feature was observed. Of the dtype of `X`.
    outliers_ : ndarray of shape (n_samples, n_features)
        ``X - low_rank_`` where `outlier_mask_` is true, exactly 0 elsewhere. Of the dtype of `X`.
    outlier_mask_ : ndarray of shape (n_samples, n_features), bool
        Entries whose noise variance exceeds :math:`2 \log(1 + N)` times the floor for :math:`N` observed entries: of
        normal noise whose variance is the floor, less than one entry in the whole of `X` is expected to. Never a
        missing one.
    outlier_var_ : ndarray of shape (n_samples, n_features)
        Noise variance of each entry, :math:`D_i`, in squared units of `X`; NaN where it is missing.
    components_ : ndarray of shape (rank, n_features)
        Columns of :math:`W`, as rows, in units of `X`: orthogonal and in falling order once divided by `scale_`.
    rank_ : int
        Number of components.
    scale_ : float, or ndarray of shape (n_features,) with `scale_features`
        What the features were divided by, in units of `X`. Without `scale_features`: the root mean square of the
        observed entries, 1 if all are zero.
    energy_ : float
        The energy at the end, summed over samples, in units in which `scale_` is 1.
    energy_path_ : ndarray of shape (n_iter,)
        The energy per entry, step by step; it falls at the last floor, and jumps where the floor falls.
    n_iter_ : int
        Steps.
    status_ : {"converged", "iteration_limit"}
        How the steps ended.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    sparsevae.baselines.RobustPca : The convex relaxation.
    AffineVae : One noise variance for all entries.

    Notes
    -----
    A step costs ``O(n_samples * n_features * k**2)`` for the `k` components at that step. During the annealing a random
    bound tells whether components are missing; where it does not exclude it, ``O(n_samples * n_features *
    min(n_samples, n_features))`` more. Memory is about ``4 * n_samples * n_features`` numbers for a large `X`, results
    included.

    Plain expectation maximisation on :math:`W W^T` needs a matrix of ``n_features**2`` numbers for each sample. Here
    :math:`W` has columns only for directions that matter at the present floor. It starts from the principal axes; where
    few of them stand out of the noise, and do so tenfold, from these alone. Each step is a weighted least-squares fit,
    and columns that lower the energy as the floor falls are added. It reaches the same minima.

    It fails, with no sign of it but a rank or a share of outliers near the limit, where both are too many: with 200
    samples of 50 features at rank 5 from 30% to 40% outliers on, at rank 15 from 20% on. The offset of the samples is
    not removed (the paper's b = 0): it is one more dimension of the low-rank part. A feature that follows no other, be
    it constant, costs as much as one dimension as it does as an outlier in each sample, and may be taken for either.

    References
    ----------
    Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eq. 11, Theorem 4.

    Liu, Rubin and Wu (1998), "Parameter Expansion to Accelerate EM", Biometrika 85(4).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae import RobustVae
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.standard_normal((200, 5)) @ rng.standard_normal((5, 50))
    >>> outlying = rng.random(truth.shape) < 0.2
    >>> model = RobustVae().fit(np.where(outlying, 10 * rng.standard_normal(truth.shape), truth))
    >>> model.rank_, bool((model.outlier_mask_ == outlying).mean() > 0.999)
    (5, True)
    >>> bool(np.abs(model.low_rank_ - truth).max() < 1e-3)
    True
    """

    def __init__(
        self,
        *,
        n_components: int | None = None,
        floor: float = 1e-7,
        scale_features: bool = False,
        allow_missing: bool = False,
        n_anneal: int = 100,
        max_iter: int = 300,
        tol: float = 1e-4,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.floor = floor
        self.scale_features = scale_features
        self.allow_missing = allow_missing
        self.n_anneal = n_anneal
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that float32 stays float32, and whether NaN is let through."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = bool(self.allow_missing)
        return tags

    def _arguments(self) -> dict[str, Any]:
        """Check the types of the parameters; ranges are the core's to check."""
        most = check_optional_count("n_components", self.n_components)
        arguments: dict[str, Any] = {"n_components": None if most is None else min(most, MOST)}
        for name, least in _COUNTS.items():
            arguments[name] = min(check_count(name, getattr(self, name), least), MOST)
        for name, wanted in _NUMBERS.items():
            arguments[name] = as_float(name, getattr(self, name), wanted)
        arguments["scale_features"] = check_flag("scale_features", self.scale_features)
        check_flag("allow_missing", self.allow_missing)
        check_verbose(self.verbose)
        return arguments

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Separate outliers from a low-rank signal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples; NaN where an entry is missing, if `allow_missing`. Float64, float32, integers or bool, in any
            memory order or a memory map.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `X` has not two dimensions, or is empty.
        NonFiniteError
            If there is an infinite value, or a NaN unless `allow_missing`.
        DataTypeError
            If `X` is complex, sparse, or holds what is no number.
        ParameterError
            If a parameter is out of its range, all entries are missing, or the variances of outliers are beyond the
            range of float64.
        NumericalError
            If float64 does not suffice.

        Warns
        -----
        ConvergenceWarning
            If the steps ended at `max_iter`.
        """
        arguments = self._arguments()
        missing = bool(self.allow_missing)
        values, dtype = read_samples(self, X, missing=missing)
        progress = _progress if self.verbose else None
        n_threads = thread_count(self.n_jobs, len(values))
        with self._blame_floor():
            found = _core.fit_robust(values, missing, arguments, n_threads, progress)
        if self.verbose:
            sys.stderr.write("\n")
        mask, low_rank, variances = found["outlier_mask"], found["low_rank"], found["outlier_var"]
        self.outlier_mask_, self.outlier_var_ = mask, variances
        self.outliers_ = np.zeros(values.shape, dtype)
        self.outliers_[mask] = values[mask] - low_rank[mask]
        self.low_rank_ = low_rank.astype(dtype, copy=False)
        check_results("X", {"low_rank_": self.low_rank_})
        self.components_ = found["components"]
        self.scale_ = found["units"] if self.scale_features else float(found["units"][0])
        self.rank_ = len(self.components_)
        self.energy_path_ = found["energy_path"]
        self.energy_ = float(self.energy_path_[-1]) * (values.size - int(np.isnan(variances).sum()))
        self.n_iter_, self.status_ = found["n_iter"], found["status"]
        if self.status_ == "iteration_limit":
            message = (
                f"RobustVae: {self.n_iter_} steps, {min(self.n_anneal, self.n_iter_)} of them annealing, did not "
                "settle to `tol`: allow more steps, or a larger `tol`"
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return self

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """Mean of the latent variables of samples, seen before or not, outliers discounted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples; NaN where an entry is missing, if `allow_missing`.

        Returns
        -------
        ndarray of shape (n_samples, rank)
            Latent variables, of prior variance 1, without unit; 0 for a sample of which nothing was observed. Of the
            dtype of `X`. :meth:`inverse_transform` makes the low-rank part of it.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError, NumericalError
            As in :meth:`fit`, and if the columns are not those of the fit.

        Notes
        -----
        The same iteration with the components fixed: `n_anneal` + 51 steps of ``O(n_features * rank_**2)`` for each
        sample, some samples at a time: 10 MiB beside the result.
        """
        check_is_fitted(self)
        arguments, missing = self._arguments(), bool(self.allow_missing)
        values, dtype = read_samples(self, X, reset=False, missing=missing)
        n_threads = thread_count(self.n_jobs, len(values))
        with self._blame_floor():
            units = np.broadcast_to(np.asarray(self.scale_, dtype=float), self.n_features_in_)
            latent = _core.encode_robust(values, missing, self.components_, units, arguments, n_threads)
        return latent.astype(dtype, copy=False)

    def inverse_transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """Decode latent variables.

        Parameters
        ----------
        X : array-like of shape (n_samples, rank)
            Latent variables, as from :meth:`transform`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            ``X @ components_``, in units of the data. Of the dtype of `X`.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            If `X` has another number of columns, or cannot be used.
        """
        check_is_fitted(self)
        latent, dtype = latent_array(X, self.rank_)
        return (latent @ self.components_).astype(dtype, copy=False)

    @contextmanager
    def _blame_floor(self) -> Iterator[None]:
        """Name the parameter of a covariance that cannot be factorised: the core knows a noise variance only."""
        try:
            yield
        except NumericalError as error:
            message = f"float64 does not suffice at `floor` {self.floor:g}, but a larger one is needed: {error}"
            raise NumericalError(message) from error

    @property
    def _n_features_out(self) -> int:
        """For scikit-learn's names of the columns of :meth:`transform`."""
        return self.rank_


def _progress(_: str, done: int, total: int, *__: object) -> None:
    sys.stderr.write(f"\rstep {done} of at most {total}    ")
    sys.stderr.flush()
