"""What is shown to a trained network of this family: test samples of its run, or recordings of an event camera."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctsigprop.spiking.events import EventFrames, load_frames
from ctsigprop.spiking.monitor.recording import Account, Record
from ctsigprop.spiking.trained import Trained

COUNTED, BATCH = 1000, 400
"""Samples that are counted, and how many steps of them at a time."""

TEST = "test sample", "spikes"
"""What a test sample is called, and what is written about it."""


class ImageSamples:
    """The test images of a run's dataset.

    Attributes:
        what: one of them is.
        files: how what is written about them is called.
        steps: of time.
    """

    what, files = TEST

    def __init__(self, trained: Trained) -> None:
        """All of them."""
        self._trained, self._split = trained, trained.data.test
        self._images = self._split.channels_first()
        self.steps = trained.settings.network.steps

    def __len__(self) -> int:
        """How many there are."""
        return len(self._split)

    def record(self, first: int, end: int) -> Record:
        """What happens in the network on the samples from `first` to before `end`."""
        return self._trained.record(self._trained.sequence(self._images[first:end]))

    def label(self, place: int) -> int | None:
        """Class of a sample."""
        return int(self._split.labels[place])

    def image(self, place: int) -> NDArray[np.float64]:
        """Pixels from 0 to 1, (height, width, channels)."""
        return self._split.picture(place)


class EventSamples:
    """Recordings of an event camera.

    Attributes:
        what: one of them is.
        files: how what is written about them is called.
        steps: of time.
    """

    def __init__(self, trained: Trained, frames: EventFrames, what: str = "recording", files: str = "events") -> None:
        """Recordings that fit the network; from now on, it takes as many steps as they have."""
        self._trained, self._frames = trained, frames
        self.what, self.files, self.steps = what, files, frames.steps
        for block in trained.network.blocks:
            block.neurons.steps = self.steps

    def __len__(self) -> int:
        """How many there are."""
        return len(self._frames)

    def record(self, first: int, end: int) -> Record:
        """What happens in the network on the recordings from `first` to before `end`."""
        return self._trained.record(self._frames.inputs(slice(first, end)))

    def label(self, place: int) -> int | None:
        """Class of a recording, where the file says."""
        return None if self._frames.labels is None else int(self._frames.labels[place])

    def image(self, place: int) -> NDArray[np.float64]:
        """Events of all steps and polarities, the most as 1, (height, width, 1)."""
        events = self._frames.frames[place].sum(axis=(0, 1), dtype=np.float64)
        return events[..., np.newaxis] / max(events.max(), 1)


Samples = ImageSamples | EventSamples


def samples_for(trained: Trained, events: Path | None = None) -> Samples:
    """What a run's network is shown.

    Args:
        trained: the network.
        events: an NPZ file of recordings; the run's test samples where it is left out.

    Raises:
        InputError: a file that cannot be used, or whose recordings do not fit the network.
        RunFailure: the run's dataset is not here, and its download failed.
    """
    if events is not None:
        shape, classes = trained.network.blocks[0].inputs, trained.network.classes
        return EventSamples(trained, load_frames(events, shape, classes))
    if trained.settings.data.events is not None:
        test = trained.data.test
        return EventSamples(trained, EventFrames(test.images, test.labels), *TEST)
    return ImageSamples(trained)


def account_for(trained: Trained, samples: Samples) -> tuple[Account, int]:
    """Firing and operations over the first of the samples, and how many those are: COUNTED, or all."""
    account, counted = Account(trained.network), min(COUNTED, len(samples))
    size = max(1, BATCH // samples.steps)
    for start in range(0, counted, size):
        account.add(samples.record(start, min(start + size, counted)))
    return account, counted
