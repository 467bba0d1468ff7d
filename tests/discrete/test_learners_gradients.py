"""The gradients of BP, FA, DFA, LL-BP and LL-FA on a network of three layers, written out in NumPy beside them."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.layered.learner import Learner
from ctsigprop.settings.discrete import (
    DiscreteLearningSettings,
    DiscreteNetworkSettings,
    DiscreteSettings,
    DiscreteTrainingSettings,
)

Array = NDArray[np.float64]
State = dict[str, Array]

EPSILON = 1e-5
LEAK = 0.01
SAMPLES, CLASSES = 12, 4


@dataclass(frozen=True)
class Hidden:
    """A hidden layer's forward pass on one batch, with what its backward pass needs."""

    state: State
    h: Array

    @property
    def normalised(self) -> bool:
        return "norm.weight" in self.state

    @property
    def z(self) -> Array:
        z = self.h @ self.state["layer.weight"].T
        return z if self.normalised else z + self.state["layer.bias"]

    @property
    def spread(self) -> Array:
        return np.sqrt(self.z.var(0) + EPSILON)

    @property
    def standard(self) -> Array:
        return (self.z - self.z.mean(0)) / self.spread

    @property
    def u(self) -> Array:
        return self.standard * self.state["norm.weight"] + self.state["norm.bias"] if self.normalised else self.z

    @property
    def output(self) -> Array:
        return np.where(self.u > 0, self.u, LEAK * self.u)

    def backward(self, error: Array) -> tuple[State, Array]:
        """From dL/d output: the parameters' gradients and dL/dz."""
        error = error * np.where(self.u > 0, 1, LEAK)
        gradients = {}
        if self.normalised:
            gradients = {"norm.weight": (error * self.standard).sum(0), "norm.bias": error.sum(0)}
            scaled = error * self.state["norm.weight"]
            along = self.standard * (scaled * self.standard).mean(0)
            error = (scaled - scaled.mean(0) - along) / self.spread
        else:
            gradients["layer.bias"] = error.sum(0)
        return gradients | {"layer.weight": error.T @ self.h}, error


def softmax(logits: Array) -> Array:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def under(prefix: str, gradients: State) -> State:
    return {prefix + name: value for name, value in gradients.items()}


def linear(prefix: str, h: Array, error: Array) -> State:
    return {f"{prefix}weight": error.T @ h, f"{prefix}bias": error.sum(0)}


def locked(algorithm: str, state: State, x: Array, onehot: Array) -> State:
    """BP, FA and DFA: errors come from the output."""
    base = "stages.0.layer."
    first = Hidden(part(state, f"{base}blocks.0."), x)
    second = Hidden(part(state, f"{base}blocks.1."), first.output)
    logits = second.output @ state[f"{base}output.weight"].T + state[f"{base}output.bias"]
    error = (softmax(logits) - onehot) / len(x)
    back = "weight" if algorithm == "bp" else "feedback"
    to_second = error @ (state["stages.0.feedback_2"] if algorithm == "dfa" else state[f"{base}output.{back}"])
    of_second, z_error = second.backward(to_second)
    to_first = error @ state["stages.0.feedback_1"] if algorithm == "dfa" else z_error @ second.state[f"layer.{back}"]
    of_first, _ = first.backward(to_first)
    of_output = linear(f"{base}output.", second.output, error)
    return of_output | under(f"{base}blocks.1.", of_second) | under(f"{base}blocks.0.", of_first)


def centred(features: Array) -> Array:
    return features - features.mean(1, keepdims=True)


def unit(features: Array) -> Array:
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def local(algorithm: str, state: State, x: Array, onehot: Array, weight: float) -> State:
    """LL-BP and LL-FA: each hidden layer from its own output, then the classification layer."""
    gradients, h = {}, x
    back = "weight" if algorithm == "ll-bp" else "feedback"
    for stage in ("stages.0.", "stages.1."):
        own = part(state, stage)
        hidden = Hidden(part(own, "block."), h)
        h = hidden.output
        codes = onehot @ own["codes"]

        predicted = h @ own["classifier.weight"].T + own["classifier.bias"]
        if algorithm == "ll-bp":
            p_error = (softmax(predicted) - onehot) / len(x)
        else:
            p_error = (1 / (1 + np.exp(-predicted)) - (codes > 0)) / predicted.size
        p_error = (1 - weight) * p_error

        features = centred(h @ own["similar.weight"].T if algorithm == "ll-bp" else h)
        n = unit(features)
        likeness, wanted = n @ n.T, unit(centred(codes)) @ unit(centred(codes)).T
        n_error = 4 * (likeness - wanted) @ n / likeness.size
        c_error = (n_error - n * (n * n_error).sum(1, keepdims=True)) / np.linalg.norm(features, axis=1, keepdims=True)
        s_error = weight * centred(c_error)

        likened = s_error @ own["similar.weight"] if algorithm == "ll-bp" else s_error
        of_hidden, _ = hidden.backward(p_error @ own[f"classifier.{back}"] + likened)
        gradients |= under(f"{stage}block.", of_hidden) | linear(f"{stage}classifier.", h, p_error)
        if algorithm == "ll-bp":
            gradients[f"{stage}similar.weight"] = s_error.T @ h
    logits = h @ state["stages.2.layer.1.weight"].T + state["stages.2.layer.1.bias"]
    return gradients | linear("stages.2.layer.1.", h, (softmax(logits) - onehot) / len(x))


def problem(algorithm: str, batch_norm: bool) -> tuple[Learner, Array, NDArray[np.int64]]:
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings(hidden=(7, 6), batch_norm=batch_norm, dropout=0.0),
        learning=DiscreteLearningSettings(algorithm=algorithm, similarity_weight=0.6, similarity_weight_fa=0.6),
        training=DiscreteTrainingSettings(seed=3),
    )
    learner = learner_for(settings, (2, 4), CLASSES).double()
    random = np.random.default_rng(1)
    with torch.no_grad():
        for one in learner.parameters():
            one.add_(torch.from_numpy(random.normal(0, 0.2, one.shape)))
    for stage in learner.stages:
        stage.optimizer = torch.optim.SGD(stage.parameters(), lr=1.0)
    return learner, random.normal(size=(SAMPLES, 8)), np.arange(SAMPLES) % CLASSES


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("algorithm", ["bp", "fa", "dfa", "ll-bp", "ll-fa"])
def test_updates_are_those_of_the_reference(algorithm, batch_norm):
    learner, x, labels = problem(algorithm, batch_norm)
    before = learner.parameter_arrays()
    learner.step(torch.from_numpy(x).view(SAMPLES, 1, 2, 4), torch.from_numpy(labels))
    after = learner.parameter_arrays()

    onehot = np.eye(CLASSES)[labels]
    if algorithm.startswith("ll"):
        expected = local(algorithm, before, x, onehot, weight=0.6)
    else:
        expected = locked(algorithm, before, x, onehot)
    assert set(expected) == {name for name, _ in learner.named_parameters()}
    for name, gradient in expected.items():
        assert np.abs(gradient).max() > 1e-5, name
        assert_allclose(before[name] - after[name], gradient, rtol=1e-7, atol=1e-10, err_msg=name)


def test_shallow_learns_the_output_alone():
    learner, x, labels = problem("shallow", True)
    before = learner.parameter_arrays()
    learner.step(torch.from_numpy(x), torch.from_numpy(labels))
    after = learner.parameter_arrays()
    changed = {name for name, _ in learner.named_parameters() if not np.array_equal(before[name], after[name])}
    assert changed == {"stages.0.layer.2.weight", "stages.0.layer.2.bias"}
