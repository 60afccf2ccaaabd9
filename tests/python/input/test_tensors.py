"""Arrays of other libraries: tensors of PyTorch, and arrays known by ``__dlpack__`` alone."""

import dataclasses
import pickle
import types
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sparsevae import (
    AffineVae,
    PreconditionedVae,
    RobustVae,
    SimultaneousSparseVae,
    VaeSlr,
    WelperRecover,
    _core,
    baselines,
    basis_pursuit,
    datasets,
    energies,
    fit_many,
    metrics,
    theory,
)
from sparsevae._input.interchange import Interchange, Origin, to_numpy
from sparsevae.exceptions import DataTypeError
from sparsevae.plotting import new_figure, plot_coefficients

torch = pytest.importorskip("torch")

rng = np.random.default_rng(0)
X = rng.standard_normal((20, 30))
COEF = np.zeros((2, 30))
COEF[:, [3, 14]] = [[2.0, -1.0], [1.0, 3.0]]
Y = X @ COEF.T
LOW_RANK = rng.standard_normal((20, 2)) @ rng.standard_normal((2, 6)) + 0.01 * rng.standard_normal((20, 6))
W = rng.uniform(0.5, 1.5, 30)

# Each with the arrays of its fit, those of its other methods, and these methods.
ESTIMATORS = {
    "VaeSlr": (VaeSlr(), (X, Y[:, 0]), (X,), ["predict"]),
    "PreconditionedVae": (PreconditionedVae(), (X, Y[:, 0]), (X,), ["predict"]),
    "SimultaneousSparseVae": (SimultaneousSparseVae(fit_intercept=False), (X, Y), (X,), ["predict"]),
    "AffineVae": (AffineVae(n_components=2), (LOW_RANK,), (LOW_RANK,), ["transform", "score_samples", "fit_transform"]),
    "RobustVae": (RobustVae(floor=1e-3), (LOW_RANK,), (LOW_RANK,), ["transform", "fit_transform"]),
    "WelperRecover": (WelperRecover(), (X, X @ np.eye(30)[:, :12]), (Y,), ["recover"]),
    "RobustPca": (baselines.RobustPca(), (LOW_RANK,), (), []),
    "AugmentedBasisPursuit": (baselines.AugmentedBasisPursuit(n_nonzero=2), (X, Y[:, 0]), (X,), ["predict"]),
    "BasisPursuit": (baselines.BasisPursuit(), (X, Y[:, 0]), (X,), ["predict"]),
    "ConcaveAutoencoder": (baselines.ConcaveAutoencoder(penalty=0.5), (X, Y), (X,), ["predict"]),
    "CovarianceFreeEm": (baselines.CovarianceFreeEm(max_iter=5), (X, Y[:, 0]), (X,), ["predict"]),
    "GroupBasisPursuit": (baselines.GroupBasisPursuit(), (X, Y), (X,), ["predict"]),
    "LogAutoencoder": (baselines.LogAutoencoder(), (X, Y), (X,), ["predict"]),
    "ReweightedBasisPursuit": (baselines.ReweightedBasisPursuit(), (X, Y[:, 0]), (X,), ["predict"]),
    "SparseBayesianLearning": (baselines.SparseBayesianLearning(max_iter=5), (X, Y[:, 0]), (X,), ["predict"]),
}
FUNCTIONS = {
    "fit_many": (lambda X, Y: fit_many(VaeSlr(), X, Y), (X, Y)),
    "basis_pursuit": (basis_pursuit, (X, Y)),
    "marginal_energy": (lambda *a: energies.marginal_energy(*a, 0.5), (X, Y, W)),
    "background_energy": (lambda *a: energies.background_energy(*a, 0.5, 0.2), (X, Y, W)),
    "separable_energy": (lambda *a: energies.separable_energy(*a, 0.5), (X, Y, W)),
    "preconditioned_energy": (lambda *a: energies.preconditioned_energy(*a, 0.5), (X, Y[:, 0], W)),
    "affine_energy": (lambda *a: energies.affine_energy(*a, 0.5), (LOW_RANK, LOW_RANK[:2])),
    "support_match": (metrics.support_match, (COEF, COEF + 1.0)),
    "support_f1": (metrics.support_f1, (COEF, COEF + 1.0)),
    "relative_error": (metrics.relative_error, (COEF, COEF + 1.0)),
    "mse_after_least_squares": (lambda *a: metrics.mse_after_least_squares(*a, [3, 4]), (X, Y[:, 0], COEF[0])),
    "stable_rank": (metrics.stable_rank, (X,)),
    "restricted_isometry_bound": (lambda A: metrics.restricted_isometry_bound(A, 3, random_state=0), (X,)),
    "diagonal_coef_energy": (lambda *a: theory.diagonal_coef_energy(*a, 0.5), (X, Y, COEF)),
    "autoencoder_energy": (lambda *a: theory.autoencoder_energy(*a, 0.5, smoothing=0.1), (X, Y, COEF)),
    "basic_minima": (theory.basic_minima, (X[:3, :8], Y[:3])),
    "prior_var_profile": (lambda *a: theory.prior_var_profile(*a, 0.5, 3), (X, Y, W)),
    "PriorVarProfile.energy": (theory.PriorVarProfile(10.0, 1.0, 0.5).energy, (W,)),
    "count_minima": (
        lambda *a: theory.count_minima(SimultaneousSparseVae(noise_var=0.1, fit_intercept=False), *a, n_starts=3),
        (np.eye(4), np.diag([3.0, 2.0, 1.0, 0.0])),
    ),
    "count_affine_minima": (lambda X: theory.count_affine_minima(X, 3, 0.5), (X,)),
    "smoothed_count": (lambda X: theory.smoothed_count(X, 1e-3), (X,)),
    "smoothed_rank": (lambda *a: theory.smoothed_rank(*a, 1e-3), (X, X)),
    "memorising_energy": (lambda *a: theory.memorising_energy(*a, 0.5), (X, W)),
    "plant_response": (lambda X: datasets.plant_response(X, n_nonzero=3, snr_db=20, random_state=0), (X,)),
    "plant_responses": (lambda X: datasets.plant_responses(X, n_responses=2, n_nonzero=3, random_state=0), (X,)),
    "plant_training_problems": (lambda A: datasets.plant_training_problems(A, random_state=0), (X,)),
    "sarvas_field": (datasets.sarvas_field, (*rng.uniform(0.01, 0.05, (2, 5, 3)), *rng.uniform(0.1, 0.2, (2, 5, 3)))),
}
DTYPES = {"float64": np.float64, "float32": np.float32}
LAYOUTS = {
    "contiguous": lambda t: t.clone(memory_format=torch.contiguous_format),
    "transposed": lambda t: t.mT.contiguous().mT if t.ndim > 1 else t.clone(),
    "strided": lambda t: torch.stack([t, t], dim=-1)[..., 0],
}
cases = pytest.mark.parametrize(
    ("dtype", "layout", "grad"),
    [
        ("float64", "contiguous", False),
        ("float64", "contiguous", True),
        ("float64", "transposed", False),
        ("float64", "strided", True),
        ("float32", "contiguous", False),
        ("float32", "strided", True),
    ],
)


