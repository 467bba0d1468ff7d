"""The network graph: layers 0 (input) to N (output) and the connections between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ctsigprop.errors import InputError
from ctsigprop.settings import LearningSettings, NetworkSettings

Array = NDArray[np.floating]
Rows = NDArray[np.integer] | NDArray[np.bool_]


@dataclass(frozen=True)
class Connection:
    """A weight matrix from one layer to another.

    Attributes:
        source: layer that drives.
        target: layer that is driven.
        weight: shape (source units, target units), changed in place by learning.
        rate: learning rate; a connection of rate 0 stays fixed.
        symmetric: the same matrix, transposed, also drives the source from the target.
    """

    source: int
    target: int
    weight: Array
    rate: float = 0.0
    symmetric: bool = False

    @property
    def name(self) -> str:
        """W12 joins layer 1 to layer 2; layers of two digits are set apart, as in W9_10."""
        return connection_name(self.source, self.target)


@dataclass(frozen=True)
class Link:
    """One direction of a connection, as a layer sees it: `source` drives `target` through `weight`."""

    source: int
    target: int
    weight: Array


@dataclass(frozen=True, eq=False)
class Nudge:
    """The pull on the outputs in a clamped phase.

    Attributes:
        beta: strength for each sample, shape (samples,); negative pushes away.
        target: d of Eq. 13, shape (samples, classes).
    """

    beta: Array
    target: Array

    def __getitem__(self, rows: Rows) -> "Nudge":
        """The nudge of some of the samples."""
        return Nudge(self.beta[rows], self.target[rows])


@dataclass(frozen=True)
class Network:
    """A graph of connections with its biases (paper, Eq. 13).

    Attributes:
        sizes: units of each layer, input first.
        connections: at most one for each ordered pair of layers.
        biases: shape (units,) for layers 1 to N, changed in place by learning.
        bias_rates: learning rate of each bias vector.
        rho: name of the firing-rate function.
        time_constant: leak time constant r, the same for all neurons.
    """

    sizes: tuple[int, ...]
    connections: tuple[Connection, ...]
    biases: tuple[Array, ...]
    bias_rates: tuple[float, ...]
    rho: str = "hard_sigmoid"
    time_constant: float = 1.0

    def __post_init__(self) -> None:
        for connection in self.connections:
            expected = (self.sizes[connection.source], self.sizes[connection.target])
            if connection.weight.shape != expected:
                raise InputError(
                    f"{connection.name} has shape {connection.weight.shape}: layers {connection.source} and "
                    f"{connection.target} of sizes {list(self.sizes)} need {expected}"
                )
            if not connection.weight.flags.c_contiguous:
                raise InputError(
                    f"{connection.name} is not C-contiguous: learning could not change it in place: copy it"
                )
        for layer, bias in enumerate(self.biases, start=1):
            if bias.shape != (self.sizes[layer],):
                raise InputError(f"bias of layer {layer} has shape {bias.shape}: must be ({self.sizes[layer]},)")

    @property
    def dtype(self) -> np.dtype:
        """Floating-point type of weights and states."""
        return self.biases[0].dtype

    @property
    def output(self) -> int:
        """Number of the output layer."""
        return len(self.sizes) - 1

    @property
    def leak(self) -> float:
        """1 / r."""
        return 1.0 / self.time_constant

    def links(self) -> Iterator[Link]:
        """Every direction in which activity flows; a symmetric connection gives two."""
        for connection in self.connections:
            yield Link(connection.source, connection.target, connection.weight)
            if connection.symmetric:
                yield Link(connection.target, connection.source, connection.weight.T)

    def parameters(self) -> dict[str, Array]:
        """All weights and biases by name, the arrays themselves."""
        weights = {connection.name: connection.weight for connection in self.connections}
        return weights | {f"b{layer}": bias for layer, bias in enumerate(self.biases, start=1)}

    def load(self, parameters: dict[str, Array]) -> None:
        """Copies weights and biases in, all of them or none.

        Raises:
            InputError: a name is missing, a shape is another, or a value is not finite.
        """
        for name, own in self.parameters().items():
            if name not in parameters:
                raise InputError(f"{name} is missing: the checkpoint belongs to another network")
            given = parameters[name]
            if given.shape != own.shape:
                raise InputError(f"{name} has shape {given.shape}: this network needs {own.shape}")
            if not np.isfinite(given).all():
                raise InputError(f"{name} holds values that are not finite: use another checkpoint")
        for name, own in self.parameters().items():
            own[...] = parameters[name]


def connection_name(source: int, target: int) -> str:
    """Name of the connection from layer `source` to layer `target`."""
    return f"W{source}{target}" if max(source, target) < 10 else f"W{source}_{target}"


def glorot_uniform(rng: np.random.Generator, fan_in: int, fan_out: int, gain: float, dtype: str) -> Array:
    """Uniform weights in +-gain sqrt(6 / (fan_in + fan_out)), shape (fan_in, fan_out) (Glorot & Bengio 2010)."""
    limit = gain * sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, size=(fan_in, fan_out)).astype(dtype)


def build(
    features: int,
    classes: int,
    network: NetworkSettings,
    learning: LearningSettings,
    rng: np.random.Generator,
) -> Network:
    """Draws a network: forward weights first, in order, then loops or feedback weights.

    Raises:
        InputError: a name in learning.fixed that no connection has.
    """
    sizes = (features, *network.hidden, classes)
    last = len(sizes) - 1
    forward_rates = _per_layer(learning.forward_rates(last), last)
    symmetric = network.architecture == "symmetric_ep"

    def draw(source: int, target: int, gain: float, rate: float, *, symmetric: bool = False) -> Connection:
        weight = glorot_uniform(rng, sizes[source], sizes[target], gain, network.precision)
        fixed = connection_name(source, target) in learning.fixed
        return Connection(source, target, weight, 0.0 if fixed else rate, symmetric)

    connections = [
        draw(
            layer,
            layer + 1,
            network.output_gain if layer + 1 == last else 1.0,
            forward_rates[layer],
            symmetric=symmetric and layer > 0,
        )
        for layer in range(last)
    ]
    if network.architecture == "sigprop_loop":
        loop_rate = 0.0 if "loop" in learning.fixed else learning.feedback_rate
        connections += [draw(last, layer, network.feedback_gain, loop_rate) for layer in network.loops]
    elif network.architecture == "random_feedback_ep":
        connections += [
            draw(layer + 1, layer, network.feedback_gain, learning.feedback_rate) for layer in range(1, last)
        ]
    names = [connection.name for connection in connections]
    for name in learning.fixed:
        if name not in names and not (name == "loop" and network.architecture == "sigprop_loop"):
            known = [*names, "loop"] if network.architecture == "sigprop_loop" else names
            raise InputError(f"learning.fixed = {name!r}: must be one of {', '.join(known)}")
    biases = tuple(np.zeros(units, network.precision) for units in sizes[1:])
    return Network(sizes, tuple(connections), biases, forward_rates, network.rho, network.time_constant)


def _per_layer(rates: Sequence[float], count: int) -> tuple[float, ...]:
    return tuple(rates) * count if len(rates) == 1 else tuple(rates)
