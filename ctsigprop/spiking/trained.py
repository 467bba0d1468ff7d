"""A trained network of this wing, in one piece, with its data and its inputs."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ctsigprop.datasets import Dataset
from ctsigprop.datasets.catalog import entry_named
from ctsigprop.discrete.batches import Images, Standard
from ctsigprop.discrete.learner import Learner
from ctsigprop.discrete.training import placed
from ctsigprop.runs import RunFolder
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.network import SpikingNetwork
from ctsigprop.spiking.recording import Record, network_of, record
from ctsigprop.spiking.recordings import CLASSES, SHAPE, Arrays
from ctsigprop.spiking.training import data_for, kept_of, standard_for


@dataclass(frozen=True)
class Trained:
    """What a run of this wing has trained, on the CPU and in evaluation mode.

    Attributes:
        settings: of the run, but for the device.
        network: with the weights of a checkpoint.
        epoch: after which the checkpoint was written.
    """

    settings: SpikingSettings
    network: SpikingNetwork
    epoch: int
    _learner: Learner
    _kept: Arrays | None = None

    @cached_property
    def data(self) -> Dataset:
        """What it was trained on, loaded when it is first asked for.

        Raises:
            InputError: a file that cannot be used; recordings that are not those it was trained on.
            RunFailure: the dataset is not here, and its download failed.
        """
        return data_for(self.settings, self._kept)

    @property
    def scale(self) -> dict[str, float | list[float]]:
        """What brings pixel values into the form that the coding takes.

        For currents the mean and the deviation of each channel over the training set, whose data this loads; the
        brightest pixel value for spikes. Nothing for recordings, whose events enter as they are counted.
        """
        if self.settings.data.events is not None:
            return {}
        if self.settings.network.coding == "direct":
            columns = {"mean": self._standard.mean, "deviation": self._standard.deviation}
            return {name: column.flatten().tolist() for name, column in columns.items()}
        return {"maximum": entry_named(self.settings.data.name).maximum}

    @torch.no_grad()
    def sequence(self, images: Images) -> Tensor:
        """What enters the network at each step, shape (steps or 1, samples, channels, height, width).

        Args:
            images: pixels, shape (samples, channels, height, width), or recordings.
        """
        coded: Tensor = self.network.coding(self._standard.inputs(images))
        return coded

    def record(self, x: Tensor) -> Record:
        """As `recording.record`, in the precision of the run."""
        with self._learner.autocast(x.device):
            return record(self.network, x)

    @cached_property
    def _standard(self) -> Standard:
        return standard_for(self.settings, self.data.train)


def load_trained(run: RunFolder, kind: str = "best") -> Trained:
    """Loads one of a run's checkpoints.

    Args:
        run: its folder.
        kind: best, last, or epoch-K for an epoch of training.keep.

    Raises:
        InputError: the run is of another wing; the checkpoint is missing, corrupt or of another network, or holds
            values that are not finite.
    """
    settings = run.settings_of(SpikingSettings)
    settings = replace(settings, training=replace(settings.training, device="cpu"))
    kept, entry = kept_of(settings, run, kind), entry_named(settings.data.name)
    shape, classes = (entry.shape, entry.classes) if kept is None else (tuple(kept[SHAPE].tolist()), int(kept[CLASSES]))
    learner = placed(learner_for(settings, shape, classes), settings)
    arrays, meta = run.load_checkpoint(kind, like=learner.parameter_arrays(), keys=("epoch",))
    learner.load_arrays(arrays)
    learner.eval()
    return Trained(settings, network_of(learner), meta["epoch"], learner, kept)
