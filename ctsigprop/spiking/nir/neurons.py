"""Neurons of NIR, over steps of a length dt, by Euler's method as those who write NIR take it.

tau dv/dt = v_leak - v + r I becomes v_t = (1 - dt/tau) v_(t-1) + (dt r/tau) I_t + (dt/tau) v_leak; without a leak (IF),
v_t = v_(t-1) + dt r I_t. A spike where v_t > v_threshold; v_reset after it. What comes back through recurrent weights
are the spikes of the step before.
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ctsigprop.errors import InputError
from ctsigprop.spiking.network import Readout, mean_within
from ctsigprop.spiking.neuron import Neuron
from ctsigprop.spiking.neurons import Neurons
from ctsigprop.spiking.nir.chain import Link
from ctsigprop.spiking.nir.layers import linear
from ctsigprop.spiking.own_neurons import Fire, OwnNeurons
from ctsigprop.spiking.shapes import Shape
from ctsigprop.spiking.surrogates import SURROGATES

DIGITS = 15
WITHIN = 1e-6
"""How much shorter than a step a time constant may be: float32 rounds it."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Constants:
    """What a step does to each neuron, arrays of the shape of the neurons.

    Attributes:
        leak: fraction of the voltage that a step loses.
        gain: of the current.
        drive: what a step adds.
        threshold: the least voltage that spikes; infinite where none does.
        reset: voltage after a spike.
    """

    leak: Array
    gain: Array
    drive: Array
    threshold: Array
    reset: Array

    @classmethod
    def of(cls, link: Link, shape: Shape, dt: float) -> "Constants":
        """Those of a node.

        Args:
            link: to IF, LIF, LI or I.
            shape: of the neurons.
            dt: length of a step, in the unit of the node's time constants.

        Raises:
            InputError: arrays of another shape, values that are not finite, or steps longer than a time constant.
        """
        node = link.node

        def array(name: str) -> Array:
            return _broadcast(link, name, getattr(node, name), shape)

        if isinstance(node, nir.LIF | nir.LI):
            tau = array("tau")
            if (tau < dt * (1 - WITHIN)).any():
                raise InputError(
                    f"{link.where}: tau = {tau.min():g}: must be at least dt = {dt:g}, a step: give read_graph the dt "
                    "of whoever wrote the file, in the unit of tau (snnTorch: 1e-4)"
                )
            leak, gain, drive = np.minimum(dt / tau, 1), dt * array("r") / tau, dt * array("v_leak") / tau
        else:
            leak, gain, drive = np.zeros(shape), dt * array("r"), np.zeros(shape)
        if isinstance(node, nir.IF | nir.LIF):
            threshold, reset = _least_above(array("v_threshold")), array("v_reset")
        else:
            threshold, reset = np.full(shape, inf), np.zeros(shape)
        return cls(leak, gain, drive, threshold, reset)

    @property
    def plain(self) -> Neuron | None:
        """The neuron that all are but for their gain, if they are one that needs no arrays."""
        leak, threshold = _one(self.leak), _one(self.threshold)
        if leak is None or threshold is None or not 0 < threshold < inf:
            return None
        if _one(self.gain) is None or self.drive.any() or self.reset.any():
            return None
        return Neuron(threshold, leak=leak)


class Steps(nn.Module):
    """One step of neurons that each have constants, and of recurrent weights, if any: a `Dynamics`."""

    def __init__(self, constants: Constants, recurrent: nn.Module | None) -> None:
        """Constants are kept in float32; recurrent weights take and give flattened samples."""
        super().__init__()
        for name, values in {**vars(constants), "keep": 1 - constants.leak}.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)))
        self.keep: Tensor
        self.gain: Tensor
        self.drive: Tensor
        self.reset: Tensor
        self.threshold: Tensor
        self.recurrent = recurrent

    def forward(self, current: Tensor, before: Any, fire: Fire) -> Any:
        """Voltages after the reset, and spikes."""
        v, spikes = before or (torch.zeros_like(current), torch.zeros_like(current))
        if self.recurrent is not None:
            current = current + self.recurrent(spikes.flatten(1)).view_as(current)
        spikes = fire(v := self.keep * v + self.gain * current + self.drive)
        return torch.where(spikes > 0, self.reset, v), spikes


