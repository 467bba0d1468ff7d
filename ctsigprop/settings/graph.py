"""Settings of a network that is given as a graph: its layers and connections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require, require_flag, require_number, require_rate, require_whole
from ctsigprop.settings.choices import RHOS
from ctsigprop.settings.printing import changed

MOST_UNITS = 10_000_000
MOST_LAYERS = 1000
MOST_CONNECTIONS = 10_000


@dataclass(frozen=True)
class LayerSettings:
    """A layer above the input.

    Attributes:
        units: how many neurons.
        rho: firing-rate function.
        time_constant: leak time constant r: one for all, or a list with one for each neuron; dimensionless.
        bias_rate: learning rate of the biases; that of the first connection from below by default.
    """

    units: int
    rho: str = "hard_sigmoid"
    time_constant: float | tuple[float, ...] = 1.0
    bias_rate: float | None = None

    __repr__ = changed

    def __post_init__(self) -> None:
        require_whole("network.layers: units", self.units, 1, MOST_UNITS)
        RHOS.check(self.rho)
        constants = self.time_constant
        if isinstance(constants, list | tuple):
            allowed = f"one number, or {self.units} of them"
            require(len(constants) == self.units, "network.layers: time_constant", f"{len(constants)} numbers", allowed)
            object.__setattr__(self, "time_constant", tuple(constants))
        for constant in constants if isinstance(constants, list | tuple) else (constants,):
            require_number("network.layers: time_constant", constant, 0.0, open_low=True)
        require_rate("network.layers: bias_rate", self.bias_rate)


@dataclass(frozen=True)
class ConnectionSettings:
    """A connection: see `ctsigprop.continuous.network.Dense`.

    Attributes:
        source: layer that drives; 0 is the input.
        target: layer that is driven.
        rate: learning rate; 0 stays fixed. Left out, it follows the layer that is driven, and the optimizer.
        symmetric: the same matrix, transposed, also drives the source.
        gain: factor on the Glorot-uniform weights.
    """

    source: int
    target: int
    rate: float | None = None
    symmetric: bool = False
    gain: float = 1.0

    __repr__ = changed

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            require_whole(f"network.connections: {name}", getattr(self, name), 0, MOST_LAYERS)
        require_rate("network.connections: rate", self.rate)
        require_flag("network.connections: symmetric", self.symmetric)
        require_number("network.connections: gain", self.gain, 0.0)


class HasGraph(Protocol):
    """Settings of a network."""

    @property
    def architecture(self) -> str:
        """Its name."""
        ...

    @property
    def layers(self) -> tuple[LayerSettings, ...]:
        """Of a graph."""
        ...

    @property
    def connections(self) -> tuple[ConnectionSettings, ...]:
        """Of a graph."""
        ...


T = TypeVar("T")


def require_graph(network: HasGraph) -> None:
    """Turn what YAML gives for layers and connections into their settings, which a graph needs and nothing else has.

    Raises:
        InputError: naming what is wrong.
    """
    object.__setattr__(network, "layers", _all_of(LayerSettings, "network.layers", network.layers, MOST_LAYERS))
    kinds = _all_of(ConnectionSettings, "network.connections", network.connections, MOST_CONNECTIONS)
    object.__setattr__(network, "connections", kinds)
    for name in ("layers", "connections"):
        given = bool(getattr(network, name))
        allowed = "a list with at least one entry" if not given else "left out but for network.architecture = graph"
        require(given == (network.architecture == "graph"), f"network.{name}", f"{given * 'a list'}", allowed)


def _all_of(kind: type[T], name: str, values: Any, most: int) -> tuple[T, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise InputError(f"{name} = {values!r}: must be a list of mappings")
    if len(values) > most:
        raise InputError(f"{name}: has {len(values)} entries: must be at most {most}")
    return tuple(_one_of(kind, name, value) for value in values)


def _one_of(kind: type[T], name: str, value: Any) -> T:
    if isinstance(value, kind):
        return value
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(value, Mapping) or not set(value) <= set(known):
        raise InputError(f"{name}: {value!r}: must be a mapping of {', '.join(known)}")
    try:
        return kind(**value)
    except TypeError:
        needed = "units" if kind is LayerSettings else "source and target"
        raise InputError(f"{name}: {dict(value)!r}: lacks {needed}: add it") from None
