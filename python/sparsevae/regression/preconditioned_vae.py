"""The linear VAE whose decoder is preconditioned."""

from .._input.random import RandomState
from ._base import LinearVae


class PreconditionedVae(LinearVae):
    r"""Sparse linear regression by a linear variational autoencoder with a preconditioned decoder.

    The decoder is ``N(P X diag(w_x) z, noise_var * I)`` for the response ``P y``, with

    .. math:: P = (X X^T + \gamma I)^{-p}, \qquad \gamma = \mathrm{noise\_var}, \quad p = \mathrm{power}.

    The paper has :math:`p = 1`. At zero noise the minima of its energy are those of :class:`VaeSlr` for every `power`,
    and so are the results of ``optimizer="auto"``; what changes is the path of a descent ("em", "mm", "mackay"), on
    which 1/2 does best and 1 worst, and the meaning of a noise variance that is given or learned.

    Parameters
    ----------
    power : float, default=0.5
        Power of the preconditioner, between 0 (none) and 2; 1 as in the paper.
    optimizer : {"auto", "em", "mm", "mackay", "adam"}, default="auto"
        As in :class:`VaeSlr`.
    noise_var : {"auto", "anneal", "learn"} or float, default="auto"
        "auto" and "anneal" as in :class:`VaeSlr`. A float is the variance of the decoder of ``P y`` and the number in
        `P`, as in the paper: it is not the variance of the noise in `y`, and rescaling `X` changes what it means.
        "learn" follows the exact gradient through `P`, down to a floor. With "adam", "auto" and "learn" train it.
    n_restarts : int, default=500
        As in :class:`VaeSlr`. Restarts of annealed descents go over other powers.
    max_iter : int, default=8000
        As in :class:`VaeSlr`.
    tol : float, default=1e-6
        As in :class:`VaeSlr`.
    n_steps : int, default=50_000
        As in :class:`VaeSlr`.
    learning_rate : float, default=0.01
        As in :class:`VaeSlr`.
    learning_rate_drop : float, default=0.01
        As in :class:`VaeSlr`.
    support_rule : {"projection", "evidence", "ebic", "posterior"}, default="projection"
        As in :class:`VaeSlr`.
    fit_intercept : bool, default=True
        As in :class:`VaeSlr`.
    random_state : int, Generator, RandomState or None, default=0
        As in :class:`VaeSlr`.
    n_jobs : int or None, default=None
        Threads that share a fit, -1 for one a core. None stands for one a core, but no more than OMP_NUM_THREADS says,
        if the design has 2^23 entries or more, else for one. The same bits on any number of threads.
    verbose : bool or int, default=False
        As in :class:`VaeSlr`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in units of `y` over units of the column.
    sparse_coef_ : csr_array of shape (1, n_features)
        `coef_` as a sparse row of SciPy.
    intercept_ : float
        Intercept.
    support_ : ndarray of shape (n_support,), int64
        Indices of the nonzero coefficients.
    prior_var_ : ndarray of shape (n_features,)
        Prior variance of each coefficient.
    coef_var_ : ndarray of shape (n_features,)
        Posterior variance of each coefficient, as in :class:`VaeSlr`.
    support_cov_ : ndarray of shape (n_support, n_support)
        Posterior covariance on the support, as in :class:`VaeSlr`.
    noise_var_ : float
        Noise variance; that of the preconditioned decoder if `noise_var` is a float or "learn", where `predict` takes
        the noise of `y` from the residual.
    energy_ : float
        Energy at `prior_var_` and `noise_var_`: preconditioned if `noise_var` is a float or "learn", else as in
        :class:`VaeSlr`.
    energy_path_ : ndarray
        As in :class:`VaeSlr`.
    n_iter_, n_rounds_, n_passes_ : int
        Update steps, rounds, and passes over all columns of a wide design; as of :class:`VaeSlr`.
    status_ : str
        As in :class:`VaeSlr`.
    certified_ : bool
        As in :class:`VaeSlr`.
    condition_number_ : tuple of two floats
        Condition numbers of `X` and of `P X`, in the directions that `X` reaches: with the columns scaled to norm 1 and
        ``noise_var=0`` in `P` where noise is "auto" or "anneal", at the trained one with "adam", else as given. The
        second need not be smaller than the first. NaN if all columns are constant.
    posterior_mean_ : ndarray of shape (n_features,)
        As in :class:`VaeSlr`.
    decoder_scale_, encoder_weights_, encoder_factor_ : ndarray
        The trained decoder and encoder, as in :class:`VaeSlr`, but that the encoder sees `P` times what it sees there:
        its mean is :math:`W P y`, `posterior_mean_` is :math:`\mathrm{diag}(w_x) W P y`.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `X` has them.

    See Also
    --------
    VaeSlr : The model without a preconditioner.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish: Forgetting Bad Conditioning in Sparse Linear Regression via
    Variational Autoencoders", ICML, sec. 4.1, Theorem 4.4, Lemma 4.3 and eqs. 17-18.

    Examples
    --------
    >>> from sparsevae import PreconditionedVae
    >>> from sparsevae.datasets import make_sparse_regression
    >>> data = make_sparse_regression(100, 200, n_nonzero=20, design="random_walk", random_state=0)
    >>> model = PreconditionedVae(fit_intercept=False).fit(data.X, data.y)
    >>> model.certified_
    True
    >>> before, after = model.condition_number_
    >>> after < before
    True
    """

    _power_parameter = "power"

    def __init__(
        self,
        *,
        power: float = 0.5,
        optimizer: str = "auto",
        noise_var: str | float = "auto",
        n_restarts: int = 500,
        max_iter: int = 8000,
        tol: float = 1e-6,
        n_steps: int = 50_000,
        learning_rate: float = 1e-2,
        learning_rate_drop: float = 1e-2,
        support_rule: str = "projection",
        fit_intercept: bool = True,
        random_state: RandomState = 0,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.power = power
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
        self.n_jobs = n_jobs
        self.verbose = verbose
