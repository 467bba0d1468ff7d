"""A spiking network as a NIR graph: see `ctsigprop.spiking.nir.graph` for what stands for what."""

from collections.abc import Mapping
from itertools import pairwise
from math import inf
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray
from torch import nn

from ctsigprop.errors import InputError
from ctsigprop.spiking.coding import CODINGS
from ctsigprop.spiking.folding import folded
from ctsigprop.spiking.integers import Rounded
from ctsigprop.spiking.network import SpikingNetwork, weights_of
from ctsigprop.spiking.neuron import Neuron
from ctsigprop.spiking.nir.neurons import NeuronReadout
from ctsigprop.spiking.own_neurons import OwnNeurons
from ctsigprop.spiking.shapes import Shape, neurons_shape, pair, pooled_shape

DT = 1.0
"""Time of a step."""


def to_graph(network: SpikingNetwork, scale: Mapping[str, Any] | None = None) -> nir.NIRGraph:
    """The network as a NIR graph: a chain of nodes. Arguments are those of `write_graph`.

    Raises:
        InputError: NIR cannot represent the network: soft reset, or pooling that is not max pooling.
    """
    nodes: dict[str, Any] = {"input": nir.Input(input_type=np.array(network.blocks[0].inputs))}
    for number, block in enumerate(network.blocks, start=1):
        layer = weights_of(block)
        nodes |= _weights(f"{number}", layer, block.norm, block.inputs)
        shape = neurons_shape(layer, block.inputs)
        if isinstance(block.neurons, OwnNeurons):
            raise InputError(f"layer {number}: has neurons of one's own, {block.neurons!r}: NIR knows IF and LIF alone")
        nodes[f"neurons_{number}"] = _spiking(block.neurons.neuron, shape, whole=isinstance(block.norm, Rounded))
        if not isinstance(block.pool, nn.Identity):
            nodes[f"sum_{number}"] = nir.SumPool2d(**_pooling(block.pool))
            nodes[f"any_{number}"] = _spiking(Neuron(threshold=1.0), pooled_shape(block.pool, shape))
    if isinstance(network.readout, NeuronReadout):
        raise InputError("readout: has neurons behind it, as a graph of others: NIR is written of a layer alone")
    nodes |= _weights("output", network.readout.layer, nn.Identity(), network.blocks[-1].outputs)
    nodes["output"] = nir.Output(output_type=np.array([network.classes]))
    names = list(nodes)
    metadata = {"dt": DT, "steps": network.blocks[0].neurons.steps, **(scale or {})}
    if (coding := getattr(network.coding, "name", None)) in CODINGS:
        metadata["coding"] = coding
    return nir.NIRGraph(nodes, list(pairwise(names)), metadata=metadata)


def _weights(name: str, layer: nn.Linear | nn.Conv2d, norm: nn.Module, inputs: Shape) -> dict[str, Any]:
    """The node of a layer's weights, and one that flattens before it where it must."""
    weight, bias = (values.float().numpy() for values in folded(layer, norm))
    if isinstance(layer, nn.Conv2d):
        if layer.padding_mode != "zeros":
            raise InputError(f"layer {name}: padding_mode = {layer.padding_mode!r}: must be zeros for NIR")
        node = nir.Conv2d(
            input_shape=inputs[1:],
            weight=weight,
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
            bias=bias,
        )
        return {f"weights_{name}": node}
    flat = {} if len(inputs) == 1 else {f"flatten_{name}": nir.Flatten(np.array(inputs), start_dim=0, end_dim=-1)}
    return {**flat, f"weights_{name}": nir.Affine(weight=weight, bias=bias)}


def _spiking(neuron: Neuron, shape: Shape, *, whole: bool = False) -> Any:
    """Neurons; `whole`: their voltages are whole numbers, and so is the one below their threshold."""
    if neuron.reset != "hard":
        raise InputError(f"network.reset = {neuron.reset!r}: must be hard for NIR, which has no other reset")
    below = np.nextafter(np.float32(neuron.threshold), np.float32(-inf))
    if whole:
        below = np.float32(neuron.threshold - 1)
    threshold, zeros = np.full(shape, below), np.zeros(shape, np.float32)
    if neuron.leak == 0:
        return nir.IF(r=np.ones(shape, np.float32), v_threshold=threshold, v_reset=zeros)
    tau = np.full(shape, 1 / neuron.leak)
    return nir.LIF(tau=tau, r=tau, v_leak=zeros, v_threshold=threshold, v_reset=zeros)


def _pooling(pool: nn.Module) -> dict[str, NDArray[np.int64]]:
    if not isinstance(pool, nn.MaxPool2d) or pool.ceil_mode or pool.dilation not in (1, (1, 1)):
        raise InputError(f"{pool}: must be max pooling without dilation and ceil_mode for NIR")
    sizes = {"kernel_size": pool.kernel_size, "stride": pool.stride, "padding": pool.padding}
    return {name: np.array(pair(size)) for name, size in sizes.items()}
