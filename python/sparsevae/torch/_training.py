"""Training of the nonlinear autoencoder: energy, schedule, early stop, checkpoints."""

import contextlib
import hashlib
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..exceptions import NumericalError, StoreError
from ._network import Autoencoder, Factory, layered, user_modules
from ._objective import Settings, sample_energy

# The floor starts at this share of the mean square of the data, the learning rate ends at this share of its first.
_FIRST_FLOOR, _LAST_RATE = 0.1, 0.02
# Parts of the training after each of which the energy is reported, the end is considered and the state may be kept.
_ROUNDS = 100
# Seconds between two checkpoints, at least.
_APART = 5.0
# Rows that go through the networks at once, without a gradient.
_CHUNK = 8192
_FORMAT = 1
# Adam moves a logarithm of the noise variance by so many learning rates a step: it has orders of magnitude to go.
_NOISE_RATE = 10.0
# What settings that were added since version 0.2 are in its checkpoints.
_ADDED = {"networks": "mlp", "noise_var": "entries", "likelihood": "gaussian", "warmup_share": 0.0}


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
    factory : callable or None, default=None
        What makes the networks, where they are the user's own.

    Raises
    ------
    ParameterError, ShapeError
        If the user's own cannot be used.
    """

    def __init__(
        self, settings: Settings, data: Tensor, observed: Tensor | None, factory: Factory | None = None
    ) -> None:
        self.settings, self.data, self.observed = settings, data, observed
        self.state = State()
        self._draws, self._foreign = torch.Generator(data.device), factory is not None
        sizes = settings.encoder_hidden, settings.n_components, settings.decoder_hidden
        # The law of our first weights is drawn below; modules of the user's draw their own.
        with _seeded(_mix(settings.seed, 0), torch.device("cpu")):
            if factory is None:
                encoder, decoder, width = layered(settings.networks, data.shape[1], *sizes)
            else:
                encoder, decoder, width = user_modules(factory, data.shape[1], settings.n_components)
            self.network = Autoencoder(
                encoder,
                decoder,
                width,
                settings.n_components,
                covariance=settings.covariance,
                likelihood=settings.likelihood,
                learn_noise=settings.noise_var == "learn",
            ).to(data.device)
        ours = None if factory is None else self.network.heads()
        self.network.initialise(self._draws.manual_seed(_mix(settings.seed, 0)), ours)
        noise = [] if self.network.log_noise_var is None else [self.network.log_noise_var]
        weights = [value for value in self.network.parameters() if value is not self.network.log_noise_var]
        # Adam's own decay adds weight_decay * parameter to the gradient, which is that of half its square.
        groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": 2 * settings.weight_decay}]
        self._optimizer = torch.optim.Adam(
            [*groups, {"params": noise}] if noise else groups,
            lr=settings.learning_rate,
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
        self.network.train()
        while not state.status:
            end = (len(state.path) + 1) * settings.n_steps // rounds
            energies = torch.zeros((), dtype=torch.float64, device=self.data.device)
            count = end - state.step
            with _denormals_flushed():
                for step in range(state.step, end):
                    energies += self._step(step)
            energy = float(energies) / count
            if not math.isfinite(energy):
                least = ", or a larger `floor`" if isinstance(settings.noise_var, str) else ", or a larger `noise_var`"
                raise NumericalError(
                    f"the energy is {energy} after {end} steps of training: take a lower `learning_rate` than "
                    f"{settings.learning_rate}{'' if settings.likelihood == 'bernoulli' else least}"
                )
            self._advance(end, energy)
            if checkpoint is not None:
                checkpoint.save(self)
            if progress is not None:
                progress(state)
        self.network.eval()

    def _advance(self, step: int, energy: float) -> None:
        settings, state = self.settings, self.state
        state.path.append(energy)
        # The energies of two floors, or two weights, cannot be compared.
        if state.step >= max(settings.anneal_share, settings.warmup_share) * settings.n_steps:
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
        for group, factor in zip(self._optimizer.param_groups, (1.0, _NOISE_RATE), strict=False):
            group["lr"] = factor * settings.learning_rate * learning_rate_share(step / settings.n_steps)
        rows = self._rows(step)
        x, mask = self.data[rows], None if self.observed is None else self.observed[rows]
        seed = _mix(settings.seed, step + 1)
        self._draws.manual_seed(seed)
        # Only modules of the user's may draw by themselves, such as dropout.
        with _seeded(seed, x.device) if self._foreign else contextlib.nullcontext():
            now = replace(settings, penalty_weight=self.penalty_weight_at(step))
            energy = sample_energy(self.network, now, x, mask, self.floor_at(step), self._draws).mean()
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

    def penalty_weight_at(self, step: int) -> float:
        """Return the weight of the latent variables' terms at a step: it rises from 0 during the warm-up, and stays."""
        share = self.settings.warmup_share * self.settings.n_steps
        return self.settings.penalty_weight * (min(1.0, step / share) if share > 0 else 1.0)

    def _rows(self, step: int) -> Tensor:
        """Return the samples of a step: every epoch takes each once, in an order of its own."""
        epoch, place = divmod(step, len(self.data) // self._batch)
        if epoch != self._epoch:
            # On the CPU, so that all devices see the same order.
            generator = torch.Generator().manual_seed(_mix(self.settings.seed, -1 - epoch))
            order = torch.randperm(len(self.data), generator=generator)
            self._epoch, self._order = epoch, order.to(self.data.device)
        return self._order[place * self._batch : (place + 1) * self._batch]

    @torch.no_grad()
    def noise_var(self) -> float | None:
        """Return the decoder's variance at the end, in squared units of the training; None if entries have their own.

        "auto": the mean of the squared residuals of all samples at one draw each, and the floor. Bernoulli's law, which
        has none, comes with "entries".
        """
        chosen = self.settings.noise_var
        if isinstance(chosen, float):
            return chosen
        if self.network.log_noise_var is not None:
            return float(self.network.log_noise_var.exp())
        if chosen == "entries":
            return None
        generator, error, count = self._draws.manual_seed(_mix(self.settings.seed, self.settings.n_steps + 1)), 0.0, 0.0
        for rows in torch.split(torch.arange(len(self.data), device=self.data.device), _CHUNK):
            x, posterior = self.data[rows], self.network.posterior(self.data[rows])
            square = (x - self.network.decode(posterior.draw(1, generator)[0])).square()
            seen = torch.ones_like(square) if self.observed is None else self.observed[rows]
            error += float((square * seen).double().sum())
            count += float(seen.sum())
        return error / count + self.settings.floor

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
        self._training = {**json.loads(json.dumps(asdict(settings))), "data": digest}

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
        theirs = _current(json.loads(content["training"]))
        changed = sorted(name for name in {*theirs, *self._training} if theirs.get(name) != self._training.get(name))
        try:
            if not changed:
                training.restore(content)
        except RuntimeError:
            # The user's own networks are known by name alone; their layers may have changed.
            changed = ["networks"]
        if changed:
            raise StoreError(
                f"`checkpoint` {self.path} is of another training, which differs in {', '.join(changed)}: name another "
                "file, or remove it"
            )

    def save(self, training: Training) -> None:
        """Write the file, at the end of the training or when the last one is old enough."""
        if not training.state.status and time.monotonic() - self._written < _APART:
            return
        training_of = json.dumps(self._training, sort_keys=True)
        content = {"sparsevae": _FORMAT, "training": training_of, **training.content()}
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


def _current(settings: dict[str, Any]) -> dict[str, Any]:
    """Bring settings of a checkpoint of version 0.2 to those of today."""
    if "variational" in settings:
        settings["covariance"] = "diagonal" if settings.pop("variational") else "none"
    return {**_ADDED, **settings}


@contextlib.contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Have this thread take numbers too small for float32 for 0: decaying weights become such, and they are slow."""
    kept = bool(torch.full((1,), 1e-40).mul(1.0) != 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(not kept)


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Have torch's own generators begin at a seed, and bring them back to where the user's were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def _mix(seed: int, step: int) -> int:
    """Make a seed of a seed and the number of a step, by the finaliser of SplitMix64."""
    mask = 2**64 - 1
    z = (seed + (step + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1
