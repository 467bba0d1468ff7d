"""Blocks, neurons, surrogates and codings of one's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ctsigprop as ct
from ctsigprop.layered.learner import Signal
from ctsigprop.layered.seeding import Use, draw_weights, generator
from ctsigprop.settings.spiking import (
    SpikingLearningSettings,
    SpikingNetworkSettings,
    SpikingSettings,
    SpikingTrainingSettings,
)
from ctsigprop.spiking import CODINGS, NEURONS, SURROGATES, Block, Neuron
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.network import build
from ctsigprop.spiking.neurons import Neurons
from ctsigprop.spiking.own_neurons import OwnNeurons, neurons_of
from ctsigprop.spiking.sigprop import HiddenStage

ARCTAN = SURROGATES["arctan"]
RULES = [
    ("bp-surrogate", ct.spiking.Backprop, {}),
    ("shallow", ct.spiking.Shallow, {}),
    *(
        (f"sp-{reads}", ct.spiking.SigProp, {"reads": reads, "update": update})
        for reads in ("surrogate", "voltage")
        for update in ("end", "step")
    ),
]


def batch() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    return torch.rand(12, 1, 8, 8, generator=random), torch.randint(10, (12,), generator=random)


def papers_blocks() -> list[Block]:
    """Those of the settings, drawn from seed 0."""
    layers = [nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.Linear(24, 12)]
    for place, layer in enumerate(layers, start=1):
        draw_weights(layer, generator(0, place, Use.WEIGHTS))
    convolutions = [
        Block(layer, norm=nn.BatchNorm2d(channels), pool=nn.MaxPool2d(2))
        for layer, channels in zip(layers, (4, 6), strict=False)
    ]
    return [*convolutions, Block(layers[2])]


@pytest.mark.parametrize(("model", "rule", "options"), RULES)
def test_the_papers_blocks_learn_bit_for_bit_what_the_settings_make(
    model: Any, rule: Callable[..., Any], options: dict[str, Any]
) -> None:
    settings = SpikingSettings(
        network=SpikingNetworkSettings((4, 6), 12),
        learning=SpikingLearningSettings(model, update=options.get("update", "end")),
        training=SpikingTrainingSettings(precision="float32"),
    )
    learners = learner_for(settings, (8, 8), 10), rule(papers_blocks(), (8, 8), 10, **options)
    for _ in range(3):
        for learner in learners:
            learner.step(*batch())
    shipped, own = (learner.arrays() for learner in learners)
    assert shipped.keys() == own.keys()
    for name, value in shipped.items():
        np.testing.assert_array_equal(own[name], value)


def integrate_and_fire(neuron: Neuron) -> Callable[..., Tensor]:
    """The shipped neuron, written as one's own."""

    def dynamics(current: Tensor, before: Tensor | None, fire: Callable[[Tensor], Tensor]) -> Tensor:
        v = current if before is None else current + (1 - neuron.leak) * before
        spikes = fire(v)
        return v * (1 - spikes) if neuron.reset == "hard" else v - neuron.threshold * spikes

    return dynamics


@pytest.mark.parametrize("neuron", [Neuron(0.5), Neuron(0.7, "soft", 0.2)])
@pytest.mark.parametrize("entering", [1, 4])
def test_a_neuron_of_ones_own_is_the_shipped_one_where_it_says_the_same(neuron: Neuron, entering: int) -> None:
    random = torch.Generator().manual_seed(1)
    currents = torch.randn((entering, 5, 2, 3, 3), generator=random, dtype=torch.float64, requires_grad=True)
    weights = torch.randn((4, 5, 2, 3, 3), generator=random, dtype=torch.float64)
    shipped, own = Neurons(neuron, ARCTAN, 4), OwnNeurons(integrate_and_fire(neuron), neuron.threshold, ARCTAN, 4)
    assert torch.equal(own(currents), shipped(currents))
    torch.testing.assert_close(own.traced(currents), shipped.traced(currents))
    for passed in ("forward", "voltages"):
        gradients = [
            torch.autograd.grad((getattr(neurons, passed)(currents) * weights).sum(), currents)[0]
            for neurons in (own, shipped)
        ]
        torch.testing.assert_close(*gradients)
    after_own = after_shipped = None
    for current in currents.detach():
        (v_own, after_own), (v_shipped, after_shipped) = (
            own.in_time(current[None], after_own),
            shipped.in_time(current[None], after_shipped),
        )
        torch.testing.assert_close(v_own, v_shipped)


