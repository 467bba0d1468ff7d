"""Compiled: firing rates, slopes, and the state at which one neuron balances its input.

A neuron of input net, leak 1/r and nudge (stiffness beta, pull p) is at balance where

    rho'(s) net + p - (1/r + beta) s = 0,

the right-hand side of Eq. 13 for that neuron alone. For the squared error p = beta d. Kinds of rho that are known by
a code have this in closed form or by a scheme of their own; any other is given by its slope, as a function pointer, so
that the machine code is the same for all of them. Functions that call each other stay in this one file, because
Numba's cache does not look beyond a file.
"""

from collections.abc import Callable
from functools import cache
from math import exp, inf, sqrt, tanh

import numpy as np
from numba import float64, from_dtype, njit, types, void
from numpy.typing import NDArray

from ctsigprop.core.compilation import compiled

Array = NDArray[np.floating]
Scalar = Callable[[float], float]

CLIPPED, LOGISTIC, TANH, OTHER = range(4)
"""Codes: clip(s, low, high); sigma(4 s - 2); tanh(s); any other, known by its functions."""

SCALAR = types.FunctionType(float64(float64))

_BALANCE_STEPS = 2000
_SEARCH_STEPS, _FIRST_STEP = 200, 1e-3


@njit(inline="always")
def rate(code: int, s: float) -> float:
    """rho(s) of a state within its bounds."""
    if code == LOGISTIC:
        return 1.0 / (1.0 + exp(2.0 - 4.0 * s))
    if code == TANH:
        return tanh(s)
    return s


@njit(inline="always")
def slope(code: int, s: float) -> float:
    """rho'(s) of a state within its bounds."""
    if code == LOGISTIC:
        p = 1.0 / (1.0 + exp(2.0 - 4.0 * s))
        return 4.0 * p * (1.0 - p)
    if code == TANH:
        p = tanh(s)
        return 1.0 - p * p
    return 1.0


@njit(inline="always")
def curvature(code: int, s: float) -> float:
    """rho''(s) of a state within its bounds."""
    if code == LOGISTIC:
        p = 1.0 / (1.0 + exp(2.0 - 4.0 * s))
        return 16.0 * p * (1.0 - p) * (1.0 - 2.0 * p)
    if code == TANH:
        p = tanh(s)
        return -2.0 * p * (1.0 - p * p)
    return 0.0


@njit(inline="always")
def _smooth_balance(code: int, s: float, net: float, stiffness: float, pull: float) -> float:
    """The root of g(s) = rho'(s) net + pull - stiffness s that the flow ds/dt = g(s) reaches from s.

    Since 0 <= rho' <= 1, every root lies between pull / stiffness and (net + pull) / stiffness.
    From there a step goes as far as |g''| <= bend is sure to hold no root; close to the root it is Newton's.
    """
    rest = pull / stiffness
    driven = (net + pull) / stiffness
    s = min(max(s, min(rest, driven)), max(rest, driven))
    bend = (8.0 if code == LOGISTIC else 2.0) * abs(net)
    for _ in range(_BALANCE_STEPS):
        force = slope(code, s) * net + pull - stiffness * s
        if force == 0.0:
            break
        steepness = curvature(code, s) * net - stiffness
        step = 2.0 * force / (sqrt(steepness * steepness + 2.0 * bend * abs(force)) - steepness)
        s += step
        if abs(step) <= 1e-15 * (1.0 + abs(s)):
            break
    return s


@njit(inline="always")
def balance(code: int, low: float, high: float, s: float, net: float, stiffness: float, pull: float) -> float:
    """The balance of one neuron, reached from state s."""
    if code == CLIPPED:
        return min(max((net + pull) / stiffness, low), high)
    return _smooth_balance(code, s, net, stiffness, pull)


@compiled(error_model="numpy")  # a check of each division would keep the loop scalar; leaks are positive
def settle(code: int, low: float, high: float, net: Array, leak: Array, state: Array) -> None:
    """Write into `state` (samples, units) the balance of every neuron under input `net`; `leak` is (units,)."""
    samples, units = net.shape
    lowest, highest, zero = net.dtype.type(low), net.dtype.type(high), net.dtype.type(0)
    if code == CLIPPED:
        for i in range(samples):
            for j in range(units):
                state[i, j] = min(max(net[i, j] / leak[j], lowest), highest)
    else:
        for i in range(samples):
            for j in range(units):
                state[i, j] = balance(code, low, high, state[i, j], net[i, j], leak[j], zero)


