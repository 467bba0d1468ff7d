"""What connections with a pool have in common."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Self

from ctsigprop.continuous.connections.connection import Array, Connection, Tangent
from ctsigprop.continuous.connections.pooling import AnyPool, MaxPool, require_pool
from ctsigprop.errors import InputError


@dataclass(frozen=True, eq=False)
class Pooled(Connection):
    """A connection between layers of images that may pool; see `Conv` and `Skip`."""

    pool: AnyPool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_pool(self.pool)
        if self.symmetric and self.source > self.target:
            kind = type(self).__name__
            raise InputError(f"{self.name}: a symmetric {kind} is given from the lower layer to the higher one")

    @property
    def routed(self) -> bool:
        """See `Connection`."""
        return isinstance(self.pool, MaxPool)

    def averaged(self) -> Self:
        """See `Connection`."""
        return replace(self, pool=self.pool.averaged()) if self.pool else self

    def back(self, rates: Array, base: Array, at: Array | None) -> Array:
        """See `Connection`."""
        return self.tangent(at).pull(rates) + base

    @abstractmethod
    def tangent(self, at: Array | None) -> Tangent:
        """See `Connection`; `at` counts only where it is `routed`."""
