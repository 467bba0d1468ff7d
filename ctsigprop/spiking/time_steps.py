"""The loop over the steps of time, of integrate-and-fire neurons, and the way back through it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ctsigprop.spiking.neuron import Neuron, discharge, state_type
from ctsigprop.spiking.surrogates import Surrogate


def spikes_of(currents: Tensor, neuron: Neuron, surrogate: Surrogate, steps: int) -> Tensor:
    """Spikes at all steps, with backpropagation through time by the surrogate's derivative.

    Args:
        currents: shape (steps, samples, ...), or (1, samples, ...) where they are the same at each step.
        neuron: threshold, reset and leak.
        surrogate: whose derivative stands for that of the spike.
        steps: of time.
    """
    spikes: Tensor = _Spikes.apply(currents, neuron, surrogate, steps)  # type: ignore[no-untyped-call]
    return spikes


def voltages_of(currents: Tensor, neuron: Neuron, steps: int) -> Tensor:
    """Voltages before each reset, float32; their gradient goes to the current of the same step alone.

    Args:
        currents: as for `spikes_of`.
        neuron: threshold, reset and leak.
        steps: of time.
    """
    voltages: Tensor = _Voltages.apply(currents, neuron, steps)  # type: ignore[no-untyped-call]
    return voltages


def mean_over_steps(x: Tensor) -> Tensor:
    """Shape (steps, samples, ...) to (samples, ...); the gradient lies in memory as `x` does."""
    mean: Tensor = _Mean.apply(x)  # type: ignore[no-untyped-call]
    return mean


class _Spikes(torch.autograd.Function):
    """Spikes, with backpropagation through time; what is kept for it are the voltages."""

    @staticmethod
    def forward(ctx: Any, currents: Tensor, neuron: Neuron, surrogate: Surrogate, steps: int) -> Tensor:
        spikes = _frames(steps, currents, currents.dtype)
        charged = _integrated(currents, neuron, steps, spikes)
        ctx.save_for_backward(charged)
        ctx.neuron, ctx.surrogate, ctx.dtype, ctx.constant = neuron, surrogate, currents.dtype, len(currents) == 1
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None, None]:
        (charged,) = ctx.saved_tensors
        to_currents = _frames(1 if ctx.constant else len(charged), charged, ctx.dtype)
        last = _channels_last(charged)
        rows, to_spikes, results = (_rows(one, last) for one in (charged, gradients[0], to_currents))
        for part in _parts(rows):
            found = _gradients(rows[:, part], to_spikes[:, part], ctx.neuron, ctx.surrogate)
            if ctx.constant:
                results[0, part] = sum(found)
            else:
                for t, to_current in enumerate(found):
                    results[t, part] = to_current
        return to_currents, None, None, None


class _Voltages(torch.autograd.Function):
    """Voltages before each reset; nothing is kept, for the gradient goes to the current of the same step as it is."""

    @staticmethod
    def forward(ctx: Any, currents: Tensor, neuron: Neuron, steps: int) -> Tensor:
        ctx.dtype, ctx.constant, ctx.last = currents.dtype, len(currents) == 1, _channels_last(currents)
        return _integrated(currents, neuron, steps)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        to_currents: Tensor = gradients[0]
        if ctx.constant:
            total = _rows(to_currents, ctx.last).sum(0, keepdim=True)
            to_currents = _framed(total, to_currents.shape[1:], ctx.last)
        return to_currents.to(ctx.dtype), None, None


class _Mean(torch.autograd.Function):
    """PyTorch's own gradient is laid out channels first, and pooling's backward pass twice as slow for it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.steps, ctx.last = len(x), _channels_last(x)
        return x.mean(0)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        form = torch.channels_last if ctx.last else torch.contiguous_format
        share = (gradients[0] / ctx.steps).contiguous(memory_format=form)
        rows = _rows(share[None], ctx.last).expand(ctx.steps, -1).contiguous()
        return _framed(rows, share.shape, ctx.last)


def _integrated(currents: Tensor, neuron: Neuron, steps: int, spikes: Tensor | None = None) -> Tensor:
    """Voltages before each reset, at all steps; fills in the spikes where there is room for them."""
    charged = _frames(steps, currents, state_type(currents))
    last = _channels_last(currents)
    inputs, rows = _rows(currents, last), _rows(charged, last)
    fired = None if spikes is None else _rows(spikes, last)
    for part in _parts(rows):
        v: Tensor | None = None
        for t in range(steps):
            row, current = rows[t, part], inputs[t if len(inputs) > 1 else 0, part]
            if v is None:
                row.copy_(current)
            else:
                torch.add(current, v, alpha=1 - neuron.leak, out=row)
            spiked = torch.ge(row, neuron.threshold, out=torch.empty_like(row))
            v = discharge(row, spiked, neuron)
            if fired is not None:
                fired[t, part] = spiked
    return charged


def _gradients(charged: Tensor, to_spikes: Tensor, neuron: Neuron, surrogate: Surrogate) -> list[Tensor]:
    """What reaches the current of each step, from the last to the first: through the spikes and through the resets."""
    found: list[Tensor] = []
    to_v: Tensor | None = None
    for v, to_spike in zip(charged.unbind()[::-1], to_spikes.to(charged.dtype).unbind()[::-1], strict=True):
        above = v - neuron.threshold
        slope = surrogate.derivative(above)
        if to_v is None:
            to_charged = slope.mul_(to_spike)
        elif neuron.reset == "hard":
            silent = torch.lt(above, 0, out=above)
            to_charged = torch.addcmul(to_spike, to_v, v, value=-1).mul_(slope).addcmul_(to_v, silent)
        else:
            to_charged = torch.sub(to_spike, to_v, alpha=neuron.threshold).mul_(slope).add_(to_v)
        found.append(to_charged)
        to_v = to_charged if neuron.leak == 0 else to_charged * (1 - neuron.leak)
    return found[::-1]


PART = 2**16
"""Neurons that a CPU takes through all steps before the next ones: what they hold then stays in its cache."""


def _parts(rows: Tensor) -> list[slice]:
    size = PART if rows.device.type == "cpu" else rows.shape[1]
    return [slice(start, start + size) for start in range(0, rows.shape[1], size)]


def _channels_last(x: Tensor) -> bool:
    return x.dim() == 5 and x[0].is_contiguous(memory_format=torch.channels_last)


def _rows(x: Tensor, channels_last: bool) -> Tensor:
    """Shape (steps, ...) to (steps, entries), in the order of memory: a view where x lies as is said."""
    return (x.movedim(2, -1) if channels_last else x).flatten(1)


def _framed(rows: Tensor, shape: Sequence[int], channels_last: bool) -> Tensor:
    """Shape (steps, entries), in the order of memory, back to (steps, *shape): a view."""
    if not channels_last:
        return rows.unflatten(1, shape)
    samples, channels, *positions = shape
    return rows.unflatten(1, (samples, *positions, channels)).movedim(-1, 2)


def _frames(steps: int, like: Tensor, dtype: torch.dtype) -> Tensor:
    """Room of shape (steps, samples, ...), laid out in memory as `like` is at each of its steps."""
    form = torch.channels_last if _channels_last(like) else torch.contiguous_format
    samples, *shape = like.shape[1:]
    room = torch.empty((steps * samples, *shape), dtype=dtype, device=like.device, memory_format=form)
    return room.unflatten(0, (steps, samples))
