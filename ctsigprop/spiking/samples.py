"""What is shown to a trained network of this wing: test images, or recordings of an event camera."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctsigprop.spiking.events import load_frames
from ctsigprop.spiking.recording import Account, Record
from ctsigprop.spiking.trained import Trained

COUNTED, BATCH = 1000, 100


class ImageSamples:
    """The test samples of a run's dataset.

    Attributes:
        what: one of them is.
        files: how what is written about them is called.
        steps: of time.
    """

    what, files = "test sample", "spikes"

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
        return np.moveaxis(self._images[place], 0, -1) / self._split.maximum


class EventSamples:
    """Recordings of an event camera.

    Attributes:
        what: one of them is.
        files: how what is written about them is called.
        steps: of time.
    """

    what, files = "recording", "events"

    def __init__(self, trained: Trained, path: Path) -> None:
        """All recordings of an NPZ file; from now on, the network takes as many steps as they have.

        Raises:
            InputError: the file cannot be read, or its recordings do not fit the network.
        """
        self._trained = trained
        shape = trained.network.blocks[0].inputs
        self._frames = load_frames(path, shape, trained.network.classes)
        self.steps = self._frames.steps
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


def account_for(trained: Trained, samples: ImageSamples | EventSamples) -> tuple[Account, int]:
    """Firing and operations over the first of the samples, and how many those are: COUNTED, or all."""
    account, counted = Account(trained.network), min(COUNTED, len(samples))
    for start in range(0, counted, BATCH):
        account.add(samples.record(start, min(start + BATCH, counted)))
    return account, counted
