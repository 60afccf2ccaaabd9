"""The linear VAE for several responses that share their support."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._input.arrays import real_array
from .._input.columns import multiply, take
from .._input.data import fit_arrays, predict_array, result_dtype
from .._input.groups import group_labels
from .._input.parameters import check_type
from .._input.random import RandomState
from .._input.whitening import Whitening, broken_promise
from ..exceptions import ParameterError
from ._posterior import SupportPosterior
from ._prepared import Prepared

Array = NDArray[np.float64]


class SimultaneousSparseVae(SupportPosterior):
    r"""Row-sparse regression of several responses by a linear variational autoencoder.

    All responses share their support: ``Y = X U`` with few nonzero rows of `U`. With its latent integrated out, the
    autoencoder whose decoder is ``X diag(w_x)`` has the energy

    .. math:: \mathrm{tr}[Y Y^T \Sigma^{-1}] + L \log |\Sigma|, \qquad
        \Sigma = X \, \mathrm{diag}(w) \, X^T + \gamma I,

    for `L` responses and :math:`\gamma` = ``noise_var``. Multi-task regression, array processing, and source imaging
    for MEG and EEG (where it is known as Champagne or gamma-MAP) are its uses.

    Parameters
    ----------
    covariance : {"full", "diagonal"}, default="full"
        Covariance of the encoder. "diagonal" puts ``sum_j log(noise_var + w_j ||x_j||**2)`` in the place of the
        log-determinant (see :func:`sparsevae.energies.separable_energy`): the same sparsest solution, more bad minima.
    optimizer : {"auto", "em", "mm", "mackay", "adam"}, default="auto"
        "em", "mm" and "mackay" descend on the energy: "em" is slow and best at staying out of bad minima while the
        noise is annealed, "mm" is fast and prunes early, "mackay" is fastest and need not descend. "auto" finds the
        sparsest solution faster: noise-free data by expectation propagation on the same covariance (by "em" for groups
        and for the diagonal covariance), noisy data by a path over supports, by "mm" at a given noise variance. "adam"
        trains the evidence lower bound by stochastic gradients, as the papers do.
    noise_var : {"auto", "anneal", "learn"} or float, default="auto"
        Variance of the noise, in squared units of `Y`, or as a multiple of `noise_cov`. "auto": find out whether there
        is any, and estimate it from the residual. "anneal": there is none. "learn": by EM, from a tenth of the mean
        square of `Y` down to a floor. A float: this value. "adam" trains it for "auto" and "learn" and refuses
        "anneal".
    noise_cov : array-like of shape (n_samples, n_samples) or None, default=None
        Covariance of the noise between samples (sensors), up to the factor `noise_var`. Data are whitened by it;
        directions in which it is singular are left out. None: the identity.
    groups : array-like of shape (n_features,), list of array-like of int, or None, default=None
        Columns that share one prior variance and are chosen together: one label per column, or the columns of each
        group. Groups may differ in size.
    prior_var_init : array-like of shape (n_features,) or None, default=None
        Prior variances that a descent at a given or learned noise variance starts from; at any other, the first order
        of columns to be tried by the certificate. None: each column explains an equal part of `Y`, whatever its scale.
    n_restarts : int, default=500
        Rounds of the noise-free search after the first.
    max_iter : int, default=8000
        Update steps over all rounds of the noise-free search, or of a descent; and sweeps over supports.
    tol : float, default=1e-6
        At a given or learned noise variance, descent stops once no prior variance moves by more than this share of the
        largest.
    n_steps : int, default=50_000
        Steps of "adam".
    learning_rate : float, default=0.01
        Learning rate of "adam" at the start.
    learning_rate_drop : float, default=0.01
        Factor of the learning rate of "adam" from the first step on whose bound is negative.
    support_rule : {"projection", "evidence", "ebic", "posterior"}, default="projection"
        How columns are chosen where no certificate settles it, as in :class:`VaeSlr`; all responses share the
        columns of effects, each with its own coefficients. "posterior": columns whose coefficients, in the root mean
        square over responses, are more than three posterior standard deviations from 0. "evidence" stands in for
        "projection" for groups and the diagonal covariance as well.
    model_averaging : bool, default=False
        Whether to average over supports where there is noise, as in :class:`VaeSlr`. Not for groups and the diagonal
        covariance.
    n_nonzero, max_nonzero : int or None, default=None
        How many columns to choose, exactly or at most. Not for groups and the diagonal covariance.
    always_select : array-like of int, bool or str, or None, default=None
        Columns that are always in, as in :class:`VaeSlr`. Of a group, all or none.
    prior_odds : array-like of shape (n_features,) or None, default=None
        Prior odds of each column that it has an effect, as in :class:`VaeSlr`.
    n_choices : int or None, default=None
        How many columns those of `X` were chosen from before, as in :class:`VaeSlr`.
    fit_intercept : bool, default=True
        Whether each response has an intercept. Set it to False for designs without one: it costs one sample.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the restarts and of the sampler. The same seed gives the same bits on any number of threads.
    n_jobs : int or None, default=None
        Threads that share a fit, -1 for one a core. None stands for one a core, but no more than OMP_NUM_THREADS says,
        if the design has 2^23 entries or more, else for one. The same bits on any number of threads.
    verbose : bool or int, default=False
        Whether to show progress on standard error.

    Attributes
    ----------
    coef_ : ndarray of shape (n_responses, n_features)
        Coefficients, in units of `Y` over units of the column; exact zeros off the support. Of the dtype of the data.
        With `model_averaging`, posterior means, zero nowhere unless the fit is certified.
    intercept_ : ndarray of shape (n_responses,)
        Intercepts; 0 if `fit_intercept` is False.
    support_ : ndarray of shape (n_support,), int64
        Indices of the columns with nonzero coefficients, ascending.
    coef_norm_ : ndarray of shape (n_features,)
        Norm over the responses of each column's coefficients (the norms of the rows of `U`).
    prior_var_ : ndarray of shape (n_features,)
        Prior variance of each column's coefficients, the `w` of the energy.
    coef_var_ : ndarray of shape (n_features,)
        Posterior variance of each column's coefficients, of any one response; 0 off the support. With "projection",
        the mean squared deviation from `coef_` over draws of all supports, the mean over the principal axes of the
        responses; with `model_averaging`, their variance, for all columns; else given the support.
    support_cov_ : ndarray of shape (n_support, n_support)
        The same of the coefficients of one response on the support, as a covariance.
    noise_var_ : float
        Noise variance, in squared units of `Y` or as a multiple of `noise_cov`. For certified fits a floor that stands
        for 0: 1e-12 of the mean square of `Y`.
    explained_variance_ratio_ : ndarray of shape (n_responses,)
        Share of each response's variance about its intercept that the coefficients explain.
    residual_ : ndarray of shape (n_samples, n_responses)
        What they leave, in units of `Y`.
    energy_ : float
        Energy at `prior_var_` and `noise_var_`; of centred data, in the ``n_samples - 1`` dimensions that they have.
    energy_path_ : ndarray
        What the search minimised in its last round, as for :class:`VaeSlr`.
    n_iter_ : int
        Update steps done, over all rounds.
    n_rounds_ : int
        Rounds of the noise-free search that were begun.
    n_passes_ : int
        Products of all columns with residuals, where the search worked on some of the columns (see Notes); else 0.
    status_ : {"certified", "converged", "noisy", "iteration_limit", "sampling_limit", "noise_collapsed"}
        How the fit ended, as for :class:`VaeSlr`.
    certified_ : bool
        Whether the solution was proved to be the sparsest one: for almost all coefficients (see :class:`VaeSlr`), and
        up to what floating point can tell.
    posterior_mean_ : ndarray of shape (n_responses, n_features)
        Decoder scale times mean of the trained encoder, before columns are chosen. Only with "adam".
    decoder_scale_, encoder_weights_, encoder_factor_ : ndarray
        The trained decoder and encoder, which the responses share, as in :class:`VaeSlr`. A noise covariance whitens
        what the encoder sees.
    inclusion_prob_ : ndarray of shape (n_features,)
        Posterior probability that a column has an effect, on all responses. This and the next seven as for
        :class:`VaeSlr`, where the posterior over supports is known.
    background_var_, n_effects_, selection_tolerance_ : float
        Variance of the background's share of a response, number of effects, largest difference between the predictions
        of the columns chosen and the average's.
    credible_sets_, selection_path_ : list
        Columns of credible sets; columns that stand for the average, by their number, with the difference.
    credible_set_prob_, credible_set_purity_ : ndarray of shape (n_sets,)
        Probabilities and smallest absolute correlations of the credible sets.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    VaeSlr : One response.
    fit_many : Responses that share a design but not their support.

    Notes
    -----
    Responses are compressed to their rank by a singular value decomposition first, which changes no energy. A step then
    costs ``O(n_samples**2 * n_features)``, and ``O(n_samples * n_features)`` more for each response after the first.

    Wide designs are searched by a working set of their columns, as in :class:`VaeSlr`, where `noise_var` is "auto" and
    there are no groups. What columns have in common with the residuals of many responses is computed from how these
    change along the path, at a cost that does not grow with the number of responses.

    With groups, one number scales the columns of a group, and the steps are ``w_g <- w_g sqrt(sum q**2 / sum s)`` for
    "mm" and the mean over the group for "em": descents on the energy itself. (MNE's ``gamma_map`` divides by the size
    of the group and so ends elsewhere.)

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal: No Bad VAE Local Minima when Learning Optimal Sparse
    Representations", ICML, eqs. 18 and 50.

    Examples
    --------
    >>> from sparsevae import SimultaneousSparseVae
    >>> from sparsevae.datasets import make_row_sparse_regression
    >>> data = make_row_sparse_regression(100, 200, n_responses=20, n_nonzero=80, rank=5, random_state=0)
    >>> model = SimultaneousSparseVae(fit_intercept=False).fit(data.X, data.Y)
    >>> model.certified_, (model.support_ == data.support).all()
    (True, np.True_)
    """

    def __init__(
        self,
        *,
        covariance: str = "full",
        optimizer: str = "auto",
        noise_var: str | float = "auto",
        noise_cov: ArrayLike | None = None,
        groups: Any = None,
        prior_var_init: ArrayLike | None = None,
        n_restarts: int = 500,
        max_iter: int = 8000,
        tol: float = 1e-6,
        n_steps: int = 50_000,
        learning_rate: float = 1e-2,
        learning_rate_drop: float = 1e-2,
        support_rule: str = "projection",
        model_averaging: bool = False,
        n_nonzero: int | None = None,
        max_nonzero: int | None = None,
        always_select: Any = None,
        prior_odds: ArrayLike | None = None,
        n_choices: int | None = None,
        fit_intercept: bool = True,
        random_state: RandomState = 0,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.covariance = covariance
        self.optimizer = optimizer
        self.noise_var = noise_var
        self.noise_cov = noise_cov
        self.groups = groups
        self.prior_var_init = prior_var_init
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.n_steps = n_steps
        self.learning_rate = learning_rate
        self.learning_rate_drop = learning_rate_drop
        self.support_rule = support_rule
        self.model_averaging = model_averaging
        self.n_nonzero = n_nonzero
        self.max_nonzero = max_nonzero
        self.always_select = always_select
        self.prior_odds = prior_odds
        self.n_choices = n_choices
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that the responses are the columns of a matrix."""
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, Y: Any, sample_weight: Any = None) -> Self:
        """Find the fewest columns whose coefficients explain all columns of `Y`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Design, of any kind that :meth:`VaeSlr.fit` takes; with `noise_cov` a dense one. Columns may have any scale.
            Constant columns get coefficient 0. Of equal columns at most one is chosen.
        Y : array-like of shape (n_samples, n_responses)
            Responses.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights: the noise of a sample has variance ``noise_var / weight``; samples of weight 0 are left out. Not
            with `noise_cov`, which says it all.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ShapeError
            If `X` or `Y` is not two-dimensional, `Y` has no column, their lengths differ, or `noise_cov`, `groups` or
            `prior_var_init` does not match them.
        NonFiniteError
            If there is a NaN or an infinite value.
        DataTypeError
            If the data are complex or no numbers, `Y` is sparse, or `X` is and there is a `noise_cov`.
        ParameterError
            If a parameter is out of its range, groups overlap or leave a column out, or `noise_cov` is no covariance.
        NumericalError
            If float64 does not suffice to factorise the covariance.

        Warns
        -----
        ConvergenceWarning
            If no column was chosen, the search or the descent ended at `max_iter`, a learned noise variance fell to its
            floor, or the residual is less than half or more than twice what `noise_cov` with a number for `noise_var`
            promises.
        """
        check_type("covariance", self.covariance, str, "a string")
        arguments = self._arguments() | {"covariance": self.covariance}
        X, Y, precision = fit_arrays(self, X, Y, multi_output=True, any_kind=self.noise_cov is None)
        arguments["precision"] = precision
        whitening: Whitening | None = None
        design, responses = X, Y
        if self.noise_cov is not None:
            if sample_weight is not None:
                raise ParameterError("`sample_weight` is given, but with `noise_cov` it must be None")
            whitening = Whitening(self.noise_cov, len(X), fit_intercept=bool(self.fit_intercept))
            design, responses = whitening.apply(X), whitening.apply(Y)
            arguments["fit_intercept"] = False
        prepared = Prepared(
            design,
            responses,
            arguments,
            sample_weight=sample_weight,
            always_select=self.always_select,
            prior_odds=self.prior_odds,
            names=getattr(self, "feature_names_in_", None),
        )
        labels = group_labels(self.groups, X.shape[1])
        arguments["groups"] = [] if labels is None else prepared.searched_of("groups", labels).tolist()
        if self.prior_var_init is not None:
            start = real_array("prior_var_init", self.prior_var_init, 1, "(n_features,)")
            arguments["start"] = (prepared.searched_of("prior_var_init", start)[None, :], [0])
        report = self._call(_core.fit_simultaneous, prepared.X, prepared.Y, arguments)
        self._absorb(report, X, Y, precision, prepared, whitening)
        self._warn(varies=self._varies(Y))
        if whitening is not None and not isinstance(self.noise_var, str):
            left = whitening.apply(self.residual_)
            broken = broken_promise(left, self.noise_var_, len(left), X.shape[1], len(self.support_))
            if broken is not None:
                advice = 'check `noise_cov` and `noise_var`, or use noise_var="learn"'
                warnings.warn(f"{type(self).__name__}: {broken}; {advice}", ConvergenceWarning, stacklevel=3)
        return self

    def _absorb(
        self,
        report: "_core.FitReport",
        X: Any,
        Y: Array,
        precision: float,
        prepared: Prepared,
        whitening: Whitening | None,
    ) -> None:
        self._adjusted = prepared.restore(report)
        self._absorb_search(report)
        posterior = report["posterior"]
        self._absorb_posterior(posterior)
        estimate: Any = posterior if posterior is not None and self.model_averaging else report
        shape = (Y.shape[1], X.shape[1])
        coef, intercept = estimate["coef"].reshape(shape), estimate["intercept"]
        columns = np.flatnonzero(coef.any(axis=0))
        # An average has no zeros.
        is_dense = len(columns) > len(self.support_)
        fitted = multiply(X, coef.T) if is_dense else take(X, columns) @ coef[:, columns].T
        weights = prepared.mean_weights
        if whitening is not None and self.fit_intercept:
            weights = whitening.mean_weights
            intercept = weights @ (Y - fitted)
        dtype = result_dtype(precision, max(float(np.abs(coef).max()), float(np.abs(intercept).max())))
        self.coef_ = coef.astype(dtype, copy=False)
        self.intercept_ = intercept.astype(dtype)
        self.coef_norm_ = np.linalg.norm(coef, axis=0)
        self.residual_ = Y - fitted - intercept
        about = Y - weights @ Y if self.fit_intercept else Y
        total, left = (about**2).sum(axis=0), (self.residual_**2).sum(axis=0)
        self.explained_variance_ratio_ = np.divide(total - left, total, out=np.ones_like(total), where=total > 0)
        chosen = take(X, self.support_)
        self._support_mean = weights @ chosen if self.fit_intercept else np.zeros(len(self.support_))
        self._mean_share = 0.0
        if self.fit_intercept:
            self._mean_share = float(weights @ weights) if prepared.mean_share is None else prepared.mean_share
        if report["posterior_mean"] is not None:
            self.posterior_mean_ = report["posterior_mean"].reshape(shape)

    def predict(self, X: Any, return_std: bool = False) -> Any:  # noqa: FBT001 - scikit-learn's signature
        """Predict the responses.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict for, of any kind that :meth:`fit` takes.
        return_std : bool, default=False
            Whether to return the predictive standard deviation as well: noise and uncertainty of the coefficients, over
            all supports where their posterior is sampled, else given the support. Not with `noise_cov`, which
            new samples do not share.

        Returns
        -------
        Y_mean : ndarray of shape (n_samples, n_responses)
            Predicted responses.
        Y_std : ndarray of shape (n_samples,)
            Their standard deviation, the same for each, in units of `Y`; only if `return_std`.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ParameterError
            If `return_std` is asked for and there is a `noise_cov`.
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`fit`, and if the columns are not those of the fit.
        """
        check_is_fitted(self)
        X = predict_array(self, X, any_kind=True)
        mean = multiply(X, self.coef_.T) + self.intercept_
        if not return_std:
            return mean
        if self.noise_cov is not None:
            raise ParameterError("`return_std` is True, but with `noise_cov` the noise of new samples is not known")
        if self._is_sampled():
            return mean, np.sqrt(self._sampled_var(X))
        chosen = take(X, self.support_) - self._support_mean
        spread = np.einsum("ij,jk,ik->i", chosen, self.support_cov_, chosen)
        return mean, np.sqrt(self.noise_var_ * (1 + self._mean_share) + spread)
