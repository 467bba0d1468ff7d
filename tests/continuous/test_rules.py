"""Every rule beside its own equations, written out for one sample's whole state in dense NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import ctsigprop as ct
from ctsigprop.continuous.learning.phases import Batch
from ctsigprop.continuous.learning.rules import RULES
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.network import Network
from ctsigprop.errors import InputError
from ctsigprop.settings import LearningSettings, NudgingSettings, Settings, SolverSettings

Array = NDArray[np.float64]

TIGHT = SolverSettings("anderson", 1e-14, 3000)
ARCHITECTURES = ("sigprop_loop", "symmetric_ep", "random_feedback_ep")
BETA = 0.4


@pytest.fixture(params=ARCHITECTURES)
def problem(make_problem: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    return make_problem(request.param, scale=0.5, learning=LearningSettings(rates=(1.0,), feedback_rate=1.0))


def coupling_of(network: Network) -> Array:
    """Weights among all hidden and output neurons, source by target."""
    ends = np.cumsum([0, *network.sizes[1:]])
    coupling = np.zeros((ends[-1], ends[-1]))
    for link in network.links():
        if link.source > 0:
            rows, columns = (slice(*ends[layer - 1 : layer + 1]) for layer in (link.source, link.target))
            coupling[rows, columns] = link.weight
    return coupling


def drive_of(network: Network, x: Array) -> Array:
    drive = np.concatenate(network.biases)
    drive[: network.sizes[1]] += x @ network.weights["W01"]
    return drive


def rest(network: Network, x: Array, hold: Callable[[Array], Array]) -> tuple[Array, Array]:
    """States s = clip(net, 0, 1) and nets; `hold` says of the outputs' net what their states are."""
    coupling, drive, outputs = coupling_of(network), drive_of(network, x), network.sizes[-1]
    s = np.zeros(len(drive))
    for _ in range(3000):
        net = s @ coupling + drive
        s = np.append(net[:-outputs].clip(0, 1), hold(net[-outputs:]))
    return s, net


def hebbian(network: Network, x: Array, free: Array, plus: Array, minus: Array) -> dict[str, Array]:
    """Eq. 14, of shared matrices Scellier & Bengio's, before the division by the span."""
    ends = np.cumsum([0, *network.sizes[1:]])

    def layer(states: Array, number: int) -> Array:
        return x if number == 0 else states[ends[number - 1] : ends[number]]

    found = {}
    for one in network.connections:
        i, j = one.source, one.target
        if one.symmetric:
            found[one.name] = np.outer(layer(plus, i), layer(plus, j)) - np.outer(layer(minus, i), layer(minus, j))
        else:
            found[one.name] = np.outer(layer(free, i), layer(plus, j) - layer(minus, j))
    for number in range(1, len(network.sizes)):
        found[f"b{number}"] = layer(plus, number) - layer(minus, number)
    return found


def updates_of(problem: Any, rule: str, kind: str = "positive") -> dict[str, Array]:
    """What learning adds at rate 1."""
    network, chosen = problem.network, RULES[rule]
    before = {name: array.copy() for name, array in network.parameters().items()}
    nudging, rng = NudgingSettings(kind, BETA), np.random.default_rng(0)
    batch = Batch.relaxed(problem.sweeps, problem.inputs, problem.target, nudging, TIGHT, rng)
    learn(network, problem.inputs, chosen.contrast(batch), rule=chosen)
    after = {name: array - before[name] for name, array in network.parameters().items()}
    network.load(before)
    return after


def expected(problem: Any, rule: str, kind: str) -> dict[str, Array]:
    """The mean over the batch of each sample's update."""
    network, total = problem.network, dict[str, Array]()
    for x, d in zip(problem.inputs, problem.target, strict=True):
        free, net = rest(network, x, lambda net: net.clip(0, 1))
        o = free[-len(d) :]

        def nudged(beta: float, x: Array = x, d: Array = d) -> Array:
            return rest(network, x, lambda own: ((own + beta * d) / (1 + beta)).clip(0, 1))[0]

        match rule, kind:
            case "eq14", "negative":
                terms, span = hebbian(network, x, free, nudged(-BETA), free), -BETA
            case "eq14", "centered":
                terms, span = hebbian(network, x, free, nudged(BETA), nudged(-BETA)), 2 * BETA
            case "contrastive", _:
                held = rest(network, x, lambda net, d=d: d)[0]
                terms, span = hebbian(network, x, free, held, free), 1.0
            case "coupled", _:
                held = rest(network, x, lambda net, o=o, d=d: o + BETA * (d - o))[0]
                terms, span = hebbian(network, x, free, held, free), BETA
            case _:
                terms, span = downhill(network, x, free, net, o - d), 1.0
        for name, term in terms.items():
            total[name] = total.get(name, 0) + term / span / len(problem.inputs)
    return total


