"""Target propagation, synthetic gradients and Forward-Forward: updates written out in NumPy beside them."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from torch import nn

import ctsigprop as ct
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.discrete.rules.target_propagation import TargetPropagationStage
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.seeding import Use, generator
from ctsigprop.settings.discrete import (
    DiscreteLearningSettings,
    DiscreteNetworkSettings,
    DiscreteSettings,
    DiscreteTrainingSettings,
)

Array = NDArray[np.float64]
State = dict[str, Array]

SAMPLES, CLASSES, FEATURES, HIDDEN, SEED = 9, 4, 8, (7, 6, 5), 3
X = np.random.default_rng(1).normal(size=(SAMPLES, FEATURES))
LABELS = np.arange(SAMPLES) % CLASSES
ONE_HOT = np.eye(CLASSES)[LABELS]
RULES = ("dtp", "sg", "ff")


def built(algorithm: str, **learning: float) -> Learner:
    """Double precision, no batch normalisation, gradient descent at rate 1, every parameter moved off its beginning."""
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings(hidden=HIDDEN, batch_norm=False, dropout=0.0, activation="tanh"),
        learning=DiscreteLearningSettings(algorithm=algorithm, **learning),
        training=DiscreteTrainingSettings(seed=SEED),
    )
    learner = learner_for(settings, (2, 4), CLASSES).double()
    random = np.random.default_rng(2)
    with torch.no_grad():
        for one in learner.parameters():
            one.add_(torch.from_numpy(random.normal(0, 0.3, one.shape)))
    for stage in learner.stages:
        stage.optimizer = torch.optim.SGD(stage.parameters(), lr=1.0)
    return learner


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(X).view(SAMPLES, 1, 2, 4), torch.from_numpy(LABELS)


def compare(learner: Learner, expected: State) -> None:
    """One step's update is minus the expected gradient, of every parameter."""
    before = learner.parameter_arrays()
    learner.step(*batch())
    after = learner.parameter_arrays()
    assert set(expected) == {name for name, _ in learner.named_parameters()}
    for name, gradient in expected.items():
        assert np.abs(gradient).max() > 1e-6, name
        assert_allclose(before[name] - after[name], gradient, rtol=1e-6, atol=1e-9, err_msg=name)


def softmax(logits: Array) -> Array:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def affine(state: State, name: str, h: Array) -> Array:
    return h @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def linear(name: str, h: Array, error: Array) -> State:
    return {f"{name}.weight": error.T @ h, f"{name}.bias": error.sum(0)}


def forward(state: State) -> list[Array]:
    hs = [X]
    for place in range(3):
        hs.append(np.tanh(affine(state, f"stages.0.layer.blocks.{place}.layer", hs[-1])))
    return hs


def test_difference_target_propagation() -> None:
    learner = built("dtp", target_rate=0.7, inverse_noise=0.2)
    state = learner.parameter_arrays()
    base, hs = "stages.0.layer", forward(state)
    error = softmax(affine(state, f"{base}.output", hs[3])) - ONE_HOT
    expected = linear(f"{base}.output", hs[3], error / SAMPLES)
    target = hs[3] - 0.7 * error @ state[f"{base}.output.weight"]
    for place in (3, 2, 1):
        block = f"{base}.blocks.{place - 1}.layer"
        own = 2 * (hs[place] - target) * (1 - hs[place] ** 2) / SAMPLES
        expected |= linear(block, hs[place - 1], own)
        if place == 1:
            break
        inverse = f"stages.0.inverses.{place - 2}.0"
        target = hs[place - 1] - np.tanh(affine(state, inverse, hs[place])) + np.tanh(affine(state, inverse, target))
        source = generator(SEED, place - 1, Use.NOISE, 0)
        disturbed = hs[place - 1] + 0.2 * torch.randn(hs[place - 1].shape, generator=source).double().numpy()
        above = np.tanh(affine(state, block, disturbed))
        back = np.tanh(affine(state, inverse, above))
        expected |= linear(inverse, above, 2 * (back - disturbed) * (1 - back**2) / SAMPLES)
    compare(learner, expected)


