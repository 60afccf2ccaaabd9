"""Many autoencoders trained as one: stacked parameters, batched products, CUDA graphs of several steps.

Each network is one of `sparsevae.torch.ManifoldVae`, with its energy, floor and optimiser. The networks of one data set
share first weights, batches and order, so that methods differ in their energy alone.
"""

import gc
import math
import time
from dataclasses import dataclass
from itertools import pairwise

import torch

# Those of ManifoldVae: limits of the logarithms of variances, the first floor, the last learning rate as a share.
_LEAST, _MOST, _FIRST_FLOOR, _LAST_RATE = -16.0, 6.0, 0.1, 0.02
# Steps in a CUDA graph, graphs that are launched at once, and launches that wait on a stream.
_UNROLL, _LAUNCH, _AHEAD = 10, 10, 2
# Rows of a data set that go through the networks at once when they are scored.
_CHUNK = 1000
# Columns of the decoder's first weights below this share of the largest count as zero; variances are near 0 or 1.
_ZERO_COLUMN, _ZERO_VAR = 0.05, 0.5
# Bins of the histograms of variances, and their right end.
_BINS, _LARGEST_VAR = 50, 1.25


@dataclass(frozen=True)
class Method:
    """A kind of autoencoder: with variances or without, and the penalty on its means."""

    name: str
    variational: bool = False
    penalty: str = "l2"
    weight: float = 1.0


@dataclass(frozen=True)
class Protocol:
    """How networks are trained: the parameters of ManifoldVae, and whether the learning rate falls."""

    n_components: int
    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    n_steps: int
    batch_size: int = 100
    learning_rate: float = 1e-3
    falling: bool = True
    weight_decay: float = 5e-4
    floor: float = 0.01
    anneal_share: float = 0.7
    warmup_share: float = 0.0
    n_draws: int = 1

    def rates(self):
        if not self.falling:
            return [self.learning_rate] * self.n_steps
        waves = (0.5 * (1 + math.cos(math.pi * step / self.n_steps)) for step in range(self.n_steps))
        return [self.learning_rate * (_LAST_RATE + (1 - _LAST_RATE) * wave) for wave in waves]

    def floors(self):
        first, until = max(_FIRST_FLOOR, self.floor), self.anneal_share * self.n_steps
        done = (min(1.0, step / until) if until else 1.0 for step in range(self.n_steps))
        return [first * (self.floor / first) ** share for share in done]

    def warmth(self):
        """Shares of the weight of the latent variables' terms: they rise from 0 to 1."""
        until = self.warmup_share * self.n_steps
        return [min(1.0, step / until) if until else 1.0 for step in range(self.n_steps)]


def arrange(methods):
    """Variational ones first, absolute values last, as the stacks need them."""
    return sorted(methods, key=lambda method: (not method.variational, method.penalty == "l1"))


def affine(x, layer):
    return torch.baddbmm(layer[1], x, layer[0])


def body(x, layers):
    for layer in layers:
        x = affine(x, layer).relu()
    return x


