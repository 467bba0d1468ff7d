"""What a trained network is asked: new inputs as the user has them, in evaluation mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ctsigprop.data import Split
from ctsigprop.data.own import checked_inputs
from ctsigprop.data.scaling import Scaling
from ctsigprop.layered.batches import Standard

BATCH = 250
"""Images at a time; of recordings, frames."""


@dataclass(frozen=True, eq=False)
class Inference:
    """How new inputs are brought into the form of those that a network was trained on.

    Attributes:
        shape: of a sample as the user has it.
        scaling: of the data.
        standard: of the training set, on the CPU.
    """

    shape: tuple[int, ...]
    scaling: Scaling
    standard: Standard


def inputs_of(asked: Inference | None, x: ArrayLike) -> Iterator[Tensor]:
    """Inputs of a network, float32, batch by batch.

    Args:
        asked: how they are brought into form; None leaves them as they are.
        x: inputs as the user has them, shape (samples, ...).

    Raises:
        InputError: inputs of another shape than the network was trained on, or that are no finite numbers.
    """
    images = checked_inputs(x, "x", None if asked is None else asked.shape)
    if asked is None:
        yield from torch.tensor(images, dtype=torch.float32).split(BATCH)
        return
    planes = Split(images, np.empty(0, np.int64), asked.scaling).channels_first()
    for rows in batches_of(planes.shape):
        yield asked.standard.inputs(planes[rows])


def batches_of(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of images or recordings a batch at a time.

    Args:
        shape: (samples, channels, height, width), or with time after the samples.
    """
    size = max(1, BATCH // prod(shape[1:-3]))
    return (slice(start, start + size) for start in range(0, shape[0], size))


@contextmanager
def inference(layer: nn.Module) -> Iterator[None]:
    """A module in inference mode for a while: batch normalisation counts nothing, dropout is off."""
    training = [module for module in layer.modules() if module.training]
    layer.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
