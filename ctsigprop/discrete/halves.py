"""A hidden layer in two: as far as its activation, where losses are taken, and dropout and pooling behind it."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _AvgPoolNd, _LPPoolNd, _MaxPoolNd

from ctsigprop.layered.dropout import Dropout

BEHIND = (
    _DropoutNd,
    Dropout,
    _AdaptiveAvgPoolNd,
    _AdaptiveMaxPoolNd,
    _AvgPoolNd,
    _LPPoolNd,
    _MaxPoolNd,
    nn.Flatten,
    nn.Identity,
)
"""Modules that may follow an activation within a layer."""

Half = Callable[[Tensor], Tensor]


@runtime_checkable
class Halved(Protocol):
    """A layer that says itself what its halves are, as `Block` does."""

    def activations(self, h: Tensor) -> Tensor:
        """What its activation function gives."""

    def handed_on(self, activations: Tensor) -> Tensor:
        """What dropout and pooling make of them."""


def halves(layer: nn.Module) -> tuple[Half, Half]:
    """What gives a layer's activations, and what makes of these its outputs.

    Args:
        layer: one that is `Halved`, or an `nn.Sequential`, which is cut before the dropout, pooling and flattening at
            its end; of any other module the second half is nothing.
    """
    if isinstance(layer, Halved):
        return layer.activations, layer.handed_on
    if type(layer) is not nn.Sequential:
        return layer, nn.Identity()
    cut = len(layer)
    while cut > 1 and isinstance(layer[cut - 1], BEHIND):
        cut -= 1
    return (layer[:cut], layer[cut:]) if cut < len(layer) else (layer, nn.Identity())
