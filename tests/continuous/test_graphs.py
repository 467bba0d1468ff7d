"""Any graph: equilibria against a stiff solver of SciPy, gradients against finite differences, and what is refused."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from ctsigprop.analysis.measures.alignment import angles, left_out
from ctsigprop.continuous.connections import Dense
from ctsigprop.continuous.cost import COSTS, Cost
from ctsigprop.continuous.diagnostics.adjoint import adjoint
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.layers import Layer
from ctsigprop.continuous.learning.phases import Batch, contrast
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.network import Network, Nudge
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.rho import Rho
from ctsigprop.errors import InputError
from ctsigprop.settings import NudgingSettings, SolverSettings

SOFTPLUS = Rho(lambda s: np.log1p(np.exp(s)), lambda s: 1 / (1 + np.exp(-s)), name="softplus")
RHO = {
    "softplus": lambda s: np.log1p(np.exp(s)),
    "tanh": np.tanh,
    "linear": lambda s: s,
    "logistic": lambda s: 1 / (1 + np.exp(2 - 4 * s)),
}
SLOPE = {
    "softplus": lambda s: 1 / (1 + np.exp(-s)),
    "tanh": lambda s: 1 - np.tanh(s) ** 2,
    "linear": np.ones_like,
    "logistic": lambda s: 4 * RHO["logistic"](s) * (1 - RHO["logistic"](s)),
}
EDGES = {
    "skip": [(0, 1), (1, 2), (2, 3), (0, 2), (0, 3), (3, 1)],
    "lateral": [(0, 1), (1, 2), (2, 3), (2, 2), (3, 3), (3, 1)],
    "loops": [(0, 1), (1, 2), (2, 3), (3, 1), (3, 2), (2, 1)],
    "no feedback": [(0, 1), (1, 2), (2, 3), (0, 2)],
}
EXACT = SolverSettings("anderson", 1e-13, 2000)
X = np.random.default_rng(1).uniform(size=(3, 4))
D = np.eye(3)


def made(edges: Sequence[tuple[int, int]], cost: str = "squared_error", seed: int = 2) -> Network:
    """Four inputs, layers of unlike rho and time constants, small weights, random biases."""
    rng = np.random.default_rng(seed)
    layers = [
        4,
        Layer(5, rho=SOFTPLUS, time_constant=rng.uniform(0.6, 2, 5)),
        Layer(6, rho="tanh", time_constant=1.5),
        Layer(3, rho="linear", time_constant=rng.uniform(0.6, 2, 3)),
    ]
    connections = [Dense(i, j, 0.1, gain=0.4) for i, j in edges]
    biases = [rng.normal(size=units) / 2 for units in (5, 6, 3)]
    return Network(layers, connections, cost=cost, biases=biases, precision="float64", seed=rng)


def flow(network: Network, x: np.ndarray, d: np.ndarray, beta: float):
    """Eq. 13 of one sample, neuron by neuron from the paper's text, as SciPy takes it."""
    names = [layer.function.name for layer in network.layers]
    ends = np.cumsum([0, *network.sizes[1:]])

    def derivative(t: float, y: np.ndarray) -> np.ndarray:
        states = [None, *(y[ends[k] : ends[k + 1]] for k in range(3))]
        rates = [x, *(RHO[names[k]](states[k]) for k in (1, 2, 3))]
        change = []
        for layer in (1, 2, 3):
            net = network.biases[layer - 1].copy()
            for one in network.connections:
                if one.target == layer:
                    net += rates[one.source] @ one.matrix
            ds = SLOPE[names[layer]](states[layer]) * net - states[layer] / network.layers[layer].time_constant
            if layer == 3:
                error = states[3] - d
                if network.cost.name == "cross_entropy":
                    error = np.exp(states[3]) / np.exp(states[3]).sum() - d
                ds = ds - beta * error
            change.append(ds)
        return np.concatenate(change)

    return derivative


