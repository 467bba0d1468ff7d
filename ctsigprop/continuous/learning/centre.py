"""Centred rates: what hidden layers send less its running mean, in the update alone (Schraudolph 1998).

The rates of a hidden layer have a mean far from zero. By Eq. 14 it gives every synapse of a neuron the same push, which
is the bias's to make.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ctsigprop.continuous.network import Array, Network

KEPT = 0.99
"""What a batch leaves of the mean."""


@dataclass(frozen=True, eq=False)
class Centre:
    """Running means of the rates of layers 0 to N over the batches; zero of the input and of the outputs.

    Attributes:
        means: of each layer, (units,).
    """

    means: tuple[Array, ...]

    @classmethod
    def of(cls, network: Network) -> Self:
        """The centre of a network that has seen no batch."""
        return cls(tuple(np.zeros(units, network.dtype) for units in network.sizes))

    def take(self, rates: Sequence[Array], taken: int) -> None:
        """Move the means of hidden layers towards those of a batch.

        Args:
            rates: of layers 1 to N at the free equilibria, each (batch, units).
            taken: batches before this one; of few, the mean is the plain one.
        """
        share = max(1 / (taken + 1), 1 - KEPT)
        for mean, rate in zip(self.means[1:-1], rates[:-1], strict=True):
            mean += mean.dtype.type(share) * (rate.mean(axis=0) - mean)

    def around(self, rates: Sequence[Array]) -> tuple[Array, ...]:
        """Rates of layers 0 to N, each (samples, units), less their means."""
        inner = (rate - mean for rate, mean in zip(rates[1:-1], self.means[1:-1], strict=True))
        return (rates[0], *inner, rates[-1])

    def state(self) -> dict[str, Array]:
        """The means of hidden layers, by name."""
        return {f"centre {layer}": mean for layer, mean in enumerate(self.means[1:-1], start=1)}

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Take over arrays of `state`."""
        for name, mean in self.state().items():
            mean[...] = arrays[name]
