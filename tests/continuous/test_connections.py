"""Convolutions, pools and skips: against matrices of the same, SciPy's correlation and finite differences."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import correlate2d

from ctsigprop.analysis.measures.alignment import angles, sample_angles
from ctsigprop.analysis.measures.slope_angles import slope_angles
from ctsigprop.continuous.connections import AvgPool, Connection, Conv, Dense, MaxPool, Outer, Skip
from ctsigprop.continuous.diagnostics.adjoint import adjoint
from ctsigprop.continuous.diagnostics.stability import decay, loop_gain
from ctsigprop.continuous.dynamics import energy
from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.layers import Layer
from ctsigprop.continuous.learning.phases import Batch, contrast
from ctsigprop.continuous.learning.rules import gradient_terms
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.network import Network, Nudge
from ctsigprop.continuous.relaxation import relax
from ctsigprop.errors import InputError
from ctsigprop.settings import NudgingSettings, SolverSettings

EXACT = SolverSettings("anderson", 1e-13, 2000)
LINEAR = {
    "plain": Conv(0, 1),
    "stride": Conv(0, 1, kernel=4, stride=2, padding=1),
    "no padding": Conv(0, 1, kernel=3, padding=0),
    "even kernel": Conv(0, 1, kernel=2),
    "groups": Conv(0, 1, groups=2),
    "one group a channel": Conv(0, 1, groups=4),
    "mean": Conv(0, 1, pool=AvgPool(2)),
    "overlapping mean": Conv(0, 1, pool=AvgPool(3, 2)),
    "skip": Skip(0, 1, gain=0.7),
    "mean alone": Skip(0, 1, gain=0.7, pool=AvgPool(2)),
}
MAXIMA = {
    "max": Conv(0, 1, pool=MaxPool(2)),
    "overlapping max": Conv(0, 1, pool=MaxPool(3, 2)),
    "max of groups": Conv(0, 1, groups=2, pool=MaxPool(2)),
    "max alone": Skip(0, 1, gain=0.7, pool=MaxPool(3, 2)),
}
IMAGE = (4, 8, 6)
LINEAR_OUTPUTS = Layer(5, "linear")


def placed(connection: Connection, seed: int = 0) -> Connection:
    """Between an image of 4 channels and whatever the connection makes of it."""
    rng = np.random.default_rng(seed)
    for rows in range(9):
        for columns in range(9):
            channels = 4 if isinstance(connection, Skip) else 8
            made = replace(connection, ends=(Layer(IMAGE), Layer((channels, rows + 1, columns + 1))))
            try:
                made.check()
            except InputError:
                continue
            return replace(made, weight=made.drawn(rng, np.dtype(np.float64)))
    raise AssertionError("no layer fits")


def images(connection: Connection, samples: int = 3, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (samples, connection.joined[0].units))


@pytest.mark.parametrize("name", LINEAR | MAXIMA)
def test_the_drive_is_what_scipy_makes_of_each_kernel_and_window(name: str) -> None:
    connection = placed((LINEAR | MAXIMA)[name])
    source, target = connection.joined
    x = images(connection)
    found = target.images(connection.drive(x, np.zeros((1, target.units))))
    for sample, image in enumerate(source.images(x)):
        assert_allclose(found[sample], expected(connection, image), atol=1e-12)


def expected(connection: Connection, image: np.ndarray) -> np.ndarray:
    """(channels, rows, columns), kernel by kernel and window by window."""
    if isinstance(connection, Conv):
        padding = connection.kernel // 2 if connection.padding is None else connection.padding
        padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
        share = len(image) // connection.groups
        net = []
        for number, kernels in enumerate(connection.matrix):
            first = number // (len(connection.matrix) // connection.groups) * share
            seen = padded[first : first + share]
            maps = [
                correlate2d(part, kernel, "valid")
                for part, kernel in zip(seen, np.moveaxis(kernels, -1, 0), strict=True)
            ]
            net.append(sum(maps)[:: connection.stride, :: connection.stride])
        image = np.stack(net)
    pool = connection.pool
    if pool is not None:
        windows = np.lib.stride_tricks.sliding_window_view(image, (pool.size, pool.size), axis=(1, 2))
        windows = windows[:, :: pool.step, :: pool.step]
        image = windows.max(axis=(-1, -2)) if isinstance(pool, MaxPool) else windows.mean(axis=(-1, -2))
    return image * connection.matrix[0, 0] if isinstance(connection, Skip) else image


@pytest.mark.parametrize("name", LINEAR | MAXIMA)
def test_tangents_are_derivatives_and_their_own_transposes(name: str) -> None:
    connection = placed((LINEAR | MAXIMA)[name])
    source, target = connection.joined
    x, rng = images(connection), np.random.default_rng(2)
    way, other = rng.normal(size=(3, source.units)), rng.normal(size=(3, target.units))
    tangent, none = connection.tangent(x), np.zeros((1, target.units))
    step = 1e-6
    difference = (connection.drive(x + step * way, none) - connection.drive(x - step * way, none)) / (2 * step)
    assert_allclose(tangent.push(way), difference, atol=1e-8)
    assert_allclose((tangent.push(way) * other).sum(axis=1), (tangent.pull(other) * way).sum(axis=1), rtol=1e-12)
    assert_allclose(connection.back(other, np.zeros((1, source.units)), x), tangent.pull(other), atol=1e-14)
    rows, ways = np.array([2, 0]), rng.normal(size=(5, 2, source.units))
    assert_allclose(tangent.push(ways, rows)[3], connection.tangent(x[rows]).push(ways[3]), atol=1e-13)
    there = tangent.push(ways, rows)
    assert_allclose(tangent.pull(there, rows)[3], connection.tangent(x[rows]).pull(there[3]), atol=1e-13)


@pytest.mark.parametrize("name", LINEAR | MAXIMA)
def test_an_update_is_the_derivative_by_the_weights(name: str) -> None:
    connection = placed((LINEAR | MAXIMA)[name])
    x, post = images(connection), np.random.default_rng(2).normal(size=(3, connection.joined[1].units))
    update = sum(a.T @ b for a, b in connection.outer(Outer(x, post)))
    rows, step = connection.rows_of(connection.matrix), 1e-6
    assert update.shape == rows.shape
    for place in np.ndindex(*rows.shape):
        kept, ends = rows[place], []
        for sign in (1, -1):
            rows[place] = kept + sign * step
            ends.append((connection.drive(x, np.zeros((1, post.shape[1]))) * post).sum())
        rows[place] = kept
        assert_allclose(update[place], (ends[0] - ends[1]) / (2 * step), atol=1e-7)


def loop(pool: type[MaxPool] | type[AvgPool], seed: int = 3) -> Network:
    """Two convolutions and a loop into every hidden layer."""
    connections = [
        Conv(0, 1, 1.0, pool=pool(2)),
        Conv(1, 2, 1.0, pool=pool(2), gain=2.0),
        Dense(2, 3, 1.0, gain=0.5),
        Dense(3, 1, 1.0),
        Dense(3, 2, 1.0),
    ]
    return biased([(2, 8, 8), (3, 4, 4), (4, 2, 2), LINEAR_OUTPUTS], connections, seed)


def symmetric(pool: type[MaxPool] | type[AvgPool], seed: int = 3) -> Network:
    """The same layers, weights shared both ways."""
    connections = [Conv(0, 1, 1.0, pool=pool(2)), Conv(1, 2, 1.0, True, pool=pool(2)), Dense(2, 3, 1.0, True, gain=0.5)]
    return biased([(2, 8, 8), (3, 4, 4), (4, 2, 2), LINEAR_OUTPUTS], connections, seed)


def residual(pool: type[MaxPool] | type[AvgPool], seed: int = 3) -> Network:
    """A skip that learns around a grouped convolution, and one that pools."""
    connections = [
        Conv(0, 1, 1.0, pool=pool(2)),
        Conv(1, 2, 1.0, True, gain=0.3, groups=2),
        Conv(2, 3, 1.0, True, gain=0.3),
        Skip(1, 3, 0.5, True, gain=0.3),
        Conv(3, 4, 1.0, True, gain=0.3, pool=pool(2)),
        Skip(1, 4, 0.5, True, gain=0.1, pool=pool(2)),
        Dense(4, 5, 1.0, True, gain=0.3),
    ]
    return biased([(2, 8, 8), (4, 4, 4), (4, 4, 4), (4, 4, 4), (4, 2, 2), LINEAR_OUTPUTS], connections, seed)


def biased(layers: list, connections: list[Connection], seed: int) -> Network:
    network = Network(layers, connections, precision="float64", seed=seed)
    rng = np.random.default_rng(seed)
    for bias in network.biases:
        bias[:] = rng.uniform(0.0, 0.3, bias.shape)
    return network


NETWORKS: dict[str, Callable[..., Network]] = {"loop": loop, "symmetric": symmetric, "residual": residual}
D = np.eye(5)[[0, 3, 1]]


def at_rest(network: Network) -> tuple[LayerSweeps, np.ndarray, Equilibrium]:
    x = np.random.default_rng(4).uniform(size=(3, network.sizes[0]))
    sweeps = LayerSweeps(network)
    return sweeps, x, relax(sweeps, sweeps.drive(x), sweeps.at_rest(3), EXACT)


@pytest.mark.parametrize("pool", [MaxPool, AvgPool])
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_exact_gradient_is_that_of_the_equilibrium(kind: str, pool: type[MaxPool] | type[AvgPool]) -> None:
    network = NETWORKS[kind](pool)
    sweeps, x, free = at_rest(network)
    found = adjoint(sweeps, free.states, D)
    rates, downhill = (x, *network.rates_of(free.states)), tuple(-one for one in found.sensitivities)
    rng, step = np.random.default_rng(5), 1e-6
    for connection in network.connections:
        terms = gradient_terms(connection, rates, downhill)
        gradient = sum(a.T @ b for term in terms for a, b in connection.outer(term))
        assert np.abs(gradient).max() > 1e-4  # the network is not saturated
        rows = connection.rows_of(connection.matrix)
        for _ in range(5):
            place, losses = tuple(rng.integers(side) for side in rows.shape), []
            kept = rows[place]
            for sign in (1, -1):
                rows[place] = kept + sign * step
                losses.append(network.cost.value(at_rest(network)[2].output, D).sum())
            rows[place] = kept
            assert_allclose(-gradient[place], (losses[0] - losses[1]) / (2 * step), atol=1e-6)


@pytest.mark.parametrize("pool", [MaxPool, AvgPool])
@pytest.mark.parametrize("kind", NETWORKS)
def test_time_leads_back_to_where_sweeps_lead(kind: str, pool: type[MaxPool] | type[AvgPool]) -> None:
    network = NETWORKS[kind](pool)
    sweeps, x, free = at_rest(network)
    in_time = SolverSettings("dopri5", 1e-9, longest=400)
    rng = np.random.default_rng(0)  # with maxima there may be several states of rest: from nearby, the nearest
    nearby = [np.clip(state + 1e-3 * rng.normal(size=state.shape), 0, 1) for state in free.states]
    rested = relax(sweeps, sweeps.drive(x), nearby, in_time)
    for found, expected_states in zip(rested.states, free.states, strict=True):
        assert_allclose(found, expected_states, atol=1e-7)


@pytest.mark.parametrize("kind", ["symmetric", "residual"])
def test_eq_14_of_shared_kernels_is_the_gradient_as_beta_goes_to_0(kind: str) -> None:
    network = NETWORKS[kind](MaxPool)
    sweeps, x, free = at_rest(network)
    exact = adjoint(sweeps, free.states, D)
    rates, downhill = (x, *network.rates_of(free.states)), tuple(-one / 3 for one in exact.sensitivities)
    batch = Batch.relaxed(sweeps, x, D, NudgingSettings("centered", 1e-4), EXACT, np.random.default_rng(0))
    pair = contrast(batch)
    before = {name: weight.copy() for name, weight in network.weights.items()}
    gradients = {
        one.name: sum(a.T @ b for term in gradient_terms(one, rates, downhill) for a, b in one.outer(term))
        for one in network.connections
    }
    learn(network, x, pair)
    for connection in network.connections:
        change = connection.rows_of(connection.matrix - before[connection.name]) / connection.rate
        assert_allclose(change, gradients[connection.name], atol=1e-6)


def matrices(network: Network, at: list[np.ndarray] | None = None) -> Network:
    """The same network, every convolution written out as a matrix: its derivative at one sample's rates of layers."""
    dense, layers = [], [Layer(layer.units, layer.function) for layer in network.layers]
    for one in network.connections:
        rates = np.zeros((1, network.sizes[one.source])) if at is None else at[one.source]
        weight = one.tangent(rates).push(np.eye(network.sizes[one.source])[:, None])[:, 0]
        dense.append(Dense(one.source, one.target, one.rate, one.symmetric, weight=np.ascontiguousarray(weight)))
    biases = [layer.spread(bias) for layer, bias in zip(network.layers[1:], network.biases, strict=True)]
    return Network(layers, dense, biases=biases, precision="float64")


