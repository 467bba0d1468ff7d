"""Outputs of a layer less what they have in common."""

import torch
from torch import Tensor, nn


class Centred(nn.Module):
    """Outputs less their mean, of each unit over the batch; in inference, over the batches of training.

    Attributes:
        mean: moving average over the batches, shape of a sample.
        momentum: weight of the newest batch in it, as of torch.nn.BatchNorm2d.
    """

    mean: Tensor

    def __init__(self, shape: tuple[int, ...], momentum: float = 0.1) -> None:
        """Of outputs of that shape."""
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(shape))

    def forward(self, h: Tensor) -> Tensor:
        """Shape (samples, ...), float32."""
        if not self.training:
            return h.float() - self.mean
        mean = h.mean(0, dtype=torch.float32)
        self.mean.lerp_(mean.detach(), self.momentum)
        return h.float() - mean
