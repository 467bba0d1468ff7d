"""Random draws of a layer's own: the same in any process, in any order, whatever the other layers draw."""

from enum import IntEnum

import numpy as np
import torch
from torch import Tensor, nn


class Use(IntEnum):
    """What a draw is for; each use of each layer has a sequence of its own."""

    WEIGHTS = 0
    DROPOUT = 1
    FEEDBACK = 2
    AUXILIARY = 3
    TARGETS = 4
    LABELS = 5
    SPIKES = 6
    STEP = 7
    NOISE = 8


class Draws(nn.Module):
    """A module whose draws depend on how many there were: what restores its state goes on with those that would come.

    Attributes:
        drawn: how often it has drawn.
    """

    drawn = 0

    def get_extra_state(self) -> Tensor:
        """The number of draws."""
        return torch.tensor(self.drawn)

    def set_extra_state(self, state: Tensor) -> None:
        """Goes on after that many draws."""
        self.drawn = int(state)


def seed_of(seed: int, layer: int, use: Use, count: int = 0) -> int:
    """A seed for torch.

    Args:
        seed: of the run.
        layer: hidden layers from 1, the classification layer after the last of them.
        use: what is drawn.
        count: which draw of this use.
    """
    return int(np.random.SeedSequence([seed, layer, use, count]).generate_state(1, np.uint64)[0])


def generator(seed: int, layer: int, use: Use, count: int = 0) -> torch.Generator:
    """A fresh generator on the CPU, seeded by `seed_of`."""
    return torch.Generator().manual_seed(seed_of(seed, layer, use, count))


def draw_uniform(weights: Tensor, source: torch.Generator) -> Tensor:
    """Fills weights uniformly within 1 / sqrt(inputs), as torch.nn draws them.

    That is smaller than He et al. (2015) draw them for rectifiers: with targets that the same weights carry, the scores
    of Eq. 9 grow with the square of the weights, and layers learn better from small ones.

    Args:
        weights: (outputs, inputs) or (outputs, inputs, height, width); filled in place and returned.
        source: of the draws.
    """
    bound = weights[0].numel() ** -0.5
    return nn.init.uniform_(weights, -bound, bound, generator=source)


def draw_weights(layer: nn.Linear | nn.Conv2d, source: torch.Generator) -> None:
    """Draws a layer anew, in place: weights as `draw_uniform`, zero biases."""
    draw_uniform(layer.weight, source)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
