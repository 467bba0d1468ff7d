"""What a hidden layer learns from: its outputs h compared with the targets t that passed it (paper, Sec. III-C)."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from ctsigprop.settings.discrete import Similarity

Comparison = Callable[[Tensor, Tensor], Tensor]
"""Outputs (samples, ...) and targets (targets, ...) to scores (samples, targets): the larger, the more alike."""


def dot(h: Tensor, t: Tensor) -> Tensor:
    """O_dot = h . t (paper, Eq. 6), averaged over an image's positions, so that it does not grow with the image.

    As Eq. 6 has it, with no scale for the number of units or channels.

    Args:
        h: shape (samples, units) or (samples, channels, height, width).
        t: shape (targets, ...), with the entries of h.
    """
    with torch.autocast(h.device.type, enabled=False):
        rows, columns = _rows(h, t)
        return rows @ columns.T / prod(t.shape[2:])


def negative_l2(h: Tensor, t: Tensor) -> Tensor:
    """-O_l2 = -|t - h|^2 (paper, Eq. 7), averaged over positions; the sign makes the nearest target the likeliest.

    Args:
        h: shape (samples, units) or (samples, channels, height, width).
        t: shape (targets, ...), with the entries of h.
    """
    with torch.autocast(h.device.type, enabled=False):
        rows, columns = _rows(h, t)
        lengths = rows.square().sum(1)[:, None] + columns.square().sum(1)
        return (2 * (rows @ columns.T) - lengths) / prod(t.shape[2:])


SHARPNESS = 15.0
"""Score of outputs that point where their target does; scores of a cosine lie between plus and minus this."""


def cosine(h: Tensor, t: Tensor) -> Tensor:
    """15 cos(h, t - mean of t): the dot product of Eq. 6 whatever the lengths, less what all targets share.

    Not in the paper. A dot product sums over all units: the wider the layer, the further one update of Adam carries
    its scores. Outputs should come centred (`ctsigprop.discrete.centred`), or what all of
    them share hides the rest.

    Args:
        h: shape (samples, units) or (samples, channels, height, width).
        t: shape (targets, ...), with the entries of h.
    """
    with torch.autocast(h.device.type, enabled=False):
        rows, columns = _rows(h, t)
        return SHARPNESS * F.normalize(rows) @ F.normalize(columns - columns.mean(0)).T


COMPARISONS: dict[Similarity, Comparison] = {"dot": dot, "l2": negative_l2, "cosine": cosine}


class LayerLoss:
    """The loss of a hidden layer.

    Attributes:
        compare: outputs with targets.
    """

    def __init__(self, compare: Comparison = dot) -> None:
        """Compares by the dot product unless told otherwise."""
        self.compare = compare

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self.compare, '__name__', 'of its own')})"

    def scores(self, h: Tensor, t: Tensor) -> Tensor:
        """O(h, t) (paper, Eq. 8), shape (samples, targets)."""
        return self.compare(*on_one_grid(h, t))

    def __call__(self, h: Tensor, t: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, a scalar, and the scores, shape (samples, targets).

        Args:
            h: outputs, shape (samples, ...).
            t: targets, shape (targets, ...).
            own: which targets are a sample's own: indices, shape (samples,), or shares, shape (samples, targets).
        """
        raise NotImplementedError


class PredictionLoss(LayerLoss):
    """L_pred = CE(y, O(h, t)) (paper, Eq. 9).

    Eq. 9 writes -O, which belongs to a distance; the comparisons here are the larger the more alike.
    """

    def __call__(self, h: Tensor, t: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """The mean cross entropy, and the scores; see `LayerLoss`."""
        scores = self.scores(h, t)
        return F.cross_entropy(scores, own), scores


class HebbianLoss(PredictionLoss):
    """A loss whose gradient is the contrastive Hebbian rule (paper, Eq. 14).

    The free state of a layer is its output h, from the inputs alone. The clamped one is perturbed towards the sample's
    own target, given the layer's prediction p = softmax O(h, t), as Eq. 13 perturbs the output neurons:
    h + beta (t_own - sum_k p_k t_k). Eq. 14 is then dW_ij ~ h_i (t_own - sum_k p_k t_k)_j, whatever beta, gated by the
    slope of the activation as Eq. 13 gates what drives a neuron: minus the gradient of the prediction loss where
    targets hold still. So inputs alone move the weights, and a target generator stays as it was drawn.
    """

    def __call__(self, h: Tensor, t: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """The mean cross entropy, which no gradient leaves towards the targets, and the scores; see `LayerLoss`."""
        return super().__call__(h, t.detach(), own)


def squared_distance(h: Tensor, t: Tensor) -> Tensor:
    """|h - t|^2, summed over the entries of a sample, (samples, ...), in float32 at least; the mean over samples."""
    wide = torch.promote_types(h.dtype, torch.float32)
    return (h.to(wide) - t.to(wide)).flatten(1).square().sum(1).mean()


def on_one_grid(h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and targets averaged down to the smaller grid of the two: sparse targets have their own (Sec. III-E)."""
    if h.ndim == 4 and h.shape[2:] != t.shape[2:]:
        grid = (min(h.shape[2], t.shape[2]), min(h.shape[3], t.shape[3]))
        h, t = F.adaptive_avg_pool2d(h, grid), F.adaptive_avg_pool2d(t, grid)
    return h, t


def interleave(h: Tensor, t: Tensor) -> Tensor:
    """The batch [h, t] of Sec. III-C: each sample's activations come after its own target.

    Args:
        h: shape (samples, ...).
        t: of the same shape.

    Returns:
        t_1, h_1, t_2, h_2, ...: shape (2 samples, ...).
    """
    return torch.stack((t, h), dim=1).flatten(0, 1)


def separate(batch: Tensor) -> tuple[Tensor, Tensor]:
    """h and t of an interleaved batch."""
    return batch[1::2], batch[0::2]


def reconstructed(labels: Tensor) -> Tensor:
    """Which targets are a sample's own, from the positions of the interleaved batch.

    Sample j came after target j; a target of the same class is as much its own.

    Args:
        labels: of the targets: classes, shape (samples,), or a learning signal without classes, shape (samples, ...).

    Returns:
        Shares of the targets, shape (samples, samples); without classes indices, shape (samples,).
    """
    if labels.is_floating_point():
        return torch.arange(len(labels), device=labels.device)
    same = (labels[:, None] == labels).float()
    return same / same.sum(1, keepdim=True)


def _rows(h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """A row a sample and a row a target, in the order in which h lies in memory: large outputs are not copied.

    In float32 at least, for scores are large, and bfloat16 would round their differences away.
    """
    if h.ndim == 4 and h.is_contiguous(memory_format=torch.channels_last):
        h, t = h.movedim(1, -1), t.movedim(1, -1)
    rows, columns = (part.flatten(1).to(torch.promote_types(part.dtype, torch.float32)) for part in (h, t))
    return rows, columns
