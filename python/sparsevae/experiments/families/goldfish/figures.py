"""The figures of Pratihar and Mukhopadhyay, "Be a Goldfish", ICML 2025, as data."""

from dataclasses import replace

from ...engine.metric import RATE
from ...engine.specification import Figure
from .metrics import LARGEST_RATE, RATE_BESIDE_AUTHORS, REFITTED_ERROR, RateBesideAuthors, RateBesideLimits
from .problem import Problem

KAPPAS = (2, 10, 20, 30, 40, 50, 60)
SNRS = (0, 10, 20, 30, 40, 50, 60, 70, 80)
LAWS = ("gaussian", "rayleigh", "chi_squared", "uniform", "poisson")

# The default of `PreconditionedVae` would be a second drawing of `VaeSlr`; its descent on the paper's energy is not.
_FAST = ("VaeSlr", "PreconVAE, EM", "Lasso", "basis pursuit")
# What "all" stands for: the rivals at their best settings, and the paper's own training where the paper shows it.
_RIVALS = (
    "VaeSlr",
    "PreconVAE, EM",
    "Lasso",
    "Lasso, best penalty",
    "basis pursuit",
    "reweighted basis pursuit",
    "augmented basis pursuit",
    "SBL",
    "skglm MCP path",
    "MNE gamma-MAP",
)
_FREE = "SBL, covariance-free"
_FIXED = ("PreconVAE, Adam, noise 0.1", "PreconVAE, Adam, noise 0.01", "PreconVAE, Adam, noise 0.0001")
_LEARNED = ("PreconVAE, Adam",)
_LASSO = ("Lasso", "Lasso, best penalty")
_BY_LAW = ("VaeSlr", "VAE, Adam", *_LASSO)
_GAUSSIAN, _WALK = Problem("gaussian", 100, 200, 20), Problem("random_walk", 100, 200, 20)
_LAW_SERIES = {law: {"law": law} for law in LAWS}
_ANY_LAW = "The nonzero coefficients may follow any law."
_NOISE = "The paper does not say how many coefficients are nonzero: 10 here."
_LINES = (
    "Vertical lines: thresholds for many independent normal columns, of the Lasso's exact signs at a positive penalty "
    "(Wainwright), and of l1 minimisation without noise. Here coefficients up to 0.001 count as zero."
)
_RANKS = (
    "The same trials. One succeeds where the columns that a method ranks first, as many as are nonzero, are the true "
    "ones: by probability of an effect where it has one, else by size of coefficient. Columns at zero are not ranked."
)
_GAUSSIAN_NOISE, _WALK_NOISE = replace(_GAUSSIAN, n_nonzero=10), replace(_WALK, n_nonzero=10)
_RANKED = "The same, where the number of nonzero coefficients is known to the score."
_KNOWN = ("VaeSlr, noise known", "SBL, noise known", f"{_FREE}, noise known")
# Designs with noise: their names, and the paper's training on them.
_NOISY = {
    "gaussian": ("Gaussian design", ("VAE, Adam", "VAE, Adam, noise known")),
    "random_walk": ("Random walk", _LEARNED),
}


def _noisy(name: str, problem: Problem, claim: str) -> Figure:
    """Return a panel of figure 4, or of the same trials by the largest coefficients."""
    experiment, _, ranked = name.partition("_")
    design, trained = _NOISY[problem.design]
    return Figure(
        name,
        f"{design}, 100 x 200, 10 nonzeros, noise{', by rank' if ranked else ''}",
        claim,
        "snr_db",
        SNRS,
        problem,
        _FAST,
        choices=(*_RIVALS, _FREE, *trained, *_KNOWN),
        metric=LARGEST_RATE if ranked else RATE,
        label="signal-to-noise ratio (dB)",
        trials_of=experiment if ranked else "",
        note=_RANKS if ranked else _NOISE,
    )


