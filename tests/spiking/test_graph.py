"""NIR: what is written computes the network's spikes, read back or run by NIR's own equations; what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

nir = pytest.importorskip("nir")

from ctsigprop.errors import InputError, RunFailure  # noqa: E402
from ctsigprop.settings.spiking import SpikingNetworkSettings, SpikingSettings  # noqa: E402
from ctsigprop.spiking.monitor.recording import record  # noqa: E402
from ctsigprop.spiking.network import SpikingNetwork, build  # noqa: E402
from ctsigprop.spiking.nir.graph import read_graph, write_graph  # noqa: E402

SHAPE, CLASSES = (2, 9, 11), 5


def network(**given: Any) -> SpikingNetwork:
    """A small network whose batch normalisation has seen something."""
    settings = SpikingSettings(network=SpikingNetworkSettings(channels=(4, 6), units=20, **given))
    made = build(settings, SHAPE, CLASSES).eval()
    with torch.no_grad():
        made.blocks[-1].layer.weight.mul_(4)
    source = torch.Generator().manual_seed(1)
    for block in made.blocks:
        if isinstance(block.norm, nn.BatchNorm2d):
            for value, low, high in (
                (block.norm.weight, 0.5, 2.0),
                (block.norm.bias, -0.2, 0.6),
                (block.norm.running_mean, -0.5, 0.5),
                (block.norm.running_var, 0.1, 1.5),
            ):
                assert value is not None
                nn.init.uniform_(value, low, high, generator=source)
    return made


def currents(samples: int = 20, steps: int = 4) -> Tensor:
    return torch.randn(steps, samples, *SHAPE, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("leak", [0.0, 0.1, 0.37, 1.0])
@pytest.mark.parametrize("threshold", [0.5, 0.7, 1.0])
def test_spikes_are_the_same_after_a_round_trip(tmp_path: Path, leak: float, threshold: float) -> None:
    before = network(leak=leak, threshold=threshold, steps=6)
    write_graph(before, tmp_path / "a.nir")
    after = read_graph(tmp_path / "a.nir")
    x = currents(steps=6)
    old, new = record(before, x), record(after, x)
    for one, other in zip(old.layers, new.layers, strict=True):
        assert one.spikes.any() and not one.spikes.all()
        assert torch.equal(one.spikes, other.spikes)
    torch.testing.assert_close(new.outputs, old.outputs)
    assert [block.neurons.steps for block in after.blocks] == [6, 6, 6]
    assert after.blocks[0].neurons.neuron.leak == leak
    assert after.blocks[0].neurons.neuron.threshold == np.float32(threshold)
    images = x[0]
    torch.testing.assert_close(after(images), before(images))


def test_a_second_round_trip_changes_no_bit(tmp_path: Path) -> None:
    write_graph(network(threshold=0.3), tmp_path / "a.nir")
    once = read_graph(tmp_path / "a.nir")
    write_graph(once, tmp_path / "b.nir")
    twice = read_graph(tmp_path / "b.nir")
    assert twice.blocks[0].neurons.neuron == once.blocks[0].neurons.neuron
    own, other = once.state_dict(), twice.state_dict()
    assert own.keys() == other.keys()
    assert all(torch.equal(own[name], other[name]) for name in own)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.7, 1.0, 3.0])
def test_a_voltage_at_the_threshold_spikes_and_one_just_below_does_not(tmp_path: Path, threshold: float) -> None:
    write_graph(network(threshold=threshold), tmp_path / "a.nir")
    written = nir.read(tmp_path / "a.nir").nodes["neurons_3"].v_threshold
    at = np.float32(threshold)
    assert (at > written).all()
    assert not (np.nextafter(at, np.float32(0)) > written).any()


def affine(node: Any, x: NDArray[Any]) -> NDArray[Any]:
    return x @ node.weight.T + node.bias


def conv(node: Any, x: NDArray[Any]) -> NDArray[Any]:
    """Stride 1, zero padding."""
    (above, left), (height, width) = node.padding, node.weight.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (above, above), (left, left)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    return np.einsum("scyxhw,ochw->soyx", windows, node.weight) + node.bias[:, None, None]


def sum_pool(node: Any, x: NDArray[Any]) -> NDArray[Any]:
    (height, width), (down, right) = node.kernel_size, node.stride
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
    return windows[:, :, ::down, ::right].sum(axis=(4, 5))


def executed(graph: Any, x: NDArray[Any]) -> tuple[dict[str, list[NDArray[Any]]], list[NDArray[Any]]]:
    """Spikes of all neurons and outputs of a chain, by the equations of NIR's own documentation, dt = 1."""
    following = dict(graph.edges)
    voltages: dict[str, Any] = {}
    spikes: dict[str, list[NDArray[Any]]] = {}
    outputs = []
    for entering in x:
        name, h = "input", entering
        while name != "output":
            name = following[name]
            node = graph.nodes[name]
            match type(node).__name__:
                case "Conv2d":
                    h = conv(node, h)
                case "Affine":
                    h = affine(node, h)
                case "Flatten":
                    h = h.reshape(len(h), -1)
                case "SumPool2d":
                    h = sum_pool(node, h)
                case "IF" | "LIF":
                    v = voltages.get(name, np.zeros_like(h))
                    rise = node.r * h if type(node).__name__ == "IF" else (node.v_leak - v + node.r * h) / node.tau
                    v = (v + rise).astype(np.float32)
                    fired = v > node.v_threshold
                    voltages[name] = np.where(fired, node.v_reset, v)
                    h = fired.astype(np.float32)
                    spikes.setdefault(name, []).append(h)
        outputs.append(h)
    return spikes, outputs


