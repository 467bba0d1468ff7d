"""Images on another grid."""

from torch import Tensor
from torch.nn import functional as F


def fit_grid(t: Tensor, grid: tuple[int, int]) -> Tensor:
    """Targets on another grid, for a layer that reads all of it (from convolutional to fully connected layers).

    Averaged where their own grid is larger, filled with zeros where it is smaller.

    Args:
        t: shape (targets, channels, height, width).
        grid: height and width.
    """
    height, width = min(t.shape[2], grid[0]), min(t.shape[3], grid[1])
    if (height, width) != t.shape[2:]:
        t = F.adaptive_avg_pool2d(t, (height, width))
    return F.pad(t, (0, grid[1] - width, 0, grid[0] - height))
