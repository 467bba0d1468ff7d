"""Layers of neurons over steps of time, and the kinds that settings can choose."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ctsigprop.core.registry import Registry
from ctsigprop.settings import choices
from ctsigprop.spiking.neuron import Neuron, charge, discharge, fire, state_type
from ctsigprop.spiking.surrogates import Surrogate
from ctsigprop.spiking.time_steps import spikes_of, voltages_of


class Neurons(nn.Module):
    """A layer of neurons that begins at voltage 0 and passes spikes on; gradients go back through the surrogate.

    Attributes:
        neuron: threshold, reset and leak.
        surrogate: whose derivative stands for that of the spike.
        steps: of time, where what enters is the same at each; else there are as many as enter.
    """

    def __init__(self, neuron: Neuron, surrogate: Surrogate, steps: int) -> None:
        """Neurons without parameters of their own."""
        super().__init__()
        self.neuron, self.surrogate, self.steps = neuron, surrogate, steps

    def forward(self, currents: Tensor) -> Tensor:
        """Spikes, shape (steps, samples, ...) and of the type of the currents.

        Args:
            currents: shape (steps, samples, ...), or (1, samples, ...) where they are the same at each step.
        """
        return spikes_of(currents, self.neuron, self.surrogate, self._steps(currents))

    def voltages(self, currents: Tensor) -> Tensor:
        """Voltages before each reset, float32, of the shape of the spikes: what is learned from beside the spikes.

        Their gradient goes to the current of the same step alone: what a neuron holds from the steps before is as
        given, so that no gradient passes a spike or a reset.
        """
        return voltages_of(currents, self.neuron, self._steps(currents))

    def _steps(self, currents: Tensor) -> int:
        return len(currents) if len(currents) > 1 else self.steps

    @property
    def threshold(self) -> float:
        """Voltage at which the neurons spike."""
        return self.neuron.threshold

    def fired(self, voltages: Tensor) -> Tensor:
        """Where voltages make a spike: booleans of their shape."""
        return voltages >= self.threshold

    def in_time(self, current: Tensor, before: Any) -> tuple[Tensor, Any]:
        """One step of time: voltages before the reset, as `voltages` has them, and what the next step is given.

        Args:
            current: shape (1, samples, ...).
            before: what the step before gave; None at the first.
        """
        if before is None:
            before = torch.zeros_like(current, dtype=state_type(current))
        charged = charge(before, current, self.neuron)
        v = charged.detach()
        return charged, discharge(v, fire(v, self.neuron).to(v.dtype), self.neuron)

    def traced(self, currents: Tensor) -> tuple[Tensor, Tensor]:
        """Voltages before and after each reset, of the shape of the spikes."""
        voltages = self.voltages(currents)
        return voltages, discharge(voltages, self.fired(voltages).to(voltages.dtype), self.neuron)


@dataclass(frozen=True)
class NeuronKind:
    """A neuron that settings can choose.

    Attributes:
        name: by which they do.
        make: of threshold, reset and leak as settings have them, the neuron: a `Neuron`, or a `Dynamics` of the user's.
    """

    name: str
    make: Callable[[Neuron], "Neuron | Callable[..., Any]"]


INTEGRATE_AND_FIRE = NeuronKind("integrate_and_fire", lambda given: given)

NEURONS: Registry[NeuronKind] = choices.NEURONS
