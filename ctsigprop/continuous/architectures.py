"""The graphs that settings name, and how a network is built from settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ctsigprop.continuous.connections import Dense, connection_name
from ctsigprop.continuous.cost import COSTS
from ctsigprop.continuous.layers import Layer
from ctsigprop.continuous.network import Network, Options
from ctsigprop.continuous.rho import RHOS
from ctsigprop.core.registry import Registry
from ctsigprop.errors import InputError
from ctsigprop.settings import LearningSettings, NetworkSettings, NudgingSettings, choices, require_whole
from ctsigprop.settings.graph import MOST_UNITS
from ctsigprop.settings.rates import with_rates


@dataclass(frozen=True)
class Plan:
    """What an architecture joins.

    Attributes:
        last: number of the output layer.
        rates: learning rate of each forward connection, (last,).
        feedback_rate: learning rate of loops and of separate feedback connections.
        network: settings of the network: gains, loops.
    """

    last: int
    rates: tuple[float, ...]
    feedback_rate: float
    network: NetworkSettings

    def forward(self, *, symmetric: bool = False) -> list[Dense]:
        """Connections from each layer to the next; a symmetric one also leads back, though never to the input."""
        output_gain = self.network.output_gain
        return [
            Dense(
                layer,
                layer + 1,
                self.rates[layer],
                symmetric and layer > 0,
                output_gain if layer + 1 == self.last else 1.0,
            )
            for layer in range(self.last)
        ]

    def feedback(self, source: int, target: int) -> Dense:
        """A connection that feeds back."""
        return Dense(source, target, self.feedback_rate, gain=self.network.feedback_gain)


@dataclass(frozen=True)
class Architecture:
    """A graph that follows from a list of layer sizes.

    Attributes:
        name: by which settings choose it.
        connections: of a plan.
        loops: whether `learning.fixed` may say `loop` for all that leads back.
    """

    name: str
    connections: Callable[[Plan], list[Dense]]
    loops: bool = False

    def __repr__(self) -> str:
        return f"Architecture({self.name!r})"


def _sigprop_loop(plan: Plan) -> list[Dense]:
    return plan.forward() + [plan.feedback(plan.last, layer) for layer in plan.network.loops]


def _symmetric_ep(plan: Plan) -> list[Dense]:
    return plan.forward(symmetric=True)


def _random_feedback_ep(plan: Plan) -> list[Dense]:
    return plan.forward() + [plan.feedback(layer + 1, layer) for layer in range(1, plan.last)]


def _graph(plan: Plan) -> list[Dense]:
    return [Dense(one.source, one.target, one.rate, one.symmetric, one.gain) for one in plan.network.connections]


SIGPROP_LOOP = Architecture("sigprop_loop", _sigprop_loop, loops=True)
SYMMETRIC_EP = Architecture("symmetric_ep", _symmetric_ep)
RANDOM_FEEDBACK_EP = Architecture("random_feedback_ep", _random_feedback_ep)
GRAPH = Architecture("graph", _graph)

ARCHITECTURES: Registry[Architecture] = choices.ARCHITECTURES


def named_network(name: str, sizes: Sequence[int], seed: int, options: Options, **more: Any) -> Network:
    """Draw a network of a named architecture; functions of the user's are added to their registries.

    Args:
        name: of the architecture.
        sizes: units of each layer, input first.
        seed: of the weights.
        options: see `Options`.
        more: settings of this architecture alone.

    Raises:
        InputError: a value that is not allowed.
    """
    sizes = [require_whole("sizes", units, 1, MOST_UNITS) for units in sizes]
    if len(sizes) < 3:
        raise InputError(f"sizes = {sizes}: must be at least three: input, one hidden layer, output")
    names: dict[str, Any] = dict(options)
    for option in {"rho", "output_rho"} & set(names):
        names[option] = RHOS.name_of(names[option])
    if "cost" in names:
        names["cost"] = COSTS.name_of(names["cost"])
    if unknown := set(names) - set(Options.__annotations__):
        raise InputError(f"{min(unknown)}: no such option: known are {', '.join(Options.__annotations__)}")
    settings = NetworkSettings(name, tuple(sizes[1:-1]), **names, **more)
    network = build(
        sizes[0], sizes[-1], settings, LearningSettings(rates=(0.0,), feedback_rate=0.0), np.random.default_rng(seed)
    )
    network.settings = settings
    return network


def build(
    features: int,
    outputs: int,
    network: NetworkSettings,
    learning: LearningSettings,
    rng: np.random.Generator,
    alter: Callable[[Layer], Layer] | None = None,
) -> Network:
    """Draw a network: forward weights first, in order, then loops or feedback weights.

    Rates that are left out are those for beta = 1. `alter` changes each layer above the input, such as the time
    constants of its neurons.

    Raises:
        InputError: a name in learning.fixed that no connection has, or a graph that cannot work.
    """
    network, learning = with_rates(network, learning, NudgingSettings())
    layers = _layers(features, outputs, network)
    last = len(layers) - 1
    rates = _per_layer(learning.rates, last)
    kind = ARCHITECTURES[network.architecture]
    connections = kind.connections(Plan(last, rates, learning.feedback_rate or 0.0, network))
    if network.architecture != "graph":
        layers = [layers[0], *(replace(one, bias_rate=rate) for one, rate in zip(layers[1:], rates, strict=True))]
    if alter is not None:
        layers = [layers[0], *map(alter, layers[1:])]
    fixed = _fixed(learning.fixed, connections, kind)
    connections = [replace(one, rate=0.0) if one.name in fixed else one for one in connections]
    return Network(layers, connections, cost=network.cost, precision=network.precision, seed=rng)


def _layers(features: int, outputs: int, network: NetworkSettings) -> list[Layer]:
    if network.architecture == "graph":
        layers = [Layer(one.units, one.rho, one.time_constant, one.bias_rate) for one in network.layers]
        if layers[-1].units != outputs:
            raise InputError(
                f"network.layers: the last has {layers[-1].units} units: must be {outputs}, as the data have"
            )
        return [Layer(features), *layers]
    rhos = [network.rho] * len(network.hidden) + [network.output_rho or network.rho]
    units = (*network.hidden, outputs)
    return [Layer(features), *(Layer(n, rho, network.time_constant) for n, rho in zip(units, rhos, strict=True))]


def _fixed(names: Sequence[str], connections: Sequence[Dense], kind: Architecture) -> set[str]:
    known = [connection.name for connection in connections] + ["loop"] * kind.loops
    for name in names:
        if name not in known:
            raise InputError(f"learning.fixed = {name!r}: must be one of {', '.join(known)}")
    loops = {connection_name(one.source, one.target) for one in connections if one.source > one.target}
    return set(names) | (loops if "loop" in names else set())


def _per_layer(rates: Sequence[float], count: int) -> tuple[float, ...]:
    return tuple(rates) * count if len(rates) == 1 else tuple(rates)
