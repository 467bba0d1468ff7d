"""An update of a network from a batch's equilibria (paper, Eq. 14, or a rule of one's own)."""

import numpy as np

from ctsigprop.continuous.learning.correlations import correlate
from ctsigprop.continuous.learning.optimizers import Optimizer, Sgd
from ctsigprop.continuous.learning.phases import Contrast
from ctsigprop.continuous.learning.rules import EQ14, Rule
from ctsigprop.continuous.network import Array, Network


def learn(
    network: Network,
    inputs: Array,
    contrast: Contrast,
    *,
    rule: Rule = EQ14,
    optimizer: Optimizer | None = None,
    rate_factor: float = 1.0,
    weight_decay: float = 0.0,
) -> None:
    """Move weights and biases in place by the mean over the batch of what the rule says.

    A batch in which nudging moved no sample is no update: it takes no weight decay either.

    Args:
        network: changed in place.
        inputs: of the whole batch, (batch, features).
        contrast: the batch's equilibria.
        rule: Eq. 14 by default.
        optimizer: plain gradient steps by default.
        rate_factor: factor on every connection's rate.
        weight_decay: fraction of a weight that an update at rate 1 takes off.
    """
    if len(contrast.rows) == 0:
        return
    optimizer = optimizer or Sgd()
    correlations = correlate(network, inputs, contrast)
    for connection in network.connections:
        rate = rate_factor * (connection.rate or 0.0)
        if rate:
            terms = rule.terms(connection, correlations)
            optimizer.apply(connection.name, connection.matrix, terms, rate, 1 - rate * weight_decay)
    one = np.ones((1, 1), network.dtype)
    for layer, (bias, bias_rate) in enumerate(zip(network.biases, network.bias_rates, strict=True), start=1):
        if bias_rate:
            terms = [(one, rule.biases(layer, correlations)[None, :])]
            optimizer.apply(f"b{layer}", bias[None, :], terms, rate_factor * bias_rate, 1.0)
