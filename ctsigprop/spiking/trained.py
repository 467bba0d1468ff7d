"""A trained network of this wing, in one piece, with its data and its inputs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ctsigprop.datasets import Dataset, load
from ctsigprop.discrete.batches import Images, Standard
from ctsigprop.discrete.learner import Learner
from ctsigprop.runs import RunFolder
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.network import SpikingNetwork
from ctsigprop.spiking.recording import Record, network_of, record


@dataclass(frozen=True)
class Trained:
    """What a run of this wing has trained, on the CPU and in evaluation mode.

    Attributes:
        settings: of the run.
        data: that it was trained on.
        network: with the weights of a checkpoint.
        epoch: after which the checkpoint was written.
    """

    settings: SpikingSettings
    data: Dataset
    network: SpikingNetwork
    epoch: int
    _learner: Learner
    _standard: Standard

    @torch.no_grad()
    def sequence(self, images: Images) -> Tensor:
        """What enters the network at each step, shape (steps or 1, samples, channels, height, width).

        Args:
            images: pixels, shape (samples, channels, height, width).
        """
        coded: Tensor = self.network.coding(self._standard.inputs(images))
        return coded

    def record(self, x: Tensor) -> Record:
        """As `recording.record`, in the precision of the run."""
        with self._learner.autocast(x.device):
            return record(self.network, x)


def load_trained(run: RunFolder, kind: str = "best") -> Trained:
    """Loads a run's data and one of its checkpoints.

    Args:
        run: its folder.
        kind: best, last, or epoch-K for an epoch of training.keep.

    Raises:
        InputError: the run is of another wing; the checkpoint is missing, corrupt or of another network, or holds
            values that are not finite.
        RunFailure: the dataset is not here, and its download failed.
    """
    settings = run.settings_of(SpikingSettings)
    data = load(settings.data.name, limit=settings.data.limit)
    learner = learner_for(settings, data.shape, data.classes)
    arrays, meta = run.load_checkpoint(kind, like=learner.parameter_arrays(), keys=("epoch",))
    learner.load_arrays(arrays)
    learner.eval()
    return Trained(settings, data, network_of(learner), meta["epoch"], learner, _standard(settings, data))


def _standard(settings: SpikingSettings, data: Dataset) -> Standard:
    """Standardised images as currents; intensities from 0 to 1 where they become spikes."""
    standard = Standard.of(data.train.channels_first())
    if settings.network.coding == "direct":
        return standard
    return Standard(torch.zeros_like(standard.mean), torch.full_like(standard.mean, data.train.maximum))
