"""Noisy data as statisticians have them: a benchmark, real data, fine mapping, data without effects, calibration."""

from collections.abc import Mapping
from typing import Any

from ...engine.specification import Figure
from .fine_mapping import FineMappingProblem
from .metrics import (
    ANY_CHOSEN,
    CALIBRATION,
    COVERAGE,
    EXPLAINED,
    F1,
    MANY_CHOSEN,
    POWER,
    PRECISION,
    RTE,
    SET_SIZE,
)
from .problem import BenchmarkProblem, NormalEffectsProblem, NullProblem
from .real_data import CrossValidationProblem

_OURS = ("VaeSlr()", "VaeSlr(model_averaging=True)")
_FAST = (*_OURS, "LassoCV", "RidgeCV", "relaxed lasso, CV")
_ALL = (*_OURS, "LassoCV", "ElasticNetCV", "RidgeCV", "relaxed lasso, CV", "MCP, CV", "abess", "abess, CV")
_SELECT = tuple(name for name in _ALL if name != "RidgeCV")

_SETTINGS = {"low": (100, 10, 5), "medium": (500, 100, 5), "high5": (50, 1000, 5), "high10": (100, 1000, 10)}
_SNRS = (0.05, 0.09, 0.14, 0.25, 0.42, 0.71, 1.22, 2.07, 3.52, 6)
_CORRELATIONS = (0, 0.35, 0.7)


def _series(*types: int) -> dict[str, dict[str, Any]]:
    return {
        f"type {kind}, rho {correlation:g}": {"coef_type": kind, "correlation": correlation}
        for kind in types
        for correlation in _CORRELATIONS
    }


def _benchmark(setting: str, n_samples: int, n_features: int, n_nonzero: int) -> tuple[Figure, Figure, Figure]:
    """Return errors, supports and calibration of one setting, which share their trials."""
    size = f"{n_samples:,} x {n_features:,}, {n_nonzero} large coefficients"
    common: dict[str, Any] = {
        "swept": "snr",
        "values": _SNRS,
        "problem": BenchmarkProblem(n_samples, n_features, n_nonzero),
        "label": "signal-to-noise ratio",
        "trials_of": f"benchmark_{setting}",
        "trials": 2,
        "quick_series": ("type 2, rho 0", "type 2, rho 0.7"),
        "quick_problem": {"n_samples": min(n_samples, 40), "n_features": min(n_features, 40)},
    }
    compared: Mapping[str, Any] = {"methods": _FAST, "choices": _ALL, "series": _series(1, 2, 3, 5)}
    return (
        Figure(
            f"benchmark_{setting}",
            size,
            "No method wins everywhere: subsets where there is little noise, the lasso where there is much.",
            metric=RTE,
            **common,
            **compared,
        ),
        Figure(
            f"benchmark_{setting}_f1",
            size,
            "The lasso chooses too many columns, best subset fewer, the relaxed lasso is between them.",
            metric=F1,
            note="Coefficients of up to 0.001, which type 5 has, count as zeros.",
            **common,
            **compared,
        ),
        Figure(
            f"calibration_{setting}",
            size,
            "Of columns that are said to have an effect with some probability, that share has one.",
            metric=CALIBRATION,
            methods=_OURS[1:],
            choices=_OURS[1:],
            series=_series(1, 2, 3),
            note="Type 5 has no zeros to be distinguished from effects, and is left out.",
            **common,
        ),
    )


def _normal_calibration() -> Figure:
    """Return the calibration where coefficients are drawn by the law that the prior supposes."""
    sizes = {"100 x 10": (100, 10, 10), "500 x 100": (500, 100, 20), "100 x 1,000": (100, 1000, 20)}
    return Figure(
        "calibration_normal",
        "normal coefficients at random places",
        "Where coefficients are what the prior supposes, so are probabilities.",
        "snr",
        _SNRS,
        NormalEffectsProblem(100, 10, 10),
        _OURS[1:],
        choices=_OURS[1:],
        metric=CALIBRATION,
        label="signal-to-noise ratio",
        series={
            f"{size}, rho {correlation:g}": {
                "n_samples": n_samples,
                "n_features": n_features,
                "n_nonzero": n_nonzero,
                "correlation": correlation,
            }
            for size, (n_samples, n_features, n_nonzero) in sizes.items()
            for correlation in _CORRELATIONS
        },
        trials=20,
        quick_series=("100 x 10, rho 0", "500 x 100, rho 0.7"),
    )


def _prediction(name: str, size: str) -> Figure:
    return Figure(
        f"prediction_{name}",
        size,
        "Averages over supports predict better than the one support that is chosen.",
        "n_folds",
        (10,),
        CrossValidationProblem(name),
        _FAST,
        choices=_ALL,
        metric=EXPLAINED,
        label="folds",
        trials=5,
        quick_values=(2,),
        quick_problem={"n_features": 50},
    )


def _fine_mapping(name: str, claim: str, metric: Any) -> Figure:
    return Figure(
        f"finemapping_{name}",
        "effects on real genotypes, 574 x 1,001",
        claim,
        "n_effects",
        (1, 3, 5),
        FineMappingProblem(),
        _OURS,
        choices=(*_OURS, "SuSiE"),
        metric=metric,
        label="effects",
        series={f"PVE {pve:g}": {"pve": pve} for pve in (0.1, 0.4)},
        trials_of="finemapping",
        trials=40,
        quick_problem={"n_features": 100},
    )


def _null(name: str, title: str, claim: str, metric: Any) -> Figure:
    shapes = ((200, 10), (97, 8), (30, 28), (1000, 50), (60, 100), (50, 1000), (200, 4000))
    return Figure(
        f"null_{name}",
        f"{title} where none has an effect",
        claim,
        "correlation",
        (0, 0.8),
        NullProblem(200, 10),
        _OURS,
        choices=_SELECT,
        metric=metric,
        label="correlation of neighbouring columns",
        series={f"{n:,} x {p:,}": {"n_samples": n, "n_features": p} for n, p in shapes},
        trials_of="null",
        trials=50,
        quick_series=("97 x 8", "60 x 100"),
    )


_PANELS = [_benchmark(setting, *sizes) for setting, sizes in _SETTINGS.items()]

FIGURES = (
    *(panel for errors, supports, _ in _PANELS for panel in (errors, supports)),
    *(calibration for _, _, calibration in _PANELS),
    _normal_calibration(),
    _prediction("riboflavin", "riboflavin production, 71 x 4,088 gene expressions"),
    _prediction("trim32", "expression of TRIM32, 120 x 500 probes"),
    _prediction("gasoline", "octane number, 60 x 401 absorbances"),
    _prediction("diabetes", "progression of diabetes, 442 x 10"),
    _fine_mapping("coverage", "95% credible sets hold an effect in 95 of 100.", COVERAGE),
    _fine_mapping("power", "They find most effects that explain enough.", POWER),
    _fine_mapping("size", "They are small where linkage allows.", SET_SIZE),
    _fine_mapping("precision", "Inclusion probabilities order the variants.", PRECISION),
    _null("any", "a column chosen", "Where there is no effect, none is found.", ANY_CHOSEN),
    _null("many", "more than three columns chosen", "At least not many are.", MANY_CHOSEN),
)
