"""Neurons of the user's own: one step of time, written as a function or as a module with parameters that learn."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor

from ctsigprop.errors import InputError
from ctsigprop.spiking.neuron import Neuron, state_type
from ctsigprop.spiking.neurons import NEURONS, NeuronKind, Neurons
from ctsigprop.spiking.surrogates import Surrogate

Fire = Callable[[Tensor], Tensor]
"""Voltages to spikes, 0 or 1, of the same shape: 1 where a voltage is at least the threshold."""

Dynamics = Callable[[Tensor, Any, Fire], Any]
"""One step of neurons, `after = dynamics(current, before, fire)`.

`current` has shape (samples, ...). `before` is what the step before returned, None at the first. The function hands its
voltages, of the shape of the currents, to `fire`, once, which gives the spikes back, and returns what it keeps for the
next step: the voltages after the reset, or a tuple of tensors that begins with them.
"""


class OwnNeurons(Neurons):
    """A layer of neurons of the user's own.

    Backpropagation goes through all that the neurons compute, with the surrogate's slope in place of the spike's.
    Signal propagation goes through one step: what it is given of the step before is held as it is.

    Attributes:
        dynamics: one step.
    """

    def __init__(self, dynamics: Dynamics, threshold: float | Tensor, surrogate: Surrogate, steps: int) -> None:
        """Neurons that spike at a threshold, one or a tensor of their shape; the surrogate is for backward passes."""
        super().__init__(Neuron(cast(float, threshold)), surrogate, steps)
        self.dynamics = dynamics

    def forward(self, currents: Tensor) -> Tensor:
        """Spikes, shape (steps, samples, ...) and of the type of the currents; see `Neurons.forward`."""
        return torch.stack([spikes for _, spikes, _ in self._passed(currents, held=False)]).to(currents.dtype)

    def voltages(self, currents: Tensor) -> Tensor:
        """What the neurons hand to `fire`, of the shape of the spikes; see `Neurons.voltages`."""
        return torch.stack([voltages for voltages, _, _ in self._passed(currents, held=True)])

    def traced(self, currents: Tensor) -> tuple[Tensor, Tensor]:
        """Voltages before and after each reset; see `Neurons.traced`."""
        passed = [(voltages, _first(after)) for voltages, _, after in self._passed(currents, held=True)]
        before, after = zip(*passed, strict=True)
        return torch.stack(before), torch.stack(after)

    def in_time(self, current: Tensor, before: Any) -> tuple[Tensor, Any]:
        """One step of time; see `Neurons.in_time`."""
        voltages, _, after = self._step(current[0], before)
        return voltages[None], _held(after)

    def _passed(self, currents: Tensor, *, held: bool) -> Iterator[tuple[Tensor, Tensor, Any]]:
        """Voltages, spikes and what is kept of each step; `held`: no gradient goes from one to another."""
        before = None
        for t in range(self._steps(currents)):
            voltages, spikes, after = self._step(currents[t % len(currents)], before)
            yield voltages, spikes, after
            before = _held(after) if held else after

    def _step(self, current: Tensor, before: Any) -> tuple[Tensor, Tensor, Any]:
        asked: list[tuple[Tensor, Tensor]] = []

        def fire(voltages: Tensor) -> Tensor:
            if voltages.shape != current.shape:
                found = f"hands voltages of shape {tuple(voltages.shape)} to fire"
                raise InputError(f"neuron {self}: {found}: must be {tuple(current.shape)}, as the currents")
            spikes = self.surrogate.spikes(voltages, self.threshold)
            asked.append((voltages, spikes))
            return spikes

        after = self.dynamics(current.to(state_type(current)), before, fire)
        if len(asked) != 1:
            raise InputError(f"neuron {self}: calls fire {len(asked)} times in a step: must call it once")
        return *asked[0], after

    def __repr__(self) -> str:
        return getattr(self.dynamics, "__name__", type(self.dynamics).__name__)


def neurons_of(
    chosen: str | NeuronKind | Neuron | Dynamics, given: Neuron, surrogate: Surrogate, steps: int
) -> Neurons:
    """A layer of neurons.

    Args:
        chosen: a name in `NEURONS`, a `Neuron`, or one's own dynamics.
        given: threshold, reset and leak of what is chosen by name; the threshold is also that of one's own.
        surrogate: whose derivative stands for that of the spike.
        steps: of time.

    Raises:
        InputError: an unknown name, or what is no neuron.
    """
    made = NEURONS.of(chosen).make(given) if isinstance(chosen, str | NeuronKind) else chosen
    if isinstance(made, Neuron):
        return Neurons(made, surrogate, steps)
    if not callable(made):
        raise InputError(f"neuron = {made!r}: must be a name, a Neuron, or a function of current, before and fire")
    return OwnNeurons(made, given.threshold, surrogate, steps)


def _first(kept: Any) -> Tensor:
    voltages: Tensor = kept[0] if isinstance(kept, tuple) else kept
    return voltages


def _held(kept: Any) -> Any:
    """What a step keeps, cut off from the graph that made it."""
    if isinstance(kept, Tensor):
        return kept.detach()
    if type(kept) is tuple:
        return tuple(_held(one) for one in kept)
    raise InputError(f"neuron: keeps a {type(kept).__name__} for the next step: must be a tensor or a tuple of them")
