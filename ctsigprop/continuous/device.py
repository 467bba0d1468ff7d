"""What a device makes of the weights that it stores: mismatch, and few bits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import floor, log2

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.connections import Connection
from ctsigprop.continuous.layers import Layer
from ctsigprop.settings.device import DeviceSettings

Array = NDArray[np.floating]

STREAM = 20
"""Of a run's seed, what the device is drawn from: the weights are the same on any device, and no epoch is 0."""


@dataclass(frozen=True, eq=False)
class Device:
    """Synapses that are not ideal.

    Attributes:
        weight_bits: of what is delivered; 0 for no rounding.
        update_bits: of what is stored; 0 for no rounding.
        weight_range: of the bits, in limits of the Glorot-uniform weights.
        efficacy: what each synapse delivers of what it stores, by connection; none where all deliver all.
    """

    weight_bits: int
    update_bits: int
    weight_range: float
    efficacy: Mapping[str, Array]

    def deliver(self, connection: Connection) -> None:
        """Write what the synapses deliver of the stored weights."""
        if connection.delivered is None:
            return
        np.copyto(connection.delivered, connection.matrix)
        if self.weight_bits:
            grain, most = self._grid(connection, self.weight_bits)
            delivered = connection.delivered
            np.clip(np.rint(delivered / grain) * grain, -most, most, out=delivered)
        if connection.name in self.efficacy:
            connection.delivered[...] *= self.efficacy[connection.name]

    def store(self, connection: Connection, rng: np.random.Generator) -> None:
        """Round the stored weights up or down at random, so that on the mean nothing of an update is lost."""
        if not self.update_bits:
            return
        grain, most = self._grid(connection, self.update_bits)
        weight = connection.matrix
        rounded = np.floor(weight / grain + rng.random(weight.shape, np.float32)) * grain
        np.clip(rounded, -most, most, out=weight)

    def _grid(self, connection: Connection, bits: int) -> tuple[float, float]:
        """Distance of two values, a power of two, and the largest."""
        most = self.weight_range * connection.limit
        grain = 2.0 ** floor(log2(2 * most / 2**bits))
        return grain, grain * (2 ** (bits - 1) - 1)


def device_of(settings: DeviceSettings, connections: tuple[Connection, ...], seed: int) -> Device | None:
    """The synapses of a run's device; None where they are ideal.

    Args:
        settings: of the device.
        connections: with their weights.
        seed: of the run.
    """
    if not (settings.weight_spread or settings.weight_bits or settings.update_bits):
        return None
    rng = np.random.default_rng([seed, 0, STREAM, 1])
    efficacy = {}
    if settings.weight_spread:
        for one in connections:
            drawn = 1 + settings.weight_spread * rng.standard_normal(one.matrix.shape)
            efficacy[one.name] = drawn.astype(one.matrix.dtype)
    return Device(settings.weight_bits, settings.update_bits, settings.weight_range, efficacy)


def unlike_neurons(settings: DeviceSettings, seed: int) -> Callable[[Layer], Layer] | None:
    """What spreads the time constants of a layer's neurons about their nominal ones, one layer after the other.

    Args:
        settings: of the device.
        seed: of the run.
    """
    if not settings.time_constant_spread:
        return None
    rng = np.random.default_rng([seed, 0, STREAM, 2])

    def unlike(layer: Layer) -> Layer:
        factor = np.exp(settings.time_constant_spread * rng.standard_normal(layer.units))
        return replace(layer, time_constant=np.asarray(layer.time_constant) * factor)

    return unlike
