"""CIFAR's binary version: records of one label byte (CIFAR-100: two) and 3,072 pixels, plane by plane.

Source: A. Krizhevsky, "The CIFAR-10 and CIFAR-100 datasets", section "Binary version".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctsigprop.data.files import MalformedFile, read
from ctsigprop.data.labels import checked_labels


def read_cifar10(
    paths: Sequence[Path], samples: int, shape: tuple[int, ...], classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (samples, 3, 32, 32) and labels (samples,) of the batch files of one split, in their order.

    Raises:
        MalformedFile: A file has another size than its share of the samples, or labels out of range.
    """
    return _read_batches(paths, samples, shape, classes, label_bytes=1)


def read_cifar100(
    paths: Sequence[Path], samples: int, shape: tuple[int, ...], classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """As `read_cifar10`; of the two label bytes, coarse and fine, the fine one is the label."""
    return _read_batches(paths, samples, shape, classes, label_bytes=2)


def _read_batches(
    paths: Sequence[Path], samples: int, shape: tuple[int, ...], classes: int, label_bytes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    records = samples // len(paths)
    record_bytes = label_bytes + prod(shape)
    images = np.empty((len(paths), records, *shape), np.uint8)
    labels = np.empty((len(paths), records), np.int64)
    for batch, path in enumerate(paths):
        content = read(path)
        if len(content) != records * record_bytes:
            expected = f"{records} records of {record_bytes} bytes ({records * record_bytes} bytes)"
            raise MalformedFile(path, expected, f"{len(content)} bytes")
        table = np.frombuffer(content, np.uint8).reshape(records, record_bytes)
        labels[batch] = checked_labels(path, table[:, label_bytes - 1], 0, classes - 1)
        images[batch] = table[:, label_bytes:].reshape(records, *shape)
    return images.reshape(samples, *shape), labels.reshape(samples)