POOLS = [nn.AvgPool2d(2), nn.MaxPool2d(2), nn.AvgPool2d(3, stride=1, padding=1), nn.LPPool2d(2, 2)]


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("update", ["end", "step"])
@pytest.mark.parametrize("reads", ["surrogate", "voltage"])
def test_what_a_layer_hands_on_in_training_is_what_it_hands_on_in_inference(
    pool: nn.Module, update: Any, reads: Any
) -> None:
    torch.manual_seed(0)
    blocks = [Block(nn.Conv2d(1, 4, 3, padding=1), pool=pool), Block(nn.LazyLinear(12))]
    blocks[1].synapse(torch.zeros(1, int(np.prod(pool(torch.zeros(1, 4, 8, 8)).shape))))
    learner = ct.spiking.SigProp(blocks, (8, 8), 10, reads=reads, update=update)
    first = learner.hidden[0]
    images, labels = batch()
    expected = first(Signal(images)).h
    handed: list[Tensor] = []
    name = "step" if update == "end" else "step_in_time"
    taken = getattr(first, name)

    def watched(*given: Any) -> Any:
        passed = taken(*given)
        handed.append(passed[0].h)
        return passed

    setattr(first, name, watched)
    first.optimizer = torch.optim.SGD(first.parameters(), lr=0.0)
    learner.step(images, labels)
    found = torch.cat(handed)
    torch.testing.assert_close(found, expected)
    assert 0 < found.mean() < 1


@pytest.mark.parametrize("reads", ["surrogate", "voltage"])
def test_the_loss_of_a_layer_with_average_pooling_reads_the_averages_of_what_it_reads(reads: Any) -> None:
    block = Block(nn.Conv2d(1, 4, 3, padding=1), pool=nn.AvgPool2d(2))
    stage = ct.spiking.SigProp([block], (8, 8), 10, reads=reads).hidden[0]
    read: list[Tensor] = []
    scores = stage.loss.scores
    stage.loss.scores = lambda h, t: (read.append(h), scores(h, t))[1]  # type: ignore[method-assign, func-returns-value]
    images, labels = batch()
    before = stage.block.neurons.voltages(stage.block.currents(images[None]))
    smooth = torch.atan(torch.pi * (before - 0.5)) / torch.pi + 0.5 if reads == "surrogate" else before
    stage.step(Signal(images), labels)
    torch.testing.assert_close(read[0], nn.functional.avg_pool2d(smooth.mean(0), 2))


@pytest.fixture
def empty_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (NEURONS, SURROGATES, CODINGS):
        monkeypatch.setattr(registry, "_added", {})


