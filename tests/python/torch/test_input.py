"""What the energies for PyTorch refuse, and how they say so."""

import pytest
from sparsevae.exceptions import DataTypeError, NonFiniteError, NumericalError, ParameterError, ShapeError

torch = pytest.importorskip("torch")

from sparsevae.torch import _operators, elbo_energy, marginal_energy, preconditioned_energy  # noqa: E402


def problem(leading=()):
    """Prior variances, noise variance, design and response."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn((*leading, *shape), dtype=torch.float64, generator=generator)

    return draw(7).exp(), draw().exp(), draw(4, 7), draw(4)


@pytest.mark.parametrize("on_core", [True, False])
def test_values_that_cannot_be_evaluated_are_refused(on_core, monkeypatch):
    monkeypatch.setattr(_operators, "_on_core", lambda _: on_core)
    w, noise_var, X, y = problem((2,))
    with pytest.raises(NonFiniteError, match="`X` has a NaN"):
        marginal_energy(w, noise_var, torch.where(X[1, 2, 3] == X, torch.nan, X), y)
    with pytest.raises(ParameterError, match=r"`prior_var`.*not negative"):
        marginal_energy(-w, noise_var, X, y)
    with pytest.raises(ParameterError, match=r"`noise_var`.*greater than 0"):
        marginal_energy(w, 0.0, X, y)
    with pytest.raises(NumericalError, match=r"not positive|positive-definite"):
        # Two equal rows, whose covariance is singular without a rounding.
        marginal_energy(2.0**53 * torch.ones(2, dtype=torch.float64), 1e-300, torch.ones_like(X[0, :2, :2]), y[0, :2])


def refused(name):
    """What is no tensor to compute with, and what the message says of it."""
    w, noise_var, X, y = problem()
    arguments = {"prior_var": w, "noise_var": noise_var, "X": X, "y": y}
    good = arguments[name]
    bad = {
        "ndarray": good.numpy(),
        "torch.float16": good.half(),
        "torch.bfloat16": good.bfloat16(),
        "torch.int64": good.long(),
        "Complex data not supported": good.to(torch.complex128),
        "meta": good.to("meta"),
        "sparse": good.to_sparse(),
    }
    return [(arguments | {name: value}, said) for said, value in bad.items()]


@pytest.mark.parametrize("name", ["prior_var", "noise_var", "X", "y"])
def test_what_is_no_tensor_to_compute_with_is_refused_by_name(name):
    for arguments, said in refused(name):
        with pytest.raises(DataTypeError, match=rf"`{name}`") as caught:
            marginal_energy(**arguments)
        assert said in str(caught.value)


@pytest.mark.parametrize("name", ["noise_var", "X", "y"])
def test_mixed_dtypes_are_refused_by_name(name):
    arguments = dict(zip(["prior_var", "noise_var", "X", "y"], problem(), strict=True))
    with pytest.raises(DataTypeError, match=f"`{name}` has dtype torch.float32, but `prior_var` has torch.float64"):
        marginal_energy(**arguments | {name: arguments[name].float()})


def test_mixed_devices_are_refused_by_name():
    class Elsewhere(torch.Tensor):
        device = torch.device("cuda", 0)

    w, noise_var, X, y = problem()
    with pytest.raises(DataTypeError, match="`X` is on cuda:0, but `prior_var` is on cpu"):
        marginal_energy(w, noise_var, X.as_subclass(Elsewhere), y)


def test_shapes_that_do_not_match_are_refused_by_name():
    w, noise_var, X, y = problem()
    wrong = {
        "`prior_var` has shape (6,), but (..., 7)": (w[:6], noise_var, X, y),
        "`prior_var` has shape ()": (w[0], noise_var, X, y),
        "`X` has shape (7,), but (..., n_samples, n_features)": (w, noise_var, X[0], y),
        "`y` has shape (3,), but (..., 4)": (w, noise_var, X, y[:3]),
        "`y` has shape ()": (w, noise_var, X, y[0]),
        "leading dimensions do not broadcast: (2,) of `prior_var`": (
            w.expand(2, 7),
            noise_var.expand(3),
            X,
            y[:, None],
        ),
        "`X` has shape (0, 7)": (w, noise_var, X[:0], y[:0]),
    }
    for said, arguments in wrong.items():
        with pytest.raises(ShapeError) as caught:
            marginal_energy(*arguments)
        assert said in str(caught.value)
    with pytest.raises(ShapeError, match="`encoder_factor`"):
        elbo_energy(X.mT, X, w, noise_var, X, y)


def test_options_out_of_range_are_refused():
    with pytest.raises(ParameterError, match="`n_jobs` is 0"):
        marginal_energy(*problem(), n_jobs=0)
    with pytest.raises(ParameterError, match="`power` is 'one'"):
        preconditioned_energy(*problem(), "one")
    with pytest.raises(ParameterError, match="`power` is NaN"):
        preconditioned_energy(*problem(), float("nan"))
