"""A network in whole numbers: by integer arithmetic in NumPy; what it asks of a chip, counted by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ctsigprop.errors import InputError
from ctsigprop.spiking.blocks import Block, network_of_blocks
from ctsigprop.spiking.integers import integer_network
from ctsigprop.spiking.monitor.activity import Costs, Operations
from ctsigprop.spiking.monitor.chip import Limits, demands_of, exceeded, table_of
from ctsigprop.spiking.monitor.recording import account_of, record
from ctsigprop.spiking.network import SpikingNetwork
from ctsigprop.spiking.neuron import Neuron

SHAPE = (2, 6, 6)


def network(**given: Any) -> SpikingNetwork:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-0.2, 0.5)
        norm.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
        norm.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    blocks = [
        Block(nn.Conv2d(2, 4, 3, padding=1, bias=False), norm=norm, pool=nn.MaxPool2d(2)),
        Block(nn.Linear(36, 20), given.pop("neuron", "integrate_and_fire")),
    ]
    return network_of_blocks(blocks, SHAPE, 5, threshold=0.5, **given).eval()


def spikes(steps: int = 6, samples: int = 8) -> torch.Tensor:
    return torch.bernoulli(torch.full((steps, samples, *SHAPE), 0.4), generator=torch.Generator().manual_seed(1))


def by_integers(whole: SpikingNetwork, x: np.ndarray) -> tuple[list[Any], Any]:
    """Spikes of both layers, and outputs, of one sample, in int64."""
    first, second, last = whole.blocks[0], whole.blocks[1], whole.readout.layer
    kernel, bias, matrix, shift, out, end = (
        parameter.detach().numpy().astype(np.int64)
        for layer in (first.layer, second.layer, last)
        for parameter in layer.parameters()
    )
    v1, v2 = np.zeros((4, 6, 6), np.int64), np.zeros(20, np.int64)
    fired, outputs = [], []
    for frame in x.astype(np.int64):
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(frame, ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2))
        v1 = v1 + np.einsum("cyxhw,ochw->oyx", windows, kernel) + bias[:, None, None]
        s1 = v1 >= int(first.neurons.threshold)
        v1 = np.where(s1, 0, v1)
        pooled = s1.reshape(4, 3, 2, 3, 2).max(axis=(2, 4)).astype(np.int64)
        v2 = v2 + matrix @ pooled.ravel() + shift
        s2 = v2 >= int(second.neurons.threshold)
        v2 = np.where(s2, 0, v2)
        fired.append((s1, s2))
        outputs.append(out @ s2.astype(np.int64) + end)
    return fired, np.stack(outputs)


@pytest.mark.parametrize("bits", [4, 8, 16])
@torch.no_grad()
def test_all_is_integer_arithmetic(bits: int) -> None:
    whole = integer_network(network(), bits)
    for layer in (*(block.layer for block in whole.blocks), whole.readout.layer):
        assert layer.weight.abs().max() == 2 ** (bits - 1) - 1
        assert all((parameter == parameter.round()).all() for parameter in layer.parameters())
    assert all(block.neurons.threshold == int(block.neurons.threshold) >= 1 for block in whole.blocks)
    x = spikes()
    found = record(whole, x)
    for sample in range(x.shape[1]):
        fired, outputs = by_integers(whole, x[:, sample].numpy())
        for layer, own in zip(found.layers, zip(*fired, strict=True), strict=True):
            np.testing.assert_array_equal(layer.spikes[:, sample], np.stack(own))
        np.testing.assert_array_equal(found.outputs[:, sample], outputs)


@torch.no_grad()
def test_the_more_bits_the_nearer_to_the_network_it_was_made_of() -> None:
    own, x = network(), spikes(samples=200)
    before = {name: value.clone() for name, value in own.state_dict().items()}
    expected = record(own, x)
    same = []
    for bits in (2, 4, 8, 16):
        found = record(integer_network(own, bits), x)
        pairs = zip(found.layers, expected.layers, strict=True)
        same.append(np.mean([float((one.spikes == other.spikes).float().mean()) for one, other in pairs]))
    assert same == sorted(same) and same[2] > 0.98 and same[3] > 0.9995
    assert all(torch.equal(own.state_dict()[name], value) for name, value in before.items())


@torch.no_grad()
def test_what_is_written_as_nir_is_whole_and_has_the_same_spikes(tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    from ctsigprop.spiking.nir.graph import read_graph, write_graph

    whole, x = integer_network(network(), 8), spikes()
    write_graph(whole, tmp_path / "a.nir", {"bits": 8})
    graph = nir.read(tmp_path / "a.nir")
    for name in ("weights_1", "weights_2", "weights_output"):
        node = graph.nodes[name]
        assert all(np.array_equal(values, np.round(values)) for values in (node.weight, node.bias))
        assert np.abs(node.weight).max() == 127
    for number, block in enumerate(whole.blocks, start=1):
        assert (graph.nodes[f"neurons_{number}"].v_threshold == block.neurons.threshold - 1).all()
    theirs, ours = record(read_graph(tmp_path / "a.nir"), x), record(whole, x)
    for one, other in zip(theirs.layers, ours.layers, strict=True):
        assert torch.equal(one.spikes, other.spikes)


def test_what_has_no_integers_is_refused() -> None:
    def own(current: Any, before: Any, fire: Any) -> Any:
        return current * (1 - fire(current))

    for neuron, words in (
        (Neuron(0.5, leak=0.1), r"network.leak = 0.1: must be 0 for integers"),
        (own, "layer 2: has neurons own: must be integrate_and_fire for integers"),
    ):
        with pytest.raises(InputError, match=words):
            integer_network(network(neuron=neuron), 8)
    for bits in (1, 17):
        with pytest.raises(InputError, match=f"bits = {bits}: must be"):
            integer_network(network(), bits)


def test_what_float32_does_not_hold_is_refused() -> None:
    def made(inputs: int, threshold: float) -> SpikingNetwork:
        layer = nn.Linear(inputs, 2, bias=False)
        nn.init.ones_(layer.weight)
        return network_of_blocks([Block(layer)], (inputs,), 2, threshold=threshold)

    integer_network(made(512, 512.0), 16)
    with pytest.raises(InputError, match=r"bits = 16: layer 1 may add up 16809471: must be at most 16777216 .* --bits"):
        integer_network(made(513, 1.0), 16)
    with pytest.raises(InputError, match="bits = 16: layer 1 has a threshold of 16809471: must be at most"):
        integer_network(made(512, 513.0), 16)


def test_what_a_network_asks_of_a_chip() -> None:
    own = network()
    operations = account_of(own, [spikes()]).operations()
    demands = demands_of(own, 8, operations)
    rows = [(one.layer, one.neurons, one.fan_in, one.fan_out, one.memory) for one in demands]
    assert rows == [
        ("layer 1", 4 * 36, 2 * 9, 4 * 9, 8 * 4 * 2 * 9),
        ("layer 2", 20, 36, 20, 8 * 20 * 36),
        ("output", 5, 20, 5, 8 * 5 * 20),
    ]
    assert [one.operations for one in demands] == [one.accumulates + one.multiplies for one in operations]
    limits = Limits(neurons=169, fan_in=32, memory=8 * 892, operations=1.0)
    assert exceeded(demands, limits) == ["fan_in", "operations"]
    assert exceeded(demands_of(own, 8), limits) == ["fan_in"]
    table = table_of(demands, limits).splitlines()
    assert table[0].split() == ["neurons", "fan_in", "fan_out", "memory", "operations"]
    assert table[-2].split()[:5] == ["all", "169", "36!", "36", str(8 * 892)]
    assert table[-1].split() == ["chip", "169", "32", str(8 * 892), "1"]


def test_energy_at_costs_of_ones_own() -> None:
    one = Operations("layer 1", connections=10, accumulates=7.0, multiplies=3.0)
    assert one.energy == pytest.approx(0.9 * 7 + 4.6 * 3)
    assert one.energy_at(Costs(accumulate=24.0, multiply_accumulate=0.0)) == 7 * 24