def test_a_linear_layers_exact_inverse_gives_targets_that_its_layer_maps_to_those_above() -> None:
    """f(target below) = target above, which is what target propagation asks of an inverse."""
    learner = ct.discrete.DifferenceTargetPropagation([nn.Linear(4, 4) for _ in range(3)], (4,))
    stage = learner.stages[0]
    assert isinstance(stage, TargetPropagationStage)
    second, inverse = stage.layer.blocks[1], stage.inverses[0][0]
    with torch.no_grad():
        inverse.weight.copy_(torch.linalg.inv(second.weight))
        inverse.bias.copy_(-inverse.weight @ second.bias)
    h = torch.randn(5, 4)
    below, above = stage.targets([h, second(h).detach()], torch.randn(5, 4))
    assert_allclose(second(below).detach(), above, atol=1e-4)
    assert (above - second(h).detach()).abs().max() > 0.1


def test_synthetic_gradients() -> None:
    learner = built("sg")
    state = learner.parameter_arrays()
    base, hs = "stages.0.layer", forward(state)
    error = softmax(affine(state, f"{base}.output", hs[3])) - ONE_HOT
    expected = linear(f"{base}.output", hs[3], error / SAMPLES)
    came = error @ state[f"{base}.output.weight"]
    for place in (3, 2, 1):
        name = f"stages.0.predictors.{place - 1}.linear"
        given = np.hstack([hs[place], ONE_HOT])
        predicted = affine(state, name, given)
        expected |= linear(name, given, 2 * (predicted - came) / SAMPLES)
        block = f"{base}.blocks.{place - 1}.layer"
        own = predicted * (1 - hs[place] ** 2)
        expected |= linear(block, hs[place - 1], own / SAMPLES)
        came = own @ state[f"{block}.weight"]
    compare(learner, expected)


def test_synthetic_gradients_that_are_true_are_backpropagation(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(6, 5), nn.Linear(5, 3)]
    learner = ct.discrete.SyntheticGradients(layers, (6,), optimizer=lambda each: torch.optim.SGD(each, lr=1.0))
    x, y = torch.randn(7, 6), torch.arange(7) % 3
    logits = layers[1](layers[0](x))
    gradient = torch.autograd.grad(nn.functional.cross_entropy(logits, y), layers[0].weight)[0]
    predictor, before = learner.stages[0].predictors[0], layers[0].weight.detach().clone()

    def true(h: torch.Tensor, onehot: torch.Tensor) -> torch.Tensor:
        return (layers[1](h).softmax(1) - onehot).detach() @ layers[1].weight.detach() + 0 * predictor.linear.bias

    monkeypatch.setattr(predictor, "forward", true)
    learner.step(x, y)
    assert_allclose(before - layers[0].weight.detach(), gradient, atol=1e-6)
    assert not predictor.linear.bias.any()


def test_forward_forward() -> None:
    learner = built("ff", threshold=0.3, label_strength=2.0)
    state = learner.parameter_arrays()
    ahead = torch.randint(1, CLASSES, (SAMPLES,), generator=generator(SEED, 0, Use.NOISE, 0)).numpy()
    wrong = (LABELS + ahead) % CLASSES
    assert not (wrong == LABELS).any()
    h = np.vstack([np.hstack([2 * np.eye(CLASSES)[one], X[:, CLASSES:]]) for one in (LABELS, wrong)])
    sign = np.repeat([-1, 1], SAMPLES)[:, None]
    expected: State = {}
    for place in range(3):
        h = h / np.sqrt((h**2).mean(1, keepdims=True) + 1e-8)
        name = f"stages.{place}.block.layer"
        out = np.tanh(affine(state, name, h))
        surplus = (out**2).sum(1, keepdims=True) - 0.3 * out.shape[1]
        error = sign / (1 + np.exp(-sign * surplus)) / (2 * SAMPLES) * 2 * out * (1 - out**2)
        expected |= linear(name, h, error)
        h = out
    compare(learner, expected)


