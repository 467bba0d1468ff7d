"""Eq. 13 against the sum over neurons that the paper writes, and the energy that it descends."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.continuous.connections import Dense
from ctsigprop.continuous.dynamics import (
    energy,
    field_arguments,
    fill_rates,
    flatten,
    hopfield_field,
    layers_of,
)
from ctsigprop.continuous.network import Network, Nudge
from ctsigprop.continuous.relaxation import integrate_phase
from ctsigprop.continuous.rho import RHOS
from ctsigprop.errors import InputError
from ctsigprop.settings import SolverSettings

ARCHITECTURES = ["sigprop_loop", "symmetric_ep", "random_feedback_ep"]
NAMES = ["hard_sigmoid", "logistic", "tanh", "rectifier"]


def rho_of(rho: str, s: float) -> tuple[float, float]:
    """rho(s) and rho'(s)."""
    match rho:
        case "hard_sigmoid":
            return min(max(s, 0.0), 1.0), 1.0
        case "rectifier":
            return max(s, 0.0), 1.0
        case "tanh":
            return np.tanh(s), 1 - np.tanh(s) ** 2
        case "logistic":
            sigma = 1 / (1 + np.exp(-(4 * s - 2)))
            return sigma, 4 * sigma * (1 - sigma)


def incoming(architecture: str, depth: int, loops: tuple[int, ...], layer: int) -> list[tuple[int, str, bool]]:
    """(source layer, matrix, whether it is used transposed) of all that drives a layer, by the paper's text."""
    found = [(layer - 1, f"W{layer - 1}{layer}", False)]
    if architecture == "sigprop_loop" and layer in loops:
        found.append((depth, f"W{depth}{layer}", False))
    if architecture == "symmetric_ep" and layer < depth:
        found.append((layer + 1, f"W{layer}{layer + 1}", True))
    if architecture == "random_feedback_ep" and layer < depth:
        found.append((layer + 1, f"W{layer + 1}{layer}", False))
    return found


def eq_13(problem, architecture: str, loops: tuple[int, ...], states: list[np.ndarray], beta: list[float]):
    """ds/dt neuron by neuron."""
    network = problem.network
    depth, weights = network.output, network.parameters()
    derivative = [np.zeros_like(layer) for layer in states]
    for sample in range(len(problem.inputs)):
        for layer in range(1, depth + 1):
            for j in range(network.sizes[layer]):
                total = weights[f"b{layer}"][j]
                for source, name, transposed in incoming(architecture, depth, loops, layer):
                    for i in range(network.sizes[source]):
                        w = weights[name][j, i] if transposed else weights[name][i, j]
                        if source == 0:
                            total += w * problem.inputs[sample, i]
                        else:
                            total += w * rho_of(network.rhos[0].name, states[source - 1][sample, i])[0]
                s = states[layer - 1][sample, j]
                ds = rho_of(network.rhos[0].name, s)[1] * total - s / network.slowest
                if layer == depth:
                    ds -= beta[sample] * (s - problem.target[sample, j])
                derivative[layer - 1][sample, j] = ds
    return derivative


def random_states(problem, seed: int = 5) -> list[np.ndarray]:
    rng, network = np.random.default_rng(seed), problem.network
    low = 0.0 if network.rhos[0].name in ("hard_sigmoid", "rectifier") else -1.0
    shapes = [(len(problem.inputs), units) for units in network.sizes[1:]]
    return [rng.uniform(low, 1, shape).astype(network.dtype) for shape in shapes]


def field(network: Network, drive, states, nudge: Nudge | None) -> tuple[np.ndarray, ...]:
    y = flatten(states)
    derivative = np.full_like(y, np.nan)
    parameters, layout = field_arguments(network, drive, len(states[0]), nudge)
    assert parameters.dtype == network.dtype
    hopfield_field(0.0, y, derivative, parameters, layout)
    return layers_of(network, derivative)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rho", NAMES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_field_is_eq_13(make_problem: Callable, architecture: str, rho: str, precision: str) -> None:
    loops = (1, 3) if precision == "float64" else (1,)
    problem = make_problem(
        architecture, (5, 4, 6), loops=loops, rho=rho, precision=precision, time_constant=1.6, samples=3
    )
    states = random_states(problem)
    for beta in ([0.5, -0.3, 2.0], [0.0, 0.0, 0.0]):
        nudge = problem.nudge(*beta) if any(beta) else None
        expected = eq_13(problem, architecture, loops, states, beta)
        for found, layer in zip(field(problem.network, problem.drive, states, nudge), expected, strict=True):
            assert found.dtype == precision
            assert_allclose(found, layer, atol=20 * np.finfo(precision).eps)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rho", ["logistic", "tanh"])