class NeuronReadout(Readout):
    """A classification layer behind which neurons follow: its outputs are their spikes or, of LI and I, voltages."""

    def __init__(self, layer: nn.Linear, neurons: Neurons) -> None:
        """The layer, and its neurons; those whose thresholds are infinite give their voltages."""
        super().__init__(layer)
        self.neurons = neurons
        self._spiking = bool(torch.as_tensor(neurons.threshold).isfinite().any())

    def outputs(self, spikes: Tensor) -> Tensor:
        """At each step, shape (steps, samples, classes)."""
        currents = super().outputs(spikes)
        return self.neurons(currents) if self._spiking else self.neurons.voltages(currents)

    def forward(self, spikes: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Their mean over the steps, shape (samples, classes); see `Readout.forward`."""
        return mean_within(self.outputs(spikes), lengths)


def neurons_behind(link: Link, weights: nn.Module, shape: Shape, steps: int, dt: float) -> Neurons:
    """Neurons of a node; a gain that they share goes into the weights before it, where there are such.

    Args:
        link: to the neurons.
        weights: before them.
        shape: of the neurons.
        steps: of time, where what enters is the same at each.
        dt: length of a step.

    Raises:
        InputError: constants or recurrent weights that do not fit.
    """
    constants = Constants.of(link, shape, dt)
    plain, gain = constants.plain, _one(constants.gain)
    if plain is not None and link.recurrent is None and (gain == 1 or isinstance(weights, nn.Linear | nn.Conv2d)):
        _multiply(weights, gain or 0.0)
        return Neurons(plain, SURROGATES["arctan"], steps)
    dynamics = Steps(constants, _recurrent(link, shape))
    return OwnNeurons(dynamics, dynamics.threshold, SURROGATES["arctan"], steps)


@torch.no_grad()
def _multiply(weights: nn.Module, gain: float) -> None:
    if gain != 1:
        for parameter in weights.parameters():
            parameter.copy_(parameter.double() * gain)


def _recurrent(link: Link, shape: Shape) -> nn.Module | None:
    if link.recurrent is None:
        return None
    if link.recurrent is link.node:
        return nn.Identity()
    layer = linear(link, link.recurrent.weight, getattr(link.recurrent, "bias", None))
    units = int(np.prod(shape))
    if (layer.in_features, layer.out_features) != (units, units):
        found = f"{layer.out_features} x {layer.in_features}"
        raise InputError(f"{link.where}: recurrent weights are {found}: must be {units} x {units}, as its neurons")
    return layer


def _broadcast(link: Link, name: str, values: Any, shape: Shape) -> Array:
    found = np.asarray(values, np.float64)
    if not np.isfinite(found).all():
        raise InputError(f"{link.where}: {name} holds NaN or infinity: must be finite; no leak is IF, or I")
    try:
        return np.broadcast_to(found, shape)
    except ValueError:
        raise InputError(
            f"{link.where}: {name} has shape {found.shape}: must be one value, or {shape}, as its neurons"
        ) from None


def _one(values: Array) -> float | None:
    """The value that all share but for rounding, as a decimal number that floats of 64 bits tell from the next."""
    rounded = {float(f"{value:.{DIGITS}g}") for value in np.unique(values)}
    close = max(rounded) - min(rounded) <= 10 ** (1 - DIGITS) * max(abs(value) for value in rounded)
    return min(rounded) if len(rounded) == 1 or close else None


def _least_above(values: Array) -> Array:
    """The smallest float32 above each value: v > value is v >= that."""
    nearest = values.astype(np.float32)
    return np.where(nearest.astype(np.float64) > values, nearest, np.nextafter(nearest, np.float32(inf))).astype(float)
