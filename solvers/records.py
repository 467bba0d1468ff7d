"""What the engine is given and what it returns, as Python sees them and as Numba compiles them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, from_dtype, int64, types, void
from numpy.typing import NDArray

Vector = NDArray[Any]


class Scheme(NamedTuple):
    """Coefficients of a method as in Tableau; leak rates, empty but for exponential Euler; step exponent."""

    a: Vector
    b: Vector
    c: Vector
    error: Vector
    dense: Vector
    leak: Vector
    exponent: float


class Control(NamedTuple):
    """What steers a solve: `steps` steps, the final one of size `last`, or error control where steps is 0.

    A negative residual tolerance asks for no steady state.
    """

    start: float
    end: float
    steps: int
    step: float
    last: float
    rtol: float
    atol: float
    residual_tolerance: float
    max_steps: int


class Outcome(NamedTuple):
    """How a solve ended and what it cost; `reached` counts the asked times that it passed."""

    status: int
    time: float
    residual: float
    evaluations: int
    accepted: int
    rejected: int
    reached: int


def field_type(dtype: np.dtype[Any]) -> types.FunctionType:
    """Return the type of a jitted field(t, y, dydt, parameters, layout) on states of this dtype."""
    vector = types.Array(from_dtype(dtype), 1, "C")
    return types.FunctionType(void(float64, vector, vector, vector, types.Array(int64, 1, "C")))


def drive_signature(dtype: np.dtype[Any]) -> tuple[types.Type, ...]:
    """Return the argument types of the engine's `drive` for a jitted field on states of this dtype."""
    real = from_dtype(dtype)
    vector, states = types.Array(real, 1, "C"), types.Array(real, 2, "C")
    layout, times = types.Array(int64, 1, "C"), types.Array(float64, 1, "C")
    table = types.Array(float64, 2, "C", readonly=True)
    row = types.Array(float64, 1, "C", readonly=True)
    scheme = types.NamedTuple((table, row, row, row, table, row, float64), Scheme)
    control = types.NamedTuple((float64, float64, int64, *(float64,) * 5, int64), Control)
    return field_type(dtype), vector, layout, vector, scheme, control, vector, times, states
