"""Methods for test problems that easier training problems with the same matrix are given for."""

from typing import Any

from ...engine.specification import Method

_ABLATION = "It uses the solutions of the training problems that WelperRecover kept, not their factorisation."
_UNTRAINED = "It sees no training problems."


def _trained(name: str, style: tuple[str, str], *, ablation: str = "", note: str = "", **parameters: Any) -> Method:
    settings: dict[str, Any] = {"parameters": parameters, **({"ablation": ablation} if ablation else {})}
    return Method(name, "trained", settings, effort=20.0, style=style, note=note, special=True)


METHODS = (
    _trained("WelperRecover", ("#0868ac", "*")),
    _trained("WelperRecover, l4", ("#4eb3d3", "X"), note="Its components are found by the 4-norm.", factorization="l4"),
    _trained("least squares on span", ("#e6550d", "s"), ablation="least_squares_on_span", note=_ABLATION),
    _trained("solutions as components", ("#fdae6b", "D"), ablation="solutions_as_components", note=_ABLATION),
    Method("l1 minimisation", "l1_minimisation", {}, effort=5.0, style=("#31a354", "v"), note=_UNTRAINED, special=True),
    Method(
        "reweighted least squares",
        "reweighted_least_squares",
        # Of the powers 0, 1/4 and 1/2 and the factors 2, 3 and 10 none solves more; the rule of Daubechies et al. for
        # the smoothing, given the number of nonzeros, solves fewer.
        {"power": 0.0, "shrink": 3.0},
        effort=50.0,
        style=("#756bb1", "P"),
        note=f"{_UNTRAINED} The power is 0, the smoothing falls by factors of 3.",
        special=True,
    ),
    Method(
        "VaeSlr, untrained",
        "each",
        {"estimator": "sparsevae:VaeSlr", "parameters": {"fit_intercept": False}},
        effort=200.0,
        style=("#636363", "D"),
        note=f"{_UNTRAINED} Default settings, each test problem alone.",
        special=True,
    ),
)
