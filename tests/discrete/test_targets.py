"""Target generators against the paper's equations, and the shapes of sparse targets."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from ctsigprop.discrete.network import build
from ctsigprop.discrete.sparse import Layout
from ctsigprop.discrete.targets import (
    SharedTarget,
    TargetInput,
    TargetLoop,
    TargetOnly,
    generator_for,
    layout_for,
)
from ctsigprop.errors import InputError
from ctsigprop.settings.discrete import DiscreteNetworkSettings, DiscreteSettings, TargetSettings

CLASSES, UNITS = 4, 6
LABELS = torch.tensor([2, 0, 3, 3, 1])
ONE_HOT = np.eye(CLASSES)[LABELS]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def f(z):
    return np.where(z > 0, z, 0.01 * z)


def affine(layer: torch.nn.Linear, c):
    return c @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)


def network(architecture: str = "fc", shape: tuple[int, ...] = (8, 8)):
    settings = DiscreteNetworkSettings(architecture=architecture, hidden=(30, 20))
    return build(DiscreteSettings(network=settings), shape, 10)


def test_target_only_is_equation_1_a_target_a_class():
    made = TargetOnly(CLASSES, Layout((UNITS,)))
    assert_allclose(made(drawn(5, UNITS), LABELS, None).detach(), f(affine(made.project, np.eye(CLASSES))), atol=1e-6)


@pytest.mark.parametrize("size", [None, 4])
def test_the_generator_of_the_authors_library(size):
    """Linear without bias, layer normalisation over the numbers of a target, ReLU."""
    made = TargetOnly(CLASSES, Layout((UNITS,), size), activation=torch.relu, layer_norm=True)
    assert made.project.bias is None
    with torch.no_grad():
        made.project.norm.weight.copy_(drawn(size or UNITS, seed=1))
        made.project.norm.bias.copy_(drawn(size or UNITS, seed=2))
    z = made.project.weight.detach().numpy().T
    standard = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-5)
    gain, shift = (one.detach().numpy() for one in made.project.norm.parameters())
    expected = np.maximum(standard * gain + shift, 0)
    found = made(drawn(5, UNITS), LABELS, None).detach().numpy()
    assert_allclose(found[:, : size or UNITS], expected, atol=1e-5)
    assert not found[:, size or UNITS :].any()
    loop = TargetLoop(CLASSES, Layout((UNITS,)), layer_norm=True, random=torch.Generator().manual_seed(0))
    assert_allclose(loop.project(torch.eye(CLASSES)).detach(), loop.project.of_classes.detach(), atol=1e-6)


def test_layer_norm_of_settings_has_relu_and_no_bias():
    for generator, scope in (("target-only", "class"), ("target-loop", "sample"), ("target-input", "sample")):
        made = generator_for(network(), TargetSettings(generator=generator, scope=scope, layer_norm=True))
        for projection in (one for name, one in made.named_children()):
            assert projection.bias is None
            assert projection.activation is torch.nn.functional.relu
            assert isinstance(projection.norm, torch.nn.LayerNorm)


def test_layer_norm_of_one_entry_is_refused():
    settings = TargetSettings(density="sparse", size=1, layer_norm=True)
    with pytest.raises(InputError, match=r"^target.layer_norm = True: must be false for targets of one entry, .*$"):
        generator_for(network(), settings)


def test_target_only_is_equation_1_a_target_a_sample():
    made = TargetOnly(CLASSES, Layout((UNITS,)), per_class=False)
    assert_allclose(made(drawn(5, UNITS), LABELS, None).detach(), f(affine(made.project, ONE_HOT)), atol=1e-6)


def test_target_input_is_equation_10():
    made, h = TargetInput(CLASSES, Layout((UNITS,))), drawn(5, UNITS)
    expected = h.numpy() * f(affine(made.scale, ONE_HOT)) + f(affine(made.shift, ONE_HOT))
    assert_allclose(made(h, LABELS, None).detach(), expected, atol=1e-6)


def test_target_loop_is_equation_11():
    made, scores = TargetLoop(CLASSES, Layout((UNITS,))), drawn(5, CLASSES)
    expected = f(affine(made.project, softmax(scores.numpy()) + ONE_HOT))
    assert_allclose(made(drawn(5, UNITS), LABELS, scores).detach(), expected, atol=1e-6)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_target_loop_with_the_error_is_equation_12(eta):
    made, scores = TargetLoop(CLASSES, Layout((UNITS,)), error_rate=eta), drawn(5, CLASSES)
    output = softmax(scores.numpy())
    expected = f(affine(made.project, output - eta * (output - ONE_HOT)))
    assert_allclose(made(drawn(5, UNITS), LABELS, scores).detach(), expected, atol=1e-6)


def test_a_shared_target_is_the_learning_signal():
    signal = drawn(5, 1, 8, 8)
    assert SharedTarget()(drawn(5, 1, 8, 8, seed=1), signal, None) is signal


def test_a_sparse_target_is_zero_beyond_its_size():
    targets = TargetOnly(CLASSES, Layout((UNITS,), 2))(drawn(5, UNITS), None, None)
    assert targets.shape == (CLASSES, UNITS)
    assert (targets[:, :2] != 0).all() and (targets[:, 2:] == 0).all()


@pytest.mark.parametrize("size", [0, UNITS + 1])
def test_a_size_that_does_not_fit_is_refused(size):
    with pytest.raises(InputError, match=rf"^target\.size = {size}: must be a whole number from 1 to 6, .*$"):
        Layout((UNITS,), size)


def test_target_input_of_a_sparse_grid_sees_the_averages_of_its_cells():
    h = drawn(5, 2, 6, 6)
    assert_allclose(Layout((2, 3, 3)).cut(h)[0, 0], h[0, 0, :2, :2].mean(), atol=1e-6)


@pytest.mark.parametrize(
    ("architecture", "shape", "settings", "expected"),
    [
        ("fc", (8, 8), TargetSettings(), Layout((30,))),
        ("fc", (8, 8), TargetSettings(density="sparse"), Layout((30,), 15)),
        ("fc", (8, 8), TargetSettings(density="sparse", size=20), Layout((30,), 20)),
        ("fc", (8, 8), TargetSettings(place="input"), Layout((1, 8, 8))),
        ("vgg8b", (3, 32, 32), TargetSettings(), Layout((128, 32, 32))),
        ("vgg8b", (3, 32, 32), TargetSettings(density="sparse"), Layout((128, 3, 3))),
        ("vgg8b", (3, 32, 32), TargetSettings(density="sparse", place="input"), Layout((3, 3, 3))),
        ("conv", (1, 28, 28), TargetSettings(density="sparse"), Layout((96, 5, 5))),
    ],
)
def test_shape_of_the_first_target(architecture, shape, settings, expected):
    assert layout_for(network(architecture, shape).blocks, settings) == expected


def test_a_fixed_generator_has_the_learned_ones_weights_and_learns_nothing():
    fixed, learned = (generator_for(network(), TargetSettings(weights=kind)) for kind in ("fixed", "learned"))
    for one, other in zip(fixed.parameters(), learned.parameters(), strict=True):
        assert torch.equal(one, other)
        assert not one.requires_grad and other.requires_grad


@pytest.mark.parametrize("name", ["target-only", "target-input", "target-loop", "target-loop-error"])
@pytest.mark.parametrize("place", ["hidden", "input"])
def test_settings_name_every_generator(name, place):
    settings = TargetSettings(generator=name, place=place, scope="sample")
    made = generator_for(network(), settings)
    h = drawn(5, 1, 8, 8) if place == "input" else drawn(5, 30)
    assert made(h, LABELS, drawn(5, 10)).shape == h.shape
    assert (made.at_input, made.uses_scores) == (place == "input", "loop" in name)
    assert not made.per_class


def test_a_seed_of_its_own_draws_the_generator():
    other = build(replace(DiscreteSettings(), training=replace(DiscreteSettings().training, seed=1)), (8, 8), 10)
    first, again = (next(generator_for(network(), TargetSettings()).parameters()) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[:5], next(generator_for(other, TargetSettings()).parameters())[:5])
