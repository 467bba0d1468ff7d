"""How far learning has moved a network's matrices."""

from collections.abc import Mapping

import numpy as np

from ctsigprop.continuous.network import Array, Network


def changes(network: Network, began: Mapping[str, Array]) -> dict[str, float | None]:
    """|W - W_0| / |W_0| of each connection, Frobenius norms.

    Args:
        network: in training.
        began: W_0 by connection.

    Returns:
        By connection; None of one that began at 0.
    """
    found: dict[str, float | None] = {}
    for name, weight in network.weights.items():
        norm = float(np.linalg.norm(began[name]))
        found[name] = float(np.linalg.norm(weight - began[name])) / norm if norm else None
    return found
