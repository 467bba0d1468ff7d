"""The gradient by implicit differentiation: finite differences of the loss, and the adjoint equation itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.continuous.diagnostics.adjoint import Adjoint, adjoint
from ctsigprop.continuous.diagnostics.stability import loop_gain
from ctsigprop.solvers import Status

GRAPHS: dict[str, dict[str, Any]] = {
    "loop": {"hidden": (4, 3)},
    "loops": {"hidden": (4, 3, 3), "loops": (1, 3)},
    "symmetric": {"architecture": "symmetric_ep", "hidden": (4, 3)},
    "random feedback": {"architecture": "random_feedback_ep", "hidden": (4, 3)},
}
RHO = ["hard_sigmoid", "rectifier", "tanh", "logistic"]
CLIPPED = {"hard_sigmoid": (0.0, 1.0), "rectifier": (0.0,)}
STEP = 1e-4
EXACT = 1e-14

Weights = dict[str, np.ndarray]


def gradient(problem: Any, states: tuple[np.ndarray, ...], found: Adjoint) -> Weights:
    """Of the mean loss: dL / dw_ij = rho_i dL / dnet_j for every direction in which a matrix is used."""
    network, samples = problem.network, len(problem.inputs)
    rates = [problem.inputs, *(network.rhos[0].rates(state) for state in states)]
    total = {name: np.zeros_like(values) for name, values in network.parameters().items()}
    for connection in network.connections:
        i, j = connection.source, connection.target
        total[connection.name] += rates[i].T @ found.sensitivities[j - 1] / samples
        if connection.symmetric:
            total[connection.name] += found.sensitivities[i - 1].T @ rates[j] / samples
    for layer, sensitivity in enumerate(found.sensitivities, start=1):
        total[f"b{layer}"] += sensitivity.mean(axis=0)
    return total


def differences(problem: Any, states: tuple[np.ndarray, ...]) -> Weights:
    """Of the mean loss by every parameter, central and of fourth order; free phases go on from `states`."""

    def loss() -> float:
        output = problem.relax(start=states, tolerance=EXACT).output
        return float(((output - problem.target) ** 2).sum() / 2 / len(output))

    found = {}
    for name, values in problem.network.parameters().items():
        found[name] = np.empty_like(values)
        for index in np.ndindex(values.shape):
            centre, at = values[index], {}
            for steps in (-2, -1, 1, 2):
                values[index] = centre + steps * STEP
                at[steps] = loss()
            values[index] = centre
            found[name][index] = (at[-2] - 8 * at[-1] + 8 * at[1] - at[2]) / (12 * STEP)
    return found


def away_from_kinks(problem: Any, states: tuple[np.ndarray, ...]) -> bool:
    """Whether every neuron that is not held at a bound stays off it, and the reverse."""
    network, rates = problem.network, [problem.inputs, *states]
    net = [d + np.zeros_like(state) for d, state in zip(problem.drive, states, strict=True)]
    for link in network.links():
        if link.source:
            net[link.target - 1] = net[link.target - 1] + rates[link.source] @ link.weight
    kinks = CLIPPED.get(network.rhos[0].name, ())
    return all(np.abs(layer / network.leaks[0][0] - kink).min() > 20 * STEP for layer in net for kink in kinks)


@pytest.mark.parametrize("rho", RHO)
@pytest.mark.parametrize("graph", GRAPHS)
def test_it_is_the_gradient_of_the_loss(make_problem: Callable, graph: str, rho: str) -> None:
    problem = make_problem(
        **GRAPHS[graph], rho=rho, features=3, classes=2, samples=3, time_constant=1.2, scale=0.5, seed=2
    )
    states = problem.relax(tolerance=EXACT).states
    assert away_from_kinks(problem, states)
    found = adjoint(problem.sweeps, states, problem.target)
    assert found.status is Status.SUCCESS
    exact = gradient(problem, states, found)
    for name, expected in differences(problem, states).items():
        scale = np.linalg.norm(expected)
        assert scale > 1e-4, name
        assert np.linalg.norm(exact[name] - expected) < 1e-6 * scale, name


@pytest.mark.parametrize("graph", GRAPHS)
def test_saturated_neurons_pass_nothing_on(make_problem: Callable, graph: str) -> None:
    """With every kind of neuron at work: some held at 0, some at 1."""
    problem = make_problem(**GRAPHS[graph], features=3, classes=3, scale=0.6, seed=1)
    for layer, bias in enumerate(problem.network.biases):
        bias[...] = np.random.default_rng(layer).uniform(-0.5, 1.5, bias.shape)
    states = problem.relax(tolerance=EXACT).states
    everything = np.concatenate(states, axis=1)
    assert (everything == 0).any() and (everything == 1).any()
    assert away_from_kinks(problem, states)
    found = adjoint(problem.sweeps, states, problem.target)
    exact = gradient(problem, states, found)
    for name, expected in differences(problem, states).items():
        assert_allclose(exact[name], expected, atol=1e-9)
    for state, sensitivity in zip(states, found.sensitivities, strict=True):
        assert not sensitivity[(state == 0) | (state == 1)].any()


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("gain", [0.2, 6.0])
def test_it_solves_the_adjoint_equation_whatever_the_loop_gain(make_problem: Callable, graph: str, gain: float) -> None:
    """At states of a linear network, whose slopes are all one: no equilibrium is needed."""
    hidden = tuple(5 * units for units in GRAPHS[graph]["hidden"])
    sizes = GRAPHS[graph] | {"hidden": hidden}
    problem = make_problem(**sizes, rho="rectifier", classes=6, scale=np.sqrt(gain), feedback_gain=np.sqrt(gain))
    network, sweeps = problem.network, problem.sweeps
    states = tuple(np.random.default_rng(1).uniform(0.1, 1, layer.shape) for layer in sweeps.at_rest(4))
    assert (loop_gain(sweeps, states) > 1).all() == (gain > 1)
    found = adjoint(sweeps, states, problem.target)
    assert found.status is Status.SUCCESS
    expected = [np.zeros_like(layer) for layer in states]
    expected[-1] = states[-1] - problem.target
    for link in network.links():
        if link.source:
            expected[link.source - 1] = expected[link.source - 1] + found.sensitivities[link.target - 1] @ link.weight.T
    for state, sensitivity, passed in zip(states, found.sensitivities, expected, strict=True):
        slope = network.rhos[0].balance_slopes(state, network.leaks[0][:1])
        assert_allclose(sensitivity, slope * passed, rtol=1e-8, atol=1e-9 * np.abs(sensitivity).max())


def test_single_precision_and_each_sample_alone(make_problem: Callable) -> None:
    single, double = (make_problem(precision=precision, rho="tanh") for precision in ("float32", "float64"))
    states = double.relax(tolerance=EXACT).states
    expected = adjoint(double.sweeps, states, double.target)
    found = adjoint(single.sweeps, [state.astype(np.float32) for state in states], single.target)
    alone = adjoint(double.sweeps, [state[2:3] for state in states], double.target[2:3])
    for layer, exact in enumerate(expected.sensitivities):
        assert found.sensitivities[layer].dtype == np.float32
        assert_allclose(found.sensitivities[layer], exact, atol=1e-4)
        assert_allclose(alone.sensitivities[layer][0], exact[2], atol=1e-10)


def test_no_error_no_gradient(make_problem: Callable) -> None:
    problem = make_problem()
    states = problem.relax().states
    found = adjoint(problem.sweeps, states, states[-1])
    assert found.status is Status.SUCCESS
    assert_array_equal(found.sweeps, 1)
    assert not any(layer.any() for layer in found.sensitivities)
