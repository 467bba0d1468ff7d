from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from ctsigprop.discrete import cost
from ctsigprop.discrete.cost import costs
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.errors import InputError
from ctsigprop.layered import cost as layered
from ctsigprop.layered.cost import batch_bytes, stage_bytes, stage_seconds
from ctsigprop.layered.learner import Learner, Signal, Stage, Step
from ctsigprop.settings import DataSettings, DiscreteSettings
from ctsigprop.settings.discrete import DiscreteLearningSettings, DiscreteNetworkSettings

FLOAT, SAMPLES, UNITS = 4, 6, 3


class Linear(Stage):
    """y = W h without bias, whose loss is the sum of y."""

    def __init__(self, name: str, features: int) -> None:
        super().__init__(name)
        self.layer = nn.Linear(features, UNITS, bias=False)
        self.learn_with(0.01)

    def step(self, signal: Signal, labels: Tensor) -> Step:
        y = self.layer(signal.h)
        y_out = y.detach()
        loss = y.sum()
        self.update(loss)
        return Signal(y_out), Step(loss.detach(), y_out)


def batches(count: int, features: int = 5) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(count):
        yield torch.ones(SAMPLES, features), torch.zeros(SAMPLES, dtype=torch.int64)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """perf_counter, to which every reading adds as much as the number of the reading."""
    readings: list[float] = []

    def reading() -> float:
        readings.append((readings[-1] if readings else 0.0) + len(readings))
        return readings[-1]

    monkeypatch.setattr(layered, "perf_counter", reading)
    return readings


def test_every_stage_is_timed_on_every_batch_but_those_of_the_warm_up(clock: list[float]) -> None:
    learner = Learner([Linear("layer 1", 5), Linear("output", UNITS)], UNITS)
    found = stage_seconds({"two": learner}, batches(4), warm_up=2)["two"]
    # A stage's seconds are the number of its second reading: batches 3 and 4 take readings 8 to 15.
    assert found.tolist() == [[9, 11], [13, 15]]


def test_learners_take_turns_batch_by_batch() -> None:
    trained: list[str] = []

    class Recorded(Linear):
        def step(self, signal: Signal, labels: Tensor) -> Step:
            trained.append(self.name)
            return super().step(signal, labels)

    learners = {name: Learner([Recorded(name, 5)], UNITS) for name in ("a", "b")}
    stage_seconds(learners, batches(3))
    assert trained == ["a", "b"] * 3


def test_a_stage_is_charged_with_its_signal_its_outputs_and_its_gradient() -> None:
    learner = Learner([Linear("layer 1", 5), Linear("output", UNITS)], UNITS)
    (first,) = batches(1)
    learner.step(*first)
    # signal, outputs, loss, its gradient 1 (the outputs' is a view of it) and the weights' gradient
    assert stage_bytes(learner, *first) == [
        FLOAT * (SAMPLES * features + SAMPLES * UNITS + 1 + 1 + features * UNITS) for features in (5, UNITS)
    ]


def test_nothing_to_count_is_refused() -> None:
    learner = Learner([Linear("output", 5)], UNITS)
    for warm_up in (0, 2):
        with pytest.raises(ValueError, match="warm_up"):
            stage_seconds({"one": learner}, batches(2), warm_up)


def peaks(algorithm: str, depths: tuple[int, ...]) -> list[int]:
    """Peak memory of a batch at several depths of equal layers."""
    width, samples, found = 64, 32, []
    for depth in depths:
        settings = DiscreteSettings(
            network=DiscreteNetworkSettings(hidden=(width,) * depth),
            learning=DiscreteLearningSettings(algorithm=algorithm),  # type: ignore[arg-type]
        )
        learner = learner_for(settings, (8, 8), 10)
        batch = torch.randn(samples, 1, 8, 8), torch.arange(samples) % 10
        learner.step(*batch)
        found.append(batch_bytes(learner, *batch))
    return found


def test_memory_of_signal_propagation_does_not_grow_with_depth() -> None:
    small, large = peaks("sp", (4, 32))
    scores = FLOAT * (32 * 10 + 1)  # of a layer, kept to the end of the step, and its loss
    assert large <= small + 28 * scores


def test_memory_of_backpropagation_grows_by_the_same_with_every_layer() -> None:
    found = peaks("bp", (4, 8, 12, 16))
    rises = [after - before for before, after in pairwise(found)]
    activations_and_gradient = FLOAT * (32 * 64 + 64 * 64)
    assert max(rises) == min(rises) >= 4 * activations_and_gradient


def test_costs_of_settings_are_of_the_networks_that_they_name() -> None:
    settings = DiscreteSettings(network=DiscreteNetworkSettings(hidden=(8, 8)))
    taken: list[int] = []
    named: Mapping[str, DiscreteSettings] = {
        name: replace(settings, learning=DiscreteLearningSettings(algorithm=name))  # type: ignore[arg-type]
        for name in ("bp", "sp")
    }
    found = costs(named, 2, 1, lambda: taken.append(1))
    assert [one.stage for one in found["sp"].stages] == ["layer 1", "layer 2", "output"]
    assert [one.stage for one in found["bp"].stages] == ["network"]
    kept_aside = 2 * (2 * 8 * 4 + 8)  # running mean and variance of two layers, and how often they were taken
    assert found["bp"].stages[0].bytes + kept_aside == found["bp"].bytes
    assert max(one.bytes for one in found["sp"].stages) <= found["sp"].bytes
    assert len(taken) == 3


def test_costs_are_those_of_a_run_whose_freed_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(cost, "keep_freed_memory", lambda: order.append("keep"))
    monkeypatch.setattr(cost, "stage_seconds", lambda *_: order.append("measure") or {"sp": torch.ones(1, 3).numpy()})
    costs({"sp": DiscreteSettings()}, 1, 1, lambda: None)
    assert order == ["keep", "measure"]


def test_more_batches_than_there_are_samples_are_refused() -> None:
    with pytest.raises(InputError, match=r"digits: has \d+ training samples, and needed are 12800"):
        costs({"sp": DiscreteSettings(data=DataSettings("digits"))}, 99, 1, lambda: None)
