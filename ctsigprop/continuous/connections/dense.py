"""A weight for every pair of neurons."""

from collections.abc import Sequence
from dataclasses import dataclass

from ctsigprop.continuous.connections.connection import EVERY, Array, Connection, Outer, Rows
from ctsigprop.continuous.products import add_product


@dataclass(frozen=True, eq=False)
class Dense(Connection):
    """A weight matrix from one layer to another.

    Attributes:
        source: layer that drives.
        target: layer that is driven.
        rate: learning rate; a connection of rate 0 stays fixed. None: `fit` gives it one.
        symmetric: the same weights, transposed, also drive the source from the target.
        gain: factor on the weights that are drawn where none are given.
        weight: (source units, target units), changed in place by learning; drawn by the network where left out.
        delivered: what the synapses of a device deliver of it, likewise; left out, all of it.
        ends: source and target, which the network tells it.

    Raises:
        InputError: a value that cannot be used.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(source units, target units)."""
        source, target = self.joined
        return source.units, target.units

    @property
    def fans(self) -> tuple[int, int]:
        """See `Connection`."""
        return self.shape

    def drive(self, rates: Array, base: Array) -> Array:
        """See `Connection`."""
        return add_product(rates, self.acting, base)

    def back(self, rates: Array, base: Array, at: Array | None) -> Array:
        """See `Connection`."""
        return add_product(rates, self.acting.T, base)

    def tangent(self, at: Array) -> "Matrix":
        """See `Connection`."""
        return Matrix(self.acting)

    def outer(self, term: Outer) -> Sequence[tuple[Array, Array]]:
        """See `Connection`."""
        return [(term.pre, term.post)]


@dataclass(frozen=True, eq=False)
class Matrix:
    """The derivative of a dense connection: the matrix itself."""

    weight: Array

    def push(self, change: Array, rows: Rows = EVERY) -> Array:
        """See `Tangent`."""
        return _product(change, self.weight)

    def pull(self, change: Array, rows: Rows = EVERY) -> Array:
        """See `Tangent`."""
        return _product(change, self.weight.T)


def _product(change: Array, weight: Array) -> Array:
    """Of (..., n) and (n, m), as one product of matrices."""
    return (change.reshape(-1, weight.shape[0]) @ weight).reshape(*change.shape[:-1], weight.shape[1])