@pytest.mark.usefixtures("empty_registries")
def test_settings_choose_what_was_added_by_its_name() -> None:
    boxcar = SURROGATES.add(
        ct.spiking.Surrogate(lambda x: (x + 0.5).clamp(0, 1), lambda x: (x.abs() < 0.5) * 1.0, "box")
    )
    NEURONS.add(ct.spiking.NeuronKind("own", integrate_and_fire))
    CODINGS.add(
        ct.spiking.Coding("half", lambda steps, seed: nn.Sequential(nn.Threshold(0.5, 0.0), nn.Unflatten(0, (1, -1))))
    )
    chosen = SpikingNetworkSettings((4, 6), 12, surrogate="box", neuron="own", coding="half", leak=0.1)
    network = build(SpikingSettings(network=chosen), (8, 8), 10)
    shipped = build(SpikingSettings(network=SpikingNetworkSettings((4, 6), 12, surrogate="box", leak=0.1)), (8, 8), 10)
    assert all(block.neurons.surrogate is boxcar for block in network.blocks)
    assert all(isinstance(block.neurons, OwnNeurons) for block in network.blocks)
    images = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(network.coding(images), torch.where(images > 0.5, images, 0)[None])
    x = torch.rand(1, 3, 1, 8, 8)
    torch.testing.assert_close(network.of_sequence(x), shipped.of_sequence(x))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("surrogate", "arctan, sigmoid, triangle"),
        ("coding", "direct, rate, latency"),
        ("neuron", "integrate_and_fire"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(name: str, known: str) -> None:
    for wrong in ("arctn", 3, None):
        with pytest.raises(ct.InputError, match=rf"network.{name} = {wrong!r}: must be one of {known}"):
            SpikingNetworkSettings(**{name: wrong})  # type: ignore[arg-type]


def twice(current: Tensor, before: Any, fire: Any) -> Tensor:
    return current * fire(current) * fire(current)


def of_another_shape(current: Tensor, before: Any, fire: Any) -> Tensor:
    spikes: Tensor = fire(current[:, :1])
    return spikes


def keeps_a_list(current: Tensor, before: Any, fire: Any) -> list[Tensor]:
    return [fire(current)]


LINEAR = nn.Linear(64, 5)


@pytest.mark.parametrize(
    ("blocks", "options", "said"),
    [
        ([], {}, r"blocks = \[\]: must be at least one Block"),
        ([Block(nn.Linear(10, 5))], {}, r"block 1: .*does not take samples of shape \(1, 8, 8\)"),
        ([Block(LINEAR), Block(nn.Linear(5, 4)), Block(nn.Linear(5, 4))], {}, "block 3: .*shape"),
        (
            [Block(LINEAR), Block(nn.Sequential(nn.Linear(5, 64), nn.ReLU(), LINEAR))],
            {},
            "block 2: shares weights with",
        ),
        (
            [Block(LINEAR, "izhikevich")],
            {},
            "block 1: network.neuron = 'izhikevich': must be one of integrate_and_fire",
        ),
        ([Block(LINEAR, 3)], {}, "block 1: neuron = 3: must be a name, a Neuron, or a function"),  # type: ignore[arg-type]
        ([Block(LINEAR)], {"steps": 0}, "steps = 0: must be a whole number, at least 1"),
        ([Block(LINEAR)], {"threshold": 0}, "threshold = 0: must be a finite number at least 1e-06"),
        ([Block(LINEAR)], {"coding": "burst"}, "network.coding = 'burst': must be one of direct, rate, latency"),
        ([Block(LINEAR)], {"surrogate": "box"}, "network.surrogate = 'box': must be one of arctan"),
        ([Block(LINEAR)], {"reads": "spikes"}, "reads = 'spikes': must be one of surrogate, voltage"),
        ([Block(LINEAR, twice)], {}, "neuron twice: calls fire 2 times in a step: must call it once"),
        ([Block(LINEAR, of_another_shape)], {}, r"shape \(12, 1\) to fire: must be \(12, 5\), as the currents"),
        ([Block(LINEAR, keeps_a_list)], {}, "neuron: keeps a list for the next step: must be a tensor or a tuple"),
    ],
)
def test_what_cannot_be_used_is_refused(blocks: list[Block], options: dict[str, Any], said: str) -> None:
    with pytest.raises(ct.InputError, match=said):
        ct.spiking.SigProp(blocks, (8, 8), 10, **options).step(*batch())


def test_a_run_of_random_spikes_that_is_resumed_is_the_one_that_was_not(tmp_path: Path) -> None:
    images, labels = batch()
    data = ct.Dataset.from_arrays(images.repeat(5, 1, 1, 1).numpy(), labels.repeat(5).numpy())

    def fitted(name: str, epochs: int, *, resume: bool = False) -> ct.Run:
        neuron = integrate_and_fire(Neuron(0.5, leak=0.1))
        torch.manual_seed(0)
        learner = ct.spiking.SigProp([Block(nn.Linear(64, 8), neuron)], (1, 8, 8), 10, coding="rate")
        return ct.fit(learner, data, epochs=epochs, batch_size=16, run_dir=tmp_path / name, resume=resume, quiet=True)

    fitted("halves", 1)
    first, second = fitted("halves", 2, resume=True), fitted("whole", 2)
    losses = [[row["losses"] for row in run.metrics] for run in (first, second)]
    assert losses[0] == losses[1]


def test_what_ones_own_blocks_do_can_be_recorded() -> None:
    blocks = [Block(nn.Conv2d(1, 4, 3, padding=1), integrate_and_fire(Neuron(0.5)), pool=nn.AvgPool2d(2))]
    for rule in (ct.spiking.SigProp, ct.spiking.Backprop):
        network = ct.spiking.network_of(rule(blocks, (8, 8), 10, threshold=0.5)).eval()
        found = ct.spiking.record(network, network.coding(batch()[0]))
        torch.testing.assert_close(found.logits, network(batch()[0]))
        assert found.layers[0].spikes.shape == found.layers[0].reset.shape == (4, 12, 4, 8, 8)


def test_a_layer_of_neurons_by_every_kind_of_choice() -> None:
    given = Neuron(0.5, "soft", 0.1)
    assert neurons_of("integrate_and_fire", given, ARCTAN, 4).neuron == given
    assert neurons_of(NEURONS["integrate_and_fire"], given, ARCTAN, 4).neuron == given
    assert neurons_of(Neuron(2.0), given, ARCTAN, 4).neuron == Neuron(2.0)
    assert neurons_of(twice, given, ARCTAN, 4).threshold == 0.5
    assert isinstance(ct.spiking.SigProp([Block(nn.Linear(64, 5))], (8, 8), 10).stages[0], HiddenStage)
