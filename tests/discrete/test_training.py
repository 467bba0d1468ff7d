"""A training run: what it writes, that it learns, and that one which was stopped goes on as if it had not been."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ctsigprop.data import load
from ctsigprop.discrete import training
from ctsigprop.discrete.network import Network, _Stack
from ctsigprop.discrete.rules.backprop import bp_learner
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.discrete.training import load_learner, train
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.layered import training as layered
from ctsigprop.layered.batches import Standard
from ctsigprop.layered.diagnosis import warnings_of
from ctsigprop.layered.epoch import Count
from ctsigprop.layered.evaluation import error_rates
from ctsigprop.layered.learner import Learner, Signal, Stage, Step
from ctsigprop.runs import RunFolder
from ctsigprop.settings import DataSettings, Settings
from ctsigprop.settings.discrete import (
    DiscreteLearningSettings,
    DiscreteNetworkSettings,
    DiscreteSettings,
    DiscreteTrainingSettings,
)

Rows = Callable[[RunFolder], list[dict[str, Any]]]
SameRun = Callable[[RunFolder, RunFolder], None]
Stopping = Callable[[int], AbstractContextManager[None]]

ALGORITHMS = ("sp", "bp", "fa", "dfa", "dtp", "sg", "ff", "ll-bp", "ll-fa", "shallow")
BATCHES = 8
EPOCHS = 3


def small(algorithm: str = "bp", *, rate: float = 5e-3, **settings: Any) -> DiscreteSettings:
    """A run of eight batches an epoch."""
    return DiscreteSettings(
        DataSettings("digits", limit=151),  # the last batch would be a single sample
        DiscreteNetworkSettings(hidden=(16, 12), dropout=0.2),
        DiscreteLearningSettings(algorithm, rate),
        training=DiscreteTrainingSettings(
            **{"epochs": EPOCHS, "batch_size": 20, "threads": 1, "augment": "crop-flip"} | settings
        ),
    )


def trained(path: Path, settings: DiscreteSettings) -> RunFolder:
    with RunFolder.create(path, settings) as run:
        train(settings, run, quiet=True)
    return run


def convolutional(settings: DiscreteSettings, shape: tuple[int, ...], classes: int) -> Learner:
    """Backpropagation in two small convolutional layers."""
    stack = _Stack(settings, shape)
    stack.conv(6, kernel=3).pooled(kernel=2, padding=0)
    stack.conv(5, kernel=3)
    return bp_learner(Network(stack.blocks, classes, settings.training.seed), settings)


def test_a_run_folder_holds_what_the_design_asks_for(tmp_path: Path) -> None:
    settings = small("ll-bp", keep=(2,))
    run = trained(tmp_path / "run", settings)
    stages = ["layer 1", "layer 2", "output"]
    for number, row in enumerate(run.metrics(), start=1):
        assert row["epoch"] == number
        assert 0 <= row["train_error"] <= 100
        assert list(row["losses"]) == stages
        assert all(np.isfinite(loss) for loss in row["losses"].values())
        assert row["exits"].keys() <= set(stages)
        assert {name: row[name] for name in ("validation_error", "test_error")} == row["exits"]["output"]
        assert row["rate"] == settings.rate_of(number)
        assert 0 < row["training_seconds"] <= row["seconds"]
        assert isinstance(row["warnings"], dict)
    assert len(run.metrics()) == EPOCHS
    names = ["config.yaml", "metrics.jsonl", "summary.json"]
    names += [f"checkpoint-{kind}.npz" for kind in ("last", "best", "epoch-2")]
    assert set(names) <= {path.name for path in run.path.iterdir()}
    assert run.settings() == settings
    summary = json.loads((run.path / "summary.json").read_text())
    best = min(reversed(run.metrics()), key=lambda row: row["validation_error"])
    assert summary["best_epoch"] == best["epoch"]
    assert summary["best_validation_error"] == best["validation_error"]
    assert summary["test_error"] == best["test_error"]
    assert summary["final_train_error"] == run.metrics()[-1]["train_error"]
    assert summary["seconds"] == pytest.approx(sum(row["seconds"] for row in run.metrics()))
    assert {"packages", "git_revision", "seed", "cpu"} <= summary.keys()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_trained_learner_predicts_as_its_run_reported(tmp_path: Path, algorithm: str) -> None:
    run = trained(tmp_path / "run", small(algorithm, keep=(1,)))
    for kind in ("best", "last", "epoch-1"):
        learner, settings, data = load_learner(run, kind)
        assert settings == small(algorithm, keep=(1,))
        assert not learner.training
        row = run.metrics()[run.load_checkpoint(kind)[1]["epoch"] - 1]
        standard = Standard.of(data.train.channels_first())
        for name, split in (("validation_error", data.validation), ("test_error", data.test)):
            reported = {stage: errors[name] for stage, errors in row["exits"].items()}
            assert error_rates(learner, split, standard) == reported


def test_errors_and_losses_are_those_of_the_samples() -> None:
    """Against one batch of everything, taken by hand."""
    data, settings = load("digits"), small()
    learner = convolutional(settings, data.planes, data.classes).eval()
    standard = Standard.of(data.train.channels_first())
    scores = learner.scores(standard.inputs(data.test.channels_first()))["network"]
    wrong = (scores.argmax(dim=1).numpy() != data.test.labels).mean()
    assert error_rates(learner.train(), data.test, standard) == {"network": pytest.approx(100 * wrong)}
    assert not learner.training


class Counting(Stage):
    """Its loss is the batch's number, and its prediction the class 0."""

    def __init__(self) -> None:
        super().__init__("counting")
        self.register_buffer("seen", torch.zeros(()))
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.learn_with(1.0)

    def forward(self, signal: Signal) -> Signal:
        return signal

    def step(self, signal: Signal, labels: torch.Tensor) -> Step:
        self.seen += 1
        return signal, Step(self.seen.clone(), self.scores(signal))

    def scores(self, signal: Signal) -> torch.Tensor:
        return torch.eye(10)[torch.zeros(len(signal.h), dtype=torch.int64)]


