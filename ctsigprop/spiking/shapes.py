"""Shapes of one sample at one step, before and after pooling."""

from typing import Any

import numpy as np
import torch
from torch import nn

Shape = tuple[int, ...]


def neurons_shape(layer: nn.Linear | nn.Conv2d, inputs: Shape) -> Shape:
    """Of a layer's neurons.

    Args:
        layer: the weights before them.
        inputs: what enters: (features,) or (channels, height, width).
    """
    return (layer.out_features,) if isinstance(layer, nn.Linear) else _passed(layer, inputs)


def pooled_shape(pool: nn.Module, neurons: Shape) -> Shape:
    """Of what leaves a layer."""
    return neurons if isinstance(pool, nn.Identity) else _passed(pool, neurons)


def pair(size: Any) -> tuple[int, int]:
    """A size in both directions, given as one number or as two."""
    first, second = np.broadcast_to(np.asarray(size), 2).tolist()
    return int(first), int(second)


@torch.no_grad()
def _passed(module: nn.Module, inputs: Shape) -> Shape:
    device = next((parameter.device for parameter in module.parameters()), None)
    return tuple(module(torch.zeros(1, *inputs, device=device)).shape[1:])
