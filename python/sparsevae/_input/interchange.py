"""Arrays of other libraries: read as NumPy's, results given back in the library, dtype and device that they came in.

PyTorch is known by its tensors, never imported. Any other library is known by ``__dlpack__`` and, for results,
``__array_namespace__``.
"""

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar

import numpy as np

from ..exceptions import DataTypeError
from .backend import find_backend
from .pickles import Versioned

P = ParamSpec("P")
R = TypeVar("R")

# What a tensor may hold, by the names of PyTorch and of NumPy. Integers are read as numbers, as NumPy's are.
_TYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
_DTYPES = frozenset(map(np.dtype, _TYPES))
# Methods of the estimators that take arrays or return them; `fit_transform` calls two of them.
_METHODS = (
    "fit",
    "partial_fit",
    "predict",
    "recover",
    "transform",
    "inverse_transform",
    "score",
    "score_samples",
    "get_covariance",
    "sample",
)


class Origin(NamedTuple):
    """Where an array came from, and so where results go."""

    library: Any = None
    """The module of PyTorch, or the namespace of another library; None for NumPy."""
    device: Any = None
    """Of a tensor of PyTorch; None for the memory of the host."""
    dtype: Any = None
    """float32 or float64, in NumPy's words; None to leave results as they are."""

    def give_back(self, result: Any) -> Any:
        """Return a result in this library and dtype, on this device.

        Parameters
        ----------
        result : object
            An array of NumPy; arrays in a tuple, a list, a dict or a dataclass; an estimator, whose fitted attributes
            are replaced. All else is returned as it is.

        Returns
        -------
        object
            Floating-point arrays have this dtype, unless a value is beyond its range, integers are int64. Arrays of
            text stay as they are. Memory is shared where neither dtype nor device nor order changes; the order is C.
        """
        if self.library is None or isinstance(result, (str, float, int)):
            return result
        if isinstance(result, np.ndarray):
            return self._array(result)
        if isinstance(result, Interchange):
            return self._give_back_estimator(result)
        if isinstance(result, (tuple, list)):
            return type(result)([self.give_back(item) for item in result])
        if isinstance(result, dict):
            return type(result)(**{name: self.give_back(item) for name, item in result.items()})
        if dataclasses.is_dataclass(result):
            fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
            return dataclasses.replace(result, **self.give_back(fields))  # type: ignore[type-var]  # an instance
        return result

    def _give_back_estimator(self, estimator: Any) -> Any:
        state, exact = vars(estimator), {}
        for name, value in _fitted(estimator).items():
            state[name] = given = self._array(value) if type(value) is np.ndarray else self.give_back(value)
            if self.dtype == np.float32 and _is_finer(value):
                exact[name] = (given, value)
        if exact:
            # Methods go on with what was fitted, not with what is left of it in float32.
            state["_exact"] = exact
        return estimator

    def _array(self, values: np.ndarray[Any, Any]) -> Any:
        kind = values.dtype.kind
        if kind not in "fiub":
            return values
        if kind == "f" and self.dtype not in (None, values.dtype):
            with np.errstate(over="ignore"):
                rounded = values.astype(self.dtype)
            values = rounded if np.array_equal(np.isinf(rounded), np.isinf(values)) else values
        elif kind in "iu" and values.dtype != np.int64:
            values = values.astype(np.int64)
        if not values.flags.carray:
            values = values.copy(order="C")
        if self.library is _torch():
            tensor = self.library.from_numpy(values)
            return tensor if self.device is None else tensor.to(self.device)
        return self.library.from_dlpack(values)


# Of what NumPy reads by itself.
_NUMPY = Origin()


