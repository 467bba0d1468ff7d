"""A trained network in whole numbers, as a neuromorphic chip holds it.

Each layer's weights are scaled so that the largest fills the bits, and rounded; biases and thresholds have the scale of
their layer, and the width of a voltage, which is not bounded here. Where spikes enter, every voltage is then a whole
number. What charges the first layer of images (currents) is rounded to one.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require_whole
from ctsigprop.spiking.folding import folded
from ctsigprop.spiking.network import Readout, SpikingBlock, SpikingNetwork, weights_of
from ctsigprop.spiking.neuron import Neuron
from ctsigprop.spiking.neurons import Neurons

BITS = (2, 16)
"""Least and most."""

EXACT = 2**24
"""Up to here float32 holds every whole number."""


class Rounded(nn.Module):
    """To the nearest whole number."""

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of `x`."""
        return x.round()


@torch.no_grad()
def integer_network(network: SpikingNetwork, bits: int) -> SpikingNetwork:
    """The network with weights from -(2^(bits - 1) - 1) to that; thresholds and biases are whole numbers too.

    Args:
        network: in evaluation mode; it stays as it is.
        bits: of a weight, with its sign.

    Raises:
        InputError: bits out of bounds, a leak, neurons of one's own, layers that are not Linear or Conv2d alone,
            neurons behind the readout, or sums that float32 does not hold.
    """
    require_whole("bits", bits, *BITS)
    if type(network.readout) is not Readout:
        raise InputError("readout: has neurons behind it: must be a layer alone for integers: take them off the graph")
    blocks = []
    for number, block in enumerate(network.blocks, start=1):
        neuron = block.neurons.neuron
        if type(block.neurons) is not Neurons:
            raise InputError(f"layer {number}: has neurons {block.neurons!r}: must be integrate_and_fire for integers")
        if neuron.leak != 0:
            raise InputError(f"network.leak = {neuron.leak:g}: must be 0 for integers, a fraction of one is none")
        layer, scale = _rounded(f"layer {number}", weights_of(block), block.norm, bits)
        whole = Neuron(float(max(1, round(neuron.threshold * scale))), neuron.reset)
        _require_exact(f"layer {number}", bits, "has a threshold of", whole.threshold)
        neurons = Neurons(whole, block.neurons.surrogate, block.neurons.steps)
        blocks.append(SpikingBlock(layer, neurons, block.inputs, norm=Rounded(), pool=deepcopy(block.pool)))
    made = SpikingNetwork(deepcopy(network.coding), blocks, network.classes, network.seed)
    readout, _ = _rounded("output", network.readout.layer, nn.Identity(), bits)
    assert isinstance(readout, nn.Linear)
    made.readout = Readout(readout)
    return made.eval()


def _rounded(
    name: str, layer: nn.Linear | nn.Conv2d, norm: nn.Module, bits: int
) -> tuple[nn.Linear | nn.Conv2d, float]:
    """A layer of whole numbers, and by what its weights were multiplied before they were rounded."""
    weight, bias = folded(layer, norm)
    scale = (2 ** (bits - 1) - 1) / (float(weight.abs().max()) or 1.0)
    made = deepcopy(layer)
    made.weight = nn.Parameter((weight * scale).round().float())
    made.bias = nn.Parameter((bias * scale).round().float())
    _require_exact(name, bits, "may add up", float(made.weight.double().flatten(1).abs().sum(1).max()))
    return made, scale


def _require_exact(name: str, bits: int, does: str, found: float) -> None:
    if found > EXACT:
        raise InputError(f"bits = {bits}: {name} {does} {found:.0f}: must be at most {EXACT} for float32: lower --bits")
