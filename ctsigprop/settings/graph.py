"""Settings of a network that is given as a graph: its layers and connections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Any, Literal, Protocol, TypeVar

from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require, require_flag, require_number, require_one_of, require_rate, require_whole
from ctsigprop.settings.choices import RHOS
from ctsigprop.settings.printing import changed

MOST_UNITS = 10_000_000
MOST_LAYERS = 1000
MOST_CONNECTIONS = 10_000
MOST_KERNEL, MOST_POOL = 63, 15
ConnectionKind = Literal["dense", "conv", "skip"]
PoolKind = Literal["max", "avg"]
OF_KINDS = ("kernel", "stride", "padding", "groups", "pool", "pool_size")
"""Settings that not every kind of connection has."""


@dataclass(frozen=True)
class LayerSettings:
    """A layer above the input.

    Attributes:
        units: how many neurons; or, of a layer of images, [channels, height, width].
        rho: firing-rate function.
        time_constant: leak time constant r: one for all, or a list with one for each neuron; dimensionless.
        bias_rate: learning rate of the biases; that of the first connection from below by default.
    """

    units: int | tuple[int, int, int]
    rho: str = "hard_sigmoid"
    time_constant: float | tuple[float, ...] = 1.0
    bias_rate: float | None = None

    __repr__ = changed

    def __post_init__(self) -> None:
        if isinstance(self.units, list | tuple):
            require(len(self.units) == 3, "network.layers: units", self.units, "one number, or channels, height, width")
            object.__setattr__(self, "units", tuple(self.units))
        for side in self.shape or (self.units,):
            require_whole("network.layers: units", side, 1, MOST_UNITS)
        require_whole("network.layers: units", self.neurons, 1, MOST_UNITS)
        RHOS.check(self.rho)
        constants = self.time_constant
        if isinstance(constants, list | tuple):
            allowed = f"one number, or {self.neurons} of them"
            require(
                len(constants) == self.neurons, "network.layers: time_constant", f"{len(constants)} numbers", allowed
            )
            object.__setattr__(self, "time_constant", tuple(constants))
        for constant in constants if isinstance(constants, list | tuple) else (constants,):
            require_number("network.layers: time_constant", constant, 0.0, open_low=True)
        require_rate("network.layers: bias_rate", self.bias_rate)

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(channels, height, width) of a layer of images."""
        return self.units if isinstance(self.units, tuple) else None

    @property
    def neurons(self) -> int:
        """How many neurons."""
        return prod(self.units) if isinstance(self.units, tuple) else self.units


@dataclass(frozen=True)
class ConnectionSettings:
    """A connection: see `ctsigprop.Dense`, `Conv` and `Skip`.

    Attributes:
        source: layer that drives; 0 is the input.
        target: layer that is driven.
        rate: learning rate; 0 stays fixed. Left out, it follows the layer that is driven, and the optimizer.
        symmetric: the same matrix, transposed, also drives the source.
        gain: factor on the Glorot-uniform weights; the weight of a skip.
        kind: dense, conv or skip.
        kernel: of a convolution, its side.
        stride: of a convolution.
        padding: of a convolution; left out, half the kernel.
        groups: of a convolution.
        pool: max or avg, behind a convolution or of a skip; left out, none.
        pool_size: side of the pool's windows, and their distance.
    """

    source: int
    target: int
    rate: float | None = None
    symmetric: bool = False
    gain: float = 1.0
    kind: ConnectionKind = "dense"
    kernel: int = 3
    stride: int = 1
    padding: int | None = None
    groups: int = 1
    pool: PoolKind | None = None
    pool_size: int = 2

    __repr__ = changed

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            require_whole(f"network.connections: {name}", getattr(self, name), 0, MOST_LAYERS)
        require_rate("network.connections: rate", self.rate)
        require_flag("network.connections: symmetric", self.symmetric)
        require_number("network.connections: gain", self.gain, 0.0)
        require_one_of("network.connections: kind", self.kind, ConnectionKind)
        most = {"kernel": MOST_KERNEL, "stride": MOST_KERNEL, "groups": MOST_UNITS, "pool_size": MOST_POOL}
        for name, largest in most.items():
            require_whole(f"network.connections: {name}", getattr(self, name), 1, largest)
        if self.padding is not None:
            require_whole("network.connections: padding", self.padding, 0, self.kernel)
        if self.pool is not None:
            require_one_of("network.connections: pool", self.pool, PoolKind)
        used = {"dense": (), "skip": ("pool",), "conv": ("kernel", "stride", "padding", "groups", "pool")}[self.kind]
        for setting in fields(self):
            if setting.name in OF_KINDS and setting.name not in (*used, *(("pool_size",) if self.pool else ())):
                value, default = getattr(self, setting.name), setting.default
                allowed = f"left out with kind = {self.kind}" + (" and no pool" if setting.name == "pool_size" else "")
                require(value == default, f"network.connections: {setting.name}", value, allowed)


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
