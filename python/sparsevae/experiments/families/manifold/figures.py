"""Section 5 of Dai et al., "Hidden Talents of the Variational Autoencoder": networks on nonlinear manifolds."""

from dataclasses import replace
from typing import Any

from ...engine.metrics import NMSE
from ...engine.specification import Figure
from .metrics import COLUMN_NORMS, DIMENSIONS_USED, HISTOGRAM, VARIANCES
from .problem import DigitsProblem, ManifoldProblem

_OURS, _OF_IMAGES = "ManifoldVae", "ManifoldVae, images"
_RIVALS = ("AE-l2", "AE-l1", "RobustPca")

# Sizes of the paper: sec. 5.1, whose generating network is the decoder; sec. 5.2; MNIST.
_PAPER: dict[str, Any] = {
    "n_samples": 1_000_000,
    "hidden": (1000, 2000),
    "n_components": 50,
    "encoder_hidden": (2000, 1000),
    "decoder_hidden": (1000, 2000),
}
_PAPER_DEPTH: dict[str, Any] = {
    "n_samples": 1_000_000,
    "n_features": 400,
    "dimension": 20,
    "hidden": (200, 200),
    "n_components": 30,
    "layer_width": 200,
}
_PAPER_IMAGES: dict[str, Any] = {
    "source": "mnist_all",
    "encoder_hidden": (1000, 500, 250),
    "decoder_hidden": (250, 500, 1000),
}
_QUICK, _QUICK_IMAGES = {"n_samples": 1000}, {"n_samples": 200}
_SHARES = tuple(round(0.05 * place, 2) for place in range(1, 11))
_SCALE = "The paper: 1,000,000 samples, 50 latent variables, layers of 1,000 and 2,000 units."
_IMAGES_SCALE = "The paper: all 70,000 images, three layers of 1,000, 500 and 250 units each way."


def _dimensions(*found: int) -> dict[str, dict[str, int]]:
    return {f"dimension {dimension}": {"dimension": dimension} for dimension in found}


_RECOVERY = ManifoldProblem(n_samples=50_000, hidden=(100, 100), encoder_hidden=(100, 100), decoder_hidden=(100, 100))
_DEPTH = ManifoldProblem(
    n_samples=20_000,
    dimension=10,
    hidden=(100, 100),
    outlier_share=0.0,
    n_components=15,
    n_encoder_layers=3,
    n_decoder_layers=3,
    layer_width=100,
)
_LAYERS = {f"{count} encoder layers": {"n_encoder_layers": count} for count in range(4)}