@pytest.mark.parametrize("kind", NETWORKS)
def test_convolutions_are_the_matrices_that_they_stand_for(kind: str) -> None:
    network = NETWORKS[kind](AvgPool)
    twin = matrices(network)
    sweeps, x, free = at_rest(network)
    other, _, same = at_rest(twin)
    for found, wanted in zip(free.states, same.states, strict=True):
        assert_allclose(found, wanted, atol=1e-11)
    assert_allclose(loop_gain(sweeps, free.states), loop_gain(other, same.states), rtol=1e-8)
    assert_allclose(decay(sweeps, free.states).time_constant, decay(other, same.states).time_constant, rtol=1e-5)
    nudge = Nudge(np.full(3, 0.5), D)
    nudged = [relax(one, one.drive(x), free.states, EXACT, nudge) for one in (sweeps, other)]
    assert_allclose(nudged[0].output, nudged[1].output, atol=1e-11)
    if kind != "loop":
        energies = [energy(net, one.drive(x), free.states, nudge) for net, one in ((network, sweeps), (twin, other))]
        assert_allclose(energies[0], energies[1], rtol=1e-10)


def test_angles_of_loops_through_images_are_those_of_their_matrices() -> None:
    network = loop(AvgPool)
    twin = matrices(network)
    _, _, free = at_rest(network)
    name = "W31 vs W12*W23"
    assert_allclose(angles(network)[name], angles(twin)[name], atol=1e-6)
    displacement = [np.random.default_rng(6).normal(size=layer.shape) for layer in free.states]
    assert_allclose(sample_angles(network, displacement)[name], sample_angles(twin, displacement)[name], atol=1e-6)
    slopes, rates = network.slopes_of(free.states), network.rates_of(free.states)
    assert_allclose(slope_angles(network, slopes, rates)[name], slope_angles(twin, slopes)[name], atol=1e-6)
    assert set(angles(network)) == {"W31 vs W12*W23", "W23 vs W32"}


