"""Training a spiking network in a run folder, on images or on recordings of an event camera."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ctsigprop.data import Dataset, Split
from ctsigprop.errors import InputError
from ctsigprop.layered import training
from ctsigprop.layered.batches import Standard
from ctsigprop.runs import RunFolder
from ctsigprop.runs.callbacks import Callback
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.coding import CODINGS
from ctsigprop.spiking.events.recordings import KEPT, Arrays, load_recordings
from ctsigprop.spiking.learners import learner_for


def train(
    settings: SpikingSettings,
    run: RunFolder,
    *,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train a network of this family in a run folder; see `ctsigprop.layered.training.train_layers`."""
    load = partial(data_for, kept=kept_of(settings, run, "last") if resume else None)
    model = training.layered_model(settings, run, learner_for, standard_for, load)
    return training.train_layers(model, run, callbacks, resume=resume, quiet=quiet)


def kept_of(settings: SpikingSettings, run: RunFolder, kind: str) -> Arrays | None:
    """What a checkpoint has kept of the recordings that its run learns; None of a dataset.

    Raises:
        InputError: the checkpoint is missing or corrupt, or of a run that learned a dataset.
    """
    return None if settings.data.events is None else run.load_checkpoint(kind, like=KEPT)[0]


def data_for(settings: SpikingSettings, kept: Arrays | None = None) -> Dataset:
    """The dataset, or the recordings, that settings name.

    Args:
        settings: of the run.
        kept: what a checkpoint has kept of recordings: others are refused.

    Raises:
        InputError: a file that cannot be used.
        RunFailure: a dataset is not here, and its download failed.
    """
    if settings.data.events is None:
        return training.data_for(settings)
    return load_recordings(Path(settings.data.events), settings.network.steps, settings.data.limit, kept)


def standard_for(settings: SpikingSettings, split: Split) -> Standard:
    """Puts images in form for a coding: currents are standardised; what becomes spikes is an intensity from 0 to 1.

    Events enter as they are counted: so no event is no current, and batch normalisation follows the first weights.

    Args:
        settings: data, coding, device and memory format.
        split: the training set.
    """
    if not CODINGS[settings.network.coding].intensities and settings.data.events is None:
        return training.standard_for(settings, split)
    if settings.data.file is not None:
        _require_intensities(split, settings.network.coding)
    device = torch.device(settings.training.device)
    return Standard.dividing(split.maximum, device, channels_last=settings.training.channels_last)


def _require_intensities(split: Split, coding: str) -> None:
    images = split.channels_first()
    low, high = images.min() / split.maximum, images.max() / split.maximum
    if low < 0 or high > 1:
        raise InputError(
            f"network.coding = {coding!r}: takes inputs from 0 to 1, and they are scaled to {low:g}..{high:g}: "
            "set data.scaling to auto, or network.coding to direct"
        )
