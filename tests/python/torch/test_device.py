"""Data on a CUDA device: descents run there, and results are those of the core alone.

Where there is no such device, the host's memory stands for it.
"""

import inspect

import numpy as np
import pytest
import sklearn
from problems import quietly
from sklearn.exceptions import ConvergenceWarning
from sparsevae import PreconditionedVae, VaeSlr, fit_many
from sparsevae._input import interchange
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import ParameterError

torch = pytest.importorskip("torch")

from sparsevae.torch._backend import TorchBackend  # noqa: E402

CLEAN = make_sparse_regression(30, 60, n_nonzero=6, design="random_walk", random_state=0)
NOISY = make_sparse_regression(30, 60, n_nonzero=3, snr_db=20, random_state=1)
HARD = make_sparse_regression(20, 60, n_nonzero=15, random_state=2)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


class Recorder:
    """A backend in the memory of the host, and what each of its descents returned."""

    def __init__(self):
        self.backend, self.descents = TorchBackend(torch.device("cpu")), []

    def descend(self, *arguments):
        self.descents.append(self.backend.descend(*arguments))
        return self.descents[-1]


@pytest.fixture
def device():
    return Recorder()


def assert_same(found, expected, rtol=1e-9):
    assert (found.status_, found.certified_) == (expected.status_, expected.certified_)
    np.testing.assert_array_equal(found.support_, expected.support_)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(found.energy_, expected.energy_, rtol=1e-8)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, rtol=rtol, atol=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("optimizer", ["em", "mm"])
@pytest.mark.parametrize("noise_var", ["auto", "anneal"])
def test_a_certified_descent_ends_the_search(device, noise_var, optimizer, fit_intercept):
    X, y = CLEAN.X + 3.0, CLEAN.y + 2.0 * fit_intercept
    X[:, 7] = 5.0
    y = y - CLEAN.coef[7] * CLEAN.X[:, 7] + (0.0 if fit_intercept else -3.0 * CLEAN.coef.sum())
    model = VaeSlr(optimizer=optimizer, noise_var=noise_var, fit_intercept=fit_intercept)
    found = quietly(model.fit, X, y, backend=device)
    (steps,) = device.descents[0][1]
    alone = quietly(VaeSlr(optimizer=optimizer, noise_var=noise_var, fit_intercept=fit_intercept).fit, X, y)
    assert_same(found, alone)
    if fit_intercept:
        assert found.certified_
        assert (found.n_iter_, found.n_rounds_) == (steps, 0)
        assert found.n_iter_ == alone.n_iter_


def test_at_a_given_noise_variance_the_posterior_over_supports_needs_no_descent(device):
    found = VaeSlr(noise_var=NOISY.noise_var).fit(NOISY.X, NOISY.y, backend=device)
    assert not device.descents
    assert_same(found, VaeSlr(noise_var=NOISY.noise_var).fit(NOISY.X, NOISY.y))


@pytest.mark.parametrize("optimizer", ["em", "mm"])
def test_a_given_noise_variance_leads_to_the_same_minimum(device, optimizer):
    options = {"optimizer": optimizer, "noise_var": NOISY.noise_var, "tol": 1e-9, "max_iter": 100_000}
    found = VaeSlr(**options).fit(NOISY.X, NOISY.y, backend=device)
    assert found.n_iter_ > device.descents[0][1][0]
    alone = VaeSlr(**options).fit(NOISY.X, NOISY.y)
    assert_same(found, alone)
    assert found.n_iter_ - alone.n_iter_ <= 3


def test_steps_on_the_device_count_towards_the_limit(device):
    with pytest.warns(ConvergenceWarning):
        model = VaeSlr(optimizer="em", noise_var=0.01, max_iter=20).fit(NOISY.X, NOISY.y, backend=device)
    assert device.descents[0][1] == [20]
    assert (model.n_iter_, model.status_) == (21, "iteration_limit")


def test_what_is_not_certified_there_is_searched_by_the_core(device):
    X, y = HARD.X, HARD.y
    model = VaeSlr(optimizer="em", noise_var="anneal", n_restarts=3)
    found = quietly(model.fit, X, y, backend=device)
    assert device.descents[0][1] == [250]
    assert_same(found, quietly(VaeSlr(optimizer="em", noise_var="anneal", n_restarts=3).fit, X, y))


@pytest.mark.parametrize("model", [VaeSlr(), VaeSlr(optimizer="em"), PreconditionedVae(noise_var="anneal")], ids=repr)
def test_many_responses_descend_side_by_side(device, model):
    rng = np.random.default_rng(0)
    coef = np.zeros((60, 4))
    for k, z in enumerate(coef.T):
        z[rng.choice(60, 3 + k, replace=False)] = rng.standard_normal(3 + k)
    Y = CLEAN.X @ coef
    found = fit_many(model, CLEAN.X, Y, backend=device)
    assert len(device.descents) == 1
    assert [one.n_iter_ for one in found] == device.descents[0][1]
    for one, alone in zip(found, fit_many(model, CLEAN.X, Y), strict=True):
        assert one.certified_
        assert_same(one, alone)


