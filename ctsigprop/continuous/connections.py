"""Connections between layers: weight matrices, and the directions in which they are used."""

from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.errors import InputError
from ctsigprop.settings import require_rate

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Dense:
    """A weight matrix from one layer to another.

    Attributes:
        source: layer that drives.
        target: layer that is driven.
        rate: learning rate; a connection of rate 0 stays fixed. None: `fit` gives it one.
        symmetric: the same matrix, transposed, also drives the source from the target.
        gain: factor on the Glorot-uniform weights that are drawn where none are given.
        weight: shape (source units, target units), changed in place by learning; drawn by the network where left out.
        delivered: what the synapses of a device deliver of it, likewise; left out, all of it.

    Raises:
        InputError: a value that cannot be used.
    """

    source: int
    target: int
    rate: float | None = None
    symmetric: bool = False
    gain: float = 1.0
    weight: Array | None = field(default=None, repr=False)
    delivered: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        require_rate("rate", self.rate)
        if not (isinstance(self.gain, int | float) and isfinite(self.gain) and self.gain >= 0):
            raise InputError(f"gain = {self.gain!r}: must be a finite number, at least 0")

    @property
    def name(self) -> str:
        """W12 joins layer 1 to layer 2; layers of two digits are set apart, as in W9_10."""
        return connection_name(self.source, self.target)

    @property
    def matrix(self) -> Array:
        """The weights, which a network's connections always have."""
        if self.weight is None:
            raise InputError(f"{self.name} has no weights yet: a Network draws them")
        return self.weight

    @property
    def acting(self) -> Array:
        """The weights by which activity is passed on."""
        return self.matrix if self.delivered is None else self.delivered


@dataclass(frozen=True)
class Link:
    """One direction of a connection, as a layer sees it: `source` drives `target` through `weight`."""

    source: int
    target: int
    weight: Array


def connection_name(source: int, target: int) -> str:
    """Name of the connection from layer `source` to layer `target`."""
    return f"W{source}{target}" if max(source, target) < 10 else f"W{source}_{target}"


def glorot_limit(fan_in: int, fan_out: int) -> float:
    """The largest of Glorot-uniform weights."""
    return sqrt(6 / (fan_in + fan_out))


def glorot_uniform(rng: np.random.Generator, fan_in: int, fan_out: int, gain: float, dtype: Any) -> Array:
    """Uniform weights in +-gain sqrt(6 / (fan_in + fan_out)), shape (fan_in, fan_out) (Glorot & Bengio 2010)."""
    limit = gain * glorot_limit(fan_in, fan_out)
    return rng.uniform(-limit, limit, size=(fan_in, fan_out)).astype(dtype)
