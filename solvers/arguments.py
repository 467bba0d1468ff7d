"""Checks of what `integrate` is given: each raises a ValueError of one line with the name, the value, the allowed."""

from __future__ import annotations

import math
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[Any]

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
_LEAST_RTOL = 8.0  # in machine epsilons: below, rounding decides the error estimate and the steps shrink in vain
_MOST = 2**53  # whole numbers up to here are exact in both float64 and int64
_OVERSHOOT = 16.0  # in machine epsilons of the larger end of the span: a time outside by no more is that end
_WHOLE = 1e-9  # a final step within this fraction of a whole one is a whole one


class Role(NamedTuple):
    """What a function of the user's is for: its name as an argument, how it is called, and what it must do."""

    name: str
    call: str
    duty: str


FIELD = Role("field", "field(t, y, dydt, parameters, layout)", "write the derivative to dydt and return nothing")
EVENTS = Role("events", "events(t, y, values, parameters, layout)", "write its numbers to values and return nothing")


def require_call(function: object, role: Role) -> None:
    """Pass a function that can be called with five arguments, or one that does not say."""
    if not callable(function):
        raise ValueError(f"{role.name}: {function!r} given, a function {role.call} is needed")
    try:
        signature(getattr(function, "py_func", function)).bind(*range(5))
    except TypeError as error:
        raise ValueError(f"{role.name}: not to be called as {role.call}: {error}") from error
    except ValueError:  # a function that has no signature
        return


def positive(name: str, value: float) -> float:
    """Return the value as a float, or refuse one that is not finite and positive."""
    number = real(name, value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name}: {value!r} given, a positive number is needed")
    return number


def real(name: str, value: float) -> float:
    """Return the value as a float, or refuse what is not a number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {value!r} given, a number is needed") from None
    if math.isnan(number):
        raise ValueError(f"{name}: nan given, a number is needed")
    return number


def count(name: str, value: int) -> int:
    """Return the value, or refuse what is not a whole number from 1 to 2**53."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: {value!r} given, a whole number of at least 1 is needed")
    if value > _MOST:
        raise ValueError(f"{name}: {float(value):g} given, at most 2**53 is allowed")
    return int(value)


def bounds(lower: ArrayLike, upper: ArrayLike, y: Vector) -> Vector:
    """Return the bounds below and then those above, one of each for all components or one for each.

    Bounds that no state keeps, or that the initial state does not, are refused.
    """
    below, above = (_bound(name, value, y.size) for name, value in (("lower", lower), ("upper", upper)))
    if max(below.size, above.size) > 1:
        below, above = (np.broadcast_to(bound, y.size) for bound in (below, above))
    if not (below < above).all():
        raise ValueError(f"lower, upper: {lower!r} and {upper!r} given, lower must be less than upper")
    if (y < below).any() or (y > above).any():
        low, high = below.min(), above.max()
        raise ValueError(f"y0: from {y.min()} to {y.max()}, outside the bounds [{low}, {high}]")
    return np.concatenate([below, above]).astype(y.dtype)


def _bound(name: str, value: ArrayLike, n: int) -> Vector:
    """A bound of all components, (1,), or of each, (n,)."""
    if np.ndim(value) == 0:
        return np.array([real(name, value)])  # type: ignore[arg-type]
    array = np.asarray(value, np.float64)
    if array.shape != (n,) or np.isnan(array).any():
        raise ValueError(f"{name}: array of shape {array.shape} given, one number or {n} are needed, none of them nan")
    return array


def state(y0: ArrayLike) -> Vector:
    """Return a copy of the initial state, or refuse one that the engine cannot carry."""
    y = np.asarray(y0)
    if y.dtype not in _DTYPES:
        raise ValueError(f"y0: dtype {y.dtype} given, float32 or float64 is needed (the solve keeps it)")
    _flat("y0", y)
    if y.size == 0:
        raise ValueError("y0: empty, at least one component is needed")
    if not np.isfinite(y).all():
        at = int(np.argmin(np.isfinite(y)))
        raise ValueError(f"y0: component {at} is {y[at]}, finite numbers are needed")
    return y.copy()


def vector(name: str, values: ArrayLike | None, dtype: np.dtype[Any]) -> Vector:
    """Return a writable flat array of this dtype, empty for None.

    It is copied only where it is read-only or holds whole numbers of another size.
    """
    if values is None:
        return np.empty(0, dtype)
    array = np.asarray(values)
    if array.size == 0 or (dtype.kind == "i" and np.can_cast(array.dtype, dtype)):
        array = array.astype(dtype, copy=False)
    if array.dtype != dtype:
        raise ValueError(f"{name}: dtype {array.dtype} given, {dtype} is needed")
    _flat(name, array)
    return array if array.flags.writeable else array.copy()


