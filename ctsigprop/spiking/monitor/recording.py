"""What happens inside a spiking network: inputs, voltages and spikes of every layer, for a batch or for a dataset."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ctsigprop.layered.learner import Learner
from ctsigprop.spiking.monitor.activity import Firing, FiringCount, OperationCount, Operations, counted_layers
from ctsigprop.spiking.network import Readout, SpikingBlock, SpikingNetwork
from ctsigprop.spiking.sigprop import HiddenStage

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LayerRecord:
    """One hidden layer on a batch.

    Attributes:
        layer: its name, "layer 1" and so on.
        inputs: what reached the weights, shape (steps or 1, samples, ...); 1 where all steps are alike.
        voltages: before each reset, shape (steps, samples, ...).
        reset: voltages after it, of the same shape.
        spikes: 0 or 1, of the same shape, before pooling.
    """

    layer: str
    inputs: Tensor
    voltages: Tensor
    reset: Tensor
    spikes: Tensor

    def of(self, place: int) -> tuple[Array, Array, Array]:
        """Voltages before and after each reset, and spikes, of one sample: shape (steps, neurons)."""
        return _of(self.voltages, place), _of(self.reset, place), _of(self.spikes, place)


@dataclass(frozen=True)
class Record:
    """A network on a batch.

    Attributes:
        layers: the hidden ones, from the input side.
        read: what reached the classification layer, shape (steps, samples, ...).
        outputs: of the readout at each step, shape (steps, samples, classes).
        logits: the network's prediction, shape (samples, classes): the mean of the outputs, but for rounding.
    """

    layers: list[LayerRecord]
    read: Tensor
    outputs: Tensor
    logits: Tensor

    def outputs_of(self, place: int) -> Array:
        """Outputs for one sample, shape (steps, classes)."""
        return _of(self.outputs, place)


@torch.no_grad()
def record(network: SpikingNetwork, x: Tensor) -> Record:
    """Passes a sequence on and keeps what happens.

    Args:
        network: in evaluation mode, or batch normalisation counts the batch.
        x: what enters at each step: of `network.coding`, or event frames: shape (steps or 1, samples, channels, height,
            width).
    """
    layers = []
    for number, block in enumerate(network.blocks, start=1):
        voltages, reset = block.neurons.traced(block.currents(x))
        spikes = block.neurons.fired(voltages).to(voltages.dtype)
        layers.append(LayerRecord(f"layer {number}", x, voltages, reset, spikes))
        x = block.pooled(spikes)
    return Record(layers, x, network.readout.outputs(x), network.readout(x))


class Account:
    """Firing of every hidden layer and operations of every layer's weights, added up over batches."""

    def __init__(self, network: SpikingNetwork) -> None:
        """Nothing counted yet.

        Raises:
            InputError: recurrent connections, or layers that are not Linear or Conv2d.
        """
        layers = counted_layers(network)
        self._firing = [FiringCount(name) for name, _, _ in layers[:-1]]
        self._operations = [OperationCount(*layer) for layer in layers]

    def add(self, found: Record) -> None:
        """Counts a batch."""
        for count, layer in zip(self._firing, found.layers, strict=True):
            count.add(layer.spikes)
        arrived = [*(layer.inputs for layer in found.layers), found.read]
        for operations, inputs in zip(self._operations, arrived, strict=True):
            operations.add(inputs)

    def firing(self) -> list[Firing]:
        """Of the hidden layers.

        Raises:
            ValueError: nothing was counted.
        """
        return [count.result() for count in self._firing]

    def operations(self) -> list[Operations]:
        """Of the hidden layers and of the classification layer.

        Raises:
            ValueError: nothing was counted.
        """
        return [count.result() for count in self._operations]


def account_of(network: SpikingNetwork, sequences: Iterable[Tensor]) -> Account:
    """Firing and operations on what enters at each step, batch by batch: each as `record` takes it."""
    account = Account(network)
    for x in sequences:
        account.add(record(network, x))
    return account


def network_of(learner: Learner) -> SpikingNetwork:
    """The network that a learner of any of the models trains, in one piece, whose modules are the learner's own."""
    modules = list(learner.modules())
    whole = [module for module in modules if isinstance(module, SpikingNetwork)]
    if whole:
        return whole[0]
    coding = next(module.coding for module in modules if isinstance(module, HiddenStage))
    blocks = [module for module in modules if isinstance(module, SpikingBlock)]
    network = SpikingNetwork(coding, blocks, learner.classes, seed=0)
    network.readout = next(module for module in modules if isinstance(module, Readout))
    return network.train(learner.training)


def _of(values: Tensor, place: int) -> Array:
    return values[:, place].flatten(1).float().cpu().numpy()
