"""Centred learning: weights see what hidden layers send less its running mean (Montavon & Müller 2012).

The input of a neuron is taken as sum_i w_ij (rho_i - m_i) + b'_j, with b' = b + m W: of the same network, other
coordinates. In these Eq. 14 is pre-synaptic rates less m, and a change of W changes b by -m dW. The rates of a hidden
layer have a mean far from zero, which in the plain coordinates gives every synapse of a neuron the same push, which is
the bias's to make.
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

    def driven(self, network: Network) -> list[Array]:
        """What layers 1 to N receive from hidden layers at the mean rates, each (units,)."""
        found = [np.zeros(units, network.dtype) for units in network.sizes[1:]]
        for link in network.links():
            if 0 < link.source < network.output:
                mean = self.means[link.source][None, :]
                found[link.target - 1] += link.add({link.source: mean}, np.zeros_like(found[link.target - 1][None, :]))[
                    0
                ]
        return found

    def state(self) -> dict[str, Array]:
        """The means of hidden layers, by name."""
        return {f"centre {layer}": mean for layer, mean in enumerate(self.means[1:-1], start=1)}

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Take over arrays of `state`."""
        for name, mean in self.state().items():
            mean[...] = arrays[name]
