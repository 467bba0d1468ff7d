"""Pools: one number for each window of an image and channel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.connections.images import Array, places, windows_along
from ctsigprop.core.compilation import compiled
from ctsigprop.errors import InputError
from ctsigprop.settings import require_whole
from ctsigprop.settings.graph import MOST_POOL

Route = NDArray[np.uint8] | None
"""Which place of its window each maximum has, (samples, rows, columns, channels); None where nothing is chosen."""


@dataclass(frozen=True)
class Pool:
    """Square windows, without padding; see `MaxPool`."""

    size: int = 2
    stride: int | None = None

    def __post_init__(self) -> None:
        require_whole("size", self.size, 1, MOST_POOL)
        if self.stride is not None:
            require_whole("stride", self.stride, 1, MOST_POOL)

    @property
    def step(self) -> int:
        """Between windows."""
        return self.stride or self.size

    def averaged(self) -> "AvgPool":
        """The mean of the same windows."""
        return AvgPool(self.size, self.stride)

    def sides(self, images: Sequence[int], connection: str) -> list[int]:
        """Windows down and across images of a height and a width, of a connection of a name.

        Raises:
            InputError: none fits.
        """
        if min(images) < self.size:
            raise InputError(
                f"{connection}: its pool has a size of {self.size}: must be at most {min(images)}, the smaller side of "
                "what is pooled"
            )
        return [windows_along(side, self.size, self.step) for side in images]


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest of each window; the first of several.

    Attributes:
        size: side of a window.
        stride: between windows; the size by default.

    Raises:
        InputError: a value that cannot be used.
    """

    def pooled(self, images: Array) -> Array:
        """(samples, rows, columns, channels) to the same with fewer rows and columns."""
        return self._largest(images)[0]

    def route(self, images: Array) -> Route:
        """Where the largest are."""
        return self._largest(images)[1]

    def _largest(self, images: Array) -> tuple[Array, NDArray[np.uint8]]:
        samples, rows, columns, channels = images.shape
        shape = (
            samples,
            windows_along(rows, self.size, self.step),
            windows_along(columns, self.size, self.step),
            channels,
        )
        found, route = np.empty(shape, images.dtype), np.empty(shape, np.uint8)
        _fill_largest(np.ascontiguousarray(images), self.size, self.step, found, route)
        return found, route

    def push(self, images: Array, route: Route) -> Array:
        """What the chosen places have, (..., rows, columns, channels)."""
        assert route is not None
        chosen = np.zeros(images.shape[:-4] + route.shape, images.dtype)
        for place, view in enumerate(places(images, self.size, self.step)):
            np.copyto(chosen, view, where=route == place)
        return chosen

    def pull(self, pooled: Array, route: Route, shape: tuple[int, ...]) -> Array:
        """Images of a shape with what is pooled at the chosen places."""
        assert route is not None
        images = np.zeros(shape, pooled.dtype)
        for place, view in enumerate(places(images, self.size, self.step)):
            view += pooled * (route == place)
        return images


@dataclass(frozen=True)
class AvgPool(Pool):
    """The mean of each window.

    Attributes:
        size: side of a window.
        stride: between windows; the size by default.

    Raises:
        InputError: a value that cannot be used.
    """

    def pooled(self, images: Array) -> Array:
        """(..., rows, columns, channels) to the same with fewer rows and columns."""
        return self.push(images, None)

    def push(self, images: Array, route: Route) -> Array:
        """The means."""
        first, *others = places(images, self.size, self.step)
        found = first.copy()
        for other in others:
            found += other
        found /= self.size**2
        return found

    def pull(self, pooled: Array, route: Route, shape: tuple[int, ...]) -> Array:
        """Images of a shape, every place with its share of each window's mean."""
        images = np.zeros(shape, pooled.dtype)
        share = pooled / images.dtype.type(self.size**2)
        for view in places(images, self.size, self.step):
            view += share
        return images


@compiled()
def _fill_largest(images: Array, size: int, step: int, found: Array, route: NDArray[np.uint8]) -> None:
    """Write the largest of each window and its place, the first of several."""
    samples, rows, columns, channels = found.shape
    for sample in range(samples):
        for row in range(rows):
            for column in range(columns):
                best, where = found[sample, row, column], route[sample, row, column]
                best[:] = images[sample, row * step, column * step]
                where[:] = 0
                for place in range(1, size * size):
                    seen = images[sample, row * step + place // size, column * step + place % size]
                    for channel in range(channels):
                        if seen[channel] > best[channel]:
                            best[channel] = seen[channel]
                            where[channel] = place


AnyPool = MaxPool | AvgPool


def require_pool(pool: object) -> None:
    """Pass a pool or none.

    Raises:
        InputError: it is something else, such as a name.
    """
    if pool is not None and not isinstance(pool, AnyPool):
        raise InputError(f"pool = {pool!r}: must be a pool, such as MaxPool(2), or None")


POOLS: dict[str, type[MaxPool] | type[AvgPool]] = {"max": MaxPool, "avg": AvgPool}
