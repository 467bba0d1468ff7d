"""Eq. 14 is the gradient of the loss at equilibrium where the network has an energy (Scellier & Bengio 2017).

The gradient comes from implicit differentiation: with F(s, theta) = 0 at the free equilibrium and the loss
L = |o - d|^2 / 2, dL/dtheta = -lambda dF/dtheta where lambda dF/ds = dL/ds. Everything here but the update under
test is dense NumPy on one sample's whole state vector, and is itself checked against finite differences of the loss.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from ctsigprop.continuous.learning.phases import Batch, contrast
from ctsigprop.continuous.learning.update import learn
from ctsigprop.settings import LearningSettings, NudgingSettings, SolverSettings

Array = NDArray[np.float64]
Weights = dict[str, Array]

SIZES = (6, 5, 4, 3)
TIME_CONSTANT = 1.3
BETAS = (0.05, 0.025, 0.0125, 0.00625, 0.003125)


def rho(name: str, s: Array) -> tuple[Array, Array, Array]:
    """rho, rho' and rho''."""
    if name == "tanh":
        t = np.tanh(s)
        return t, 1 - t**2, -2 * t * (1 - t**2)
    p = 1 / (1 + np.exp(-(4 * s - 2)))
    return p, 4 * p * (1 - p), 16 * p * (1 - p) * (1 - 2 * p)


@dataclass(frozen=True)
class Dense:
    """One sample's network as one symmetric matrix over all hidden and output neurons."""

    rho: str
    coupling: Array
    drive: Array

    @classmethod
    def of(cls, name: str, weights: Weights, x: Array) -> "Dense":
        starts = np.cumsum([0, *SIZES[1:]])
        coupling = np.zeros((starts[-1], starts[-1]))
        for layer in range(1, len(SIZES) - 1):
            here, there = slice(*starts[layer - 1 : layer + 1]), slice(*starts[layer : layer + 2])
            coupling[here, there] = weights[f"W{layer}{layer + 1}"]
            coupling[there, here] = weights[f"W{layer}{layer + 1}"].T
        drive = np.concatenate([weights[f"b{layer}"] for layer in range(1, len(SIZES))])
        drive[: SIZES[1]] += x @ weights["W01"]
        return cls(name, coupling, drive)

    def force(self, s: Array) -> Array:
        rate, slope, _ = rho(self.rho, s)
        return slope * (self.coupling @ rate + self.drive) - s / TIME_CONSTANT

    def jacobian(self, s: Array) -> Array:
        rate, slope, bend = rho(self.rho, s)
        net = self.coupling @ rate + self.drive
        return slope[:, None] * self.coupling * slope + np.diag(bend * net - 1 / TIME_CONSTANT)

    def equilibrium(self) -> Array:
        """The rest state, by the flow and then by Newton's method."""
        s = np.zeros_like(self.drive)
        for _ in range(200):
            s = s + 0.2 * self.force(s)
        for _ in range(10):
            s = s - np.linalg.solve(self.jacobian(s), self.force(s))
        assert np.abs(self.force(s)).max() < 1e-14
        return s


def loss(name: str, weights: Weights, inputs: Array, target: Array) -> float:
    """Mean over the batch of |o - d|^2 / 2 at the free equilibrium."""
    outputs = np.array([Dense.of(name, weights, x).equilibrium()[-SIZES[-1] :] for x in inputs])
    return float(((outputs - target) ** 2).sum() / 2 / len(inputs))


def gradient(name: str, weights: Weights, inputs: Array, target: Array) -> Weights:
    """Of `loss`, by implicit differentiation."""
    total = {key: np.zeros_like(value) for key, value in weights.items()}
    ends = np.cumsum(SIZES[1:])[:-1]
    for x, d in zip(inputs, target, strict=True):
        dense = Dense.of(name, weights, x)
        s = dense.equilibrium()
        pull = np.zeros_like(s)
        pull[-len(d) :] = s[-len(d) :] - d
        adjoint = np.linalg.solve(dense.jacobian(s).T, pull)
        rate, slope, _ = rho(name, s)
        rates = [x, *np.split(rate, ends)]
        felt = [np.empty(0), *np.split(-adjoint * slope, ends)]
        for layer in range(1, len(SIZES)):
            total[f"b{layer}"] += felt[layer] / len(inputs)
            there = np.outer(rates[layer - 1], felt[layer])
            back = np.outer(felt[layer - 1], rates[layer]) if layer > 1 else 0
            total[f"W{layer - 1}{layer}"] += (there + back) / len(inputs)
    return total


