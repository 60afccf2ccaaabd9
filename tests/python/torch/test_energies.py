"""Energies that PyTorch differentiates: derivatives, batches, dtypes and strides, errors, compilation, processes."""

import multiprocessing

import numpy as np
import pytest
from problems import golden
from sparsevae import energies
from sparsevae.exceptions import (
    DerivativeError,
)

torch = pytest.importorskip("torch")

from sparsevae.torch import (  # noqa: E402
    _operators,
    elbo_energy,
    marginal_energy,
    preconditioned_energy,
    separable_energy,
)

CASE = golden("energy")[6]
ENERGIES = [marginal_energy, separable_energy, preconditioned_energy]
SHAPES = [((3, 5), (), ()), ((4, 3), (2,), ()), ((3, 4), (), (2,)), ((3, 4), (2,), (2, 1))]


def tensor(shape, seed, *, positive=False):
    values = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (values.sigmoid() + 0.2 if positive else values).requires_grad_()


def problem(shape=(4, 7), responses=(), leading=(), seed=0):
    """Prior variances, noise variance, design and responses, all with gradients."""
    d, n = shape
    return (
        tensor((*leading, n), seed, positive=True),
        tensor(leading, seed + 1, positive=True),
        tensor((*leading, d, n), seed + 2),
        tensor((*leading, d, *responses), seed + 3),
    )


def autoencoder(shape=(4, 7), responses=(), leading=(), seed=0):
    d, n = shape
    encoder = (tensor((*leading, n, d), seed + 4), tensor((*leading, n, n), seed + 5), tensor((*leading, n), seed + 6))
    return (*encoder, *problem(shape, responses, leading, seed)[1:])


CASES = [(energy, problem) for energy in ENERGIES] + [(elbo_energy, autoencoder)]
all_cases = pytest.mark.parametrize(("energy", "make"), CASES, ids=[energy.__name__ for energy, _ in CASES])


def by_formula(prior_var, noise_var, X, y):
    """One response, as one would write it."""
    covariance = (X * prior_var) @ X.mT + noise_var * torch.eye(len(X), dtype=X.dtype)
    return y @ torch.linalg.solve(covariance, y) + torch.logdet(covariance)


def with_gradients(energy, arguments):
    value = energy(*arguments)
    return value, *torch.autograd.grad(value.sum(), arguments)


@pytest.mark.parametrize("energy", ENERGIES)
def test_values_and_slopes_are_those_of_the_numpy_functions(energy):
    X, y, w = np.array(CASE["X"]), np.array(CASE["y"][0]), np.array(CASE["prior_var"])
    expected = getattr(energies, energy.__name__)(X, y, w, CASE["noise_var"])
    given = (w, CASE["noise_var"], X, y)
    tensors = [torch.tensor(values, dtype=torch.float64, requires_grad=True) for values in given]
    value, in_prior_var, in_noise, _, _ = with_gradients(energy, tensors)
    assert value.item() == pytest.approx(expected[0], rel=1e-11)
    np.testing.assert_allclose(in_prior_var, expected[1], rtol=1e-8, atol=1e-9)
    assert in_noise.item() == pytest.approx(expected[2], rel=1e-9)


@pytest.mark.parametrize("energy", [marginal_energy, separable_energy])
def test_more_samples_than_features_lose_no_digits_beside_a_small_noise_variance(energy):
    # Columns of two ones each; the response in their range, and half the difference of each pair off it.
    X = np.vstack([np.kron(np.eye(4), [[1.0], [1.0]]), np.zeros((1, 4))])
    inside, prior_var, noise_var = np.array([1.0, -2.0, 0.5, 3.0]), np.array([0.5, 2.0, 0.1, 4.0]), 1e-12
    off = 2.0**-16 * np.array([1.0, -1.0] * 4 + [1.0])
    spread = noise_var + 2 * prior_var
    multipliers, q = X @ (inside / spread) + off / noise_var, 2 * inside / spread
    value = np.sum(inside * q + np.log(spread)) + off @ off / noise_var + 5 * np.log(noise_var)
    tensors = [
        torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (prior_var, noise_var, X, X @ inside + off)
    ]
    found, *slopes = with_gradients(energy, tensors)
    assert found.item() == pytest.approx(value, rel=1e-9)
    trace = np.sum(1 / spread) + 5 / noise_var
    wanted = [
        2 / spread - q**2,
        trace - multipliers @ multipliers,
        2 * (X / spread - np.outer(multipliers, q)) * prior_var,
        2 * multipliers,
    ]
    for slope, expected in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(slope.numpy(), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize(("shape", "responses", "leading"), SHAPES)
@all_cases
def test_first_derivatives_match_finite_differences(energy, make, shape, responses, leading):
    assert torch.autograd.gradcheck(energy, make(shape, responses, leading))


@pytest.mark.parametrize(("shape", "responses", "leading"), SHAPES[1:3])
@pytest.mark.parametrize(
    ("energy", "make"), [(marginal_energy, problem), (separable_energy, problem), (elbo_energy, autoencoder)]
)
def test_second_derivatives_match_finite_differences(energy, make, shape, responses, leading):
    assert torch.autograd.gradgradcheck(energy, make(shape, responses, leading))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.7])
