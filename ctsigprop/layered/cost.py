"""Time and memory of training, stage by stage, as Sec. IV-A measures them.

Rules whose stages are unlocked are measured layer by layer; backpropagation and its like have one stage, the network.
Time is taken over many batches, and the learners take turns, so that a disturbance of the machine meets them all alike.
Memory is the same for every batch of one size and is counted on one of them, apart from the time, since counting slows
the work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ctsigprop.datasets import dataset_of
from ctsigprop.discrete.batches import Batches
from ctsigprop.discrete.heap import keep_freed_memory
from ctsigprop.discrete.learner import Learner, Signal
from ctsigprop.discrete.memory import peak_memory
from ctsigprop.discrete.training import device_for, placed_learner, standard_for
from ctsigprop.errors import InputError
from ctsigprop.settings import DiscreteSettings

Batch = tuple[Tensor, Tensor]
"""Inputs, shape (samples, ...), and labels, shape (samples,)."""

Meter = TypeVar("Meter", bound=AbstractContextManager[Any])


@dataclass(frozen=True)
class StageCost:
    """What one stage takes to train on one batch.

    Attributes:
        stage: its name.
        seconds: mean over the batches.
        median: of the same, which a disturbance of the machine hardly moves.
        deviation: standard deviation over the batches, seconds.
        bytes: peak memory of its signal and of all that its step makes: see `ctsigprop.discrete.memory`.
    """

    stage: str
    seconds: float
    median: float
    deviation: float
    bytes: int


@dataclass(frozen=True)
class Cost:
    """What a learner takes to train on one batch.

    Attributes:
        stages: in order; of a locked rule, the one stage that is the network.
        bytes: peak memory of the whole batch, in one process.
    """

    stages: Sequence[StageCost]
    bytes: int


class Stopwatch:
    """A block whose seconds can be read after it, with all of the device's work inside."""

    def __init__(self, device: torch.device) -> None:
        """At zero."""
        self.seconds = 0.0
        self._device = device

    def __enter__(self) -> Self:
        """Starts."""
        self._wait()
        self._started = perf_counter()
        return self

    def __exit__(self, *exception: Any) -> None:
        """Stops."""
        self._wait()
        self.seconds = perf_counter() - self._started

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


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


def stage_seconds(
    learners: Mapping[str, Learner],
    batches: Iterable[Batch],
    warm_up: int = 1,
    done: Callable[[], object] = lambda: None,
) -> dict[str, NDArray[np.float64]]:
    """Trains learners, turn by turn, on the same batches and says how long each stage took.

    Args:
        learners: by name, in training mode, on the device of the batches.
        batches: of one size; those of the warm-up first, and at least one that counts.
        warm_up: batches that train, but do not count; at least one, in which the optimizers make their moments.
        done: called after each batch of all learners.

    Returns:
        Seconds by the learner's name, shape (batches that count, stages).

    Raises:
        ValueError: there is no warm-up, or nothing after it.
    """
    seconds: dict[str, list[list[float]]] = {name: [] for name in learners}
    taken = 0
    for inputs, labels in batches:
        for name, learner in learners.items():
            watches = _by_stage(learner, inputs, labels, lambda signal: Stopwatch(signal.h.device))
            seconds[name].append([watch.seconds for watch in watches])
        taken += 1
        done()
    if not 1 <= warm_up < taken:
        raise ValueError(f"warm_up = {warm_up}: must be at least 1 and less than the {taken} batches")
    return {name: np.array(rows[warm_up:]) for name, rows in seconds.items()}


def stage_bytes(learner: Learner, inputs: Tensor, labels: Tensor) -> list[int]:
    """Peak memory of each stage on one batch, in bytes; arguments as of `batch_bytes`."""
    peaks = _by_stage(learner, inputs, labels, lambda signal: peak_memory(signal.h.device, _tensors(signal)))
    return [peak.bytes for peak in peaks]


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


def batch_bytes(learner: Learner, inputs: Tensor, labels: Tensor) -> int:
    """Peak memory of training the whole learner on one batch, in bytes.

    Args:
        learner: in training mode; must have trained on a batch before, in which its optimizers make their moments.
        inputs: shape (samples, ...); they count.
        labels: shape (samples,).
    """
    with peak_memory(inputs.device, [inputs]) as peak:
        learner.step(inputs, labels)
    return peak.bytes


def _cost(learner: Learner, seconds: NDArray[np.float64], inputs: Tensor, labels: Tensor) -> Cost:
    """Seconds of shape (batches, stages), and the memory of one more batch."""
    peaks = stage_bytes(learner, inputs, labels)
    stages = [
        StageCost(stage.name, float(taken.mean()), float(np.median(taken)), float(taken.std()), peak)
        for stage, taken, peak in zip(learner.stages, seconds.T, peaks, strict=True)
    ]
    return Cost(stages, batch_bytes(learner, inputs, labels))


def _by_stage(learner: Learner, inputs: Tensor, labels: Tensor, meter: Callable[[Signal], Meter]) -> list[Meter]:
    """Trains on one batch as `Learner.step` does, with a meter around each stage; the first one includes `begin`."""
    meters = []
    signal = Signal(inputs)
    for place, stage in enumerate(learner.stages):
        with meter(signal) as reading, learner.autocast(inputs.device):
            if place == 0:
                signal = learner.begin(inputs, labels)
            signal, _ = stage.step(signal, labels)
        meters.append(reading)
    return meters


def _tensors(signal: Signal) -> list[Tensor]:
    return [tensor for tensor in (signal.h, signal.t, signal.context) if tensor is not None]
