"""Loop gain and time constants: finite differences, how fast sweeps converge, eigenvalues that are known."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ctsigprop.continuous.connections import Dense
from ctsigprop.continuous.diagnostics import stability
from ctsigprop.continuous.diagnostics.stability import decay, jacobian, loop_gain, return_map
from ctsigprop.continuous.dynamics import field_arguments, flatten, hopfield_field, layers_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.relaxation import integrate_phase, relax
from ctsigprop.settings import SolverSettings
from ctsigprop.solvers import Status

GRAPHS = {
    "loop": {"architecture": "sigprop_loop", "hidden": (6, 5)},
    "loops": {"architecture": "sigprop_loop", "hidden": (6, 5, 4), "loops": (1, 3)},
    "symmetric": {"architecture": "symmetric_ep", "hidden": (6, 5)},
    "random feedback": {"architecture": "random_feedback_ep", "hidden": (6, 5)},
}
RATES = {
    "hard_sigmoid": (lambda s: s, lambda r: r),
    "rectifier": (lambda s: s, lambda r: r),
    "tanh": (np.tanh, np.arctanh),
    "logistic": (lambda s: 1 / (1 + np.exp(2 - 4 * s)), lambda r: 0.5 - np.log(1 / r - 1) / 4),
}


@pytest.mark.parametrize("rho", RATES)
@pytest.mark.parametrize("graph", GRAPHS)
def test_return_map_is_the_derivative_of_a_sweep(make_problem: Callable, graph: str, rho: str) -> None:
    problem = make_problem(**GRAPHS[graph], rho=rho, scale=0.6, time_constant=1.2)
    rate, state = RATES[rho]
    equilibrium = problem.relax()
    rates = rate(problem.sweeps.unknowns(equilibrium.states))

    def swept(rates: np.ndarray) -> np.ndarray:
        found = problem.relax(start=problem.sweeps.states_from(state(rates)), method="sweeps", max_sweeps=1)
        return rate(problem.sweeps.unknowns(found.states))

    assert_allclose(swept(rates), rates, atol=1e-11)
    derivative, h = return_map(problem.sweeps, equilibrium.states), 1e-6
    assert derivative.shape == (4, problem.sweeps.size, problem.sweeps.size)
    active = (rates > 2 * h) & (rates < 1 - 2 * h) if rho in ("hard_sigmoid", "rectifier") else np.isfinite(rates)
    for unit in range(problem.sweeps.size):
        shift = h * np.eye(problem.sweeps.size)[unit]
        low, high = np.clip(rates - shift, 0, None) if rho == "rectifier" else rates - shift, rates + shift
        differences = (swept(high) - swept(low)) / (high - low)[:, [unit]]
        assert_allclose(derivative[:, unit][active], differences[active], atol=1e-7)


@pytest.mark.parametrize("graph", ["loop", "loops"])
def test_plain_sweeps_shrink_the_distance_by_the_loop_gain(make_problem: Callable, graph: str) -> None:
    problem = make_problem(**GRAPHS[graph], rho="tanh", feedback_gain=1.5, samples=6)
    equilibrium = problem.relax(tolerance=1e-14)
    gain = loop_gain(problem.sweeps, equilibrium.states)
    rng = np.random.default_rng(0)
    start = [layer + 1e-3 * rng.normal(size=layer.shape) for layer in equilibrium.states]
    distances = []
    for sweeps in (4, 12):
        found = problem.relax(start=start, method="sweeps", max_sweeps=sweeps, tolerance=1e-15)
        distances.append(np.linalg.norm(found.output - equilibrium.output, axis=1))
    assert_allclose((distances[1] / distances[0]) ** (1 / 8), gain, rtol=0.15)


def two_neurons(product: float) -> LayerSweeps:
    """Input -> hidden -> output and a loop that inhibits: hidden = b - w o, output = v hidden, w v = product."""
    weights = {(0, 1): 0.0, (1, 2): 0.5, (2, 1): -product / 0.5}
    connections = tuple(Dense(i, j, 0.0, weight=np.array([[w]])) for (i, j), w in weights.items())
    biases = (np.array([0.8]), np.zeros(1))
    return LayerSweeps(Network((1, 1, 1), connections, biases=biases, precision="float64"))


@pytest.mark.parametrize("product", [0.3, 0.9, 1.1, 2.5])
def test_sweeps_converge_while_the_loop_gain_is_below_one(product: float) -> None:
    sweeps = two_neurons(product)
    hidden = 0.8 / (1 + product)
    equilibrium = (np.array([[hidden]]), np.array([[0.5 * hidden]]))
    assert sweeps.balance_of(sweeps.drive(np.zeros((1, 1))), equilibrium)[1] < 1e-15
    assert_allclose(loop_gain(sweeps, equilibrium), product, rtol=1e-12)
    assert_allclose(return_map(sweeps, equilibrium), [[[-product]]], rtol=1e-12)

    drive, near = sweeps.drive(np.zeros((1, 1))), [layer + 1e-3 for layer in equilibrium]
    plain = relax(sweeps, drive, near, SolverSettings("sweeps", 1e-9, 500))
    assert (plain.status is Status.SUCCESS) == (product < 1)
    if product < 1:
        assert_allclose(plain.states, equilibrium, atol=1e-8)


def test_gain_passes_one_when_the_loop_is_scaled_up(make_problem: Callable) -> None:
    gains = []
    for feedback_gain in (0.5, 1.0, 2.0, 40.0):
        problem = make_problem(rho="tanh", feedback_gain=feedback_gain, seed=3)
        gains.append(float(loop_gain(problem.sweeps, problem.sweeps.at_rest(4)).max()))
    assert gains == sorted(gains)
    assert_allclose(gains[2] / gains[0], 4, rtol=1e-9)
    assert gains[0] < 1 < gains[3]


def test_saturated_neurons_return_nothing(make_problem: Callable) -> None:
    problem = make_problem()
    states = [np.ones_like(layer) for layer in problem.sweeps.at_rest(4)]
    assert not return_map(problem.sweeps, states).any()
    assert not loop_gain(problem.sweeps, states).any()


def dense_jacobian(problem, states: tuple[np.ndarray, ...]) -> np.ndarray:
    """Of Eq. 13 for each sample, [s, i, j] = d(ds_i/dt)/ds_j, by finite differences; a neuron at a bound only leaks."""
    samples, h = len(problem.inputs), 1e-6
    arguments = field_arguments(problem.network, problem.drive, samples, None)
    sizes = [layer.shape[1] for layer in states]
    found = np.empty((samples, sum(sizes), sum(sizes)))

    def field(layers: list[np.ndarray]) -> np.ndarray:
        flat, change = flatten(layers), np.empty(samples * sum(sizes))
        hopfield_field(0.0, flat, change, *arguments)
        return np.concatenate(layers_of(problem.network, change), axis=1)

    ends = np.cumsum([0, *sizes])
    for neuron in range(sum(sizes)):
        layer = int(np.searchsorted(ends, neuron, side="right")) - 1
        moved = []
        for shift in (h, -h):
            displaced = [state.copy() for state in states]
            displaced[layer][:, neuron - ends[layer]] += shift
            moved.append(field(displaced))
        found[:, :, neuron] = (moved[0] - moved[1]) / (2 * h)
    if problem.network.rhos[0].name in ("hard_sigmoid", "rectifier"):
        flat = np.concatenate(states, axis=1)
        held = (flat <= 0) | ((flat >= 1) & (problem.network.rhos[0].name == "hard_sigmoid"))
        found[held[:, :, None] | held[:, None, :]] = 0
        found[:, range(sum(sizes)), range(sum(sizes))] = -problem.network.leaks[0][0]
    return found


@pytest.mark.parametrize("rho", RATES)
@pytest.mark.parametrize("graph", GRAPHS)
def test_jacobian_and_its_rightmost_eigenvalue(make_problem: Callable, graph: str, rho: str) -> None:
    problem = make_problem(**GRAPHS[graph], rho=rho, scale=0.5, time_constant=1.2, seed=1)
    states, leak = problem.relax(tolerance=1e-14).states, problem.network.leaks[0][0]
    expected = dense_jacobian(problem, states)
    neurons = expected.shape[1]
    product = jacobian(problem.sweeps, states)
    found = product(np.repeat(np.eye(neurons)[:, None, :], 4, axis=1)) - leak * np.eye(neurons)[:, None, :]
    assert_allclose(found.transpose(1, 2, 0), expected, atol=1e-8)

    values = np.linalg.eigvals(expected)
    slowest = decay(problem.sweeps, states)
    # Eigenvalues at the leak are many and defective, which takes digits off the dense answer.
    assert_allclose(slowest.time_constant, -1 / values.real.max(axis=1), rtol=1e-4)
    leading = np.take_along_axis(values, values.real.argmax(axis=1)[:, None], axis=1)[:, 0]
    clear = np.abs(slowest.time_constant * leak - 1) > 1e-3
    assert (slowest.oscillating == (np.abs(leading.imag) > 1e-6))[clear].all()
    assert clear.any()


@pytest.mark.parametrize("product", [0.3, 0.9, 1.1, 2.5, -0.5, -0.81])
def test_time_constant_of_two_neurons(product: float) -> None:
    """The eigenvalues are -1 +- sqrt(-product): inhibition rings, excitation lingers."""
    sweeps = two_neurons(product)
    hidden = 0.8 / (1 + product) if product > 0 else 0.4
    slowest = decay(sweeps, (np.array([[hidden]]), np.array([[0.5 * hidden]])))
    expected = 1.0 if product > 0 else 1 / (1 - np.sqrt(-product))
    assert_allclose(slowest.time_constant, expected, rtol=1e-12)
    assert slowest.oscillating == (product > 0)


def test_a_loop_that_grows_has_no_time_constant() -> None:
    slowest = decay(two_neurons(-1.44), (np.array([[0.4]]), np.array([[0.2]])))
    assert np.isinf(slowest.time_constant).all()


@pytest.mark.parametrize("hidden", [(30,), (40, 30), (30, 20, 25)])
def test_eigenvalues_of_one_loop_are_roots_of_its_return_map(make_problem: Callable, hidden: tuple[int, ...]) -> None:
    """With N layers round, ((lambda + leak) / leak)^N is an eigenvalue of the return map."""
    problem = make_problem(hidden=hidden, classes=6, time_constant=0.8, feedback_gain=1.5, samples=5)
    states, layers = problem.relax().states, len(hidden) + 1
    gains = np.linalg.eigvals(return_map(problem.sweeps, states)).astype(complex)
    turns = np.exp(2j * np.pi * np.arange(layers) / layers)
    roots = (gains[:, :, None] ** (1 / layers) * turns).reshape(len(gains), -1)
    slowest = decay(problem.sweeps, states)
    assert_allclose(slowest.time_constant, 0.8 / (1 - roots.real.max(axis=1)), rtol=1e-6)
    assert slowest.time_constant.min() > 0.8


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("where", ["outputs", "first hidden layer"])
def test_a_loop_that_is_cut_leaves_the_leak(make_problem: Callable, graph: str, where: str) -> None:
    problem = make_problem(**GRAPHS[graph], time_constant=1.3)
    states = [np.full_like(layer, 0.5) for layer in problem.sweeps.at_rest(4)]
    assert decay(problem.sweeps, states).time_constant.min() > 1.3
    for layer in states[1:] if where == "outputs" else states[:-1]:
        layer[:2], layer[2:] = 0, 1
    slowest = decay(problem.sweeps, states)
    np.testing.assert_array_equal(slowest.time_constant, 1 / problem.network.leaks[0][0])
    assert not slowest.oscillating.any()


def test_a_displacement_dies_out_as_slowly_as_the_time_constant(make_problem: Callable) -> None:
    """Eq. 13 in time, late enough that only the slowest part is left."""
    problem = make_problem(rho="tanh", feedback_gain=1.5, seed=0)
    states = problem.relax(tolerance=1e-14).states
    slowest = decay(problem.sweeps, states)
    rng = np.random.default_rng(0)
    start = flatten([layer + 1e-3 * rng.normal(size=layer.shape) for layer in states])
    times, solver = np.array([20.0, 25.0]), SolverSettings("dopri5", 1e-9)
    course = integrate_phase(
        problem.sweeps, problem.drive, layers_of(problem.network, start), solver, None, duration=25.0, times=times
    )
    far = [
        np.linalg.norm(np.concatenate(layers_of(problem.network, y), axis=1) - np.concatenate(states, axis=1), axis=1)
        for y in course.states
    ]
    assert not slowest.oscillating.any()
    assert_allclose(5 / np.log(far[0] / far[1]), slowest.time_constant, rtol=0.02)


@pytest.mark.parametrize("graph", ["sigprop_loop", "symmetric_ep", "random_feedback_ep"])
def test_many_units_that_feed_back_have_the_gain_of_their_whole_map(
    make_problem: Callable, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = make_problem(graph, (40, 30), loops=(1, 2))
    states = problem.relax().states
    whole = loop_gain(problem.sweeps, states)
    monkeypatch.setattr(stability, "DENSE", 0)
    norm = np.linalg.norm(return_map(problem.sweeps, states), axis=(1, 2))
    assert (np.abs(loop_gain(problem.sweeps, states) - whole) <= 2e-3 * norm).all()