def downhill(network: Network, x: Array, free: Array, net: Array, error: Array) -> dict[str, Array]:
    """Minus the gradient of |o - d|^2 / 2: with e = dL / dnet, e = (coupling e + dL/ds) where 0 < net < 1."""
    inside = ((net > 0) & (net < 1)).astype(float)
    pull = np.append(np.zeros(len(free) - len(error)), error)
    e = np.linalg.solve(np.eye(len(free)) - inside[:, None] * coupling_of(network), inside * pull)
    ends = np.cumsum([0, *network.sizes[1:]])
    rates = [x, *(free[ends[k - 1] : ends[k]] for k in range(1, len(network.sizes)))]
    falls = [np.empty(0), *(-e[ends[k - 1] : ends[k]] for k in range(1, len(network.sizes)))]
    found = {}
    for one in network.connections:
        i, j = one.source, one.target
        found[one.name] = np.outer(rates[i], falls[j]) + (np.outer(falls[i], rates[j]) if one.symmetric else 0)
    return found | {f"b{k}": fall for k, fall in enumerate(falls) if k}


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("eq14", "negative"),
        ("eq14", "centered"),
        ("contrastive", "positive"),
        ("coupled", "positive"),
        ("exact", "positive"),
    ],
)
def test_an_update_is_what_the_equations_say(problem: Any, rule: str, kind: str) -> None:
    found, said = updates_of(problem, rule, kind), expected(problem, rule, kind)
    assert max(np.abs(update).max() for update in said.values()) > 0.01
    for name, update in said.items():
        assert_allclose(found[name], update, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("rho", ["tanh", "logistic"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_exact_rule_is_the_gradient_of_the_loss(
    make_problem: Callable[..., Any], architecture: str, rho: str
) -> None:
    learning = LearningSettings(rates=(1.0,), feedback_rate=1.0)
    problem = make_problem(architecture, rho=rho, scale=0.5, learning=learning)
    found, step = updates_of(problem, "exact"), 1e-5

    def loss() -> float:
        outputs = problem.relax(tolerance=1e-14).output
        return float(problem.network.cost.value(outputs, problem.target).mean())

    for name, array in problem.network.parameters().items():
        for place in [(0,) * array.ndim, tuple(length - 1 for length in array.shape)]:
            ends = []
            for shift in (step, -step):
                array[place] += shift
                ends.append(loss())
                array[place] -= shift
            assert found[name][place] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-9)


def test_coupled_learning_the_whole_way_is_contrastive(problem: Any) -> None:
    nudging, pairs = NudgingSettings("positive", 1.0), {}
    for rule in ("coupled", "contrastive"):
        rng = np.random.default_rng(0)
        batch = Batch.relaxed(problem.sweeps, problem.inputs, problem.target, nudging, TIGHT, rng)
        pairs[rule] = RULES[rule].contrast(batch)
    for one, other in zip(pairs["coupled"].plus, pairs["contrastive"].plus, strict=True):
        assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("method", ["anderson", "dopri5", "euler"])
def test_held_outputs_stay_at_the_target(make_problem: Callable[..., Any], method: str) -> None:
    problem = make_problem(scale=0.5, rho="tanh")
    solver = SolverSettings(method, 1e-6, 500)
    rng = np.random.default_rng(0)
    batch = Batch.relaxed(problem.sweeps, problem.inputs, problem.target, NudgingSettings(), solver, rng)
    pair = RULES["contrastive"].contrast(batch)
    assert_allclose(pair.plus[-1], problem.target, atol=1e-12)
    assert pair.residual.max() <= 1e-6


@pytest.mark.parametrize("rule", ["contrastive", "coupled", "exact"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_learns(architecture: str, rule: str) -> None:
    network = ct.Network.named(architecture, [64, 64, 10])
    run = ct.fit(network, ct.load_dataset("digits", limit=600), rule=rule, epochs=12, beta=0.5, quiet=True)
    assert run.metrics[-1]["validation_error"] <= 30  # of ten classes: 90 by chance


def test_what_does_not_go_together_is_refused() -> None:
    coupled = LearningSettings(rule="coupled")
    with pytest.raises(InputError, match=r"nudging\.kind = 'centered': must be positive with coupled learning"):
        Settings(learning=coupled, nudging=NudgingSettings("centered", 0.5))
    with pytest.raises(InputError, match=r"nudging\.beta = 1\.5: must be at most 1 with coupled learning"):
        Settings(learning=coupled, nudging=NudgingSettings(beta=1.5))
    with pytest.raises(InputError, match=r"nudging\.beta = 1\.0: must be below 1"):
        Settings(nudging=NudgingSettings("negative"))
    for rule in ("contrastive", "exact"):
        assert ("nudging", "beta") in Settings(learning=LearningSettings(rule=rule)).inactive


def test_coupled_learning_is_exact_at_a_small_beta(make_problem: Callable[..., Any]) -> None:
    """The outputs are held a part of the way from where they rest, not from where the free phase stopped short."""
    problem = make_problem(scale=0.5)
    found = {}
    for tolerance in (1e-3, 1e-14):
        solver = SolverSettings(tolerance=tolerance, max_sweeps=3000)
        nudging, rng = NudgingSettings("positive", 0.01), np.random.default_rng(0)
        batch = Batch.relaxed(problem.sweeps, problem.inputs, problem.target, nudging, solver, rng)
        pair = RULES["coupled"].contrast(batch)
        found[tolerance] = (pair.plus[-1] - pair.minus[-1]) / 0.01
    assert_allclose(found[1e-3], found[1e-14], atol=0.05)