def test_an_epoch_adds_up_by_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "learner_for", lambda settings, shape, classes: Learner([Counting()], 10))
    settings = small(epochs=1)
    settings = replace(settings, data=DataSettings("digits", limit=50))
    (row,) = trained(tmp_path / "run", settings).metrics()
    assert row["losses"] == {"counting": pytest.approx((20 * 1 + 20 * 2 + 10 * 3) / 50)}
    assert row["train_error"] == pytest.approx(100 * (load("digits").train.labels[:50] != 0).mean())


def test_it_learns_the_digits(tmp_path: Path) -> None:
    settings = small(rate=0.02, epochs=6, augment="none")
    settings = replace(settings, data=DataSettings("digits"))
    assert trained(tmp_path / "run", settings).metrics()[-1]["validation_error"] < 15


@pytest.mark.parametrize(
    ("algorithm", "batches"),
    [(algorithm, (3, BATCHES + 4)) for algorithm in ALGORITHMS] + [("bp", (1, 2, BATCHES)), ("bp", (BATCHES + 1,))],
)
def test_a_run_stopped_between_batches_goes_on_bit_for_bit(
    tmp_path: Path, stopping_before: Stopping, assert_same_run: SameRun, algorithm: str, batches: Sequence[int]
) -> None:
    settings = small(algorithm, keep=(1,))
    check_stops(tmp_path, settings, batches, stopping_before, assert_same_run)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_so_does_one_of_convolutions(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stopping_before: Stopping,
    assert_same_run: SameRun,
    precision: str,
    channels_last: bool,
) -> None:
    monkeypatch.setattr(training, "learner_for", convolutional)
    settings = small(precision=precision, channels_last=channels_last)
    check_stops(tmp_path, settings, (5, BATCHES + 2), stopping_before, assert_same_run)


def check_stops(
    folder: Path, settings: DiscreteSettings, batches: Sequence[int], stopping: Stopping, assert_same_run: SameRun
) -> None:
    undisturbed = trained(folder / "undisturbed", settings)
    with RunFolder.create(folder / "stopped", settings) as stopped:
        for time, batch in enumerate(batches):
            with stopping(batch), pytest.raises(KeyboardInterrupt):
                train(settings, stopped, resume=time > 0, quiet=True)
        train(settings, stopped, resume=True, quiet=True)
    assert_same_run(stopped, undisturbed)


class Killed(Exception):
    """Stands for a kill: nothing of the run catches it."""


@pytest.mark.parametrize(("epoch", "batch"), [(1, 2), (2, 0), (3, BATCHES - 1)])
def test_a_kill_repeats_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_same_run: SameRun, epoch: int, batch: int
) -> None:
    settings, original, left = small(), Learner.step, (epoch - 1) * BATCHES + batch

    def dying(*arguments: Any) -> list[Step]:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return original(*arguments)

    with RunFolder.create(tmp_path / "run", settings) as run:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Learner, "step", dying)
            train(settings, run, quiet=True)
        assert len(run.metrics()) == epoch - 1
        train(settings, run, resume=epoch > 1, quiet=True)
    assert_same_run(run, trained(tmp_path / "undisturbed", settings))


