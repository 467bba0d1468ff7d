"""rho and its derivatives, and the balance of one neuron, against finite differences, NumPy and the scalar flow."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq

from ctsigprop.continuous.rho import RHOS
from ctsigprop.continuous.rho.kernels import curvature, rate, slope

RHO: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "hard_sigmoid": lambda s: np.clip(s, 0, 1),
    "logistic": lambda s: 1 / (1 + np.exp(-(4 * s - 2))),
    "tanh": np.tanh,
    "rectifier": lambda s: np.maximum(s, 0),
    "linear": lambda s: s,
}
SMOOTH = ["logistic", "tanh"]
CLIPPED = ["hard_sigmoid", "rectifier", "linear"]


def inside(rho: str, count: int = 41) -> np.ndarray:
    """States that the dynamics can visit, without the bounds themselves."""
    low, high = RHOS[rho].bounds
    return np.linspace(max(low, -3), min(high, 3), count + 2)[1:-1]


@pytest.mark.parametrize("rho", RHOS)
def test_rates_slopes_and_curvatures(rho: str) -> None:
    code, states, h = RHOS[rho].code, inside(rho), 1e-5
    rates = [rate.py_func(code, s) for s in states]
    slopes = [slope.py_func(code, s) for s in states]
    curvatures = [curvature.py_func(code, s) for s in states]
    assert_allclose(rates, RHO[rho](states), rtol=1e-14)
    assert_allclose(RHOS[rho].rates(states), RHO[rho](states), rtol=1e-14)
    assert_allclose(slopes, (RHO[rho](states + h) - RHO[rho](states - h)) / (2 * h), atol=1e-9)
    differences = [(slope.py_func(code, s + h) - slope.py_func(code, s - h)) / (2 * h) for s in states]
    assert_allclose(curvatures, differences, atol=1e-8)
    assert np.all(np.diff(rates) > 0)
    assert 0 <= min(slopes) <= max(slopes) <= 1


def settled(
    rho: str, start: np.ndarray, net: np.ndarray, leak: float, beta: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """The balance of many single neurons, each with its own nudge."""
    state = start[:, None].copy()
    RHOS[rho].settle_nudged(net[:, None].copy(), np.array([leak]), beta, (beta * target)[:, None].copy(), state)
    return state[:, 0]


def force(rho: str, s: np.ndarray, net: np.ndarray, leak: float, beta: np.ndarray, target: np.ndarray) -> np.ndarray:
    """rho'(s) net - leak s - beta (s - target), inside the bounds of rho."""
    match rho:
        case "logistic":
            first = 4 * RHO[rho](s) * (1 - RHO[rho](s))
        case "tanh":
            first = 1 - np.tanh(s) ** 2
        case _:
            first = np.ones_like(s)
    return first * net - leak * s - beta * (s - target)