def tensors(arrays, layout="contiguous", grad=False):
    return [LAYOUTS[layout](torch.from_numpy(a)).requires_grad_(grad) for a in arrays]


def leaves(value):
    """All that a result is made of."""
    if isinstance(value, Interchange):
        value = {name: item for name, item in vars(value).items() if name.endswith("_")}
    elif dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        return [leaf for name in sorted(value) for leaf in leaves(value[name])]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def same(found, expected, dtype, kind=torch.Tensor):
    """Compare a result of tensors with that of NumPy: equal values, and `kind` in the place of every array."""
    found, expected = leaves(found), leaves(expected)
    assert len(found) == len(expected)
    exact = dtype == "float64"
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, np.ndarray) and other.dtype.kind in "fiub":
            assert type(one) is kind
            wanted = {"f": dtype, "b": "bool"}.get(other.dtype.kind, "int64")
            assert str(one.dtype).removeprefix("torch.") == wanted
            one = np.from_dlpack(one)
            assert one.flags.c_contiguous
            size = np.abs(other[np.isfinite(other)]).max(initial=0.0)
            np.testing.assert_allclose(
                one, other, rtol=1e-12 if exact else 1e-5, atol=(1e-12 if exact else 1e-5) * size
            )
        elif isinstance(other, (float, np.floating)):
            assert one == pytest.approx(other, rel=1e-10 if exact else 1e-4, nan_ok=True)
        else:
            assert np.array_equal(one, other)


