"""Trials of a plan, one after another until they are done, or time is up."""

import math
import numbers
import sys
import time
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._input.data import predict_array
from .._input.interchange import to_numpy
from .._input.parameters import check_count, check_flag, check_option, check_positive, check_size
from .._input.random import RandomState, draw_seed
from ..datasets._design import DESIGNS
from ..exceptions import ParameterError
from ..regression import PreconditionedVae, VaeSlr
from ._cost import TIME_EXPONENT, memory_bytes
from ._limits import limits, read_snr
from ._result import Plan, PlanPoint
from ._sources import MOST_ENTRIES, Law, Model, Rows, Source
from ._statistics import mean, rate, size_found
from ._trial import Trial, run_trial

# Numbers of samples that are tried where none are given, as multiples of those at hand.
_MULTIPLES = (0.5, 1.0, 2.0, 4.0)
# Fewer samples than this tell nothing, and the estimators refuse fewer than 2.
_FEWEST = 4


class _Setting(NamedTuple):
    snr: float
    n_nonzero: int
    n_samples: int
    source: Source


def plan(
    X: Any,
    *,
    n_nonzero: int | Sequence[int],
    snr: float | ArrayLike = math.inf,
    n_samples: int | Sequence[int] | None = None,
    estimator: Any = None,
    law: str = "gaussian",
    design: str = "gaussian",
    correlation: float = 0.9,
    block_size: int = 10,
    n_trials: int = 40,
    max_seconds: float | None = 120.0,
    random_state: RandomState = 0,
    verbose: bool = False,
) -> Plan:
    """Plan a study: what can be found with a design at a noise, how many samples would do, and what a fit costs.

    Effects are planted at random columns of the design, noise is added, a model is fitted, and what it selects is
    compared with the truth.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or tuple of two ints
        The design, of any kind that :meth:`VaeSlr.fit` takes, or its shape: then designs are drawn.
    n_nonzero : int or sequence of int
        Columns with an effect, at least 1.
    snr : float or array-like of float, default=math.inf
        Signal-to-noise ratios, greater than 0: variance of the signal over that of the noise, as in
        :func:`sparsevae.datasets.make_hastie_regression`; infinite without noise. The truth has an R^2 of ``snr / (1 +
        snr)``; `s` decibels are ``10 ** (s / 10)``.
    n_samples : int, sequence of int or None, default=None
        Numbers of samples to try; None for half, once, twice and four times those of `X`.
    estimator : VaeSlr, PreconditionedVae or None, default=None
        What is fitted; None for ``VaeSlr()``. It must have no `always_select`.
    law : str, default="gaussian"
        Law of the effects, see :func:`sparsevae.datasets.make_sparse_coef`: coefficients per standard deviation of
        their columns.
    design : {"gaussian", "random_walk", "toeplitz", "block"}, default="gaussian"
        Where `X` is a shape: designs to draw, as in :func:`sparsevae.datasets.make_sparse_regression`.
    correlation, block_size : float, int
        Of "toeplitz" and "block".
    n_trials : int, default=40
        Trials for each number of samples, of effects and ratio.
    max_seconds : float or None, default=120.0
        Time for all trials. It is looked at between fits, and one is always done; all have the same number of trials,
        or one more. None: no limit.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the trials. The first trials are the same whatever `n_trials` is.
    verbose : bool, default=False
        Whether to count fits on standard error.

    Returns
    -------
    Plan
        Printed, a table; `points` has the numbers, :meth:`Plan.samples_needed` says how many samples a goal takes,
        :meth:`Plan.plot` draws.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    ShapeError, NonFiniteError, DataTypeError
        As in :meth:`VaeSlr.fit`.

    Notes
    -----
    Up to the samples of `X` the trials use a random subset of its rows. Beyond, rows are drawn from a normal law with
    the covariance of `X`, shrunk towards independent columns by the rule of Ledoit and Wolf: an extrapolation, which is
    labelled so. Shrinkage takes away correlation, and normal rows are not those of genotypes or counts. So the model is
    tried at the samples of `X` as well: where it differs there from the rows themselves, so do its answers. Designs of
    more than 2**25 entries are not drawn: such numbers of samples are left out with a note, and of a shape as large
    only so many columns are drawn.

    Trials share their effects over numbers of samples, which makes differences between these clearer than their
    intervals. Without noise the estimator does not know so. Effects are spread over all columns that vary. Noise has
    the variance of the signal over all rows of `X`, over `snr`.

    Ctrl-C ends the trials, and what was done is returned, if there is any.

    Examples
    --------
    >>> import sparsevae
    >>> found = sparsevae.plan((60, 100), n_nonzero=4, snr=[0.5, 5.0], n_samples=[30, 60], n_trials=10)
    >>> weak, strong = (found.curve(snr=snr)[-1] for snr in (0.5, 5.0))
    >>> weak.power.value < strong.power.value
    True
    """
    start = time.monotonic()
    model = _checked_estimator(estimator)
    trials, seconds = check_count("n_trials", n_trials), _checked_seconds(max_seconds)
    show = check_flag("verbose", verbose)
    check_option("design", design, DESIGNS)
    seed = draw_seed(random_state)
    is_shape = isinstance(X, tuple) and len(X) == 2 and all(isinstance(size, numbers.Integral) for size in X)
    if is_shape:
        shape = check_size("X[0]", X[0], _FEWEST), check_size("X[1]", X[1])
    else:
        X = predict_array(VaeSlr(), to_numpy("X", X)[0], reset=True, any_kind=True)
        shape = X.shape
    counts = _counts("n_nonzero", n_nonzero, 1)
    ratios = sorted({read_snr(ratio) for ratio in np.ravel(np.asarray(snr, dtype=object))})
    if not ratios:
        raise ParameterError("`snr` is empty, but one ratio is needed")
    known = [limits(shape[1], count, ratio, fit_intercept=model.fit_intercept) for ratio in ratios for count in counts]
    sizes = (
        sorted({max(_FEWEST, round(times * shape[0])) for times in _MULTIPLES})
        if n_samples is None
        else _counts("n_samples", n_samples, _FEWEST)
    )
    notes: list[str] = []
    if is_shape:
        law_of_rows = _law(design, shape, sizes, notes, correlation, block_size, max(counts))
        sources: list[tuple[int, Source]] = [(size, law_of_rows) for size in sizes]
    else:
        sources = _sources(X, sizes, notes)
    settings = [
        _Setting(ratio, count, size, source) for ratio in ratios for count in counts for size, source in sources
    ]
    done, ended = _run(settings, model, law, trials, seconds and start + seconds, seed, show=show)
    points = tuple(_point(setting, each, shape[1]) for setting, each in zip(settings, done, strict=True) if each)
    return Plan(
        shape=(int(shape[0]), int(shape[1])),
        estimator=repr(model),
        points=points,
        limits=tuple(known),
        notes=tuple(notes),
        ended=ended,
        seconds=time.monotonic() - start,
    )


