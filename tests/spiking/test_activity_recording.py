"""What is recorded in a network is what it does, and its account is that of its layers."""

import pytest
import torch
from torch import Tensor

from ctsigprop.settings.spiking import SpikingLearningSettings, SpikingNetworkSettings, SpikingSettings
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.monitor.activity import fan_out
from ctsigprop.spiking.monitor.recording import account_of, network_of, record
from ctsigprop.spiking.network import SpikingNetwork, build

SHAPE, CLASSES, STEPS = (1, 8, 8), 3, 5


def settings(**given: object) -> SpikingSettings:
    network = SpikingNetworkSettings(channels=(2, 3), units=6, steps=STEPS, threshold=0.4, **given)  # type: ignore[arg-type]
    return SpikingSettings(network=network)


def network(**given: object) -> SpikingNetwork:
    return build(settings(**given), SHAPE, CLASSES).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(7, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("coding", ["direct", "rate", "latency"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_a_record_is_what_the_network_does(images: Tensor, coding: str, reset: str) -> None:
    own = network(coding=coding, reset=reset)
    x = own.coding(images)
    found = record(own, x)
    for block, layer in zip(own.blocks, found.layers, strict=True):
        assert layer.inputs is x or torch.equal(layer.inputs, x)
        spikes = block.neurons(block.currents(x))
        assert torch.equal(layer.spikes, spikes)
        assert torch.equal(layer.spikes == 1, layer.voltages >= 0.4)
        left = layer.voltages * (1 - spikes) if reset == "hard" else layer.voltages - 0.4 * spikes
        torch.testing.assert_close(layer.reset, left)
        x = block(x)
    assert torch.equal(found.read, x)
    assert found.outputs.shape == (STEPS, 7, CLASSES)
    torch.testing.assert_close(found.outputs.mean(0), own(images))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_prediction_of_a_record_is_the_network_s_own_bit_for_bit(images: Tensor, precision: torch.dtype) -> None:
    own = network()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        found = record(own, own.coding(images))
        assert found.logits.dtype == precision
        assert torch.equal(found.logits, own(images))


def test_one_sample_is_given_flat(images: Tensor) -> None:
    own = network()
    found = record(own, own.coding(images))
    voltages, reset, spikes = found.layers[0].of(4)
    assert voltages.shape == reset.shape == spikes.shape == (STEPS, 2 * 64)
    assert (spikes == found.layers[0].spikes[:, 4].flatten(1).numpy()).all()
    assert (found.outputs_of(4) == found.outputs[:, 4].numpy()).all()


def test_an_account_adds_up_batches(images: Tensor) -> None:
    own = network(coding="rate")
    x = own.coding(images)
    whole, parts = account_of(own, [x]), account_of(own, x.split([3, 4], dim=1))
    assert whole.firing() == parts.firing()
    assert whole.operations() == parts.operations()
    found = record(own, x)
    assert [one.neurons for one in whole.firing()] == [2 * 64, 3 * 16, 6]
    assert [one.rate for one in whole.firing()] == pytest.approx([layer.spikes.mean().item() for layer in found.layers])
    first = (x.sum(dim=(0, 1)) * fan_out(own.blocks[0].layer, SHAPE)).sum().item() / len(images)
    assert whole.operations()[0].accumulates == pytest.approx(first)
    assert whole.operations()[-1].accumulates == CLASSES * found.layers[-1].spikes.sum().item() / len(images)
    assert [one.multiplies for one in whole.operations()] == [0, 0, 0, 0]


def test_products_of_an_image_are_taken_once(images: Tensor) -> None:
    own = network(coding="direct")
    operations = account_of(own, [own.coding(images)]).operations()
    assert (operations[0].multiplies, operations[0].accumulates) == (operations[0].connections, 0)
    assert operations[0].energy == operations[0].ann_energy
    assert [one.multiplies for one in operations[1:]] == [0, 0, 0]


@pytest.mark.parametrize("model", ["bp-surrogate", "shallow", "sp-surrogate", "sp-voltage"])
def test_the_network_of_every_model(images: Tensor, model: str) -> None:
    own = SpikingSettings(
        network=settings().network,
        learning=SpikingLearningSettings(model=model),  # type: ignore[arg-type]
    )
    learner = learner_for(own, SHAPE, CLASSES)
    learner.step(images, torch.arange(len(images)) % CLASSES)
    learner.eval()
    found = network_of(learner)
    assert not any(module.training for module in found.modules())
    with learner.autocast(images.device):
        scores = list(learner.scores(images).values())[-1]
        torch.testing.assert_close(found(images), scores)
