"""The autoencoder's objective with penalties other than the logarithm: eqs. 8 and 46 to 49, Corollary 4.6."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sparsevae.baselines import ConcaveAutoencoder
from sparsevae.exceptions import ParameterError
from sparsevae.theory import autoencoder_energy


def softened(squares):
    """The best of ``s / w + log(1 + w)``, and its slope."""
    w = (squares + np.sqrt(squares**2 + 4 * squares)) / 2
    return squares / w + np.log1p(w), 1 / w


def bounded(squares):
    """A concave function of the row norm, ``1 - exp(-norm)``."""
    norms = np.sqrt(squares)
    return -np.expm1(-norms), np.exp(-norms) / (2 * norms)


def problem(seed, n_responses=2):
    rng = np.random.default_rng(seed)
    X, coef = rng.standard_normal((5, 7)), rng.standard_normal((n_responses, 7))
    return X, X @ coef.T + 0.1 * rng.standard_normal((5, n_responses)), coef


@pytest.mark.parametrize("penalty", ["log", 0.3, 1, softened], ids=["log", "0.3", "1", "any"])
@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_the_objective_is_what_the_estimator_descends(penalty, weight):
    X, Y, _ = problem(0)
    model = ConcaveAutoencoder(penalty=penalty, weight=weight, noise_var=0.05, tol=1e-10, fit_intercept=False)
    model.fit(X, Y)
    smoothing = 1e-12
    found, near = (
        autoencoder_energy(X, Y, coef, 0.05, penalty=penalty, log_weight=weight, smoothing=smoothing)
        for coef in (model.coef_, model.coef_ + 1e-3 * (model.coef_ != 0))
    )
    assert found < near
    if penalty == "log":
        # The estimator leaves the constant out, and its zero rows are at another smoothing.
        support = model.support_
        misfit = np.sum((Y - model.predict(X)) ** 2) / 0.05
        rows = np.sum(model.coef_[:, support] ** 2, axis=0)
        zero = (7 - len(support)) * np.log(smoothing)
        assert found == pytest.approx(misfit + weight * (7 * (1 - np.log(weight)) + np.log(rows).sum() + zero))
    else:
        assert found == pytest.approx(model.objective_, abs=weight * 7 * (1e-3 if penalty == 0.3 else 1e-5) * 50)


@pytest.mark.parametrize(
    ("penalty", "of_codes"),
    [
        ("log", np.log),
        # Eq. 49: the power of the row norm comes from a power of the codes' squared norms.
        (0.5, lambda w: 0.75 * (w / 3) ** (1 / 3)),
        (softened, np.log1p),
    ],
    ids=["log", "0.5", "any"],
)
def test_lemma_d_2_the_penalty_is_that_of_scales_and_codes_at_their_best(penalty, of_codes):
    X, Y, coef = problem(1)
    factor = 1.0
    if penalty == 0.5:
        # `h` is a multiple of `w ** (p / (2 - p))`; the one with which the penalty is the power itself.
        lone = minimize_scalar(lambda t: np.exp(-t) + of_codes(np.exp(t)), bounds=(-20, 20), options={"xatol": 1e-12})
        factor = lone.fun
    expected = np.sum((Y - X @ coef.T) ** 2) / 0.3
    for square in np.sum(coef**2, axis=0):
        found = minimize_scalar(
            lambda t, s=square: s * np.exp(-t) + of_codes(np.exp(t)), bounds=(-20, 20), options={"xatol": 1e-10}
        )
        expected += found.fun / factor
    assert autoencoder_energy(X, Y, coef, 0.3, penalty=penalty) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("penalty", "response"),
    # Where the slope of the penalty at 0 is finite, the response is one that does not quite make up for it.
    [("log", 9.5), (0.3, 9.5), (0.7, 9.5), (softened, 9.5), (bounded, 4.75)],
    ids=["log", "0.3", "0.7", "softened", "bounded"],
)
def test_corollary_4_6_every_strictly_concave_penalty_leaves_two_minima_of_one_free_row(penalty, response):
    scales = np.r_[0.0, np.geomspace(1e-9, 12.0, 3001)]

    def minima(penalty):
        cost = [
            autoencoder_energy([[1.0]], [[response]], [[scale]], 10.0, penalty=penalty, smoothing=1e-24)
            for scale in scales
        ]
        inner = np.r_[np.inf, cost, np.inf]
        return scales[np.flatnonzero((inner[1:-1] < inner[:-2]) & (inner[1:-1] < inner[2:]))]

    found = minima(penalty)
    assert len(found) == 2
    assert found[0] == 0
    # The norm itself is convex, with one.
    assert len(minima(1)) == 1


def test_a_power_has_a_finite_cost_where_rows_are_zero():
    X, Y, coef = problem(2)
    none, one = np.zeros_like(coef), np.where(np.arange(7) == 3, coef, 0)
    assert autoencoder_energy(X, Y, none, 2.0, penalty=0.5) == pytest.approx(np.sum(Y**2) / 2)
    misfit = np.sum((Y - X[:, [3]] @ coef[:, [3]].T) ** 2) / 2
    value = autoencoder_energy(X, Y, one, 2.0, penalty=0.5, log_weight=4)
    assert value == pytest.approx(misfit + 4 * np.sum(coef[:, 3] ** 2) ** 0.25)
    assert autoencoder_energy(X, Y, one, 2.0) == -np.inf


@pytest.mark.parametrize("penalty", ["l1", "marginal", 0, -0.5, 1.1, np.nan, True, None, lambda squares: squares])
def test_penalties_that_cannot_be_used_are_refused_by_name(penalty):
    X, Y, coef = problem(0)
    with pytest.raises(ParameterError, match="`penalty`"):
        autoencoder_energy(X, Y, coef, 1.0, penalty=penalty)
