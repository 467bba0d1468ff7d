"""Neurons, loss and gradients beside those of snnTorch and of SpikingJelly."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctsigprop.benchmarks import spiking
from ctsigprop.benchmarks.spiking_peers import ALPHA, PEERS, replace_neurons
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.settings.spiking import SpikingLearningSettings, SpikingNetworkSettings, SpikingSettings
from ctsigprop.spiking.network import SpikingNetwork, build
from ctsigprop.spiking.neuron import Neuron
from ctsigprop.spiking.neurons import Neurons
from ctsigprop.spiking.surrogates import SURROGATES

MODULES = {"snnTorch": "snntorch", "SpikingJelly": "spikingjelly"}
STEPS, SAMPLES, CLASSES = 5, 6, 3

# snnTorch keeps parameters and spikes in float32: here such as it holds exactly, and gradients to its rounding.
LEAKS = (0.0, 0.25)
ROUNDING = {"snnTorch": 1e-6, "SpikingJelly": 1e-13}
KINDS = [
    *(("snnTorch", Neuron(0.75, "hard", leak)) for leak in LEAKS),
    *(("SpikingJelly", Neuron(0.75, reset, leak)) for reset in ("hard", "soft") for leak in LEAKS),
]


@pytest.fixture
def installed() -> Callable[[str], Any]:
    """Imports one of a package's modules, or skips."""
    return lambda name: pytest.importorskip(name, reason=f"{name.partition('.')[0]} is not installed")


@pytest.mark.parametrize("steps", [1, STEPS], ids=["constant", "varying"])
@pytest.mark.parametrize(("peer", "neuron"), KINDS)
def test_spikes_and_gradients_are_those_of_other_packages(
    peer: str, neuron: Neuron, steps: int, installed: Callable[[str], Any]
) -> None:
    installed(MODULES[peer])
    ours = Neurons(neuron, SURROGATES["arctan"], STEPS)
    random = torch.Generator().manual_seed(3)
    currents = torch.randn((steps, SAMPLES, 40), generator=random, dtype=torch.float64) + 0.3
    weights = torch.randn((STEPS, SAMPLES, 40), generator=random, dtype=torch.float64)
    found = []
    for neurons in (ours, PEERS[peer](ours)):
        entering = currents.clone().requires_grad_()
        spikes = neurons(entering)
        (gradient,) = torch.autograd.grad((weights * spikes).sum(), entering)
        found.append((spikes.detach().double(), gradient))
    (spikes, gradient), (their_spikes, their_gradient) = found
    assert 0.1 < float(spikes.mean()) < 0.9
    torch.testing.assert_close(their_spikes, spikes, rtol=0, atol=0)
    torch.testing.assert_close(their_gradient, gradient, rtol=0, atol=ROUNDING[peer] * float(gradient.abs().max()))


def test_a_network_of_layers_of_spikingjelly_has_the_same_loss_and_gradients(installed: Callable[[str], Any]) -> None:
    layer = installed("spikingjelly.activation_based.layer")
    neuron, surrogate = (installed(f"spikingjelly.activation_based.{name}") for name in ("neuron", "surrogate"))

    def spiking_neurons() -> nn.Module:
        return neuron.IFNode(1.0, 0.0, surrogate.ATan(alpha=ALPHA), detach_reset=False, step_mode="m")

    many = {"step_mode": "m"}
    theirs = nn.Sequential(
        layer.Conv2d(1, 3, 3, padding=1, bias=False, **many),
        layer.BatchNorm2d(3, **many),
        spiking_neurons(),
        layer.MaxPool2d(2, **many),
        layer.Conv2d(3, 4, 3, padding=1, bias=False, **many),
        layer.BatchNorm2d(4, **many),
        spiking_neurons(),
        layer.MaxPool2d(2, **many),
        layer.Flatten(**many),
        layer.Linear(4 * 2 * 2, 7, **many),
        spiking_neurons(),
        layer.Linear(7, CLASSES, **many),
    )
    network, images, labels = small_problem()
    with_weights_of(network, theirs)
    logits = theirs(images.expand(STEPS, *images.shape)).mean(0)
    assert_same(network, images, labels, logits, list(theirs.parameters()), ROUNDING["SpikingJelly"])


