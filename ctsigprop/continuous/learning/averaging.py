"""The running mean of a network's weights (Polyak & Juditsky 1992), which single updates hardly move."""

from ctsigprop.continuous.network import Network

TAKEN = 50
"""Times an epoch that the weights are taken into the mean."""


def take_into(mean: Network, network: Network, taken: int, horizon: float) -> None:
    """Moves `mean` in place towards the weights and biases of `network`.

    Up to the horizon it is the plain mean of all that was taken, after it an exponential one.

    Args:
        mean: changed in place.
        network: of the same shape.
        taken: how often it was taken before.
        horizon: over how many times the mean reaches.
    """
    share = max(1 / (taken + 1), 1 / max(horizon, 1))
    now = network.parameters()
    for name, array in mean.parameters().items():
        array += share * (now[name] - array)
