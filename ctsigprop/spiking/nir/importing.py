"""A NIR graph as a spiking network: see `ctsigprop.spiking.nir.graph` for what stands for what."""

from collections.abc import Iterator
from math import inf
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require, require_whole
from ctsigprop.spiking.coding import CODINGS
from ctsigprop.spiking.network import SpikingBlock, SpikingNetwork
from ctsigprop.spiking.neuron import Neuron
from ctsigprop.spiking.neurons import Neurons
from ctsigprop.spiking.shapes import Shape, pair
from ctsigprop.spiking.surrogates import SURROGATES

DIGITS = 15
STEPS, CODING = 4, "direct"
"""Where an export has left none: the paper's."""

REMEDY = "export a network of ctsigprop, or bring the graph into this form"


def from_graph(graph: nir.NIRGraph, steps: int | None = None, coding: str | None = None) -> SpikingNetwork:
    """The network of a NIR graph, in evaluation mode; arguments are those of `read_graph`.

    Raises:
        InputError: the graph is not a chain of layers of this family.
    """
    steps = _steps(graph) if steps is None else require_whole("steps", steps, 1)
    coding = _coding(graph.metadata.get("coding", CODING) if coding is None else coding)
    nodes = _Nodes(_chain(graph))
    shape = nodes.shape_of(nir.Input)
    blocks = []
    while True:
        nodes.take(nir.Flatten)
        layer = _layer(nodes)
        if nodes.take(nir.Output) is not None:
            break
        blocks.append(_block(nodes, layer, shape, steps))
        shape = blocks[-1].outputs
    if not blocks or not isinstance(layer, nn.Linear):
        raise InputError(f"must end with a fully connected layer behind a layer of neurons: {REMEDY}")
    network = SpikingNetwork(CODINGS[coding].make(steps, 0), blocks, layer.out_features, 0)
    network.readout.layer = layer
    return network.eval()


class _Nodes:
    """The nodes of a chain, taken one by one."""

    def __init__(self, chain: Iterator[tuple[str, Any]]) -> None:
        self._left = list(chain)

    @property
    def next(self) -> str:
        """The next node as a refusal names it."""
        name, node = self._left[0]
        return f"node {name!r} ({type(node).__name__})"

    def take(self, *kinds: type[Any]) -> Any:
        """The next node if it is of one of these kinds, which then is taken, or None."""
        return self._left.pop(0)[1] if self._left and isinstance(self._left[0][1], kinds) else None

    def shape_of(self, kind: type[Any]) -> Shape:
        """Shape that leaves the next node, which must be of this kind."""
        node = self.take(kind)
        return tuple(int(size) for size in node.output_type["output"])


def _steps(graph: nir.NIRGraph) -> int:
    """Those that an export has left; the paper's four where none has."""
    found = graph.metadata.get("steps", STEPS)
    return require_whole("steps", found.item() if isinstance(found, np.generic) else found, 1)


def _coding(found: object) -> str:
    require(found in CODINGS, "coding", found, f"one of {', '.join(CODINGS)}")
    return str(found)


def _chain(graph: nir.NIRGraph) -> Iterator[tuple[str, Any]]:
    """Nodes from the input to the output."""
    following = dict(graph.edges)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or len(following) != len(graph.edges):
        raise InputError(f"must be a chain from one input to one output: {REMEDY}")
    (name,) = graph.inputs
    for _ in graph.nodes:
        yield name, graph.nodes[name]
        if name in graph.outputs:
            return
        name = following[name]
    raise InputError(f"must be a chain from one input to one output, without loops: {REMEDY}")


def _layer(nodes: _Nodes) -> nn.Linear | nn.Conv2d:
    where = nodes.next
    node = nodes.take(nir.Conv2d, nir.Affine, nir.Linear)
    if node is None:
        raise InputError(f"{where}: must be weights, Conv2d, Affine or Linear: {REMEDY}")
    weight = torch.from_numpy(np.array(node.weight, np.float32))
    if weight.dim() != (4 if isinstance(node, nir.Conv2d) else 2):
        raise InputError(f"{where}: weights have shape {tuple(weight.shape)}: must be those of one layer: {REMEDY}")
    bias = None if isinstance(node, nir.Linear) else torch.from_numpy(np.array(node.bias, np.float32))
    if not all(one.isfinite().all() for one in (weight, bias) if one is not None):
        raise InputError(f"{where}: weights hold NaN or infinity: must be finite: {REMEDY}")
    layer: nn.Linear | nn.Conv2d
    if isinstance(node, nir.Conv2d):
        groups = int(node.groups)
        layer = nn.utils.skip_init(
            nn.Conv2d,
            groups * weight.shape[1],
            len(weight),
            tuple(weight.shape[2:]),
            stride=pair(node.stride),
            padding=node.padding if isinstance(node.padding, str) else pair(node.padding),
            dilation=pair(node.dilation),
            groups=groups,
        )
    else:
        layer = nn.utils.skip_init(nn.Linear, weight.shape[1], len(weight), bias=bias is not None)
    layer.load_state_dict({"weight": weight, **({} if bias is None else {"bias": bias})})
    return layer


def _block(nodes: _Nodes, layer: nn.Linear | nn.Conv2d, inputs: Shape, steps: int) -> SpikingBlock:
    """A hidden layer: neurons and, where they follow, the two nodes of max pooling."""
    where = nodes.next
    node = nodes.take(nir.IF, nir.LIF)
    if node is None:
        raise InputError(f"{where}: must be neurons, IF or LIF: {REMEDY}")
    neurons = Neurons(_neuron(where, node), SURROGATES["arctan"], steps)
    where = nodes.next
    pool = nodes.take(nir.SumPool2d)
    if pool is None:
        return SpikingBlock(layer, neurons, inputs)
    after = nodes.take(nir.IF)
    if after is None or not 0 < _neuron(where, after).threshold <= 1:
        raise InputError(
            f"{where}: must be followed by IF neurons that one spike suffices for, so that it is max pooling"
        )
    largest = nn.MaxPool2d(pair(pool.kernel_size), pair(pool.stride), pair(pool.padding))
    return SpikingBlock(layer, neurons, inputs, pool=largest)


def _neuron(where: str, node: Any) -> Neuron:
    threshold = _least_above(_single(where, "v_threshold", node.v_threshold))
    reset = _single(where, "v_reset", node.v_reset)
    r = _single(where, "r", node.r)
    if threshold <= 0 or reset != 0:
        raise InputError(f"{where}: v_threshold must be above 0 and v_reset 0: {REMEDY}")
    if isinstance(node, nir.IF):
        if r != 1:
            raise InputError(f"{where}: r = {r:g}: must be 1: multiply the weights before it")
        return Neuron(threshold)
    tau, rest = _single(where, "tau", node.tau), _single(where, "v_leak", node.v_leak)
    if not (tau >= 1 and np.isclose(r, tau) and rest == 0):
        raise InputError(f"{where}: tau must be at least 1 (a step), r = tau and v_leak = 0: {REMEDY}")
    return Neuron(threshold, leak=float(f"{1 / tau:.{DIGITS}g}"))


def _single(where: str, name: str, values: Any) -> float:
    """The one value that all neurons share."""
    found = np.unique(np.asarray(values, np.float64))
    if len(found) != 1 or not np.isfinite(found).all():
        raise InputError(f"{where}: {name} must be one finite value for all its neurons: {REMEDY}")
    return float(found[0])


def _least_above(value: float) -> float:
    """The smallest float32 above a value: v > value is v >= that."""
    nearest = np.float32(value)
    return float(nearest if float(nearest) > value else np.nextafter(nearest, np.float32(inf)))
