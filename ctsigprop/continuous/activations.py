"""Firing rates rho(s), their slopes, and the state at which one neuron balances its input.

| rho          | definition        | state kept in |
|--------------|-------------------|---------------|
| hard_sigmoid | clip(s, 0, 1)     | [0, 1]        |
| logistic     | sigma(4 s - 2)    | the reals     |
| tanh         | tanh(s)           | the reals     |
| rectifier    | max(s, 0)         | [0, inf)      |

Where the state is kept inside the linear part of rho, rho(s) = s and rho'(s) = 1 on the closed interval.
"""

from math import exp, inf, sqrt, tanh

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ctsigprop.compilation import compiled

Array = NDArray[np.floating]

CODES = {"hard_sigmoid": 0, "logistic": 1, "tanh": 2, "rectifier": 3}
BOUNDS = {"hard_sigmoid": (0.0, 1.0), "logistic": (-inf, inf), "tanh": (-inf, inf), "rectifier": (0.0, inf)}
RATE_IS_STATE = frozenset({"hard_sigmoid", "rectifier"})

_BALANCE_STEPS = 2000


@njit(inline="always")
def rate(code: int, s: float) -> float:
    """rho(s)."""
    if code == 1:
        return 1.0 / (1.0 + exp(2.0 - 4.0 * s))
    if code == 2:
        return tanh(s)
    return s


@njit(inline="always")
def slope(code: int, s: float) -> float:
    """rho'(s)."""
    if code == 1:
        p = 1.0 / (1.0 + exp(2.0 - 4.0 * s))
        return 4.0 * p * (1.0 - p)
    if code == 2:
        p = tanh(s)
        return 1.0 - p * p
    return 1.0


@njit(inline="always")
def curvature(code: int, s: float) -> float:
    """rho''(s)."""
    if code == 1:
        p = 1.0 / (1.0 + exp(2.0 - 4.0 * s))
        return 16.0 * p * (1.0 - p) * (1.0 - 2.0 * p)
    if code == 2:
        p = tanh(s)
        return -2.0 * p * (1.0 - p * p)
    return 0.0


@njit(inline="always")
def _smooth_balance(code: int, s: float, net: float, leak: float, beta: float, target: float) -> float:
    """The root of g(s) = rho'(s) net - leak s - beta (s - target) that the flow ds/dt = g(s) reaches from s.

    Since 0 <= rho' <= 1, every root lies between beta target / (leak + beta) and (net + beta target) / (leak + beta).
    From there a step goes as far as |g''| <= bend is sure to hold no root; close to the root it is Newton's.
    """
    stiffness = leak + beta
    rest = beta * target / stiffness
    driven = (net + beta * target) / stiffness
    s = min(max(s, min(rest, driven)), max(rest, driven))
    bend = (8.0 if code == 1 else 2.0) * abs(net)
    for _ in range(_BALANCE_STEPS):
        force = slope(code, s) * net + beta * target - stiffness * s
        if force == 0.0:
            break
        steepness = curvature(code, s) * net - stiffness
        step = 2.0 * force / (sqrt(steepness * steepness + 2.0 * bend * abs(force)) - steepness)
        s += step
        if abs(step) <= 1e-15 * (1.0 + abs(s)):
            break
    return s


@njit(inline="always")
def balance(code: int, s: float, net: float, leak: float, beta: float, target: float) -> float:
    """The state at which Eq. 13 of one neuron vanishes for a given input, reached from state s.

    rho'(s) net - leak s - beta (s - target) = 0, with leak = 1 / r. Piecewise-linear rho have it in closed form.
    """
    if code == 0:
        return min(max((net + beta * target) / (leak + beta), 0.0), 1.0)
    if code == 3:
        return max((net + beta * target) / (leak + beta), 0.0)
    return _smooth_balance(code, s, net, leak, beta, target)


@compiled()
def settle(code: int, net: Array, leak: float, state: Array) -> None:
    """Writes into `state` the balance of every neuron under input `net`; both (samples, units)."""
    samples, units = net.shape
    if code == 0:
        for i in range(samples):
            for j in range(units):
                state[i, j] = min(max(net[i, j] / leak, 0.0), 1.0)
    else:
        for i in range(samples):
            for j in range(units):
                state[i, j] = balance(code, state[i, j], net[i, j], leak, 0.0, 0.0)


@compiled()
def settle_nudged(code: int, net: Array, leak: float, beta: Array, target: Array, state: Array) -> None:
    """`settle` for output neurons nudged towards `target` (samples, units) with strength `beta` (samples,)."""
    samples, units = net.shape
    for i in range(samples):
        for j in range(units):
            state[i, j] = balance(code, state[i, j], net[i, j], leak, beta[i], target[i, j])


@compiled(fastmath={"reassoc", "contract"})
def add_mismatch(code: int, net: Array, leak: float, state: Array, squares: Array) -> None:
    """Adds to `squares` (samples,) each sample's |balance(net) - state|^2; the others are (samples, units)."""
    samples, units = net.shape
    for i in range(samples):
        total = net.dtype.type(0.0)
        if code == 0:
            for j in range(units):
                miss = min(max(net[i, j] / leak, 0.0), 1.0) - state[i, j]
                total += miss * miss
        else:
            for j in range(units):
                miss = balance(code, state[i, j], net[i, j], leak, 0.0, 0.0) - state[i, j]
                total += miss * miss
        squares[i] += total


def firing_rate(rho: str, states: NDArray[np.floating]) -> NDArray[np.floating]:
    """rho of every state; the same array where the state is its own rate.

    Args:
        rho: name of the firing-rate function.
        states: any shape, inside the bounds of `rho`.
    """
    if rho == "logistic":
        return 1 / (1 + np.exp(2 - 4 * states))
    if rho == "tanh":
        return np.tanh(states)
    return states


def balance_slope(rho: str, states: NDArray[np.floating], leak: float) -> NDArray[np.floating]:
    """d rho(s) / d net of a neuron at balance without nudging, any shape."""
    if rho in RATE_IS_STATE:
        return state_slope(rho, states, leak)
    return rate_slope(rho, states) * state_slope(rho, states, leak)


def state_slope(rho: str, states: NDArray[np.floating], leak: float) -> NDArray[np.floating]:
    """d s / d net of a neuron at balance without nudging, any shape.

    Differentiating rho'(s) net = leak s gives ds/dnet = rho' / (leak - rho'' net); a neuron at a bound does not move.
    """
    return rate_slope(rho, states) / stiffness(rho, states, leak)


def rate_slope(rho: str, states: NDArray[np.floating]) -> NDArray[np.floating]:
    """rho'(s) of every state, any shape; 0 at a bound."""
    if rho in RATE_IS_STATE:
        low, high = BOUNDS[rho]
        return ((states > low) & (states < high)).astype(states.dtype)
    p = firing_rate(rho, states)
    return 4 * p * (1 - p) if rho == "logistic" else 1 - p * p


def stiffness(rho: str, states: NDArray[np.floating], leak: float) -> NDArray[np.floating]:
    """leak - rho''(s) net of a neuron at balance without nudging, any shape: the rate at which it alone settles."""
    if rho in RATE_IS_STATE:
        return np.full_like(states, leak)
    p = firing_rate(rho, states)
    bend = 4 - 8 * p if rho == "logistic" else -2 * p  # rho'' / rho'
    return leak * (1 - bend * states)