FIGURES = (
    Figure(
        "fig1a",
        "Gaussian design, 100 x 200",
        "The VAE recovers more supports than the Lasso and SBL.",
        "n_nonzero",
        KAPPAS,
        _GAUSSIAN,
        _FAST,
        choices=(*_RIVALS, _FREE, "VaeSlr, EM", "VAE, Adam"),
        metric=RateBesideAuthors(RateBesideLimits(200, n_samples=100)),
        note=_LINES,
    ),
    Figure(
        "fig1b",
        "Random walk, 100 x 200",
        "On a badly conditioned design, the preconditioned VAE recovers supports where others fail.",
        "n_nonzero",
        KAPPAS,
        _WALK,
        _FAST,
        choices=(*_RIVALS, _FREE, "VaeSlr, EM", "VAE, Adam", "PreconVAE, Adam"),
        metric=RATE_BESIDE_AUTHORS,
    ),
    Figure(
        "fig1c",
        "Riboflavin genes of largest variance, 71 x 100",
        "So it does on measured gene expressions.",
        "n_nonzero",
        KAPPAS,
        Problem("riboflavin", 71, 100, 20),
        _FAST,
        choices=(*_RIVALS, _FREE, "VaeSlr, EM", "VAE, Adam", "PreconVAE, Adam"),
        metric=RATE_BESIDE_AUTHORS,
    ),
    Figure(
        "fig2a",
        "Random walk, 100 samples, 20 nonzeros",
        "Recovery gets harder with more features.",
        "n_features",
        (150, 200, 250, 300),
        _WALK,
        _FAST,
        choices=(*_RIVALS, "PreconVAE, Adam"),
        label="features",
        note="By Wainwright's threshold the Lasso needs more than 100 samples everywhere here, l1 minimisation fewer.",
    ),
    Figure(
        "fig2b",
        "Random walk, 200 features, 10 nonzeros",
        "Recovery gets easier with more samples.",
        "n_samples",
        tuple(range(10, 101, 10)),
        Problem("random_walk", 100, 200, 10),
        _FAST,
        choices=(*_RIVALS, "PreconVAE, Adam"),
        label="samples",
        metric=RateBesideLimits(200, n_nonzero=10),
        note=f"With fewer than 20 samples the sparsest solution need not be the true one. {_LINES}",
    ),
    Figure(
        "fig3a",
        "Gaussian design, 100 x 200, five laws",
        _ANY_LAW,
        "n_nonzero",
        KAPPAS,
        _GAUSSIAN,
        ("VaeSlr",),
        choices=_BY_LAW,
        series=_LAW_SERIES,
        trials_of="fig3",
    ),
    Figure(
        "fig3b",
        "Gaussian design, 100 x 200, five laws",
        _ANY_LAW,
        "n_nonzero",
        KAPPAS,
        _GAUSSIAN,
        ("VaeSlr",),
        choices=_BY_LAW,
        series=_LAW_SERIES,
        trials_of="fig3",
        metric=REFITTED_ERROR,
    ),
    _noisy("fig4a", _GAUSSIAN_NOISE, "The VAE recovers supports at lower signal-to-noise ratios."),
    _noisy(
        "fig4b",
        _WALK_NOISE,
        "On a badly conditioned design only the preconditioned VAE succeeds, from 60 dB on.",
    ),
    _noisy("fig4a_largest", _GAUSSIAN_NOISE, _RANKED),
    _noisy("fig4b_largest", _WALK_NOISE, _RANKED),
    Figure(
        "fig5",
        "Riboflavin, 200 random genes, 71 x 200",
        "The preconditioned VAE leads on better conditioned genes, too.",
        "n_nonzero",
        KAPPAS,
        Problem("riboflavin_random", 71, 200, 20),
        _FAST,
        choices=(*_RIVALS, "PreconVAE, Adam"),
        note="Other genes in each trial.",
    ),
    Figure(
        "fig6a",
        "Random walk, 100 x 200, fixed noise variance",
        "A fixed noise variance recovers fewer supports than a learned one.",
        "n_nonzero",
        KAPPAS,
        _WALK,
        _FIXED,
        choices=(*_FIXED, *_LASSO),
        note="The paper does not say which noise variances it fixed.",
    ),
    Figure(
        "fig6b",
        "Random walk, 100 x 200, learned noise variance",
        "Learning the noise variance of the preconditioned VAE recovers more supports.",
        "n_nonzero",
        KAPPAS,
        _WALK,
        _LEARNED,
        choices=(*_LEARNED, *_LASSO),
    ),
)
