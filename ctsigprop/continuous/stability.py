"""How strongly feedback returns: the loop gain at an equilibrium."""

from collections.abc import Sequence

import numpy as np

from ctsigprop.continuous.activations import balance_slope
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array


def return_map(sweeps: LayerSweeps, states: Sequence[Array]) -> Array:
    """Derivative of the feeding-back rates after one sweep by those before it, at equilibria.

    Args:
        sweeps: of the network.
        states: equilibria of layers 1 to N, each (samples, units).

    Returns:
        Shape (samples, n, n), n the units that feed back: 10 x 10 for a loop from ten outputs. Entry [s, a, b]
        is the change of unit b for a unit change of unit a.
    """
    network, n = sweeps.network, sweeps.size
    samples = len(states[0])
    slopes = [balance_slope(network.rho, state, network.leak) for state in states]
    before = {layer: np.eye(n, dtype=network.dtype)[:, columns] for layer, columns in sweeps.columns.items()}
    after: dict[int, Array] = {}
    for layer, units in enumerate(network.sizes[1:], start=1):
        change = np.zeros((samples, n, units), network.dtype)
        for link in sweeps.feedback[layer]:
            change += before[link.source] @ link.weight
        for link in sweeps.forward[layer]:
            change += after[link.source] @ link.weight
        after[layer] = change * slopes[layer - 1][:, None, :]
    return np.concatenate([after[layer] for layer in sweeps.sources], axis=2)


def loop_gain(sweeps: LayerSweeps, states: Sequence[Array]) -> Array:
    """Spectral radius of the return map, shape (samples,); sweeps diverge from an equilibrium where it passes 1."""
    return np.abs(np.linalg.eigvals(return_map(sweeps, states))).max(axis=1)
