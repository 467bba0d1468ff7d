"""Rates that reach a layer as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ctsigprop.continuous.connections.connection import EVERY, Array, Outer, Rows
from ctsigprop.continuous.connections.pooled import Pooled
from ctsigprop.continuous.connections.pooling import MaxPool, Route
from ctsigprop.errors import InputError


@dataclass(frozen=True, eq=False)
class Skip(Pooled):
    """The rates of a layer, pooled where the target is smaller, times one weight: net = w pool(rates).

    Attributes:
        source: layer that drives.
        target: layer that is driven.
        rate: learning rate; 0, which leaves the weight as it is, where left out.
        symmetric: the same weights, transposed, also drive the source from the target.
        gain: the weight, where none is given.
        weight: (1, 1), changed in place by learning; drawn by the network where left out.
        delivered: what the synapses of a device deliver of it, likewise; left out, all of it.
        ends: source and target, which the network tells it.
        pool: `MaxPool` or `AvgPool`, between layers of images.

    Raises:
        InputError: a value that cannot be used.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate is None:
            object.__setattr__(self, "rate", 0.0)

    @property
    def shape(self) -> tuple[int, int]:
        """(1, 1)."""
        return 1, 1

    @property
    def fans(self) -> tuple[int, int]:
        """See `Connection`."""
        return 1, 1

    def check(self) -> None:
        """See `Connection`."""
        source, target = self.joined
        found: tuple[int, ...]
        given: tuple[int, ...] = target.shape or (target.units,)
        if self.pool is None:
            found = source.shape or (source.units,)
        elif source.shape is None:
            raise InputError(f"layer {self.source}: has no shape: only layers of images are pooled: leave pool out")
        else:
            channels, *sides = source.shape
            found = (channels, *self.pool.sides(sides, self.name))
        if found != given:
            raise InputError(
                f"layer {self.target}: has shape {given}: {self.name} makes {found} of layer {self.source}: use a Conv "
                "with a kernel of 1 where channels differ"
            )

    def drawn(self, rng: np.random.Generator, dtype: np.dtype) -> Array:
        """The gain."""
        return np.full(self.shape, self.gain, dtype)

    def drive(self, rates: Array, base: Array) -> Array:
        """See `Connection`."""
        seen = rates if self.pool is None else self.pool.pooled(self._images(rates)).reshape(len(rates), -1)
        return self.acting[0, 0] * seen + base

    def tangent(self, at: Array | None) -> "SkipTangent":
        """See `Pooled`."""
        return SkipTangent(self, None if at is None else self._route(at))

    def outer(self, term: Outer) -> Sequence[tuple[Array, Array]]:
        """See `Connection`."""
        seen = term.pre
        if self.pool is not None:
            seen = self.pool.push(self._images(seen), self._route(term.pre if term.at is None else term.at))
        return [(seen.reshape(-1, 1), term.post.reshape(-1, 1))]

    def _images(self, rates: Array) -> Array:
        """(..., units) as (..., rows, columns, channels)."""
        channels, rows, columns = self.joined[0].shape or (1, 1, self.joined[0].units)
        return rates.reshape(*rates.shape[:-1], rows, columns, channels)

    def _route(self, rates: Array) -> Route:
        return self.pool.route(self._images(rates)) if isinstance(self.pool, MaxPool) else None


@dataclass(frozen=True, eq=False)
class SkipTangent:
    """The derivative of a skip, whose pool chooses where it chose at some rates.

    Attributes:
        of: the skip.
        route: of a max pool, for every sample.
    """

    of: Skip
    route: Route

    def push(self, change: Array, rows: Rows = EVERY) -> Array:
        """See `Tangent`."""
        own = self.of
        if own.pool is not None:
            change = own.pool.push(own._images(change), self._of(rows)).reshape(*change.shape[:-1], -1)
        return own.acting[0, 0] * change

    def pull(self, change: Array, rows: Rows = EVERY) -> Array:
        """See `Tangent`."""
        own = self.of
        if own.pool is not None:
            (channels, high, wide), (_, *pooled) = own.joined[0].shape, own.joined[1].shape  # type: ignore[misc]
            lead = change.shape[:-1]
            images = change.reshape(*lead, *pooled, channels)
            change = own.pool.pull(images, self._of(rows), (*lead, high, wide, channels)).reshape(*lead, -1)
        return own.acting[0, 0] * change

    def _of(self, rows: Rows) -> Route:
        return None if self.route is None else self.route[rows]
