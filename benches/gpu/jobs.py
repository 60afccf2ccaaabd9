"""What is trained: data sets, methods and protocols of each figure, and what is reported of every network."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from ensemble import Method, Protocol
from sparsevae.baselines import RobustPca
from sparsevae.datasets import fetch_mnist, make_corrupted_digits, make_relu_manifold
from sparsevae.exceptions import DataUnavailableError
from sparsevae.experiments import problem_seed
from sparsevae.torch import ManifoldVae

VAE = Method("VAE", variational=True)
# The paper's weight of the squares is 1,000; absolute values leave nothing of the means from 100 on.
WEIGHTS = {"l2": (0.1, 1.0, 10.0, 100.0, 1000.0), "l1": (0.1, 1.0, 10.0, 100.0)}
RIVALS = tuple(
    Method(f"AE-{penalty}", penalty=penalty, weight=weight) for penalty, found in WEIGHTS.items() for weight in found
)
NO_PENALTY = Method("AE, no penalty", weight=0.0)
# On images: the floor of sparsevae.experiments, and weights of an autoencoder's penalty.
IMAGE_FLOOR = 0.03
IMAGE_RIVALS = tuple(Method("AE-l2", weight=weight) for weight in (1.0, 10.0, 100.0))
# Share of the entries of held-out samples that are replaced, to be predicted.
_ALTERED = 0.1
# Rows that robust PCA is given; its singular values want all in memory of one core.
_PCA_ROWS = 20_000


class Place(NamedTuple):
    """One data set of a figure."""

    dimension: int
    share: float
    trial: int

    @property
    def seed(self):
        """That of the panels of sparsevae.experiments at this share and trial."""
        return problem_seed(0, self.share, self.trial)

    def __str__(self):
        return f"{self.dimension}/{self.share}/{self.trial}"


class Sets(NamedTuple):
    """Data sets of one shape, in units of the training."""

    places: list[Place]
    scale: list[float]
    data: torch.Tensor
    clean: torch.Tensor
    held: torch.Tensor
    altered: torch.Tensor
    hidden: torch.Tensor

    def to(self, device):
        return self._replace(**{name: getattr(self, name).to(device) for name in self._fields[2:]})


def _unit(X):
    """Return the unit that ManifoldVae takes for samples."""
    return ManifoldVae(1, encoder_hidden=(), n_steps=1, random_state=0).fit(X[:10_000]).scale_


def _collect(places, drawn, n_samples, n_scored, unit=_unit):
    """Stack what was drawn; samples beyond `n_samples` are held out, and a tenth of their entries altered."""
    scales = [unit(X) for X, _ in drawn]
    data = torch.stack([torch.from_numpy(X / scale).float() for (X, _), scale in zip(drawn, scales, strict=True)])
    clean = [
        torch.from_numpy(truth[:n_scored] / scale).float() for (_, truth), scale in zip(drawn, scales, strict=True)
    ]
    held = data[:, n_samples:]
    generator = torch.Generator().manual_seed(0)
    hidden = torch.rand(held.shape, generator=generator) < _ALTERED
    # Values of other samples, so that nothing is assumed of outliers.
    others = held.roll(1, dims=1)
    return Sets(
        places,
        scales,
        data[:, :n_samples].contiguous(),
        torch.stack(clean),
        held,
        torch.where(hidden, others, held),
        hidden,
    )


def _manifold(place, n_samples, n_features, hidden):
    data = make_relu_manifold(
        n_samples,
        n_features,
        dimension=place.dimension,
        hidden=hidden,
        outlier_share=place.share,
        random_state=place.seed,
    )
    return data.X, data.clean


def draw_manifolds(places, n_samples, *, hidden, n_features=100, n_held=5000, n_scored=10_000, pool=map):
    drawn = list(pool(lambda place: _manifold(place, n_samples + n_held, n_features, hidden), places))
    return _collect(places, drawn, n_samples, n_scored)


def draw_digits(places, path, n_samples, n_held):
    """Draw images, which keep their unit: most pixels are 0, and a quartile says nothing of the strokes."""
    drawn = []
    for place in places:
        data = make_corrupted_digits(path=path, n_samples=n_samples, outlier_share=place.share, random_state=place.seed)
        drawn.append((data.X, data.clean))
    kept = n_samples - n_held
    return _collect(places, drawn, kept, kept, lambda _: 1.0)


def _robust_pca(X, clean):
    found = RobustPca().fit(X.astype(np.float64)).low_rank_[: len(clean)]
    rows = slice(0, len(found))
    return float(np.sum((found - clean[rows]) ** 2) / np.sum(clean[rows] ** 2))


def submit_robust_pca(pool, sets):
    """Yield what is reported of each data set, and the NMSE of robust PCA on it as a future."""
    for index, place in enumerate(sets.places):
        X, clean = sets.data[index, :_PCA_ROWS].numpy(), sets.clean[index].numpy()
        yield {"set": str(place), **place._asdict(), "method": "RobustPca"}, pool.submit(_robust_pca, X, clean)


@dataclass
class Job:
    """One ensemble: what is reported of it, how its data are drawn, who is trained, and at which steps it is scored."""

    part: str
    label: str
    draw: Any
    methods: tuple[Method, ...]
    protocol: Protocol
    marks: tuple[int, ...] = ()
    robust_pca: bool = False
    variances: bool = False

    def steps(self):
        return (*self.marks, self.protocol.n_steps)


def scores(job, sets, ensemble):
    """One row for each network."""
    scored = sets.data[:, : sets.clean.shape[1]]
    columns, variance = ensemble.used(scored)
    numbers = {"nmse": ensemble.nmse(scored, sets.clean), "columns": columns}
    if sets.held.shape[1]:
        numbers["entries"] = ensemble.misfit(sets.altered, sets.held, sets.hidden)
        numbers["misfit"] = ensemble.misfit(sets.held, sets.held)
    numbers = {name: values.tolist() for name, values in numbers.items()}
    variance = variance.tolist()
    means, counts = ensemble.variances(scored) if job.variances else (None, None)
    rows = []
    for index in range(ensemble.n_networks):
        method, place = ensemble.methods[index // len(sets.places)], sets.places[index % len(sets.places)]
        row = {"label": job.label, "step": ensemble.step, "set": str(place), **place._asdict()}
        row |= {"method": method.name, "weight": method.weight}
        row |= {name: float(f"{values[index]:.5g}") for name, values in numbers.items()}
        if index < ensemble.n_variational:
            row["variance"] = variance[index]
            if job.variances:
                row["variances"] = [float(f"{value:.4g}") for value in means[index].tolist()]
                row["histogram"] = counts[index].tolist()
        rows.append(row)
    return rows


def pick(rows, method, by):
    """NMSE and weight of the penalty for which `by` is least, for each data set."""
    best = {}
    for row in rows:
        if row["method"] == method and (row["set"] not in best or row[by] < best[row["set"]][by]):
            best[row["set"]] = row
    return {name: (row["nmse"], row["weight"]) for name, row in best.items()}


QUICK = {"n_samples": 300, "width": 10, "n_steps": 20}
DIMENSIONS, SHARES, TRIALS = (2, 4, 8, 14, 20), (0.05, 0.1, 0.2, 0.3, 0.5), 3
# The place of the scale study, and its points: steps, samples, width of the layers.
STUDIED = (8, 0.3)
SCALES = (
    (10_000, 50_000, 100),
    (40_000, 50_000, 100),
    (160_000, 50_000, 100),
    (480_000, 50_000, 100),
    (160_000, 50_000, 300),
    (160_000, 1_000_000, 100),
    (160_000, 1_000_000, 300),
)


def scale_label(steps, samples, width):
    return f"{steps:,} steps, {samples:,} samples, width {width}"


def _held(quick):
    return {"n_held": 50, "n_scored": 100} if quick else {}


def _recovery(places, n_samples, context):
    """How to draw manifolds of Fig. 1: those of two layers of 100 units."""
    quick, pool = context
    n_samples = QUICK["n_samples"] if quick else n_samples
    return lambda: draw_manifolds(places, n_samples, hidden=(100, 100), pool=pool, **_held(quick))


def _protocol(width, n_steps, context):
    """Return that of the networks of Fig. 1: 50 latent variables, two layers each way."""
    width, n_steps = (QUICK["width"], QUICK["n_steps"]) if context[0] else (width, n_steps)
    return Protocol(50, (width, width), (width, width), n_steps)


def grid(context):
    dimensions, shares, trials = ((2, 8), (0.05, 0.3), 1) if context[0] else (DIMENSIONS, SHARES, TRIALS)
    places = [Place(d, share, trial) for d in dimensions for share in shares for trial in range(trials)]
    draw = _recovery(places, 50_000, context)
    return [Job("grid", "grid", draw, (VAE, *RIVALS), _protocol(100, 100_000, context), robust_pca=True)]


def scale(context):
    places = [Place(*STUDIED, trial) for trial in range(TRIALS)]
    draws = {samples: _recovery(places, samples, context) for _, samples, _ in SCALES}
    return [
        Job(
            "scale",
            scale_label(steps, samples, width),
            draws[samples],
            (VAE, *RIVALS),
            _protocol(width, steps, context),
        )
        for steps, samples, width in SCALES
    ]


def paper(context):
    """One cell of Fig. 1 with the paper's networks, samples, batches and learning rate, for a tenth of its steps."""
    quick, pool = context
    places = [Place(*STUDIED, 0)]
    wide, n_samples, n_steps = ((20, 10), 300, 20) if quick else ((2000, 1000), 1_000_000, 200_000)
    chosen = {"AE-l2": (1.0, 10.0, 100.0, 1000.0), "AE-l1": (1.0, 10.0)}
    methods = (VAE, *(method for method in RIVALS if method.weight in chosen[method.name]))
    protocol = Protocol(50, wide, wide[::-1], n_steps, learning_rate=1e-4, falling=False)
    marks = tuple(n_steps * eighth // 8 for eighth in (1, 2, 4, 6))

    def draw():
        return draw_manifolds(places, n_samples, hidden=wide[::-1], pool=pool, **_held(quick))

    return [Job("paper", "the paper's networks", draw, methods, protocol, marks)]


def table1(context):
    """Three hidden layers in the encoder, none to three in the decoder (the last row of Table 1)."""
    quick, pool = context
    places = [Place(20, 0.0, trial) for trial in range(1 if quick else 5)]
    n_samples, width, n_steps = (300, 10, 20) if quick else (100_000, 200, 50_000)
    held = {"n_held": 0, "n_scored": 100} if quick else {"n_held": 0}

    def draw():
        return draw_manifolds(places, n_samples, hidden=(200, 200), n_features=400, pool=pool, **held)

    return [
        Job(
            "table1",
            f"{depth} hidden layers in the decoder",
            draw,
            (VAE,),
            Protocol(30, (width,) * 3, (width,) * depth, n_steps),
        )
        for depth in range(4)
    ]


def variance(context):
    """Fig. 3: posterior variances at the paper's places, three dimensions of which the grid has as well."""
    dimensions, shares = ((2, 20), (0.0, 0.5)) if context[0] else ((2, 8, 14, 20), (0.0, 0.25, 0.5))
    places = [Place(dimension, share, 0) for dimension in dimensions for share in shares]
    draw = _recovery(places, 50_000, context)
    return [Job("variance", "variance", draw, (VAE,), _protocol(100, 100_000, context), variances=True)]


def collapse(context):
    """Fig. 4: as many latent variables as dimensions, which are 10."""
    quick = context[0]
    shares = (0.05, 0.5) if quick else tuple(round(0.05 * place, 2) for place in range(1, 11))
    places = [Place(10, share, trial) for share in shares for trial in range(1 if quick else TRIALS)]
    protocol = replace(_protocol(100, 100_000, context), n_components=10)
    draw = _recovery(places, 50_000, context)
    return [Job("collapse", "collapse", draw, (VAE,), protocol, variances=True)]


def _images():
    """Return the file of the images of MNIST for tests, None where it is not at hand."""
    try:
        return fetch_mnist(part="test").source[0]
    except DataUnavailableError as error:
        print(f"MNIST is left out: {error}")
        return None


def _image_protocol(n_components, context, **changes):
    """Return that of the networks of images, as sparsevae.experiments trains them but for the sizes."""
    encoder, n_steps = ((20, 10), 20) if context[0] else ((1000, 500, 250), 20_000)
    options = {"floor": IMAGE_FLOOR, "warmup_share": 0.7, **changes}
    return Protocol(n_components, encoder, encoder[::-1], n_steps, **options)


def mnist(context):
    """Fig. 5 on the images of MNIST for tests: one draw a step and five, autoencoders, robust PCA."""
    quick, path = context[0], _images()
    if path is None:
        return []
    places = [Place(0, share, 0) for share in ((0.1,) if quick else (0.05, 0.1, 0.2, 0.3, 0.4, 0.5))]
    sizes = (200, 20) if quick else (10_000, 500)

    def draw():
        return draw_digits(places, path, *sizes)

    five = replace(VAE, name="VAE, 5 draws")
    return [
        Job("mnist", "mnist", draw, (VAE, NO_PENALTY, *IMAGE_RIVALS), _image_protocol(30, context), robust_pca=True),
        Job("mnist", "mnist", draw, (five,), _image_protocol(30, context, n_draws=5)),
    ]


def digits(context):
    """Fig. 2(b): latent variables that are used on clean images of MNIST, over their number."""
    quick, path = context[0], _images()
    if path is None:
        return []
    places = [Place(0, 0.0, trial) for trial in range(1 if quick else 2)]
    size = 200 if quick else 10_000

    def draw():
        return draw_digits(places, path, size, 0)

    return [
        Job("digits", str(count), draw, (VAE, NO_PENALTY), _image_protocol(count, context))
        for count in ((3, 40) if quick else (3, 5, 8, 10, 15, 20, 25, 30, 35, 40))
    ]


PARTS = {
    "grid": grid,
    "scale": scale,
    "paper": paper,
    "table1": table1,
    "variance": variance,
    "collapse": collapse,
    "mnist": mnist,
    "digits": digits,
}


def workers():
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 2))
