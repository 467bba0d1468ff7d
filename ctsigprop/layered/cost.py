"""Time and memory of training, stage by stage, as Sec. IV-A measures them.

Rules whose stages are unlocked are measured layer by layer; backpropagation and its like have one stage, the network.
Time is taken over many batches, and the learners take turns, so that a disturbance of the machine meets them all alike.
Memory is the same for every batch of one size and is counted on one of them, apart from the time, since counting slows
the work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ctsigprop.layered.learner import Learner, Signal
from ctsigprop.layered.memory import peak_memory

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
        bytes: peak memory of its signal and of all that its step makes: see `ctsigprop.layered.memory`.
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
