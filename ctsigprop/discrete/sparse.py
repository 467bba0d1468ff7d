"""Shapes of targets, dense and sparse (paper, Sec. III-E)."""

from dataclasses import dataclass
from math import prod

from torch import Tensor
from torch.nn import functional as F

from ctsigprop.errors import InputError


@dataclass(frozen=True)
class Layout:
    """How the numbers that a generator makes lie in a target.

    A sparse target of a convolutional layer has the grid of the next kernel, (channels, 3, 3); one of a fully connected
    layer has `size` numbers, and zeros in the places that are left.

    Attributes:
        shape: of one target: (units,) or (channels, height, width).
        size: the first `size` entries are numbers, the others zero; None where all are numbers.

    Raises:
        InputError: `size` is larger than the target.
    """

    shape: tuple[int, ...]
    size: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None and not 1 <= self.size <= prod(self.shape):
            allowed = f"a whole number from 1 to {prod(self.shape)}, the entries of a target of shape {self.shape}"
            raise InputError(f"target.size = {self.size}: must be {allowed}")

    @property
    def entries(self) -> int:
        """How many numbers a target has."""
        return prod(self.shape) if self.size is None else self.size

    def expand(self, values: Tensor) -> Tensor:
        """Targets of numbers, filled with zeros: shape (targets, entries) to (targets, *shape)."""
        if self.entries < prod(self.shape):
            values = F.pad(values, (0, prod(self.shape) - self.entries))
        return values.view(-1, *self.shape)

    def cut(self, h: Tensor) -> Tensor:
        """Activations where a target has numbers: shape (samples, ...) to (samples, entries); grids are averaged."""
        if h.ndim == 4 and len(self.shape) == 3 and h.shape[2:] != self.shape[1:]:
            h = F.adaptive_avg_pool2d(h, self.shape[1:])
        return h.flatten(1)[:, : self.entries]
