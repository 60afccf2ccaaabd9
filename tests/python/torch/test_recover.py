"""Gradients through a fit: finite differences, batches, errors, and a dictionary learned with them."""

import pytest
from sparsevae.exceptions import (
    DataTypeError,
    DerivativeError,
    NonFiniteError,
    NumericalError,
    ParameterError,
    ShapeError,
)

torch = pytest.importorskip("torch")

from sparsevae.torch import marginal_energy, recover, solve_batch  # noqa: E402


def draw(d=12, n=20, leading=(), *, shared=True, seed=0):
    """Design, response and noise variance with gradients, and weights of the coefficients."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    X = normal(d, n) if shared else normal(*leading, d, n)
    Z = torch.zeros(*leading, n, dtype=torch.float64)
    Z[..., :3] = torch.tensor([1.5, -2.0, 1.0])
    y = (X @ Z[..., None])[..., 0] + 0.1 * normal(*leading, d)
    noise = 0.05 + 0.1 * torch.rand(leading, dtype=torch.float64, generator=generator)
    return [value.requires_grad_() for value in (X, y, noise)], normal(*leading, n)


def differences(function, arguments, which, step=1e-5):
    """Central finite differences of a number."""
    slopes = torch.zeros_like(arguments[which])
    with torch.no_grad():
        for i in range(slopes.numel()):
            move = torch.zeros(slopes.numel(), dtype=torch.float64)
            move[i] = step
            ends = []
            for sign in (1, -1):
                moved = list(arguments)
                moved[which] = moved[which] + sign * move.view(slopes.shape)
                ends.append(function(*moved).item())
            slopes.view(-1)[i] = (ends[0] - ends[1]) / (2 * step)
    return slopes


@pytest.mark.parametrize(
    ("shape", "leading", "shared"),
    [((12, 20), (), True), ((8, 14), (2,), False), ((8, 14), (2, 2), True), ((20, 8), (), True)],
)
def test_finite_differences(shape, leading, shared):
    arguments, weights = draw(*shape, leading, shared=shared)

    def loss(*values):
        return (recover(*values) * weights).sum()

    slopes = torch.autograd.grad(loss(*arguments), arguments)
    for which, slope in enumerate(slopes):
        expected = differences(loss, arguments, which)
        assert slope.shape == arguments[which].shape
        assert (slope - expected).abs().max() < 1e-6 * expected.abs().max()


def test_gradcheck():
    arguments, _ = draw(6, 9, (2,), shared=False)
    assert torch.autograd.gradcheck(recover, arguments, atol=1e-6)


def test_the_minimum_is_that_of_majorisation_or_lower():
    arguments, _ = draw(10, 25, (30,), seed=3)
    X, y, noise = (value.detach() for value in arguments)
    coef = recover(X, y, noise)
    near = solve_batch(X, y, noise_var=noise, optimizer="mm", tol=1e-12, max_iter=20_000)
    same = (coef - near.coef).abs().amax(-1) < 1e-6
    assert same.float().mean() > 0.8
    # Elsewhere majorisation has lost a column, and Newton's method has gone on. At a minimum `u^2 = w^2 s`.
    w = coef.abs()
    for _ in range(3000):
        covariance = (X * w[:, None, :]) @ X.mT + noise[:, None, None] * torch.eye(10, dtype=X.dtype)
        s = (X * torch.linalg.solve(covariance, X.expand(30, 10, 25))).sum(-2)
        w = coef.abs() / s.sqrt()
    energies = [marginal_energy(at, noise, X, y[..., None]) for at in (w, near.prior_var)]
    assert (energies[0] <= energies[1] + 1e-6).all()


def test_orthogonal_columns_have_closed_form():
    y = torch.tensor([3.0, -2.0, 0.5, 0.0], dtype=torch.float64, requires_grad=True)
    noise = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    coef = recover(torch.eye(4, dtype=torch.float64), y, noise)
    assert torch.allclose(coef, torch.tensor([3 - 1 / 3, -2 + 1 / 2, 0.0, 0.0], dtype=torch.float64))
    coef.sum().backward()
    assert torch.allclose(y.grad, torch.tensor([1 + 1 / 9, 1 + 1 / 4, 0.0, 0.0], dtype=torch.float64))
    assert noise.grad.item() == pytest.approx(-1 / 3 + 1 / 2)


def test_columns_off_the_support_have_no_gradient():
    (X, y, noise), weights = draw()
    coef = recover(X, y, noise)
    (coef * weights).sum().backward()
    outside = coef == 0
    assert outside.any()
    assert (X.grad[:, outside] == 0).all()
    assert (X.grad[:, ~outside] != 0).any()


def test_scales_do_not_matter():
    (X, y, noise), _ = draw()
    scales = torch.logspace(-4, 4, X.shape[1], dtype=torch.float64)
    coef = recover(X * scales, 1e3 * y, 1e6 * noise)
    assert torch.allclose(coef * scales, 1e3 * recover(X, y, noise), rtol=1e-7)


def test_one_noise_variance_or_many_and_threads():
    (X, y, _), _ = draw(leading=(4,))
    one = recover(X, y, 0.1)
    assert torch.allclose(one, recover(X, y, torch.full((4,), 0.1, dtype=torch.float64)), rtol=1e-12, atol=0)
    assert torch.equal(one, recover(X, y, 0.1, n_jobs=2))
    apart = torch.stack([recover(X, single, 0.1) for single in y])
    assert torch.allclose(one, apart, rtol=1e-9, atol=1e-12)


def test_single_precision():
    (X, y, noise), weights = draw()
    singles = [value.detach().float().requires_grad_() for value in (X, y, noise)]
    coef = recover(*singles)
    assert coef.dtype == torch.float32
    slopes = torch.autograd.grad((coef * weights.float()).sum(), singles)
    expected = torch.autograd.grad((recover(X, y, noise) * weights).sum(), (X, y, noise))
    for slope, exact in zip(slopes, expected, strict=True):
        assert slope.dtype == torch.float32
        assert (slope - exact).abs().max() < 1e-4 * exact.abs().max()


def test_zero_response_and_empty_batch():
    (X, _, _), _ = draw()
    y = torch.zeros(2, 12, dtype=torch.float64, requires_grad=True)
    coef = recover(X, y, 0.1)
    assert (coef == 0).all()
    coef.sum().backward()
    assert (y.grad == 0).all()
    nothing = torch.zeros(0, 12, dtype=torch.float64, requires_grad=True)
    recover(X, nothing, 0.1).sum().backward()
    assert nothing.grad.shape == (0, 12)


def test_equal_columns_are_refused():
    (X, y, noise), _ = draw()
    twice = torch.cat([X, X[:, :1]], -1)
    with pytest.raises(NumericalError, match="problem 0: the Hessian of the energy is singular"):
        recover(twice, y, noise)


def test_derivatives_beyond_float64_are_refused():
    (X, y, _), _ = draw()
    with pytest.raises(NumericalError, match="problem 0: the energy's derivatives are beyond the range of float64"):
        recover(X * 1e154, y, 1.0)


def test_a_column_that_is_as_good_as_lost_leaves(monkeypatch):
    X = torch.tensor([[-0.71, -0.49, -0.48], [2.08, -0.46, 1.25]], dtype=torch.float64)
    y = torch.tensor([-0.06, 0.09], dtype=torch.float64)
    coef = recover(X, y, 0.01)
    assert coef.nonzero().tolist() == [[2]]
    # Majorisation may end with a first column that is best at 0 and parallel to the third, so that the Hessian of both
    # is indefinite, but too small to lower the energy when it leaves.
    descended = torch.tensor([[2.5e-13, 0.07, 6e-4]], dtype=torch.float64)
    monkeypatch.setattr("sparsevae.torch._minimum._descend", lambda *_: descended)
    assert torch.allclose(recover(X, y, 0.01), coef, rtol=1e-9, atol=0)


def test_second_derivatives_are_refused():
    (X, y, noise), weights = draw()
    loss = (recover(X, y, noise) * weights).sum()
    for slope in torch.autograd.grad(loss, (X, y, noise), create_graph=True):
        # The rest of the sum has derivatives, so that a missing one would not be noticed.
        with pytest.raises(DerivativeError, match="first derivatives only"):
            (slope.sum() + y.sum()).backward(retain_graph=True)


# PyTorch prepares forward mode by what it has itself deprecated.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")
def test_forward_mode_is_refused():
    (X, y, noise), _ = draw()
    with pytest.raises(DerivativeError, match="only reverse mode"), torch.autograd.forward_ad.dual_level():
        recover(X, torch.autograd.forward_ad.make_dual(y.detach(), torch.ones_like(y)), noise)


MISTAKES = {
    "noise": ((ONES := torch.ones(3, 5, dtype=torch.float64), ONES[:, 0], 0.0), {}, ParameterError, "`noise_var`"),
    "response": ((ONES, ONES[0], 1.0), {}, ShapeError, "`y` has shape"),
    "half": ((ONES.half(), ONES[:, 0], 1.0), {}, DataTypeError, "`X` has dtype"),
    "nan": ((ONES, torch.nan * ONES[:, 0], 1.0), {}, NonFiniteError, "`y` has a NaN"),
    "max_iter": ((ONES, ONES[:, 0], 1.0), {"max_iter": 0}, ParameterError, "`max_iter` is 0"),
    "tol": ((ONES, ONES[:, 0], 1.0), {"tol": -1.0}, ParameterError, "`tol` is -1"),
    "n_jobs": ((ONES, ONES[:, 0], 1.0), {"n_jobs": 0}, ParameterError, "`n_jobs` is 0"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    arguments, options, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        recover(*arguments, **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda():
    arguments, weights = draw(leading=(5,))
    there = [value.detach().cuda().requires_grad_() for value in arguments]
    slopes = torch.autograd.grad((recover(*there) * weights.cuda()).sum(), there)
    expected = torch.autograd.grad((recover(*arguments) * weights).sum(), arguments)
    for slope, exact in zip(slopes, expected, strict=True):
        assert slope.is_cuda
        assert (slope.cpu() - exact).abs().max() < 1e-7 * exact.abs().max()


def plant(dictionary, count, generator):
    """Draw samples of two atoms each, with noise of standard deviation 0.1, and their coefficients."""
    n = dictionary.shape[1]
    Z = torch.zeros(count, n, dtype=torch.float64)
    chosen = torch.rand(count, n, generator=generator).topk(2)[1]
    signs = torch.randn(count, 2, dtype=torch.float64, generator=generator).sign()
    Z.scatter_(1, chosen, signs * (1 + torch.rand(count, 2, dtype=torch.float64, generator=generator)))
    return Z, Z @ dictionary.T + 0.1 * torch.randn(count, len(dictionary), dtype=torch.float64, generator=generator)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_dictionary_is_learned(seed):
    generator = torch.Generator().manual_seed(seed)

    def loss(dictionary, Z, Y):
        # Not squared: a few samples with another support would have most of the gradient, which knows no jumps.
        return torch.linalg.vector_norm(recover(dictionary, Y, 0.01, tol=1e-3) - Z, dim=1).mean()

    def unit(dictionary):
        return dictionary / torch.linalg.vector_norm(dictionary, dim=0)

    true = unit(torch.randn(10, 12, dtype=torch.float64, generator=generator))
    noise = torch.randn(true.shape, dtype=torch.float64, generator=generator)
    atoms = (true + 0.1 * noise).requires_grad_()
    optimizer = torch.optim.Adam([atoms], lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 80)
    fresh = plant(true, 1000, generator)
    oracle = loss(true, *fresh).item()
    assert loss(unit(atoms), *fresh).item() > 3 * oracle
    for _ in range(80):
        optimizer.zero_grad()
        loss(unit(atoms), *plant(true, 100, generator)).backward()
        torch.nn.utils.clip_grad_norm_([atoms], 0.3)
        optimizer.step()
        schedule.step()
    assert loss(unit(atoms), *fresh).item() < 1.05 * oracle


@pytest.mark.parametrize("transform", [torch.vmap, torch.func.grad])
def test_transforms_of_torch_func_are_refused(transform):
    X = torch.eye(3, dtype=torch.float64)
    with pytest.raises(DerivativeError, match=r"recover knows no transform of torch\.func"):
        transform(lambda y: recover(X, y, 0.1).sum())(torch.ones(3, dtype=torch.float64))
