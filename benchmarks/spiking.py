"""A step of training by backpropagation through the surrogate, beside snnTorch's and SpikingJelly's neurons.

The network of Table V, its loss and Adam are the same for all three, and so are weights and images; see
`ctsigprop.benchmarks.spiking_peers`. First shown, in float32: the same loss and the same gradients. Then steps are
timed, in turns, in float32 and in bfloat16, with images laid out channels first and channels last: each contestant
counts with the layout that suits it. Images are random, since the time depends on their shape alone. In bfloat16
voltages are float32 here, and as wide as each package makes them there.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import product
from statistics import median
from typing import Any

import torch
from torch import Tensor

from ctsigprop.benchmarks.spiking_peers import PEERS, replace_neurons
from ctsigprop.core.environment import environment
from ctsigprop.core.threads import set_threads
from ctsigprop.errors import RunFailure
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.training import placed
from ctsigprop.settings.config import settings_from
from ctsigprop.settings.discrete import Precision
from ctsigprop.settings.spiking import SpikingNetworkSettings, SpikingSettings
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.monitor.recording import network_of

SHAPE, CLASSES = (1, 28, 28), 10
OURS = "ctsigprop"
CONTESTANTS = (OURS, *PEERS)
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
TOLERANCE = 1e-4
"""Largest relative difference of a loss or a gradient that still counts as rounding."""
FULL: dict[str, Any] = {"network": {}, "batch_size": 128, "rounds": 15}
QUICK: dict[str, Any] = {"network": {"channels": (4, 8), "units": 16}, "batch_size": 8, "rounds": 3}
FEWEST, BUDGET_SECONDS = 3, 120.0


@dataclass
class Contestant:
    """A learner with neurons of one kind.

    Attributes:
        name: of the neurons.
        precision: of the products.
        channels_last: layout of images and convolutions.
        learner: trains the network.
        seconds: of every timed step.
    """

    name: str
    precision: Precision
    channels_last: bool
    learner: Learner
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, precision: Precision, channels_last: bool, plan: dict[str, Any]) -> "Contestant":
        """One that begins with the same weights as all others.

        Raises:
            InputError: the package is not installed.
        """
        form = {"precision": precision, "channels_last": channels_last}
        learner = learner_of(plan, network={}, learning={"model": "bp-surrogate"}, training=form)
        if name != OURS:
            replace_neurons(network_of(learner), PEERS[name])
        return cls(name, precision, channels_last, learner)

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Trains on a batch, and notes the seconds."""
        form = torch.channels_last if self.channels_last else torch.contiguous_format
        inputs = images.contiguous(memory_format=form)
        started = time.perf_counter()
        self.learner.step(inputs, labels)
        self.seconds.append(time.perf_counter() - started)