def test_derivatives_hold_for_other_powers_of_the_preconditioner(power):
    assert torch.autograd.gradcheck(lambda *arguments: preconditioned_energy(*arguments, power), problem())


def test_derivatives_hold_through_broadcasting():
    w, _, X, _ = problem()
    assert torch.autograd.gradcheck(
        marginal_energy, (tensor((3, 7), 1, positive=True), 0.5, X, tensor((2, 1, 4, 1), 2))
    )
    assert torch.autograd.gradcheck(marginal_energy, (w, tensor((3,), 1, positive=True), X, tensor((4, 2), 2)))


def test_second_derivative_of_the_preconditioned_energy_is_refused():
    arguments = problem()
    (slope,) = torch.autograd.grad(preconditioned_energy(*arguments), arguments[:1], create_graph=True)
    with pytest.raises(DerivativeError, match="preconditioned_energy has first derivatives only"):
        slope.sum().backward()


def test_higher_derivatives_of_arguments_that_depend_on_each_other_are_those_of_the_formula():
    start = problem()[0]
    X, y = problem()[2].detach(), problem()[3].detach()

    def third(energy):
        found = energy(start, start.sum() / 5, X * start.sqrt(), y + start[:4].sin())
        for _ in range(2):
            (slope,) = torch.autograd.grad(found, start, create_graph=True)
            found = (slope * slope.cos()).sum()
        return torch.autograd.grad(found, start)[0]

    torch.testing.assert_close(third(marginal_energy), third(by_formula), rtol=1e-9, atol=1e-9)


# PyTorch prepares forward mode by what it has itself deprecated.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")
def test_forward_mode_is_refused():
    w, *others = (values.detach() for values in problem())
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(w, w)
        with pytest.raises(DerivativeError, match="`prior_var` carries a derivative forwards"):
            marginal_energy(dual, *others)


def test_lower_bound_at_the_best_encoder_is_the_marginal_energy():
    w, noise_var, X, y = (values.detach() for values in problem(responses=(3,)))
    decoder = X * w.sqrt()
    covariance = torch.linalg.inv(decoder.mT @ decoder / noise_var + torch.eye(7, dtype=torch.float64))
    factor = torch.linalg.cholesky(covariance)
    found = elbo_energy(covariance @ decoder.mT / noise_var, factor, w.sqrt(), noise_var, X, y)
    torch.testing.assert_close(found, marginal_energy(w, noise_var, X, y))


@all_cases
def test_batch_is_a_loop(energy, make):
    arguments = make((4, 7), (2,), (3, 2))
    together = with_gradients(energy, arguments)
    for row in range(3):
        for column in range(2):
            alone = with_gradients(energy, tuple(values[row, column] for values in arguments))
            for whole, part in zip(together, alone, strict=True):
                torch.testing.assert_close(whole[row, column], part, rtol=1e-12, atol=1e-12)
    for one, two in zip(together, with_gradients(lambda *a: energy(*a, n_jobs=2), arguments), strict=True):
        assert torch.equal(one, two)


def test_vectors_are_told_from_matrices_by_the_number_of_dimensions():
    w, noise_var, X, y = (values.detach() for values in problem(leading=(4,)))
    vectors = marginal_energy(w, noise_var, X, y)
    assert vectors.shape == (4,)
    torch.testing.assert_close(marginal_energy(w, noise_var, X, y[..., None]), vectors)
    # As many problems as samples: still no guess by sizes.
    alone = [marginal_energy(w[0], noise_var[0], X[0], vector) for vector in y]
    torch.testing.assert_close(marginal_energy(w[0], noise_var[0], X[0], y[..., None]), torch.stack(alone))
    torch.testing.assert_close(marginal_energy(w[0], noise_var[0], X[0], y.mT), torch.stack(alone).sum())