def _flat(name: str, array: Vector) -> None:
    if array.ndim != 1:
        raise ValueError(f"{name}: shape {array.shape} given, a flat (one-dimensional) array is needed")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name}: strided array given, a contiguous one is needed (np.ascontiguousarray)")


def span(t_span: tuple[float, float]) -> tuple[float, float]:
    """Return start and end, or refuse a span that is not finite or has no length."""
    try:
        start, end = (real("t_span", t) for t in t_span)
    except (TypeError, ValueError):
        raise ValueError(f"t_span: {t_span!r} given, two numbers (start, end) are needed") from None
    if not (math.isfinite(start) and math.isfinite(end) and start != end):
        raise ValueError(f"t_span: {t_span!r} given, a finite start and another finite end are needed")
    return start, end


def _floats(name: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {values!r} given, numbers are needed") from None


def asked_times(times: ArrayLike | None, start: float, end: float) -> NDArray[np.float64]:
    """Return the asked times, or refuse such as are out of order or outside the span by more than their rounding.

    The order is that of the span, which runs backwards where it ends before its start.
    """
    if times is None:
        return np.empty(0)
    asked = _floats("times", times)
    if asked.ndim != 1:
        raise ValueError(f"times: shape {asked.shape} given, a flat sequence is needed")
    backwards = end < start
    if np.isnan(asked).any() or np.any(np.diff(asked) * (-1 if backwards else 1) < 0):
        raise ValueError(f"times: not in {'descending' if backwards else 'ascending'} order")
    given = np.asarray(times).dtype
    rounding = np.finfo(given if given.kind == "f" else np.float64).eps * max(abs(start), abs(end))
    low, high = min(start, end), max(start, end)
    slack = _OVERSHOOT * rounding
    if asked.size and not (low - slack <= asked.min() and asked.max() <= high + slack):
        first, last, begin, until = (repr(float(t)).removesuffix(".0") for t in (asked[0], asked[-1], start, end))
        raise ValueError(f"times: from {first} to {last}, outside t_span ({begin}, {until})")
    return asked.clip(low, high)


def jump_times(jumps: ArrayLike | None) -> NDArray[np.float64]:
    """Return the times at which the field jumps in ascending order, each once."""
    if jumps is None:
        return np.empty(0)
    given = _floats("jumps", jumps)
    if given.ndim != 1:
        raise ValueError(f"jumps: shape {given.shape} given, a flat sequence is needed")
    if np.isnan(given).any():
        raise ValueError("jumps: nan given, numbers are needed")
    return np.unique(given)


def event_directions(events: object | None, directions: ArrayLike | None, stop: bool) -> NDArray[np.float64]:
    """Return the direction of each event, none where no function of events is given."""
    if events is None:
        if directions is not None or not stop:
            name = "stop_at_event" if directions is None else "directions"
            raise ValueError(f"{name}: given without events: leave it out, or give {EVENTS.call}")
        return np.empty(0)
    require_call(events, EVENTS)
    given = np.atleast_1d(_floats("directions", 0 if directions is None else directions))
    if given.ndim != 1 or given.size == 0 or not np.isin(given, (-1, 0, 1)).all():
        raise ValueError(f"directions: {directions!r} given, -1, 0 or 1 is needed for each event")
    return given


def tolerances(rtol: float, atol: float, dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return both tolerances, or refuse those that the dtype cannot resolve."""
    relative, absolute = positive("rtol", rtol), positive("atol", atol)
    least = _LEAST_RTOL * float(np.finfo(dtype).eps)
    if relative < least:
        raise ValueError(f"rtol: {rtol!r} given, at least {least:.2g} is needed in {dtype}")
    if absolute < np.finfo(dtype).tiny:
        raise ValueError(f"atol: {atol!r} given, at least {np.finfo(dtype).tiny:.2g} is needed in {dtype}")
    return relative, absolute


def leak_rates(leak: ArrayLike | None, n: int) -> NDArray[np.float64]:
    """Return the leak rate of every component, or refuse rates that do not fit the state."""
    if leak is None:
        raise ValueError("leak: missing, exponential_euler needs the rate of the linear leak")
    rates = _floats("leak", leak)
    if rates.shape not in ((), (n,)) or not np.isfinite(rates).all():
        raise ValueError(f"leak: shape {rates.shape} given, a finite number or {n} of them are needed")
    return np.array(np.broadcast_to(rates, n))


def whole_steps(start: float, end: float, step: float) -> tuple[int, float]:
    """Return the number of steps over the span and the size of the final one, which lands on the end.

    Every other step has the full size; a final one that differs from it by rounding alone has too. Steps without
    number are 2**53, which no solve takes.
    """
    length = end - start
    steps = max(1, math.ceil(min(length / step, _MOST) * (1 - 1e-12) - _WHOLE))
    last = length - (steps - 1) * step
    return steps, step if abs(last - step) <= _WHOLE * step else last
