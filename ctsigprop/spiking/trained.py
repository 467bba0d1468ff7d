"""A trained network of this family, in one piece, with its data and its inputs."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ctsigprop.data import Dataset, Scaling
from ctsigprop.data.catalog import entry_named
from ctsigprop.data.dataset import planes_of
from ctsigprop.errors import InputError
from ctsigprop.layered.batches import Images, Standard
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.prediction import batches_of
from ctsigprop.layered.training import placed
from ctsigprop.runs import DATA, RunFolder
from ctsigprop.runs.data_record import DataRecord, check_same, record_of
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.coding import CODINGS
from ctsigprop.spiking.events.recordings import CLASSES, SHAPE, Arrays
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.monitor.recording import Record, network_of, record
from ctsigprop.spiking.network import SpikingNetwork
from ctsigprop.spiking.training import data_for, kept_of, standard_for


@dataclass(frozen=True)
class Trained:
    """What a run of this family has trained, on the CPU and in evaluation mode.

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
    _record: DataRecord | None = None

    @cached_property
    def data(self) -> Dataset:
        """What it was trained on, loaded when it is first asked for.

        Raises:
            InputError: a file that cannot be used, or data that are not those it was trained on.
            RunFailure: the dataset is not here, and its download failed.
        """
        data = data_for(self.settings, self._kept)
        if self._record is not None:
            check_same(self._record, data)
        return data

    @property
    def scale(self) -> dict[str, float | list[float]]:
        """What brings inputs into the form that the coding takes.

        For currents the mean and the deviation of each channel over the training set, whose data this loads; the
        brightest pixel value for spikes. Before either, inputs that are not divided by one number have a scaling:
        less their offset, over their scale. Nothing for recordings, whose events enter as they are counted.
        """
        if self.settings.data.events is not None:
            return {}
        scaling = (
            self._record.scaling if self._record else Scaling.dividing(entry_named(self.settings.data.name).maximum)
        )
        first: dict[str, float | list[float]] = {} if scaling.plain else {**scaling.to_json()}
        if not CODINGS[self.settings.network.coding].intensities:
            columns = {"mean": self._standard.mean, "deviation": self._standard.deviation}
            return first | {name: column.flatten().tolist() for name, column in columns.items()}
        return first or {"maximum": scaling.scale[0]}

    @torch.no_grad()
    def sequence(self, images: Images) -> Tensor:
        """What enters the network at each step, shape (steps or 1, samples, channels, height, width).

        Args:
            images: pixels, shape (samples, channels, height, width), or recordings.
        """
        coded: Tensor = self.network.coding(self._standard.inputs(images))
        return coded

    @torch.no_grad()
    def error(self, network: SpikingNetwork) -> float:
        """Percent of the test samples that a network, this one or one made of it, puts into a wrong class: float32."""
        test = self.data.test
        images, labels, wrong = test.channels_first(), torch.tensor(test.labels), 0
        for batch in batches_of(images.shape):
            found = network.of_sequence(self.sequence(images[batch])).argmax(dim=1)
            wrong += int((found != labels[batch]).sum())
        return 100 * wrong / len(images)

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
        InputError: the run is of another family; the checkpoint is missing, corrupt or of another network, or holds
            values that are not finite.
    """
    settings = run.settings_of(SpikingSettings)
    settings = replace(settings, training=replace(settings.training, device="cpu"))
    kept, record = kept_of(settings, run, kind), record_of(run)
    learner = placed(learner_for(settings, *_sizes(settings, record, kept)), settings)
    arrays, meta = run.load_checkpoint(kind, like=learner.parameter_arrays(), keys=("epoch",))
    learner.load_arrays(arrays)
    learner.eval()
    return Trained(settings, network_of(learner), meta["epoch"], learner, kept, record)


def _sizes(settings: SpikingSettings, record: DataRecord | None, kept: Arrays | None) -> tuple[tuple[int, ...], int]:
    """Shape of a sample and number of classes, of a run's record or, of a run of version 0.1, of what else tells."""
    if record is not None:
        return planes_of(record.shape), record.classes
    if kept is not None:
        return tuple(kept[SHAPE].tolist()), int(kept[CLASSES])
    if settings.data.file is not None:
        raise InputError(f"the run of {settings.data.file} has no {DATA}: restore it from a copy, or train anew")
    entry = entry_named(settings.data.name)
    return entry.shape, entry.classes
