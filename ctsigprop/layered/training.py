"""Training in a run folder: device, data, network and rule of a run, and each epoch's row of metrics."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from ctsigprop.data import Dataset, Split, dataset_of
from ctsigprop.errors import InputError
from ctsigprop.layered.allocator import keep_freed_memory
from ctsigprop.layered.batches import Standard
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.model import LayeredModel
from ctsigprop.layered.precision import settled
from ctsigprop.runs import RunFolder, trainer
from ctsigprop.runs.callbacks import Callback
from ctsigprop.runs.data_record import keep_data
from ctsigprop.settings import LayeredSettings
from ctsigprop.settings.config import family_of
from ctsigprop.settings.discrete import Device

S = TypeVar("S", bound=LayeredSettings)

LearnerFor = Callable[[S, tuple[int, ...], int], Learner]
"""As `ctsigprop.discrete.rules.learners.learner_for`."""

StandardFor = Callable[[S, Split], Standard]
"""As `standard_for`."""

DataFor = Callable[[S], Dataset]
"""As `data_for`."""


def train_layers(
    model: LayeredModel,
    run: RunFolder,
    callbacks: Sequence[Callback] = (),
    *,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train a network in a run folder, from its beginning or from its last checkpoint.

    On a CPU a run that was stopped, or killed, and resumed is bit for bit the run that was not; on a GPU it is so
    where the device's own sums are.

    Args:
        model: that learns.
        run: where checkpoints, metrics and summary go.
        callbacks: called in training, in this order.
        resume: go on from the last checkpoint.
        quiet: show no progress.

    Returns:
        The summary that was written.

    Raises:
        InputError: data or checkpoint that do not go together.
        RunFailure: a loss or a weight that is no longer finite, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    torch.set_num_threads(model.settings.training.threads)
    keep_freed_memory()
    keep_data(run, model.data)
    return trainer.train(model, run, model.settings.training, callbacks, resume=resume, quiet=quiet)


def layered_model(
    settings: S, run: RunFolder, learner_for: LearnerFor[S], standard_for: StandardFor[S], data_for: DataFor[S]
) -> LayeredModel:
    """Put a network and its rule before their data.

    Args:
        settings: of the run; `training.precision: auto` is chosen here, and config.yaml says what.
        run: of which config.yaml is.
        learner_for: the family's: network and rule.
        standard_for: the family's: what puts images in form.
        data_for: the family's: what is learned.

    Raises:
        InputError: a device that is not there, or data and settings that do not go together.
    """
    device_for(settings.training.device)
    settings = settled(settings, run)
    torch.set_num_threads(settings.training.threads)
    data = data_for(settings)
    data.require_classes(family_of(settings))
    learner = placed(learner_for(settings, data.planes, data.classes), settings)
    return LayeredModel(learner, data, standard_for(settings, data.train), settings)


def standard_for(settings: LayeredSettings, split: Split) -> Standard:
    """Puts images in form for a network: each channel as the training set's is, on the run's device.

    Args:
        settings: device and memory format.
        split: the training set.
    """
    training = settings.training
    return Standard.of(split.channels_first(), torch.device(training.device), channels_last=training.channels_last)


def data_for(settings: LayeredSettings) -> Dataset:
    """The dataset that settings name.

    Raises:
        InputError: a file that cannot be used.
        RunFailure: it is not here, and its download failed.
    """
    return dataset_of(settings.data)


def placed(learner: Learner, settings: LayeredSettings) -> Learner:
    """The learner, moved to the device and into the memory format of its settings.

    Raises:
        InputError: the device is not there.
    """
    learner.to(device_for(settings.training.device))
    if settings.training.channels_last:
        learner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return learner


def device_for(device: Device) -> torch.device:
    """The device that a run asks for, `training.device`.

    Raises:
        InputError: it is not there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        reason = f"must be cpu here, PyTorch {torch.__version__} finds no GPU"
        raise InputError(f"training.device = 'cuda': {reason}: leave it out, or install a PyTorch with CUDA")
    return torch.device(device)
