"""The plain linear VAE for sparse linear regression."""

from .._input.random import RandomState
from ._base import LinearVae


class VaeSlr(LinearVae):
    r"""Sparse linear regression by a linear variational autoencoder.

    The decoder is ``N(X diag(w_x) z, noise_var * I)``. With its latent integrated out, the energy

    .. math:: y^T \Sigma^{-1} y + \log |\Sigma|, \qquad \Sigma = X \, \mathrm{diag}(w) \, X^T + \gamma I,

    keeps the sparsest solution as its minimum as ``noise_var`` (:math:`\gamma`) goes to 0, and has far fewer bad minima
    than the count of nonzeros. Noise-free data are searched until a certificate proves the solution to be the sparsest;
    noisy data get the support of best evidence, refitted by least squares.

    Parameters
    ----------
    optimizer : {"auto", "em", "mm", "mackay", "adam"}, default="auto"
        "em", "mm" and "mackay" descend on the energy: "em" is slow and best at staying out of bad minima while the
        noise is annealed, "mm" is fast and prunes early, "mackay" is fastest and need not descend. "auto" finds the
        same minimum faster: by expectation propagation on the same covariance for noise-free data, by a path over
        supports for noisy data, by "em" where these leave a doubt, and by "mm" at a given noise variance. "adam" is the
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
        Update steps over all rounds.
    tol : float, default=1e-6
        At a given or learned noise variance, descent stops once no prior variance moves by more than this share of the
        largest.
    n_steps : int, default=50_000
        Steps of "adam".
    learning_rate : float, default=0.01
        Learning rate of "adam" at the start.
    learning_rate_drop : float, default=0.01
        Factor of the learning rate of "adam" from the first step on whose bound is negative.
    support_rule : {"evidence", "ebic", "posterior"}, default="evidence"
        How columns are chosen where no certificate settles it. "evidence": marginal likelihood of the support. "ebic":
        extended BIC. "posterior": coefficients more than three posterior standard deviations from 0.
    fit_intercept : bool, default=True
        Whether to centre the data. Set it to False for designs without an intercept: it costs one sample.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the restarts. The same seed gives the same bits on any number of threads.
    verbose : bool or int, default=False
        Whether to show progress on standard error.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in units of `y` over units of the column; exact zeros off the support. Of the dtype of the data.
    intercept_ : float
        Intercept; 0 if `fit_intercept` is False.
    support_ : ndarray of shape (n_support,), int64
        Indices of the nonzero coefficients, ascending.
    prior_var_ : ndarray of shape (n_features,)
        Prior variance of each coefficient, the `w` of the energy.
    coef_var_ : ndarray of shape (n_features,)
        Posterior variance of each coefficient given the support; 0 off the support.
    support_cov_ : ndarray of shape (n_support, n_support)
        Posterior covariance of the coefficients on the support.
    noise_var_ : float
        Noise variance, in squared units of `y`. For certified fits a floor that stands for 0: 1e-12 of the mean square
        of `y`.
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
    status_ : {"certified", "converged", "iteration_limit", "noise_collapsed"}
        How the fit ended.
    certified_ : bool
        Whether the solution was proved to be the sparsest one: for almost all coefficients (see Notes), and up to what
        floating point can tell.
    posterior_mean_ : ndarray of shape (n_features,)
        Decoder scale times mean of the trained encoder, the paper's estimate of the coefficients, before columns are
        chosen. Only with "adam".
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
    well. It speaks of noise-free data only; with noise, look at `coef_var_`. It also takes data to be in general
    position: where entries repeat and coefficients are small multiples of each other, or nonzeros more than half the
    rank, another solution may be as sparse by coincidence, and none is given. Then, and where noise is hardly above
    rounding, a solution that all else speaks for has ``status_`` "converged".

    A sample that repeats another one, response included, is counted once: the same noise is in it.

    "adam" minimises eq. 13 with one draw of the latent a step, in ``O(n_features * (n_features + n_samples))``: about 2
    s for its 50,000 steps at 100 x 200. It works in the units of the data, and its numbers (initial noise variance 0.1,
    initial weights, learning rates) are the paper's, for columns of norm 1 and coefficients of order 1: scale the data
    so. The encoder factor is triangular, from the law that the paper's square one has. A step leaves at least half of
    the noise variance: unbounded steps, as in the code published with the paper, can take it below 0, which ends that
    training with NaN.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish: Forgetting Bad Conditioning in Sparse Linear Regression via
    Variational Autoencoders", ICML, sec. 4, Theorem 4.2 and eq. 24.

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
        support_rule: str = "evidence",
        fit_intercept: bool = True,
        random_state: RandomState = 0,
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
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.verbose = verbose
