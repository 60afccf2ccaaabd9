"""What ``sparsevae demo`` computes: recovery without noise beside the Lasso and basis pursuit, and noisy real data."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.preprocessing import PolynomialFeatures, normalize, scale
from sklearn.utils import Bunch

from . import PreconditionedVae, VaeSlr
from .baselines import BasisPursuit
from .datasets import fetch_riboflavin, make_sparse_regression, plant_response
from .experiments.rivals import best_lasso
from .metrics import support_match
from .plotting import plot_inclusion
from .report import Report, fit_table
from .tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[[int, int], Bunch]
Progress: TypeAlias = Callable[[str], None]

KAPPAS = (2, 10, 20, 30, 40, 50, 60)
EXAMPLE = 40
LASSO = "Lasso"
SOLVERS = ("VaeSlr", "PreconditionedVae", "basis pursuit", LASSO)


def _solve(name: str, data: Bunch) -> Array:
    if name == LASSO:
        return best_lasso(data.X, data.y, data.coef)
    models: dict[str, VaeSlr | PreconditionedVae | BasisPursuit] = {
        "VaeSlr": VaeSlr(),
        "PreconditionedVae": PreconditionedVae(),
        "basis pursuit": BasisPursuit(fit_intercept=False),
    }
    solution: Array = models[name].fit(data.X, data.y).coef_
    return solution


@dataclass(frozen=True)
class Recovery:
    """Rates of exact recovery on one kind of design, and one problem to look at."""

    design: str
    trials: int
    rates: Mapping[str, Sequence[float]]
    median_ms: Mapping[str, float]
    truth: Array = field(repr=False)
    estimates: Mapping[str, Array] = field(repr=False)

    def table(self) -> str:
        """Rates over the number of nonzeros, one line a solver."""
        width = max(len(name) for name in self.rates)
        head = " " * width + "".join(f"{kappa:6d}" for kappa in KAPPAS) + "   sum  median ms"
        lines = [
            f"{name:{width}}{''.join(f'{rate:6.2f}' for rate in rates)}{sum(rates):6.2f}{self.median_ms[name]:11.1f}"
            for name, rates in self.rates.items()
        ]
        return "\n".join([head, *lines])


def _lasso_fails(data: Bunch, found: Mapping[str, Array]) -> bool:
    return support_match(data.coef, found["VaeSlr"]) and not support_match(data.coef, found[LASSO])


def recovery(design: str, draw: Draw, trials: int, seed: int, progress: Progress) -> Recovery:
    """Solve `trials` problems for each number of nonzeros by every solver.

    The example is the first problem of 40 nonzeros that VaeSlr solves and the Lasso does not.
    """
    rates: dict[str, list[float]] = {name: [] for name in SOLVERS}
    spent: dict[str, list[float]] = {name: [] for name in SOLVERS}
    data = draw(KAPPAS[0], seed)
    example = data, {name: _solve(name, data) for name in SOLVERS}
    with warnings.catch_warnings():
        # Solvers that give up warn; the table shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        for kappa in KAPPAS:
            matches: dict[str, list[bool]] = {name: [] for name in SOLVERS}
            for trial in range(trials):
                progress(f"{design}: {kappa} nonzeros, problem {trial + 1} of {trials}")
                data = draw(kappa, seed + 1000 * kappa + trial)
                found: dict[str, Array] = {}
                for name in SOLVERS:
                    start = time.process_time()
                    found[name] = _solve(name, data)
                    spent[name].append(time.process_time() - start)
                    matches[name].append(support_match(data.coef, found[name]))
                if kappa == EXAMPLE and not _lasso_fails(*example) and _lasso_fails(data, found):
                    example = data, found
            for name in SOLVERS:
                rates[name].append(float(np.mean(matches[name])))
    return Recovery(
        design=design,
        trials=trials,
        rates=rates,
        median_ms={name: 1e3 * float(np.median(times)) for name, times in spent.items()},
        truth=example[0].coef,
        estimates=example[1],
    )


def random_walk(trials: int, seed: int, progress: Progress) -> Recovery:
    """Recovery on designs whose columns are neighbouring states of random walks."""

    def draw(kappa: int, seed: int) -> Bunch:
        return make_sparse_regression(100, 200, n_nonzero=kappa, design="random_walk", random_state=seed)

    return recovery("random walk, 100 x 200", draw, trials, seed, progress)


def riboflavin(trials: int, seed: int, progress: Progress) -> Recovery:
    """Recovery of planted coefficients on the 100 genes of largest variance."""
    genes: Any = fetch_riboflavin(subset="top_variance")
    X = normalize(genes.X, axis=0)

    def draw(kappa: int, seed: int) -> Bunch:
        return plant_response(X, n_nonzero=kappa, random_state=seed)

    return recovery("riboflavin genes, 71 x 100", draw, trials, seed, progress)


@dataclass(frozen=True)
class Noisy:
    """A fit of noisy real data, and the Lasso's choice."""

    report: Report
    model: VaeSlr = field(repr=False)
    names: Sequence[str] = field(repr=False)
    lasso_support: NDArray[np.intp] = field(repr=False)
    r2: Mapping[str, float]

    def text(self) -> str:
        """Both fits side by side."""
        chosen = ", ".join(self.names[j] for j in self.lasso_support)
        scores = ", ".join(f"{name} {score:.3f}" for name, score in self.r2.items())
        return (
            f"{self.report.text()}\n\nthe Lasso chooses {len(self.lasso_support)} columns: {chosen}\n"
            f"R^2 of 5-fold cross-validation: {scores}"
        )

    def draw(self, axes: "Axes") -> None:
        """Draw inclusion probabilities with the names of chosen columns, and marks for those of the Lasso."""
        plot_inclusion(axes, self.model, title="diabetes, with squares and products")
        lasso = self.lasso_support
        axes.scatter(lasso, np.full(len(lasso), -0.015), marker="|", color="black", label=f"the Lasso's {len(lasso)}")
        axes.legend(frameon=False, fontsize="small")
        chosen, prob = self.model.support_, self.model.inclusion_prob_
        for j in chosen.tolist():
            # A name stands left of its column where the right has another name, or the margin.
            crowded = np.any((chosen > j) & (chosen < j + 5) & (np.abs(prob[chosen] - prob[j]) < 0.05))
            left = crowded or j > 0.8 * len(prob)
            shift, side = ((-5, -3), "right") if left else ((5, -3), "left")
            axes.annotate(self.names[j], (j, prob[j]), shift, textcoords="offset points", fontsize="x-small", ha=side)