def flow(
    rho: str, s: np.ndarray, net: np.ndarray, leak: float, beta: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """State and speed after a long time of ds/dt = force (RK4, projected)."""
    low, high = RHOS[rho].bounds
    around = (net, leak, beta, target)
    h = 0.08
    for _ in range(4500):
        a = force(rho, s, *around)
        b = force(rho, s + h / 2 * a, *around)
        c = force(rho, s + h / 2 * b, *around)
        d = force(rho, s + h * c, *around)
        s = np.clip(s + h / 6 * (a + 2 * b + 2 * c + d), low, high)
    return s, np.clip(s + h * force(rho, s, *around), low, high) - s


@pytest.mark.parametrize("leak", [1.0, 0.6])
@pytest.mark.parametrize("rho", RHOS)
def test_balance_is_where_the_flow_ends(rho: str, leak: float) -> None:
    rng = np.random.default_rng(1)
    count = 1500
    low, high = RHOS[rho].bounds
    start = rng.uniform(max(low, -2), min(high, 2), count)
    net = rng.normal(size=count) * rng.choice([0.5, 1, 4], count)
    beta = leak * rng.choice([0, -0.8, -0.4, 0.3, 1, 4], count)
    target = rng.choice([0.0, 1.0], count)
    reached, speed = flow(rho, start, net, leak, beta, target)
    rested = np.abs(speed) < 1e-12
    assert rested.mean() > 0.98
    found = settled(rho, start, net, leak, beta, target)
    assert_allclose(found[rested], reached[rested], atol=1e-9)
    if rho in SMOOTH:
        elsewhere = settled(rho, rng.permutation(start), net, leak, beta, target)
        assert np.sum(np.abs(elsewhere - found) > 0.01) > 5, "no neuron here has more than one balance"
    else:
        assert found.min() >= low
        assert found.max() <= high


@pytest.mark.parametrize("rho", SMOOTH)
def test_the_balance_of_a_strong_input_is_one(rho: str) -> None:
    rng = np.random.default_rng(2)
    count = 4000
    start, net = rng.normal(scale=2, size=count), rng.uniform(-100, 100, count)
    beta, target = rng.choice([0, -0.9, 0.5], count), rng.choice([0.0, 1.0], count)
    found = settled(rho, start, net, 1.0, beta, target)
    assert_allclose(force(rho, found, net, 1.0, beta, target) / (1 + np.abs(net)), 0, atol=1e-9)


@pytest.mark.parametrize("rho", SMOOTH)
def test_the_way_to_the_balance_passes_no_other(rho: str) -> None:
    """A nudged neuron can have three balances; from the start to the one that is found the force keeps its sign."""
    rng, count = np.random.default_rng(6), 20_000
    start, net = rng.uniform(-2, 3, count), rng.uniform(-4, 4, count)
    beta, target = rng.uniform(-0.9, 1, count), rng.choice([0.0, 1.0], count)
    found = settled(rho, start, net, 1.0, beta, target)
    first = force(rho, start, net, 1.0, beta, target)
    assert_array_equal(np.sign(found - start), np.sign(first))
    for part in np.linspace(0, 0.999, 200):
        on_the_way = force(rho, start + part * (found - start), net, 1.0, beta, target)
        assert np.min(on_the_way * np.sign(first)) > -1e-13


@pytest.mark.parametrize("rho", SMOOTH)
@pytest.mark.parametrize("size", [1e-9, 1.0, 30.0, 1000.0])
def test_balance_solves_its_equation_to_rounding(rho: str, size: float) -> None:
    rng = np.random.default_rng(2)
    net = size * rng.normal(size=500)
    beta, target = rng.choice([0.0, 0.5, -0.3], 500), rng.choice([0.0, 1.0], 500)
    s = settled(rho, rng.uniform(-3, 3, 500), net, 1.0, beta, target)
    assert np.abs(force(rho, s, net, 1.0, beta, target)).max() < 1e-14 * (1 + size)


@pytest.mark.parametrize("leak", [1.0, 2.5])
@pytest.mark.parametrize("rho", RHOS)
def test_balance_slope_is_the_derivative_of_the_settled_rate(rho: str, leak: float) -> None:
    net, h = np.linspace(0.05, 3, 30), 1e-5
    zeros = np.zeros_like(net)
    low, high = (RHOS[rho].rates(settled(rho, zeros, net + shift, leak, zeros, zeros)) for shift in (-h, h))
    state = settled(rho, zeros, net, leak, zeros, zeros)
    kink = (np.abs(net / leak - 1) < 2 * h) & (rho == "hard_sigmoid")
    assert_allclose(
        RHOS[rho].balance_slopes(state, np.array([leak]))[~kink], ((high - low) / (2 * h))[~kink], atol=1e-8
    )


def test_a_neuron_at_a_bound_has_no_slope() -> None:
    states, leak = np.array([[0.0, 0.3, 1.0]], np.float32), np.full(3, 2, np.float32)
    assert_array_equal(RHOS["hard_sigmoid"].balance_slopes(states, leak), np.array([[0, 0.5, 0]], np.float32))
    assert RHOS["hard_sigmoid"].balance_slopes(states, leak).dtype == np.float32


def balance_by_bisection(rho: str, net: float, leak: float) -> float:
    """The only root without nudging."""

    def imbalance(s: float) -> float:
        return float(force(rho, np.float64(s), net, leak, 0.0, 0.0))

    return brentq(imbalance, -abs(net) / leak - 1e-9, abs(net) / leak + 1e-9, xtol=1e-15)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rho", RHOS)
def test_kernels_on_a_batch(rho: str, precision: str) -> None:
    rng = np.random.default_rng(3)
    net = rng.normal(0, 1.5, (5, 9)).astype(precision)
    tolerance = 20 * np.finfo(precision).eps
    leak = 1 / 0.7
    low, high = RHOS[rho].bounds
    if rho in CLIPPED:
        expected = np.clip(net / leak, low, high)
    else:
        expected = np.vectorize(lambda value: balance_by_bisection(rho, value, leak))(net)
    state = np.zeros_like(net)
    leaks = np.full(9, leak, precision)
    RHOS[rho].settle(net, leaks, state)
    assert state.dtype == precision
    assert_allclose(state, expected, atol=tolerance)

    beta = rng.choice([-0.5, 0.5], 5).astype(precision)
    target = np.eye(9, dtype=precision)[:5]
    nudged = np.zeros_like(net)
    RHOS[rho].settle_nudged(net, leaks, beta, beta[:, None] * target, nudged)
    if rho in CLIPPED:
        pulled = (net + beta[:, None] * target) / (leak + beta[:, None])
        assert_allclose(nudged, np.clip(pulled, low, high), atol=tolerance)
    unmoved = np.zeros_like(net)
    RHOS[rho].settle_nudged(net, leaks, np.zeros_like(beta), np.zeros_like(target), unmoved)
    assert_allclose(unmoved, state, atol=tolerance)

    elsewhere = np.clip(rng.normal(0.3, 0.5, net.shape), low, high).astype(precision)
    squares = np.arange(5, dtype=precision)
    RHOS[rho].add_mismatch(net, leaks, elsewhere, squares)
    assert_allclose(squares, np.arange(5) + ((expected - elsewhere) ** 2).sum(axis=1), rtol=10 * tolerance)
