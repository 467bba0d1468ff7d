"""Time and memory of training the networks that settings name."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ctsigprop.data import dataset_of
from ctsigprop.discrete.training import placed_learner
from ctsigprop.errors import InputError
from ctsigprop.layered.allocator import keep_freed_memory
from ctsigprop.layered.batches import Batches
from ctsigprop.layered.cost import Cost, StageCost, batch_bytes, stage_bytes, stage_seconds
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.training import device_for, standard_for
from ctsigprop.settings import DiscreteSettings


def costs(
    settings: Mapping[str, DiscreteSettings], batches: int, warm_up: int, done: Callable[[], object]
) -> dict[str, Cost]:
    """Builds the learners that settings name, and measures them on the data of the first, all as in a run.

    Args:
        settings: by name; they share data, batch size and device.
        batches: that count.
        warm_up: that come before.
        done: called after each batch of all learners.

    Raises:
        InputError: data or a device that is not to be had, or too few samples.
        RunFailure: the data's download failed.
    """
    first = next(iter(settings.values()))
    needed = (batches + warm_up) * first.training.batch_size
    device_for(first.training.device)
    keep_freed_memory()
    data = dataset_of(replace(first.data, limit=needed))
    ordered = Batches(data.train, standard_for(first, data.train), first.training)
    if len(data.train) < needed:
        raise InputError(f"{data.name}: has {len(data.train)} training samples, and needed are {needed}: take fewer")
    learners = {name: placed_learner(one, data.planes, data.classes) for name, one in settings.items()}
    seconds = stage_seconds(learners, ordered.of_epoch(1), warm_up, done)
    inputs, labels = next(ordered.of_epoch(1))
    return {name: _cost(learner, seconds[name], inputs, labels) for name, learner in learners.items()}


def peak_bytes(settings: DiscreteSettings, shape: tuple[int, ...], classes: int) -> int:
    """Peak memory of training the network that settings name on one batch, drawn at random, in bytes.

    Args:
        settings: network, rule, batch size and device.
        shape: of a sample: (channels, height, width).
        classes: how many there are.
    """
    device, samples = device_for(settings.training.device), settings.training.batch_size
    learner = placed_learner(settings, shape, classes)
    inputs, labels = torch.rand((samples, *shape), device=device), torch.arange(samples, device=device) % classes
    learner.step(inputs, labels)
    return batch_bytes(learner, inputs, labels)


def _cost(learner: Learner, seconds: NDArray[np.float64], inputs: Tensor, labels: Tensor) -> Cost:
    """Seconds of shape (batches, stages), and the memory of one more batch."""
    peaks = stage_bytes(learner, inputs, labels)
    stages = [
        StageCost(stage.name, float(taken.mean()), float(np.median(taken)), float(taken.std()), peak)
        for stage, taken, peak in zip(learner.stages, seconds.T, peaks, strict=True)
    ]
    return Cost(stages, batch_bytes(learner, inputs, labels))
