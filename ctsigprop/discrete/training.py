"""Training in a run folder: device, data, network and rule of a run, and each epoch's row of metrics."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch

from ctsigprop.config import wing_of
from ctsigprop.datasets import Dataset, Split, dataset_of
from ctsigprop.datasets.record import check_data, keep_data
from ctsigprop.discrete.batches import Batches, Standard
from ctsigprop.discrete.diagnosis import refuse_lost_weights, warnings_of
from ctsigprop.discrete.epoch import Tally, run_epoch
from ctsigprop.discrete.evaluation import error_rates
from ctsigprop.discrete.heap import keep_freed_memory
from ctsigprop.discrete.learner import Learner
from ctsigprop.discrete.learners import learner_for
from ctsigprop.errors import InputError
from ctsigprop.interrupt import deferred_interrupt
from ctsigprop.progress import Progress, Row, restored, summarised, train_epochs
from ctsigprop.runs import RunFolder
from ctsigprop.settings import DiscreteSettings, LayeredSettings
from ctsigprop.settings.discrete import Device

S = TypeVar("S", bound=LayeredSettings)

RunEpoch = Callable[..., bool]
"""As `ctsigprop.discrete.epoch.run_epoch`."""

LearnerFor = Callable[[S, tuple[int, ...], int], Learner]
"""As `ctsigprop.discrete.learners.learner_for`."""

StandardFor = Callable[[S, Split], Standard]
"""As `standard_for`."""

DataFor = Callable[[S], Dataset]
"""As `data_for`."""


def train(
    settings: DiscreteSettings,
    run: RunFolder,
    *,
    resume: bool = False,
    quiet: bool = False,
    run_epoch: RunEpoch = run_epoch,
) -> dict[str, Any]:
    """Trains a network of this wing in a run folder; see `train_layers`."""
    return train_layers(
        settings, run, learner_for, standard_for, data_for, resume=resume, quiet=quiet, run_epoch=run_epoch
    )


def train_layers(
    settings: S,
    run: RunFolder,
    learner_for: LearnerFor[S],
    standard_for: StandardFor[S],
    data_for: DataFor[S],
    *,
    resume: bool = False,
    quiet: bool = False,
    run_epoch: RunEpoch = run_epoch,
) -> dict[str, Any]:
    """Trains a network in a run folder, from its beginning or from its last checkpoint.

    On a CPU a run that was stopped, or killed, and resumed is bit for bit the run that was not; on a GPU it is so
    where the device's own sums are.

    Args:
        settings: of the run.
        run: where checkpoints, metrics and summary go.
        learner_for: the wing's: network and rule.
        standard_for: the wing's: what puts images in form.
        data_for: the wing's: what is learned.
        resume: go on from the last checkpoint.
        quiet: show no progress bar.
        run_epoch: goes through an epoch's batches.

    Returns:
        The summary that was written.

    Raises:
        InputError: a device that is not there; data, settings or checkpoint that do not go together.
        RunFailure: a loss or a weight that is no longer finite, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    device_for(settings.training.device)
    torch.set_num_threads(settings.training.threads)
    keep_freed_memory()
    data = data_for(settings)
    data.require_classes(wing_of(settings))
    standard = standard_for(settings, data.train)
    batches = Batches(data.train, standard, settings.training)
    learner = placed(learner_for(settings, data.planes, data.classes), settings)
    keep_data(run, data)
    progress = Progress(0, Tally())
    if resume:
        arrays, progress = restored(run, learner.parameter_arrays(), Tally)
        learner.load_arrays(arrays)
    with deferred_interrupt() as stop:

        def learn(epoch: int, tally: Tally) -> bool:
            return run_epoch(learner, batches, settings, epoch=epoch, tally=tally, quiet=quiet, stop=stop)

        def evaluate(epoch: int, tally: Tally, history: Sequence[Row]) -> dict[str, Any]:
            refuse_lost_weights(learner, epoch, settings.rates)
            row = _evaluated(learner, data, standard, settings, tally, epoch)
            return row | {"warnings": warnings_of(row, history, data, settings.rates)}

        progress = train_epochs(
            run,
            settings.training,
            progress,
            learn=learn,
            evaluate=evaluate,
            arrays=lambda: {**learner.arrays(), **data.kept},
            weights=lambda: {**learner.parameter_arrays(), **data.kept},
            tally=Tally,
        )
        return summarised(run, settings.training, progress)


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


def placed_learner(settings: DiscreteSettings, shape: tuple[int, ...], classes: int) -> Learner:
    """The learner that settings name, on their device and in their memory format.

    Args:
        settings: network, rule, seed, device and memory format.
        shape: of a sample.
        classes: how many there are.

    Raises:
        InputError: the network does not fit the samples, or the device is not there.
    """
    return placed(learner_for(settings, shape, classes), settings)


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


def load_learner(run: RunFolder, kind: str = "best") -> tuple[Learner, DiscreteSettings, Dataset]:
    """What a run has trained, on the CPU and in evaluation mode, with the run's settings and data.

    Args:
        run: its folder.
        kind: best, last, or epoch-K for an epoch of training.keep.

    Raises:
        InputError: the run is of another wing; the data are not those that it learned; the checkpoint is missing,
            corrupt or of another network, or holds values that are not finite.
        RunFailure: the dataset is not here, and its download failed.
    """
    settings = run.settings_of(DiscreteSettings)
    data = data_for(settings)
    check_data(run, data)
    learner = learner_for(settings, data.planes, data.classes)
    arrays, _ = run.load_checkpoint(kind, like=learner.parameter_arrays())
    learner.load_arrays(arrays)
    return learner.eval(), settings, data


def _evaluated(
    learner: Learner, data: Dataset, standard: Standard, settings: LayeredSettings, tally: Tally, epoch: int
) -> dict[str, Any]:
    """The epoch's row of metrics but for the warnings: errors in percent, mean losses, seconds."""
    started = time.perf_counter()
    parts: Mapping[str, Split] = {"validation_error": data.validation, "test_error": data.test}
    errors = {name: error_rates(learner, part, standard) for name, part in parts.items()}
    exits = {stage: {name: errors[name][stage] for name in parts} for stage in errors["test_error"]}
    return {
        "epoch": epoch,
        "train_error": 100 * tally.errors / tally.samples,
        **exits[list(exits)[-1]],
        "losses": {name: loss / tally.samples for name, loss in tally.losses.items()},
        "exits": exits,
        "rate": settings.rate_of(epoch),
        "training_seconds": tally.seconds,
        "seconds": tally.seconds + time.perf_counter() - started,
    }
