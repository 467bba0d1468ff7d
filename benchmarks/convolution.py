"""Convolutions in training, beside PyTorch on the same layers: backpropagation, and equilibrium propagation by steps.

A loop network trains beside backpropagation through its forward connections, a symmetric one beside 50 free and 20
clamped steps in which all layers settle at once. The contestants take the same batches in turns, in one process and
precision; first with the weights that are drawn, then after some batches of ours.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch

from ctsigprop.benchmarks.torch_convolution import Backpropagation, SynchronousPhases
from ctsigprop.continuous import training
from ctsigprop.continuous.model import ContinuousModel
from ctsigprop.core.environment import environment
from ctsigprop.core.threads import set_threads
from ctsigprop.data import load
from ctsigprop.settings import (
    DataSettings,
    LearningSettings,
    NetworkSettings,
    NudgingSettings,
    Settings,
    SolverSettings,
    TrainingSettings,
)

CHANNELS, BATCHES, STEPPED, TRAINED = (32, 64), 10, 2, 200
NETWORKS = {
    "conv_loop": LearningSettings(rates=(0.3, 0.3, 0.002), feedback_rate=0.02),
    "conv_symmetric": LearningSettings(rates=(0.03, 0.03, 0.002)),
}


def run(quick: bool = False) -> dict[str, Any]:
    """Measure both networks, drawn and trained.

    Args:
        quick: digits and a few batches instead of MNIST, to see that the benchmark runs.
    """
    set_threads(1)
    torch.set_num_threads(1)
    rows = [row for architecture in NETWORKS for row in _measured(architecture, quick=quick)]
    return {"rows": rows, **environment()}


def table(figures: dict[str, Any]) -> str:
    """The figures as text, a line for each network and state of training."""
    columns = ("ours_seconds", "peer_seconds", "ratio", "passes", "residual")
    lines = ["seconds a batch; ratio: the peer's over ours", f"{'network':<16}{'peer':<18}{'batches':>8}"]
    lines[1] += "".join(f"{name:>14}" for name in columns)
    for row in figures["rows"]:
        numbers = "".join(f"{row[name]:>14.3g}" for name in columns)
        lines.append(f"{row['network']:<16}{row['peer']:<18}{row['trained']:>8}{numbers}")
    return "\n".join(lines)


def _measured(architecture: str, *, quick: bool) -> list[dict[str, Any]]:
    settings = Settings(
        DataSettings("digits" if quick else "mnist"),
        NetworkSettings(architecture, (2, 3) if quick else CHANNELS, "all", pool="avg", output_rho="linear"),
        SolverSettings(tolerance=1e-3, displacement=0.03, start="zero"),
        NudgingSettings(beta=0.5),
        NETWORKS[architecture],
        TrainingSettings(threads=1),
    )
    data = load(settings.data.name)
    model = ContinuousModel(training.draw(settings, data), data, settings)
    batches = [place for _, place in model.of_epoch(1, model.tally())]
    trained, measured = (3, 3) if quick else (TRAINED, BATCHES)
    found = [_row(model, batches[:measured], 0)]
    for place in batches[measured : measured + trained]:
        model.step(place, model.tally())
    return [*found, _row(model, batches[measured + trained : 2 * measured + trained], measured + trained)]


def _row(model: ContinuousModel, batches: list[tuple[int, int, Any]], trained: int) -> dict[str, Any]:
    symmetric = model.settings.network.architecture == "conv_symmetric"
    peer = (
        SynchronousPhases(model.network, model.settings.nudging.beta) if symmetric else Backpropagation(model.network)
    )
    labels, tally = model.train.labels, model.tally()
    assert labels is not None
    ours: list[float] = []
    theirs: list[float] = []
    for number, place in enumerate(batches):
        ours.append(_seconds(partial(model.step, place, tally)))
        if not symmetric or number < STEPPED:
            rows = place[2]
            theirs.append(_seconds(partial(peer.step, model.train.inputs[rows], labels[rows])))
    return {
        "network": model.settings.network.architecture,
        "peer": "50 + 20 steps" if symmetric else "backpropagation",
        "trained": trained,
        "ours_seconds": median(ours),
        "peer_seconds": median(theirs),
        "ratio": median(theirs) / median(ours),
        "passes": (tally.free_sweeps + tally.clamped_sweeps) / tally.samples,
        "residual": max(tally.free_residual, tally.clamped_residual),
    }


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