@compiled()
def settle_nudged(
    code: int, low: float, high: float, net: Array, leak: Array, beta: Array, pull: Array, state: Array
) -> None:
    """`settle` for neurons nudged with stiffness `beta` (samples,) and `pull` (samples, units)."""
    samples, units = net.shape
    lowest, highest = net.dtype.type(low), net.dtype.type(high)
    for i in range(samples):
        for j in range(units):
            state[i, j] = balance(code, lowest, highest, state[i, j], net[i, j], leak[j] + beta[i], pull[i, j])


@compiled(error_model="numpy", fastmath={"reassoc", "contract"})
def add_mismatch(code: int, low: float, high: float, net: Array, leak: Array, state: Array, squares: Array) -> None:
    """Add to `squares` (samples,) each sample's |balance(net) - state|^2; net and state are (samples, units)."""
    samples, units = net.shape
    lowest, highest, zero = net.dtype.type(low), net.dtype.type(high), net.dtype.type(0)
    for i in range(samples):
        total = zero
        if code == CLIPPED:
            for j in range(units):
                miss = min(max(net[i, j] / leak[j], lowest), highest) - state[i, j]
                total += miss * miss
        else:
            for j in range(units):
                miss = balance(code, low, high, state[i, j], net[i, j], leak[j], zero) - state[i, j]
                total += miss * miss
        squares[i] += total


@njit
def _search(slope: Scalar, low: float, high: float, s: float, net: float, stiffness: float, pull: float) -> float:
    """A stable balance in the direction in which the flow from s goes; the bound where the flow ends there.

    Steps that double find an interval at whose ends the flow points inward. The method of Illinois (Dowell & Jarratt
    1971) encloses the root, and every fourth step halves the interval. Of several roots in the interval it finds one
    at which the flow rests.
    """
    s = min(max(s, low), high)
    force = slope(s) * net + pull - stiffness * s
    if force == 0.0:
        return s
    way = 1.0 if force > 0.0 else -1.0
    bound = high if force > 0.0 else low
    step = _FIRST_STEP * (1.0 + abs(s))
    inner, of_inner = s, force
    outer, of_outer = s, force
    while of_outer * way > 0.0:
        inner, of_inner = outer, of_outer
        if inner == bound or not abs(inner) < inf:
            return inner
        outer = inner + way * step
        step *= 2.0
        if (outer - bound) * way >= 0.0:
            outer = bound
        of_outer = slope(outer) * net + pull - stiffness * outer
    for k in range(_SEARCH_STEPS):
        if abs(outer - inner) <= 1e-15 * (1.0 + abs(inner)):
            break
        trial = (inner * of_outer - outer * of_inner) / (of_outer - of_inner)
        if k % 4 == 3 or not min(inner, outer) < trial < max(inner, outer):
            trial = 0.5 * (inner + outer)
        force = slope(trial) * net + pull - stiffness * trial
        if force == 0.0:
            return trial
        if force * way > 0.0:
            inner, of_inner, of_outer = trial, force, 0.5 * of_outer
        else:
            outer, of_outer, of_inner = trial, force, 0.5 * of_inner
    return inner


def _settle_by_search(
    slope: Scalar, low: float, high: float, net: Array, leak: Array, beta: Array, pull: Array, state: Array
) -> None:
    samples, units = net.shape
    for i in range(samples):
        for j in range(units):
            state[i, j] = _search(slope, low, high, state[i, j], net[i, j], leak[j] + beta[i], pull[i, j])


def _map(function: Scalar, states: Array, values: Array) -> None:
    for k in range(states.size):
        values[k] = function(states[k])


@cache
def settle_by_search(dtype: np.dtype) -> Callable[..., None]:
    """`settle_nudged` for a rho that is known by its slope, which comes in place of code; arrays of this dtype."""
    rows, matrix = (types.Array(from_dtype(dtype), ndim, "C") for ndim in (1, 2))
    signature = void(SCALAR, float64, float64, matrix, rows, rows, matrix, matrix)
    kernel: Callable[..., None] = compiled(signature)(_settle_by_search)
    return kernel


@cache
def mapped(dtype: np.dtype) -> Callable[..., None]:
    """A function (scalar function, states, values) that writes a function of every state, both flat, of this dtype."""
    rows = types.Array(from_dtype(dtype), 1, "C")
    kernel: Callable[..., None] = compiled(void(SCALAR, rows, rows))(_map)
    return kernel