@pytest.mark.parametrize("method", ["anderson", "sweeps", "dopri5", "exponential_euler"])
@pytest.mark.parametrize("cost", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("edges", EDGES)
def test_phases_end_where_scipy_s_do(edges: str, cost: str, method: str) -> None:
    network = made(EDGES[edges], cost)
    sweeps, solver = LayerSweeps(network), SolverSettings(method, 1e-9, 5000, longest=400.0)
    drive = sweeps.drive(X)
    for beta in (0.0, 0.6):
        nudge = Nudge(np.full(3, beta), D) if beta else None
        found = relax(sweeps, drive, sweeps.at_rest(3), solver, nudge)
        states = np.concatenate(found.states, axis=1)
        for sample in range(3):
            y0, derivative = np.zeros(states.shape[1]), flow(network, X[sample], D[sample], beta)
            rest = solve_ivp(derivative, (0, 200), y0, "DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
            assert_allclose(states[sample], rest, atol=1e-7)


def loss(network: Network) -> float:
    sweeps = LayerSweeps(network)
    outputs = relax(sweeps, sweeps.drive(X), sweeps.at_rest(3), EXACT).output
    return float(network.cost.value(outputs, D).mean())


@pytest.mark.parametrize("cost", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("edges", EDGES)
def test_the_adjoint_is_the_gradient_of_any_cost_on_any_graph(edges: str, cost: str) -> None:
    network = made(EDGES[edges], cost)
    sweeps = LayerSweeps(network)
    free = relax(sweeps, sweeps.drive(X), sweeps.at_rest(3), EXACT)
    found = adjoint(sweeps, free.states, D)
    rates = [X, *network.rates_of(free.states)]
    for one in network.connections:
        gradient = rates[one.source].T @ found.sensitivities[one.target - 1] / 3
        for place in [(0, 1), (2, 0)]:
            ends = []
            for shift in (1e-5, -1e-5):
                one.matrix[place] += shift
                ends.append(loss(network))
                one.matrix[place] -= shift
            assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("cost", ["squared_error", "cross_entropy"])
def test_eq_14_of_a_network_whose_output_alone_learns_is_its_gradient(cost: str) -> None:
    """Without feedback the output alone is displaced, and its update tends to the delta rule as beta does to 0."""
    network = made(EDGES["no feedback"], cost)
    before = {name: array.copy() for name, array in network.parameters().items()}
    sweeps = LayerSweeps(network)
    batch = Batch.relaxed(sweeps, X, D, NudgingSettings("centered", 1e-4), EXACT, np.random.default_rng(0))
    free = batch.free
    learn(network, X, contrast(batch))
    found = adjoint(sweeps, free.states, D)
    rates = [X, *network.rates_of(free.states)]
    update = (network.weights["W23"] - before["W23"]) / 0.1
    assert_allclose(update, -rates[2].T @ found.sensitivities[2] / 3, atol=1e-6)
    for name in ("W01", "W12", "W02", "b1", "b2"):
        np.testing.assert_array_equal(network.parameters()[name], before[name])


def test_every_loop_has_its_angles_and_what_has_none_is_named() -> None:
    network = made(EDGES["skip"] + [(1, 3), (2, 2)])
    found = angles(network)
    assert set(found) == {
        *("W31 vs W12*W23", "W23 vs W31*W12", "W12 vs W23*W31"),
        *("W13 vs W31",),
    }
    assert left_out(network) == ["W22"]
    weights = network.weights
    back = (weights["W12"] @ weights["W23"]).T
    cosine = (weights["W31"] * back).sum() / np.linalg.norm(weights["W31"]) / np.linalg.norm(back)
    assert found["W31 vs W12*W23"] == pytest.approx(np.degrees(np.arccos(cosine)))


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ([(0, 1), (1, 2)], "layer 3: no way leads there from the input: connect it"),
        ([(0, 1), (1, 3), (0, 2)], "layer 2: no way leads from there to the output: connect it"),
        ([(0, 1), (1, 2), (2, 3), (1, 2)], "from layer 1 to layer 2: is there twice: keep one"),
        ([(0, 1), (1, 2), (2, 3), (3, 0)], "from layer 3 to layer 0: nothing drives the input"),
        ([(0, 1), (1, 2), (2, 4)], r"from layer 2 to layer 4: layers are numbered 0 \(input\) to 3 \(output\)"),
    ],
)
def test_a_graph_that_cannot_work_is_refused(edges: list[tuple[int, int]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Network([4, 3, 3, 2], [Dense(i, j) for i, j in edges])


@pytest.mark.parametrize("cost", COSTS)
def test_the_gradient_of_a_cost_is_that_of_its_value(cost: str) -> None:
    rng = np.random.default_rng(0)
    o, d, h = rng.normal(size=(20, 5)), rng.dirichlet(np.ones(5), 20), 1e-6
    for unit in range(5):
        way = h * np.eye(5)[unit]
        rise = (COSTS[cost].value(o + way, d) - COSTS[cost].value(o - way, d)) / (2 * h)
        assert_allclose(COSTS[cost].gradient(o, d)[:, unit], rise, atol=1e-8)


def test_a_cost_whose_gradient_is_another_s_is_refused() -> None:
    with pytest.raises(InputError, match="cost wrong: the gradient is not that of the value"):
        Cost(lambda o, d: ((o - d) ** 2).sum(axis=1), lambda o, d: o - d, "wrong")
    with pytest.raises(InputError, match=r"give values of shape \(4, 3\)"):
        Cost(lambda o, d: (o - d) ** 2, lambda o, d: o - d, "wrong")


def test_a_slope_that_is_another_s_is_refused() -> None:
    with pytest.raises(InputError, match=r"slope of bad: is 0 at s = .*: give the derivative of the rate"):
        Rho(lambda s: s * s, lambda s: 0.0, name="bad")
    with pytest.raises(InputError, match="rate: Numba cannot compile it"):
        Rho(lambda s: s.no_such_thing, lambda s: 0.0, name="bad")
    with pytest.raises(InputError, match="lowest and highest state, with 0 between"):
        Rho(lambda s: s, lambda s: 1.0, bounds=(1, 2), name="bad")
