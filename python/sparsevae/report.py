"""What ``sparsevae fit`` computes: a fit of a table, as text, as a picture and as JSON."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from . import VaeSlr
from .exceptions import ParameterError
from .tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Standard deviations of a normal 95% interval on each side.
_Z = 1.96
# What a report says in place of the estimator's status.
CONSTANT = "constant_response"
_STATUS = {
    "certified": ": there is no noise, and these are proved to be the fewest columns that explain the response",
    "noisy": ": nothing was proved, and the data were taken for noisy",
    "iteration_limit": ": the search did not converge",
    "sampling_limit": ": there were too few sweeps over sets of columns",
    "noise_collapsed": ": the noise variance fell to its floor",
    CONSTANT: ": all samples have the same response, so that there is nothing to explain",
}
# Columns of a credible set that are listed in the text.
_LISTED = 12
# Coefficients that a figure has room for.
_DRAWN = 40


@dataclass(frozen=True)
class Effect:
    """A column that was chosen, with its 95% interval; `credible_set` counts from 1."""

    column: str
    index: int
    inclusion_prob: float | None
    coef: float
    low: float
    high: float
    credible_set: int | None


@dataclass(frozen=True)
class Set:
    """A credible set: columns, one of which has an effect with probability `prob`."""

    columns: tuple[str, ...]
    inclusion_prob: tuple[float, ...]
    prob: float
    purity: float


@dataclass(frozen=True)
class HeldOut:
    """R^2 on samples that no fit has seen."""

    n_samples: int
    r2: float
    lasso_r2: float


@dataclass(frozen=True)
class Report:
    """A fit in the names of the table.

    `status` is that of the estimator, or "constant_response", of which nothing is certified.
    """

    source: str
    response: str
    n_samples: int
    n_features: int
    status: str
    certified: bool
    noise_var: float
    explained: float
    intercept: float
    effects: tuple[Effect, ...]
    credible_sets: tuple[Set, ...]
    held_out: HeldOut | None
    warnings: tuple[str, ...]

    def text(self) -> str:
        """Write what was found, for people."""
        lines = [
            f"{self.source}: {self.n_samples:,} samples, {self.n_features:,} columns, response {self.response!r}",
            f"status: {self.status}{_STATUS.get(self.status, '')}",
        ]
        lines += [f"warning: {warning}" for warning in self.warnings]
        if not self.certified and self.status != CONSTANT:
            lines.append(
                f"noise: standard deviation {math.sqrt(self.noise_var):.4g}; variance explained, adjusted, on the "
                f"data that chose the columns: {self.explained:.2f}"
            )
        if self.held_out is not None:
            held = self.held_out
            lines.append(
                f"R^2 on {held.n_samples:,} samples held out: {held.r2:.3f}; of the Lasso with cross-validation: "
                f"{held.lasso_r2:.3f}"
            )
        lines += ["", *self._table()]
        if self.credible_sets:
            lines += ["", "credible sets: at least one column of each has an effect, with the probability given"]
            lines += [_set_line(number, each) for number, each in enumerate(self.credible_sets, 1)]
        return "\n".join(lines)

    def _table(self) -> list[str]:
        if not self.effects:
            return ["no column was chosen"]
        knows = self.effects[0].inclusion_prob is not None
        head = ("column", *(["probability"] if knows else []), "coefficient", "95% interval", "set")
        rows = [
            (
                each.column,
                *([f"{each.inclusion_prob:.2f}"] if knows else []),
                f"{each.coef:.4g}",
                f"[{each.low:.4g}, {each.high:.4g}]",
                str(each.credible_set or ""),
            )
            for each in self.effects
        ]
        rows.append(("(intercept)", *([""] if knows else []), f"{self.intercept:.4g}", "", ""))
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        return [
            "  ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))]).rstrip()
            for row in (head, *rows)
        ]

    def draw(self, axes: "Axes") -> None:
        """Draw coefficients with their intervals, the largest on top, by the names of their columns."""
        shown = sorted(self.effects, key=lambda each: abs(each.coef))[-_DRAWN:]
        places = range(len(shown))
        axes.axvline(0, color="0.6", linewidth=0.8)
        axes.hlines(places, 0, [each.coef for each in shown], color="0.8", linewidth=3, zorder=0)
        axes.hlines(places, [each.low for each in shown], [each.high for each in shown], color="C0", linewidth=1.2)
        axes.plot([each.coef for each in shown], places, "o", color="C0", markersize=4)
        axes.set_yticks(places, [each.column for each in shown], fontsize="x-small")
        which = f", the {_DRAWN} largest of {len(self.effects):,}" if len(self.effects) > _DRAWN else ""
        axes.set(xlabel="coefficient, 95% interval", title=f"response {self.response}{which}")
        axes.set_ylim(-0.6, len(shown) - 0.4)

    def to_dict(self) -> dict[str, Any]:
        """Return the same as what JSON holds."""
        return asdict(self)


def _set_line(number: int, each: Set) -> str:
    names = [f"{name} {prob:.2f}" for name, prob in zip(each.columns, each.inclusion_prob, strict=True)][:_LISTED]
    more = f", and {len(each.columns) - _LISTED} more" if len(each.columns) > _LISTED else ""
    alike = f", correlations of {each.purity:.2f} or more" if len(each.columns) > 1 else ""
    return f"  {number}  {each.prob:.2f}  {', '.join(names)}{more}{alike}"


def fit_table(table: Table, model: VaeSlr, *, source: str, test_fraction: float | None = None) -> Report:
    """Fit a model to a table with a response, and report on it.

    `test_fraction` of the samples are held out first, to say how well a fit of the others predicts them.
    """
    y: Any = table.y
    is_constant = bool(model.fit_intercept and (y == y[0]).all())
    held_out = None if test_fraction is None or is_constant else _held_out(table, model, test_fraction)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(table.X, y)
    names = table.feature_names
    prob = getattr(model, "inclusion_prob_", None)
    sets = model.credible_sets() if prob is not None else []
    number_of = {int(column): number for number, each in enumerate(sets, 1) for column in each.columns}
    deviation = np.sqrt(model.coef_var_)
    support = model.support_.tolist()
    order = support if prob is None else sorted(support, key=lambda j: (-prob[j], j))
    effects = [
        Effect(
            names[j],
            j,
            None if prob is None else float(prob[j]),
            float(model.coef_[j]),
            float(model.coef_[j] - _Z * deviation[j]),
            float(model.coef_[j] + _Z * deviation[j]),
            number_of.get(j),
        )
        for j in order
    ]
    return Report(
        source=source,
        response=str(table.response),
        n_samples=int(table.X.shape[0]),
        n_features=int(table.X.shape[1]),
        status=CONSTANT if is_constant else model.status_,
        certified=bool(model.certified_) and not is_constant,
        noise_var=float(model.noise_var_),
        explained=_explained(model, y),
        intercept=float(model.intercept_),
        effects=tuple(effects),
        credible_sets=tuple(_set(each, names, prob) for each in sets),
        held_out=held_out,
        warnings=tuple(str(each.message).removeprefix("VaeSlr: ") for each in caught),
    )


def _set(each: Any, names: Sequence[str], prob: Any) -> Set:
    columns = sorted(each.columns.tolist(), key=lambda j: -prob[j])
    return Set(
        tuple(names[j] for j in columns),
        tuple(float(prob[j]) for j in columns),
        float(each.prob),
        float(each.purity),
    )


def _explained(model: VaeSlr, y: Any) -> float:
    total = float(y.var(ddof=1)) if len(y) > 1 else 0.0
    return max(0.0, 1 - float(model.noise_var_) / total) if total > 0 else 0.0


def _held_out(table: Table, model: VaeSlr, fraction: float) -> HeldOut:
    if not isinstance(table.X, np.ndarray):
        raise ParameterError("`test_fraction` needs a table that is read as a whole, but this one has too many entries")
    y: Any = table.y
    count = round(fraction * len(y))
    # Five folds of the Lasso's cross-validation, and two samples for an R^2.
    if count < 2 or len(y) - count < 10:
        raise ParameterError(
            f"`test_fraction` is {fraction!r}, but of {len(y)} samples it must leave 10 and hold out 2 at least"
        )
    X, X_new, y, y_new = train_test_split(table.X, y, test_size=count, random_state=_seed(model))
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        lasso = make_pipeline(StandardScaler(), LassoCV(cv=5)).fit(X, y)
        r2 = model.fit(X, y).score(X_new, y_new)
    return HeldOut(count, float(r2), float(lasso.score(X_new, y_new)))


def _seed(model: VaeSlr) -> int:
    return int(model.random_state) % 2**32  # type: ignore[arg-type]  # the command line gives an integer
