"""Training of the nonlinear autoencoder: energy, schedule, early stop, checkpoints."""

import contextlib
import hashlib
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..exceptions import NumericalError, StoreError
from ._network import Autoencoder

# The floor starts at this share of the mean square of the data, the learning rate ends at this share of its first.
_FIRST_FLOOR, _LAST_RATE = 0.1, 0.02
# Parts of the training after each of which the energy is reported, the end is considered and the state may be kept.
_ROUNDS = 100
# Seconds between two checkpoints, at least.
_APART = 5.0
_FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """How a network is trained; see :class:`ManifoldVae`, whose checked parameters they are."""

    n_components: int
    encoder_hidden: tuple[int, ...]
    decoder_hidden: tuple[int, ...]
    variational: bool
    penalty: str
    penalty_weight: float
    weight_decay: float
    n_draws: int
    floor: float
    anneal_share: float
    n_steps: int
    batch_size: int
    learning_rate: float
    patience: int | None
    tol: float
    seed: int


@dataclass
class State:
    """How far a training is."""

    step: int = 0
    path: list[float] = field(default_factory=list)
    best: float = math.inf
    stale: int = 0
    status: str = ""


class Training:
    """A network in training on data that are all on one device.

    All that is random at a step follows from the seed and the number of the step: a training that goes on from a
    checkpoint does not differ from one that was never stopped.

    Parameters
    ----------
    settings : Settings
        How to train.
    data : Tensor of shape (n_samples, n_features), float32
        Samples, centred and scaled; 0 where an entry is missing.
    observed : Tensor of shape (n_samples, n_features), bool, or None
        Which entries are not missing; None if none is.
    """

    def __init__(self, settings: Settings, data: Tensor, observed: Tensor | None) -> None:
        self.settings, self.data, self.observed = settings, data, observed
        self.state = State()
        self._draws = torch.Generator(data.device)
        # The law of the first weights is drawn below; building a module must not move the user's generator.
        with torch.random.fork_rng(devices=[]):
            self.network = Autoencoder(
                data.shape[1],
                settings.encoder_hidden,
                settings.n_components,
                settings.decoder_hidden,
                variational=settings.variational,
            ).to(data.device)
        self.network.initialise(self._draws.manual_seed(_mix(settings.seed, 0)))
        # Adam's own decay adds weight_decay * parameter to the gradient, which is that of half its square.
        self._optimizer = torch.optim.Adam(
            self.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=2 * settings.weight_decay,
            fused=data.device.type in ("cpu", "cuda"),
        )
        self._batch = min(settings.batch_size, len(data))
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def run(self, progress: Callable[[State], None] | None = None, checkpoint: "Checkpoint | None" = None) -> None:
        """Train to the end, from where the checkpoint is if there is one.

        Parameters
        ----------
        progress : callable or None, default=None
            Called after each of a hundred parts.
        checkpoint : Checkpoint or None, default=None
            Where the state is kept.

        Raises
        ------
        NumericalError
            If the energy overflows.
        StoreError
            If the checkpoint is of another training, or cannot be read or written.
        """
        if checkpoint is not None:
            checkpoint.load(self)
        settings, state = self.settings, self.state
        rounds = min(_ROUNDS, settings.n_steps)
        while not state.status:
            end = (len(state.path) + 1) * settings.n_steps // rounds
            energies = torch.zeros((), dtype=torch.float64, device=self.data.device)
            count = end - state.step
            for step in range(state.step, end):
                energies += self._step(step)
            energy = float(energies) / count
            if not math.isfinite(energy):
                raise NumericalError(
                    f"the energy is {energy} after {end} steps of training: take a lower `learning_rate` than "
                    f"{settings.learning_rate}, or a larger `floor` than {settings.floor}"
                )
            self._advance(end, energy)
            if checkpoint is not None:
                checkpoint.save(self)
            if progress is not None:
                progress(state)

    def _advance(self, step: int, energy: float) -> None:
        settings, state = self.settings, self.state
        state.path.append(energy)
        # The energies of two floors cannot be compared.
        if state.step >= settings.anneal_share * settings.n_steps:
            improved = energy < state.best - settings.tol * self.data.shape[1]
            state.stale = 0 if improved else state.stale + 1
            state.best = min(state.best, energy)
        state.step = step
        if settings.patience is not None and state.stale >= settings.patience:
            state.status = "early_stop"
        elif step == settings.n_steps:
            state.status = "completed"

    def _step(self, step: int) -> Tensor:
        """Move the weights by one step; return the energy per sample before it."""
        settings = self.settings
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * learning_rate_share(step / settings.n_steps)
        rows = self._rows(step)
        x, mask = self.data[rows], None if self.observed is None else self.observed[rows]
        self._draws.manual_seed(_mix(settings.seed, step + 1))
        energy = sample_energy(self.network, settings, x, mask, self.floor_at(step), self._draws).mean()
        self._optimizer.zero_grad(set_to_none=True)
        energy.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return energy.detach()

    def floor_at(self, step: int) -> float:
        """Return the floor at a step: it falls geometrically during the annealing, and stays."""
        settings = self.settings
        share = settings.anneal_share * settings.n_steps
        done = min(1.0, step / share) if share > 0 else 1.0
        first = max(_FIRST_FLOOR, settings.floor)
        return float(first * (settings.floor / first) ** done)

    def _rows(self, step: int) -> Tensor:
        """Return the samples of a step: every epoch takes each once, in an order of its own."""
        epoch, place = divmod(step, len(self.data) // self._batch)
        if epoch != self._epoch:
            # On the CPU, so that all devices see the same order.
            generator = torch.Generator().manual_seed(_mix(self.settings.seed, -1 - epoch))
            order = torch.randperm(len(self.data), generator=generator)
            self._epoch, self._order = epoch, order.to(self.data.device)
        return self._order[place * self._batch : (place + 1) * self._batch]

    def content(self) -> dict[str, Any]:
        """Return what a checkpoint holds of the training."""
        return {
            "state": asdict(self.state),
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Go to where a checkpoint is."""
        self.network.load_state_dict(content["network"])
        self._optimizer.load_state_dict(content["optimizer"])
        self.state = State(**content["state"])


def learning_rate_share(done: float) -> float:
    """Return the learning rate as a share of its first, when a share of the training is done: half a cosine."""
    return _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done))


def sample_energy(
    network: Autoencoder,
    settings: Settings,
    x: Tensor,
    observed: Tensor | None,
    floor: float,
    generator: torch.Generator,
) -> Tensor:
    """Estimate the energy of each sample, the decoder's variances at their optimum in closed form.

    Parameters
    ----------
    network : Autoencoder
        The networks.
    settings : Settings
        Kind and number of draws, penalty.
    x : Tensor of shape (n_samples, n_features)
        Samples.
    observed : Tensor of shape (n_samples, n_features), bool, or None
        Entries that count.
    floor : float
        Variance that is added to the squared residuals, in squared units of the training.
    generator : torch.Generator
        Source of the draws.

    Returns
    -------
    Tensor of shape (n_samples,)
        Energies.
    """
    mean, log_var = network.encode(x)
    if log_var is None:
        z = mean
        size = mean.abs() if settings.penalty == "l1" else mean.square()
        penalty = settings.penalty_weight * size.sum(1)
    else:
        shape = (settings.n_draws, *mean.shape)
        noise = torch.randn(shape, generator=generator, device=x.device, dtype=x.dtype)
        z = mean + torch.exp(0.5 * log_var) * noise
        penalty = settings.penalty_weight * (log_var.exp() - log_var + mean.square()).sum(1)
    # The variances depend on the latent variables, so that each draw has its own.
    fit = torch.log((x - network.decode(z)).square() + floor)
    if observed is not None:
        fit = fit * observed
    return (fit.sum(-1) if log_var is None else fit.sum(-1).mean(0)) + penalty


class Checkpoint:
    """A file with the state of a training, replaced as a whole, so that a killed process leaves the last one.

    Parameters
    ----------
    path : Path
        The file.
    settings : Settings
        Of the training.
    data : Tensor
        What it is trained on.
    """

    def __init__(self, path: Path, settings: Settings, data: Tensor) -> None:
        self.path, self._written = path, time.monotonic()
        digest = hashlib.sha256(data.cpu().contiguous().numpy().data).hexdigest()
        self._training = json.dumps({**asdict(settings), "data": digest}, sort_keys=True)

    def load(self, training: Training) -> None:
        """Bring a training to where the file is; do nothing if there is none."""
        if not self.path.exists():
            return
        try:
            with zipfile.ZipFile(self.path) as members:
                if any(member.file_size != member.compress_size for member in members.infolist()):
                    raise ValueError("it is compressed, which no checkpoint is")
            # weights_only: no code of a foreign file runs.
            content = torch.load(self.path, map_location=training.data.device, weights_only=True)
            mine = content["sparsevae"] == _FORMAT
        except Exception as error:
            # Whatever error a foreign file causes, the user wants to know which file.
            raise StoreError(f"`checkpoint` {self.path} is no checkpoint of ManifoldVae: {error}") from error
        if not mine:
            raise StoreError(
                f"`checkpoint` {self.path} has format {content['sparsevae']}, but this version of sparsevae knows "
                f"format {_FORMAT}: name another file"
            )
        if content["training"] != self._training:
            changed = _changed(content["training"], self._training)
            raise StoreError(
                f"`checkpoint` {self.path} is of another training, which differs in {', '.join(changed)}: name another "
                "file, or remove it"
            )
        training.restore(content)

    def save(self, training: Training) -> None:
        """Write the file, at the end of the training or when the last one is old enough."""
        if not training.state.status and time.monotonic() - self._written < _APART:
            return
        content = {"sparsevae": _FORMAT, "training": self._training, **training.content()}
        scratch = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(content, scratch)
            scratch.replace(self.path)
        except (OSError, RuntimeError) as error:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise StoreError(f"`checkpoint` {self.path} cannot be written: {error}") from error
        self._written = time.monotonic()


class Progress:
    """Writes one line to standard error, again and again.

    Parameters
    ----------
    n_steps : int
        Steps of the whole training.
    """

    def __init__(self, n_steps: int) -> None:
        self._n_steps, self._start, self._first = n_steps, time.monotonic(), -1

    def __call__(self, state: State) -> None:
        """Tell how far the training is."""
        now = time.monotonic()
        if self._first < 0:
            self._first = state.step
        done = state.step - self._first
        left = f"{(now - self._start) / done * (self._n_steps - state.step):.0f} s left" if done else ""
        end = "\n" if state.status else ""
        sys.stderr.write(f"\rstep {state.step} of {self._n_steps}  energy {state.path[-1]:.4g}  {left}    {end}")
        sys.stderr.flush()


def _changed(one: str, other: str) -> list[str]:
    """Name what differs between two trainings."""
    left, right = json.loads(one), json.loads(other)
    return sorted(name for name in {*left, *right} if left.get(name) != right.get(name))


def _mix(seed: int, step: int) -> int:
    """Make a seed of a seed and the number of a step, by the finaliser of SplitMix64."""
    mask = 2**64 - 1
    z = (seed + (step + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1
