"""The order of every method, fitted from error against step, at the end and at asked times."""

from math import sin

import numpy as np
import pytest
from numba import njit
from scipy.integrate import solve_ivp

from ctsigprop.solvers import METHODS, integrate

TOLERANCE = 0.2
PER_UNIT = {
    "euler": [256, 512, 1024, 2048],
    "exponential_euler": [256, 512, 1024, 2048],
    "heun": [64, 128, 256, 512],
    "rk4": [32, 64, 128, 256],
    "dopri5": [16, 24, 32, 48],
}
END = 3.0
NODES = np.linspace(0.0, END, 25)
"""Multiples of 1/8, which every step above divides: the states there are the steps' own."""
DENSE = np.linspace(0.0, END, 601)


def fitted_order(method, errors):
    return -np.polyfit(np.log(PER_UNIT[method]), np.log(errors), 1)[0]


def fitted_orders(field, y0, method, reference, **options):
    """Fit the largest error at the ends of steps, and that over the whole of the dense output."""
    at_nodes, between = [], []
    if METHODS[method].exact_leak:
        options["leak"] = 1.0
    for steps in PER_UNIT[method]:
        for times, errors in ((NODES, at_nodes), (DENSE, between)):
            result = integrate(field, y0, (0.0, END), method=method, step=1 / steps, times=times, check=True, **options)
            errors.append(np.abs(result.states - reference(times)).max())
    return fitted_order(method, at_nodes), fitted_order(method, between)


@njit
def swinging(t, y, dydt, parameters, layout):
    """y = exp(sin t): a field that depends on time."""
    dydt[0] = y[0] * np.cos(t)


def swung(t):
    return np.exp(np.sin(t))[:, None]


@njit
def kepler(t, y, dydt, parameters, layout):
    """A planet at (y0, y1) with velocity (y2, y3)."""
    cubed = (y[0] ** 2 + y[1] ** 2) ** 1.5
    dydt[0], dydt[1], dydt[2], dydt[3] = y[2], y[3], -y[0] / cubed, -y[1] / cubed


def orbit(t, e=0.3):
    """Kepler's equation E - e sin E = t, and the ellipse."""
    anomaly = np.array(t)
    for _ in range(50):
        anomaly -= (anomaly - e * np.sin(anomaly) - t) / (1 - e * np.cos(anomaly))
    rate, minor = 1 / (1 - e * np.cos(anomaly)), np.sqrt(1 - e * e)
    sine, cosine = np.sin(anomaly), np.cos(anomaly)
    return np.stack([cosine - e, minor * sine, -sine * rate, minor * cosine * rate], axis=-1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("field", "exact"), [(swinging, swung), (kepler, orbit)], ids=["swinging", "kepler"])
def test_order_against_an_exact_solution(method, field, exact):
    orders = fitted_orders(field, exact(np.zeros(1))[0], method, exact)
    np.testing.assert_allclose(orders, METHODS[method].order, rtol=0, atol=TOLERANCE)


@njit
def hopfield(t, y, dydt, parameters, layout):
    """Eq. 13, free phase: s' = rho'(s) (W^T rho(s) + drive) - s with rho(s) = sigma(4 s - 2)."""
    n = y.size
    rho = 1 / (1 + np.exp(2 - 4 * y))
    weights = parameters[: n * n].reshape((n, n))
    drive = parameters[n * n :]
    dydt[:] = 4 * rho * (1 - rho) * (np.dot(rho, weights) + drive) - y


@pytest.fixture(scope="module")
def network():
    """A loop of layers of 6, 5 and 3 units: its parameters, a start, and its solution to 1e-12."""
    rng = np.random.default_rng(2)
    sizes = np.cumsum([0, 6, 5, 3])
    weights = np.zeros((14, 14))
    for source, target in [(0, 1), (1, 2), (2, 0)]:
        block = np.s_[sizes[source] : sizes[source + 1], sizes[target] : sizes[target + 1]]
        weights[block] = rng.uniform(-0.8, 0.8, weights[block].shape)
    parameters = np.concatenate([weights.ravel(), rng.uniform(-0.5, 1.5, 14)])
    layout = np.empty(0, np.int64)

    def field(t, y):
        dydt = np.empty_like(y)
        hopfield(t, y, dydt, parameters, layout)
        return dydt

    y0 = rng.uniform(0.0, 1.0, 14)
    solution = solve_ivp(field, (0.0, END), y0, method="DOP853", rtol=1e-12, atol=1e-12, dense_output=True)
    return parameters, y0, lambda times: solution.sol(times).T


@pytest.mark.parametrize("method", METHODS)
def test_order_on_a_network_against_dop853(method, network):
    parameters, y0, reference = network
    orders = fitted_orders(hopfield, y0, method, reference, parameters=parameters)
    np.testing.assert_allclose(orders, METHODS[method].order, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("bound", [1e-4, 1e-6, 1e-8, 1e-10])
def test_error_control_meets_its_tolerance_on_a_network(network, bound):
    parameters, y0, reference = network
    result = integrate(hopfield, y0, (0.0, END), parameters=parameters, rtol=bound, atol=bound, times=DENSE)
    error = np.abs(result.states - reference(DENSE)).max()
    assert bound / 1000 < error < 10 * bound


def test_a_step_that_does_not_divide_the_span_lands_on_its_end():
    result = integrate(swinging, np.ones(1), (0.0, 1.0), method="rk4", step=0.03)
    assert (result.accepted, result.time) == (34, 1.0)
    assert abs(result.y[0] - np.exp(sin(1.0))) < 1e-7


@pytest.mark.parametrize(
    ("span", "step", "steps"),
    [((0.0, 0.3), 0.1, 3), ((0.0, 2.1), 0.7, 3), ((0.0, 1.0), 1 / 3, 3), ((5.0, 5.7), 0.1, 7), ((0.0, 1.0), 2.0, 1)],
)
def test_no_step_is_lost_or_added_by_rounding(span, step, steps):
    result = integrate(swinging, np.ones(1), span, method="euler", step=step)
    assert (result.accepted, result.evaluations, result.time) == (steps, steps + 1, span[1])