def test_a_network_stepped_by_snntorch_has_the_same_loss_and_gradients(installed: Callable[[str], Any]) -> None:
    """Step after step through all layers, as its users write it; so batch normalisation is in inference."""
    snntorch, surrogate = installed("snntorch"), installed("snntorch.surrogate")
    layers = nn.ModuleList(
        [
            nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)),
            nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)),
            nn.Sequential(nn.Flatten(), nn.Linear(4 * 2 * 2, 7)),
        ]
    )
    output = nn.Linear(7, CLASSES)
    pools = (nn.MaxPool2d(2), nn.MaxPool2d(2), nn.Identity())
    leaky = [
        snntorch.Leaky(1.0, spike_grad=surrogate.atan(alpha=ALPHA), reset_mechanism="zero", reset_delay=False)
        for _ in layers
    ]
    network, images, labels = small_problem()
    network(images)  # gives batch normalisation statistics
    theirs = nn.Sequential(layers, output)
    with_weights_of(network.eval(), theirs)
    theirs.eval()

    voltages: list[Tensor | None] = [None] * len(leaky)
    outputs = []
    for _ in range(STEPS):
        x = images
        for place, (products, neurons, pool) in enumerate(zip(layers, leaky, pools, strict=True)):
            currents = products(x)
            before = voltages[place]
            x, voltages[place] = neurons(currents, torch.zeros_like(currents) if before is None else before)
            x = pool(x.double())
        outputs.append(output(x))
    logits = torch.stack(outputs).mean(0)
    assert_same(network, images, labels, logits, list(theirs.parameters()), ROUNDING["snnTorch"])


@pytest.mark.parametrize("peer", PEERS)
def test_a_package_that_is_not_installed_is_named_with_what_to_install(
    peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == MODULES[peer]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, MODULES[peer], None)
    network, _, _ = small_problem()
    with pytest.raises(InputError, match=f"^{MODULES[peer]} is not installed: pip install .*--no-deps spikingjelly$"):
        replace_neurons(network, PEERS[peer])


def test_a_soft_reset_is_no_contest_for_snntorch() -> None:
    soft = Neurons(Neuron(1.0, "soft"), SURROGATES["arctan"], STEPS)
    with pytest.raises(ValueError, match="must be hard"):
        PEERS["snnTorch"](soft)


def test_the_benchmark_compares_before_it_times(
    installed: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in MODULES.values():
        installed(module)
    monkeypatch.setattr(spiking, "QUICK", {**spiking.QUICK, "rounds": 1})
    figures = spiking.run(quick=True)
    assert max(figures["largest_difference"].values()) < 1e-5
    assert all(found["ctsigprop"] == 1 for found in figures["ratios"].values())
    lines = spiking.table(figures).splitlines()
    assert len(lines) == 4 + 2 * 3

    monkeypatch.setattr(spiking, "TOLERANCE", 0.0)
    with pytest.raises(RunFailure, match=r"^snnTorch: loss or gradients differ by"):
        spiking.run(quick=True)


def small_problem() -> tuple[SpikingNetwork, Tensor, Tensor]:
    """A network in float64, images and labels."""
    settings = SpikingSettings(
        network=SpikingNetworkSettings(channels=(3, 4), units=7, steps=STEPS),
        learning=SpikingLearningSettings(model="bp-surrogate"),
    )
    network = build(settings, (8, 8), CLASSES).double()
    images = torch.randn((SAMPLES, 1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return network, 2 * images, torch.arange(SAMPLES) % CLASSES


def with_weights_of(network: SpikingNetwork, theirs: nn.Module) -> None:
    """Gives another network, of layers in the same order, weights and statistics."""
    theirs.double()
    with torch.no_grad():
        for own, given in zip(theirs.parameters(), network.parameters(), strict=True):
            own.copy_(given)
        for own, given in zip(theirs.buffers(), network.buffers(), strict=True):
            own.copy_(given)


def assert_same(
    network: SpikingNetwork,
    images: Tensor,
    labels: Tensor,
    logits: Tensor,
    parameters: list[nn.Parameter],
    rounding: float,
) -> None:
    """That loss and gradients are those of our network, to so much of their size."""
    loss, their_loss = F.cross_entropy(network(images), labels), F.cross_entropy(logits, labels)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    torch.testing.assert_close(their_loss, loss, rtol=1e-13, atol=0)
    assert min(float(one.abs().max()) for one in gradients) > 1e-4  # every layer spikes and learns
    for found, expected in zip(torch.autograd.grad(their_loss, parameters), gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=rounding * float(expected.abs().max()))
