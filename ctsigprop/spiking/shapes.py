"""Shapes of one sample at one step, before and after pooling."""

from typing import Any

import numpy as np
import torch
from torch import nn

from ctsigprop.errors import InputError
from ctsigprop.layered.prediction import inference

Shape = tuple[int, ...]


def neurons_shape(layer: nn.Linear | nn.Conv2d, inputs: Shape) -> Shape:
    """Of a layer's neurons.

    Args:
        layer: the weights before them.
        inputs: what enters: (features,) or (channels, height, width).
    """
    return (layer.out_features,) if isinstance(layer, nn.Linear) else passed_shape(layer, inputs)


def pooled_shape(pool: nn.Module, neurons: Shape) -> Shape:
    """Of what leaves a layer."""
    return neurons if isinstance(pool, nn.Identity) else passed_shape(pool, neurons)


def begins_linear(layer: nn.Module) -> bool:
    """Whether the first thing that a module does is a fully connected layer, which takes flattened samples."""
    return isinstance(next(module for module in layer.modules() if not any(True for _ in module.children())), nn.Linear)


def pair(size: Any) -> tuple[int, int]:
    """A size in both directions, given as one number or as two."""
    first, second = np.broadcast_to(np.asarray(size), 2).tolist()
    return int(first), int(second)


@torch.no_grad()
def passed_shape(module: nn.Module, inputs: Shape) -> Shape:
    """Of what leaves a module, in inference mode.

    Raises:
        InputError: the module does not take samples of that shape.
    """
    like = next(module.parameters(), torch.empty(0))
    sample = torch.zeros(1, *inputs, dtype=like.dtype, device=like.device)
    try:
        with inference(module):
            return tuple(module(sample).shape[1:])
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{type(module).__name__}: does not take samples of shape {inputs}: {reason}") from error