class Ensemble:
    """Every method on every data set.

    Networks are ordered by method, then by data set. `data` has shape (sets, samples, features), in units of the
    training.
    """

    def __init__(self, data, methods, protocol, seed=0, *, priority=0):
        self.data, self.protocol, self.methods = data, protocol, arrange(methods)
        sets, n_samples, n_features = data.shape
        self.n_networks = sets * len(self.methods)
        self.n_variational = sets * sum(method.variational for method in self.methods)
        self.n_squared = sets * sum(method.penalty == "l2" for method in self.methods)
        device, dtype = data.device, data.dtype
        self.generator = torch.Generator(device).manual_seed(seed)
        self.cuda = device.type == "cuda"
        self.stream = torch.cuda.Stream(device, priority=priority) if self.cuda else None
        self.encoder = self._layers((n_features, *protocol.encoder))
        last = (n_features, *protocol.encoder)[-1]
        self.mean = self._layers((last, protocol.n_components))[0]
        self.log_var = self._layers((last, protocol.n_components))[0]
        self.log_var = [stack[: self.n_variational].clone() for stack in self.log_var]
        self.decoder = self._layers((protocol.n_components, *protocol.decoder, n_features))
        weights = torch.tensor([method.weight for method in self.methods], device=device, dtype=dtype)
        self.weights = weights.repeat_interleave(sets)[:, None]
        self.batch = min(protocol.batch_size, n_samples)
        self.per_epoch = n_samples // self.batch
        self.order = torch.empty(self.per_epoch, self.batch, dtype=torch.int64, device=device)
        # A vector, since a scalar as an index would go through the processor.
        self.clock = torch.zeros(1, dtype=torch.int64, device=device)
        self.rates = torch.tensor(protocol.rates(), device=device)
        self.floors = torch.tensor(protocol.floors(), device=device, dtype=dtype)
        self.warmth = torch.tensor(protocol.warmth(), device=device, dtype=dtype)
        self.step, self._graph, self._launched = 0, None, []
        for tensor in self.parameters():
            tensor.requires_grad_()
        # Adam's own decay adds weight_decay * parameter to the gradient, which is that of half its square.
        self._optimizer = torch.optim.Adam(
            self.parameters(),
            lr=torch.tensor(protocol.learning_rate, device=device),
            weight_decay=2 * protocol.weight_decay,
            fused=True,
            capturable=self.cuda,
        )
        if self.cuda:
            self.stream.wait_stream(torch.cuda.current_stream(device))

    def _layers(self, widths):
        """Draw weights as ManifoldVae does, the same for all methods."""
        sets, found = len(self.data), []
        for inputs, outputs in pairwise(widths):
            bound = 1.0 / math.sqrt(inputs)
            layer = []
            for rows in (inputs, 1):
                drawn = torch.empty(sets, rows, outputs, device=self.data.device, dtype=self.data.dtype)
                drawn.uniform_(-bound, bound, generator=self.generator)
                layer.append(drawn.repeat(len(self.methods), 1, 1))
            found.append(layer)
        return found

    def parameters(self):
        return [stack for layer in (*self.encoder, self.mean, self.log_var, *self.decoder) for stack in layer]

    def encode(self, x):
        """Means of all networks, logarithms of variances of the variational ones."""
        hidden = body(x, self.encoder)
        return affine(hidden, self.mean), affine(hidden[: self.n_variational], self.log_var).clamp(_LEAST, _MOST)

    def decode(self, z):
        return affine(body(z, self.decoder[:-1]), self.decoder[-1])

    def energies(self, x, noise, floor, warmth=1.0):
        """Energy of each sample of each network; `x` has shape (networks, samples, features).

        The weights of the latent variables' terms are those of the methods, times `warmth`. Draws are a dimension of
        `noise`, (variational networks, draws, samples, components), where there are several.
        """
        v, squared, draws = self.n_variational, self.n_squared, self.protocol.n_draws
        mean, log_var = self.encode(x)
        # One split, since the slope of a slice is a copy of the whole.
        random, plain, absolute = mean.split([v, squared - v, self.n_networks - squared])
        sizes = [random.square() + log_var.exp() - log_var, plain.square(), absolute.abs()]
        deviation = torch.exp(0.5 * log_var)
        if draws == 1:
            z = torch.cat([torch.addcmul(random, deviation, noise), plain, absolute])
            fit = torch.log((x - self.decode(z)).square() + floor).sum(2)
        else:
            drawn = torch.addcmul(random[:, None], deviation[:, None], noise)
            # Those without variances need one draw; they share the shape.
            z = torch.cat([drawn, torch.cat([plain, absolute])[:, None].expand(-1, draws, -1, -1)]).flatten(1, 2)
            found = self.decode(z).unflatten(1, (draws, -1))
            fit = torch.log((x[:, None] - found).square() + floor).sum(3).mean(1)
        return torch.addcmul(fit, self.weights * warmth, torch.cat([size.sum(2) for size in sizes]))

    def draw_noise(self):
        draws = () if self.protocol.n_draws == 1 else (self.protocol.n_draws,)
        shape = (self.n_variational, *draws, self.batch, self.protocol.n_components)
        return torch.randn(shape, generator=self.generator, device=self.data.device, dtype=self.data.dtype)

    def repeated(self, x):
        """Give samples of the data sets to every method."""
        return x.repeat(len(self.methods), 1, 1)

    def take_step(self, noise=None):
        """Move all weights by one step; its number is on the device, so that a graph can count."""
        rows = self.order.index_select(0, self.clock % self.per_epoch)[0]
        x = self.repeated(self.data.index_select(1, rows))
        noise = self.draw_noise() if noise is None else noise
        floor, warmth = (values.index_select(0, self.clock) for values in (self.floors, self.warmth))
        energies = self.energies(x, noise, floor, warmth)
        self._optimizer.zero_grad(set_to_none=True)
        (energies.sum() / self.batch).backward()
        self._optimizer.param_groups[0]["lr"].copy_(self.rates.index_select(0, self.clock)[0])
        self._optimizer.step()
        self.clock += 1

    def advance(self, until):
        """Go on by one launch at most, up to a step; return whether there was room on the stream for it."""
        if not self.cuda:
            self._run(min(until, self.step + _UNROLL))
            return True
        self._launched = [event for event in self._launched if not event.query()]
        if len(self._launched) >= _AHEAD:
            return False
        with torch.cuda.stream(self.stream):
            if self._graph is None:
                self._run(min(until, self.step + _UNROLL))
                self._capture()
            for _ in range(_LAUNCH):
                if self.step < until:
                    self._replay(until)
            event = torch.cuda.Event()
            event.record()
            self._launched.append(event)
        return True

    def _run(self, until):
        while self.step < until:
            self._reorder()
            self.take_step()
            self.step += 1

    def _capture(self):
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self.generator)
        # A graph that the collector frees meanwhile would end the capture.
        gc.collect()
        gc.disable()
        try:
            # Of this thread alone: others draw data.
            with torch.cuda.graph(self._graph, stream=self.stream, capture_error_mode="thread_local"):
                for _ in range(_UNROLL):
                    self.take_step()
        finally:
            gc.enable()

    def _replay(self, until):
        left = self.per_epoch - self.step % self.per_epoch
        if min(left, until - self.step) < _UNROLL:
            self._run(self.step + min(left, until - self.step))
            return
        self._reorder()
        self._graph.replay()
        self.step += _UNROLL

    def _reorder(self):
        """Every epoch takes each sample once, in an order of its own."""
        if self.step % self.per_epoch == 0:
            n_samples = self.data.shape[1]
            order = torch.randperm(n_samples, generator=self.generator, device=self.data.device)
            self.order.copy_(order[: self.order.numel()].view_as(self.order))

    def finish(self):
        if self.cuda:
            self.stream.synchronize()
        self._launched.clear()

    @torch.no_grad()
    def cleaned(self, x):
        """Yield, a part at a time, a slice of rows, the outputs of every network, and posterior variances."""
        for first in range(0, x.shape[1], _CHUNK):
            rows = slice(first, min(first + _CHUNK, x.shape[1]))
            mean, log_var = self.encode(self.repeated(x[:, rows]))
            yield rows, self.decode(mean), log_var.exp()

    @torch.no_grad()
    def nmse(self, x, clean):
        """Squared error over the square of the clean samples (eq. 20 of the paper), a value for each network."""
        error = sum((found - self.repeated(clean[:, rows])).square().sum((1, 2)) for rows, found, _ in self.cleaned(x))
        return error / self.repeated(clean).square().sum((1, 2))

    @torch.no_grad()
    def misfit(self, x, target, counted=None):
        """Mean logarithm of squared residuals plus the floor: the part of the energy that needs no truth."""
        total, count = 0.0, 0.0
        for rows, found, _ in self.cleaned(x):
            value = torch.log((self.repeated(target[:, rows]) - found).square() + self.protocol.floor)
            mask = torch.ones_like(value) if counted is None else self.repeated(counted[:, rows]).to(value)
            total, count = total + (value * mask).sum((1, 2)), count + mask.sum((1, 2))
        return total / count

    @torch.no_grad()
    def used(self, x):
        """Latent variables in use: by norms of the decoder's columns, and by mean variances of variational ones."""
        norms = self.decoder[0][0].norm(dim=2)
        columns = (norms >= _ZERO_COLUMN * norms.amax(1, keepdim=True)).sum(1)
        return columns, (self.variances(x)[0] < _ZERO_VAR).sum(1)

    @torch.no_grad()
    def variances(self, x):
        """Mean posterior variances of each latent variable, ascending, and a histogram of all, a row a network.

        It has bins of equal width; what is beyond them is in the last.
        """
        total, counts = 0.0, 0
        for _, _, found in self.cleaned(x):
            places = (found.flatten(1) * (_BINS / _LARGEST_VAR)).long().clamp_(max=_BINS - 1)
            zeros = torch.zeros(len(found), _BINS, dtype=torch.int64, device=found.device)
            counts = counts + zeros.scatter_add_(1, places, torch.ones_like(places))
            total = total + found.sum(1)
        return (total / x.shape[1]).sort(1).values, counts


def train(starts, marks, reached, deadline=math.inf):
    """Train ensembles side by side, each on its stream, until their ends or the deadline.

    Of each, `starts` has a function that returns it, or None until it is ready, and `marks` the steps, ascending, at
    which ``reached(index, ensemble)`` is called; the last one is its end. At the deadline it is called once more.
    """
    ensembles = [None] * len(starts)
    left = {index: list(steps) for index, steps in enumerate(marks)}
    while left:
        moved, late = False, time.monotonic() > deadline
        for index in list(left):
            if ensembles[index] is None and not late:
                ensembles[index] = starts[index]()
            ensemble = ensembles[index]
            if ensemble is not None:
                if not late:
                    moved |= ensemble.advance(left[index][0])
                if late or ensemble.step >= left[index][0]:
                    ensemble.finish()
                    reached(index, ensemble)
                    left[index].pop(0)
            if late or not left[index]:
                del left[index]
                ensembles[index] = None
        if not moved:
            time.sleep(1e-4)
