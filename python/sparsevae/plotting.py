"""Figures of recovery experiments. Needs matplotlib: ``pip install 'sparsevae[plot]'``."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._input.interchange import to_numpy
from ._input.parameters import check_option
from .exceptions import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .planning import Plan
    from .regression import VaeSlr

__all__ = [
    "new_figure",
    "plot_coefficients",
    "plot_inclusion",
    "plot_plan",
    "plot_recovery_rates",
    "plot_selection_path",
]

_STYLES = (("o", "-"), ("x", "--"), ("s", "-"), ("^", "-"), ("v", "-"), ("D", "-"))


def new_figure(n_rows: int = 1, n_columns: int = 2) -> "tuple[Figure, list[list[Axes]]]":
    """Create a figure with a grid of axes, without a display.

    Parameters
    ----------
    n_rows, n_columns : int
        Shape of the grid.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.
    axes : list of lists of matplotlib.axes.Axes
        One list per row.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sparsevae.plotting import new_figure
    >>> figure, axes = new_figure(1, 2)
    >>> len(axes), len(axes[0])
    (1, 2)
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("figures need matplotlib: pip install 'sparsevae[plot]'") from error
    figure = Figure(figsize=(5.2 * n_columns, 3.6 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    return figure, [list(row) for row in grid]


def plot_recovery_rates(
    axes: "Axes", n_nonzero: Sequence[int], rates: Mapping[str, Sequence[float]], *, title: str = ""
) -> None:
    """Draw the share of exactly recovered supports over the number of nonzero coefficients.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    n_nonzero : sequence of int
        Numbers of nonzero coefficients.
    rates : mapping of str to sequence of float
        For each solver one rate, from 0 to 1, per entry of `n_nonzero`.
    title : str, default=""
        Title of the panel.

    Examples
    --------
    >>> from sparsevae.plotting import new_figure, plot_recovery_rates
    >>> figure, axes = new_figure(1, 1)
    >>> plot_recovery_rates(axes[0][0], [10, 20], {"VaeSlr": [1.0, 0.9], "Lasso": [0.5, 0.0]})
    """
    for i, (name, values) in enumerate(rates.items()):
        marker, line = _STYLES[i % len(_STYLES)]
        axes.plot(n_nonzero, values, marker=marker, linestyle=line, markersize=5, label=name)
    axes.set(xlabel="nonzero coefficients", ylabel="supports recovered exactly", ylim=(-0.05, 1.05), title=title)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False, fontsize="small")


def plot_coefficients(
    axes: "Axes", coef_true: ArrayLike, estimates: Mapping[str, ArrayLike], *, title: str = ""
) -> None:
    """Draw estimated coefficients over the true ones, by position.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    coef_true : array-like of shape (n_features,)
        True coefficients: grey stems.
    estimates : mapping of str to array-like of shape (n_features,)
        For each solver its coefficients; only those of at least 0.001 in absolute value are drawn.
    title : str, default=""
        Title of the panel.

    Examples
    --------
    >>> from sparsevae.plotting import new_figure, plot_coefficients
    >>> figure, axes = new_figure(1, 1)
    >>> plot_coefficients(axes[0][0], [0.0, 1.0, 0.0], {"VaeSlr": [0.0, 1.0, 0.0]})
    """
    truth = np.asarray(to_numpy("coef_true", coef_true)[0], dtype=np.float64)
    support = np.flatnonzero(truth)
    axes.vlines(support, 0, truth[support], color="0.6", linewidth=2, label="true")
    axes.axhline(0, color="0.6", linewidth=0.8)
    for name, marker, values in zip(estimates, ("x", "+", "1", "2", "3"), estimates.values(), strict=False):
        found = np.asarray(to_numpy(name, values)[0], dtype=np.float64)
        shown = np.flatnonzero(np.abs(found) >= 1e-3)
        axes.scatter(shown, found[shown], marker=marker, s=28, linewidth=1.2, label=name, zorder=3)
    axes.set(xlabel="column", ylabel="coefficient", title=title)
    axes.legend(frameon=False, fontsize="small")


def plot_inclusion(
    axes: "Axes", model: "VaeSlr", *, support: ArrayLike | None = None, coverage: float = 0.95, title: str = ""
) -> None:
    """Draw the probability that each column has an effect, and colour the credible sets.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    model : VaeSlr
        Fitted, with a posterior over supports (see :meth:`sparsevae.VaeSlr.credible_sets`).
    support : array-like of int or None, default=None
        Columns known to have an effect, to be marked by rings.
    coverage : float, default=0.95
        Of the credible sets.
    title : str, default=""
        Title of the panel.

    Raises
    ------
    NotFittedError
        Before the fit of `model`.
    ParameterError
        If the fit has no posterior over supports.

    Examples
    --------
    >>> from sparsevae import VaeSlr
    >>> from sparsevae.datasets import make_sparse_regression
    >>> from sparsevae.plotting import new_figure, plot_inclusion
    >>> data = make_sparse_regression(60, 100, n_nonzero=3, snr_db=10, random_state=0)
    >>> figure, axes = new_figure(1, 1)
    >>> plot_inclusion(axes[0][0], VaeSlr().fit(data.X, data.y), support=data.support)
    """
    sets = model.credible_sets(coverage=coverage)
    prob = np.asarray(to_numpy("inclusion_prob_", model.inclusion_prob_)[0], dtype=np.float64)
    axes.scatter(np.arange(len(prob)), prob, s=8, color="0.6", linewidth=0)
    for number, each in enumerate(sets):
        label = f"set {number + 1}: {len(each.columns)} column{'s' * (len(each.columns) > 1)}, |r| {each.purity:.2f}"
        axes.scatter(each.columns, prob[each.columns], s=22, color=f"C{number % 10}", label=label, zorder=3)
    if support is not None:
        known = np.asarray(to_numpy("support", support)[0], dtype=np.int64)
        axes.scatter(known, prob[known], s=60, facecolor="none", edgecolor="black", label="has an effect", zorder=4)
    axes.set(xlabel="column", ylabel="inclusion probability", ylim=(-0.03, 1.05), title=title)
    if sets or support is not None:
        axes.legend(frameon=False, fontsize="small")


def plot_selection_path(axes: "Axes", model: "VaeSlr", *, title: str = "") -> None:
    """Draw how well few columns stand for the average over supports, by how many there are.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    model : VaeSlr
        Fitted to noisy data, with a posterior over supports.
    title : str, default=""
        Title of the panel.

    Raises
    ------
    NotFittedError
        Before the fit of `model`.
    ParameterError
        If the fit has no path: it is certified, or has no posterior over supports.

    Examples
    --------
    >>> from sparsevae import VaeSlr
    >>> from sparsevae.datasets import make_sparse_regression
    >>> from sparsevae.plotting import new_figure, plot_selection_path
    >>> data = make_sparse_regression(60, 100, n_nonzero=3, snr_db=10, random_state=0)
    >>> figure, axes = new_figure(1, 1)
    >>> plot_selection_path(axes[0][0], VaeSlr().fit(data.X, data.y))
    """
    check_is_fitted(model)
    path = getattr(model, "selection_path_", [])
    if len(path) < 2:
        raise ParameterError(
            "`model` has no path of selections: its fit is certified, or has no posterior over supports"
        )
    loss = np.array([loss for _, loss in path])
    chosen = len(model.support_)
    axes.semilogy(np.arange(len(loss)), np.maximum(loss, np.finfo(float).tiny), "o-", markersize=3, color="0.4")
    axes.plot(chosen, loss[chosen], "o", color="C0", label=f"chosen: {chosen} column{'s' * (chosen != 1)}", zorder=3)
    axes.axhline(model.selection_tolerance_, color="C1", linewidth=1, label="tolerance")
    axes.set(xlabel="columns", ylabel="squared difference from the average", title=title)
    axes.legend(frameon=False, fontsize="small")


_MEASURES = {
    "recovery": "supports recovered exactly",
    "power": "power",
    "false_discovery": "share of false discoveries",
    "f1": "F1 score",
    "captured": "effects in a credible set",
}


def plot_plan(axes: "Axes", plan: "Plan", *, measure: str = "power", title: str = "") -> None:
    """Draw what a plan measured with its 95% intervals.

    Over the number of samples, one line for each signal-to-noise ratio and number of effects; over the ratio where one
    number of samples was tried, with a dotted line for no noise. What rests on a model of the design has open markers
    and broken lines.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    plan : Plan
        What :func:`sparsevae.plan` returned.
    measure : {"recovery", "power", "false_discovery", "f1", "captured"}, default="power"
        What to draw.
    title : str, default=""
        Title of the panel.

    Raises
    ------
    ParameterError
        If there is no such measure.

    Examples
    --------
    >>> import sparsevae
    >>> from sparsevae.plotting import new_figure, plot_plan
    >>> figure, axes = new_figure(1, 1)
    >>> found = sparsevae.plan((40, 60), n_nonzero=3, snr=2.0, n_samples=[20, 40], n_trials=5)
    >>> plot_plan(axes[0][0], found, measure="f1")
    """
    check_option("measure", measure, tuple(_MEASURES))
    ratios = {point.snr for point in plan.points}
    over_ratio = len({point.n_samples for point in plan.points}) == 1 and len(ratios) > 1
    curves: dict[tuple[str, str], list[tuple[float, float, float, float]]] = {}
    for point in plan.points:
        name, at = f"{point.n_nonzero} effects", float(point.n_samples)
        if over_ratio and np.isfinite(point.snr):
            at = point.snr
        else:
            name += ", no noise" if point.snr == np.inf else f", SNR {point.snr:g}"
        if over_ratio and point.snr == np.inf:
            axes.axhline(getattr(point, measure).value, color="0.6", linestyle=":", label=name)
            continue
        curves.setdefault((name, point.source), []).append((at, *getattr(point, measure)))
    colors = {name: f"C{number % 10}" for number, name in enumerate(dict.fromkeys(name for name, _ in curves))}
    for (name, source), points in curves.items():
        at, value, low, high = np.array(sorted(points)).T
        modelled = source == "model"
        axes.errorbar(
            at,
            value,
            yerr=np.maximum([value - low, high - value], 0),
            label=f"{name}, extrapolated" if modelled else name,
            linestyle="--" if modelled else "-",
            marker="o",
            markersize=4,
            markerfacecolor="none" if modelled else None,
            color=colors[name],
            capsize=2,
            linewidth=1.2,
        )
    ticks = sorted({at for points in curves.values() for at, *_ in points})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(
        xlabel="signal-to-noise ratio" if over_ratio else "samples",
        ylabel=_MEASURES[measure],
        ylim=(-0.05, 1.05),
        title=title,
    )
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False, fontsize="small")
