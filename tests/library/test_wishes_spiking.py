"""What a researcher wants of the spiking family, each wish in a few lines of public names."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ctsigprop as ct

RNG = np.random.default_rng(0)
Y = RNG.integers(3, size=300)
X = 40 * RNG.uniform(size=(3, 8, 8))[Y] + 8 * RNG.normal(size=(300, 8, 8))
SMALL = {"epochs": 4, "batch_size": 20, "quiet": True, "threads": 1}


def small_network(neuron: object = "integrate_and_fire") -> list[ct.spiking.Block]:
    """A convolution and a fully connected layer."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
    return [ct.spiking.Block(first, neuron, pool=nn.MaxPool2d(2)), ct.spiking.Block(nn.Linear(96, 20), neuron)]


def errors_fall(run: ct.Run) -> bool:
    """Whether the last epoch's error is below that of the first, and below that of guessing."""
    errors = [row["train_error"] for row in run.metrics]
    return errors[-1] < min(errors[0], 50)


@pytest.mark.parametrize("rule", ["SigProp", "Backprop", "Shallow"])
def test_own_arrays(rule: str) -> None:
    learner = getattr(ct.spiking, rule)(small_network(), shape=(8, 8), classes=3, steps=5, threshold=0.5)
    assert errors_fall(ct.fit(learner, ct.Dataset.from_arrays(X, Y), **SMALL))


def test_predictions_from_raw_inputs(tmp_path: Path) -> None:
    data = ct.Dataset.from_arrays(X, Y, test=(X[:60], Y[:60]))
    for coding in ("direct", "rate"):
        learner, again = (ct.spiking.SigProp(small_network(), (8, 8), 3, coding=coding) for _ in range(2))
        run = ct.fit(learner, data, run_dir=tmp_path / coding, **SMALL)
        loaded = ct.load_run(tmp_path / coding, learner=again)
        for network in (run.network, loaded.network):
            wrong = 100 * np.mean(network.predict(X[:60]) != Y[:60])
            assert wrong == pytest.approx(run.summary["test_error"])


def adapting(current: Tensor, before: tuple[Tensor, Tensor] | None, fire: ct.spiking.Fire) -> tuple[Tensor, Tensor]:
    """Leaky neurons that each spike makes slower."""
    v, adaptation = before or (torch.zeros_like(current), torch.zeros_like(current))
    v = 0.9 * v + current - adaptation
    spikes = fire(v)
    return v * (1 - spikes), 0.8 * adaptation + 0.1 * spikes


class Leaky(nn.Module):
    """Leaky neurons whose leak learns."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = nn.Parameter(torch.tensor(0.9))

    def forward(self, current: Tensor, before: Tensor | None, fire: ct.spiking.Fire) -> Tensor:
        v = current if before is None else self.kept * before + current
        return v - fire(v)


@pytest.mark.parametrize("rule", ["SigProp", "Backprop"])
def test_own_neuron(rule: str) -> None:
    learner = getattr(ct.spiking, rule)(small_network(adapting), (8, 8), 3)
    assert errors_fall(ct.fit(learner, ct.Dataset.from_arrays(X, Y), **SMALL))


@pytest.mark.parametrize("rule", ["SigProp", "Backprop"])
def test_own_neuron_with_a_parameter(rule: str) -> None:
    leaky = Leaky()
    blocks = [ct.spiking.Block(nn.Linear(64, 30), leaky)]
    run = ct.fit(getattr(ct.spiking, rule)(blocks, (8, 8), 3), ct.Dataset.from_arrays(X, Y), **SMALL)
    assert errors_fall(run)
    assert leaky.kept.item() != pytest.approx(0.9)


def test_own_optimizer() -> None:
    learner = ct.spiking.SigProp(
        small_network(), (8, 8), 3, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.02, momentum=0.9)
    )
    assert errors_fall(ct.fit(learner, ct.Dataset.from_arrays(X, Y), **SMALL))


def test_own_surrogate() -> None:
    boxcar = ct.spiking.Surrogate(
        primitive=lambda x: (x + 0.5).clamp(0, 1), derivative=lambda x: (x.abs() < 0.5).to(x.dtype), name="boxcar"
    )
    learner = ct.spiking.Backprop(small_network(), (8, 8), 3, surrogate=boxcar)
    assert errors_fall(ct.fit(learner, ct.Dataset.from_arrays(X, Y), **SMALL))


def test_a_callback_that_stops_early() -> None:
    class EnoughAfterTwo(ct.Callback):
        def after_epoch(self, moment: ct.Moment) -> None:
            if moment.epoch == 2:
                moment.stop()

    learner = ct.spiking.SigProp(small_network(), (8, 8), 3)
    run = ct.fit(learner, ct.Dataset.from_arrays(X, Y), callbacks=[EnoughAfterTwo()], **SMALL)
    assert len(run.metrics) == 2
