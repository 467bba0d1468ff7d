"""Integrate-and-fire neurons: spike times against theory, the fused pass against the step function, gradients."""

from fractions import Fraction
from math import ceil, floor, log
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ctsigprop.settings.spiking import Reset
from ctsigprop.spiking import time_steps
from ctsigprop.spiking.neuron import Neuron, step
from ctsigprop.spiking.neurons import Neurons
from ctsigprop.spiking.surrogates import SURROGATES, Surrogate
from ctsigprop.spiking.time_steps import mean_over_steps

STEPS = 60
STEP = range(1, STEPS + 1)
RESETS = pytest.mark.parametrize("reset", ["hard", "soft"])


def constant_inputs(count: int = 100) -> list[tuple[int, int]]:
    """Inputs and thresholds in units of 1/64, in which sums are exact."""
    return [
        (int(current), int(threshold)) for current, threshold in np.random.default_rng(5).integers(1, 200, (count, 2))
    ]


def spike_times(current: float, neuron: Neuron) -> list[int]:
    v = torch.zeros((), dtype=torch.float64)
    times = []
    for number in range(1, STEPS + 1):
        v, spike = step(v, torch.tensor(current, dtype=torch.float64), neuron)
        times += [number] if spike else []
    return times


@pytest.mark.parametrize(("current", "threshold"), constant_inputs())
def test_a_hard_reset_spikes_whenever_the_sum_since_the_last_spike_is_enough(current: int, threshold: int) -> None:
    apart = ceil(Fraction(threshold, current))
    expected = [number for number in range(1, STEPS + 1) if number % apart == 0]
    found = spike_times(current / 64, Neuron(threshold / 64, "hard"))
    assert found == expected
    assert len(found) == STEPS // apart


@pytest.mark.parametrize(("current", "threshold"), constant_inputs())
def test_a_soft_reset_loses_nothing(current: int, threshold: int) -> None:
    rate = min(Fraction(current, threshold), Fraction(1))
    expected = [number for number in range(1, STEPS + 1) if floor(number * rate) > floor((number - 1) * rate)]
    found = spike_times(current / 64, Neuron(threshold / 64, "soft"))
    assert found == expected
    assert len(found) == floor(STEPS * rate)


