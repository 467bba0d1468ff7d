"""A hidden layer in two: as far as its activation, where losses are taken, and dropout and pooling behind it."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _AvgPoolNd, _LPPoolNd, _MaxPoolNd

from ctsigprop.discrete.network import Block
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


def halves(layer: nn.Module) -> tuple[Half, Half]:
    """What gives a layer's activations, and what makes of these its outputs.

    Args:
        layer: a `Block`, or an `nn.Sequential`, which is cut before the dropout, pooling and flattening at its end; of
            any other module the second half is nothing.
    """
    if isinstance(layer, Block):
        return layer.activations, layer.handed_on
    if type(layer) is not nn.Sequential:
        return layer, nn.Identity()
    cut = len(layer)
    while cut > 1 and isinstance(layer[cut - 1], BEHIND):
        cut -= 1
    return (layer[:cut], layer[cut:]) if cut < len(layer) else (layer, nn.Identity())
