"""The graphs that settings name, and how a network is built from settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from ctsigprop.continuous.connections import Connection, Conv, Dense, Skip, connection_name
from ctsigprop.continuous.connections.pooling import POOLS
from ctsigprop.continuous.cost import COSTS
from ctsigprop.continuous.layers import Layer
from ctsigprop.continuous.network import Network, Options
from ctsigprop.continuous.rho import RHOS
from ctsigprop.core.registry import Registry
from ctsigprop.errors import InputError
from ctsigprop.settings import LearningSettings, NetworkSettings, NudgingSettings, choices, require_whole
from ctsigprop.settings.continuous import RESIDUAL
from ctsigprop.settings.graph import MOST_UNITS, ConnectionSettings
from ctsigprop.settings.rates import with_rates

Shape = int | tuple[int, int, int]
"""Units of a layer, or of one of images (channels, height, width)."""
HALVING = 2
"""Size of the pools behind convolutions."""


@dataclass(frozen=True)
class Plan:
    """What an architecture joins.

    Attributes:
        shapes: units, or (channels, height, width), of layers 0 (input) to N (output).
        rates: learning rate of each forward connection, (N,).
        feedback_rate: learning rate of loops and of separate feedback connections.
        network: settings of the network: gains, loops.
    """

    shapes: tuple[Shape, ...]
    rates: tuple[float, ...]
    feedback_rate: float
    network: NetworkSettings

    @property
    def last(self) -> int:
        """Number of the output layer."""
        return len(self.shapes) - 1

    def forward(self, *, symmetric: bool = False) -> list[Connection]:
        """Connections from each layer to the next; a symmetric one also leads back, though never to the input.

        Layers of images are joined by convolutions, with a pool behind where the images become smaller.
        """
        return [self._joined(layer, symmetric and layer > 0) for layer in range(self.last)]

    def _joined(self, layer: int, symmetric: bool) -> Connection:
        source, target = self.shapes[layer], self.shapes[layer + 1]
        gain = self.network.output_gain if layer + 1 == self.last else 1.0
        if not (isinstance(source, tuple) and isinstance(target, tuple)):
            return Dense(layer, layer + 1, self.rates[layer], symmetric, gain)
        pool = POOLS[self.network.pool](HALVING) if source[1:] != target[1:] else None
        kernel = self.network.kernel
        return Conv(layer, layer + 1, self.rates[layer], symmetric, gain, kernel=kernel, pool=pool)

    def feedback(self, source: int, target: int) -> Dense:
        """A connection that feeds back."""
        return Dense(source, target, self.feedback_rate, gain=self.network.feedback_gain)


def _as_given(image: Shape, hidden: Sequence[int]) -> list[Shape]:
    return list(hidden)


def _halved(image: Shape, hidden: Sequence[int]) -> list[Shape]:
    """Images of half the size of those below, as many channels as are given."""
    _, height, width = _image(image)
    found: list[Shape] = []
    for channels in hidden:
        if min(height, width) < HALVING:
            raise InputError(
                f"network.hidden = {list(hidden)}: must be fewer layers: each halves images, here of {image}"
            )
        height, width = height // HALVING, width // HALVING
        found.append((channels, height, width))
    return found


def _staged(image: Shape, hidden: Sequence[int]) -> list[Shape]:
    """Stages of three layers of one shape."""
    return [shape for shape in _halved(image, hidden) for _ in range(RESIDUAL)]


def _image(shape: Shape) -> tuple[int, int, int]:
    if not isinstance(shape, tuple):
        raise InputError(f"network.architecture: convolutions need images: the data have {shape} features")
    return shape


@dataclass(frozen=True)
class Architecture:
    """A graph that follows from a list of layer sizes.

    Attributes:
        name: by which settings choose it.
        connections: of a plan.
        loops: whether `learning.fixed` may say `loop` for all that leads back.
        layers: hidden layers, from the shape of a sample and the settings' list of them.
    """

    name: str
    connections: Callable[[Plan], list[Connection]]
    loops: bool = False
    layers: Callable[[Shape, Sequence[int]], list[Shape]] = _as_given

    def __repr__(self) -> str:
        return f"Architecture({self.name!r})"


def _sigprop_loop(plan: Plan) -> list[Connection]:
    return plan.forward() + [plan.feedback(plan.last, layer) for layer in plan.network.looped]


def _symmetric_ep(plan: Plan) -> list[Connection]:
    return plan.forward(symmetric=True)


def _random_feedback_ep(plan: Plan) -> list[Connection]:
    return plan.forward() + [plan.feedback(layer + 1, layer) for layer in range(1, plan.last)]


def _resnet_symmetric(plan: Plan) -> list[Connection]:
    around = [Skip(first, first + 2, symmetric=True) for first in range(1, plan.last, RESIDUAL)]
    return plan.forward(symmetric=True) + around


def _graph(plan: Plan) -> list[Connection]:
    return [_given(one) for one in plan.network.connections]


def _given(one: ConnectionSettings) -> Connection:
    shared = (one.source, one.target, one.rate, one.symmetric, one.gain)
    pool = POOLS[one.pool](one.pool_size) if one.pool else None
    if one.kind == "conv":
        form = {"kernel": one.kernel, "stride": one.stride, "padding": one.padding, "groups": one.groups}
        return Conv(*shared, **form, pool=pool)  # type: ignore[arg-type]
    return Skip(*shared, pool=pool) if one.kind == "skip" else Dense(*shared)


SIGPROP_LOOP = Architecture("sigprop_loop", _sigprop_loop, loops=True)
SYMMETRIC_EP = Architecture("symmetric_ep", _symmetric_ep)
RANDOM_FEEDBACK_EP = Architecture("random_feedback_ep", _random_feedback_ep)
CONV_LOOP = Architecture("conv_loop", _sigprop_loop, loops=True, layers=_halved)
CONV_SYMMETRIC = Architecture("conv_symmetric", _symmetric_ep, layers=_halved)
RESNET_SYMMETRIC = Architecture("resnet_symmetric", _resnet_symmetric, layers=_staged)
GRAPH = Architecture("graph", _graph)

ARCHITECTURES: Registry[Architecture] = choices.ARCHITECTURES


def named_network(name: str, sizes: Sequence[Shape], seed: int, options: Options, **more: Any) -> Network:
    """Draw a network of a named architecture; functions of the user's are added to their registries.

    Args:
        name: of the architecture.
        sizes: units of each layer, input first; of convolutions the shape (channels, height, width) of an image, the
            channels of hidden layers, and the outputs.
        seed: of the weights.
        options: see `Options`.
        more: settings of this architecture alone.

    Raises:
        InputError: a value that is not allowed.
    """
    if len(sizes) < 3:
        raise InputError(f"sizes = {list(sizes)}: must be at least three: input, one hidden layer, output")
    first = Layer.of(sizes[0]).shape or require_whole("sizes", sizes[0], 1, MOST_UNITS)
    above = [require_whole("sizes", units, 1, MOST_UNITS) for units in sizes[1:]]
    names: dict[str, Any] = dict(options)
    for option in {"rho", "output_rho"} & set(names):
        names[option] = RHOS.name_of(names[option])
    if "cost" in names:
        names["cost"] = COSTS.name_of(names["cost"])
    if unknown := set(names) - set(Options.__annotations__):
        raise InputError(f"{min(unknown)}: no such option: known are {', '.join(Options.__annotations__)}")
    settings = NetworkSettings(name, tuple(above[:-1]), **names, **more)
    network = build(
        first, above[-1], settings, LearningSettings(rates=(0.0,), feedback_rate=0.0), np.random.default_rng(seed)
    )
    network.settings = settings
    return network


def build(
    sample: Shape,
    outputs: int,
    network: NetworkSettings,
    learning: LearningSettings,
    rng: np.random.Generator,
    alter: Callable[[Layer], Layer] | None = None,
) -> Network:
    """Draw a network: forward weights first, in order, then loops or feedback weights.

    A sample has so many features or, for convolutions, the shape of an image. Rates that are left out are those for
    beta = 1. `alter` changes each layer above the input, such as the time
    constants of its neurons.

    Raises:
        InputError: a name in learning.fixed that no connection has, or a graph that cannot work.
    """
    network, learning = with_rates(network, learning, NudgingSettings())
    kind = ARCHITECTURES[network.architecture]
    layers = _layers(sample, outputs, network, kind)
    rates = _per_layer(learning.rates, len(layers) - 1)
    shapes = tuple(layer.shape or layer.units for layer in layers)
    connections = kind.connections(Plan(shapes, rates, learning.feedback_rate or 0.0, network))
    if network.architecture != "graph":
        layers = [layers[0], *(replace(one, bias_rate=rate) for one, rate in zip(layers[1:], rates, strict=True))]
    if alter is not None:
        layers = [layers[0], *map(alter, layers[1:])]
    fixed = _fixed(learning.fixed, connections, kind)
    connections = [replace(one, rate=0.0) if one.name in fixed else one for one in connections]
    return Network(layers, connections, cost=network.cost, precision=network.precision, seed=rng)


def _layers(sample: Shape, outputs: int, network: NetworkSettings, kind: Architecture) -> list[Layer]:
    if network.architecture == "graph":
        layers = [Layer.of(one.units, one.rho, one.time_constant, one.bias_rate) for one in network.layers]
        if layers[-1].units != outputs:
            raise InputError(
                f"network.layers: the last has {layers[-1].units} units: must be {outputs}, as the data have"
            )
        seen = any(layer.shape for layer in layers) or any(one.kind != "dense" for one in network.connections)
        return [Layer.of(sample if seen else _units(sample)), *layers]
    hidden = kind.layers(sample, network.hidden)
    first = Layer.of(sample if any(isinstance(one, tuple) for one in hidden) else _units(sample))
    above = [Layer.of(shape, network.rho, network.time_constant) for shape in hidden]
    return [first, *above, Layer(outputs, network.output_rho or network.rho, network.time_constant)]


def _units(sample: Shape) -> int:
    return prod(sample) if isinstance(sample, tuple) else sample


def _fixed(names: Sequence[str], connections: Sequence[Connection], kind: Architecture) -> set[str]:
    known = [connection.name for connection in connections] + ["loop"] * kind.loops
    for name in names:
        if name not in known:
            raise InputError(f"learning.fixed = {name!r}: must be one of {', '.join(known)}")
    loops = {connection_name(one.source, one.target) for one in connections if one.source > one.target}
    return set(names) | (loops if "loop" in names else set())


def _per_layer(rates: Sequence[float], count: int) -> tuple[float, ...]:
    return tuple(rates) * count if len(rates) == 1 else tuple(rates)
