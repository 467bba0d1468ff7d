"""Dropout whose masks depend on its seed and on how many it has drawn, and on nothing else."""

from math import prod

import torch
from torch import Tensor

from ctsigprop.layered.seeding import Draws, Use, seed_of


class Dropout(Draws):
    """Leaves out a fraction of the units or feature maps in training and scales up the others, so that the mean stays.

    Of images whole feature maps are left out (Tompson et al. 2015): neighbours in a map say much the same, and pooling
    keeps its mean, which it would not if entries were left out one by one.

    """

    def __init__(self, fraction: float, seed: int, layer: int) -> None:
        """Dropout of one layer.

        Args:
            fraction: left out, in [0, 1); taken to the nearest multiple of 2^-16.
            seed: of the run.
            layer: whose masks these are.
        """
        super().__init__()
        self.left_out = min(round(fraction * 2**16), 2**16 - 1)
        self.seed = seed
        self.layer = layer

    def forward(self, h: Tensor) -> Tensor:
        """What stays, scaled up, and zeros, of (samples, units) or (samples, maps, ...); `h` itself in inference."""
        if not self.training or self.left_out == 0:
            return h
        scale = 2**16 / (2**16 - self.left_out)
        return h * self.mask(h).to(h.dtype).mul_(scale)

    def mask(self, h: Tensor) -> Tensor:
        """Which stay, drawn anew: booleans, shape (samples, units) or (samples, maps, 1, ...).

        Each 64-bit word of the generator decides on four, several times faster than Bernoulli draws.
        """
        source = torch.Generator(h.device).manual_seed(seed_of(self.seed, self.layer, Use.DROPOUT, self.drawn))
        self.drawn += 1
        shape = h.shape[:2] + (1,) * (h.ndim - 2)
        words = torch.empty(-(-prod(shape) // 4), dtype=torch.int64, device=h.device)
        words.random_(-(2**63), None, generator=source)
        return words.view(torch.int16)[: prod(shape)].view(shape) >= self.left_out - 2**15
