"""The network of Table V: its layers, steps folded into the batch, codings, targets."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ctsigprop.errors import InputError
from ctsigprop.settings.spiking import SpikingLearningSettings, SpikingNetworkSettings, SpikingSettings
from ctsigprop.spiking.coding import CODINGS, Latency, Rate
from ctsigprop.spiking.network import SpikingNetwork, build
from ctsigprop.spiking.neuron import Neuron, step

STEPS = 5


def small(**network: object) -> SpikingSettings:
    chosen = {"channels": (4, 6), "units": 12, "steps": STEPS} | network
    return SpikingSettings(network=SpikingNetworkSettings(**chosen))  # type: ignore[arg-type]


def step_by_step(network: SpikingNetwork, sequence: Tensor) -> Tensor:
    """Logits at each step, with the neurons' step function in a loop and nothing folded."""
    voltages = [torch.zeros(()) for _ in network.blocks]
    outputs = []
    for x in sequence:
        for place, block in enumerate(network.blocks):
            if x.dim() == 4 and place == 2:
                x = x.flatten(1)
            current = block.norm(block.layer(x))
            voltages[place] = voltages[place].expand_as(current)
            voltages[place], spikes = step(voltages[place], current, block.neurons.neuron)
            x = block.pool(spikes)
        outputs.append(network.readout.layer(x))
    return torch.stack(outputs)