def test_arrays_in_any_memory_order_are_taken(device):
    X, y = np.asfortranarray(CLEAN.X), CLEAN.y[::-1].copy()[::-1]
    X.flags.writeable = False
    assert VaeSlr(optimizer="em").fit(X, y, backend=device).certified_
    assert device.descents[0] is not None


def test_float32_data_are_certified_by_their_own_precision(device):
    X, y = CLEAN.X.astype(np.float32), (CLEAN.X.astype(np.float32) @ CLEAN.coef).astype(np.float32)
    found = VaeSlr(optimizer="em", noise_var="anneal").fit(X, y, backend=device)
    assert found.certified_
    assert found.n_rounds_ == 0
    assert_same(found, VaeSlr(optimizer="em", noise_var="anneal").fit(X, y), rtol=1e-5)


ELSEWHERE = {
    "the default search": VaeSlr(),
    "another rule": VaeSlr(optimizer="mackay", noise_var=0.1),
    "learned noise": VaeSlr(optimizer="em", noise_var="learn"),
    "the preconditioned energy": PreconditionedVae(optimizer="em", noise_var=0.1),
}


@pytest.mark.parametrize("model", ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_only_the_core_has_is_left_to_it(device, model):
    quietly(model.fit, NOISY.X, NOISY.y, backend=device)
    assert device.descents == []


LEFT = {
    "more samples than features": (NOISY.X[:, :20], "anneal"),
    "dependent rows": (np.concatenate([NOISY.X[:29], NOISY.X[28:29]]), "anneal"),
    "one sample": (NOISY.X[:1], "anneal"),
    "float64 that does not suffice": (NOISY.X[:, [0, 0, 1, 1, 2] * 12], 1e-30),
}


@pytest.mark.parametrize(("X", "noise_var"), LEFT.values(), ids=LEFT)
def test_what_the_device_cannot_do_is_left_to_the_core(device, X, noise_var):
    model = VaeSlr(optimizer="em", noise_var=noise_var, n_restarts=1, max_iter=50)

    def outcome(backend=None):
        try:
            return quietly(model.fit, X, NOISY.y[: len(X)], backend=backend).coef_
        except ArithmeticError as error:
            return str(error)

    found = outcome(device)
    assert device.descents == [None]
    np.testing.assert_array_equal(found, outcome())


def test_parameters_are_refused_before_the_descent(device):
    for options in ({"tol": -1.0}, {"noise_var": -1.0}, {"support_rule": "none"}):
        with pytest.raises(ParameterError):
            VaeSlr(**{"optimizer": "em", "noise_var": 0.1, **options}).fit(NOISY.X, NOISY.y, backend=device)
    assert device.descents == []


def test_functions_are_handed_the_backend_of_the_device_of_their_tensors(monkeypatch):
    place = torch.device("cuda", 0)

    def read(_name, tensor, _torch):
        return tensor.numpy(), interchange.Origin(torch, place)

    @interchange.exchange
    def ask(X, *, backend=None):
        return f"{type(X).__name__} of {backend and backend.device}"

    monkeypatch.setattr(interchange, "_tensor_to_numpy", read)
    assert ask(torch.ones(2)) == "ndarray of cuda:0"
    assert ask(np.ones(2)) == "ndarray of None"
    place = torch.device("xpu", 0)
    assert ask(torch.ones(2)) == "ndarray of None"


@pytest.mark.parametrize("function", [VaeSlr.fit, PreconditionedVae.fit, fit_many])
def test_no_signature_shows_the_backend(function):
    assert "backend" not in inspect.signature(function).parameters


def test_scikit_learn_routes_weights_and_no_backend():
    with sklearn.config_context(enable_metadata_routing=True):
        VaeSlr().set_fit_request(sample_weight=True)
        with pytest.raises(TypeError, match="backend"):
            VaeSlr().set_fit_request(backend=True)


@needs_cuda
@pytest.mark.parametrize("noise_var", ["auto", 0.1])
def test_a_fit_of_cuda_tensors_is_that_of_arrays(noise_var):
    X, y = (torch.from_numpy(values).cuda() for values in (CLEAN.X, CLEAN.y))
    found = VaeSlr(optimizer="em", noise_var=noise_var, max_iter=100_000).fit(X, y)
    assert found.coef_.device == X.device
    alone = VaeSlr(optimizer="em", noise_var=noise_var, max_iter=100_000).fit(CLEAN.X, CLEAN.y)
    np.testing.assert_array_equal(found.support_.cpu(), alone.support_)
    np.testing.assert_allclose(found.coef_.cpu(), alone.coef_, rtol=1e-8, atol=1e-10)
