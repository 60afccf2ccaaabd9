"""The parameters of the nonlinear autoencoder, checked."""

import functools
import os
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from .._input.parameters import (
    check_count,
    check_flag,
    check_not_negative,
    check_number,
    check_option,
    check_optional_count,
    check_room,
    check_type,
    check_verbose,
)
from .._input.random import draw_seed
from ..exceptions import ParameterError
from ._network import LAYERS, Factory
from ._objective import Settings

_NUMBERS: dict[str, tuple[str, dict[str, float]]] = {
    "floor": ("a number greater than 0 and less than 0.5", {"above": 0.0, "below": 0.5}),
    "anneal_share": ("a number from 0 to 1", {"least": 0.0, "most": 1.0}),
    "warmup_share": ("a number from 0 to 1", {"least": 0.0, "most": 1.0}),
    "learning_rate": ("a finite number greater than 0", {"above": 0.0}),
}
_CHOICES = {
    "covariance": ("diagonal", "full", "none"),
    "penalty": ("l2", "l1"),
    "likelihood": ("gaussian", "bernoulli"),
}
_NOISE = ("entries", "auto", "learn")
_MOST_COMPONENTS = 50


def check_parameters(model: Any) -> None:
    """Check what needs no data.

    Raises
    ------
    ParameterError
        With the name, the value and what is wanted.
    """
    for name, choices in _CHOICES.items():
        check_option(name, getattr(model, name), choices)
    if model.covariance != "none" and model.penalty != "l2":
        message = f'`penalty` is {model.penalty!r}, but with variances it must be l2: set covariance="none"'
        raise ParameterError(message)
    if not callable(model.networks) and not (isinstance(model.networks, str) and model.networks in LAYERS):
        wanted = f"{', '.join(LAYERS)} or a function that makes an encoder and a decoder"
        raise ParameterError(f"`networks` is {model.networks!r}, but it must be one of {wanted}")
    if not (isinstance(model.noise_var, str) and model.noise_var in _NOISE):
        check_number("noise_var", model.noise_var, f"{', '.join(_NOISE)} or a number greater than 0", above=0.0)
    if model.scale is not None:
        check_number("scale", model.scale, "None or a number greater than 0", above=0.0)
    if model.likelihood == "bernoulli":
        _check_bernoulli(model)
    for name in ("penalty_weight", "weight_decay", "tol"):
        check_not_negative(name, getattr(model, name))
    for name, (wanted, limits) in _NUMBERS.items():
        check_number(name, getattr(model, name), wanted, **limits)
    for name in ("n_draws", "n_steps", "batch_size"):
        check_count(name, getattr(model, name))
    for name in ("n_components", "patience"):
        check_optional_count(name, getattr(model, name))
    for name in ("center", "allow_missing"):
        check_flag(name, getattr(model, name))
    check_verbose(model.verbose)
    if model.checkpoint is not None:
        check_type("checkpoint", model.checkpoint, (str, os.PathLike), "None or a path")


def _check_bernoulli(model: Any) -> None:
    """Refuse what probabilities have not: a variance of the decoder, an offset and a unit."""
    reasons: dict[str, tuple[Any, str]] = {
        "noise_var": ("entries", "has no variance to choose"),
        "center": (False, "takes entries as they are"),
        "scale": (None, "takes entries as they are"),
    }
    for name, (default, reason) in reasons.items():
        value = getattr(model, name)
        if value != default:
            message = f'`{name}` is {value!r}, but likelihood="bernoulli" {reason}: leave it at {default!r}'
            raise ParameterError(message)


def factory_of(model: Any) -> Factory | None:
    """Return the function that makes the networks, None where they are layers of ours."""
    return model.networks if callable(model.networks) else None


def make_settings(model: Any, n_samples: int, n_features: int, scale: float = 1.0) -> Settings:
    """Collect what the training needs of the parameters, in units of the data's `scale`.

    Raises
    ------
    ParameterError
        If there are more components than features, widths are none, or memory does not suffice.
    """
    encoder = _widths("encoder_hidden", model.encoder_hidden)
    decoder = encoder[::-1] if model.decoder_hidden is None else _widths("decoder_hidden", model.decoder_hidden)
    components = min(_MOST_COMPONENTS, n_features) if model.n_components is None else int(model.n_components)
    if components > n_features:
        message = f"`n_components` is {components}, but it must be at most {n_features}, the number of columns of `X`"
        raise ParameterError(message)
    if factory_of(model) is not None:
        encoder, decoder = (), ()
    for name, sides in (
        ("encoder_hidden", (n_features, *encoder, components)),
        ("decoder_hidden", (components, *decoder, n_features)),
    ):
        check_room(name, f"is {getattr(model, name)!r}", max(a * b for a, b in pairwise(sides)), np.float32)
    if model.covariance == "full":
        n_entries = components**2 * max((n_features, *encoder)[-1], min(int(model.batch_size), n_samples))
        check_room("n_components", f"is {components}", n_entries, np.float32)
    # Each draw goes through the decoder.
    n_rows = min(int(model.batch_size), n_samples)
    n_values = int(model.n_draws) * n_rows * max((n_features, *decoder))
    check_room("n_draws", f"is {model.n_draws!r}", n_values, np.float32)
    # Without variances there is no floor; checkpoints need not know what it would be.
    has_floor = model.likelihood == "gaussian"
    return Settings(
        n_components=components,
        networks=_name(model.networks),
        encoder_hidden=encoder,
        decoder_hidden=decoder,
        covariance=model.covariance,
        likelihood=model.likelihood,
        noise_var=_noise_var(model.noise_var, scale),
        penalty=model.penalty,
        penalty_weight=float(model.penalty_weight),
        weight_decay=float(model.weight_decay),
        n_draws=int(model.n_draws),
        floor=float(model.floor) if has_floor else 0.0,
        anneal_share=float(model.anneal_share) if has_floor else 0.0,
        warmup_share=float(model.warmup_share),
        n_steps=int(model.n_steps),
        batch_size=int(model.batch_size),
        learning_rate=float(model.learning_rate),
        patience=None if model.patience is None else int(model.patience),
        tol=float(model.tol),
        seed=draw_seed(model.random_state),
    )


def _noise_var(noise_var: Any, scale: float) -> str | float:
    """Bring a noise variance to the units of the training.

    Raises
    ------
    ParameterError
        If it is beyond the range of float32 there.
    """
    if isinstance(noise_var, str):
        return noise_var
    found = float(noise_var) / scale / scale
    least, most = float(torch.finfo(torch.float32).tiny), float(torch.finfo(torch.float32).max)
    if not least <= found <= most:
        raise ParameterError(
            f"`noise_var` is {noise_var!r}, but beside entries of the size of {scale:.2g} it must be from "
            f"{least * scale * scale:.2g} to {most * scale * scale:.2g}"
        )
    return found


def _name(networks: Any) -> str:
    """Name the networks, for checkpoints."""
    if isinstance(networks, str):
        return networks
    if isinstance(networks, functools.partial):
        return f"{_name(networks.func)} of {networks.args!r}, {sorted(networks.keywords.items())!r}"
    named = networks if hasattr(networks, "__qualname__") else type(networks)
    return f"{named.__module__}.{named.__qualname__}"


def _widths(name: str, value: Any) -> tuple[int, ...]:
    try:
        return tuple(check_count(name, width) for width in value)
    except (ParameterError, TypeError):
        raise ParameterError(f"`{name}` is {value!r}, but it must be a sequence of integers of at least 1") from None
