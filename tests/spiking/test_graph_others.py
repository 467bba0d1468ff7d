"""NIR graphs as others write them, beside a simulation of NIR's equations written by hand."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

nir = pytest.importorskip("nir")

from ctsigprop.errors import InputError  # noqa: E402
from ctsigprop.spiking.integers import integer_network  # noqa: E402
from ctsigprop.spiking.monitor.chip import demands_of  # noqa: E402
from ctsigprop.spiking.monitor.recording import account_of, record  # noqa: E402
from ctsigprop.spiking.neuron import Neuron  # noqa: E402
from ctsigprop.spiking.nir.graph import read_graph, write_graph  # noqa: E402
from ctsigprop.spiking.nir.importing import from_graph  # noqa: E402

Array = NDArray[np.float64]
STEPS, SAMPLES, DT = 7, 6, 1e-4


class Simulation:
    """Euler's method on one sample, node by node; a graph within a graph is a simulation of its own."""

    def __init__(self, graph: Any, dt: float) -> None:
        self.graph, self.dt = graph, dt
        self.voltages: dict[str, Any] = {}
        self.within = {
            name: Simulation(node, dt) for name, node in graph.nodes.items() if isinstance(node, nir.NIRGraph)
        }
        (start,) = graph.inputs
        self.order = [start]
        for name in self.order:
            self.order += [b for a, b in graph.edges if a == name and b not in self.order]
        self.last: dict[str, Array] = {}

    def step(self, x: Array) -> Array:
        values: dict[str, Array] = {}
        for name in self.order:
            entering = x if name in self.graph.inputs else np.zeros(())
            for a, b in self.graph.edges:
                if b == name:
                    entering = entering + (values[a] if a in values else self.before(a))
            values[name] = self.within[name].step(entering) if name in self.within else self.of(name, entering)
        self.last = values
        (end,) = self.graph.outputs
        return values[end]

    def before(self, name: str) -> Array:
        """What came back over a recurrent edge: at the first step, of no spikes."""
        if name in self.last:
            return self.last[name]
        node = self.graph.nodes[name]
        return np.asarray(node.bias) if isinstance(node, nir.Affine) else np.zeros(())

    def of(self, name: str, x: Array) -> Array:
        node = self.graph.nodes[name]
        match node:
            case nir.Affine():
                return node.weight @ x.ravel() + node.bias
            case nir.Linear():
                return node.weight @ x.ravel()
            case nir.Scale():
                return node.scale * x
            case nir.Flatten():
                return x.ravel()
            case nir.Conv2d():
                return convolved(node, x)
            case nir.SumPool2d():
                return windows(node, x).sum(axis=(3, 4))
            case nir.AvgPool2d():
                return windows(node, x).mean(axis=(3, 4))
            case nir.Input() | nir.Output():
                return x
        v = self.voltages.get(name, np.zeros_like(x))
        if isinstance(node, nir.LIF | nir.LI):
            v = v + self.dt / node.tau * (node.v_leak - v + node.r * x)
        else:
            v = v + self.dt * node.r * x
        if isinstance(node, nir.LI | nir.I):
            self.voltages[name] = v
            return v
        fired = v > node.v_threshold
        self.voltages[name] = np.where(fired, node.v_reset, v)
        return fired.astype(np.float64)


def pair(size: Any) -> tuple[int, int]:
    return tuple(np.broadcast_to(size, 2).tolist())


def windows(node: Any, x: Array, size: Any = None) -> Array:
    (up, left), (down, right) = pair(node.padding), pair(node.stride)
    padded = np.pad(x, ((0, 0), (up, up), (left, left)))
    kernel = pair(node.kernel_size) if size is None else size
    return np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))[:, ::down, ::right]


def convolved(node: Any, x: Array) -> Array:
    each, inputs, *size = node.weight.shape
    each //= node.groups
    groups = windows(node, x, tuple(size)).reshape(node.groups, inputs, *windows(node, x, tuple(size)).shape[1:])
    kernels = node.weight.reshape(node.groups, each, inputs, *size)
    found = np.einsum("gcyxhw,gochw->goyx", groups, kernels)
    return found.reshape(-1, *found.shape[2:]) + node.bias[:, None, None]


random = np.random.default_rng(3)


def affine(outputs: int, inputs: int, scale: float = 1.0) -> Any:
    return nir.Affine(scale * random.normal(size=(outputs, inputs)), scale * random.normal(size=outputs) / 4)


