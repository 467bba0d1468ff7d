"""Shapes, draws and dropout of the networks."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ctsigprop.discrete.network import build
from ctsigprop.discrete.target_forward import pass_targets
from ctsigprop.errors import InputError
from ctsigprop.layered.dropout import Dropout
from ctsigprop.settings.discrete import DiscreteNetworkSettings, DiscreteSettings, DiscreteTrainingSettings


def network(shape=(8, 8), classes=10, seed=0, **fields):
    chosen = DiscreteNetworkSettings(**fields)
    training = DiscreteTrainingSettings(seed=seed)
    return build(DiscreteSettings(network=chosen, training=training), shape, classes)


def weights(net: nn.Module) -> list[torch.Tensor]:
    return [one.detach().clone() for one in net.parameters()]


def products(net: nn.Module) -> int:
    """Weights of linear layers and convolutions, and the classification layer's biases."""
    layers = [one for one in net.modules() if isinstance(one, nn.Linear | nn.Conv2d)]
    return sum(one.weight.numel() + (0 if one.bias is None else one.bias.numel()) for one in layers)


@pytest.mark.parametrize(("shape", "classes", "widen", "millions"), [((3, 32, 32), 10, 1, 8.9), ((28, 28), 10, 1, 7.3)])
def test_vgg8b_has_the_published_number_of_parameters(shape, classes, widen, millions):
    """Noekland & Eidnes 2019, Tables 1 and 4."""
    net = network(shape, classes, architecture="vgg8b", widen=widen)
    assert round(products(net) / 1e6, 1) == millions
    assert len(net.blocks) == 7


def test_vgg8b_layer_by_layer():
    net = network((3, 32, 32), architecture="vgg8b")
    shapes = [(128, 32, 32), (256, 16, 16), (256, 16, 16), (512, 8, 8), (512, 4, 4), (512, 2, 2), (1024,)]
    assert [block.outputs for block in net.blocks] == shapes
    assert products(net) == 9 * (3 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 2 * 512**2) + 2048 * 1024 + 10250
    wider = network((3, 32, 32), architecture="vgg8b", widen=2)
    assert [block.outputs[0] for block in wider.blocks] == [256, 512, 512, 1024, 1024, 1024, 1024]
    narrower = network((3, 32, 32), architecture="vgg8b", widen=0.25)
    assert [block.outputs[0] for block in narrower.blocks] == [32, 64, 64, 128, 128, 128, 1024]


def test_declared_shapes_are_those_that_pass():
    for fields, shape in (
        ({"hidden": (7, 5)}, (2, 4, 6)),
        ({"architecture": "conv"}, (8, 8)),
        ({"architecture": "vgg8b"}, (3, 17, 16)),
    ):
        net = network(shape, 4, **fields).eval()
        h = torch.randn(2, *(shape if len(shape) == 3 else (1, *shape)))
        for block in net.blocks:
            assert h.shape[1:] == block.inputs
            h = block(h)
            assert h.shape[1:] == block.outputs
        assert net.output(h).shape == (2, 4)


def test_conv_halves_three_times():
    net = network((3, 32, 32), architecture="conv")
    assert [block.outputs for block in net.blocks] == [(96, 16, 16), (128, 8, 8), (256, 4, 4), (2048,), (2048,)]


def test_samples_too_small_for_vgg8b_are_refused():
    with pytest.raises(InputError, match=r"^network.architecture: .* 8 x 8; .*at least 16 x 16") as caught:
        network((8, 8), architecture="vgg8b")
    assert "\n" not in str(caught.value)


def test_draws_depend_on_seed_and_layer_alone():
    one, again = weights(network(hidden=(9, 9, 9))), weights(network(hidden=(9, 9, 9)))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    shorter, other = network(hidden=(9, 9)), network(hidden=(9, 9), seed=1)
    deeper = network(hidden=(9, 9, 9))
    torch.manual_seed(5)
    assert torch.equal(shorter.blocks[1].layer.weight, deeper.blocks[1].layer.weight)
    assert not torch.equal(deeper.blocks[1].layer.weight, deeper.blocks[2].layer.weight)
    assert not torch.equal(shorter.blocks[1].layer.weight, other.blocks[1].layer.weight)