def test_slope_angles_follow_the_maxima_of_each_sample() -> None:
    network = loop(MaxPool)
    _, _, free = at_rest(network)
    slopes, rates = network.slopes_of(free.states), network.rates_of(free.states)
    found = slope_angles(network, slopes, rates)["W31 vs W12*W23"]
    for sample in range(3):
        at = [np.zeros((1, network.sizes[0])), *(layer[sample : sample + 1] for layer in rates)]
        own = slope_angles(matrices(network, at), [layer[sample : sample + 1] for layer in slopes])
        assert_allclose(found[sample], own["W31 vs W12*W23"][0], atol=1e-6)


def test_neurons_stand_in_the_order_of_rows_columns_channels() -> None:
    layer = Layer((3, 4, 5))
    assert layer.units == 60
    image = np.arange(120.0).reshape(2, 3, 4, 5)
    states = layer.in_order(image.reshape(2, 60))
    assert_array_equal(layer.images(states), image)
    assert_array_equal(states[0, :3], image[0, :, 0, 0])
    assert_array_equal(layer.spread(np.arange(3.0))[:6], [0, 1, 2, 0, 1, 2])
    assert_array_equal(layer.gathered(states[0]), image[0].sum(axis=(1, 2)))


@pytest.mark.parametrize(
    ("layers", "connections", "message"),
    [
        ([(1, 8, 8), 4], [Conv(0, 1)], "W01 joins images"),
        ([(1, 8, 8), (2, 8, 7), 4], [Conv(0, 1), Dense(1, 2)], r"W01 makes \(2, 8, 8\)"),
        ([(3, 8, 8), (2, 8, 8), 4], [Conv(0, 1, groups=2), Dense(1, 2)], "groups = 2"),
        ([(1, 2, 2), (2, 8, 8), 4], [Conv(0, 1, kernel=7, padding=0), Dense(1, 2)], "kernel = 7"),
        ([(1, 8, 8), (2, 8, 8), 4], [Skip(0, 1), Dense(1, 2)], "use a Conv with a kernel of 1"),
        ([(1, 2, 2), (1, 1, 1), 4], [Conv(0, 1, pool=MaxPool(3)), Dense(1, 2)], "W01: its pool has a size of 3"),
        ([9, 4, 4], [Dense(0, 1), Skip(1, 2, pool=MaxPool(2))], "only layers of images are pooled"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(layers: list, connections: list[Connection], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Network(layers, connections)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv(0, 1, kernel=0), "kernel = 0"),
        (lambda: Conv(0, 1, groups=0), "groups = 0"),
        (lambda: Conv(2, 1, symmetric=True), "from the lower layer"),
        (lambda: Skip(2, 1, symmetric=True), "from the lower layer"),
        (lambda: MaxPool(0), "size = 0"),
        (lambda: Conv(0, 1, pool="max"), "such as MaxPool"),
        (lambda: Skip(0, 1, pool=MaxPool), "such as MaxPool"),
        (lambda: Layer(5, shape=(2, 3, 3)), "must be of 5 neurons"),
        (lambda: Layer((10**9, 10**9, 10)), "channels, height, width"),
        (lambda: Layer((3, 4)), "channels, height, width"),
        (lambda: Layer(5).images(np.zeros((1, 5))), "no shape"),
    ],
)
def test_wrong_values_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