def call(estimator, method, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(estimator, method)(*arguments)


@cases
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_take_and_return_tensors(name, dtype, layout, grad):
    model, data, others, methods = ESTIMATORS[name]
    data, others = ([a.astype(DTYPES[dtype]) for a in arrays] for arrays in (data, others))
    # In the memory order of the tensors: another may change the last bits of a product.
    ordered = [t.detach().numpy() for t in tensors(data, layout)]
    expected = call(clone(model), "fit", ordered)
    found = clone(model)
    assert call(found, "fit", tensors(data, layout, grad)) is found
    same(found, expected, dtype)
    for method in methods:
        result = call(found, method, tensors(others, layout, grad))
        same(result, call(expected, method, [t.detach().numpy() for t in tensors(others, layout)]), dtype)
        assert not any(isinstance(leaf, torch.Tensor) and leaf.requires_grad for leaf in leaves(result))


@cases
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_and_return_tensors(name, dtype, layout, grad):
    function, data = FUNCTIONS[name]
    data = [a.astype(DTYPES[dtype]) for a in data]
    same(function(*tensors(data, layout, grad)), function(*data), dtype)


# The few numbers here have no noise in them.
@pytest.mark.filterwarnings("ignore:the whitened residual")
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_solver_of_source_problems_takes_and_returns_tensors(dtype):
    solver = pytest.importorskip("sparsevae.mne").solver
    data = [(20 * Y).astype(dtype), X.astype(dtype)]
    same(solver(*tensors(data, grad=True), 1), solver(*data, 1), dtype)


def test_coefficients_are_drawn_from_tensors():
    pytest.importorskip("matplotlib")
    (axes,), *_ = new_figure(1, 1)[1]
    (coef,) = tensors((COEF[0],), grad=True)
    plot_coefficients(axes, coef, {"VaeSlr": coef})
    np.testing.assert_array_equal(axes.collections[1].get_offsets()[:, 1], [2.0, -1.0])


def test_all_estimators_and_functions_are_covered():
    def public(module):
        return {name for name in module.__all__ if callable(getattr(module, name))}

    found = public(baselines) | public(energies) | public(metrics) | public(theory)
    assert found - set(ESTIMATORS) - set(FUNCTIONS) == {"wilson_interval", "PriorVarProfile"}
    takes = {name for name in datasets.__all__ if hasattr(getattr(datasets, name), "__exchanges__")}
    assert takes == {"plant_response", "plant_responses", "plant_training_problems", "sarvas_field"} <= set(FUNCTIONS)


def test_contiguous_float64_reaches_the_core_at_its_address(monkeypatch):
    seen, fit = [], _core.fit

    def spy(design, response, *rest):
        seen.extend([design.ctypes.data, response.ctypes.data])
        return fit(design, response, *rest)

    monkeypatch.setattr(_core, "fit", spy)
    for design, response in (tensors((X, Y[:, 0])), tensors((X, Y[:, 0]), grad=True)):
        seen.clear()
        VaeSlr().fit(design, response)
        assert seen == [design.data_ptr(), response.data_ptr()]


def test_results_of_generators_share_the_memory_of_the_design():
    (design,) = tensors((X,))
    assert datasets.plant_response(design, n_nonzero=3, random_state=0).X.data_ptr() == design.data_ptr()


def test_tensors_are_never_modified():
    data = tensors((X, Y), grad=True)
    SimultaneousSparseVae().fit(*data).predict(data[0])
    for tensor, array in zip(data, (X, Y), strict=True):
        assert tensor.grad is None
        assert torch.equal(tensor.detach(), torch.from_numpy(array))


def test_predictions_follow_what_is_predicted_for_and_lists_the_fit():
    design, response = tensors((X, Y[:, 0]))
    of_tensors, of_arrays = VaeSlr().fit(design, response), VaeSlr().fit(X, Y[:, 0])
    assert type(of_tensors.predict(X)) is type(of_tensors.predict(pd.DataFrame(X).to_numpy())) is np.ndarray
    assert type(of_arrays.predict(design)) is torch.Tensor
    assert type(of_tensors.predict(X.tolist())) is torch.Tensor
    assert of_arrays.predict(design.float()).dtype == torch.float32
    mean, deviation = of_tensors.predict(design, return_std=True)
    np.testing.assert_allclose(deviation, of_arrays.predict(X, return_std=True)[1], rtol=1e-12)
    assert type(mean) is type(deviation) is torch.Tensor
    assert of_tensors.score(*tensors((X, Y[:, 0]), grad=True)) == pytest.approx(1)


def test_methods_without_arrays_follow_the_fit():
    model = AffineVae(n_components=2).fit(*tensors((LOW_RANK,)))
    expected = AffineVae(n_components=2).fit(LOW_RANK)
    same(model.get_covariance(), expected.get_covariance(), "float64")
    same(model.sample(3, random_state=0), expected.sample(3, random_state=0), "float64")
    latent = model.transform(torch.from_numpy(LOW_RANK))
    same(model.inverse_transform(latent), expected.inverse_transform(latent.numpy()), "float64")


# PyTorch 2.4 warns whenever a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:You are using .torch.load. with:FutureWarning")
def test_fits_are_pickled_cloned_and_done_again_in_any_library():
    design, responses = tensors((X, Y))
    cov = torch.eye(20, dtype=torch.float64)
    model = SimultaneousSparseVae(noise_cov=cov, groups=torch.arange(30)).fit(design, responses)
    assert model.get_params()["noise_cov"] is cov
    assert torch.equal(clone(model).noise_cov, cov)
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(again.predict(design), model.predict(design))
    assert type(model.fit(X, Y).coef_) is np.ndarray
    assert model.noise_cov is cov
    np.testing.assert_array_equal(model.coef_, again.coef_.numpy())
    assert type(model.fit(X.tolist(), Y.tolist()).coef_) is np.ndarray
    restored = WelperRecover().fit(*tensors((X, X[:, :12])))
    assert type(restored.levels_[0]["components"]) is torch.Tensor
    assert type(restored.recover(Y).coef) is np.ndarray


def test_attributes_that_a_user_replaces_are_used():
    model = VaeSlr(fit_intercept=False).fit(*tensors((X, Y[:, 0])))
    model.coef_ = torch.zeros_like(model.coef_, requires_grad=True)
    assert not model.predict(torch.from_numpy(X)).any()


# PyTorch 2.4 warns whenever a tensor is unpickled.
@pytest.mark.filterwarnings("ignore:You are using .torch.load. with:FutureWarning")
def test_rounded_attributes_do_not_change_what_methods_return():
    data = [a.astype(np.float32) for a in (X, Y[:, 0])]
    expected, found = VaeSlr(noise_var=0.1).fit(*data), VaeSlr(noise_var=0.1).fit(*tensors(data))
    assert found.support_cov_.dtype == torch.float32
    exact = expected.predict(X, return_std=True)[1]
    for model in (found, pickle.loads(pickle.dumps(found))):
        np.testing.assert_array_equal(model.predict(X, return_std=True)[1], exact)
    found.support_cov_ = 4 * found.support_cov_
    assert (found.predict(X, return_std=True)[1] > exact).all()


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_warnings_name_the_line_of_the_caller(kind):
    noise = np.random.default_rng(1).standard_normal((20, 30))
    calls = [
        lambda: VaeSlr(optimizer="mm", noise_var=0.1, max_iter=1).fit(kind(X), kind(Y[:, 0])),
        lambda: SimultaneousSparseVae(noise_var=0.1, max_iter=1).fit(kind(X), kind(Y)),
        lambda: SimultaneousSparseVae().fit(kind(X), kind(noise)),
        lambda: fit_many(VaeSlr(optimizer="mm", noise_var=0.1, max_iter=1), kind(X), kind(Y)),
        lambda: WelperRecover().fit(kind(X), kind(noise)),
        lambda: RobustVae(max_iter=1).fit(kind(LOW_RANK)),
        lambda: AffineVae(n_components=2).fit(kind(X @ np.ones((30, 3)))),
        lambda: WelperRecover().fit(kind(X), kind(X[:, :12])).predict(kind(Y + 1)),
        lambda: baselines.RobustPca(max_iter=1).fit(kind(LOW_RANK)),
        lambda: baselines.SparseBayesianLearning(max_iter=1).fit(kind(X), kind(Y[:, 0])),
        lambda: baselines.LogAutoencoder(max_iter=1).fit(kind(X), kind(Y)),
        lambda: basis_pursuit(kind(X[:, :4]), kind(Y)),
    ]
    for warn in calls:
        with pytest.warns(ConvergenceWarning) as record:
            warn()
        assert {warning.filename for warning in record} == {__file__}


def test_wrong_calls_fail_as_they_do_with_arrays():
    design, response = tensors((X, Y[:, 0]))
    for wrong in (
        lambda: VaeSlr().fit(design, response, None, design),
        lambda: VaeSlr().fit(design, response, X=design),
        lambda: VaeSlr().fit(design, z=response),
    ):
        with pytest.raises(TypeError, match=r"fit\(\)"):
            wrong()
    same(VaeSlr().fit(y=response, X=design), VaeSlr().fit(X, Y[:, 0]), "float64")


def test_integers_are_numbers_and_results_float64():
    design = torch.from_numpy(np.round(4 * X)).to(torch.int32)
    model = VaeSlr().fit(design, design.double() @ torch.from_numpy(COEF[0]))
    assert model.support_.tolist() == [3, 14]
    assert model.coef_.dtype == model.predict(design).dtype == torch.float64


def test_values_beyond_float32_stay_float64():
    model = VaeSlr().fit(torch.from_numpy(X * 1e-30).float(), torch.from_numpy(Y[:, 0] * 1e30).float())
    assert model.coef_.dtype == torch.float64
    assert torch.isfinite(model.coef_).all()


GOOD = torch.from_numpy(X)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (GOOD.half(), "`X` is a tensor of torch.float16"),
        (GOOD.bfloat16(), "`X` is a tensor of torch.bfloat16"),
        (GOOD.to(torch.complex128), "`X` is a tensor of torch.complex128"),
        (GOOD.to_sparse(), "torch.sparse_coo"),
        (GOOD.to("meta"), "device meta"),
    ],
)
def test_tensors_that_cannot_be_used_are_refused(bad, message):
    response = torch.from_numpy(Y[:, 0])
    for use in (
        lambda: VaeSlr().fit(bad, response),
        lambda: VaeSlr().fit(X, Y[:, 0]).predict(bad),
        lambda: energies.marginal_energy(bad, response, torch.ones(30), 0.5),
        lambda: datasets.plant_response(bad, n_nonzero=3),
    ):
        with pytest.raises(DataTypeError, match=message):
            use()
    with pytest.raises(DataTypeError, match="`y`"):
        VaeSlr().fit(GOOD, response.half())


