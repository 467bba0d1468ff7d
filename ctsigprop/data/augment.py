"""Images that a training set has not, made of those that it has."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.settings.training import Augmentation

PADDING = 4


def augmented(images: NDArray[Any], augment: Augmentation, rng: np.random.Generator) -> NDArray[Any]:
    """Random crops of images padded with black by 4 pixels on every side, and mirrored at random where asked.

    All frames of a recording are cropped and mirrored alike.

    Args:
        images: shape (samples, ..., height, width).
        augment: none, crop or crop-flip.
        rng: of this batch.
    """
    if augment == "none":
        return images
    count, *_, height, width = images.shape
    layers = images.reshape(count, -1, height, width)
    padded = np.pad(layers, ((0, 0), (0, 0), (PADDING, PADDING), (PADDING, PADDING)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    top, left = rng.integers(2 * PADDING + 1, size=(2, count))
    crops = np.ascontiguousarray(windows[np.arange(count), :, top, left])
    if augment == "crop-flip":
        mirrored = rng.random(count) < 0.5
        crops[mirrored] = crops[mirrored, :, :, ::-1]
    return crops.reshape(images.shape)