@RESETS
def test_the_fused_pass_spikes_when_theory_says_for_all_inputs_at_once(reset: Reset) -> None:
    """Currents over thresholds, so that one threshold does for all: 1, less more than rounding takes."""
    pairs = constant_inputs()
    rates = [Fraction(current, threshold) for current, threshold in pairs]
    currents = torch.tensor([[float(rate) for rate in rates]], dtype=torch.float64)
    spikes = Neurons(Neuron(1 - 1e-9, reset), SURROGATES["arctan"], STEPS)(currents[None])
    for place, rate in enumerate(rates):
        reached = [number // ceil(1 / rate) if reset == "hard" else floor(number * min(rate, 1)) for number in STEP]
        assert spikes[:, 0, place].cumsum(0).tolist() == reached


def test_with_a_leak_the_voltage_follows_a_geometric_sum() -> None:
    rng = np.random.default_rng(7)
    for current, threshold, leak in zip(*rng.uniform(0.05, 1, (3, 100)), strict=True):
        reached = 1 - threshold * leak / current  # the voltage after n steps is I (1 - (1 - leak)^n) / leak
        apart = STEPS + 1 if reached <= 0 else ceil(log(reached) / log(1 - leak))
        expected = list(range(apart, STEPS + 1, apart))
        assert spike_times(current, Neuron(threshold, "hard", leak)) == expected


def test_one_step() -> None:
    v, current = torch.tensor([0.25, 0.25, -0.5, 0.0]), torch.tensor([0.5, 1.0, 0.25, 0.75])
    after, spikes = step(v, current, Neuron(0.75, "soft", 0.5))
    assert spikes.tolist() == [0, 1, 0, 1]
    assert after.tolist() == [0.625, 0.375, 0.0, 0.0]
    after, _ = step(v, current, Neuron(0.75, "hard", 0.5))
    assert after.tolist() == [0.625, 0.0, 0.0, 0.0]


class Spike(torch.autograd.Function):
    """The spike as the field writes it: a step forwards, the surrogate's derivative backwards."""

    @staticmethod
    def forward(ctx: Any, above: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(above)
        ctx.surrogate = surrogate
        return (above >= 0).to(above.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        return ctx.surrogate.derivative(ctx.saved_tensors[0]) * gradients[0], None


def by_autograd(currents: Tensor, neuron: Neuron, surrogate: Surrogate, steps: int) -> tuple[Tensor, Tensor]:
    """Spikes and voltages before each reset, all in autograd's graph."""
    v = torch.zeros_like(currents[0])
    spikes, voltages = [], []
    for t in range(steps):
        charged = (1 - neuron.leak) * v + currents[t % len(currents)]
        spike: Tensor = Spike.apply(charged - neuron.threshold, surrogate)
        v = charged * (1 - spike) if neuron.reset == "hard" else charged - neuron.threshold * spike
        spikes.append(spike)
        voltages.append(charged)
    return torch.stack(spikes), torch.stack(voltages)


@RESETS
@pytest.mark.parametrize("leak", [0.0, 0.3])
@pytest.mark.parametrize("entering", [5, 1])
@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
def test_the_fused_pass_is_the_loop_and_its_gradient_that_of_autograd(
    reset: Reset, leak: float, entering: int, surrogate: Surrogate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_steps, "PART", 17)
    torch.manual_seed(0)
    neuron, shape = Neuron(0.5, reset, leak), (entering, 3, 2, 4, 3)
    currents = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weights = torch.randn((5, *shape[1:]), dtype=torch.float64)
    spikes, voltages = by_autograd(currents, neuron, surrogate, 5)
    (expected,) = torch.autograd.grad((spikes * weights).sum(), currents)
    layer = Neurons(neuron, surrogate, 5)
    assert 0 < spikes.mean() < 1
    assert torch.equal(layer(currents), spikes)
    torch.testing.assert_close(layer.voltages(currents), voltages, rtol=1e-14, atol=1e-14)
    for given in (currents, as_channels_last(currents)):
        (found,) = torch.autograd.grad((layer(given) * weights).sum(), currents)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def as_channels_last(currents: Tensor) -> Tensor:
    folded = currents.flatten(0, 1).to(memory_format=torch.channels_last)
    return folded.unflatten(0, currents.shape[:2])


@pytest.mark.parametrize("entering", [2, 3, 10])
def test_there_are_as_many_steps_as_enter(entering: int) -> None:
    currents = torch.rand(entering, 4, 5, generator=torch.Generator().manual_seed(entering))
    short, exact = (Neurons(Neuron(0.7), SURROGATES["arctan"], steps) for steps in (3, entering))
    for found, expected in (
        (short(currents), exact(currents)),
        (short.voltages(currents), exact.voltages(currents)),
    ):
        assert found.shape == currents.shape
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_spikes_and_voltages_lie_in_memory_as_the_currents() -> None:
    layer = Neurons(Neuron(), SURROGATES["arctan"], 4)
    for entering in (1, 4):
        currents = as_channels_last(torch.randn(entering, 3, 5, 2, 2))
        for passed in (layer(currents), layer.voltages(currents)):
            assert passed.shape == (4, 3, 5, 2, 2)
            assert passed.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


@RESETS
def test_the_gradient_of_a_voltage_goes_to_the_current_of_its_step_alone(reset: Reset) -> None:
    layer = Neurons(Neuron(0.5, reset), SURROGATES["arctan"], 4)
    currents = torch.randn(4, 3, 6, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(4, 3, 6, dtype=torch.float64)
    (found,) = torch.autograd.grad((layer.voltages(currents) * weights).sum(), currents)
    assert torch.equal(found, weights)
    constant = currents[:1].detach().requires_grad_()
    (found,) = torch.autograd.grad((layer.voltages(constant) * weights).sum(), constant)
    torch.testing.assert_close(found, weights.sum(0, keepdim=True))


@pytest.mark.parametrize("shape", [(3, 5, 4, 2), (3, 7)])
@pytest.mark.parametrize("entering", [1, 4])
def test_gradients_of_voltages_and_of_their_mean_lie_in_memory_as_the_currents(
    entering: int, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(1)
    plain = torch.randn(entering, *shape, dtype=torch.float64)
    weights = torch.randn(shape, dtype=torch.float64)
    expected = (4 // entering) * weights.expand(plain.shape) / 4
    last = len(shape) == 4
    for currents in (plain, as_channels_last(plain)) if last else (plain,):
        currents = currents.requires_grad_()
        mean = mean_over_steps(Neurons(Neuron(0.5), SURROGATES["arctan"], 4).voltages(currents))
        (found,) = torch.autograd.grad((mean * weights).sum(), currents)
        torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-14)
        assert found.stride()[1:] == currents.stride()[1:]


def test_voltages_of_bfloat16_currents_add_up_in_float32() -> None:
    layer = Neurons(Neuron(259.0), SURROGATES["arctan"], 5)
    currents = torch.tensor([256.0, 1, 1, 1, 1], dtype=torch.bfloat16).view(5, 1, 1).requires_grad_()
    assert currents[0] + currents[1] == currents[0]  # in bfloat16 the sum would stall
    voltages = layer.voltages(currents)
    assert voltages.dtype == torch.float32
    assert voltages.flatten().tolist() == [256, 257, 258, 259, 1]
    spikes = layer(currents)
    assert spikes.flatten().tolist() == [0, 0, 0, 1, 0]
    spikes.float().sum().backward()
    assert spikes.dtype == currents.grad.dtype == torch.bfloat16  # type: ignore[union-attr]
