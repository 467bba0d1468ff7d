"""Connections between layers: what they drive, and what learning makes of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.connections.initial import glorot_limit, glorot_uniform
from ctsigprop.continuous.layers import Layer
from ctsigprop.errors import InputError
from ctsigprop.settings import require_rate

Array = NDArray[np.floating]
Rows = NDArray[np.integer] | NDArray[np.bool_] | slice
EVERY = slice(None)


class Outer(NamedTuple):
    """One term of an update: the derivative of post . drive(pre) by the weights.

    Attributes:
        pre: rates of the source, (samples, source units).
        post: of the target, (samples, target units).
        at: rates of the source at which the maxima are chosen, (samples, source units); those of `pre` by default.
    """

    pre: Array
    post: Array
    at: Array | None = None


class Tangent(Protocol):
    """The derivative of what a connection drives, by the rates of its source; linear, and its own for every sample."""

    def push(self, change: Array, rows: Rows = EVERY) -> Array:
        """Carry (..., samples, source units) to (..., samples, target units); `rows` are the samples' places."""
        ...

    def pull(self, change: Array, rows: Rows = EVERY) -> Array:
        """Carry (..., samples, target units) back to (..., samples, source units), transposed."""
        ...


@dataclass(frozen=True, eq=False)
class Connection(ABC):
    """What one layer sends to another.

    Attributes:
        source: layer that drives.
        target: layer that is driven.
        rate: learning rate; a connection of rate 0 stays fixed. None: `fit` gives it one.
        symmetric: the same weights, transposed, also drive the source from the target.
        gain: factor on the weights that are drawn where none are given.
        weight: changed in place by learning; drawn by the network where left out.
        delivered: what the synapses of a device deliver of it, likewise; left out, all of it.
        ends: source and target, which the network tells it.

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
    ends: tuple[Layer, Layer] | None = field(default=None, repr=False)

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

    @property
    def routed(self) -> bool:
        """Whether what comes back depends on which of the source's rates are the largest of their windows."""
        return False

    @property
    def limit(self) -> float:
        """The largest weight that is drawn at a gain of 1."""
        return glorot_limit(*self.fans)

    @property
    def joined(self) -> tuple[Layer, Layer]:
        """Source and target, which a network's connections always know."""
        if self.ends is None:
            raise InputError(f"{self.name} is in no network yet: a Network tells it which layers it joins")
        return self.ends

    @property
    @abstractmethod
    def fans(self) -> tuple[int, int]:
        """Synapses into a neuron of the target, and out of one of the source."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""

    def check(self) -> None:  # noqa: B027
        """Pass a connection that fits between the layers that it joins.

        Raises:
            InputError: it does not.
        """

    @abstractmethod
    def drive(self, rates: Array, base: Array) -> Array:
        """base + what rates of the source (samples, source units) give the target, (samples, target units)."""

    @abstractmethod
    def back(self, rates: Array, base: Array, at: Array | None) -> Array:
        """base + what rates of the target give the source through the transpose, (samples, source units).

        Args:
            rates: (samples, target units).
            base: (samples or 1, source units).
            at: rates of the source, (samples, source units), of a connection that is `routed`.
        """

    @abstractmethod
    def tangent(self, at: Array) -> Tangent:
        """The derivative of `drive` at rates of the source, (samples, source units)."""

    @abstractmethod
    def outer(self, term: Outer) -> Sequence[tuple[Array, Array]]:
        """A term of an update as outer products a^T b of (n, rows) and (n, columns) of `rows_of` the weights."""

    def rows_of(self, weight: Array) -> Array:
        """The weights as a matrix, a view."""
        return weight

    def drawn(self, rng: np.random.Generator, dtype: np.dtype) -> Array:
        """Weights to begin with."""
        return glorot_uniform(rng, self.shape, self.fans, self.gain, dtype)

    def links(self) -> Sequence["Link"]:
        """The directions in which activity flows."""
        return [Link(self), Link(self, reverse=True)] if self.symmetric else [Link(self)]

    def averaged(self) -> Self:
        """The same connection with means in place of maxima, so that its tangent is the same everywhere."""
        return self

    def astype(self, dtype: np.dtype) -> Self:
        """The same connection with acting weights of another precision."""
        return replace(self, weight=self.acting.astype(dtype), delivered=None)


@dataclass(frozen=True, eq=False)
class Link:
    """One direction of a connection, as a layer sees it: `source` drives `target`.

    Attributes:
        connection: with its weights.
        reverse: whether it is the transposed direction.
    """

    connection: Connection
    reverse: bool = False

    @property
    def source(self) -> int:
        """Layer that drives."""
        return self.connection.target if self.reverse else self.connection.source

    @property
    def target(self) -> int:
        """Layer that is driven."""
        return self.connection.source if self.reverse else self.connection.target

    @property
    def name(self) -> str:
        """By its layers, as connections are: W21 is the transposed direction of W12."""
        return connection_name(self.source, self.target)

    @property
    def weight(self) -> Array:
        """The matrix of this direction, (source units, target units) where layers are dense."""
        acting = self.connection.acting
        return acting.T if self.reverse else acting

    @property
    def routed(self) -> bool:
        """Whether it needs the rates of its target too."""
        return self.reverse and self.connection.routed

    def add(self, rates: Mapping[int, Array], base: Array) -> Array:
        """base + what rates of its source give its target, (samples, target units).

        Args:
            rates: by layer, each (samples, units); where the link is routed also of the target.
            base: (samples or 1, target units).
        """
        if self.reverse:
            at = rates[self.target] if self.routed else None
            return self.connection.back(rates[self.source], base, at)
        return self.connection.drive(rates[self.source], base)

    def tangent(self, rates: Mapping[int, Array]) -> Tangent:
        """Its derivative at rates by layer, each (samples, units)."""
        forward = self.connection.tangent(rates[self.connection.source])
        return Transposed(forward) if self.reverse else forward


@dataclass(frozen=True, eq=False)
class Transposed:
    """A derivative the other way round."""

    of: Tangent

    def push(self, change: Array, rows: Rows = EVERY) -> Array:
        """See `Tangent`."""
        return self.of.pull(change, rows)

    def pull(self, change: Array, rows: Rows = EVERY) -> Array:
        """See `Tangent`."""
        return self.of.push(change, rows)


def connection_name(source: int, target: int) -> str:
    """Name of the connection from layer `source` to layer `target`."""
    return f"W{source}{target}" if max(source, target) < 10 else f"W{source}_{target}"
