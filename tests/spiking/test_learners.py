"""The four models: what learns, from what, and what no gradient passes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ctsigprop.discrete.losses import PredictionLoss
from ctsigprop.layered.cost import batch_bytes
from ctsigprop.layered.learner import Learner, Signal
from ctsigprop.settings.spiking import (
    Model,
    SpikingLearningSettings,
    SpikingNetworkSettings,
    SpikingSettings,
    SpikingTargetSettings,
    SpikingTrainingSettings,
)
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.network import SpikingBlock, build
from ctsigprop.spiking.neuron import Neuron
from ctsigprop.spiking.neurons import Neurons
from ctsigprop.spiking.sigprop import HiddenStage, StepwiseLearner, surrogate_scores, voltage_scores
from ctsigprop.spiking.surrogates import SURROGATES

MODELS: tuple[Model, ...] = ("bp-surrogate", "shallow", "sp-surrogate", "sp-voltage")
SIGPROP = pytest.mark.parametrize("model", ["sp-surrogate", "sp-voltage"])
CLASSES = 10


def settings_of(model: Model, *, steps: int = 3, precision: Any = "float32", **learning: Any) -> SpikingSettings:
    return SpikingSettings(
        network=SpikingNetworkSettings((4, 6), 12, steps=steps),
        learning=SpikingLearningSettings(model, **learning),
        training=SpikingTrainingSettings(precision=precision),
    )


def batch(samples: int = 8) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    images = torch.randn(samples, 1, 8, 8, generator=random)
    return images, torch.randint(CLASSES, (samples,), generator=random)


def weights(learner: Learner) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in learner.named_parameters()}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_learns(model: Model, precision: str) -> None:
    learner = learner_for(settings_of(model, precision=precision), (8, 8), CLASSES)
    before = weights(learner)
    steps = learner.step(*batch())
    moved = {name for name, value in weights(learner).items() if not torch.equal(value, before[name])}
    if model == "shallow":
        assert moved == {"stages.0.layer.readout.layer.weight", "stages.0.layer.readout.layer.bias"}
    else:
        assert moved == set(before) - {"stages.0.generator.project.bias"}
    names = {"bp-surrogate": ["network"], "shallow": ["output"]}.get(model, ["layer 1", "layer 2", "layer 3", "output"])
    assert [stage.name for stage in learner.stages] == names
    assert all(step.loss.isfinite() for step in steps)
    assert steps[-1].scores is not None
    assert steps[-1].scores.shape == (8, CLASSES)
    assert list(learner.eval().scores(batch()[0])) == names[-1:]


@pytest.mark.parametrize(
    ("model", "hidden", "readout"),
    [
        ("bp-surrogate", 2e-3, 2e-3),
        ("shallow", 0.0, 1.6e-2),
        ("sp-surrogate", 2e-3, 1.6e-2),
        ("sp-voltage", 2e-3, 1.6e-2),
    ],
)
def test_the_classification_layer_has_a_rate_of_its_own_where_it_learns_apart(
    model: Model, hidden: float, readout: float
) -> None:
    """The first update of Adam takes the largest step, the rate, wherever the gradient is not tiny."""
    learner = learner_for(settings_of(model, rate=4e-3, readout_rate=3.2e-2), (8, 8), CLASSES)
    learner.decay_rates(0.5)
    before = weights(learner)
    learner.step(*batch())
    moved = {name: (value - before[name]).abs().max().item() for name, value in weights(learner).items()}
    kernels = [step for name, step in moved.items() if name.endswith("layer.weight")]
    assert kernels[-1] == pytest.approx(readout, rel=1e-3)
    assert max(kernels[:-1]) == pytest.approx(hidden, rel=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_predicts_what_the_network_does(model: Model) -> None:
    settings = settings_of(model)
    network, learner = build(settings, (8, 8), CLASSES).eval(), learner_for(settings, (8, 8), CLASSES).eval()
    (scores,) = learner.scores(batch()[0]).values()
    torch.testing.assert_close(scores, network(batch()[0]))


def test_backpropagation_takes_the_gradient_of_the_networks_loss() -> None:
    settings = settings_of("bp-surrogate")
    learner, network = learner_for(settings, (8, 8), CLASSES), build(settings, (8, 8), CLASSES)
    images, labels = batch()
    F.cross_entropy(network(images), labels).backward()
    found: list[Tensor] = []
    stage = learner.stages[0]
    stage.update = lambda loss: found.extend(torch.autograd.grad(loss, list(stage.parameters())))  # type: ignore[method-assign]
    learner.step(images, labels)
    for gradient, parameter in zip(found, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
        assert gradient.abs().sum() > 0


def nodes(loss: Tensor) -> Iterator[Any]:
    """The nodes of the graph behind a loss."""
    seen: set[Any] = set()
    waiting = [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [before for before, _ in node.next_functions]


@SIGPROP
@pytest.mark.parametrize("update", ["end", "step"])
@pytest.mark.parametrize("density", ["dense", "sparse"])
def test_no_gradient_crosses_a_layer_and_none_passes_the_spike(model: Model, update: Any, density: Any) -> None:
    settings = SpikingSettings(
        network=SpikingNetworkSettings((4, 6), 12, steps=3),
        learning=SpikingLearningSettings(model, update=update),
        target=SpikingTargetSettings(density=density),
        training=SpikingTrainingSettings(precision="float32"),
    )
    learner = learner_for(settings, (8, 8), CLASSES)
    graphs: dict[str, list[Tensor]] = {stage.name: [] for stage in learner.stages}
    signals: list[Signal] = []
    for stage in learner.stages:
        passed = "step_in_time" if update == "step" and stage.name != "output" else "step"
        updated, before = stage.update, getattr(stage, passed)

        def watched(loss: Tensor, name: str = stage.name, updated: Any = updated) -> None:
            graphs[name].append(loss)
            updated(loss)

        def seen(signal: Signal, *rest: Any, step: Any = before) -> Any:
            signals.append(signal)
            return step(signal, *rest)

        stage.update = watched  # type: ignore[method-assign]
        setattr(stage, passed, seen)
    learner.step(*batch())
    for stage in learner.stages:
        own = {id(parameter) for parameter in stage.parameters() if parameter.requires_grad}
        assert len(graphs[stage.name]) == (3 if update == "step" and stage.name != "output" else 1)
        for loss in graphs[stage.name]:
            behind = list(nodes(loss))
            reached = {id(node.variable) for node in behind if hasattr(node, "variable")}
            assert reached == own
            assert "_SpikesBackward" not in {type(node).__name__ for node in behind}
    assert all(not one.requires_grad for signal in signals for one in (signal.h, signal.t) if one is not None)
    for signal in signals[1:3]:
        assert signal.t is not None
        assert set(signal.h.unique().tolist()) | set(signal.t.unique().tolist()) == {0, 1}


def numpy_voltages(currents: np.ndarray[Any, Any], neuron: Neuron) -> np.ndarray[Any, Any]:
    v, voltages = np.zeros_like(currents[0]), []
    for current in currents:
        v = v + current
        voltages.append(v)
        v = np.where(v >= neuron.threshold, 0, v)
    return np.stack(voltages)


@SIGPROP
def test_a_layers_update_is_that_of_its_own_step_and_place(model: Model) -> None:
    """The gradient of a fully connected layer, written out in NumPy: error times slope times what entered then."""
    rng = np.random.default_rng(0)
    neuron, steps, samples, inputs, units = Neuron(0.5), 4, 6, 9, 5
    block = SpikingBlock(
        torch.nn.Linear(inputs, units).double(), Neurons(neuron, SURROGATES["arctan"], steps), (inputs,)
    )
    surrogate = SURROGATES["arctan"]
    chosen = model == "sp-surrogate"
    read = (lambda v: surrogate(v, neuron.threshold)) if chosen else (lambda v: v)
    stage = HiddenStage("layer", block, read, PredictionLoss(surrogate_scores if chosen else voltage_scores))
    x, t = (rng.integers(0, 2, (steps, count, inputs)).astype(float) for count in (samples, 3))
    labels = rng.integers(0, 3, samples)
    found: list[Tensor] = []
    stage.update = lambda loss: found.extend(torch.autograd.grad(loss, list(block.parameters())))  # type: ignore[method-assign]
    stage.step(Signal(torch.tensor(x), torch.tensor(t)), torch.tensor(labels))

    w, b = (one.detach().numpy() for one in block.parameters())
    v_h, v_t = (numpy_voltages(one @ w.T + b, neuron) for one in (x, t))
    slopes = [1 / (1 + (np.pi * (v - neuron.threshold)) ** 2) if chosen else np.ones_like(v) for v in (v_h, v_t)]
    seen = (np.arctan(np.pi * (v - neuron.threshold)) / np.pi if chosen else v for v in (v_h, v_t))
    h, target = (one.mean(0) for one in seen)
    scores = h @ target.T
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    error = (shares - np.eye(3)[labels]) / samples / steps
    to_h, to_t = (error @ target) * slopes[0], (error.T @ h) * slopes[1]
    expected = np.einsum("tnu,tni->ui", to_h, x) + np.einsum("tnu,tni->ui", to_t, t)
    np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[1], to_h.sum((0, 1)) + to_t.sum((0, 1)), rtol=1e-9, atol=1e-12)


def largest_of_windows(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    *rest, height, width = x.shape
    return x.reshape(*rest, height // 2, 2, width // 2, 2).max((-3, -1))


@SIGPROP
def test_a_convolution_compares_pooled_voltages_at_all_positions(model: Model) -> None:
    """The loss of a convolutional layer and the spikes that leave it, written out in NumPy."""
    rng = np.random.default_rng(1)
    neuron, steps, samples, classes, channels = Neuron(0.5), 4, 5, 3, 6
    chosen, surrogate = model == "sp-surrogate", SURROGATES["arctan"]
    layer = torch.nn.Conv2d(2, channels, 3, padding=1, bias=False).double()
    block = SpikingBlock(layer, Neurons(neuron, surrogate, steps), (2, 4, 4), pool=torch.nn.MaxPool2d(2))
    read = (lambda v: surrogate(v, neuron.threshold)) if chosen else (lambda v: v)
    stage = HiddenStage("layer", block, read, PredictionLoss(surrogate_scores if chosen else voltage_scores))
    stage.learn_with(1e-3)
    weights = block.layer.weight.detach().numpy().copy()
    h, t = (rng.integers(0, 2, (steps, count, 2, 4, 4)).astype(float) for count in (samples, classes))
    labels = rng.integers(0, classes, samples)
    passed, step = stage.step(Signal(torch.tensor(h), torch.tensor(t)), torch.tensor(labels))

    def pooled_voltages(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, [(0, 0)] * 3 + [(1, 1)] * 2), (3, 3), (3, 4))
        return largest_of_windows(numpy_voltages(np.einsum("tnchwij,ocij->tnohw", windows, weights), neuron))

    v_h, v_t = pooled_voltages(h), pooled_voltages(t)
    for spikes, v in ((passed.h, v_h), (passed.t, v_t)):
        assert spikes is not None
        np.testing.assert_array_equal(spikes, v >= neuron.threshold)
    seen = [(np.arctan(np.pi * (v - neuron.threshold)) / np.pi if chosen else v).mean(0) for v in (v_h, v_t)]
    scores = np.einsum("nohw,kohw->nk", *seen) / (1 if chosen else np.sqrt(4))
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert step.loss.item() == pytest.approx(-np.log(shares[np.arange(samples), labels]).mean(), rel=1e-9)


def watching(seen: list[Signal], step: Callable[..., Any]) -> Callable[..., Any]:
    """The step, which also notes the signals that enter."""

    def watched(signal: Signal, *rest: Any) -> Any:
        seen.append(signal)
        return step(signal, *rest)

    return watched


@SIGPROP
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_step_by_step_layers_pass_the_spikes_that_they_pass_at_once(model: Model, reset: Any) -> None:
    entering: dict[str, dict[str, list[Signal]]] = {}
    for update in ("end", "step"):
        settings = SpikingSettings(
            network=SpikingNetworkSettings((4, 6), 12, steps=5, reset=reset, leak=0.1),
            learning=SpikingLearningSettings(model, update=update),  # type: ignore[arg-type]
            training=SpikingTrainingSettings(precision="float32"),
        )
        learner = learner_for(settings, (8, 8), CLASSES).eval()
        learner.training = True  # of the learner alone: its layers stay in evaluation mode
        entering[update] = seen = {stage.name: [] for stage in learner.stages}
        for stage in learner.stages:
            passing = "step_in_time" if update == "step" and stage.name != "output" else "step"
            setattr(stage, passing, watching(seen[stage.name], getattr(stage, passing)))
            stage.update = lambda loss: None  # type: ignore[method-assign]
        learner.step(*batch())
    for name in ("layer 2", "layer 3"):
        (whole,), steps = entering["end"][name], entering["step"][name]
        assert torch.equal(whole.h, torch.cat([one.h for one in steps]))
        assert whole.t is not None
        assert torch.equal(whole.t, torch.cat([one.t for one in steps if one.t is not None]))
    (whole,), (mean,) = entering["end"]["output"], entering["step"]["output"]
    torch.testing.assert_close(whole.h.mean(0), mean.h.mean(0))
    assert 0 < mean.h.mean() < 1


@SIGPROP
def test_with_one_step_it_is_the_same_when_the_update_comes(model: Model) -> None:
    found = {}
    for update in ("end", "step"):
        learner = learner_for(settings_of(model, steps=1, update=update), (8, 8), CLASSES)
        losses = [step.loss for _ in range(3) for step in learner.step(*batch())]
        found[update] = torch.stack(losses), learner.eval().scores(batch()[0])["output"]
    for one, other in zip(found["end"], found["step"], strict=True):
        torch.testing.assert_close(one, other)


def test_updates_at_each_step_take_memory_that_does_not_grow_with_the_steps() -> None:
    peaks: dict[str, list[int]] = {"end": [], "step": []}
    for update, found in peaks.items():
        for steps in (2, 8):
            learner = learner_for(settings_of("sp-surrogate", steps=steps, update=update), (16, 16), CLASSES)
            images = torch.randn(64, 1, 16, 16)
            learner.step(images, torch.arange(64) % CLASSES)
            found.append(batch_bytes(learner, images, torch.arange(64) % CLASSES))
    assert peaks["step"][1] < 1.1 * peaks["step"][0]
    assert peaks["end"][1] > 2 * peaks["end"][0]


def test_the_stepwise_learner_has_no_state_of_its_own() -> None:
    plain, stepwise = (learner_for(settings_of("sp-surrogate", update=one), (8, 8), CLASSES) for one in ("end", "step"))
    assert isinstance(stepwise, StepwiseLearner)
    assert plain.parameter_arrays().keys() == stepwise.parameter_arrays().keys()


def test_fixed_targets_stay_as_they_were_drawn() -> None:
    settings = SpikingSettings(
        network=SpikingNetworkSettings((4, 6), 12, steps=3), target=SpikingTargetSettings(weights="fixed")
    )
    learner = learner_for(settings, (8, 8), CLASSES)
    before = weights(learner)
    learner.step(*batch())
    still = {name for name, value in weights(learner).items() if torch.equal(value, before[name])}
    assert still == {"stages.0.generator.project.weight", "stages.0.generator.project.bias"}
