"""The plain linear VAE for sparse linear regression."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._input.data import result_dtype
from .._input.random import RandomState
from ._blocks import BlockwiseVae
from ._prepared import Prepared


class VaeSlr(BlockwiseVae):
    r"""Sparse linear regression by a linear variational autoencoder.

    The decoder is ``N(X diag(w_x) z, noise_var * I)``. With its latent integrated out, the energy

    .. math:: y^T \Sigma^{-1} y + \log |\Sigma|, \qquad \Sigma = X \, \mathrm{diag}(w) \, X^T + \gamma I,

    keeps the sparsest solution as its minimum as ``noise_var`` (:math:`\gamma`) goes to 0, and has far fewer bad minima
    than the count of nonzeros. Noise-free data are searched until a certificate proves the solution to be the sparsest;
    for noisy data the posterior over supports is sampled, and the fewest columns that predict as its average does are
    chosen.

    Parameters
    ----------
    optimizer : {"auto", "em", "mm", "mackay", "adam"}, default="auto"
        "em", "mm" and "mackay" descend on the energy: "em" is slow and best at staying out of bad minima while the
        noise is annealed, "mm" is fast and prunes early, "mackay" is fastest and need not descend. "auto" finds the
        same minimum faster: by expectation propagation on the same covariance for noise-free data, by a path over
        supports for noisy data, and by "em" where these leave a doubt; at a given noise variance by "mm", where the
        posterior over supports does not choose. "adam" is the
        paper's own training: stochastic gradients of the evidence lower bound over decoder, encoder and noise variance,
        to reproduce its curves (see Notes).
    noise_var : {"auto", "anneal", "learn"} or float, default="auto"
        Variance of the noise, in squared units of `y`. "auto": find out whether there is any, and estimate it from the
        residual. "anneal": there is none. "learn": by EM, from a tenth of the variance of `y` down to a floor; for one
        response this tends to collapse, which warns. A float: this value. "adam" trains it for "auto" and "learn" and
        refuses "anneal".
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
        How columns are chosen where no certificate settles it. "projection": the fewest that predict as the average
        over all supports does, and more columns that the data favour, as long as the expected F1 score rises; none
        unless a test rejects pure noise at the level of 4% (see Notes). "evidence": marginal likelihood of the support.
        "ebic": extended BIC, of at most ``n_samples / log(n_samples)`` columns. "posterior": coefficients more than
        three posterior standard deviations from 0. "evidence" stands in for "projection" with "adam", with a
        learned `noise_var`, and with a given one if the optimiser is not "auto", or the design is large and there are
        no `model_averaging`, `prior_odds` and `positive`: of more than 2**23 entries, or of a rank `r` with
        ``r**2 * (r + n_features)`` above 2**30 (600 x 2,400). Where the noise is unknown, the posterior of designs as
        large is sampled on 768 columns; of a wide design its working set counts.
    model_averaging : bool, default=False
        Whether to average over supports where there is noise: `coef_`, `intercept_` and :meth:`predict` are then means
        over the posterior of all supports and of a dense background of small coefficients, which predicts better than
        any one support where columns are correlated. `support_` stays the selection. 500 sweeps of the sampler in place
        of 100, and more where they mix slowly and cost little; with a learned `noise_var`, the sampler runs for this
        alone.
    n_nonzero : int or None, default=None
        How many columns to choose. Fewer where they explain everything; pure noise is then fitted as well.
    max_nonzero : int or None, default=None
        How many columns to choose at most.
    always_select : array-like of int, bool or str, or None, default=None
        Columns that are always in, by index, mask or name: covariates such as age. They have a flat prior, and all else
        is adjusted for them, exactly. They count in `n_nonzero` and `max_nonzero`.
    prior_odds : array-like of shape (n_features,) or None, default=None
        Prior odds of each column that it has an effect, up to a common factor; the number of effects is learned. 0
        leaves a column out. Only with ``optimizer="auto"``, ``support_rule="projection"`` and a `noise_var` that is
        "auto" or a number.
    n_choices : int or None, default=None
        How many columns those of `X` were chosen from before, if by their correlation with `y`: priors, criteria and
        the test against noise count them all, and there is no background, which columns chosen by `y` would feign.
        None: nothing was left out. The fit of all columns is better where it can be had.
    positive : bool or array-like of int, bool or str, default=False
        Whether coefficients must not be negative: all, or those of columns by index, mask or name. With the same
        parameters as `prior_odds`. There is no background then.
    fit_intercept : bool, default=True
        Whether to centre the data. Set it to False for designs without an intercept: it costs one sample.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the restarts and of the sampler. The same seed gives the same bits on any number of threads.
    n_jobs : int or None, default=None
        Threads that share a fit, -1 for one a core. None stands for one a core, but no more than OMP_NUM_THREADS says,
        if the design has 2^23 entries or more, else for one. The same bits on any number of threads.
    verbose : bool or int, default=False
        Whether to show progress on standard error.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in units of `y` over units of the column; exact zeros off the support. Of the dtype of the data.
        With `model_averaging`, posterior means, zero nowhere unless the fit is certified. Where there are 4,096 columns
        or more, this and the other arrays with a number for each of them are kept without their zeros if these are most
        of them: an array is then made when it is asked for, and cannot be written to.
    sparse_coef_ : csr_array of shape (1, n_features)
        `coef_` as a sparse row of SciPy.
    intercept_ : float
        Intercept; 0 if `fit_intercept` is False.
    support_ : ndarray of shape (n_support,), int64
        Indices of the nonzero coefficients, ascending.
    prior_var_ : ndarray of shape (n_features,)
        Prior variance of each coefficient, the `w` of the energy.
    coef_var_ : ndarray of shape (n_features,)
        Posterior variance of each coefficient; 0 off the support. Of noisy data with "projection", the mean squared
        deviation from `coef_` over draws of all supports; with `model_averaging`, their variance, for all columns; else
        given the support.
    support_cov_ : ndarray of shape (n_support, n_support)
        The same of the coefficients on the support, as a covariance.
    noise_var_ : float
        Noise variance, in squared units of `y`. For certified fits a floor that stands for 0: 1e-12 of the mean square
        of `y`. Where the posterior over supports is sampled, its mean, unless it is given.
    energy_ : float
        Energy at `prior_var_` and `noise_var_`; of centred data, in the ``n_samples - 1`` dimensions that they have.
        Minus infinity for a constant `y` without noise.
    energy_path_ : ndarray
        What the search minimised in its last round: the energy at each step for "em", "mm" and "mackay" at a given or
        learned noise variance; the sampled bound at each step for "adam"; the energy of the scaled problem while noise
        is annealed; the criterion at each size of the support for noisy data.
    n_iter_ : int
        Update steps done, over all rounds.
    n_rounds_ : int
        Rounds of the noise-free search that were begun.
    n_passes_ : int
        Products of all columns with residuals, where the search worked on some of the columns (see Notes); else 0.
    status_ : {"certified", "converged", "noisy", "iteration_limit", "sampling_limit", "noise_collapsed"}
        How the fit ended. "noisy": nothing was proved, and the data were taken for noisy. Data without noise whose
        sparsest solution was not found end so as well, since they look the same (see Notes): where you know that there
        is none, ``noise_var="anneal"`` warns instead. "sampling_limit": `max_iter` cut off the sweeps over supports.
    certified_ : bool
        Whether the solution was proved to be the sparsest one: for almost all coefficients (see Notes), and up to what
        floating point can tell.
    posterior_mean_ : ndarray of shape (n_features,)
        Decoder scale times mean of the trained encoder, the paper's estimate of the coefficients, before columns are
        chosen. Only with "adam".
    decoder_scale_ : ndarray of shape (n_features,)
        The trained decoder :math:`N(X\, \mathrm{diag}(w_x) z, \gamma I)`: :math:`w_x`, whose squares are `prior_var_`
        unless the fit is certified. This and the next two only with "adam", and 0 for columns that are constant or
        always selected.
    encoder_weights_ : ndarray of shape (n_features, n_inputs)
        The trained encoder :math:`N(W y, S S^T)`: :math:`W`. `posterior_mean_` is :math:`\mathrm{diag}(w_x) W y`. It
        sees `y` itself, and `n_inputs` is `n_samples`, if there is no intercept, weight or column that is always in,
        and no more samples than features. Else it sees the rows that the fit uses: with an intercept the
        `n_samples` - 1 numbers :math:`y_i - y_0 / (1 + \sqrt{n})`, :math:`i \ge 1`, of a centred `y` of `n` samples;
        of more rows than columns their coordinates in the range of the design.
    encoder_factor_ : ndarray of shape (n_features, n_features)
        :math:`S`, lower triangular.
    inclusion_prob_ : ndarray of shape (n_features,)
        Posterior probability that a column has an effect. Columns that are alike share it: see :meth:`credible_sets`.
        Of a certified fit, 1 on the support. This and the next seven only where the posterior over supports is known:
        with "projection", with `model_averaging`, and for certified fits.
    background_var_ : float
        Variance of the background's share of the response, in squared units of `y`, posterior mean.
    n_effects_ : float
        Posterior mean of the number of effects.
    credible_sets_ : list of ndarray, int64
        Columns of the sets that :meth:`credible_sets` finds at its defaults.
    credible_set_prob_, credible_set_purity_ : ndarray of shape (n_sets,)
        Their probabilities and smallest absolute correlations.
    selection_path_ : list of (ndarray, float)
        By number of columns, from none on: the columns that stand for the average best, and the mean squared difference
        between their predictions and its own on new samples, in squared units of `y`. Of a certified fit, the support
        alone.
    selection_tolerance_ : float
        The largest such difference that is small beside the uncertainty of the average: the first size within it is
        chosen, or fewer columns where `y` is hardly distinguished from noise.
    n_samples_seen_ : int
        Samples of all blocks that :meth:`partial_fit` has taken in, those of weight 0 not counted; only after that.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    PreconditionedVae : The model whose decoder is preconditioned.
    fit_many : Many responses on one design.

    Notes
    -----
    The certificate holds if a solution has fewer nonzeros than the design has rank, leaves a residual within rounding
    of every sample (in the numbers given, means included), each column explains at least 1,000 times that, the solution
    is not to be matched by accident (a bound over all supports of its size), and no exchange of a column would do as
    well. It holds for noise-free data only; with noise, look at `coef_var_`. It also takes data to be in general
    position: where entries repeat and coefficients are small multiples of each other, or nonzeros more than half the
    rank, another solution may be as sparse by coincidence, and none is given. Then, and where noise is hardly above
    rounding, a solution with all else in its favour has ``status_`` "converged".

    A sample that repeats another one, response included, is counted once: the same noise is in it.

    "adam" minimises eq. 13 with one draw of the latent a step, in ``O(n_features * (n_features + n_samples))``: about 2
    s for its 50,000 steps at 100 x 200. It works in the units of the data, and its numbers (initial noise variance 0.1,
    initial weights, learning rates) are the paper's, for columns of norm 1 and coefficients of order 1: scale the data
    so. The encoder factor is triangular, from the law that the paper's square one has. A step leaves at least half of
    the noise variance: unbounded steps, as in the code published with the paper, can take it below 0, which ends that
    training with NaN.

    A design of at least 3,000 columns, and 8 times as many as samples, is searched by a working set of its columns, on
    a copy of them: those that correlate most with `y`, a sample of all that stands for them in the background, and
    those that a pass over all columns with the residuals of the support path adds, until the best support stays. Priors
    and tests count all columns. Those outside of the working set have inclusion probability 0. Data that look free of
    noise, and are not certified so, are searched anew on all columns, and so are designs with `prior_odds` or
    `positive`.

    The posterior is that of the model ``y = X b + X c + e`` of a few effects ``b``, a dense background ``c`` and noise,
    sampled in 60 to 260 sweeps, or 500 to 4,100 with `model_averaging`, and at most `max_iter`, over at most 20 effects
    or ten more than a first search has found, each taken away in turn and its column drawn anew from all and none, with
    the variances and the number of effects drawn between sweeps (docs/theory/computed.md, "Averaging over supports").
    It costs ``O(n_samples**2 * (n_samples + n_features))`` once, during which Ctrl-C waits, two copies of `X`, and
    ``O(n_samples * n_features)`` a move. A given `noise_var` is taken as it is, down to 1e-12 of the mean square of
    `y`; any word means that it is drawn. The seed is `random_state`.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish: Forgetting Bad Conditioning in Sparse Linear Regression via
    Variational Autoencoders", ICML, sec. 4, Theorem 4.2 and eq. 24.

    Wang, Sarkar, Carbonetto and Stephens (2020), "A simple new approach to variable selection in regression, with
    application to genetic fine mapping", JRSS B 82: single effects and credible sets.

    Examples
    --------
    >>> from sparsevae import VaeSlr
    >>> from sparsevae.datasets import make_sparse_regression
    >>> data = make_sparse_regression(100, 200, n_nonzero=20, design="random_walk", random_state=0)
    >>> model = VaeSlr(fit_intercept=False).fit(data.X, data.y)
    >>> model.certified_, (model.support_ == data.support).all()
    (True, np.True_)
    """

    def __init__(
        self,
        *,
        optimizer: str = "auto",
        noise_var: str | float = "auto",
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
        positive: Any = False,
        fit_intercept: bool = True,
        random_state: RandomState = 0,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.optimizer = optimizer
        self.noise_var = noise_var
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
        self.positive = positive
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _prepare(self, X: Any, Y: NDArray[np.float64], arguments: dict[str, Any], sample_weight: Any) -> Prepared:
        names = getattr(self, "feature_names_in_", None)
        options = {name: getattr(self, name) for name in ("always_select", "prior_odds", "positive")}
        return Prepared(X, Y, arguments, sample_weight=sample_weight, names=names, **options)

    def _absorb(
        self, report: "_core.FitReport", n_samples: float, precision: float, prepared: Prepared, response: int = 0
    ) -> None:
        super()._absorb(report, n_samples, precision, prepared, response)
        posterior = report["posterior"]
        self._absorb_posterior(posterior)
        if posterior is not None and self.model_averaging:
            intercept = float(posterior["intercept"][0])
            dtype = result_dtype(precision, max(np.abs(posterior["coef"]).max(), abs(intercept)))
            self.coef_, self.intercept_ = posterior["coef"].astype(dtype), dtype(intercept)

    def _predictive_var(self, X: Any) -> NDArray[np.float64]:
        return self._sampled_var(X) if self._is_sampled() else super()._predictive_var(X)
