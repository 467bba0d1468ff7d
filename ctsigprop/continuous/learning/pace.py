"""How weights move: what an optimizer makes of a rule's update, and a device of what it has to store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ctsigprop.continuous.connections import Outer
from ctsigprop.continuous.learning.centre import Centre
from ctsigprop.continuous.learning.correlations import Correlations
from ctsigprop.continuous.learning.optimizers import Optimizer
from ctsigprop.continuous.network import Array, Network

if TYPE_CHECKING:
    from ctsigprop.continuous.learning.rules import Rule


@dataclass(frozen=True, eq=False)
class Pace:
    """How an update changes weights.

    Attributes:
        optimizer: that makes steps of it.
        rate_factor: factor on every connection's rate.
        weight_decay: fraction of a weight that an update at rate 1 takes off.
        rng: by which a device rounds what it stores.
        centre: of rates, where learning is centred.
    """

    optimizer: Optimizer
    rate_factor: float = 1.0
    weight_decay: float = 0.0
    rng: np.random.Generator | None = None
    centre: Centre | None = None


def move(network: Network, correlations: Correlations, rule: "Rule", pace: Pace) -> None:
    """Move weights and biases in place by what a rule makes of the firing rates of a batch."""
    before = pace.centre.driven(network) if pace.centre else []
    for connection in network.connections:
        rate = pace.rate_factor * (connection.rate or 0.0)
        if rate:
            terms = [pair for term in rule.terms(connection, correlations) for pair in connection.outer(Outer(*term))]
            rows = connection.rows_of(connection.matrix)
            pace.optimizer.apply(connection.name, rows, terms, rate, 1 - rate * pace.weight_decay)
            if network.device is not None:
                network.device.store(connection, pace.rng or np.random.default_rng(0))
    network.deliver()
    if pace.centre:
        _balance(network, before, pace.centre.driven(network))
    one = np.ones((1, 1), network.dtype)
    for layer, (bias, bias_rate) in enumerate(zip(network.biases, network.bias_rates, strict=True), start=1):
        if bias_rate:
            terms = [(one, network.layers[layer].gathered(rule.biases(layer, correlations))[None, :])]
            pace.optimizer.apply(f"b{layer}", bias[None, :], terms, pace.rate_factor * bias_rate, 1.0)


def _balance(network: Network, before: Sequence[Array], after: Sequence[Array]) -> None:
    """Take what changed matrices add to the input at the mean rates off the biases that learn."""
    for bias, bias_rate, earlier, later in zip(network.biases, network.bias_rates, before, after, strict=True):
        if bias_rate:
            bias -= later - earlier