def test_no_problems_give_no_energies():
    value = marginal_energy(*problem(leading=(0,)))
    assert value.shape == (0,)
    value.sum().backward()


class Recorder:
    """Stands before a function of the core, and keeps what it was given."""

    def __init__(self, monkeypatch):
        self.function, self.calls = _operators._core.energy_batch, []
        monkeypatch.setattr(_operators._core, "energy_batch", self)

    def __call__(self, arrays, *options):
        self.calls.append((arrays, options))
        return self.function(arrays, *options)


def test_contiguous_and_strided_float64_reaches_the_core_without_a_copy(monkeypatch):
    recorder = Recorder(monkeypatch)
    w, noise_var, X, y = (values.detach() for values in problem(leading=(2,)))
    wide = torch.randn(7, 4, dtype=torch.float64)
    for design in (X, wide.t(), torch.randn(4, 14, dtype=torch.float64)[:, ::2]):
        marginal_energy(w, noise_var, design, y if design.ndim == 3 else y[..., None])
        for array, values in zip(recorder.calls.pop()[0], (w, noise_var, design, y), strict=True):
            assert array.__array_interface__["data"][0] == values.data_ptr()


def test_slopes_are_computed_for_those_that_need_them_only(monkeypatch):
    recorder = Recorder(monkeypatch)
    w, noise_var, X, y = problem()
    marginal_energy(w, noise_var.detach(), X.detach(), y).backward()
    assert w.grad.shape == w.shape
    assert y.grad.shape == y.shape
    with torch.no_grad():
        marginal_energy(w, noise_var, X, y)
    assert [wanted for _, (_, _, wanted, *_) in recorder.calls] == [[True, False, False, True], [False] * 4]


@all_cases
def test_strides_change_nothing(energy, make):
    arguments = make((4, 7), (2,))
    expected = with_gradients(energy, arguments)
    strided = []
    for values in arguments:
        turned = values.detach().clone().mT.contiguous().mT if values.ndim == 2 else values.detach()
        spaced = torch.stack([turned, turned + 1], dim=-1)[..., 0]
        strided.append(spaced.requires_grad_())
    assert any(not values.is_contiguous() for values in strided)
    for found, wanted in zip(with_gradients(energy, strided), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_negative_view_is_read_as_what_it_is():
    arguments = [values.detach() for values in problem()]
    view = torch.complex(arguments[3], -arguments[3]).conj().imag
    assert view.is_neg()
    torch.testing.assert_close(marginal_energy(*arguments[:3], view), marginal_energy(*arguments))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_slopes_of_large_batches_are_scaled_like_others(dtype):
    n_problems = 1 + _operators._LARGE // (100 * 200)
    generator = torch.Generator().manual_seed(0)
    X, y, weights = (
        torch.randn(shape, dtype=dtype, generator=generator)
        for shape in ((n_problems, 100, 200), (n_problems, 100), (2, n_problems))
    )
    X.requires_grad_()
    value = marginal_energy(torch.ones(200, dtype=dtype), 0.5, X, y)
    (each,) = torch.autograd.grad(value.sum(), X, retain_graph=True, create_graph=True)
    expected = weights[:, :, None, None] * each.detach()
    for weight, slope in zip(weights, expected, strict=True):
        torch.testing.assert_close(torch.autograd.grad(value, X, weight, retain_graph=True)[0], slope)
    (both,) = torch.autograd.grad(value, X, weights, is_grads_batched=True)
    torch.testing.assert_close(both, expected)


@all_cases
def test_float32_comes_out_as_float32(energy, make):
    arguments = make()
    exact = with_gradients(energy, arguments)
    single = [values.detach().float().requires_grad_() for values in arguments]
    for found, wanted in zip(with_gradients(energy, single), exact, strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, wanted.float(), rtol=1e-4, atol=1e-4 * wanted.abs().max().item())


def test_second_derivative_in_float32_is_computed_in_float64():
    arguments = problem()

    def second(arguments):
        (slope,) = torch.autograd.grad(marginal_energy(*arguments), arguments[0], create_graph=True)
        return torch.autograd.grad(slope.sum(), arguments[2])[0]

    found = second([values.detach().float().requires_grad_() for values in arguments])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), second(arguments), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "responses", "leading"), [*SHAPES, ((7, 3), (2,), (2,))])
