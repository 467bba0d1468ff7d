"""Training a spiking network in a run folder: the schedule, what is written, that it learns, and that it goes on."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import torch

from ctsigprop.data import load
from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.flags import CONFIGS
from ctsigprop.runs import RunFolder
from ctsigprop.settings import DataSettings
from ctsigprop.settings.config import read_settings
from ctsigprop.settings.spiking import (
    PAPER_NETWORK,
    SpikingLearningSettings,
    SpikingNetworkSettings,
    SpikingSettings,
    SpikingTrainingSettings,
)
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.network import build
from ctsigprop.spiking.training import standard_for, train

SameRun = Callable[[RunFolder, RunFolder], None]
Resumed = Callable[[SpikingSettings, Sequence[int]], RunFolder]
Refuse = Callable[..., None]

MODELS = ("bp-surrogate", "shallow", "sp-surrogate", "sp-voltage")


def small(model: Any = "sp-surrogate", coding: Any = "direct", **settings: Any) -> SpikingSettings:
    """A run of eight batches an epoch."""
    return SpikingSettings(
        DataSettings("digits", limit=160),
        SpikingNetworkSettings((4, 6), 12, steps=3, coding=coding),
        SpikingLearningSettings(model, **{"rate": 5e-3} | settings),
        training=SpikingTrainingSettings(epochs=2, batch_size=20, threads=1, precision="float32", keep=(1,)),
    )


def trained(path: Path, settings: SpikingSettings) -> RunFolder:
    with RunFolder.create(path, settings) as run:
        train(settings, run, quiet=True)
    return run


@pytest.mark.parametrize("model", MODELS)
def test_a_run_writes_metrics_and_checkpoints(model: str, tmp_path: Path) -> None:
    settings = small(model)
    run = trained(tmp_path / "run", settings)
    assert run.settings() == settings
    for row in run.metrics():
        assert row["rate"] == settings.rate_of(row["epoch"])
        assert list(row["exits"]) == list(row["losses"])[-1:]
    assert {path.name for path in run.path.glob("*.npz")} == {
        "checkpoint-last.npz",
        "checkpoint-best.npz",
        "checkpoint-epoch-1.npz",
    }


@pytest.mark.parametrize(
    ("model", "coding", "update"),
    [("bp-surrogate", "rate", "end"), ("sp-surrogate", "rate", "end"), ("sp-voltage", "direct", "step")],
)
def test_stopped_and_resumed_it_is_bit_for_bit_the_same_run(
    model: str, coding: str, update: str, tmp_path: Path, assert_same_run: SameRun, stopped_and_resumed: Resumed
) -> None:
    settings = small(model, coding, update=update)
    run = stopped_and_resumed(settings, (3, 9))
    assert_same_run(run, trained(tmp_path / "undisturbed", settings))


def test_hidden_layers_learn_what_the_classification_layer_alone_cannot(tmp_path: Path) -> None:
    """By more than four standard deviations of what is counted, in whichever way sums are rounded."""
    data = load("digits")
    samples = len(data.validation.labels) + len(data.test.labels)  # as many of the one as of the other
    wrong = {}
    for model in MODELS:
        settings = replace(
            small(model),
            data=DataSettings("digits"),
            network=SpikingNetworkSettings((8, 16), 64),
            training=SpikingTrainingSettings(epochs=6, batch_size=32, threads=1, precision="float32"),
        )
        came = trained(tmp_path / model, settings).summary()
        wrong[model] = (came["best_validation_error"] + came["test_error"]) / 200
    as_drawn = wrong.pop("shallow")
    for share in wrong.values():
        deviation = sqrt((share * (1 - share) + as_drawn * (1 - as_drawn)) / samples)
        assert share < as_drawn - 4 * deviation


def test_the_rate_is_annealed_as_pytorch_does() -> None:
    settings = SpikingSettings()
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=64)
    for epoch in range(1, 65):
        assert settings.rate_of(epoch) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        ("bp-surrogate", {"learning.rate": 0.1}),
        ("shallow", {"learning.readout_rate": 0.2}),
        ("sp-voltage", {"learning.rate": 0.1, "learning.readout_rate": 0.2}),
    ],
)
def test_rates_that_count(model: Any, rates: dict[str, float]) -> None:
    learning = SpikingLearningSettings(model, 0.1, 0.2, half_period=3)
    settings = SpikingSettings(learning=learning, training=SpikingTrainingSettings(epochs=3))
    assert settings.rates == rates
    assert settings.rate_of(3) == pytest.approx(next(iter(rates.values())) / 4)


def test_no_run_is_longer_than_its_cosine() -> None:
    longer = SpikingTrainingSettings(epochs=65)
    words = "training.epochs = 65: must be at most learning.half_period = 64, .*: raise that too, in a new run"
    with pytest.raises(InputError, match=words):
        SpikingSettings(training=longer)
    settings = SpikingSettings(learning=SpikingLearningSettings(half_period=65), training=longer)
    rates = [settings.rate_of(epoch) for epoch in range(1, 66)]
    assert rates == sorted(rates, reverse=True)


OTHERS: dict[str, dict[str, Any]] = {
    "network": {
        "channels": (3, 5),
        "units": 11,
        "steps": 2,
        "threshold": 0.7,
        "reset": "soft",
        "leak": 0.1,
        "surrogate": "triangle",
        "coding": "latency",
    },
    "learning": {"update": "step", "rate": 1e-3, "readout_rate": 1e-3, "weight_decay": 0.5},
    "target": {"weights": "fixed", "density": "sparse"},
}
"""Another value of every setting; what only the rate of later epochs depends on is not seen in two batches."""


@pytest.mark.parametrize("model", MODELS)
def test_nothing_depends_on_a_setting_that_is_not_used(
    model: Any, assert_inactive_settings: Callable[..., None]
) -> None:
    images = torch.rand((20, 1, 8, 8), generator=torch.Generator().manual_seed(1))

    def learned(settings: SpikingSettings) -> dict[str, bytes]:
        learner = learner_for(settings, (8, 8), 10)
        for _ in range(2):
            learner.step(images, torch.arange(20) % 10)
        return {name: array.tobytes() for name, array in learner.parameter_arrays().items()}

    assert_inactive_settings(small(model), OTHERS, learned)


def test_every_setting_has_another_value() -> None:
    for group, content in OTHERS.items():
        later = {"model", "half_period", "neuron"}  # one neuron is shipped; tests of blocks have others
        assert {one.name for one in fields(getattr(small(), group))} - later == content.keys()


def test_what_becomes_spikes_is_an_intensity() -> None:
    split = load("digits").train
    images = split.channels_first()
    for coding in ("rate", "latency"):
        inputs = standard_for(small(coding=coding), split).inputs(images)
        assert (inputs.min(), inputs.max()) == (0, 1)
    inputs = standard_for(small(), split).inputs(images)
    assert inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert inputs.std().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("mnist-spiking-*.yaml")), ids=lambda path: path.stem)
def test_shipped_settings_are_those_of_the_paper(path: Path) -> None:
    settings, name = read_settings(path), path.stem.removeprefix("mnist-spiking-")
    model = "sp-surrogate" if name == "paper" else name
    networks = {"paper": PAPER_NETWORK, "shallow": SpikingNetworkSettings(units=2048)}
    assert settings == SpikingSettings(
        DataSettings("mnist"), networks.get(name, SpikingNetworkSettings()), SpikingLearningSettings(model)
    )


def test_the_network_thought_to_be_the_papers() -> None:
    network = build(SpikingSettings(network=PAPER_NETWORK), (28, 28), 10)
    assert [tuple(block.layer.weight.shape) for block in network.blocks] == [
        (128, 1, 3, 3),
        (128, 128, 3, 3),
        (2048, 128 * 7 * 7),
    ]
    assert (
        sum(parameter.numel() for parameter in network.parameters())
        == 1152 + 256 + 147_456 + 256 + 6272 * 2048 + 2048 + 20_490
    )


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (SpikingNetworkSettings, {"channels": (8,)}, r"network.channels = \[8\]: must be two numbers"),
        (SpikingNetworkSettings, {"channels": (8, 0)}, "network.channels = 0: must be"),
        (SpikingNetworkSettings, {"units": 0}, "network.units = 0: must be"),
        (SpikingNetworkSettings, {"threshold": 0.0}, "network.threshold = 0.0: must be a finite number at least 1e-06"),
        (SpikingNetworkSettings, {"threshold": 1e-50}, "network.threshold = 1e-50: must be a finite number at least"),
        (SpikingNetworkSettings, {"threshold": 1e39}, r"network.threshold = 1e\+39: must be .* and at most 1e\+06"),
        (SpikingNetworkSettings, {"reset": "none"}, "network.reset = 'none': must be one of hard, soft"),
        (SpikingNetworkSettings, {"leak": 1.5}, "network.leak = 1.5: must be"),
        (SpikingNetworkSettings, {"steps": 0}, "network.steps = 0: must be"),
        (SpikingNetworkSettings, {"surrogate": "atan"}, "must be one of arctan, sigmoid, triangle"),
        (SpikingNetworkSettings, {"coding": "phase"}, "must be one of direct, rate, latency"),
        (SpikingLearningSettings, {"model": "sp"}, "must be one of bp-surrogate, shallow, sp-surrogate, sp-voltage"),
        (SpikingLearningSettings, {"readout_rate": 0.0}, "learning.readout_rate = 0.0: must be"),
        (SpikingLearningSettings, {"half_period": 0}, "learning.half_period = 0: must be"),
        (SpikingLearningSettings, {"update": "never"}, "learning.update = 'never': must be one of end, step"),
    ],
)
def test_wrong_settings(kind: type[Any], values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        kind(**values)
