"""Eq. 14, sample by sample and connection by connection."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.continuous.learning.optimizers import Sgd
from ctsigprop.continuous.learning.pace import Pace
from ctsigprop.continuous.learning.phases import Contrast
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.network import Network
from ctsigprop.settings import LearningSettings

RATES = (0.3, 0.2, 0.1)
RHO = {
    "hard_sigmoid": lambda s: np.clip(s, 0, 1),
    "logistic": lambda s: 1 / (1 + np.exp(2 - 4 * s)),
    "tanh": np.tanh,
}


def random_contrast(network: Network, batch: int, centered: bool, seed: int = 1) -> Contrast:
    """States that no phase reached, of some of the samples of a batch: Eq. 14 does not ask where they come from."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(batch, batch - 2, replace=False))

    def states() -> tuple[np.ndarray, ...]:
        return tuple(rng.uniform(0, 1, (len(rows), units)).astype(network.dtype) for units in network.sizes[1:])

    free, plus = states(), states()
    minus = states() if centered else free
    span = rng.choice([0.4, -0.4], len(rows)).astype(network.dtype)
    return Contrast(rows, free, plus, minus, span, np.ones(batch, np.int64), np.zeros(len(rows)))


def eq_14(problem, pair: Contrast, factor: float, weight_decay: float) -> dict[str, np.ndarray]:
    """Weights and biases after the update, summed over samples one at a time."""
    network, rho = problem.network, RHO[problem.network.rhos[0].name]
    batch = len(problem.inputs)
    after = {name: values.astype(np.float64) for name, values in network.parameters().items()}
    for connection in network.connections:
        rate = factor * connection.rate
        after[connection.name] *= 1 - rate * weight_decay
        for place, sample in enumerate(pair.rows):

            def rates(states, layer: int, place: int = place, sample: int = sample) -> np.ndarray:
                return problem.inputs[sample] if layer == 0 else rho(states[layer - 1][place])

            i, j = connection.source, connection.target
            if connection.symmetric:
                change = np.outer(rates(pair.plus, i), rates(pair.plus, j))
                change = change - np.outer(rates(pair.minus, i), rates(pair.minus, j))
            else:
                change = np.outer(rates(pair.free, i), rates(pair.plus, j) - rates(pair.minus, j))
            after[connection.name] += rate * change / pair.span[place] / batch
    for layer, bias_rate in enumerate(network.bias_rates, start=1):
        for place in range(len(pair.rows)):
            change = rho(pair.plus[layer - 1][place]) - rho(pair.minus[layer - 1][place])
            after[f"b{layer}"] += factor * bias_rate * change / pair.span[place] / batch
    return after


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("rho", RHO)
@pytest.mark.parametrize(
    ("architecture", "fixed"),
    [
        ("sigprop_loop", ()),
        ("sigprop_loop", ("loop", "W12")),
        ("symmetric_ep", ()),
        ("symmetric_ep", ("W23",)),
        ("random_feedback_ep", ("W21",)),
    ],
)
def test_update_is_eq_14(
    make_problem: Callable, architecture: str, fixed: tuple[str, ...], rho: str, centered: bool, precision: str
) -> None:
    learning = LearningSettings(rates=RATES, feedback_rate=0.4, fixed=fixed)
    problem = make_problem(architecture, rho=rho, precision=precision, loops=(1, 2), learning=learning, samples=6)
    pair = random_contrast(problem.network, 6, centered)
    before = {name: values.copy() for name, values in problem.network.parameters().items()}
    expected = eq_14(problem, pair, 0.9, 0.25)
    learn(problem.network, problem.inputs, pair, pace=Pace(Sgd(), 0.9, 0.25))
    frozen = set(fixed) | ({"W31", "W32"} if "loop" in fixed else set())
    for name, values in problem.network.parameters().items():
        assert values.dtype == precision
        assert_allclose(values, expected[name], atol=10 * np.finfo(precision).eps)
        assert np.array_equal(values, before[name]) == (name in frozen)


@pytest.mark.parametrize("architecture", ["sigprop_loop", "symmetric_ep"])
def test_a_batch_in_which_nothing_moved_is_no_update(make_problem: Callable, architecture: str) -> None:
    problem = make_problem(architecture)
    nobody = np.empty(0, np.int64)
    none = tuple(np.empty((0, units)) for units in problem.network.sizes[1:])
    pair = Contrast(nobody, none, none, none, np.empty(0), np.zeros(4, np.int64), np.empty(0))
    before = {name: values.copy() for name, values in problem.network.parameters().items()}
    learn(problem.network, problem.inputs, pair, pace=Pace(Sgd(), weight_decay=0.5))
    for name, values in problem.network.parameters().items():
        assert_array_equal(values, before[name])