def test_rates_are_exact_to_rounding_and_saturate_far_out(rho: str, precision: str) -> None:
    states = np.concatenate([np.linspace(-30, 30, 10_001), [0.0, -1e-30, 1e-6, -1e4, 1e4, -1e30, 1e30]])
    states = states.astype(precision)
    rates = np.full_like(states, np.nan)
    fill_rates(RHOS[rho].code, states, rates)
    exact = states.astype(np.longdouble)
    expected = np.tanh(exact) if rho == "tanh" else (1 + np.tanh(2 * exact - 1)) / 2
    assert_allclose(rates, expected.astype(np.float64), rtol=0, atol=3 * np.finfo(precision).eps)


def test_a_bias_drives_every_sample(make_problem: Callable) -> None:
    problem = make_problem("symmetric_ep")
    drive = problem.drive
    assert [len(layer) for layer in drive] == [4, 1, 1]
    spread = [np.repeat(layer, 4 // len(layer), axis=0) for layer in drive]
    states = random_states(problem)
    for one, other in zip(
        field(problem.network, drive, states, None), field(problem.network, spread, states, None), strict=True
    ):
        assert_array_equal(one, other)


@pytest.mark.parametrize("nudged", [False, True])
@pytest.mark.parametrize("rho", ["tanh", "logistic"])
def test_field_is_the_negative_gradient_of_the_energy(make_problem: Callable, rho: str, nudged: bool) -> None:
    problem = make_problem("symmetric_ep", (5, 4), rho=rho, time_constant=0.7)
    nudge = problem.nudge(0.5, -0.4, 1.0, 0.1) if nudged else None
    states, h = random_states(problem), 1e-5
    derivative = field(problem.network, problem.drive, states, nudge)
    for layer, state in enumerate(states):
        for unit in range(state.shape[1]):
            ends = []
            for shift in (h, -h):
                moved = [other.copy() for other in states]
                moved[layer][:, unit] += shift
                ends.append(energy(problem.network, problem.drive, moved, nudge))
            assert_allclose(-(ends[0] - ends[1]) / (2 * h), derivative[layer][:, unit], atol=1e-9)


@pytest.mark.parametrize("beta", [0.0, 0.8])
@pytest.mark.parametrize("rho", NAMES)
def test_the_energy_never_rises_on_the_way(make_problem: Callable, rho: str, beta: float) -> None:
    problem = make_problem("symmetric_ep", (6, 5, 4), rho=rho, samples=5)
    nudge, times = problem.nudge(beta) if beta else None, np.linspace(0, 20, 81)
    result = integrate_phase(
        problem.sweeps,
        problem.drive,
        random_states(problem),
        SolverSettings("dopri5", 1e-9),
        nudge,
        duration=20.0,
        times=times,
    )
    path = [energy(problem.network, problem.drive, layers_of(problem.network, y), nudge) for y in result.check().states]
    assert np.diff(path, axis=0).max() < 1e-9
    assert np.all(path[-1] < path[0] - 0.1)


@pytest.mark.parametrize("architecture", ["sigprop_loop", "random_feedback_ep"])
def test_a_directed_network_has_no_energy(make_problem: Callable, architecture: str) -> None:
    problem = make_problem(architecture)
    with pytest.raises(InputError, match="is directed: only a network of symmetric connections has an energy"):
        energy(problem.network, problem.drive, random_states(problem))


@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    samples=st.integers(1, 5),
    leading=st.lists(st.integers(1, 3), max_size=2),
    seed=st.integers(0, 99),
)
def test_a_flat_state_comes_back_as_layers(sizes: list[int], samples: int, leading: list[int], seed: int) -> None:
    chain = [Dense(layer, layer + 1) for layer in range(len(sizes))]
    network = Network((1, *sizes), chain, precision="float64")
    layers = [np.random.default_rng(seed).normal(size=(samples, units)) for units in sizes]
    flat = flatten(layers)
    many = np.broadcast_to(flat, (*leading, flat.size)).copy()
    for found, layer in zip(layers_of(network, many), layers, strict=True):
        assert_array_equal(found, np.broadcast_to(layer, (*leading, *layer.shape)))
    views = layers_of(network, flat)
    assert all(np.shares_memory(view, flat) for view in views)
    assert_array_equal(flatten(views), flat)