@all_cases
def test_other_devices_compute_the_same_in_pytorch(energy, make, shape, responses, leading, monkeypatch):
    arguments = make(shape, responses, leading)
    expected = with_gradients(energy, arguments)
    monkeypatch.setattr(_operators, "_on_core", lambda _: False)
    for found, wanted in zip(with_gradients(energy, arguments), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_equal_singular_values_do_no_harm_in_pytorch(monkeypatch):
    w, noise_var, _, y = problem((5, 5))
    design = (2.0 * torch.linalg.qr(tensor((5, 5), 9).detach())[0]).requires_grad_()
    arguments = (w, noise_var, design, y)
    expected = with_gradients(lambda *a: preconditioned_energy(*a, 0.7), arguments)
    monkeypatch.setattr(_operators, "_on_core", lambda _: False)
    for found, wanted in zip(
        with_gradients(lambda *a: preconditioned_energy(*a, 0.7), arguments), expected, strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


@all_cases
def test_whole_function_compiles_to_one_graph(energy, make):
    arguments = make(responses=(2,), leading=(3,))
    compiled = torch.compile(lambda *a: energy(*a).sin() + 1, backend="eager", fullgraph=True)
    expected = with_gradients(lambda *a: energy(*a).sin() + 1, arguments)
    for found, wanted in zip(with_gradients(compiled, arguments), expected, strict=True):
        assert torch.equal(found, wanted)


def test_compiled_energy_takes_numbers_for_the_noise_variance():
    w, _, X, y = problem()
    compiled = torch.compile(marginal_energy, backend="eager", fullgraph=True)
    for noise_var in (0.5, 0.7):
        assert compiled(w, noise_var, X, y) == marginal_energy(w, noise_var, X, y)


# PyTorch's own check looks at .grad of tensors that are no leaves.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("wanted", [[True, False, True, False, False, True], [False] * 6])
def test_operators_keep_the_rules_of_pytorch(wanted):
    def given(arguments, wanted):
        return [values if want else values.detach() for values, want in zip(arguments, wanted, strict=True)]

    for kind in ("marginal", "separable"):
        torch.library.opcheck(_operators.energy, (*given(problem(), wanted[:4]), kind, 0.0, wanted[:4], 1))
    # It has no derivative of its slopes to be traced.
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    options = ("preconditioned", 1.0, wanted[:4], 1)
    torch.library.opcheck(_operators.energy, (*given(problem(), wanted[:4]), *options), test_utils=tests)
    torch.library.opcheck(_operators.elbo_energy, (*given(autoencoder(), wanted), wanted, 1))


class Samples(torch.utils.data.Dataset):
    """Each sample is an energy with a slope, computed by whoever loads it."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        arguments = problem(leading=(3,), seed=index)
        value = marginal_energy(*arguments, n_jobs=2)
        return torch.stack([value.sum(), torch.autograd.grad(value.sum(), arguments[2])[0].sum()]).detach()


def first_sample(connection):
    connection.send(Samples()[0].tolist())


# Later versions of Python warn of any fork of a process with threads.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
def test_threads_work_after_a_fork_and_in_workers_of_a_data_loader():
    expected = torch.stack([Samples()[index] for index in range(4)])
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=first_sample, args=(sender,))
    process.start()
    assert receiver.poll(60), "the child hangs"
    assert receiver.recv() == expected[0].tolist()
    process.join()
    loader = torch.utils.data.DataLoader(
        Samples(), batch_size=2, num_workers=1, multiprocessing_context="fork", timeout=60
    )
    assert torch.equal(torch.cat(list(loader)), expected)


@pytest.mark.parametrize("function", [marginal_energy, separable_energy, preconditioned_energy, elbo_energy])
def test_transforms_of_torch_func_agree_with_batches(function):
    generator = torch.Generator().manual_seed(1)
    X, y = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((4, 6), (4,)))
    noise = torch.tensor(0.3, dtype=torch.float64)
    if function is elbo_energy:
        rest = [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((6, 4), (6, 6))]
        first = torch.randn(3, 6, generator=generator, dtype=torch.float64)

        def energy(v):
            return function(*rest, v, noise, X, y)
    else:
        first = torch.rand(3, 6, generator=generator, dtype=torch.float64) + 0.1

        def energy(w):
            return function(w, noise, X, y)

    leaf = first.clone().requires_grad_()
    each = torch.stack([energy(one) for one in leaf])
    each.sum().backward()
    torch.testing.assert_close(torch.vmap(energy)(first), each.detach())
    torch.testing.assert_close(torch.vmap(torch.func.grad(energy))(first), leaf.grad)
    torch.testing.assert_close(torch.func.jacrev(energy)(first[0]), leaf.grad[0])