def to_numpy(name: str, array: Any) -> tuple[Any, Origin]:
    """Read an array of any library, without a copy where its memory is the host's.

    Tensors that require gradients are detached.

    Parameters
    ----------
    name : str
        Of the argument, for messages.
    array : object
        A tensor, an array with ``__dlpack__``, or anything that NumPy reads.

    Returns
    -------
    array : ndarray or object
        A view where there can be one; as it came if NumPy is to read it.
    origin : Origin
        Where results go: NumPy for libraries that do not say how to make their arrays.

    Raises
    ------
    DataTypeError
        If a tensor is sparse, complex, of half precision or without values, or not in reach of the host.
    """
    if not _is_foreign(array):
        return array, _NUMPY
    torch = _torch()
    if torch is not None and isinstance(array, torch.Tensor):
        return _tensor_to_numpy(name, array, torch)
    try:
        values = np.from_dlpack(array)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise DataTypeError(f"`{name}` is a {_kind(array)} that NumPy cannot read by DLPack: {error}") from error
    if values.dtype.name not in _TYPES:
        raise DataTypeError(f"`{name}` is a {_kind(array)} of {values.dtype}, but float32 or float64 is needed")
    library = array.__array_namespace__() if hasattr(array, "__array_namespace__") else None
    return values, Origin(library, None, _result_dtype(values))