def linear(outputs: int, inputs: int, scale: float = 1.0) -> Any:
    return nir.Linear(scale * random.normal(size=(outputs, inputs)))


def full(shape: Any, value: float) -> Array:
    return np.full(shape, value)


def between(shape: Any, low: float, high: float) -> Array:
    return random.uniform(low, high, size=shape)


def lif(shape: Any, tau: Any, r: Any, threshold: Any = 0.5, leak: Any = 0.0, reset: Any = 0.0) -> Any:
    arrays = [np.array(np.broadcast_to(value, shape), float) for value in (tau, r, leak, threshold, reset)]
    return nir.LIF(**dict(zip(("tau", "r", "v_leak", "v_threshold", "v_reset"), arrays, strict=True)))


def if_(shape: Any, r: Any = 1.0, threshold: Any = 0.5, reset: Any = 0.0) -> Any:
    r, threshold, reset = (np.array(np.broadcast_to(value, shape), float) for value in (r, threshold, reset))
    return nir.IF(r=r, v_threshold=threshold, v_reset=reset)


def leaky(beta: Any, shape: Any = (1,)) -> Any:
    """As snnTorch writes Leaky: dt 1e-4, tau = dt / (1 - beta), r = tau / dt, often of no shape of their own."""
    tau = np.broadcast_to(DT / (1 - np.asarray(beta)), shape)
    return lif(shape, tau, tau / DT)


