"""What a loaded dataset is: images or recordings with labels, in three splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ctsigprop.errors import InputError


@dataclass(frozen=True, eq=False)
class Split:
    """Images, or recordings of an event camera, with their labels.

    Attributes:
        images: Pixels, uint8, shape (samples, height, width) or (samples, channels, height, width). Of recordings
            the events in each place over each step, uint8 or float32, shape (samples, time, channels, height, width).
        labels: Classes from 0, int64, shape (samples,).
        maximum: The pixel value of full brightness; 1 of recordings.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    maximum: int = 255

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Pixels scaled to [0, 1], one contiguous row a sample: shape (samples, features).

        Raises:
            InputError: `dtype` is neither float32 nor float64.
        """
        kind = np.dtype(dtype)
        if kind not in (np.float32, np.float64):
            raise InputError(f"dtype: {kind} is not a type of inputs; choose float32 or float64")
        scaled = self.images.reshape(len(self), prod(self.images.shape[1:])).astype(kind)
        scaled /= self.maximum
        return scaled

    def channels_first(self) -> NDArray[Any]:
        """Pixels, shape (samples, channels, height, width), a grey image has one channel; recordings as they are."""
        return self.images[:, np.newaxis] if self.images.ndim == 3 else self.images


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named set of labelled images, split for training, for choosing a model and for judging it.

    Attributes:
        name: The name it was loaded by.
        classes: Number of classes; labels run from 0 to `classes - 1`.
        shape: Shape of one image, or of one step of a recording: (height, width) or (channels, height, width).
        kept: What the checkpoints of a run keep of the files that it learns from, arrays by name. Nothing of those
            whose checksums are published.
    """

    name: str
    classes: int
    shape: tuple[int, ...]
    train: Split
    validation: Split
    test: Split
    kept: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def features(self) -> int:
        """Number of pixel values in one image: the columns of `Split.inputs`."""
        return prod(self.shape)
