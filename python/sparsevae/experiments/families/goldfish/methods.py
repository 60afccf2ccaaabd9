"""Methods for one response: the estimators, the paper's own training, and their rivals."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...engine.specification import Method

# Steps of the paper's training; in a quick run enough to see that it runs, not to converge.
_STEPS, _PAPER_STEPS, _QUICK_STEPS = "n_steps", 50_000, 500


def _estimator(name: str, path: str, parameters: Mapping[str, Any], **rest: Any) -> Method:
    extra: dict[str, Any] = {key: rest.pop(key) for key in ("attribute", "told") if key in rest}
    settings: dict[str, Any] = {"estimator": path, "parameters": {"fit_intercept": False, **parameters}, **extra}
    return Method(name, "estimator", settings, **rest)


def _trained(name: str, path: str, parameters: Mapping[str, Any], **rest: Any) -> Method:
    """Name the paper's training; its estimate is the mean of the encoder, scaled by the decoder."""
    own = {"optimizer": "adam", _STEPS: _PAPER_STEPS, **parameters}
    quick = {"parameters": {"fit_intercept": False, **own, _STEPS: _QUICK_STEPS}}
    return _estimator(name, path, own, attribute="posterior_mean_", quick=quick, effort=1000.0, **rest)


_VAE, _PRECON = "sparsevae:VaeSlr", "sparsevae:PreconditionedVae"
_BASELINES = "sparsevae.baselines"
# Of methods that can do without the variance of the noise, those that are given it.
_KNOWN: Mapping[str, Any] = {"told": ["noise_var"], "special": True, "note": "It knows the variance of the noise."}

METHODS = (
    _estimator("VaeSlr", _VAE, {}, effort=10.0, style=("#0072b2", "o")),
    _estimator("VaeSlr, noise known", _VAE, {}, effort=10.0, style=("#332288", "o"), **_KNOWN),
    _estimator("PreconditionedVae", _PRECON, {}, effort=10.0, style=("#56b4e9", "s")),
    _estimator("VaeSlr, EM", _VAE, {"optimizer": "em"}, effort=20.0, style=("#00429d", "P")),
    _estimator("PreconditionedVae, EM", _PRECON, {"optimizer": "em"}, effort=20.0, style=("#3aa6a0", "X")),
    _trained("VAE, Adam", _VAE, {}, style=("#d55e00", "v"), note="The paper's training."),
    _trained("VAE, Adam, noise known", _VAE, {}, style=("#cc6677", "v"), **_KNOWN),
    _trained(
        "PreconVAE, Adam",
        _PRECON,
        {"power": 1.0, "noise_var": "learn"},
        style=("#cc79a7", "D"),
        note="The paper's training and preconditioner.",
    ),
    _estimator(
        "PreconVAE, EM",
        _PRECON,
        {"optimizer": "em", "power": 1.0, "noise_var": "learn"},
        effort=20.0,
        style=("#aa4499", "H"),
        note="The energy of the paper's preconditioned model, minimised by EM in place of stochastic gradients.",
    ),
    *(
        _trained(
            f"PreconVAE, Adam, noise {noise_var:g}",
            _PRECON,
            {"power": 1.0, "noise_var": noise_var},
            style=style,
            note="The noise variance of the decoder is fixed.",
            special=True,
        )
        for noise_var, style in ((0.1, ("#8c510a", "<")), (0.01, ("#bf812d", ">")), (0.0001, ("#dfa55b", "^")))
    ),
    _estimator(
        "Lasso",
        "sklearn.linear_model:Lasso",
        {"alpha": 1e-5, "max_iter": 100_000},
        effort=5.0,
        style=("#000000", "x"),
        note="The paper's penalty.",
    ),
    Method(
        "Lasso, best penalty",
        "best_lasso",
        {},
        effort=5.0,
        style=("#7f7f7f", "+"),
        note="Its penalty is picked with the truth at hand.",
    ),
    _estimator("basis pursuit", f"{_BASELINES}:BasisPursuit", {}, effort=5.0, style=("#009e73", "^")),
    _estimator(
        "reweighted basis pursuit", f"{_BASELINES}:ReweightedBasisPursuit", {}, effort=30.0, style=("#66a61e", "<")
    ),
    _estimator(
        "augmented basis pursuit",
        f"{_BASELINES}:AugmentedBasisPursuit",
        {},
        told=["covariance", "n_nonzero"],
        effort=20.0,
        style=("#e69f00", "h"),
        note="It knows the number of nonzeros and, where there is one, the population covariance.",
    ),
    _estimator("SBL", f"{_BASELINES}:SparseBayesianLearning", {}, effort=50.0, style=("#984ea3", "*")),
    _estimator("SBL, covariance-free", f"{_BASELINES}:CovarianceFreeEm", {}, effort=200.0, style=("#6a3d9a", "d")),
    _estimator(
        "SBL, noise known", f"{_BASELINES}:SparseBayesianLearning", {}, effort=50.0, style=("#117733", "*"), **_KNOWN
    ),
    _estimator(
        "SBL, covariance-free, noise known",
        f"{_BASELINES}:CovarianceFreeEm",
        {},
        effort=200.0,
        style=("#999933", "d"),
        **_KNOWN,
    ),
    Method(
        "skglm MCP path",
        "mcp_path",
        {"noise_free": {"gamma": 50, "n_alphas": 100, "smallest": 1e-5}, "noisy": {"gamma": 1.5}},
        package="skglm",
        effort=15.0,
        style=("#a6761d", ">"),
        note="It knows whether there is noise.",
    ),
    Method(
        "MNE gamma-MAP",
        "gamma_map",
        {"max_iter": 10_000, "noise_var": 1e-10},
        package="mne",
        effort=20.0,
        style=("#e7298a", "p"),
        note="It knows the variance of the noise.",
    ),
)


def training_settings(methods: Sequence[Method], n_steps: int) -> dict[str, dict[str, Any]]:
    """Give those methods that train by Adam another number of steps.

    Parameters
    ----------
    methods : sequence of Method
        Any methods.
    n_steps : int
        Steps.

    Returns
    -------
    dict
        Settings for :func:`sparsevae.experiments.run`.

    Examples
    --------
    >>> from sparsevae.experiments import METHODS, training_settings
    >>> list(training_settings([METHODS["VaeSlr"], METHODS["VAE, Adam"]], 1000))
    ['VAE, Adam']
    """
    return {
        method.name: {"parameters": {**method.settings["parameters"], _STEPS: n_steps}}
        for method in methods
        if method.settings.get("parameters", {}).get("optimizer") == "adam"
    }
