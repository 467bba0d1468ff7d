"""Kernels that meet every place of an image, and a pool behind them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ctsigprop.continuous.connections.connection import EVERY, Array, Outer, Rows
from ctsigprop.continuous.connections.images import folded, patches, windows_along
from ctsigprop.continuous.connections.pooled import Pooled
from ctsigprop.continuous.connections.pooling import MaxPool, Route
from ctsigprop.errors import InputError
from ctsigprop.settings import require_whole
from ctsigprop.settings.graph import MOST_KERNEL

CACHED = 1 << 19
"""Numbers that kernels see at a time."""


@dataclass(frozen=True, eq=False)
class Conv(Pooled):
    """A convolution between two layers of images: net = pool(kernels * rates).

    Attributes:
        source: layer that drives.
        target: layer that is driven.
        rate: learning rate; a connection of rate 0 stays fixed. None: `fit` gives it one.
        symmetric: the same weights, transposed, also drive the source from the target.
        gain: factor on the weights that are drawn where none are given.
        weight: (target channels, kernel, kernel, source channels / groups), changed in place by learning; drawn by the
            network where left out.
        delivered: what the synapses of a device deliver of it, likewise; left out, all of it.
        ends: source and target, which the network tells it.
        kernel: side of the square kernels.
        stride: between the places that a kernel meets.
        padding: zeros on every side; half the kernel by default, which at a stride of 1 keeps an odd one's size.
        groups: of channels, each with kernels of its own.
        pool: `MaxPool` or `AvgPool` behind the kernels.

    Raises:
        InputError: a value that cannot be used.
    """

    kernel: int = 3
    stride: int = 1
    padding: int | None = None
    groups: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("kernel", self.kernel, 1, MOST_KERNEL)
        require_whole("stride", self.stride, 1, MOST_KERNEL)
        require_whole("groups", self.groups, 1)
        if self.padding is not None:
            require_whole("padding", self.padding, 0, self.kernel)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(target channels, kernel, kernel, source channels / groups)."""
        (channels, _, _), (targets, _, _) = self._images
        return targets, self.kernel, self.kernel, channels // self.groups

    @property
    def fans(self) -> tuple[int, int]:
        """See `Connection`."""
        targets, rows, columns, channels = self.shape
        return rows * columns * channels, rows * columns * targets // self.groups

    def check(self) -> None:
        """See `Connection`."""
        (channels, *sides), (targets, *given) = self._images
        if channels % self.groups or targets % self.groups:
            raise InputError(
                f"{self.name}: groups = {self.groups}: must divide the {channels} channels of layer {self.source} and "
                f"the {targets} of layer {self.target}"
            )
        if min(sides) + 2 * self._padding < self.kernel:
            raise InputError(f"{self.name}: kernel = {self.kernel}: does not fit into images of {sides}")
        found = [windows_along(side, self.kernel, self.stride, self._padding) for side in sides]
        if self.pool is not None:
            found = self.pool.sides(found, self.name)
        if found != given:
            raise InputError(
                f"layer {self.target}: has shape {(targets, *given)}: {self.name} makes {(targets, *found)} of "
                f"{(channels, *sides)}: give the layer that shape, or another kernel, stride, padding or pool"
            )

    def drive(self, rates: Array, base: Array) -> Array:
        """See `Connection`."""
        images = self._source_images(rates)
        net = np.empty((len(rates), self.joined[1].units), rates.dtype)
        for some in self._chunks(len(rates)):
            own = self._convolved(self._patches(images[some]))
            net[some] = self._flat(own if self.pool is None else self.pool.pooled(own))
        net += base
        return net

    def tangent(self, at: Array | None) -> "ConvTangent":
        """See `Pooled`."""
        return ConvTangent(self, None if at is None else self._route(at))

    def outer(self, term: Outer) -> Sequence[tuple[Array, Array]]:
        """See `Connection`."""
        seen = self._patches(self._source_images(term.pre))
        spread = self._unpooled(term.post, self._route(term.pre if term.at is None else term.at))
        spread = spread.reshape(-1, spread.shape[-1])
        if self.groups == 1:
            return [(spread, seen)]
        groups = np.arange(spread.shape[1]) // (spread.shape[1] // self.groups)
        return [(spread * (groups == group), part) for group, part in enumerate(self._by_group(seen))]

    def rows_of(self, weight: Array) -> Array:
        """(target channels, kernel * kernel * source channels / groups)."""
        return weight.reshape(len(weight), -1)

    @property
    def _images(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        source, target = self.joined
        for number, layer in ((self.source, source), (self.target, target)):
            if layer.shape is None:
                raise InputError(
                    f"layer {number}: has {layer.units} units: {self.name} joins images, layers of a shape such as "
                    "(32, 14, 14)"
                )
        return source.shape, target.shape  # type: ignore[return-value]

    @property
    def _padding(self) -> int:
        return self.kernel // 2 if self.padding is None else self.padding

    def _source_images(self, rates: Array) -> Array:
        """(samples, source units) as (samples, rows, columns, source channels)."""
        channels, rows, columns = self._images[0]
        return rates.reshape(-1, rows, columns, channels)

    def _chunks(self, samples: int) -> Iterator[slice]:
        """So few samples at a time that what the kernels see of them stays in the cache."""
        _, kernel, _, channels = self.shape
        rows, columns, targets = self._before_pool
        of_one = rows * columns * max(kernel * kernel * channels * self.groups, targets)
        size = max(1, CACHED // of_one)
        for start in range(0, samples, size):
            yield slice(start, start + size)

    def _patches(self, images: Array) -> Array:
        return patches(images, self.kernel, self.stride, self._padding)

    def _by_group(self, seen: Array) -> Sequence[Array]:
        """Patches of each group of channels, (windows, kernel * kernel * channels of the group)."""
        by_place = seen.reshape(len(seen), self.kernel**2, self.groups, -1)
        return [by_place[:, :, group].reshape(len(seen), -1) for group in range(self.groups)]

    def _convolved(self, seen: Array) -> Array:
        """The kernels' outputs, before the pool, (samples, rows, columns, target channels)."""
        weight = self.rows_of(self.acting)
        if self.groups == 1:
            net = seen @ weight.T
        else:
            kernels = np.split(weight, self.groups)
            parts = zip(self._by_group(seen), kernels, strict=True)
            net = np.concatenate([part @ kernel.T for part, kernel in parts], axis=1)
        return net.reshape(-1, *self._before_pool)

    def _folded(self, spread: Array) -> Array:
        """The transpose of kernels and patches, from (samples, rows, columns, target channels) to source images."""
        samples, weight = len(spread), self.rows_of(self.acting)
        channels, rows, columns = self._images[0]
        spread = spread.reshape(-1, spread.shape[-1])
        if self.groups == 1:
            seen = spread @ weight
        else:
            parts = zip(np.split(spread, self.groups, axis=1), np.split(weight, self.groups), strict=True)
            by_group = [(part @ kernels).reshape(len(part), self.kernel**2, -1) for part, kernels in parts]
            seen = np.stack(by_group, axis=2).reshape(len(spread), -1)
        return folded(seen, (samples, rows, columns, channels), self.kernel, self.stride, self._padding)

    @property
    def _after_pool(self) -> tuple[int, int, int]:
        targets, rows, columns = self._images[1]
        return rows, columns, targets

    @property
    def _before_pool(self) -> tuple[int, int, int]:
        (_, *sides), (targets, _, _) = self._images
        rows, columns = (windows_along(side, self.kernel, self.stride, self._padding) for side in sides)
        return rows, columns, targets

    def _route(self, rates: Array) -> Route:
        """Where the pool chooses at rates of the source, (samples, source units)."""
        if not isinstance(self.pool, MaxPool):
            return None
        images = self._source_images(rates)
        parts = [self.pool.route(self._convolved(self._patches(images[some]))) for some in self._chunks(len(rates))]
        return np.concatenate([np.empty((0, *self._after_pool), np.uint8), *parts])

    def _unpooled(self, change: Array, route: Route) -> Array:
        """Of the target's (samples, units) what lies before the pool, (samples, rows, columns, target channels)."""
        targets, rows, columns = self._images[1]
        images = change.reshape(-1, rows, columns, targets)
        return images if self.pool is None else self.pool.pull(images, route, (len(images), *self._before_pool))

    @staticmethod
    def _flat(images: Array) -> Array:
        return images.reshape(len(images), -1)


@dataclass(frozen=True, eq=False)
class ConvTangent:
    """The derivative of a convolution, whose pool chooses where it chose at some rates.

    Attributes:
        of: the convolution.
        route: of a max pool, for every sample.
    """

    of: Conv
    route: Route

    def push(self, change: Array, rows: Rows = EVERY) -> Array:
        """See `Tangent`."""
        own, lead = self.of, change.shape[:-1]
        images, route = own._source_images(change), self._repeated(rows, lead)
        net = np.empty((len(images), own.joined[1].units), change.dtype)
        for some in own._chunks(len(images)):
            part = own._convolved(own._patches(images[some]))
            chosen = None if route is None else route[some]
            net[some] = own._flat(part if own.pool is None else own.pool.push(part, chosen))
        return net.reshape(*lead, -1)

    def pull(self, change: Array, rows: Rows = EVERY) -> Array:
        """See `Tangent`."""
        own, lead = self.of, change.shape[:-1]
        flat, route = change.reshape(-1, change.shape[-1]), self._repeated(rows, lead)
        found = np.empty((len(flat), own.joined[0].units), change.dtype)
        for some in own._chunks(len(flat)):
            chosen = None if route is None else route[some]
            found[some] = own._flat(own._folded(own._unpooled(flat[some], chosen)))
        return found.reshape(*lead, -1)

    def _repeated(self, rows: Rows, lead: tuple[int, ...]) -> Route:
        """The route of the samples, once more for every further axis before them."""
        if self.route is None:
            return None
        route = self.route[rows]
        return np.broadcast_to(route, (*lead, *route.shape[1:])).reshape(-1, *route.shape[1:])