def test_libraries_and_devices_must_agree():
    response = torch.from_numpy(Y[:, 0])
    for design in (X, pd.DataFrame(X)):
        with pytest.raises(
            DataTypeError, match=r"`X` is a \w+\..* and `y` a torch.Tensor on device cpu, but arrays of one"
        ):
            VaeSlr().fit(design, response)
    with pytest.raises(DataTypeError, match=r"`X` is a torch\.Tensor on device cpu and `y` a numpy\.ndarray"):
        VaeSlr().fit(GOOD, Y[:, 0])
    assert VaeSlr().fit(GOOD, Y[:, 0].tolist()).support_.tolist() == [3, 14]
    with pytest.raises(DataTypeError, match=r"`noise_cov` is a tensor of torch\.float16"):
        SimultaneousSparseVae(noise_cov=torch.eye(20).half()).fit(X, Y)


def test_results_go_to_the_device_of_the_data():
    # No device but the host's memory may be at hand: that of shapes alone shows that results are moved.
    origin = Origin(torch, torch.device("meta"), np.dtype(np.float32))
    assert origin.give_back(X).device.type == "meta"
    assert origin.give_back({"support": np.array([1])})["support"].dtype == torch.int64


class Capsule:
    """An array that says nothing but where its memory is."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


class Named(Capsule):
    """One of a library with a namespace."""

    @property
    def dtype(self):
        return self.values.dtype

    def __array_namespace__(self):
        return LIBRARY


LIBRARY = types.SimpleNamespace(from_dlpack=lambda array: Named(np.from_dlpack(array)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_known_by_dlpack_alone(dtype):
    design, response = X.astype(dtype), Y[:, 0].astype(dtype)
    expected = VaeSlr().fit(design, response)
    found = VaeSlr().fit(Named(design), Named(response))
    same(found, expected, dtype, Named)
    same(found.predict(Named(design)), expected.predict(design), dtype, Named)
    nameless = VaeSlr().fit(Capsule(design), Capsule(response))
    np.testing.assert_array_equal(nameless.coef_, expected.coef_)
    assert type(nameless.predict(Capsule(design))) is np.ndarray
    assert to_numpy("X", Named(design))[0].ctypes.data == design.ctypes.data
    with pytest.raises(DataTypeError, match=r"`X` is a .*Named and `y` a torch\.Tensor"):
        VaeSlr().fit(Named(design), torch.from_numpy(response))
    with pytest.raises(DataTypeError, match=r"`X` is a .*Capsule of complex128"):
        VaeSlr().fit(Capsule(design.astype(complex)), response)
    with pytest.raises(DataTypeError, match=r"`X` is a .*Capsule that NumPy cannot read"):
        VaeSlr().fit(Capsule(design.astype(">f8")), response)
