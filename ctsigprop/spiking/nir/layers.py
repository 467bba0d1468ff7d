"""Weights and pooling of NIR as modules of a batch."""

from collections.abc import Sequence
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ctsigprop.errors import InputError
from ctsigprop.spiking.nir.chain import REMEDY, Link
from ctsigprop.spiking.shapes import pair

POOLS = (nir.SumPool2d, nir.AvgPool2d)
MODULES = (nir.Conv2d, nir.Affine, nir.Linear, nir.Scale, nir.Flatten, *POOLS)


class Scale(nn.Module):
    """Multiplies each entry of a sample by a factor of its own."""

    def __init__(self, factors: Tensor) -> None:
        """Factors have the shape of a sample, or one that is broadcast to it."""
        super().__init__()
        self.register_buffer("factors", factors)
        self.factors: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of `x`, (samples, ...)."""
        return x * self.factors


def module_of(link: Link) -> nn.Module:
    """What a node does to a batch, shape (samples, ...).

    Raises:
        InputError: values that are not finite, or of another number of dimensions.
    """
    node = link.node
    match node:
        case nir.SumPool2d() | nir.AvgPool2d():
            sizes = pair(node.kernel_size), pair(node.stride), pair(node.padding)
            return nn.AvgPool2d(*sizes, divisor_override=1 if isinstance(node, nir.SumPool2d) else None)
        case nir.Flatten():
            return nn.Flatten()
        case nir.Scale():
            return Scale(torch.from_numpy(_finite(link, node.scale)))
        case nir.Conv2d():
            return _convolution(link)
        case _:
            return linear(link, node.weight, getattr(node, "bias", None))


def synapse_of(modules: Sequence[nn.Module]) -> nn.Module:
    """Modules in order as one; a fully connected layer alone flattens by itself in a network."""
    alone = modules[1:] if len(modules) == 2 and isinstance(modules[0], nn.Flatten) else modules
    return alone[0] if len(alone) == 1 else nn.Sequential(*modules)


def linear(link: Link, weights: Any, bias: Any) -> nn.Linear:
    """A fully connected layer of a weight matrix, shape (outputs, inputs), and a bias, if any."""
    weight = _finite(link, weights)
    if weight.ndim != 2:
        raise InputError(f"{link.where}: weights have shape {weight.shape}: must be those of one layer: {REMEDY}")
    layer = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0], bias=bias is not None)
    _load(layer, weight, None if bias is None else _finite(link, bias))
    return layer


def _convolution(link: Link) -> nn.Conv2d:
    node, weight = link.node, _finite(link, link.node.weight)
    if weight.ndim != 4:
        raise InputError(f"{link.where}: weights have shape {weight.shape}: must be those of one layer: {REMEDY}")
    groups = int(node.groups)
    layer = nn.utils.skip_init(
        nn.Conv2d,
        groups * weight.shape[1],
        len(weight),
        tuple(weight.shape[2:]),
        stride=pair(node.stride),
        padding=node.padding if isinstance(node.padding, str) else pair(node.padding),
        dilation=pair(node.dilation),
        groups=groups,
    )
    _load(layer, weight, _finite(link, node.bias))
    return layer


def _load(layer: nn.Module, weight: NDArray[np.float32], bias: NDArray[np.float32] | None) -> None:
    given = {"weight": weight} | ({} if bias is None else {"bias": bias})
    layer.load_state_dict({name: torch.from_numpy(value) for name, value in given.items()})


def _finite(link: Link, values: Any) -> NDArray[np.float32]:
    found = np.array(values, np.float32)
    if not np.isfinite(found).all():
        raise InputError(f"{link.where}: weights hold NaN or infinity: must be finite: {REMEDY}")
    return found