def test_forward_forward_predicts_the_label_of_most_goodness_behind_the_first_layer() -> None:
    learner = built("ff", label_strength=2.0)
    state = learner.parameter_arrays()
    found = np.zeros((3, SAMPLES, CLASSES))
    for label in range(CLASSES):
        h = np.hstack([np.tile(2 * np.eye(CLASSES)[label], (SAMPLES, 1)), X[:, CLASSES:]])
        for place in range(3):
            h = np.tanh(affine(state, f"stages.{place}.block.layer", h / np.sqrt((h**2).mean(1, keepdims=True) + 1e-8)))
            found[place, :, label] = (h**2).sum(1)
    exits = learner.eval().scores(batch()[0])
    for name, expected in (("layer 1", found[0]), ("layer 2", found[1]), ("layer 3", found[1] + found[2])):
        assert_allclose(exits[name], expected, rtol=1e-6)
    assert_allclose(learner(batch()[0]), found[1] + found[2], rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_a_network_of_ones_own_learns(rule: str) -> None:
    torch.manual_seed(0)
    kinds = {
        "dtp": ct.discrete.DifferenceTargetPropagation,
        "sg": ct.discrete.SyntheticGradients,
        "ff": ct.discrete.ForwardForward,
    }
    hidden = [nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU()]
    data = ct.load_dataset("digits")
    learner = kinds[rule]([*hidden, nn.Linear(128, 10)], data.shape, rate=3e-3)
    run = ct.fit(learner, data, epochs=8, batch_size=32, threads=1, quiet=True)
    assert run.metrics[-1]["test_error"] < 20
    assert run.network.predict(data.test.images[:3]).shape == (3,)


@pytest.mark.parametrize("rule", ["sg", "ff"])
def test_convolutions_learn_by_them_too(rule: str) -> None:
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings(architecture="conv", widen=0.05, dropout=0.0),
        learning=DiscreteLearningSettings(algorithm=rule, rate=2e-3),
    )
    learner = learner_for(settings, (8, 8), CLASSES)
    x, y = torch.randn(8, 1, 8, 8), torch.arange(8) % CLASSES
    losses = [sum(float(step.loss) for step in learner.step(x, y)) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_forward_forward_tries_labels_one_by_one() -> None:
    """No layer sees more than the samples of the batch at a time."""
    learner, seen = built("ff"), []
    for stage in learner.stages:
        stage.block.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    learner.eval().scores(batch()[0])
    assert seen == [SAMPLES] * (CLASSES * len(HIDDEN))


@pytest.mark.parametrize("rule", ["dtp", "ff"])
def test_draws_are_counted_without_waiting_for_a_device(rule: str) -> None:
    learner, other = built(rule), built(rule)
    for _ in range(2):
        learner.step(*batch())
    assert not any("drawn" in name for name, _ in learner.named_buffers())
    other.load_arrays(learner.arrays())
    for one in (learner, other):
        assert {stage.drawn for stage in one.stages} == {2}


def test_the_activation_of_inverses() -> None:
    layers = [nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(4, 3)]
    made = ct.discrete.DifferenceTargetPropagation(layers, (6,), activation=nn.LeakyReLU(0.2))
    assert made.options["activation"] == "LeakyReLU(negative_slope=0.2)"
    with pytest.raises(InputError, match=r"^activation: is of type .*: must be a torch.nn.Module, such as nn.Tanh.*$"):
        ct.discrete.DifferenceTargetPropagation(layers, (6,), activation=torch.tanh)


def test_what_they_refuse() -> None:
    conv = DiscreteSettings(
        network=DiscreteNetworkSettings(architecture="conv"), learning=DiscreteLearningSettings(algorithm="dtp")
    )
    with pytest.raises(InputError, match=r"layer 1: gives outputs of shape .* takes fully connected layers"):
        learner_for(conv, (8, 8), CLASSES)
    few = DiscreteSettings(learning=DiscreteLearningSettings(algorithm="ff"))
    with pytest.raises(InputError, match="data: have 4 entries a sample, of which labels take 4"):
        learner_for(few, (2, 2), CLASSES)
