"""Firing rates of a batch at its equilibria, of which learning rules make updates."""

from dataclasses import dataclass

from ctsigprop.continuous.learning.centre import Centre
from ctsigprop.continuous.learning.phases import Contrast
from ctsigprop.continuous.network import Array, Network


@dataclass(frozen=True, eq=False)
class Correlations:
    """Rates of the samples that nudging moves, and their weights in the mean over the batch.

    Attributes:
        free: rates of layers 0 to N at the free equilibria, each (moved, units); as in `plus` and `minus`, those of
            hidden layers less their running means where learning is centred.
        plus: at the nudged ones, with +beta where nudging is centered.
        minus: at those with -beta where nudging is centered, else the free ones.
        weights: 1 / (span batch) of each sample, (moved, 1).
        change: (plus - minus) weights of layers 1 to N, each (moved, units); of an exact rule, minus dL / dnet weights.
    """

    free: tuple[Array, ...]
    plus: tuple[Array, ...]
    minus: tuple[Array, ...]
    weights: Array
    change: tuple[Array, ...]


def correlate(network: Network, inputs: Array, contrast: Contrast, centre: Centre | None = None) -> Correlations:
    """Take the firing rates of a batch's equilibria.

    Args:
        network: whose states they are.
        inputs: of the whole batch, (batch, features).
        contrast: the batch's equilibria.
        centre: of rates, where learning is centred.
    """
    weights = (1 / (contrast.span * len(inputs)))[:, None].astype(network.dtype)
    x = inputs[contrast.rows]
    free, plus, minus = ((x, *network.rates_of(states)) for states in (contrast.free, contrast.plus, contrast.minus))
    moves = contrast.downhill or [high - low for high, low in zip(plus[1:], minus[1:], strict=True)]
    change = tuple(move * weights for move in moves)
    if centre is not None:
        free, plus, minus = map(centre.around, (free, plus, minus))
    return Correlations(free, plus, minus, weights, change)