def _checked_estimator(estimator: Any) -> Any:
    if estimator is None:
        return VaeSlr()
    if not isinstance(estimator, (VaeSlr, PreconditionedVae)):
        raise ParameterError(f"`estimator` is {estimator!r}, but it must be a VaeSlr or a PreconditionedVae")
    if getattr(estimator, "always_select", None) is not None:
        raise ParameterError("`estimator` has `always_select`, but effects are planted on columns to be found")
    return estimator


def _checked_seconds(max_seconds: Any) -> float | None:
    return None if max_seconds is None else check_positive("max_seconds", max_seconds)


def _counts(name: str, value: Any, least: int) -> list[int]:
    """Read one count or several, ascending."""
    values = [value] if isinstance(value, (numbers.Number, str)) or value is None else list(value)
    if not values:
        raise ParameterError(f"`{name}` is empty, but one number is needed")
    return sorted({check_count(name, each, least) for each in values})


def _sources(X: Any, sizes: Sequence[int], notes: list[str]) -> list[tuple[int, Source]]:
    """For each number of samples the rows of `X`, or a model of them; at their own number both."""
    n_rows, n_features = X.shape
    rows = Rows(X)
    found: list[tuple[int, Source]] = [(size, rows) for size in sizes if size <= n_rows]
    beyond = [size for size in sizes if size > n_rows]
    room = MOST_ENTRIES // n_features
    within = [size for size in beyond if size <= room]
    if len(within) < len(beyond):
        notes.append(
            f"{', '.join(f'{size:,}' for size in beyond if size > room)} samples were left out: designs of more than "
            f"{MOST_ENTRIES:,} entries are not drawn"
        )
    if within:
        model = Model(X)
        notes.append(
            f"the model of `X` has {model.shrinkage:.0%} of independent columns in its covariance (Ledoit and Wolf): "
            "compare it with the rows where both were tried"
        )
        found += [(size, model) for size in (n_rows, *within)]
    if not found:
        raise ParameterError(
            f"`n_samples` is beyond the {n_rows} rows of `X`, but designs of more than {MOST_ENTRIES} entries are not "
            "drawn"
        )
    return found


