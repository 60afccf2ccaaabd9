"""What there is to run: families register their figures, methods and solvers, which are found here by name."""

import importlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ...exceptions import ParameterError
from .specification import Figure, Method, Solver


@dataclass(frozen=True)
class Family:
    """Figures that belong together, the methods that they compare, and how these solve their problems.

    Parameters
    ----------
    name : str
        Name of the family.
    figures : tuple of Figure
        Its panels, in the order of the paper.
    methods : tuple of Method
        Its methods, in the order of tables and legends.
    solvers : mapping of str to callable
        The functions that methods name as their `solver`: from a problem, what was drawn of it and the settings of the
        method to a :class:`Solution`. Families may share one under the same name.
    estimators : tuple of str, default=()
        Those methods that are estimators of sparsevae at default settings.
    """

    name: str
    figures: tuple[Figure, ...]
    methods: tuple[Method, ...]
    solvers: Mapping[str, Solver]
    estimators: tuple[str, ...] = ()


_families: dict[str, Family] = {}
_figures: dict[str, Figure] = {}
_methods: dict[str, Method] = {}
_solvers: dict[str, Solver] = {}

FIGURES: Mapping[str, Figure] = MappingProxyType(_figures)
METHODS: Mapping[str, Method] = MappingProxyType(_methods)
SOLVERS: Mapping[str, Solver] = MappingProxyType(_solvers)


def register(family: Family) -> None:
    """Make the figures and the methods of a family known by their names.

    Parameters
    ----------
    family : Family
        The family.

    Raises
    ------
    ParameterError
        If it, a figure, a method or another solver has a name that is taken; nothing is registered then.
    """
    figures = {figure.name: figure for figure in family.figures}
    methods = {method.name: method for method in family.methods}
    taken = [name for name in (family.name,) if name in _families]
    taken += [*(figures.keys() & _figures.keys()), *(methods.keys() & _methods.keys())]
    taken += [name for name, solver in family.solvers.items() if _solvers.get(name, solver) is not solver]
    if taken:
        raise ParameterError(f"the family {family.name!r} has names that are taken: {', '.join(sorted(taken))}")
    _families[family.name] = family
    _figures.update(figures)
    _methods.update(methods)
    _solvers.update(family.solvers)


def default_estimators() -> tuple[str, ...]:
    """List those methods that are estimators of sparsevae at default settings."""
    return tuple(name for family in _families.values() for name in family.estimators)


def method_order(figure: Figure) -> tuple[str, ...]:
    """List methods in the order of tables: those of the figure's family first."""
    families = [family for family in _families.values() if figure.name in {own.name for own in family.figures}]
    own = [method.name for family in families for method in family.methods]
    return tuple(dict.fromkeys([*own, *METHODS, *figure.methods]))


def figure_groups() -> tuple[str, ...]:
    """List the names that stand for several panels."""
    groups = [figure.group for figure in FIGURES.values()]
    return tuple(dict.fromkeys(group for group in groups if groups.count(group) > 1))


def find_figures(names: list[str] | tuple[str, ...]) -> list[Figure]:
    """Return the figures of some names, each once, in the order of the papers.

    Parameters
    ----------
    names : list of str
        Panels ("fig1a"), whole figures ("fig1", "rows", "manifold"), or "all".

    Returns
    -------
    list of Figure
        The panels.

    Raises
    ------
    ParameterError
        If a name is unknown; the message lists those that exist.

    Examples
    --------
    >>> from sparsevae.experiments import find_figures
    >>> [figure.name for figure in find_figures(["fig2", "fig1c"])]
    ['fig1c', 'fig2a', 'fig2b']
    """
    chosen: set[str] = set()
    for name in names:
        found = {panel for panel, figure in FIGURES.items() if name in ("all", panel, figure.group)}
        if not found:
            raise ParameterError(
                f"there is no figure {name!r}; there are {', '.join(FIGURES)}; "
                f"{', '.join(figure_groups())} for all of their panels; and all"
            )
        chosen |= found
    return [figure for figure in FIGURES.values() if figure.name in chosen]


def split_names(text: str) -> list[str]:
    """Split a comma-separated list of names, some of which have commas themselves.

    Parameters
    ----------
    text : str
        Such as "VaeSlr, EM, Lasso". Upper and lower case are the same.

    Returns
    -------
    list of str
        Names of methods, or "all".

    Raises
    ------
    ParameterError
        If a name is unknown; the message lists those that exist.

    Examples
    --------
    >>> from sparsevae.experiments import split_names
    >>> split_names("vaeslr, em,lasso")
    ['VaeSlr, EM', 'Lasso']
    """
    known = {name.lower(): name for name in (*METHODS, "all")}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    names = []
    while parts:
        for count in range(len(parts), 0, -1):
            name = known.get(", ".join(parts[:count]).lower())
            if name:
                names.append(name)
                parts = parts[count:]
                break
        else:
            raise ParameterError(f"there is no method {parts[0]!r}; there are {'; '.join(METHODS)}; and all")
    if not names:
        raise ParameterError(f"no method is named; there are {'; '.join(METHODS)}; and all")
    return names


def find_methods(figure: Figure, names: str | Sequence[str] | None) -> list[Method]:
    """Return the methods of some names, each once; those of the figure if none are named.

    Parameters
    ----------
    figure : Figure
        Its `methods` are the default, its `choices` are what "all" stands for.
    names : str, sequence of str or None
        Names of methods, or "all"; in one string with commas between them.

    Returns
    -------
    list of Method
        The methods.

    Raises
    ------
    ParameterError
        If a name is unknown; the message lists those that exist.
    """
    if isinstance(names, str):
        names = split_names(names)
    chosen: dict[str, None] = {}
    for name in figure.methods if names is None else names:
        if name == "all":
            chosen |= dict.fromkeys(figure.choices or [m.name for m in METHODS.values() if not m.special])
        elif name in METHODS:
            chosen[name] = None
        else:
            raise ParameterError(f"there is no method {name!r}; there are {'; '.join(METHODS)}; and all")
    return [METHODS[name] for name in chosen]


def missing_package(method: Method) -> str | None:
    """Say what a method lacks to run here, or None.

    Parameters
    ----------
    method : Method
        Any method.

    Returns
    -------
    str or None
        A sentence for the user.
    """
    if method.package:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(method.package)
        except ImportError as error:
            remedy = f"pip install 'sparsevae[{method.extra}]' brings {method.package}"
            return f"{method.name}: left out, {error}; {remedy}"
    return None