def test_the_layers_are_those_of_the_paper() -> None:
    network = build(SpikingSettings(), (28, 28), 10)
    assert [tuple(block.layer.weight.shape) for block in network.blocks] == [
        (32, 1, 3, 3),
        (64, 32, 3, 3),
        (256, 64 * 7 * 7),
    ]
    assert [block.outputs for block in network.blocks] == [(32, 14, 14), (64, 7, 7), (256,)]
    assert tuple(network.readout.layer.weight.shape) == (10, 256)
    assert [type(block.norm).__name__ for block in network.blocks] == ["BatchNorm2d", "BatchNorm2d", "Identity"]
    assert network(torch.rand(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize(
    ("model", "given", "threshold"),
    [("sp-surrogate", None, 0.5), ("sp-voltage", None, 0.5), ("bp-surrogate", None, 1.0), ("shallow", 0.7, 0.7)],
)
def test_thresholds(model: str, given: float | None, threshold: float) -> None:
    learning = SpikingLearningSettings(model)  # type: ignore[arg-type]
    settings = SpikingSettings(network=SpikingNetworkSettings(threshold=given), learning=learning)
    assert settings.threshold == threshold
    network = build(settings, (8, 8), 10)
    assert all(block.neurons.neuron == Neuron(threshold) for block in network.blocks)


@pytest.mark.parametrize("coding", ["direct", "rate", "latency"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_folded_into_the_batch_steps_give_what_they_give_one_by_one(coding: str, reset: str) -> None:
    torch.manual_seed(1)
    network = build(small(coding=coding, reset=reset, leak=0.1, threshold=0.2), (8, 8), 10)
    images = torch.rand(7, 1, 8, 8)
    network(images)  # statistics of batch normalisation
    network.eval()
    sequence = network.coding(images)
    assert len(sequence) == (1 if coding == "direct" else STEPS)
    with torch.no_grad():
        outputs = step_by_step(network, sequence.expand(STEPS, *sequence.shape[1:]))
        torch.testing.assert_close(network(images), outputs.mean(0))
        torch.testing.assert_close(network.of_sequence(sequence), outputs.mean(0))
    assert outputs.std(0).mean() > 0


def test_an_image_that_stays_is_the_same_at_each_step() -> None:
    torch.manual_seed(2)
    once, repeated = (build(small(), (8, 8), 10) for _ in range(2))
    images = torch.rand(6, 1, 8, 8)
    found, expected = once(images), repeated.of_sequence(images.expand(STEPS, *images.shape))
    torch.testing.assert_close(found, expected)
    for network, logits in ((once, found), (repeated, expected)):
        F.cross_entropy(logits, torch.arange(6)).backward()
        assert network.blocks[0].layer.weight.grad.abs().sum() > 0  # type: ignore[union-attr]
    for one, other in zip(once.parameters(), repeated.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_targets_leave_no_trace_in_the_statistics() -> None:
    block = build(small(), (8, 8), 10).blocks[0]
    block.currents(torch.rand(1, 9, 1, 8, 8))
    before = {name: value.clone() for name, value in block.state_dict().items()}
    targets = torch.rand(1, 10, 1, 8, 8, requires_grad=True)
    currents = block.target_currents(targets)
    block.eval()
    torch.testing.assert_close(currents, block.currents(targets))
    assert all(torch.equal(value, before[name]) for name, value in block.state_dict().items())


def test_sparse_targets_come_to_a_fully_connected_layer_on_the_grid_of_its_inputs() -> None:
    block = build(small(), (20, 20), 10).blocks[2]
    sparse = torch.rand(3, 10, 6, 3, 3)
    dense = F.pad(sparse, (0, 2, 0, 2))
    torch.testing.assert_close(block.target_currents(sparse), block.target_currents(dense))


def test_too_small_a_sample() -> None:
    with pytest.raises(InputError, match="a sample is 3 x 8: must be at least 4 x 4"):
        build(small(), (3, 8), 10)


def test_the_weights_depend_on_the_seed_alone() -> None:
    first, second = (build(small(), (8, 8), 10).state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_rate_coding_spikes_as_often_as_the_pixel_is_bright() -> None:
    rate = Rate(2000, seed=0)
    images = torch.linspace(0, 1, 6).view(1, 1, 2, 3)
    spikes = rate(images)
    assert spikes.shape == (2000, 1, 1, 2, 3)
    assert set(spikes.unique().tolist()) == {0, 1}
    torch.testing.assert_close(spikes.mean(0), images, atol=0.04, rtol=0)
    assert spikes.mean(0)[0, 0, 0, 0] == 0
    assert spikes.mean(0)[0, 0, 1, 2] == 1


def test_rate_coding_draws_anew_in_training_alike_in_inference_and_goes_on_from_its_state() -> None:
    images = torch.full((2, 1, 4, 4), 0.5)
    rate = Rate(3, seed=0)
    first, second = rate(images), rate(images)
    assert not torch.equal(first, second)
    rate.eval()
    assert torch.equal(rate(images), rate(images))
    other = Rate(3, seed=0)
    other.load_state_dict(rate.state_dict())
    assert torch.equal(rate.train()(images), other(images))
    assert not torch.equal(Rate(3, seed=1)(images), first)


@pytest.mark.parametrize("name", ["direct", "rate", "latency"])
def test_in_inference_a_sample_is_coded_alike_whatever_is_beside_it(name: str) -> None:
    images = torch.rand((5, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    coding = CODINGS[name].make(3, 0).eval()
    together = coding(images)
    for place in range(5):
        assert torch.equal(coding(images[place:]), together[:, place:])
        assert torch.equal(coding(images[place : place + 1]), together[:, place : place + 1])


def test_latency_coding_spikes_once_the_brighter_the_earlier() -> None:
    images = torch.tensor([0.0, 0.01, 0.3, 0.5, 0.76, 1.0]).view(1, 1, 2, 3)
    spikes = Latency(4)(images).flatten(1)
    assert spikes.sum(0).tolist() == [0, 1, 1, 1, 1, 1]
    assert spikes.argmax(0)[1:].tolist() == [3, 2, 2, 0, 0]


@pytest.mark.parametrize("name", ["rate", "latency"])
def test_coded_images_are_spikes(name: str) -> None:
    coded = CODINGS[name].make(6, 0)(torch.rand(2, 3, 5, 5))
    assert coded.shape == (6, 2, 3, 5, 5)
    assert set(coded.unique().tolist()) == {0, 1}
