"""What spiking neurons do on a set of samples: how often they fire, and what that costs.

Counted on the spikes themselves, batch by batch. A synaptic operation is a spike that arrives through one connection:
one addition to one membrane potential. Batch normalisation is folded into the weights, as it is in inference, and not
counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ctsigprop.errors import InputError
from ctsigprop.spiking.network import SpikingNetwork, weights_of
from ctsigprop.spiking.shapes import Shape

OUTPUT = "output"

ACCUMULATE, MULTIPLY_ACCUMULATE = 0.9, 4.6
"""Energy of an addition, and of a multiplication and an addition, in pJ: 32-bit floating point, 45 nm, 0.9 V (Horowitz,
"Computing's energy problem", ISSCC 2014: 0.9 pJ the addition, 3.7 pJ the multiplication)."""


@dataclass(frozen=True)
class Costs:
    """Energy of an operation, in pJ: of a chip of one's own, or Horowitz's.

    Attributes:
        accumulate: an addition: of a spike that arrives.
        multiply_accumulate: a multiplication and an addition.
    """

    accumulate: float = ACCUMULATE
    multiply_accumulate: float = MULTIPLY_ACCUMULATE


Weights = nn.Linear | nn.Conv2d


@dataclass(frozen=True)
class Firing:
    """What a layer's neurons did.

    Attributes:
        layer: its name.
        neurons: how many there are.
        rate: mean spikes of a neuron in a step, from 0 to 1.
        dead: neurons that spiked in no step of any sample.
        saturated: neurons that spiked in every step of every sample.
    """

    layer: str
    neurons: int
    rate: float
    dead: int
    saturated: int

    @property
    def sparsity(self) -> float:
        """Share of the neurons, over all steps, that are silent."""
        return 1 - self.rate


@dataclass(frozen=True)
class Operations:
    """What a layer's weights do for one sample, over all steps; means over the samples.

    Attributes:
        layer: its name.
        connections: from inputs to outputs, those into the padding left out: what an ANN multiplies for one sample.
        accumulates: synaptic operations: spikes that arrive, times the connections that each takes.
        multiplies: products with inputs that are not spikes: every connection, in every step that differs.
    """

    layer: str
    connections: int
    accumulates: float
    multiplies: float

    @property
    def energy(self) -> float:
        """Of the spiking network, in pJ.

        Memory, biases, leak, thresholds and pooling are left out; batch normalisation is folded into the weights.
        """
        return self.energy_at(Costs())

    def energy_at(self, costs: Costs) -> float:
        """The same at other costs of an operation."""
        return costs.accumulate * self.accumulates + costs.multiply_accumulate * self.multiplies

    @property
    def ann_energy(self) -> float:
        """Of a network with the same connections and one real-valued pass, in pJ."""
        return MULTIPLY_ACCUMULATE * self.connections


class FiringCount:
    """Adds up the spikes of one layer's neurons over batches."""

    def __init__(self, layer: str) -> None:
        """Nothing counted yet."""
        self.layer = layer
        self._spikes: Tensor | None = None
        self._steps = 0

    def add(self, spikes: Tensor) -> None:
        """Counts a batch.

        Args:
            spikes: 0 or 1, shape (steps, samples, ...).
        """
        counts = (spikes != 0).sum(dim=(0, 1)).flatten().cpu()
        self._spikes = counts if self._spikes is None else self._spikes + counts
        self._steps += spikes.shape[0] * spikes.shape[1]

    def result(self) -> Firing:
        """What the neurons did on all that was counted.

        Raises:
            ValueError: nothing was.
        """
        if self._spikes is None or self._steps == 0:
            raise ValueError(f"{self.layer}: no samples were counted: add a batch first")
        neurons = self._spikes.numel()
        return Firing(
            layer=self.layer,
            neurons=neurons,
            rate=int(self._spikes.sum()) / (neurons * self._steps),
            dead=int((self._spikes == 0).sum()),
            saturated=int((self._spikes == self._steps).sum()),
        )


class OperationCount:
    """Adds up what one layer's weights do over batches."""

    def __init__(self, layer: str, weights: Weights, inputs: Sequence[int]) -> None:
        """Nothing counted yet.

        Args:
            layer: its name.
            weights: a convolution or a fully connected layer.
            inputs: shape of one sample in one step as it reaches the weights.
        """
        self.layer = layer
        self._fan_out = fan_out(weights, inputs).double()
        self._connections = int(self._fan_out.sum())
        self._accumulates = 0.0
        self._multiplies = 0.0
        self._samples = 0

    def add(self, inputs: Tensor) -> None:
        """Counts a batch.

        Args:
            inputs: what reached the weights, shape (steps, samples, ...), or (1, samples, ...) where steps are alike.
                Whole numbers from 0 are so many spikes; a batch that holds anything else needs multiplications.
        """
        steps, samples = inputs.shape[:2]
        if are_spikes(inputs):
            arrived = inputs.double().sum(dim=(0, 1)).reshape(self._fan_out.shape).cpu()
            self._accumulates += float((arrived * self._fan_out).sum())
        else:
            self._multiplies += float(self._connections) * steps * samples
        self._samples += samples

    def result(self) -> Operations:
        """Means over all samples that were counted.

        Raises:
            ValueError: there were none.
        """
        if self._samples == 0:
            raise ValueError(f"{self.layer}: no samples were counted: add a batch first")
        return Operations(
            self.layer, self._connections, self._accumulates / self._samples, self._multiplies / self._samples
        )


def counted_layers(network: SpikingNetwork) -> list[tuple[str, Weights, Shape]]:
    """Name, weights and shape of the inputs of each layer, the classification layer last.

    Raises:
        InputError: recurrent connections, or layers that are not Linear or Conv2d.
    """
    names = [f"layer {number}" for number in range(1, len(network.blocks) + 1)]
    neurons = [*(block.neurons for block in network.blocks), getattr(network.readout, "neurons", None)]
    for name, one in zip([*names, OUTPUT], neurons, strict=True):
        if isinstance(getattr(getattr(one, "dynamics", None), "recurrent", None), nn.Module):
            raise InputError(f"{name}: has recurrent connections, which are not counted: leave them out to count")
    hidden = [(name, weights_of(block), block.inputs) for name, block in zip(names, network.blocks, strict=True)]
    return [*hidden, (OUTPUT, network.readout.layer, network.blocks[-1].outputs)]


def are_spikes(inputs: Tensor) -> bool:
    """Whether all values are whole numbers from 0: spikes, or the events of a camera counted over a step."""
    return bool(((inputs >= 0) & (inputs == inputs.round())).all())


def fan_out(weights: Weights, inputs: Sequence[int]) -> Tensor:
    """Connections that leave each input, shape `inputs`: a spike there causes so many synaptic operations.

    Of a convolution, an input near a border lies under fewer positions of the kernel; stride, padding, dilation and
    groups are as the layer has them. Weights that happen to be zero count.

    Args:
        weights: a convolution with zero padding, or a fully connected layer.
        inputs: shape of one sample: (channels, height, width), or any shape of `in_features` values.
    """
    if isinstance(weights, nn.Linear):
        return torch.full(tuple(inputs), weights.out_features)
    taken = torch.ones(1, *inputs, dtype=torch.float64, requires_grad=True)
    ones = torch.ones(weights.weight.shape, dtype=torch.float64)
    sums = nn.functional.conv2d(taken, ones, None, weights.stride, weights.padding, weights.dilation, weights.groups)
    (leaving,) = torch.autograd.grad(sums.sum(), taken)
    return leaving[0].round().long()