def _law(
    design: str,
    shape: tuple[int, int],
    sizes: Sequence[int],
    notes: list[str],
    correlation: float,
    block_size: int,
    least: int,
) -> Law:
    """Take random designs of a shape, of fewer columns where all of them are too many to draw."""
    n_features = min(shape[1], MOST_ENTRIES // max(sizes))
    if n_features < least:
        raise ParameterError(
            f"`n_samples` is {max(sizes)}, but designs of more than {MOST_ENTRIES} entries are not drawn"
        )
    if n_features < shape[1]:
        notes.append(
            f"trials have {n_features:,} of the {shape[1]:,} columns, which is easier: all of them take more samples, "
            "by about the ratio of the logarithms. Seconds are an estimate, scaled by the number of columns to the "
            f"power {TIME_EXPONENT}"
        )
    return Law(design, n_features, correlation, block_size)


def _run(
    settings: Sequence[_Setting],
    model: Any,
    law: str,
    n_trials: int,
    deadline: float | None,
    seed: int,
    *,
    show: bool,
) -> tuple[list[list[Trial]], str]:
    """Do trials of all settings in turn, so that each has as many when time is up."""
    done: list[list[Trial]] = [[] for _ in settings]
    total = n_trials * len(settings)
    ended = "trials"
    try:
        for count, (number, place) in enumerate(product(range(n_trials), range(len(settings)))):
            if deadline and count and time.monotonic() > deadline:
                ended = "max_seconds"
                break
            _show(f"fit {count + 1} of {total}", shown=show)
            setting = settings[place]
            done[place].append(
                run_trial(setting.source, model, setting.n_samples, setting.n_nonzero, setting.snr, law, [seed, number])
            )
    except KeyboardInterrupt:
        if not any(done):
            raise
        ended = "interrupted"
    finally:
        _show("", shown=show)
    return done, ended


def _show(text: str, *, shown: bool) -> None:
    if shown:
        sys.stderr.write(f"\r{text}\033[K")
        sys.stderr.flush()


def _point(setting: _Setting, trials: Sequence[Trial], n_features: int) -> PlanPoint:
    rng = np.random.default_rng(0)
    values = {name: np.array([getattr(trial, name) for trial in trials]) for name in Trial._fields[:5]}
    sizes = np.concatenate([trial.sizes for trial in trials])
    found = np.concatenate([trial.found for trial in trials])
    drawn = setting.source.n_features if isinstance(setting.source, Law) else n_features
    seconds = float(np.median([trial.seconds for trial in trials]))
    return PlanPoint(
        n_samples=setting.n_samples,
        n_nonzero=setting.n_nonzero,
        snr=setting.snr,
        source=setting.source.kind,
        n_trials=len(trials),
        recovery=rate(values["recovery"]),
        power=mean(values["power"], rng),
        false_discovery=mean(values["false_discovery"], rng),
        f1=mean(values["f1"], rng),
        captured=mean(values["captured"], rng),
        effect_found=size_found(sizes, found) if math.isfinite(setting.snr) else math.nan,
        seconds=seconds * (n_features / drawn) ** TIME_EXPONENT,
        n_passes=float(np.median([trial.n_passes for trial in trials])),
        memory_bytes=memory_bytes(setting.n_samples, n_features),
        trials=tuple(trials),
    )