@pytest.fixture(params=["tanh", "logistic"])
def problem(request: pytest.FixtureRequest, make_problem: Callable):
    return make_problem(
        "symmetric_ep",
        SIZES[1:-1],
        features=SIZES[0],
        classes=SIZES[-1],
        rho=request.param,
        time_constant=TIME_CONSTANT,
        samples=3,
        scale=0.5,
        seed=4,
        learning=LearningSettings(rates=(1.0,)),
    )


def copied(problem) -> Weights:
    return {name: values.copy() for name, values in problem.network.parameters().items()}


def updates(problem, kind: str, beta: float) -> Weights:
    """What `learn` adds to each weight and bias at rate 1; the network is as it was afterwards."""
    before, solver = copied(problem), SolverSettings("anderson", 1e-14, 500)
    free = problem.relax(tolerance=1e-14)
    nudging, rng = NudgingSettings(kind, beta), np.random.default_rng(0)
    batch = Batch(problem.sweeps, problem.inputs, problem.target, problem.drive, free, nudging, solver, rng)
    pair = contrast(batch)
    assert len(pair.rows) == len(problem.inputs)
    learn(problem.network, problem.inputs, pair)
    after = copied(problem)
    problem.network.load(before)
    return {name: after[name] - before[name] for name in before}


def errors(problem, kind: str) -> dict[str, Array]:
    """Relative error of each parameter's update at every beta, |update + gradient| / |gradient|."""
    exact = gradient(problem.network.rhos[0].name, copied(problem), problem.inputs, problem.target)
    found = [updates(problem, kind, beta) for beta in BETAS]
    return {
        name: np.array([np.linalg.norm(update[name] + value) for update in found]) / np.linalg.norm(value)
        for name, value in exact.items()
    }


def slope(values: Array) -> float:
    """Of log error over log beta."""
    return float(np.polyfit(np.log(BETAS), np.log(values), 1)[0])


def test_implicit_differentiation_is_the_gradient(problem) -> None:
    weights, h = copied(problem), 1e-5
    name, inputs, target = problem.network.rhos[0].name, problem.inputs, problem.target
    for key, value in gradient(name, weights, inputs, target).items():
        differences = np.empty_like(value)
        for index in np.ndindex(value.shape):
            centre, ends = weights[key][index], []
            for shift in (h, -h):
                weights[key][index] = centre + shift
                ends.append(loss(name, weights, inputs, target))
            weights[key][index] = centre
            differences[index] = (ends[0] - ends[1]) / (2 * h)
        assert_allclose(value, differences, atol=1e-9)


def test_dense_equilibrium_is_the_free_phase(problem) -> None:
    found = np.concatenate(problem.relax(tolerance=1e-14).states, axis=1)
    for sample, x in enumerate(problem.inputs):
        expected = Dense.of(problem.network.rhos[0].name, copied(problem), x).equilibrium()
        assert_allclose(found[sample], expected, atol=1e-13)


def test_centered_updates_reach_the_gradient_as_beta_squared(problem) -> None:
    for name, values in errors(problem, "centered").items():
        assert slope(values) == pytest.approx(2, abs=0.1), name
        assert values[-1] < 1e-3, name


@pytest.mark.parametrize("kind", ["positive", "random-sign"])
def test_one_sided_updates_reach_the_gradient_as_beta(problem, kind: str) -> None:
    for name, values in errors(problem, kind).items():
        assert slope(values) == pytest.approx(1, abs=0.1), name
        assert values[-1] < 0.05, name


def test_every_single_entry_reaches_the_gradient(problem) -> None:
    """Richardson's extrapolation of two centered updates is the gradient up to beta^4."""
    coarse, fine = (updates(problem, "centered", beta) for beta in (0.0125, 0.00625))
    exact = gradient(problem.network.rhos[0].name, copied(problem), problem.inputs, problem.target)
    for name, value in exact.items():
        extrapolated = (4 * fine[name] - coarse[name]) / 3
        assert_allclose(extrapolated, -value, rtol=1e-5, atol=1e-7, err_msg=name)