@pytest.mark.parametrize("leak", [0.0, 0.25])
def test_what_is_written_has_the_same_spikes_by_the_equations_of_nir(tmp_path: Path, leak: float) -> None:
    own = network(leak=leak)
    write_graph(own, tmp_path / "a.nir")
    x = currents(samples=3)
    spikes, outputs = executed(nir.read(tmp_path / "a.nir"), x.numpy())
    found = record(own, x)
    for number, layer in enumerate(found.layers, start=1):
        np.testing.assert_array_equal(np.stack(spikes[f"neurons_{number}"]), layer.spikes)
    np.testing.assert_allclose(np.stack(outputs), found.outputs, atol=1e-5)


def test_steps_may_be_given(tmp_path: Path) -> None:
    write_graph(network(steps=3), tmp_path / "a.nir")
    assert read_graph(tmp_path / "a.nir", steps=9, coding="latency").coding.steps == 9
    with pytest.raises(InputError, match="steps = 0: must be a whole number, at least 1"):
        read_graph(tmp_path / "a.nir", steps=0)


def test_what_nir_leaves_out_is_in_the_metadata(tmp_path: Path) -> None:
    write_graph(network(coding="rate", steps=3), tmp_path / "a.nir")
    graph = nir.read(tmp_path / "a.nir")
    assert graph.metadata == {"dt": 1.0, "steps": 3, "coding": "rate"}
    assert read_graph(tmp_path / "a.nir").coding.seed == 0
    scale = {"mean": [1.5, 2.5], "deviation": [3.0, 4.0]}
    write_graph(network(), tmp_path / "a.nir", scale)
    found = nir.read(tmp_path / "a.nir").metadata
    assert {name: found[name].tolist() for name in scale} == scale
    graph.metadata["coding"] = "burst"
    nir.write(tmp_path / "a.nir", graph)
    with pytest.raises(InputError, match=r"a.nir: coding = 'burst': must be one of direct, rate, latency"):
        read_graph(tmp_path / "a.nir")


def test_graphs_of_others_are_read_at_their_own_threshold(tmp_path: Path) -> None:
    ones = np.ones(3)
    nodes = [nir.Linear(np.eye(3)), nir.IF(r=ones, v_threshold=ones), nir.Affine(np.eye(3)[:2], np.zeros(2))]
    nir.write(tmp_path / "a.nir", nir.NIRGraph.from_list(*nodes))
    other = read_graph(tmp_path / "a.nir")
    x = torch.tensor([1.0, np.nextafter(np.float32(1), np.float32(2)), 2.0]).view(1, 1, 3)
    np.testing.assert_array_equal(record(other, x.expand(4, 1, 3)).layers[0].spikes[0, 0], [0, 1, 1])
    assert other.blocks[0].neurons.steps == 4


def test_a_graph_may_end_behind_a_convolution(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kernel, matrix = random.normal(size=(2, 1, 3, 3)), random.normal(size=(5, 2 * 4 * 4))
    neurons = nir.IF(r=np.ones((2, 4, 4)), v_threshold=np.ones((2, 4, 4)))
    flatten = nir.Flatten(input_type={"input": np.array([2, 4, 4])}, start_dim=0)
    nodes = [nir.Conv2d((4, 4), kernel, 1, 1, 1, 1, np.zeros(2)), neurons, flatten, nir.Affine(matrix, np.ones(5))]
    nir.write(tmp_path / "a.nir", nir.NIRGraph.from_list(*nodes))
    other = read_graph(tmp_path / "a.nir")
    found = record(other, torch.from_numpy(random.normal(size=(4, 3, 1, 4, 4))).float())
    spikes = found.layers[0].spikes.numpy()
    assert 0 < spikes.mean() < 1
    np.testing.assert_allclose(found.outputs, spikes.reshape(4, 3, -1) @ matrix.T + 1, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.logits, found.outputs.mean(0))


def test_what_nir_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"network.reset = 'soft': must be hard for NIR"):
        write_graph(network(reset="soft"), tmp_path / "a.nir")
    averaging = network()
    averaging.blocks[0].pool = nn.AvgPool2d(2)
    with pytest.raises(InputError, match=r"AvgPool2d.*: must be max pooling without dilation and ceil_mode for NIR"):
        write_graph(averaging, tmp_path / "a.nir")
    circular = network()
    circular.blocks[0].layer.padding_mode = "circular"
    with pytest.raises(InputError, match="layer 1: padding_mode = 'circular': must be zeros for NIR"):
        write_graph(circular, tmp_path / "a.nir")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFailure, match="cannot be written"):
        write_graph(network(), tmp_path / "none" / "a.nir")