def run(quick: bool = False) -> dict[str, Any]:
    """Compares gradients, then times the steps.

    Args:
        quick: a small network and a few rounds, to see that the benchmark runs.

    Raises:
        InputError: a package is not installed.
        RunFailure: a peer's loss or gradients are others.
    """
    plan = QUICK if quick else FULL
    set_threads(1)
    images, labels = batch_of(plan["batch_size"])
    contestants = [
        Contestant.of(name, precision, channels_last, plan)
        for precision, channels_last, name in product(PRECISIONS, (False, True), CONTESTANTS)
    ]
    found = {one.name: one for one in contestants if one.precision == "float32" and not one.channels_last}
    ours = found.pop(OURS)
    differences = {name: difference(ours.learner, one.learner, images, labels) for name, one in found.items()}
    for name, largest in differences.items():
        if not largest <= TOLERANCE:
            raise RunFailure(
                f"{name}: loss or gradients differ by {largest:.1e}, relatively: must be {TOLERANCE:g} at most"
            )
    rounds = _time_in_turns(contestants, images, labels, plan["rounds"])
    rows = [
        {
            "name": one.name,
            "precision": one.precision,
            "channels_last": one.channels_last,
            "milliseconds": 1e3 * median(one.seconds[1:]),
            "fastest_milliseconds": 1e3 * min(one.seconds[1:]),
        }
        for one in contestants
    ]
    return {
        "network": asdict(SpikingNetworkSettings(**plan["network"])),
        "batch_size": plan["batch_size"],
        "rounds": rounds,
        "threads": 1,
        "largest_difference": differences,
        "rows": rows,
        "ratios": {precision: _ratios(rows, precision) for precision in PRECISIONS},
        "peers": {name: version(name) for name in ("snntorch", "spikingjelly")},
        **environment(),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text, a line for each contestant."""
    network = figures["network"]
    channels = "-".join(str(count) for count in network["channels"])
    worst = max(figures["largest_difference"].values())
    lines = [
        f"a step of BP, surrogate: {channels} channels, {network['units']} units, {network['steps']} steps, "
        f"batch {figures['batch_size']}, {figures['threads']} thread",
        f"largest relative difference of loss and gradients in float32: {worst:.1e}",
        f"{'':<24}{'channels first':>16}{'channels last':>16}{'ratio':>8}",
    ]
    milliseconds = {
        (row["precision"], row["name"], row["channels_last"]): row["milliseconds"] for row in figures["rows"]
    }
    for precision, name in product(PRECISIONS, CONTESTANTS):
        first, last = (milliseconds[precision, name, channels_last] for channels_last in (False, True))
        ratio = figures["ratios"][precision][name]
        lines.append(f"{f'{name}, {precision}':<24}{first:>13.1f} ms{last:>13.1f} ms{ratio:>8.2f}")
    return "\n".join([*lines, f"ratio: the better layout, to that of {OURS}"])


def batch_of(samples: int) -> tuple[Tensor, Tensor]:
    """Random images, standardised, shape (samples, 1, 28, 28), and labels, shape (samples,)."""
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (samples,), generator=random)
    return torch.randn((samples, *SHAPE), generator=random), labels


def learner_of(
    plan: dict[str, Any], *, network: Mapping[str, Any], learning: Mapping[str, Any], training: Mapping[str, Any]
) -> Learner:
    """What trains a plan's network on one thread, freshly drawn; the settings given go before those of the plan."""
    values = {
        "network": {**plan["network"], **network},
        "learning": learning,
        "training": {"batch_size": plan["batch_size"], "threads": 1, **training},
    }
    settings: SpikingSettings = settings_from(values, "spiking")
    return placed(learner_for(settings, SHAPE, CLASSES), settings)


def difference(ours: Learner, theirs: Learner, images: Tensor, labels: Tensor) -> float:
    """Largest difference of the losses and of any parameter's gradients, relative to the largest entry of ours."""
    pairs = zip(_loss_and_gradients(ours, images, labels), _loss_and_gradients(theirs, images, labels), strict=True)
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)


def _loss_and_gradients(learner: Learner, images: Tensor, labels: Tensor) -> list[Tensor]:
    network = network_of(learner)
    loss = torch.nn.functional.cross_entropy(network(images), labels)
    return [loss.detach(), *torch.autograd.grad(loss, list(network.parameters()))]


def _time_in_turns(contestants: list[Contestant], images: Tensor, labels: Tensor, rounds: int) -> int:
    """Rounds that were timed, after one of warming up."""
    begun = time.perf_counter()
    for done in range(rounds + 1):
        if done > FEWEST and time.perf_counter() - begun > BUDGET_SECONDS:
            return done - 1
        for one in contestants:
            one.step(images, labels)
    return rounds


def _ratios(rows: list[dict[str, Any]], precision: str) -> dict[str, float]:
    """Milliseconds of each contestant over ours, each with its better layout."""
    best = {
        name: min(row["milliseconds"] for row in rows if (row["name"], row["precision"]) == (name, precision))
        for name in CONTESTANTS
    }
    return {name: milliseconds / best[OURS] for name, milliseconds in best.items()}