@pytest.mark.parametrize("activation", ["leaky_relu", "relu", "tanh"])
def test_activations(activation):
    net = network(hidden=(3,), activation=activation, batch_norm=False, dropout=0.0).double()
    x = np.random.default_rng(0).normal(size=(5, 64))
    layer = net.blocks[0].layer
    z = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    slope = {"leaky_relu": 0.01, "relu": 0.0}.get(activation)
    expected = np.tanh(z) if slope is None else np.where(z > 0, z, slope * z)
    np.testing.assert_allclose(net.blocks[0](torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("statistics", ["inputs", "targets"])
def test_targets_leave_statistics_alone_and_pass_as_a_batch_of_inputs_would(statistics):
    block = network((3, 8, 8), architecture="conv").blocks[0].train()
    for _ in range(3):
        block(torch.randn(16, 3, 8, 8))
    before = {name: value.clone() for name, value in block.state_dict().items()}
    t = torch.randn(10, 3, 8, 8)
    passed = pass_targets(block, t, block.inputs, statistics)
    assert all(torch.equal(value, before[name]) for name, value in block.state_dict().items())
    assert block.norm.training and block.norm.track_running_stats
    block.train(statistics == "targets").dropout.eval()
    torch.testing.assert_close(passed, block(t))
    passed.sum().backward()
    assert block.layer.weight.grad.abs().sum() > 0


def test_sparse_targets_are_not_pooled():
    net = network((3, 32, 32), architecture="vgg8b")
    t = torch.randn(10, 128, 3, 3)
    for block in net.blocks[1:6]:
        t = pass_targets(block, t, block.inputs)
    assert t.shape == (10, 512, 3, 3)
    assert pass_targets(net.blocks[6], t, net.blocks[6].inputs).shape == (10, 1024)


@given(st.integers(1, 60), st.floats(0.0, 0.95), st.integers(0, 9), st.integers(0, 5))
@settings(max_examples=30)
def test_masks_depend_on_what_the_state_says(units, fraction, seed, before):
    dropout = Dropout(fraction, seed, layer=2)
    h = torch.ones(3, units)
    for _ in range(before):
        dropout(h)
    restored = Dropout(fraction, seed, layer=2)
    restored.load_state_dict(dropout.state_dict())
    assert torch.equal(dropout(h), restored(h))


def test_dropout_keeps_the_mean_and_the_fraction():
    h = torch.ones(200, 500, dtype=torch.float64)
    dropped = Dropout(0.1, seed=0, layer=1)(h)
    error = np.sqrt(0.1 * 0.9 / h.numel())
    assert abs((dropped == 0).double().mean() - 0.1) < 4 * error
    assert abs(dropped.mean() - 1) < 4 * error / 0.9
    assert len(dropped.unique()) == 2


def test_dropout_is_the_identity_in_inference_and_at_zero():
    h = torch.randn(4, 5)
    dropout = Dropout(0.5, 0, 1)
    assert dropout.eval()(h) is h
    assert dropout.drawn == 0
    assert Dropout(0.0, 0, 1)(h) is h
    assert torch.isfinite(Dropout(1 - 1e-9, 0, 1)(h)).all()


def test_masks_differ_between_layers_seeds_and_draws():
    h = torch.ones(50, 50)
    first = Dropout(0.5, 0, 1)
    masks = [first.mask(h), first.mask(h), Dropout(0.5, 0, 2).mask(h), Dropout(0.5, 1, 1).mask(h)]
    for place, one in enumerate(masks):
        for other in masks[place + 1 :]:
            assert 0.4 < (one == other).float().mean() < 0.6


def test_of_images_whole_feature_maps_are_left_out_so_that_pooling_keeps_the_mean():
    h = torch.rand(3, 4, 6, 6, dtype=torch.float64)
    dropout, draws = Dropout(0.5, seed=0, layer=1), 2000
    dropped = [dropout(h) for _ in range(draws)]
    left_out = torch.stack([one == 0 for one in dropped]).flatten(3)
    assert torch.equal(left_out.all(3), left_out.any(3))
    pooled = torch.stack([nn.functional.max_pool2d(one, 2) for one in dropped])
    expected = nn.functional.max_pool2d(h, 2)
    assert ((pooled.mean(0) - expected).abs() <= 5 * expected / draws**0.5).all()  # sigma of a draw: the value itself


def test_layouts_in_memory_stay():
    h = torch.ones(2, 3, 5, 7).to(memory_format=torch.channels_last)
    assert Dropout(0.5, 0, 1)(h).stride() == h.stride()


def test_another_process_draws_the_same():
    code = (
        "import torch; from ctsigprop.layered.dropout import Dropout; torch.manual_seed(9); d = Dropout(0.5, 4, 3);"
        "d.set_extra_state(torch.tensor(2)); print(''.join(map(str, d.mask(torch.ones(40)).int().tolist())))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    here = Dropout(0.5, 4, 3)
    here.set_extra_state(torch.tensor(2))
    assert there == "".join(map(str, here.mask(torch.ones(40)).int().tolist()))
