"""Distances between inputs and targets against a NumPy computation, sample by sample."""

import numpy as np
import pytest
import torch
from torch import nn

from ctsigprop.discrete.distances import Distances, between, layer_distances
from ctsigprop.discrete.network import build
from ctsigprop.discrete.rules.backprop import bp_learner
from ctsigprop.discrete.rules.sigprop import SigpropLearner
from ctsigprop.discrete.sparse import Layout
from ctsigprop.discrete.targets import TargetOnly
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.config import settings_from

CLASSES = 3
LABELS = np.array([0, 1, 2, 2, 1])
TORCH_LABELS = torch.from_numpy(LABELS)


def reference(h: np.ndarray, t: np.ndarray) -> dict[str, float]:
    """Distances one by one, straight from their definition."""
    same, other, nearest = [], [], 0
    for sample, label in zip(h.reshape(len(h), -1), LABELS, strict=True):
        distances = [
            1 - sample @ target / (np.linalg.norm(sample) * np.linalg.norm(target)) for target in t.reshape(CLASSES, -1)
        ]
        own = distances.pop(label)
        same.append(own)
        other.append(np.mean(distances))
        nearest += own < min(distances)
    deviations = {"same_deviation": np.std(same), "other_deviation": np.std(other)}
    return {"same": np.mean(same), "other": np.mean(other), **deviations, "nearest": 100 * nearest / len(h)}


def check(found: Distances, place: str, h: np.ndarray, t: np.ndarray) -> None:
    assert found.place == place
    for name, value in reference(h, t).items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-6), (place, name)


def test_vectors_and_images() -> None:
    rng = np.random.default_rng(0)
    for shape in ((7,), (2, 3, 3)):
        h, t = rng.normal(size=(5, *shape)), rng.normal(size=(CLASSES, *shape))
        check(between("layer 1", torch.from_numpy(h), torch.from_numpy(t), TORCH_LABELS), "layer 1", h, t)


def test_images_are_averaged_down_to_the_grid_of_sparse_targets() -> None:
    rng = np.random.default_rng(1)
    h, t = rng.normal(size=(5, 2, 4, 4)), rng.normal(size=(CLASSES, 2, 2, 2))
    averaged = h.reshape(5, 2, 2, 2, 2, 2).mean(axis=(3, 5))
    check(between("layer 1", torch.from_numpy(h), torch.from_numpy(t), TORCH_LABELS), "layer 1", averaged, t)


def test_lengths_do_not_count_and_directions_do() -> None:
    targets = torch.eye(CLASSES)
    found = between("layer 1", 7.0 * targets[TORCH_LABELS], 0.01 * targets, TORCH_LABELS)
    assert (found.same, found.other, found.nearest) == pytest.approx((0, 1, 100))
    found = between("layer 1", -targets[TORCH_LABELS], targets, TORCH_LABELS)
    assert (found.same, found.other, found.nearest) == pytest.approx((2, 1, 0))


@pytest.mark.parametrize("at_input", [True, False])
def test_every_layer_of_a_network(at_input: bool) -> None:
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Linear(6, 5), nn.Tanh()), nn.Sequential(nn.Linear(5, 4), nn.Tanh())]
    generator = TargetOnly(CLASSES, Layout((6 if at_input else 5,)), at_input=at_input)
    learner = SigpropLearner(layers, generator, CLASSES, output=nn.Linear(4, CLASSES)).eval()
    inputs = torch.randn(5, 6)
    found = {one.place: one for one in layer_distances(learner, inputs, TORCH_LABELS)}
    assert list(found) == (["input"] if at_input else []) + ["layer 1", "layer 2"]

    weights = learner.parameter_arrays()

    def layer(number: int, h: np.ndarray) -> np.ndarray:
        prefix = f"stages.{number}.layer.0."
        return np.tanh(h @ weights[prefix + "weight"].T + weights[prefix + "bias"])

    start = weights["stages.0.generator.project.weight"].T + weights["stages.0.generator.project.bias"]
    t = np.where(start > 0, start, 0.01 * start)
    h = inputs.numpy()
    if at_input:
        check(found["input"], "input", h, t)
        t = layer(0, t)
    h = layer(0, h)
    check(found["layer 1"], "layer 1", h, t)
    check(found["layer 2"], "layer 2", layer(1, h), layer(1, t))


def one_a_sample() -> Learner:
    generator = TargetOnly(CLASSES, Layout((5,)), per_class=False)
    return SigpropLearner([nn.Linear(6, 5)], generator, CLASSES, output=nn.Linear(5, CLASSES)).eval()


def backpropagation() -> Learner:
    settings: DiscreteSettings = settings_from(
        {"network": {"hidden": [4]}, "learning": {"algorithm": "bp"}}, "discrete"
    )
    return bp_learner(build(settings, (2, 3), CLASSES), settings).eval()


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (one_a_sample, "layer 1: has one target a sample: distances need target.scope = class"),
        (backpropagation, "learning.algorithm: sends no targets: distances need a run of sp"),
    ],
)
def test_what_has_no_target_a_class_is_refused(learner: object, message: str) -> None:
    inputs = torch.zeros(5, 1, 2, 3) if learner is backpropagation else torch.zeros(5, 6)
    with pytest.raises(InputError, match=message):
        layer_distances(learner(), inputs, TORCH_LABELS)  # type: ignore[operator]
