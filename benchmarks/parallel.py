"""What layers in parallel gain: VGG8b by signal propagation in two processes of one thread each.

Beside it: signal propagation in one process, with one thread and with two, and backpropagation with two. All train
in turns on the same batches, of random images, since the time depends on their shape alone. The seconds of two
processes include the first batch, for which the second process waits, the last one, for which the first does, and
the gathering of all arrays after it, as at the end of every epoch.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ctsigprop.config import settings_from
from ctsigprop.datasets import Split
from ctsigprop.discrete.batches import Batches, Standard
from ctsigprop.discrete.epoch import Tally, run_epoch
from ctsigprop.discrete.learner import Learner
from ctsigprop.discrete.parallel import Pipeline
from ctsigprop.discrete.training import placed_learner
from ctsigprop.environment import environment
from ctsigprop.settings import DiscreteSettings

SHAPE, CLASSES, BATCH = (3, 32, 32), 10, 128
FULL = {"warm_up": 2, "batches": 12, "rounds": 2}
PRECISIONS = ("bfloat16",)
"""Those of Tables I and II; in float32 the benchmark takes three times as long."""
QUICK = {"warm_up": 1, "batches": 2, "rounds": 1}
PARALLEL, ONE_CORE = "sp, 2 processes of 1 thread", "sp, 1 process of 1 thread"
CONTESTANTS: dict[str, dict[str, Any]] = {
    PARALLEL: {"algorithm": "sp", "threads": 1, "processes": 2},
    ONE_CORE: {"algorithm": "sp", "threads": 1},
    "sp, 1 process of 2 threads": {"algorithm": "sp", "threads": 2},
    "bp, 1 process of 2 threads": {"algorithm": "bp", "threads": 2},
}


@dataclass
class Contestant:
    """A learner in training.

    Attributes:
        settings: of it.
        threads: of this process.
        learner: what trains.
        run_epoch: trains it on an epoch's batches.
        seconds: that each epoch took.
    """

    settings: DiscreteSettings
    threads: int
    learner: Learner
    run_epoch: Callable[..., bool]
    seconds: list[float]

    def train(self, batches: Batches) -> None:
        """Goes through all batches, and notes the seconds."""
        torch.set_num_threads(self.threads)
        tally, epoch = Tally(), len(self.seconds) + 1
        self.run_epoch(self.learner, batches, self.settings, epoch=epoch, tally=tally, quiet=True, stop=lambda: False)
        self.seconds.append(tally.seconds)


def run(quick: bool = False) -> dict[str, Any]:
    """Times the contestants in each of PRECISIONS.

    Args:
        quick: a small fully connected network and a few batches, to see that the benchmark runs.
    """
    network = {"architecture": "fc", "hidden": [64, 64]} if quick else {"architecture": "vgg8b"}
    plan = QUICK if quick else FULL
    return {
        "network": network,
        "batch_size": BATCH,
        **plan,
        **{precision: _measured(network, precision, **plan) for precision in PRECISIONS},
        **environment(),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    lines = []
    for precision in PRECISIONS:
        found = figures[precision]
        lines.append(f"{precision}: equal updates: {'yes' if found['equal_updates'] else 'NO'}")
        for name, rate in found["batches_a_second"].items():
            gain = "" if name == PARALLEL else f"; two processes: {found['ratios'][name]:.2f} times that"
            lines.append(f"  {name:<28} {rate:8.3f} batches a second{gain}")
    return "\n".join(lines)


def _measured(network: dict[str, Any], precision: str, warm_up: int, batches: int, rounds: int) -> dict[str, Any]:
    """Batches a second of each contestant, over all rounds, and those of layers in parallel as ratios to them."""
    with ExitStack() as stack:
        contestants = {name: _contestant(network, precision, stack, **kind) for name, kind in CONTESTANTS.items()}
        for count in (warm_up, *[batches] * rounds):
            for contestant in contestants.values():
                contestant.train(_batches(count, contestant.settings))
        arrays = [contestants[name].learner.arrays() for name in (PARALLEL, ONE_CORE)]
    rates = {name: batches * rounds / sum(one.seconds[1:]) for name, one in contestants.items()}
    return {
        "batches_a_second": rates,
        "ratios": {name: rates[PARALLEL] / rate for name, rate in rates.items()},
        "equal_updates": all(
            np.array_equal(one[name], other[name]) for one, other in pairwise(arrays) for name in one | other
        ),
    }


def _contestant(
    network: dict[str, Any], precision: str, stack: ExitStack, *, algorithm: str, threads: int, processes: int = 1
) -> Contestant:
    training = {
        "batch_size": BATCH,
        "threads": threads * processes,
        "precision": precision,
        "channels_last": precision == "bfloat16",
    }
    values = {"network": network, "learning": {"algorithm": algorithm}, "training": training}
    settings: DiscreteSettings = settings_from(values, "discrete")
    learner = placed_learner(settings, SHAPE, CLASSES)
    epoch = run_epoch if processes == 1 else stack.enter_context(Pipeline(settings, processes)).run_epoch
    return Contestant(settings, threads, learner, epoch, [])


def _batches(count: int, settings: DiscreteSettings) -> Batches:
    """So many full batches of random images."""
    random = np.random.default_rng(0)
    images = random.integers(256, size=(count * BATCH, *SHAPE), dtype=np.uint8)
    split = Split(images, random.integers(CLASSES, size=count * BATCH))
    standard = Standard.of(images, channels_last=settings.training.channels_last)
    return Batches(split, standard, settings.training)
