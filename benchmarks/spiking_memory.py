"""Signal propagation beside backpropagation in a spiking network: time and memory of a batch against steps of time.

Backpropagation keeps what every layer did at every step. Signal propagation that takes one update for all steps holds
one layer at a time, with all its steps; where it takes an update at each step, one layer at one step. For each number
of steps the contestants train in turns on the same batch of random images; peak memory is counted on one batch more,
as in Tables I-IV: see `ctsigprop.layered.memory`. Needs none of the packages that `ctsigprop bench spiking` does.
"""

from pathlib import Path
from statistics import median
from typing import Any

import torch

from ctsigprop.analysis.plots.memory import MIB, steps_figure
from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.benchmarks.spiking import batch_of, learner_of
from ctsigprop.core.environment import environment
from ctsigprop.core.threads import set_threads
from ctsigprop.layered.cost import Stopwatch, batch_bytes
from ctsigprop.settings.spiking import SpikingNetworkSettings

CONTESTANTS: dict[str, dict[str, str]] = {
    "BP, surrogate": {"model": "bp-surrogate"},
    "SP, update at the end": {"model": "sp-surrogate", "update": "end"},
    "SP, update at each step": {"model": "sp-surrogate", "update": "step"},
}
PRECISION = "bfloat16"
FULL: dict[str, Any] = {"network": {}, "batch_size": 128, "steps": [4, 8, 16, 32], "rounds": 3}
QUICK: dict[str, Any] = {
    "network": {"channels": (4, 8), "units": 16},
    "batch_size": 8,
    "steps": [2, 4],
    "rounds": 1,
}


def run(quick: bool = False) -> dict[str, Any]:
    """Measures every contestant at every number of steps, on one thread.

    Args:
        quick: a small network and few steps, to see that the benchmark runs.
    """
    plan = QUICK if quick else FULL
    network = SpikingNetworkSettings(**plan["network"])
    set_threads(1)
    found = [_measured(steps, plan) for steps in plan["steps"]]
    peaks = {name: [at[name]["bytes"] for at in found] for name in CONTESTANTS}
    return {
        **plan,
        "network": {"channels": network.channels, "units": network.units},
        "precision": PRECISION,
        "threads": 1,
        "bytes": peaks,
        "milliseconds": {name: [at[name]["milliseconds"] for at in found] for name in CONTESTANTS},
        "memory_rise": {name: max(values) / min(values) for name, values in peaks.items()},
        **environment(),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text: a line for each contestant, a column for each number of steps."""
    steps = figures["steps"]
    head = "".join(f"{f'T = {count}':>10}" for count in steps)
    channels = "-".join(str(count) for count in figures["network"]["channels"])
    lines = [
        f"{channels} channels, {figures['network']['units']} units, batch {figures['batch_size']}, "
        f"{figures['precision']}, {figures['threads']} thread"
    ]
    lines.append(f"{'peak memory, MiB':<26}{head}{'largest / smallest':>22}")
    for name, peaks in figures["bytes"].items():
        values = "".join(f"{MIB * peak:>10.1f}" for peak in peaks)
        lines.append(f"{name:<26}{values}{figures['memory_rise'][name]:>22.2f}")
    lines.append(f"{'milliseconds':<26}{head}")
    for name, milliseconds in figures["milliseconds"].items():
        lines.append(f"{name:<26}" + "".join(f"{value:>10.1f}" for value in milliseconds))
    return "\n".join(lines)


def draw(figures: dict[str, Any], path: Path) -> Path:
    """Memory and time against steps.

    Raises:
        RunFailure: the folder cannot be written.
    """
    with styled():
        return save(steps_figure(figures["steps"], figures["bytes"], figures["milliseconds"]), path)


def _measured(steps: int, plan: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Milliseconds and bytes of each contestant, after one batch of warming up."""
    images, labels = batch_of(plan["batch_size"])
    images = images.contiguous(memory_format=torch.channels_last)
    learners = {
        name: learner_of(plan, network={"steps": steps}, learning=learning, training={"precision": PRECISION})
        for name, learning in CONTESTANTS.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in learners}
    for _ in range(plan["rounds"] + 1):
        for name, learner in learners.items():
            with Stopwatch(images.device) as watch:
                learner.step(images, labels)
            seconds[name].append(watch.seconds)
    return {
        name: {"milliseconds": 1e3 * median(seconds[name][1:]), "bytes": batch_bytes(learner, images, labels)}
        for name, learner in learners.items()
    }
