"""A NIR graph as a spiking network: see `ctsigprop.spiking.nir.graph` for what stands for what."""

from math import prod
from typing import Any

import nir
import numpy as np
from torch import nn

from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require, require_number, require_whole
from ctsigprop.spiking.coding import CODINGS
from ctsigprop.spiking.network import Readout, SpikingBlock, SpikingNetwork
from ctsigprop.spiking.nir.chain import NEURONS, REMEDY, Link, chain_of
from ctsigprop.spiking.nir.layers import MODULES, POOLS, module_of, synapse_of
from ctsigprop.spiking.nir.neurons import Constants, NeuronReadout, neurons_behind
from ctsigprop.spiking.shapes import Shape, begins_linear, pair, passed_shape

STEPS, CODING, DT = 4, "direct", 1.0
"""Where an export has left none: the paper's, and time in steps."""

SPIKING = (nir.IF, nir.LIF)


def from_graph(
    graph: nir.NIRGraph, steps: int | None = None, coding: str | None = None, dt: float | None = None
) -> SpikingNetwork:
    """The network of a NIR graph, in evaluation mode; arguments are those of `read_graph`.

    Raises:
        InputError: the graph is not a chain of layers of this family.
    """
    steps = require_whole("steps", _named(graph, "steps", STEPS) if steps is None else steps, 1)
    coding = _coding(_named(graph, "coding", CODING) if coding is None else coding)
    dt = _named(graph, "dt", DT) if dt is None else dt
    require_number("dt", dt, 0.0, open_low=True)
    first, *links, end = chain_of(graph)
    shape: Shape = tuple(int(size) for size in np.atleast_1d(first.node.input_type["input"]))
    blocks: list[SpikingBlock] = []
    layer, last = _weights(links)
    while links:
        blocks.append(_block(links, layer, last, shape, steps, dt))
        shape = blocks[-1].outputs
        layer, last = _weights(links)
    return _network(blocks, layer, last, end, steps, coding)


def _network(
    blocks: list[SpikingBlock], layer: nn.Module | None, last: Link | None, end: Link, steps: int, coding: str
) -> SpikingNetwork:
    """The blocks and what reads them out: the layer that is left, or the last of them with its neurons."""
    readout: Readout | None = None
    if isinstance(layer, nn.Linear):
        entering = prod(blocks[-1].outputs) if blocks else layer.in_features
        if layer.in_features != entering:
            raise InputError(
                f"{(last or end).where}: takes {layer.in_features} values: must take {entering}, as the layer before "
                f"gives: {REMEDY}"
            )
        readout = Readout(layer)
    elif layer is None and len(blocks) > 1 and isinstance(blocks[-1].pool, nn.Identity):
        block = blocks.pop()
        if isinstance(block.layer, nn.Linear):
            readout = NeuronReadout(block.layer, block.neurons)
    if readout is None or not blocks:
        raise InputError(
            f"{end.where}: must come behind a layer of neurons and a fully connected layer, which neurons may follow: "
            f"{REMEDY}"
        )
    leaves, classes = end.node.output_type["output"], readout.layer.out_features
    if leaves is not None and np.prod(leaves) != classes:
        raise InputError(
            f"{end.where}: gives {np.prod(leaves)} values: must give {classes}, as the last layer: {REMEDY}"
        )
    network = SpikingNetwork(CODINGS[coding].make(steps, 0), blocks, classes, 0)
    network.readout = readout
    return network.eval()


def _weights(links: list[Link]) -> tuple[nn.Module | None, Link | None]:
    """What stands before the next neurons, taken off the chain, and the last of its nodes; None where nothing does."""
    taken: list[Link] = []
    while links and isinstance(links[0].node, MODULES):
        taken.append(links.pop(0))
    modules = [module_of(link) for link in taken]
    return (synapse_of(modules), taken[-1]) if taken else (None, None)


def _block(
    links: list[Link], layer: nn.Module | None, last: Link | None, inputs: Shape, steps: int, dt: float
) -> SpikingBlock:
    """A hidden layer: neurons and, where it follows, pooling."""
    link = links.pop(0)
    if not isinstance(link.node, NEURONS):
        raise InputError(f"{link.where}: must be weights, pooling or neurons, IF or LIF: {REMEDY}")
    if not isinstance(link.node, SPIKING) and links:
        raise InputError(f"{link.where}: must be neurons that spike, IF or LIF, but for the last ones: {REMEDY}")
    synapse = layer or nn.Identity()
    try:
        shape = passed_shape(nn.Sequential(nn.Flatten(), synapse) if begins_linear(synapse) else synapse, inputs)
    except InputError as error:
        raise InputError(f"{(last or link).where}: {error}: {REMEDY}") from error
    neurons = neurons_behind(link, synapse, shape, steps, dt)
    return SpikingBlock(synapse, neurons, inputs, pool=_pool(links, shape, dt))


def _pool(links: list[Link], shape: Shape, dt: float) -> nn.Module | None:
    """Pooling directly behind neurons: of sums of which one spike makes a spike, max pooling."""
    if not links or not isinstance(links[0].node, POOLS):
        return None
    link = links.pop(0)
    module = module_of(link)
    follows = links[0] if links else link
    if isinstance(link.node, nir.SumPool2d) and isinstance(follows.node, nir.IF) and follows.recurrent is None:
        after = Constants.of(follows, passed_shape(module, shape), dt)
        if ((after.threshold > 0) & (after.threshold <= after.gain)).all() and not after.reset.any():
            links.pop(0)
            return nn.MaxPool2d(pair(link.node.kernel_size), pair(link.node.stride), pair(link.node.padding))
    return module


def _named(graph: nir.NIRGraph, name: str, default: Any) -> Any:
    """What an export has left in the metadata; the default where none has."""
    found = graph.metadata.get(name, default)
    found = found.item() if isinstance(found, np.generic) else found
    if not isinstance(found, int | float | str):
        raise InputError(f"metadata: {name} is of type {type(found).__name__}: must be one value: give {name}")
    return found


def _coding(found: object) -> str:
    require(isinstance(found, str) and found in CODINGS, "coding", found, f"one of {', '.join(CODINGS)}")
    return str(found)