def diabetes(seed: int) -> Noisy:
    """Fit the diabetes data of scikit-learn: ten measurements, their squares and products, of 442 patients."""
    data: Any = load_diabetes()
    expansion = PolynomialFeatures(2, include_bias=False).fit(data.data)
    names = [str(name).replace(" ", " x ") for name in expansion.get_feature_names_out(data.feature_names)]
    # Sex has two values, so that its square says nothing new.
    kept = [j for j, name in enumerate(names) if name != "sex^2"]
    X, names = scale(expansion.transform(scale(data.data))[:, kept]), [names[j] for j in kept]
    folds = KFold(5, shuffle=True, random_state=seed % 2**32)
    model = VaeSlr(random_state=seed)
    # Coordinate descent on columns as correlated as these needs more steps than are its default.
    lasso = LassoCV(cv=folds, max_iter=10_000)
    return Noisy(
        report=fit_table(Table(X, data.target, names, "disease progression"), model, source="diabetes"),
        model=model,
        names=names,
        lasso_support=np.flatnonzero(lasso.fit(X, data.target).coef_),
        r2={
            name: float(cross_val_score(estimator, X, data.target, cv=folds).mean())
            for name, estimator in (("VaeSlr", model), ("LassoCV", lasso))
        },
    )


def selected_genes() -> str:
    """Fit the real riboflavin production rate on all genes; list those that are chosen."""
    data: Any = fetch_riboflavin()
    model = VaeSlr().fit(data.X, data.y)
    share = 1 - model.noise_var_ / data.y.var(ddof=1)
    order = model.support_[np.argsort(-np.abs(model.coef_[model.support_]))]
    lines = [
        f"Riboflavin production rate, {data.X.shape[0]} samples, {data.X.shape[1]:,} genes",
        f"{len(order)} chosen; adjusted share of the variance explained, on the data that chose them: {share:.2f}",
        f"{'gene':<16}{'coefficient':>12}{'sd':>8}",
        *(f"{data.feature_names[j]:<16}{model.coef_[j]:>12.3f}{np.sqrt(model.coef_var_[j]):>8.3f}" for j in order),
    ]
    return "\n".join(lines)
