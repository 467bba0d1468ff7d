"""The graphs that are built, how their weights are drawn, and what they refuse."""

from math import sqrt

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctsigprop.continuous.architectures import build
from ctsigprop.continuous.connections import Dense, connection_name, glorot_uniform
from ctsigprop.continuous.network import Network
from ctsigprop.errors import InputError
from ctsigprop.settings import LearningSettings, NetworkSettings

FEATURES, CLASSES = 9, 4
HIDDEN = [(6,), (6, 5), (6, 5, 7), (6, 5, 7, 8)]


def built(network: NetworkSettings, learning: LearningSettings | None = None, seed: int = 0) -> Network:
    return build(FEATURES, CLASSES, network, learning or LearningSettings(rates=(0.1,)), np.random.default_rng(seed))


def shapes(network: Network) -> dict[str, tuple[int, ...]]:
    return {connection.name: connection.weight.shape for connection in network.connections}


def forward_shapes(hidden: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    sizes = [FEATURES, *hidden, CLASSES]
    return {f"W{i}{i + 1}": (sizes[i], sizes[i + 1]) for i in range(len(sizes) - 1)}


@pytest.mark.parametrize("hidden", HIDDEN)
def test_sigprop_loop_is_feedforward_but_for_one_loop(hidden: tuple[int, ...]) -> None:
    network = built(NetworkSettings(hidden=hidden))
    last = len(hidden) + 1
    assert shapes(network) == {**forward_shapes(hidden), f"W{last}1": (CLASSES, hidden[0])}
    assert [(link.source, link.target) for link in network.links()] == [
        *((layer, layer + 1) for layer in range(last)),
        (last, 1),
    ]
    assert network.output == last
    assert [len(bias) for bias in network.biases] == [*hidden, CLASSES]
    assert not any(bias.any() for bias in network.biases)


def test_sigprop_loop_feeds_back_to_every_layer_asked_for() -> None:
    network = built(NetworkSettings(hidden=(6, 5, 7), loops=(3, 1)))
    loops = {"W43": (CLASSES, 7), "W41": (CLASSES, 6)}
    assert shapes(network) == forward_shapes((6, 5, 7)) | loops


@pytest.mark.parametrize("hidden", HIDDEN)
def test_symmetric_ep_shares_one_matrix_each_way(hidden: tuple[int, ...]) -> None:
    network = built(NetworkSettings("symmetric_ep", hidden))
    assert shapes(network) == forward_shapes(hidden)
    assert [connection.symmetric for connection in network.connections] == [False] + [True] * len(hidden)
    there = {(link.source, link.target): link.weight for link in network.links()}
    last = len(hidden) + 1
    assert set(there) == {(0, 1)} | {pair for i in range(1, last) for pair in ((i, i + 1), (i + 1, i))}
    for layer in range(1, last):
        there[layer, layer + 1][0, 1] = 7
        assert there[layer + 1, layer][1, 0] == 7


@pytest.mark.parametrize("hidden", HIDDEN)
def test_random_feedback_ep_has_independent_matrices_each_way(hidden: tuple[int, ...]) -> None:
    network = built(NetworkSettings("random_feedback_ep", hidden, output_gain=0.3))
    forward = forward_shapes(hidden)
    backward = {f"W{i + 1}{i}": forward[f"W{i}{i + 1}"][::-1] for i in range(1, len(hidden) + 1)}
    assert shapes(network) == forward | backward
    weights = network.parameters()
    for i in range(1, len(hidden) + 1):
        correlation = np.corrcoef(weights[f"W{i}{i + 1}"].ravel(), weights[f"W{i + 1}{i}"].T.ravel())[0, 1]
        assert abs(correlation) < 0.6


def test_weights_are_glorot_uniform_with_their_gains() -> None:
    network = built(NetworkSettings(hidden=(300, 200), output_gain=0.3, feedback_gain=2.0))
    gains = {"W01": 1.0, "W12": 1.0, "W23": 0.3, "W31": 2.0}
    for name, gain in gains.items():
        weight = network.parameters()[name]
        limit = gain * sqrt(6 / sum(weight.shape))
        assert np.abs(weight).max() <= limit * (1 + 1e-6)
        assert np.abs(weight).max() > 0.98 * limit
        assert weight.std() == pytest.approx(limit / sqrt(3), rel=0.05)
        assert abs(weight.mean()) < 5 * limit / sqrt(3 * weight.size)
        assert weight.dtype == np.float32
    assert glorot_uniform(np.random.default_rng(0), (3, 2), (3, 2), 1.0, "float64").dtype == np.float64


def test_a_seed_draws_one_network() -> None:
    settings = NetworkSettings("random_feedback_ep", (6, 5), precision="float64", output_gain=0.3)
    first, again, other = (built(settings, seed=seed).parameters() for seed in (3, 3, 4))
    for name, values in first.items():
        assert_array_equal(values, again[name])
        assert not name.startswith("W") or not np.array_equal(values, other[name])


def test_forward_weights_do_not_depend_on_the_feedback() -> None:
    one, two = (built(NetworkSettings(hidden=(6, 5), loops=loops)).parameters() for loops in ((1,), (1, 2)))
    for name in ("W01", "W12", "W23", "W31"):
        assert_array_equal(one[name], two[name])


@pytest.mark.parametrize(
    ("architecture", "rates"),
    [
        ("sigprop_loop", {"W01": 0.4, "W12": 0.1, "W23": 0.01, "W31": 0.05, "W32": 0.05}),
        ("symmetric_ep", {"W01": 0.4, "W12": 0.1, "W23": 0.01}),
        ("random_feedback_ep", {"W01": 0.4, "W12": 0.1, "W23": 0.01, "W21": 0.05, "W32": 0.05}),
    ],
)
def test_every_connection_has_its_rate(architecture: str, rates: dict[str, float]) -> None:
    learning = LearningSettings(rates=(0.4, 0.1, 0.01), feedback_rate=0.05)
    network = built(NetworkSettings(architecture, (6, 5), loops=(1, 2)), learning)
    assert {connection.name: connection.rate for connection in network.connections} == rates
    assert network.bias_rates == (0.4, 0.1, 0.01)


def test_one_rate_serves_every_forward_connection() -> None:
    network = built(NetworkSettings(hidden=(6, 5)), LearningSettings(rates=(0.2,), feedback_rate=0.3))
    assert [connection.rate for connection in network.connections] == [0.2, 0.2, 0.2, 0.3]
    assert network.bias_rates == (0.2, 0.2, 0.2)


@pytest.mark.parametrize(
    ("fixed", "moving"),
    [
        (("loop",), ["W01", "W12", "W23"]),
        (("W12", "W31"), ["W01", "W23", "W32"]),
        (("loop", "W01"), ["W12", "W23"]),
    ],
)
def test_fixed_connections_have_no_rate(fixed: tuple[str, ...], moving: list[str]) -> None:
    network = built(NetworkSettings(hidden=(6, 5), loops=(1, 2)), LearningSettings(rates=(0.1,), fixed=fixed))
    assert [connection.name for connection in network.connections if connection.rate] == moving


@pytest.mark.parametrize(
    ("architecture", "name"), [("sigprop_loop", "W13"), ("symmetric_ep", "loop"), ("random_feedback_ep", "W31")]
)
def test_a_fixed_connection_that_is_not_there_is_refused(architecture: str, name: str) -> None:
    with pytest.raises(InputError, match=rf"^learning\.fixed = '{name}': must be one of W01, W12, W23"):
        built(NetworkSettings(architecture, (6, 5)), LearningSettings(rates=(0.1,), fixed=(name,)))


def test_names_of_layers_with_two_digits_are_told_apart() -> None:
    assert connection_name(1, 2) == "W12"
    assert connection_name(9, 8) == "W98"
    pairs = [(i, j) for i in range(25) for j in range(25)]
    assert len({connection_name(i, j) for i, j in pairs}) == len(pairs)
    assert connection_name(1, 12) == "W1_12"
    deep = built(NetworkSettings(hidden=(2,) * 11))
    assert [connection.name for connection in deep.connections][8:] == ["W89", "W9_10", "W10_11", "W11_12", "W12_1"]


def test_a_weight_or_bias_that_does_not_fit_its_layers_is_refused() -> None:
    first = Dense(0, 1)
    with pytest.raises(InputError, match=r"W12 has shape \(2, 3\): layers 1 and 2 of sizes \[4, 3, 2\] need \(3, 2\)"):
        Network((4, 3, 2), (first, Dense(1, 2, weight=np.zeros((2, 3)))))
    with pytest.raises(InputError, match=r"W12 is not C-contiguous: .*: copy it"):
        Network((4, 3, 2), (first, Dense(1, 2, weight=np.zeros((2, 3)).T)))
    with pytest.raises(InputError, match=r"W12 is float64: must be float32: convert it"):
        Network((4, 3, 2), (first, Dense(1, 2, weight=np.zeros((3, 2)))))
    with pytest.raises(InputError, match=r"bias of layer 2 has shape \(3,\): must be \(2,\)"):
        Network((4, 3, 2), (first, Dense(1, 2)), biases=(np.zeros(3), np.zeros(3)))
    with pytest.raises(InputError, match=r"biases: 1 given: must be 2, for layers 1 to 2"):
        Network((4, 3, 2), (first, Dense(1, 2)), biases=(np.zeros(3),))


def test_load_copies_what_another_network_holds() -> None:
    network, other = (built(NetworkSettings(hidden=(6, 5), output_gain=0.3), seed=seed) for seed in (0, 1))
    arrays = network.parameters()
    network.load({name: values + 1 for name, values in other.parameters().items()})
    for name, values in other.parameters().items():
        assert_array_equal(arrays[name], values + 1)
        assert arrays[name] is network.parameters()[name]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("W23", None, "W23 is missing: the checkpoint belongs to another network"),
        ("W12", np.zeros((5, 6), np.float32), r"W12 has shape \(5, 6\): this network needs \(6, 5\)"),
        ("b3", np.full(CLASSES, np.nan, np.float32), "b3 holds values that are not finite"),
        ("W31", np.full((CLASSES, 6), np.inf, np.float32), "W31 holds values that are not finite"),
    ],
)
def test_load_refuses_and_leaves_everything_as_it_was(name: str, given: np.ndarray | None, message: str) -> None:
    network = built(NetworkSettings(hidden=(6, 5)))
    before = {own: values.copy() for own, values in network.parameters().items()}
    parameters = {own: values + 1 for own, values in before.items()} | {name: given}
    if given is None:
        del parameters[name]
    with pytest.raises(InputError, match=message):
        network.load(parameters)
    for own, values in network.parameters().items():
        assert_array_equal(values, before[own])
