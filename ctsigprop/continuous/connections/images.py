"""Images as layers hold them, (..., rows, columns, channels), and the windows that kernels and pools look through."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def windows_along(length: int, size: int, stride: int, padding: int = 0) -> int:
    """How many windows of a size fit along a side, as far apart as the stride."""
    return (length + 2 * padding - size) // stride + 1


def patches(images: Array, size: int, stride: int, padding: int) -> Array:
    """What each window sees, a row for each: (samples * rows * columns, size * size * channels).

    Args:
        images: (samples, rows, columns, channels).
        size: of the square windows.
        stride: between them.
        padding: zeros on every side.
    """
    samples, rows, columns, channels = images.shape
    padded = np.zeros((samples, rows + 2 * padding, columns + 2 * padding, channels), images.dtype)
    padded[:, padding : padding + rows, padding : padding + columns] = images
    sample, row, column, channel = padded.strides
    high, wide = (windows_along(side, size, stride, padding) for side in (rows, columns))
    seen = np.lib.stride_tricks.as_strided(
        padded, (samples, high, wide, size, size * channels), (sample, stride * row, stride * column, row, channel)
    )
    return seen.reshape(samples * high * wide, size * size * channels)


def folded(seen: Array, shape: tuple[int, int, int, int], size: int, stride: int, padding: int) -> Array:
    """The transpose of `patches`: images of a shape, to which every window adds what it has."""
    samples, rows, columns, channels = shape
    high, wide = (windows_along(side, size, stride, padding) for side in (rows, columns))
    parts = seen.reshape(samples, high, wide, size, size, channels)
    padded = np.zeros((samples, rows + 2 * padding, columns + 2 * padding, channels), seen.dtype)
    for place, view in enumerate(places(padded, size, stride)):
        view += parts[:, :, :, place // size, place % size]
    return padded[:, padding : padding + rows, padding : padding + columns]


def places(images: Array, size: int, stride: int) -> Iterator[Array]:
    """Each place of the windows in turn, as a view (..., windows down, windows across, channels)."""
    high, wide = (windows_along(side, size, stride) for side in images.shape[-3:-1])
    for row in range(size):
        for column in range(size):
            yield images[
                ..., row : row + stride * (high - 1) + 1 : stride, column : column + stride * (wide - 1) + 1 : stride, :
            ]