FIGURES = (
    Figure(
        "manifold_recovery",
        "ReLU manifold with outliers, 50,000 x 100",
        "The VAE recovers nonlinear manifolds where autoencoders and robust PCA fail (Fig. 1).",
        "outlier_share",
        (0.05, 0.3),
        _RECOVERY,
        (_OURS, "RobustPca"),
        choices=(_OURS, *_RIVALS),
        metric=NMSE,
        label="share of outliers",
        series=_dimensions(2, 8),
        quick_problem=_QUICK,
        trials=3,
        paper={**_PAPER, "values": _SHARES, "series": _dimensions(*range(2, 21, 2)), "trials": 1},
        note=_SCALE,
    ),
    Figure(
        "manifold_depth",
        "ReLU manifold of dimension 10, 15 latent variables",
        "If deep enough, the VAE prunes latent variables down to the dimension of the manifold (Table 1).",
        "n_decoder_layers",
        (0, 1, 2, 3),
        _DEPTH,
        (_OURS,),
        choices=(_OURS,),
        metric=DIMENSIONS_USED,
        label="hidden layers of the decoder",
        series=_LAYERS,
        quick_problem=_QUICK,
        trials=2,
        paper={**_PAPER_DEPTH, "trials": 10},
        note="The paper: dimension 20, 30 latent variables, 400 features, layers of 200 units.",
    ),
    Figure(
        "manifold_norms",
        "The same trials with 3 encoder layers, norms of the decoder's first columns",
        "Columns that are pruned are easily distinguished from the others (Fig. 2a).",
        "n_decoder_layers",
        (0, 1, 2, 3),
        _DEPTH,
        (_OURS,),
        choices=(_OURS,),
        metric=COLUMN_NORMS,
        label="hidden layers of the decoder",
        series={"3 encoder layers": _LAYERS["3 encoder layers"]},
        trials_of="manifold_depth",
        quick_problem=_QUICK,
        trials=2,
        paper={**_PAPER_DEPTH, "trials": 10},
    ),
    Figure(
        "manifold_variance",
        "ReLU manifold with outliers, 50 latent variables, posterior variances of all samples",
        "Posterior variances are near 0 where a latent variable is needed, near 1 elsewhere (Fig. 3).",
        "outlier_share",
        (0.0, 0.25, 0.5),
        replace(_RECOVERY, n_components=_PAPER["n_components"]),
        (_OURS,),
        choices=(_OURS,),
        metric=HISTOGRAM,
        label="share of outliers",
        series=_dimensions(2, 8, 14, 20),
        quick_problem=_QUICK,
        trials=1,
        paper=_PAPER,
        note=_SCALE,
    ),
    Figure(
        "manifold_collapse",
        "ReLU manifold of dimension 10, as many latent variables",
        "With many outliers the VAE gives up some dimensions of the manifold (Fig. 4).",
        "outlier_share",
        (0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
        replace(_RECOVERY, dimension=10, n_components=10),
        (_OURS,),
        choices=(_OURS,),
        metric=VARIANCES,
        label="share of outliers",
        quick_problem=_QUICK,
        trials=2,
        paper={**_PAPER, "n_components": 10, "values": _SHARES, "trials": 1},
    ),
    Figure(
        "digits_dimensions",
        "Images of digits, 1,797 of 8 x 8",
        "With ever more latent variables the VAE keeps a number, an autoencoder uses all (Fig. 2b).",
        "n_components",
        (2, 5, 10, 15, 20, 30),
        DigitsProblem(),
        (_OURS, "AE, no penalty"),
        choices=(_OURS, "AE, no penalty"),
        metric=DIMENSIONS_USED,
        label="latent variables",
        trials=2,
        note="The paper: MNIST.",
    ),
    Figure(
        "digits_denoise",
        "Images of digits with outliers, 1,797 of 8 x 8",
        "The VAE cleans images better than robust PCA, with several draws a step better still (Fig. 5).",
        "outlier_share",
        (0.1, 0.3, 0.5),
        DigitsProblem(n_components=20),
        (_OURS, "RobustPca"),
        choices=(_OURS, "ManifoldVae, 5 draws", "RobustPca"),
        metric=NMSE,
        label="share of outliers",
        trials=1,
        note="The paper: MNIST, 30 latent variables.",
    ),
    Figure(
        "digits_mnist_dimensions",
        "MNIST, 10,000 images for tests",
        "With ever more latent variables the VAE keeps a number, an autoencoder uses all (Fig. 2b).",
        "n_components",
        (5, 10, 15, 20, 30, 40),
        DigitsProblem("mnist"),
        (_OF_IMAGES, "AE, images, no penalty"),
        choices=(_OF_IMAGES, "AE, images, no penalty"),
        metric=DIMENSIONS_USED,
        label="latent variables",
        quick_problem=_QUICK_IMAGES,
        trials=2,
        paper={**_PAPER_IMAGES, "values": (3, 5, 8, 10, 15, 20, 25, 30, 35, 40), "trials": 10},
        note=_IMAGES_SCALE,
    ),
    Figure(
        "digits_mnist_denoise",
        "MNIST with outliers, 10,000 images for tests",
        "The VAE cleans images better than robust PCA, with several draws a step better still (Fig. 5).",
        "outlier_share",
        (0.1, 0.3, 0.5),
        DigitsProblem("mnist", n_components=30, encoder_hidden=(500, 250), decoder_hidden=(250, 500)),
        (_OF_IMAGES, "RobustPca"),
        choices=(_OF_IMAGES, f"{_OF_IMAGES}, 5 draws", "AE-l2, images", "RobustPca"),
        metric=NMSE,
        label="share of outliers",
        quick_problem=_QUICK_IMAGES,
        trials=3,
        paper={**_PAPER_IMAGES, "values": _SHARES, "trials": 1},
        note=_IMAGES_SCALE,
    ),
)
