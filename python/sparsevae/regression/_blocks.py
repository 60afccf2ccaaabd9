"""Fits of samples that come in blocks, of which none is kept."""

from typing import Any, Self

import numpy as np

from .. import _core
from .._input.blocks import Blockwise
from .._input.data import fit_arrays
from .._input.parameters import check_flag
from .._input.weights import read_weights
from ..exceptions import ParameterError
from ._base import LinearVae
from ._posterior import SupportPosterior


class BlockwiseVae(Blockwise, SupportPosterior, LinearVae):
    """Base of the estimators that take blocks of samples; not public."""

    _precision: float

    def partial_fit(self, X: Any = None, y: Any = None, sample_weight: Any = None, *, refit: bool = True) -> Self:
        """Take in a block of samples, and fit all blocks so far.

        After any number of blocks the fit is that of :meth:`fit` on all of them together, to rounding, but for what
        only the samples can tell (see Notes). They are not kept: memory is that of a few matrices of ``n_features``
        rows and columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None, default=None
            Block of samples, of any kind that :meth:`fit` takes and of any size; a sparse one is made dense. None: no
            block, but a fit of those that came before.
        y : array-like of shape (n_samples,) or None, default=None
            Response.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights, as in :meth:`fit`.
        refit : bool, default=True
            Whether to fit. With False the block is taken in alone, and the fitted attributes stay those of the last
            fit. A loop over many blocks is faster if only its last call fits.

        Returns
        -------
        self
            The estimator: fitted if `refit` and there were more samples so far, those of weight 0 not counted, than
            columns; until then it waits for more, without fitted attributes but `n_samples_seen_`.

        Raises
        ------
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`fit`, and if the columns are not those of the blocks before. The block is left out then.
        ParameterError
            As in :meth:`fit`; for `always_select`, which needs the samples; if `X` is None and no block has come
            before.
        NumericalError
            If float64 does not suffice. The block was taken in, as with any other error that it takes a fit to see.

        Warns
        -----
        ConvergenceWarning
            As in :meth:`fit`.

        Notes
        -----
        The first call after :meth:`fit` begins anew: of the samples of a fit nothing is kept. Parameters may change
        from one call to the next; those of the call hold.

        Nothing is certified, since a certificate needs the residual of every sample: data without noise end with
        ``status_`` "converged". Samples that repeat others count as often as they come. Of columns that are equal
        another one may be chosen, as where samples come in another order.

        A block costs ``O(n_samples * n_features**2)``: products of columns about their means, from which the triangle
        of a QR decomposition of all samples follows. Where the columns, `y` among them, are nearly dependent (singular
        values below .01 once they have norm 1), it is found by a QR of the block, which costs about four times as much
        and loses no digit. A fit then costs what that of a square design of ``n_features`` columns does.

        References
        ----------
        Chan, Golub and LeVeque (1983), "Algorithms for Computing the Sample Variance", The American Statistician 37.

        Demmel, Grigori, Hoemmen and Langou (2012), "Communication-optimal Parallel and Sequential QR and LU
        Factorizations", SIAM Journal on Scientific Computing 34.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsevae import VaeSlr
        >>> rng = np.random.default_rng(0)
        >>> model = VaeSlr()
        >>> for _ in range(10):
        ...     X = rng.standard_normal((1000, 20))
        ...     y = X[:, 3] - X[:, 7] + rng.standard_normal(1000)
        ...     model = model.partial_fit(X, y, refit=False)
        >>> model.partial_fit().support_
        array([3, 7])
        """
        arguments = self._arguments() | {"precision": float(np.finfo(np.float64).eps / 2)}
        if self.always_select is not None:
            raise ParameterError(
                "`always_select` is given, but `partial_fit` keeps no samples to adjust: it must be None"
            )
        _core.check(arguments)
        refit = check_flag("refit", refit)
        self._check_block(X)
        if X is not None:
            X, y, precision = fit_arrays(self, X, y, any_kind=True, reset=self._is_first_block())
            weights = None if sample_weight is None else read_weights(sample_weight, len(y))
        n_features = self.n_features_in_
        prepared = self._prepare(np.empty((0, n_features)), np.empty((0, 1)), arguments, None)
        if X is not None:
            self._take_block(X, y.reshape(-1, 1), weights)
            self._precision = max(precision, vars(self).get("_precision", 0.0))
        if refit and self.n_samples_seen_ >= self._wanted_samples():
            arguments["precision"] = self._precision
            report = self._call(_core.fit_summary, self._summary, prepared.searched, arguments)
            self._absorb(report, self._summary.weight, self._precision, prepared)
            self._warn(varies=self._summary.varies(arguments["fit_intercept"]))
        return self

    def _wanted_samples(self) -> int:
        return int(self.n_features_in_) + 1

    def _forget_fit(self) -> None:
        super()._forget_fit()
        self._absorb_posterior(None)
