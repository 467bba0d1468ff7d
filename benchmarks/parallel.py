"""What layers in parallel gain: VGG8b by signal propagation in two processes of one thread each.

Beside it: signal propagation in one process, with one thread and with two, and backpropagation with two. All train
in turns on the same batches, of random images, since the time depends on their shape alone. The seconds of two
processes include the first batch, for which the second process waits, the last one, for which the first does, and
the gathering of all arrays after it, as at the end of every epoch.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ctsigprop.core.environment import environment
from ctsigprop.data import Dataset, Split
from ctsigprop.discrete.parallel.training import Pipeline
from ctsigprop.discrete.training import placed_learner
from ctsigprop.layered.batches import Batches, Standard
from ctsigprop.layered.epoch import Tally
from ctsigprop.layered.model import LayeredModel
from ctsigprop.runs.callbacks import Moment
from ctsigprop.runs.trainer import run_epoch
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.config import settings_from

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
        model: what trains.
        threads: of this process.
        seconds: that each epoch took.
    """

    model: LayeredModel
    threads: int
    seconds: list[float]

    def train(self, count: int) -> None:
        """Go through so many batches, and note the seconds."""
        torch.set_num_threads(self.threads)
        self.model.batched = Batches(_images(count), self.model.standard, self.model.settings.training)
        tally, epoch = Tally(), len(self.seconds) + 1
        moment = Moment(self.model, epoch, epoch, self.model.batches, tally, [])
        run_epoch(self.model, moment, (), lambda: False, quiet=True)
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
                contestant.train(count)
        arrays = [contestants[name].model.learner.arrays() for name in (PARALLEL, ONE_CORE)]
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
    images = _images(1)
    data = Dataset("random", CLASSES, SHAPE, images, images, images)
    standard = Standard.of(images.images, channels_last=settings.training.channels_last)
    model = LayeredModel(placed_learner(settings, SHAPE, CLASSES), data, standard, settings)
    return Contestant(model if processes == 1 else stack.enter_context(Pipeline(model, processes)), threads, [])


def _images(batches: int) -> Split:
    """So many full batches of random images."""
    random = np.random.default_rng(0)
    images = random.integers(256, size=(batches * BATCH, *SHAPE), dtype=np.uint8)
    return Split(images, random.integers(CLASSES, size=batches * BATCH))
