"""Batches: images or recordings in an order that seed and epoch decide, augmented and standardised."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ctsigprop.data import Split
from ctsigprop.data.augment import augmented
from ctsigprop.data.scaling import moments
from ctsigprop.errors import InputError
from ctsigprop.settings.discrete import DiscreteTrainingSettings

CHUNK = 1000
MEAN, DEVIATION = "standard.mean", "standard.deviation"
"""Arrays of a checkpoint."""

Images = NDArray[Any]
"""Pixels or other inputs, shape (samples, channels, height, width), or recordings, with time after the samples."""


@dataclass(frozen=True, eq=False)
class Standard:
    """Puts images on a device, each channel less its mean, over its deviation.

    Attributes:
        mean: of each channel's pixel values, shape (channels, 1, 1), or (1, 1, 1) for all alike.
        deviation: of the same; 1 for a channel that is constant.
        memory_format: of what it makes.
        flat: features alone stay a row a sample, and are no images of one pixel.
    """

    mean: Tensor
    deviation: Tensor
    memory_format: torch.memory_format = torch.contiguous_format
    flat: bool = False

    @classmethod
    def of(
        cls, images: Images, device: torch.device | None = None, *, channels_last: bool = False, flat: bool = False
    ) -> Self:
        """The standard of a training set of images: each channel will have mean 0 and deviation 1."""
        mean, deviation = _of_pixels(images) if images.dtype == np.uint8 else moments(images, axes=(0, 2, 3))
        column = partial(torch.tensor, dtype=torch.float32, device=device)
        return cls(column(mean)[:, None, None], column(deviation)[:, None, None], _memory_format(channels_last), flat)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As `from_arrays` takes them, for a run's checkpoints."""
        return {MEAN: self.mean.cpu().numpy(), DEVIATION: self.deviation.cpu().numpy()}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], *, channels_last: bool = False, flat: bool = False
    ) -> Self | None:
        """The standard that a checkpoint has; None of version 0.1, whose checkpoints have none.

        Raises:
            InputError: numbers that are no standard.
        """
        if MEAN not in arrays:
            return None
        mean, deviation = arrays[MEAN], arrays.get(DEVIATION)
        columns = mean.dtype == np.float32 and mean.ndim == 3 and mean.shape[1:] == (1, 1)
        if not columns or deviation is None or deviation.shape != mean.shape or deviation.dtype != mean.dtype:
            raise InputError(f"{MEAN}, {DEVIATION}: must be two columns of float32: restore the checkpoint from a copy")
        if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and (deviation > 0).all()):
            raise InputError(f"{MEAN}, {DEVIATION}: must be finite, and above 0: restore the checkpoint from a copy")
        return cls(torch.tensor(mean), torch.tensor(deviation), _memory_format(channels_last), flat)

    @classmethod
    def dividing(
        cls, by: float, device: torch.device | None = None, *, channels_last: bool = False, flat: bool = False
    ) -> Self:
        """Divides every value by one number."""
        deviation = torch.full((1, 1, 1), float(by), device=device)
        return cls(torch.zeros_like(deviation), deviation, _memory_format(channels_last), flat)

    def inputs(self, images: Images) -> Tensor:
        """Standardised images, float32, of the same shape; the frames of recordings are as so many images."""
        pixels = torch.tensor(images).to(self.mean.device).flatten(0, -4)
        scaled = pixels.to(torch.float32, memory_format=self.memory_format)
        standardised = scaled.sub_(self.mean).div_(self.deviation).unflatten(0, images.shape[:-3])
        return standardised.flatten(-3) if self.flat else standardised


class Batches:
    """The batches of a training set, the same in every process and in every run that goes on.

    The order of an epoch's samples depends on seed and epoch alone, a batch's augmentation on seed, epoch and the
    batch's number from 1 (a 0 at its end leaves NumPy's seed as it was). The last batch may be smaller; a single
    sample, which batch normalisation cannot normalise, is left out of that epoch.
    """

    def __init__(self, split: Split, standard: Standard, settings: DiscreteTrainingSettings) -> None:
        """Batches of `split`, put in form by `standard`.

        Raises:
            InputError: there is only one sample, or what is to be cropped is no image.
        """
        if settings.augment != "none" and split.images.ndim == 2:
            reason = "the samples are features and no images: leave it out"
            raise InputError(f"training.augment = {settings.augment!r}: must be none, {reason}")
        if len(split) < 2:
            raise InputError(f"data.limit = {len(split)}: must be at least 2, the smallest batch: give more samples")
        self.images = split.channels_first()
        self.labels = torch.tensor(split.labels)
        self.standard = standard
        self.settings = settings

    @property
    def samples(self) -> int:
        """How many an epoch goes through."""
        count = len(self.images)
        return count - (count % self.settings.batch_size == 1)

    def __len__(self) -> int:
        """Batches an epoch."""
        return -(-self.samples // self.settings.batch_size)

    def of_epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs, float32 and of the shape of so many images, and labels, int64 of shape (samples,).

        Args:
            epoch: counted from 1.
            first: batches to leave out at the beginning, because they have been learned from.
        """
        seed, size = self.settings.seed, self.settings.batch_size
        order = np.random.default_rng([seed, epoch]).permutation(len(self.images))[: self.samples]
        device = self.standard.mean.device
        for number in range(first, len(self)):
            rows = order[number * size : (number + 1) * size]
            images = augmented(
                self.images[rows], self.settings.augment, np.random.default_rng([seed, epoch, number + 1])
            )
            yield self.standard.inputs(images), self.labels[rows].to(device)


def _memory_format(channels_last: bool) -> torch.memory_format:
    return torch.channels_last if channels_last else torch.contiguous_format


def _of_pixels(images: Images) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As `moments` of each channel, by counting."""
    values = np.arange(256)
    counts = sum(_histograms(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK))
    shares = counts / (images.size // images.shape[1])
    mean = shares @ values
    deviation = np.sqrt((shares * (values - mean[:, np.newaxis]) ** 2).sum(axis=1))
    deviation[deviation == 0] = 1
    return mean, deviation


def _histograms(images: Images) -> NDArray[np.int64]:
    """How often each pixel value occurs in each channel, shape (channels, 256)."""
    return np.stack([np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(images, 1, 0)])
