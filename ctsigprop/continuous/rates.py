"""Firing rates of whole buffers, fast.

A call of the library's `exp` keeps a loop scalar. Here it is written out in the arithmetic of the buffer's own
precision, of which the compiler makes vectors: exp(x) = 2^k exp(r) with k = round(x / ln 2), |r| <= ln(2) / 2
and the Taylor polynomial of exp(r) (Muller, Elementary Functions, 3rd ed., ch. 11).
"""

from collections.abc import Callable
from math import exp, factorial
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

from ctsigprop.continuous.network import Array

_LOGISTIC, _TANH = 1, 2

# Degree of the polynomial, largest |x|, ln 2 in a part of few digits and the rest, mantissa bits, exponent bias.
_SINGLE = (6, 87.0, 0.693359375, -2.12194440e-4, 23, 127)
_DOUBLE = (12, 708.0, 0.6931471803691238, 1.9082149292705877e-10, 52, 1023)


def _exp(x: float) -> float:
    return exp(x)


@overload(_exp)
def _vector_exp(x: Any) -> Callable[[Any], Any]:
    single = x == types.float32
    real, whole = (np.float32, np.int32) if single else (np.float64, np.int64)
    degree, largest, high, low, mantissa, bias = _SINGLE if single else _DOUBLE
    taylor = tuple(real(1 / factorial(k)) for k in range(degree, -1, -1))
    limit, per_ln2, half = real(largest), real(1.4426950408889634), real(0.5)
    ln2_high, ln2_low = real(high), real(low)
    shift, offset = whole(mantissa), whole(bias)

    def written_out(x: Any) -> Any:
        x = min(max(x, -limit), limit)
        k = np.floor(x * per_ln2 + half)
        r = (x - k * ln2_high) - k * ln2_low
        polynomial: Any = real(0)
        for coefficient in taylor:
            polynomial = polynomial * r + coefficient
        return polynomial * whole((whole(k) + offset) << shift).view(real)

    return written_out


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def fill_rates(code: int, y: Array, rates: Array) -> None:
    """Writes rho of every state y to `rates`, both flat; `code` is one of `activations.CODES`."""
    one, two, four = y.dtype.type(1), y.dtype.type(2), y.dtype.type(4)
    if code == _LOGISTIC:
        for k in range(y.size):
            rates[k] = one / (one + _exp(two - four * y[k]))
    elif code == _TANH:
        for k in range(y.size):
            rates[k] = two / (one + _exp(-two * y[k])) - one
    else:
        rates[:] = y


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def fill_derivative(code: int, leak: float, y: Array, rates: Array, drive: Array, dydt: Array) -> None:
    """Turns the recurrent input in `dydt` into rho'(s) (input + drive) - leak s, all flat."""
    one, four, rate = y.dtype.type(1), y.dtype.type(4), y.dtype.type(leak)
    if code == _LOGISTIC:
        for k in range(y.size):
            dydt[k] = four * rates[k] * (one - rates[k]) * (dydt[k] + drive[k]) - rate * y[k]
    elif code == _TANH:
        for k in range(y.size):
            dydt[k] = (one - rates[k] * rates[k]) * (dydt[k] + drive[k]) - rate * y[k]
    else:
        for k in range(y.size):
            dydt[k] = dydt[k] + drive[k] - rate * y[k]
