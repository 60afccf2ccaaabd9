"""The batched solver beside the Rust core: coefficients, steps, certificates; shapes, dtypes and errors."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sparsevae import VaeSlr
from sparsevae.exceptions import (
    DataTypeError,
    DerivativeError,
    NonFiniteError,
    NumericalError,
    ParameterError,
    ShapeError,
)

torch = pytest.importorskip("torch")

from sparsevae.torch import solve_batch  # noqa: E402

TOLERANCE = 1e-8
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def draw(shape, n_nonzero, count, *, shared=False, noise=0.0, seed=0):
    """Designs with columns of all scales, coefficients and responses."""
    generator = torch.Generator().manual_seed(seed)
    d, n = shape
    X = torch.randn(*(() if shared else (count,)), d, n, dtype=torch.float64, generator=generator)
    X *= 10 * torch.rand(n, dtype=torch.float64, generator=generator) + 0.1
    Z = torch.zeros(count, n, dtype=torch.float64)
    for z in Z:
        chosen = torch.randperm(n, generator=generator)[:n_nonzero]
        z[chosen] = torch.randn(n_nonzero, dtype=torch.float64, generator=generator)
    Y = (X @ Z[..., None])[..., 0]
    return X, Z, Y + noise * torch.randn(Y.shape, dtype=torch.float64, generator=generator)


def by_core(X, y, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return VaeSlr(fit_intercept=False, support_rule="posterior", **options).fit(X.numpy(), y.numpy())


def relative(found, expected):
    return np.abs(found.numpy() - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("optimizer", ["em", "mm"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("shape", [(30, 60), (25, 12), (1, 3)])
def test_given_noise_is_the_core(shape, shared, optimizer):
    X, _, Y = draw(shape, min(3, shape[1]), 6, shared=shared, noise=0.3)
    found = solve_batch(X, Y, noise_var=0.09, optimizer=optimizer, batch_size=4)
    for p, y in enumerate(Y):
        own = X if shared else X[p]
        model = by_core(own, y, optimizer=optimizer, noise_var=0.09)
        w, design = model.prior_var_, own.numpy()
        covariance = (design * w) @ design.T + 0.09 * np.eye(len(y))
        assert relative(found.coef[p], w * (design.T @ np.linalg.solve(covariance, y.numpy()))) < TOLERANCE
        assert relative(found.prior_var[p], w) < TOLERANCE
        assert found.n_iter[p] == model.n_iter_
        assert found.converged[p] == (model.status_ == "converged")
    assert (found.noise_var == 0.09).all()


@pytest.mark.parametrize("optimizer", ["em", "mm"])
@pytest.mark.parametrize("shared", [True, False])
def test_annealed_noise_is_the_first_round_of_the_core(shared, optimizer):
    X, Z, Y = draw((30, 60), 13, 12, shared=shared)
    found = solve_batch(X, Y, optimizer=optimizer, batch_size=5)
    assert found.converged.any()
    assert len(found.n_iter.unique()) > 1
    for p, y in enumerate(Y):
        own = X if shared else X[p]
        model = by_core(own, y, optimizer=optimizer, noise_var="anneal", n_restarts=0)
        # What one descent leaves open the core may still settle by its path over supports.
        if model.n_iter_ <= 250:
            assert found.converged[p] == model.certified_
        if found.converged[p]:
            assert relative(found.coef[p], model.coef_) < TOLERANCE
            assert relative(found.prior_var[p], model.prior_var_) < TOLERANCE
            assert found.noise_var[p].item() == pytest.approx(model.noise_var_)
            assert found.n_iter[p] == model.n_iter_
            assert torch.allclose(found.coef[p], Z[p])
            assert ((found.coef[p] != 0) == (Z[p] != 0)).all()


@pytest.mark.parametrize("shared", [True, False])
def test_rounds_of_expectation_propagation_are_those_of_the_core(shared):
    X, Z, Y = draw((30, 60), 17, 8, shared=shared)
    X[..., -1], Z[:, -1] = 0.0, 0.0
    Y = (X @ Z[..., None])[..., 0]
    found = solve_batch(X, Y, n_restarts=40, batch_size=3)
    rounds = []
    for p, y in enumerate(Y):
        model = by_core(X if shared else X[p], y, noise_var="anneal", n_restarts=40)
        rounds.append(model.n_rounds_)
        assert found.converged[p] == model.certified_
        if model.certified_:
            assert relative(found.coef[p], model.coef_) < TOLERANCE
            assert relative(found.prior_var[p], model.prior_var_) < TOLERANCE
            assert found.noise_var[p].item() == pytest.approx(model.noise_var_)
            # After the first round the core takes a path over supports, whose steps count.
            assert found.n_iter[p] == model.n_iter_ if model.n_rounds_ == 1 else found.n_iter[p] < model.n_iter_
    assert min(rounds) == 1 < max(rounds)


def test_seeds_of_restarts_differ_and_repeat():
    X, _, Y = draw((20, 40), 12, 6)
    first, again, other = (solve_batch(X, Y, random_state=seed, n_restarts=100) for seed in (0, 0, 1))
    assert torch.equal(first.n_iter, again.n_iter)
    assert not torch.equal(first.n_iter, other.n_iter)


def test_expectation_propagation_finds_what_a_descent_does_not():
    X, Z, Y = draw((30, 60), 17, 20)
    by_rounds, by_descent = (solve_batch(X, Y, optimizer=name, n_restarts=10) for name in ("auto", "em"))
    assert by_rounds.converged.sum() > by_descent.converged.sum()
    assert torch.allclose(by_rounds.coef[by_rounds.converged], Z[by_rounds.converged])


def test_too_many_nonzeros_are_left_open():
    X, _, Y = draw((10, 20), 20, 4)
    found, descent = (solve_batch(X, Y, optimizer=name, n_restarts=2) for name in ("auto", "em"))
    assert not found.converged.any()
    assert (descent.n_iter == 250).all()
    assert (found.n_iter > 250).all()
    assert (found.n_iter <= 250 + 3 * 60).all()
    assert torch.equal(found.coef, descent.coef)
    assert torch.equal(found.noise_var, descent.noise_var)
    assert torch.allclose((X @ found.coef[..., None])[..., 0], Y, rtol=1e-3)


def test_a_copy_of_a_column_is_not_certified():
    X, Z, _ = draw((10, 20), 2, 1)
    X[0, :, 1] = X[0, :, 0]
    Z[0, :3] = torch.tensor([1.0, 0.0, 2.0])
    assert not solve_batch(X, (X @ Z[..., None])[..., 0], n_restarts=20).converged.any()


def test_steps_are_limited():
    X, _, Y = draw((10, 20), 3, 4, noise=0.1)
    for noise_var in ("anneal", 0.01):
        found = solve_batch(X, Y, noise_var=noise_var, max_iter=3)
        assert (found.n_iter == 3).all()
        assert not found.converged.any()


@pytest.mark.parametrize("noise_var", ["anneal", 0.01])
def test_zeros(noise_var):
    X, Z, Y = draw((10, 20), 1, 3)
    absent = (Z[1] == 0).nonzero()[0, 0]
    X[1, :, absent], Y[0] = 0.0, 0.0
    found = solve_batch(X, Y, noise_var=noise_var)
    assert found.converged.all()
    assert (found.coef[0] == 0).all()
    assert found.n_iter[0] == 0
    assert found.coef[1, absent] == 0
    assert torch.allclose(found.coef[1:], Z[1:], atol=1e-2 if noise_var == 0.01 else 1e-10)


def test_leading_dimensions_and_batch_size():
    X, _, Y = draw((10, 20), 2, 6, noise=0.1)
    noise = torch.linspace(0.01, 0.1, 3, dtype=torch.float64)
    found = solve_batch(X.reshape(2, 3, 10, 20), Y.reshape(2, 3, 10), noise_var=noise, batch_size=1)
    assert [tuple(value.shape) for value in found] == [(2, 3, 20), (2, 3, 20), (2, 3), (2, 3), (2, 3)]
    assert torch.equal(found.noise_var, noise.expand(2, 3))
    flat = solve_batch(X, Y, noise_var=noise.repeat(2))
    assert torch.allclose(found.coef.reshape(6, 20), flat.coef, rtol=1e-8, atol=1e-10)
    one = solve_batch(X[0], Y[0], noise_var=0.01)
    assert one.converged.shape == ()
    assert torch.allclose(one.coef, found.coef[0, 0], rtol=1e-8, atol=1e-10)
    assert solve_batch(X[0], Y[:0]).coef.shape == (0, 20)


@pytest.mark.parametrize("noise_var", ["anneal", 0.01])
def test_single_precision(noise_var):
    X, Z, Y = draw((20, 40), 3, 3)
    found = solve_batch(X.float(), Y.float(), noise_var=noise_var)
    assert {value.dtype for value in found[:3]} == {torch.float32}
    assert found.converged.all()
    exact = solve_batch(X.float().double(), Y.float().double(), noise_var=noise_var).coef if noise_var == 0.01 else Z
    assert (found.coef - exact).abs().max() < 1e-5 * exact.abs().max()


@needs_cuda
@pytest.mark.parametrize("noise_var", ["anneal", 0.01])
def test_cuda(noise_var):
    X, _, Y = draw((30, 60), 5, 20, noise=0.0 if noise_var == "anneal" else 0.1)
    here, there = (solve_batch(X.to(device), Y.to(device), noise_var=noise_var) for device in ("cpu", "cuda"))
    assert there.coef.is_cuda
    assert (here.coef - there.coef.cpu()).abs().max() < TOLERANCE * here.coef.abs().max()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
def test_the_default_search_finds_more_than_em_on_any_device(device):
    # Some of these problems need a restart, and some are left open.
    X, Z, Y = draw((30, 60), 18, 12)
    found, em = (
        solve_batch(X.to(device), Y.to(device), optimizer=optimizer, n_restarts=3) for optimizer in ("auto", "em")
    )
    assert found.coef.device.type == found.converged.device.type == device
    right = (found.coef.cpu() - Z).abs().amax(1) < TOLERANCE * Z.abs().amax(1)
    assert torch.equal(right, found.converged.cpu())
    assert right.sum() >= 9 > em.converged.sum()
    one = solve_batch(X[0].to(device), Y[0].to(device))
    assert one.converged
    assert (one.coef.cpu() - Z[0]).abs().max() < TOLERANCE * Z[0].abs().max()


def bad(**changes):
    X, _, Y = draw((5, 10), 2, 3)
    return {"X": X, "Y": Y, "noise_var": 0.1} | changes


ONES = torch.ones(3, 5, 10, dtype=torch.float64)
DEPENDENT = torch.cat([ONES[:, :1], 2 * ONES[:, :1], ONES[:, 2:].cumsum(-1)], 1)
LAST_DEPENDENT = torch.cat([draw((5, 10), 2, 2)[0], DEPENDENT[2:]])
MISTAKES = {
    "optimizer": (bad(optimizer="adam"), ParameterError, "`optimizer` is 'adam'"),
    "n_restarts": (bad(n_restarts=-1), ParameterError, "`n_restarts` is -1"),
    "random_state": (bad(random_state="one"), ParameterError, "`random_state` is 'one'"),
    "max_iter": (bad(max_iter=0), ParameterError, "`max_iter` is 0"),
    "max_iter type": (bad(max_iter=1.5), ParameterError, "`max_iter` is 1.5"),
    "tol": (bad(tol=-1.0), ParameterError, "`tol` is -1.0"),
    "batch_size": (bad(batch_size=0), ParameterError, "`batch_size` is 0"),
    "noise word": (bad(noise_var="learn"), ParameterError, "`noise_var` is 'learn'"),
    "noise": (bad(noise_var=0.0), ParameterError, "`noise_var` must be greater than 0"),
    "noise shape": (bad(noise_var=torch.ones(2, dtype=torch.float64)), ShapeError, "do not broadcast"),
    "response": (bad(Y=torch.ones(3, 4, dtype=torch.float64)), ShapeError, "`Y` has shape"),
    "design": (bad(X=torch.ones(5, dtype=torch.float64)), ShapeError, "`X` has shape"),
    "no rows": (bad(X=ONES[:, :0], Y=torch.ones(3, 0, dtype=torch.float64)), ShapeError, "at least one of each"),
    "half": (bad(X=torch.ones(5, 10, dtype=torch.float16)), DataTypeError, "`X` has dtype"),
    "mixed": (bad(X=torch.ones(5, 10)), DataTypeError, "`Y` has dtype"),
    "array": (bad(Y=np.ones((3, 5))), DataTypeError, "`Y` is of type ndarray"),
    "meta": (bad(X=torch.ones(5, 10, dtype=torch.float64, device="meta")), DataTypeError, "meta device"),
    "sparse": (bad(X=torch.eye(5, 10, dtype=torch.float64).to_sparse()), DataTypeError, "`X` is sparse"),
    "complex": (bad(X=torch.ones(5, 10, dtype=torch.complex128)), DataTypeError, "Complex data"),
    "nan": (bad(X=torch.full((5, 10), torch.nan, dtype=torch.float64)), NonFiniteError, "`X` has a NaN"),
    "gradient": (bad(X=torch.ones(5, 10, dtype=torch.float64, requires_grad=True)), DerivativeError, "use recover"),
    "tall": (bad(X=ONES.mT, Y=ONES[:, 0], noise_var="anneal"), ShapeError, "fewer samples than features"),
    "dependent rows": (bad(X=DEPENDENT[0], noise_var="anneal"), NumericalError, "^`X` has linearly dependent rows"),
    "one of dependent rows": (bad(X=LAST_DEPENDENT, noise_var="anneal"), NumericalError, "problem 2: `X` has linearly"),
    "no precision": (bad(X=ONES, noise_var=1e-30), NumericalError, "problem 0: the covariance"),
    "overflow": (bad(X=1e-300 * ONES, noise_var=1.0), NumericalError, "beyond the range"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    arguments, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        solve_batch(**arguments)


def test_no_gradient_is_recorded():
    X, _, Y = draw((5, 10), 2, 3)
    X.requires_grad_()
    with torch.no_grad():
        found = solve_batch(X, Y)
    assert not found.coef.requires_grad