def exchange(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function, or a method of an estimator, take arrays of any library.

    It sees arrays of NumPy only, also as attributes of estimators. Results go where its first array came from; those of
    a method without arrays go where those of the fit came from. One with a keyword `backend` is handed that of the
    device that the arrays lie on; its callers need not know: the signature does not show it.

    Parameters
    ----------
    function : callable
        Of any signature.

    Returns
    -------
    callable
        The same, with one frame more between it and its caller. It raises DataTypeError where arrays cannot be used, or
        are of several libraries or devices.
    """
    signature = inspect.signature(function)
    names = tuple(signature.parameters)
    wants_backend = "backend" in names

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        # From the last, since the first may be an estimator of many attributes.
        if not any(map(_holds_foreign, args[::-1])) and not any(map(_holds_foreign, kwargs.values())):
            return function(*args, **kwargs)
        named = [*zip(names, args, strict=False), *kwargs.items()]
        plain, origin = _read(named)
        n_named = len(named) - len(kwargs)
        values: Any = [*plain[:n_named], *args[n_named:]]
        options: Any = dict(zip(kwargs, plain[n_named:], strict=True))
        if wants_backend:
            options.setdefault("backend", find_backend((origin or _NUMPY).device))
        result: Any = function(*values, **options)
        first: Any = args[0] if args else None
        if isinstance(first, Interchange):
            if result is values[0]:
                # It was fitted.
                result = (origin or _NUMPY).give_back(result)
                if result is not first:
                    result = first._become(result)
                return result  # type: ignore[no-any-return]
            origin = origin or _read(_fitted(first).items())[1]
        return (origin or _NUMPY).give_back(result)  # type: ignore[no-any-return]

    call.__exchanges__ = True  # type: ignore[attr-defined]
    if wants_backend:
        shown = [parameter for name, parameter in signature.parameters.items() if name != "backend"]
        call.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return call


class Interchange(Versioned):
    """Lets the methods of an estimator take arrays of any library; before scikit-learn's classes among the bases.

    Fitted attributes are kept in the library of the fit, those that its dtype would round also as they were. Methods
    run on a copy that has all attributes, and the parameters, as arrays of NumPy.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wrap the methods, those that scikit-learn has wrapped or brought along as well."""
        super().__init_subclass__(**kwargs)
        for name in _METHODS:
            method = getattr(cls, name, None)
            if method is not None and not hasattr(method, "__exchanges__"):
                setattr(cls, name, exchange(method))

    def _become(self, fitted: Self) -> Self:
        """Take over all but the parameters that `fitted` has in another library."""
        kept = {name: value for name, value in vars(self).items() if _is_foreign(value) and not name.endswith("_")}
        state = vars(fitted) | kept
        vars(self).clear()
        vars(self).update(state)
        return self


def _torch() -> Any:
    """Return the module of PyTorch if a caller has imported it."""
    return sys.modules.get("torch")


@functools.lru_cache(maxsize=256)
def _is_foreign_type(kind: type) -> bool:
    return hasattr(kind, "__dlpack__") and not issubclass(kind, (np.ndarray, np.generic))


def _is_foreign(value: Any) -> bool:
    return _is_foreign_type(type(value))  # type: ignore[arg-type]  # types are hashable


def _holds_foreign(value: Any) -> bool:
    if isinstance(value, Interchange):
        return any(map(_is_foreign, vars(value).values()))
    return _is_foreign(value)


def _fitted(estimator: Any) -> dict[str, Any]:
    """Public attributes that a fit has set."""
    return {name: getattr(estimator, name) for name in vars(estimator) if name[-1] == "_" != name[0]}


def _read(arguments: Iterable[tuple[str, Any]]) -> tuple[list[Any], Origin | None]:
    """Replace arrays by NumPy's, and estimators by copies without others; find where the first array came from.

    `arguments` are names and values; the origin is None if there is no array.

    Raises
    ------
    DataTypeError
        If an array cannot be used, or another than the first has another library or device.
    """
    plain: list[Any] = []
    first, origin = ("", None), None
    for name, value in arguments:
        if isinstance(value, Interchange):
            plain.append(_plain_estimator(value) if _holds_foreign(value) else value)
            continue
        array, found = to_numpy(name, value)
        plain.append(array)
        # Lists and numbers have no library.
        if found is _NUMPY and not (hasattr(value, "__array__") and getattr(value, "ndim", None)):
            continue
        if origin is None:
            first, origin = (name, value), found
        elif found[:2] != origin[:2]:
            raise DataTypeError(
                f"`{first[0]}` is a {_kind(first[1])} and `{name}` a {_kind(value)}, but arrays of one library on one "
                "device are needed"
            )
    return plain, origin


def _plain_estimator(estimator: Any) -> Any:
    copy = object.__new__(type(estimator))
    state = vars(copy)
    exact = getattr(estimator, "_exact", {})
    for name, value in vars(estimator).items():
        if name in exact and exact[name][0] is value:
            state[name] = exact[name][1]
        elif _is_foreign(value):
            state[name] = to_numpy(name, value)[0]
        elif isinstance(value, list) and name.endswith("_"):
            state[name] = [_plain_dict(item) if isinstance(item, dict) else item for item in value]
        else:
            state[name] = value
    state.pop("_exact", None)
    return copy


def _plain_dict(items: dict[str, Any]) -> dict[str, Any]:
    return {name: to_numpy(name, item)[0] for name, item in items.items()}


def _is_finer(value: Any) -> bool:
    """Tell whether an attribute may hold more than float32 can."""
    return isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == np.float64)


def _tensor_to_numpy(name: str, tensor: Any, torch: Any) -> tuple[Any, Origin]:
    # Every question to a tensor takes a microsecond; this one answers all for those that NumPy reads as they are.
    try:
        values = tensor.numpy()
    except (RuntimeError, TypeError):
        values = None
    if values is not None and values.dtype in _DTYPES:
        return values, Origin(torch, None, _result_dtype(values))
    if tensor.layout != torch.strided or tensor.is_meta or tensor.dtype not in _torch_types(torch):
        raise DataTypeError(
            f"`{name}` is a tensor of {tensor.dtype}, {tensor.layout} on device {tensor.device}, but a dense one of "
            "torch.float32 or torch.float64 that holds values is needed"
        )
    try:
        values = tensor.numpy(force=True)
    except (RuntimeError, TypeError) as error:
        raise DataTypeError(f"`{name}` is a tensor that NumPy cannot read: {error}") from error
    return values, Origin(torch, None if tensor.is_cpu else tensor.device, _result_dtype(values))


@functools.cache
def _torch_types(torch: Any) -> frozenset[Any]:
    return frozenset(getattr(torch, name) for name in _TYPES)


def _result_dtype(values: np.ndarray[Any, Any]) -> Any:
    return values.dtype if values.dtype.kind == "f" else None


def _kind(array: Any) -> str:
    """Name the type of an array, and the device where there are several."""
    device = getattr(array, "device", None)
    name = f"{type(array).__module__.partition('.')[0]}.{type(array).__name__}"
    return name if device is None else f"{name} on device {device}"