def conv(outputs: int, inputs: int, size: int = 3, **given: Any) -> Any:
    kernel = random.normal(size=(outputs, inputs // given.get("groups", 1), size, size))
    form = {"input_shape": (6, 6), "stride": 1, "padding": 1, "dilation": 1, "groups": 1, "bias": np.zeros(outputs)}
    return nir.Conv2d(weight=kernel, **{**form, **given})


def pool(kind: Any, size: int = 2, stride: int = 2, padding: int = 0) -> Any:
    return kind(*(np.array([value, value]) for value in (size, stride, padding)))


def flat(*shape: int) -> Any:
    return nir.Flatten(input_type={"input": np.array(shape)}, start_dim=0)


def graph(shape: Any, *nodes: Any, edges: Any = (), leaves: int = 3, **named: Any) -> Any:
    """A chain of nodes between an input and an output, and further named nodes and edges."""
    names = {f"n{number}": node for number, node in enumerate(nodes)}
    end = nir.Output(output_type={"output": np.array([leaves])})
    every = {"input": nir.Input(input_type=np.array(shape)), **names, "output": end}
    order = list(every)
    chain = list(pairwise(order))
    return nir.NIRGraph({**every, **named}, [*chain, *edges], type_check=False)


def recurrent(units: int, neuron: Any, weights: Any) -> Any:
    """As snnTorch writes RLeaky: a graph of its own."""
    nodes = {
        "input": nir.Input(input_type=np.array([units])),
        "lif": neuron,
        "w_rec": weights,
        "output": nir.Output(output_type=np.array([units])),
    }
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


I = nir.I  # noqa: E741
Case = tuple[Any, float]
H = (4, 6, 6)
IMAGE = (2, 6, 6)

READ: dict[str, Callable[[], Case]] = {
    "IF": lambda: (graph((5,), linear(8, 5), if_(8), affine(3, 8)), 1.0),
    "IF, no biases": lambda: (graph((5,), linear(8, 5), if_(8), linear(3, 8)), 1.0),
    "IF, r of its own": lambda: (graph((5,), linear(8, 5), if_(8, r=1.7), affine(3, 8)), 1.0),
    "IF in seconds, r = 1 / dt": lambda: (graph((5,), linear(8, 5), if_(8, r=1e3), affine(3, 8)), 1e-3),
    "IF, r by neuron": lambda: (graph((5,), affine(8, 5), if_(8, r=between(8, 0.5, 2)), affine(3, 8)), 1.0),
    "IF, thresholds by neuron": lambda: (
        graph((5,), affine(8, 5), if_(8, threshold=between(8, 0.2, 2)), affine(3, 8)),
        1.0,
    ),
    "IF, reset elsewhere": lambda: (graph((5,), affine(8, 5), if_(8, reset=-0.3), affine(3, 8)), 1.0),
    "IF, resets by neuron": lambda: (graph((5,), affine(8, 5), if_(8, reset=between(8, -1, 0.4)), affine(3, 8)), 1.0),
    "IF, a threshold below zero": lambda: (graph((5,), affine(8, 5), if_(8, threshold=-0.2), affine(3, 8)), 1.0),
    "LIF, r = tau": lambda: (graph((5,), affine(8, 5), lif(8, 4.0, 4.0), affine(3, 8)), 1.0),
    "LIF, r = 1": lambda: (graph((5,), affine(8, 5), lif(8, 2.0, 1.0), affine(3, 8)), 1.0),
    "LIF, r between": lambda: (graph((5,), affine(8, 5), lif(8, 2.0, 3.0), affine(3, 8)), 1.0),
    "LIF, a leak voltage": lambda: (graph((5,), affine(8, 5), lif(8, 3.0, 2.0, leak=0.4), affine(3, 8)), 1.0),
    "LIF, all by neuron": lambda: (
        graph(
            (5,),
            affine(8, 5),
            lif(8, between(8, 1, 9), between(8, 1, 5), between(8, 0.2, 1), between(8, -1, 1), between(8, -1, 0.1)),
            affine(3, 8),
        ),
        1.0,
    ),
    "LIF, tau that differs by rounding": lambda: (
        graph((5,), affine(8, 5), lif(8, 2 * (1 + np.arange(8) * 1e-16), 1.0), affine(3, 8)),
        1.0,
    ),
    "norse: tau in seconds, r = 1": lambda: (graph((5,), affine(8, 5, 4), lif(8, 1e-2, 1.0), affine(3, 8)), 1e-3),
    "norse: tau = dt / 100": lambda: (graph((5,), affine(8, 5, 4), lif(8, 1e-5, 1.0), affine(3, 8)), 1e-6),
    "norse: ends in LI": lambda: (
        graph(
            (5,),
            affine(8, 5, 4),
            lif(8, 1e-2, 1.0),
            affine(3, 8),
            nir.LI(tau=full(3, 1e-2), r=full(3, 1.0), v_leak=full(3, 0.0)),
        ),
        1e-3,
    ),
    "snnTorch: one beta for all": lambda: (graph((5,), affine(8, 5), leaky(0.9), affine(3, 8), leaky(0.9)), DT),
    "snnTorch: arrays of one": lambda: (
        graph((5,), affine(8, 5), leaky(0.9, (1,)), affine(3, 8), leaky(0.8, (1,))),
        DT,
    ),
    "snnTorch: betas by neuron": lambda: (
        graph((5,), affine(8, 5), leaky(between(8, 0.1, 0.95), (8,)), affine(3, 8), leaky(between(3, 0.1, 0.9), (3,))),
        DT,
    ),
    "snnTorch: convolutions and AvgPool": lambda: (
        graph(IMAGE, conv(4, 2), leaky(0.7), pool(nir.AvgPool2d), flat(4, 3, 3), affine(3, 36), leaky(0.9)),
        DT,
    ),
    "snnTorch: RLeaky": lambda: (
        graph((5,), affine(8, 5), recurrent(8, leaky(0.9, (8,)), linear(8, 8, 0.5)), affine(3, 8), leaky(0.9)),
        DT,
    ),
    "snnTorch: RLeaky, one to one": lambda: (
        graph((5,), affine(8, 5), recurrent(8, leaky(0.6, (8,)), nir.Linear(np.diag(between(8, -1, 1)))), affine(3, 8)),
        DT,
    ),
    "snnTorch: RLeaky with a bias, last": lambda: (
        graph((5,), affine(8, 5), leaky(0.9), affine(3, 8), recurrent(3, leaky(0.9, (3,)), affine(3, 3))),
        DT,
    ),
    "recurrent edges of the graph itself": lambda: (
        graph(
            (5,),
            affine(8, 5),
            lif(8, 3.0, 2.0),
            affine(3, 8),
            edges=[("n1", "back"), ("back", "n1")],
            back=linear(8, 8, 0.7),
        ),
        1.0,
    ),
    "spikes that come back as they are": lambda: (
        graph((5,), affine(8, 5), lif(8, 3.0, 2.0, threshold=1.5), affine(3, 8), edges=[("n1", "n1")]),
        1.0,
    ),
    "IF last": lambda: (graph((5,), affine(8, 5), if_(8), affine(3, 8), if_(3)), 1.0),
    "LIF last, all by neuron": lambda: (
        graph((5,), affine(8, 5), if_(8), affine(3, 8), lif(3, between(3, 1, 9), between(3, 1, 5), between(3, 0.2, 1))),
        1.0,
    ),
    "I last": lambda: (graph((5,), affine(8, 5), if_(8), affine(3, 8), I(r=between(3, 0.5, 2))), 1.0),
    "LI last, a leak voltage": lambda: (
        graph(
            (5,),
            affine(8, 5),
            if_(8),
            affine(3, 8),
            nir.LI(tau=full(3, 5.0), r=between(3, 1, 2), v_leak=between(3, -1, 1)),
        ),
        1.0,
    ),
    "three layers": lambda: (
        graph((5,), affine(8, 5), if_(8), linear(9, 8), lif(9, 4.0, 2.0), affine(7, 9), if_(7), affine(3, 7)),
        1.0,
    ),
    "neurons first": lambda: (graph((5,), lif(5, 4.0, 3.0), affine(8, 5), if_(8), affine(3, 8)), 1.0),
    "two weights in a row": lambda: (graph((5,), affine(6, 5), linear(8, 6), if_(8), affine(3, 8)), 1.0),
    "Scale": lambda: (graph((5,), affine(8, 5), nir.Scale(between(8, 0.2, 2)), lif(8, 3.0, 1.0), affine(3, 8)), 1.0),
    "AvgPool first": lambda: (
        graph(IMAGE, pool(nir.AvgPool2d), conv(4, 2), if_((4, 3, 3)), flat(4, 3, 3), affine(3, 36)),
        1.0,
    ),
    "SumPool as it is": lambda: (
        graph(IMAGE, conv(4, 2), if_(H), pool(nir.SumPool2d), flat(4, 3, 3), affine(3, 36)),
        1.0,
    ),
    "SumPool of overlapping windows, padded": lambda: (
        graph(IMAGE, conv(4, 2), if_(H), pool(nir.SumPool2d, 3, 2, 1), flat(4, 3, 3), affine(3, 36)),
        1.0,
    ),
    "SumPool, then IF that one spike suffices for": lambda: (
        graph(IMAGE, conv(4, 2), if_(H), pool(nir.SumPool2d), if_((4, 3, 3), threshold=0.9), affine(3, 36)),
        1.0,
    ),
    "SumPool, then IF whose spikes come back": lambda: (
        graph(
            IMAGE,
            conv(4, 2),
            if_(H),
            pool(nir.SumPool2d),
            if_((4, 3, 3), threshold=0.9),
            affine(3, 36),
            edges=[("n3", "n3")],
        ),
        1.0,
    ),
    "SumPool, then IF that adds up": lambda: (
        graph(IMAGE, conv(4, 2), if_(H), pool(nir.SumPool2d), if_((4, 3, 3), threshold=2.5), affine(3, 36)),
        1.0,
    ),
    "AvgPool, then LIF": lambda: (
        graph(IMAGE, conv(4, 2), if_(H), pool(nir.AvgPool2d), lif((4, 3, 3), 3.0, 3.0), affine(3, 36)),
        1.0,
    ),
    "AvgPool, then a convolution": lambda: (
        graph(IMAGE, conv(4, 2), if_(H), pool(nir.AvgPool2d), conv(5, 4), if_((5, 3, 3)), flat(5, 3, 3), affine(3, 45)),
        1.0,
    ),
    "a convolution of groups, stride 2": lambda: (
        graph(IMAGE, conv(4, 2, groups=2, stride=2), if_((4, 3, 3)), flat(4, 3, 3), affine(3, 36)),
        1.0,
    ),
    "thresholds by place": lambda: (
        graph(IMAGE, conv(4, 2), if_(H, threshold=between(H, 0.2, 3)), flat(*H), affine(3, 144)),
        1.0,
    ),
    "constants by channel": lambda: (
        graph(IMAGE, conv(4, 2), lif((4, 1, 1), between((4, 1, 1), 1, 5), 2.0), flat(*H), affine(3, 144)),
        1.0,
    ),
    "a graph in a graph": lambda: (
        graph((5,), affine(8, 5), graph((8,), if_(8), affine(6, 8), if_(6), leaves=6), affine(3, 6)),
        1.0,
    ),
    "a graph in a graph in a graph": lambda: (
        graph((5,), graph((5,), affine(8, 5), graph((8,), lif(8, 3.0, 2.0), leaves=8), leaves=8), affine(3, 8)),
        1.0,
    ),
}


@pytest.mark.parametrize("case", READ)
def test_a_graph_gives_what_its_equations_do(tmp_path: Path, case: str) -> None:
    made, dt = READ[case]()
    nir.write(tmp_path / "a.nir", made)
    network = read_graph(tmp_path / "a.nir", dt=dt)
    shape = tuple(np.atleast_1d(made.nodes["input"].input_type["input"]))
    x = np.random.default_rng(1).normal(0.5, 1, size=(STEPS, SAMPLES, *shape))
    expected = []
    for sample in range(SAMPLES):
        simulation = Simulation(made, dt)
        expected.append([simulation.step(one) for one in x[:, sample]])
    found = record(network, torch.from_numpy(x).float())
    outputs = np.array(expected).swapaxes(0, 1)
    assert outputs.std() > 0.01
    assert all(0.01 < layer.spikes.mean() < 0.99 for layer in found.layers)
    np.testing.assert_allclose(found.outputs.numpy(), outputs, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.logits.numpy(), outputs.mean(0), rtol=1e-5, atol=1e-5)


def test_constants_may_have_no_shape() -> None:
    made = graph((5,), affine(8, 5), leaky(0.9, ()), affine(3, 8))
    assert from_graph(made, dt=DT).blocks[0].neurons.neuron == Neuron(np.nextafter(np.float32(0.5), 1), leak=0.1)


def test_neurons_behind_the_last_layer_are_not_written(tmp_path: Path) -> None:
    network = from_graph(graph((5,), affine(8, 5), leaky(0.9), affine(3, 8), leaky(0.9)), dt=DT)
    with pytest.raises(InputError, match="readout: has neurons behind it"):
        write_graph(network, tmp_path / "a.nir")


def cuba(units: int) -> Any:
    return nir.CubaLIF(*(full(units, value) for value in (2.0, 3.0, 1.0, 0.0, 1.0)))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "snnTorch without its dt": (
        lambda: graph((5,), affine(8, 5), leaky(0.9), affine(3, 8)),
        r"node 'n1' \(LIF\): tau = 0.001: must be at least dt = 1, .*give read_graph the dt",
    ),
    "snnTorch: Synaptic": (
        lambda: graph((5,), affine(8, 5), cuba(8), affine(3, 8)),
        r"node 'n1' \(CubaLIF\): must be weights, pooling or neurons, IF or LIF",
    ),
    "RSynaptic": (
        lambda: graph((5,), affine(8, 5), recurrent(8, cuba(8), linear(8, 8)), affine(3, 8)),
        r"node 'n1.lif' \(CubaLIF\): (takes from|gives to)",
    ),
    "a skip connection": (
        lambda: graph((5,), affine(8, 5), if_(8), affine(8, 8), if_(8), affine(3, 8), edges=[("n1", "n3")]),
        r"node 'n1' \(IF\): gives to 'n2' and 'n3'",
    ),
    "a loop over two layers": (
        lambda: graph((5,), affine(8, 5), if_(8), affine(8, 8), if_(8), affine(3, 8), edges=[("n3", "n0")]),
        r"node 'n0' \(Affine\): takes from 'input' and 'n3'",
    ),
    "a convolution that comes back": (
        lambda: graph(
            IMAGE,
            conv(4, 2),
            if_(H),
            flat(*H),
            affine(3, 144),
            edges=[("n1", "back"), ("back", "n1")],
            back=conv(4, 4),
        ),
        r"node 'n1' \(IF\): takes from 'n0' and 'back'",
    ),
    "recurrent weights of another layer": (
        lambda: graph(
            (5,), affine(8, 5), if_(8), affine(3, 8), edges=[("n1", "back"), ("back", "n1")], back=linear(7, 7)
        ),
        r"node 'n1' \(IF\): recurrent weights are 7 x 7: must be 8 x 8",
    ),
    "recurrent weights that are not numbers": (
        lambda: graph(
            (5,), affine(8, 5), if_(8), affine(3, 8), edges=[("n1", "back"), ("back", "n1")], back=linear(8, 8, np.nan)
        ),
        r"node 'n1' \(IF\): weights hold NaN or infinity",
    ),
    "a last layer of another width": (
        lambda: graph((5,), affine(8, 5), if_(8), affine(3, 7)),
        r"node 'n2' \(Affine\): takes 7 values: must take 8, as the layer before gives",
    ),
    "an output of another width": (
        lambda: graph((5,), affine(8, 5), if_(8), affine(3, 8), leaves=4),
        r"node 'output' \(Output\): gives 4 values: must give 3, as the last layer",
    ),
    "a name that is there twice": (
        lambda: graph(
            (5,), affine(8, 5), if_(8), graph((8,), affine(3, 8)), edges=[("n1", "n2.n0")], **{"n2.n0": affine(3, 8)}
        ),
        r"node 'n2.n0': is also in the graph 'n2': rename it",
    ),
    "one layer": (lambda: graph((5,), affine(3, 5), if_(3)), r"node 'output' \(Output\): must come behind a layer"),
    "no leak as infinity": (
        lambda: graph((5,), affine(8, 5), lif(8, np.inf, np.inf), affine(3, 8)),
        r"node 'n1' \(LIF\): tau holds NaN or infinity: must be finite; no leak is IF",
    ),
    "a threshold without neurons": (
        lambda: graph((5,), affine(8, 5), nir.Threshold(full(8, 0.5)), affine(3, 8)),
        r"node 'n1' \(Threshold\): must be weights, pooling or neurons",
    ),
    "a delay": (
        lambda: graph((5,), affine(8, 5), if_(8), nir.Delay(full(8, 1.0)), affine(3, 8)),
        r"node 'n2' \(Delay\): must be weights, pooling or neurons",
    ),
    "weights of another width": (
        lambda: graph((5,), affine(8, 6), if_(8), affine(3, 8)),
        r"node 'n0' \(Affine\): Sequential: does not take samples of shape \(5,\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_network_has_not_is_refused_by_name(tmp_path: Path, case: str) -> None:
    make, message = REFUSED[case]
    nir.write(tmp_path / "a.nir", make())
    with pytest.raises(InputError, match=message) as refusal:
        read_graph(tmp_path / "a.nir")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["steps", "coding", "dt"])
def test_metadata_of_another_kind_are_refused(tmp_path: Path, name: str) -> None:
    made = graph((5,), affine(8, 5), if_(8), affine(3, 8))
    made.metadata = {name: np.zeros(3)}
    nir.write(tmp_path / "a.nir", made)
    with pytest.raises(InputError, match=f"metadata: {name} is of type ndarray: must be one value: give {name}"):
        read_graph(tmp_path / "a.nir")


def test_a_file_that_does_not_fit_into_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(nir, "read", read)
    with pytest.raises(InputError, match="is no NIR file, or a damaged one"):
        read_graph(tmp_path / "a.nir")


def test_names_may_have_dots() -> None:
    made = graph((5,), affine(8, 5), if_(8), affine(3, 8))
    names = {name: f"net.{name}" for name in made.nodes}
    nodes = {names[name]: node for name, node in made.nodes.items()}
    made = nir.NIRGraph(nodes, [(names[a], names[b]) for a, b in made.edges], type_check=False)
    assert len(from_graph(made).blocks) == 1


def test_a_time_constant_of_one_step_may_be_rounded() -> None:
    made = graph((5,), affine(8, 5), lif(8, np.float32(DT), 1.0), affine(3, 8))
    assert from_graph(made, dt=1.00000005 * float(np.float32(DT))).blocks[0].neurons.neuron.leak == 1


def test_recurrent_connections_are_not_counted() -> None:
    network = from_graph(graph((5,), affine(8, 5), lif(8, 3.0, 2.0), affine(3, 8), edges=[("n1", "n1")]))
    behind = from_graph(graph((5,), affine(8, 5), if_(8), affine(3, 8), recurrent(3, if_(3), linear(3, 3))))
    for made, name in ((network, "layer 1"), (behind, "output")):
        for count in (lambda made=made: account_of(made, []), lambda made=made: demands_of(made, 8)):
            with pytest.raises(InputError, match=f"{name}: has recurrent connections, which are not counted"):
                count()


def test_integers_have_no_neurons_behind_the_readout() -> None:
    network = from_graph(graph((5,), affine(8, 5), if_(8), affine(3, 8), if_(3)))
    with pytest.raises(InputError, match="readout: has neurons behind it: must be a layer alone for integers"):
        integer_network(network, 8)


def test_the_step_of_the_file_counts_where_none_is_given(tmp_path: Path) -> None:
    made = graph((5,), affine(8, 5), leaky(0.9), affine(3, 8))
    made.metadata = {"dt": DT, "steps": 9}
    nir.write(tmp_path / "a.nir", made)
    neurons = read_graph(tmp_path / "a.nir").blocks[0].neurons
    assert (neurons.neuron.leak, neurons.steps) == (0.1, 9)
    with pytest.raises(InputError, match="dt = 0: must be"):
        read_graph(tmp_path / "a.nir", dt=0)
