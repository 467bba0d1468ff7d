"""IDX files, the format of MNIST: two zero bytes, a type, a number of axes, the axes, the values.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctsigprop.data.files import MalformedFile, read
from ctsigprop.data.labels import checked_labels

UINT8 = 0x08
CONTENT = {1: "labels", 3: "images"}


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """Unsigned bytes of an IDX file, gzipped or not, as an array of `axes` axes.

    Raises:
        MalformedFile: Wrong magic number, other number of axes, or more or fewer values than the axes say.
    """
    content = read(path)
    magic = int.from_bytes(content[:4], "big")
    wanted = UINT8 << 8 | axes
    if len(content) < 4 or magic != wanted:
        expected = f"IDX {CONTENT.get(axes, 'values')} (magic number {wanted})"
        raise MalformedFile(path, expected, _name_of(content, magic))
    start = 4 + 4 * axes
    if len(content) < start:
        raise MalformedFile(path, f"an IDX header of {start} bytes", f"{len(content)} bytes")
    shape = tuple(int(length) for length in np.frombuffer(content, ">u4", axes, offset=4))
    if len(content) != start + prod(shape):
        expected = f"{start + prod(shape)} bytes for {'x'.join(map(str, shape))} values"
        raise MalformedFile(path, expected, f"{len(content)} bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_images_and_labels(
    paths: Sequence[Path], samples: int, shape: tuple[int, ...], classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (samples, height, width) and labels (samples,) of one split, from its two IDX files.

    Raises:
        MalformedFile: A file breaks the format, holds other sizes than asked for, or labels out of range.
    """
    image_path, label_path = paths
    images = read_idx(image_path, axes=3)
    if images.shape != (samples, *shape):
        raise MalformedFile(image_path, _sizes((samples, *shape)), _sizes(images.shape))
    labels = read_idx(label_path, axes=1)
    if labels.shape != (samples,):
        raise MalformedFile(label_path, f"{samples} labels", f"{len(labels)} labels")
    return images, checked_labels(label_path, labels, 0, classes - 1)


def _name_of(content: bytes, magic: int) -> str:
    swapped = {UINT8 << 8 | axes: name for axes, name in CONTENT.items()}
    if len(content) < 4:
        return f"a file of {len(content)} bytes"
    if magic in swapped:
        return f"{swapped[magic]} (magic number {magic}): are the image and the label file swapped?"
    return f"magic number {magic}"


def _sizes(shape: tuple[int, ...]) -> str:
    samples, height, width = shape
    return f"{samples} images of {height}x{width}"
