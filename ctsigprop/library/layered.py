"""`fit` and `load_run` of the families whose networks PyTorch trains, discrete and spiking."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from os import PathLike
from typing import Any, TypeVar

from ctsigprop.analysis.measures.callbacks import Angles, Gradients
from ctsigprop.core.threads import set_threads
from ctsigprop.data import Dataset
from ctsigprop.data.dataset import planes_of
from ctsigprop.errors import InputError
from ctsigprop.layered.batches import Standard
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.own import OwnModel, settings_of, standard_of
from ctsigprop.layered.precision import settled
from ctsigprop.layered.prediction import Inference
from ctsigprop.layered.refusals import passed
from ctsigprop.layered.training import device_for, placed, train_layers
from ctsigprop.library.folders import run_folder
from ctsigprop.library.run import Run
from ctsigprop.runs import Arrays, RunFolder
from ctsigprop.runs.callbacks import Callback
from ctsigprop.runs.data_record import DataRecord, check_data, record_of
from ctsigprop.settings import DiscreteSettings, LayeredSettings, OwnSettings, SpikingSettings
from ctsigprop.settings.discrete import Device, DiscreteTrainingSettings
from ctsigprop.settings.training import Augmentation

S = TypeVar("S", bound=LayeredSettings)


def fit_learner(
    learner: Learner,
    data: Dataset,
    *,
    epochs: int = 20,
    batch_size: int = 128,
    seed: int = 0,
    threads: int = 2,
    decay: float = 1.0,
    device: Device = "cpu",
    augment: Augmentation = "none",
    channels_last: bool = False,
    keep: Sequence[int] = (),
    callbacks: Sequence[Callback] = (),
    run_dir: str | PathLike[str] | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a learner of the discrete or the spiking family; see `ctsigprop.fit`."""
    _check_fits(learner, data, callbacks)
    training = DiscreteTrainingSettings(
        *(epochs, batch_size, seed, threads, tuple(keep)),
        device=device,
        precision=learner.precision,
        channels_last=channels_last,
        augment=augment,
    )
    settings = settings_of(learner, data, decay, training)
    placed(learner, settings)
    learner.set_extra_state(learner.get_extra_state())  # moments follow their parameters to the device
    set_threads(threads)
    standard = standard_of(learner, data, device_for(device), channels_last=channels_last)
    _check_shapes(learner, data, standard)
    with run_folder(run_dir, settings, resume=resume) as folder:
        settings = settled(settings, folder)
        learner.precision = settings.training.precision
        model = OwnModel(learner, data, standard, settings)
        train_layers(model, folder, callbacks, resume=resume, quiet=quiet)
        best = learner_run(folder, settings, "best", deepcopy(learner))
        learner.inference = best.network.inference
        learner.eval()
        if run_dir is None:
            return replace(best, path=None)
        best.figures().save(folder.figures)
        return best


def learner_run(folder: RunFolder, settings: LayeredSettings, checkpoint: str, learner: Learner | None) -> Run:
    """A run of these families; see `ctsigprop.load_run`.

    The learner is in evaluation mode, and on the CPU where the settings make it.
    """
    folder.require_current()
    arrays, _ = folder.load_checkpoint(checkpoint, keys=("epoch",))
    if isinstance(settings, OwnSettings):
        if learner is None:
            rule = settings.learning.rule
            raise InputError(f"{folder.path}: its network was made in Python ({rule}): make it anew, and give learner=")
        _check_same(learner, arrays, folder)
    elif learner is not None:
        raise InputError(f"learner: the settings of the run in {folder.path} make its network: leave it out")
    data = cache(lambda: _data_of(folder, settings, checkpoint))
    record = record_of(folder) or DataRecord.of(data())
    if learner is None:
        learner = _made(settings, record)
    folder.require_alike(checkpoint, arrays, learner.parameter_arrays())
    learner.load_arrays(arrays)
    learner.inference = _inference(settings, record, arrays, learner, data)
    return Run(settings, learner.eval(), folder.metrics(), folder.summary(), folder.path)


def _check_fits(learner: Learner, data: Dataset, callbacks: Sequence[Callback]) -> None:
    data.require_classes(learner.family)
    _ = data.planes
    if learner.classes != data.classes:
        raise InputError(f"network: is for {learner.classes} classes: must be for {data.classes}, as {data.name} has")
    for one in callbacks:
        if isinstance(one, Angles | Gradients):
            name = type(one).__name__
            raise InputError(f"callbacks: {name} measures networks of the continuous family alone: leave it out")


def _check_shapes(learner: Learner, data: Dataset, standard: Standard) -> None:
    """Refuse layers that do not take the data, or do not give a score a class."""
    inputs = standard.inputs(data.train.rows(slice(2)).channels_first())
    scores = passed("network", learner, inputs)
    if scores.shape != (len(inputs), data.classes):
        found = tuple(scores.shape[1:])
        raise InputError(f"network: its outputs are of shape {found} a sample: must be ({data.classes},), one a class")


def _check_same(learner: Learner, arrays: Arrays, folder: RunFolder) -> None:
    """Refuse a learner that is not made as that of the run."""
    for name, array in learner.parameter_arrays().items():
        found = arrays[name].shape if name in arrays else None
        if found != array.shape:
            there = f"the run in {folder.path} has {'none' if found is None else f'one of shape {found}'}"
            raise InputError(f"learner: {name} is of shape {array.shape}, and {there}: make it as for the run")


def _made(settings: LayeredSettings, record: DataRecord) -> Learner:
    """The learner that settings make, on the CPU."""
    shape = planes_of(record.shape)
    if isinstance(settings, DiscreteSettings):
        from ctsigprop.discrete.training import placed_learner

        return placed_learner(_on_cpu(settings), shape, record.classes)
    from ctsigprop.spiking.learners import learner_for

    assert isinstance(settings, SpikingSettings)
    return placed(learner_for(settings, shape, record.classes), _on_cpu(settings))


def _on_cpu(settings: S) -> S:
    training: Any = replace(settings.training, device="cpu")
    return replace(settings, training=training)


def _inference(
    settings: LayeredSettings, record: DataRecord, arrays: Arrays, learner: Learner, data: Callable[[], Dataset]
) -> Inference:
    """How a run's network is asked; of a run of version 0.1, its data are read."""
    own, events = isinstance(settings, OwnSettings), getattr(settings.data, "events", None)
    flat = own and len(record.shape) == 1
    layout = settings.training.channels_last
    standard = Standard.from_arrays(arrays, channels_last=layout, flat=flat) or _standard_for(settings, data())
    shape = record.shape
    if isinstance(settings, SpikingSettings) and events is not None:
        shape = (settings.network.steps, *shape)
    return Inference(shape, record.scaling, standard)


def _standard_for(settings: LayeredSettings, data: Dataset) -> Standard:
    if isinstance(settings, SpikingSettings):
        from ctsigprop.spiking.training import standard_for

        return standard_for(_on_cpu(settings), data.train)
    from ctsigprop.layered.training import standard_for as of_channels

    return of_channels(_on_cpu(settings), data.train)


def _data_of(folder: RunFolder, settings: LayeredSettings, checkpoint: str) -> Dataset:
    if isinstance(settings, SpikingSettings):
        from ctsigprop.spiking.training import data_for, kept_of

        data = data_for(settings, kept_of(settings, folder, checkpoint))
    else:
        from ctsigprop.layered.training import data_for as dataset_for

        data = dataset_for(settings)
    check_data(folder, data)
    return data
