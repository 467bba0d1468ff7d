"""What the engine is given and what it returns, as Python sees them and as Numba compiles them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import float64, from_dtype, int64, types, void
from numba.core import typing
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from ctsigprop.core.compilation import mend_cache
from ctsigprop.solvers.arguments import FIELD, Role, whole_steps
from ctsigprop.solvers.pieces import Piece

Vector = NDArray[Any]

BLOCK = 1024  # components that stay in the first-level cache together


class Scheme(NamedTuple):
    """Coefficients of a method as in Tableau, the closing evaluation as a last stage with the weights of the solution.

    Leak rates, empty but for exponential Euler; step exponent.
    """

    a: Vector
    c: Vector
    error: Vector
    dense: Vector
    leak: Vector
    exponent: float


class Work(NamedTuple):
    """Memory of a solve: slopes (stages + 1, n) and their weights, states (n,), a block, gains or nothing, events."""

    slopes: Vector
    weights: Vector
    stage: Vector
    new: Vector
    errors: Vector
    gain: Vector
    dense_gain: Vector
    before: Vector
    values: Vector
    trial_values: Vector

    @classmethod
    def of(cls, y: Vector, scheme: Scheme, events: int) -> Work:
        """Allocate it, with NaN in the slopes, so that a component that the field does not write is noticed."""
        rows, rates = scheme.c.size, scheme.leak.size
        slopes, errors = np.full((rows, y.size), np.nan, y.dtype), np.empty(min(BLOCK, y.size), y.dtype)
        watched = (np.full(events, np.nan, y.dtype) for _ in range(3))
        gains = np.empty(rates), np.empty(rates)
        return cls(slopes, np.zeros(rows), np.empty_like(y), np.empty_like(y), errors, *gains, *watched)


class Control(NamedTuple):
    """What steers a solve: `steps` steps of size `step`, the final one of size `last`.

    Where steps is 0, error control with steps of at most `step`. A negative residual tolerance asks for no steady
    state. Start and end are in the time of the solve, which is `sign` times that of the field and runs forwards.
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
    sign: float

    def over(self, part: Piece, max_steps: int, settling: bool) -> Control:
        """Return the control of one part of the span, with so many steps left; one before a jump is never steady."""
        steps, last = whole_steps(part.start, part.end, self.step) if self.steps else (0, 0.0)
        steady = self.residual_tolerance if settling else -1.0
        return self._replace(
            start=part.start, end=part.end, steps=steps, last=last, max_steps=max_steps, residual_tolerance=steady
        )


class Outcome(NamedTuple):
    """How a solve ended and what it cost.

    `reached` counts the asked times that it passed; `event` is the one that ended it, or -1.
    """

    status: int
    time: float
    residual: float
    evaluations: int
    accepted: int
    rejected: int
    reached: int
    event: int


@cache
def field_signature(dtype: np.dtype[Any]) -> typing.Signature:
    """Return the signature of field(t, y, dydt, parameters, layout) on states of this dtype."""
    vector = types.Array(from_dtype(dtype), 1, "C")
    return void(float64, vector, vector, vector, types.Array(int64, 1, "C"))


def compile_field(field: Any, dtype: np.dtype[Any], role: Role = FIELD) -> None:
    """Compile a jitted field, or a function of events, for states of this dtype, unless it is.

    Raises:
        ValueError: Numba cannot; the first line of its reason, the whole of it as the cause.
    """
    signature = field_signature(dtype)
    refused = f"{role.name}: not to be compiled as {role.call} for {dtype}"
    mend_cache(field)
    try:
        if signature.args not in field.overloads:
            field.compile(signature)
    except RuntimeError:
        raise ValueError(f"{refused}: it was jitted for other types; jit it without a signature") from None
    except (NumbaError, TypeError) as error:
        lines = [line for line in str(error).splitlines() if line and not line.startswith("Failed in")]
        raise ValueError(f"{refused}: {lines[0] if lines else type(error).__name__}") from error
    returned = field.overloads[signature.args].signature.return_type
    if returned != types.none:
        raise ValueError(f"{refused}: it returns {returned}; {role.duty}")


def drive_signature(dtype: np.dtype[Any]) -> tuple[types.Type, ...]:
    """Return the argument types of the engine's `drive` for a jitted field on states of this dtype."""
    real = from_dtype(dtype)
    vector, matrix = types.Array(real, 1, "C"), types.Array(real, 2, "C")
    row, table, layout = types.Array(float64, 1, "C"), types.Array(float64, 2, "C"), types.Array(int64, 1, "C")
    work = types.NamedTuple((matrix, row, vector, vector, vector, row, row, vector, vector, vector), Work)
    scheme = types.NamedTuple((table, row, row, table, row, float64), Scheme)
    control = types.NamedTuple((float64, float64, int64, *(float64,) * 5, int64, float64), Control)
    field = types.FunctionType(field_signature(dtype))
    return field, field, vector, layout, vector, work, scheme, control, vector, row, matrix, row
