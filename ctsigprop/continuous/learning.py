"""Contrastive Hebbian updates (paper, Eq. 14)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ctsigprop.continuous.activations import firing_rate
from ctsigprop.continuous.network import Array, Connection, Network
from ctsigprop.continuous.phases import Contrast
from ctsigprop.continuous.products import add_outer

Outer = tuple[Array, Array]
"""pre (samples, source units) and post (samples, target units): the matrix pre^T post."""


@dataclass(frozen=True, eq=False)
class Correlations:
    """The mean over a batch of Eq. 14 at rate 1, kept as outer products of firing rates.

    Attributes:
        free: rates of layers 0 to N at the free equilibria, each (moved, units).
        plus: at the nudged ones, with +beta where nudging is centered.
        minus: at those with -beta where nudging is centered, else the free ones.
        weights: 1 / (span batch) of each sample, (moved, 1).
        change: (plus - minus) weights of layers 1 to N, each (moved, units).
    """

    free: tuple[Array, ...]
    plus: tuple[Array, ...]
    minus: tuple[Array, ...]
    weights: Array
    change: tuple[Array, ...]

    def terms(self, connection: Connection) -> tuple[Outer, ...]:
        """What a connection's update is the sum of.

        A directed connection takes rho(s_i^0) (rho(s_j^plus) - rho(s_j^minus)) / span, a symmetric one
        (rho(s_i^plus) rho(s_j^plus) - rho(s_i^minus) rho(s_j^minus)) / span (Scellier & Bengio 2017).
        """
        i, j = connection.source, connection.target
        if connection.symmetric:
            return (self.plus[i], self.plus[j] * self.weights), (self.minus[i], self.minus[j] * -self.weights)
        return ((self.free[i], self.change[j - 1]),)

    def bias_change(self, layer: int) -> Array:
        """The update of a layer's biases, (units,)."""
        return self.change[layer - 1].sum(axis=0)


def correlate(network: Network, inputs: Array, contrast: Contrast) -> Correlations:
    """Firing rates of a batch's equilibria, side by side.

    Args:
        network: whose states they are.
        inputs: of the whole batch, (batch, features).
        contrast: the batch's equilibria.
    """
    weights = (1 / (contrast.span * len(inputs)))[:, None].astype(network.dtype)
    free = _rates(network, contrast.free, inputs[contrast.rows])
    plus = _rates(network, contrast.plus, free[0])
    minus = _rates(network, contrast.minus, free[0])
    change = tuple((high - low) * weights for high, low in zip(plus[1:], minus[1:], strict=True))
    return Correlations(free, plus, minus, weights, change)


def learn(
    network: Network,
    inputs: Array,
    contrast: Contrast,
    *,
    rate_factor: float = 1.0,
    weight_decay: float = 0.0,
) -> None:
    """Moves weights and biases in place by the mean over the batch of Eq. 14.

    A batch in which nudging moved no sample is no update: it takes no weight decay either.

    Args:
        network: changed in place.
        inputs: of the whole batch, (batch, features).
        contrast: the batch's equilibria.
        rate_factor: factor on every connection's rate.
        weight_decay: fraction of a weight that an update at rate 1 takes off.
    """
    if len(contrast.rows) == 0:
        return
    correlations = correlate(network, inputs, contrast)
    for connection in network.connections:
        rate = rate_factor * connection.rate
        if rate == 0:
            continue
        keep = 1 - rate * weight_decay
        for pre, post in correlations.terms(connection):
            add_outer(connection.weight, pre, post, rate, keep)
            keep = 1.0
    for layer, (bias, bias_rate) in enumerate(zip(network.biases, network.bias_rates, strict=True), start=1):
        if bias_rate != 0:
            bias += rate_factor * bias_rate * correlations.bias_change(layer)


def _rates(network: Network, states: Sequence[Array], inputs: Array) -> tuple[Array, ...]:
    """Firing rates of layers 0 to N."""
    return inputs, *(firing_rate(network.rho, state) for state in states)