Change = Callable[[dict[str, Any], list[tuple[str, str]]], object]


def replaced(name: str, **given: Any) -> Change:
    """Sets attributes of a node."""
    return lambda nodes, edges: [setattr(nodes[name], key, value) for key, value in given.items()]


def dropped(name: str) -> Change:
    """Takes a node out of the chain."""

    def change(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> None:
        before = next(one for one, other in edges if other == name)
        after = dict(edges)[name]
        edges[:] = [edge for edge in edges if name not in edge] + [(before, after)]
        del nodes[name]

    return change


UNITS = np.ones(20)
WRONG: dict[str, tuple[Change, str]] = {
    "neurons missing": (dropped("neurons_3"), "node 'output' (Output): must come behind a layer of neurons"),
    "weights missing": (
        dropped("weights_2"),
        "node 'neurons_2' (IF): r has shape (6, 4, 5): must be one value, or (4,",
    ),
    "weights that are none": (
        lambda nodes, edges: nodes.update(weights_1=nir.Scale(np.ones((4, 9, 11)))),
        "node 'weights_1' (Scale): Scale: does not take samples of shape (2, 9, 11)",
    ),
    "neurons that do not spike": (
        lambda nodes, edges: nodes.update(neurons_3=nir.LI(tau=UNITS, r=UNITS, v_leak=0 * UNITS)),
        "node 'neurons_3' (LI): must be neurons that spike, IF or LIF, but for the last ones",
    ),
    "synaptic currents": (
        lambda nodes, edges: nodes.update(neurons_3=nir.CubaLIF(*[UNITS] * 5)),
        "node 'neurons_3' (CubaLIF): must be weights, pooling or neurons, IF or LIF",
    ),
    "time constant": (
        lambda nodes, edges: nodes.update(
            neurons_3=nir.LIF(tau=UNITS / 2, r=UNITS / 2, v_leak=0 * UNITS, v_threshold=UNITS)
        ),
        "node 'neurons_3' (LIF): tau = 0.5: must be at least dt = 1, a step: give read_graph the dt",
    ),
    "thresholds of another layer": (
        replaced("neurons_3", v_threshold=np.ones(7)),
        "is no NIR graph whose nodes fit (All parameters must have the same shape)",
    ),
    "a threshold of NaN": (
        replaced("neurons_3", v_threshold=np.nan * UNITS),
        "node 'neurons_3' (IF): v_threshold holds NaN or infinity",
    ),
    "weights of NaN": (
        lambda nodes, edges: nodes["weights_1"].bias.fill(np.nan),
        "node 'weights_1' (Conv2d): weights hold NaN or infinity",
    ),
    "biases of another layer": (replaced("weights_3", bias=np.zeros(7)), "is no NIR graph whose nodes fit"),
    "groups that do not divide": (replaced("weights_1", groups=3), "is no NIR graph whose nodes fit"),
    "a loop": (
        lambda nodes, edges: edges.append(("neurons_3", "weights_2")),
        "node 'weights_2' (Conv2d): takes from 'any_1' and 'neurons_3'",
    ),
    "two ways": (
        lambda nodes, edges: edges.append(("neurons_1", "any_1")),
        "must be a chain from one input to one output",
    ),
    "no edge": (lambda nodes, edges: edges.remove(("any_1", "weights_2")), ": "),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_graphs_are_one_line(tmp_path: Path, case: str) -> None:
    change, message = WRONG[case]
    path = tmp_path / "a.nir"
    write_graph(network(), path)
    graph = nir.read(path)
    nodes, edges = dict(graph.nodes), list(graph.edges)
    change(nodes, edges)
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    with pytest.raises(InputError) as refusal:
        read_graph(path)
    text = str(refusal.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    assert message in text


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    import h5py

    whole, cut, text, other = (tmp_path / name for name in ("whole.nir", "cut.nir", "text.nir", "other.nir"))
    write_graph(network(), whole)
    cut.write_bytes(whole.read_bytes()[:5000])
    text.write_text("a graph")
    with h5py.File(other, "w") as file:
        file["numbers"] = np.arange(3)
    for path, message in {
        tmp_path / "none.nir": "no such file: give a NIR file",
        tmp_path: "is no NIR file, or a damaged one",
        cut: "is no NIR file, or a damaged one",
        text: "is no NIR file, or a damaged one",
        other: "is no NIR file, or a damaged one",
    }.items():
        with pytest.raises(InputError) as refusal:
            read_graph(path)
        assert str(refusal.value).startswith(f"{path}: {message}")
        assert "\n" not in str(refusal.value)