def test_a_finished_run_can_be_trained_further(tmp_path: Path, rows: Rows) -> None:
    """As long as the rate has not decayed by the number of epochs."""
    constant, longer = (replace(one, learning=replace(one.learning, decay=1.0)) for one in (small(epochs=1), small()))
    run = trained(tmp_path / "run", constant)
    train(longer, run, resume=True, quiet=True)
    assert rows(run) == rows(trained(tmp_path / "undisturbed", longer))
    again = rows(run)
    train(longer, run, resume=True, quiet=True)
    assert rows(run) == again


def test_a_seed_is_a_run(tmp_path: Path, rows: Rows, assert_same_run: SameRun) -> None:
    one, two, other = (trained(tmp_path / name, small(seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert_same_run(one, two)
    assert rows(one) != rows(other)


def test_the_rate_decays_after_fractions_of_the_epochs() -> None:
    settings = small(rate=1.0, epochs=100)
    rates = [settings.rate_of(epoch) for epoch in range(1, 101)]
    assert rates == [0.25**0] * 50 + [0.25**1] * 25 + [0.25**2] * 14 + [0.25**3] * 5 + [0.25**4] * 6


def test_every_stage_learns_at_the_rate_of_the_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, original = [], Learner.step

    def watching(self: Learner, *arguments: Any) -> list[Step]:
        seen.append({group["lr"] for stage in self.stages for group in stage.optimizer.param_groups})
        return original(self, *arguments)

    monkeypatch.setattr(Learner, "step", watching)
    settings = small("ll-bp", epochs=4)
    trained(tmp_path / "run", settings)
    assert seen == [{settings.rate_of(1 + batch // BATCHES)} for batch in range(4 * BATCHES)]


@pytest.mark.parametrize("often", [1, 3, 100])
def test_a_loss_that_is_no_number_ends_the_run_and_spares_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, often: int
) -> None:
    run = trained(tmp_path / "run", small("shallow", epochs=1))
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    wild, original = small("shallow", rate=1e38), Count.__init__

    def reading(self: Count, *arguments: Any) -> None:
        original(self, *arguments)
        self._often = often

    monkeypatch.setattr(Count, "__init__", reading)
    with pytest.raises(RunFailure, match=r"^output: the loss is no longer finite in epoch 2.*: lower learning\.rate"):
        train(wild, run, resume=True, quiet=True)
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_a_gpu_that_is_not_there_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(layered, "dataset_of", pytest.fail)
    settings = small(device="cuda")
    with RunFolder.create(tmp_path / "run", settings) as run, pytest.raises(InputError) as refusal:
        train(settings, run, quiet=True)
    assert str(refusal.value).startswith("training.device = 'cuda': must be cpu here")
    assert "\n" not in str(refusal.value)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", small(epochs=1))
    before = run.checkpoint("last").read_bytes()
    other = replace(small(), network=DiscreteNetworkSettings(hidden=(16, 13)))
    with pytest.raises(InputError, match="another network"):
        train(other, run, resume=True, quiet=True)
    assert run.checkpoint("last").read_bytes() == before


def test_a_run_of_another_family_has_no_learner(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", Settings()) as run, pytest.raises(InputError, match="continuous family"):
        load_learner(run)


@pytest.mark.parametrize("wrong", [-1, 10])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_label_that_is_no_class_is_refused(algorithm: str, wrong: int) -> None:
    data = load("digits")
    learner = learner_for(small(algorithm), data.shape, data.classes)
    before = learner.arrays()
    with pytest.raises(InputError, match=f"^labels: {wrong} is no class: must be from 0 to 9: .*$"):
        learner.step(torch.zeros(3, 1, 8, 8), torch.tensor([0, wrong, 9]))
    assert all(value.tobytes() == before[name].tobytes() for name, value in learner.arrays().items())


def row(validation_error: float, **losses: float) -> dict[str, Any]:
    return {"validation_error": validation_error, "losses": losses}


@pytest.mark.parametrize(
    ("history", "now", "expected"),
    [
        ([], row(90.0, a=9.0), set()),
        ([row(90.0, a=2.0)], row(89.9, a=1.0), set()),
        ([row(90.0, a=2.0)], row(90.0, a=1.0), {"chance"}),
        ([row(50.0, a=2.0, b=2.0), row(50.0, a=1.0, b=3.0)], row(50.0, a=1.5, b=2.5), {"rising"}),
    ],
)
def test_warnings(history: list[dict[str, Any]], now: dict[str, Any], expected: set[str]) -> None:
    """The commonest class of the digits' validation set has 10 % of its samples."""
    found = warnings_of(now, history, load("digits"), {"learning.rate": 0.1, "learning.readout_rate": 0.2})
    assert found.keys() == expected
    remedy = ": change learning.rate = 0.1 or learning.readout_rate = 0.2"
    assert all(sentence.endswith(remedy) for sentence in found.values())
    assert "rising" not in expected or "the loss of b is" in found["rising"]
