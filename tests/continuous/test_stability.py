"""The loop gain against finite differences, against how fast sweeps converge, and where they stop converging."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Connection, Network
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.stability import loop_gain, return_map
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
    connections = tuple(Connection(i, j, np.array([[w]])) for (i, j), w in weights.items())
    return LayerSweeps(Network((1, 1, 1), connections, (np.array([0.8]), np.zeros(1)), (0.0, 0.0)))


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
