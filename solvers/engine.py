"""The integration loop, one source for compiled and for plain Python fields.

`drive` runs as it stands for a plain Python field: its inner loops are compiled kernels. For a jitted field
`compiled_drive` gives it compiled too, with an explicit signature that takes the field as a function pointer:
the machine code is then the same for every field, and every later process reads it from Numba's cache. All
compiled code that calls each other stays in this one file, because the cache does not look beyond a file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from ctsigprop.solvers.records import Control, Outcome, Scheme, Vector, drive_signature
from ctsigprop.solvers.result import Status

SUCCESS = Status.SUCCESS.value
STEP_CAP = Status.STEP_CAP.value
NOT_FINITE = Status.NOT_FINITE.value
STEP_UNDERFLOW = Status.STEP_UNDERFLOW.value
NOT_CONVERGED = Status.NOT_CONVERGED.value

# Step control of Hairer, Norsett & Wanner II.4 and (the memory of the last error) Hairer & Wanner II, IV.2.
SAFETY = 0.9
SHRINK, GROW = 0.2, 10.0
MEMORY = 0.04
SMALLEST_ERROR = 1e-4
RESOLUTION = 16 * 2.0**-52

BLOCK = 1024
REORDER = {"contract", "reassoc"}


@njit(cache=True, fastmath=REORDER, error_model="numpy")
def combine(y: Vector, h: float, weights: Vector, slopes: Vector, bounds: Vector, out: Vector) -> None:
    """Write clip(y + h sum_j weights_j slopes_j) to out, in blocks that stay in the first-level cache."""
    scaled = (h * weights).astype(y.dtype)
    lower, upper = bounds[0], bounds[1]
    bounded = lower > -np.inf or upper < np.inf
    for start in range(0, y.size, BLOCK):
        base, block = y[start : start + BLOCK], out[start : start + BLOCK]
        weight, slope = scaled[0], slopes[0, start : start + BLOCK]
        for i in range(block.size):
            block[i] = base[i] + weight * slope[i]
        for j in range(1, scaled.size):
            weight = scaled[j]
            if weight != 0:
                slope = slopes[j, start : start + BLOCK]
                for i in range(block.size):
                    block[i] += weight * slope[i]
        if bounded:
            for i in range(block.size):
                value = block[i]
                value = lower if value < lower else value
                block[i] = upper if value > upper else value


@njit(cache=True, error_model="numpy")
def leak_gain(h: float, leak: Vector, gain: Vector) -> None:
    """Write h phi_1(-h leak), the reach of a slope over a step of exponential Euler, to gain."""
    for i in range(leak.size):
        z = -h * leak[i]
        gain[i] = h * math.expm1(z) / z if z != 0 else h


@njit(cache=True, error_model="numpy")
def relax(y: Vector, gain: Vector, slope: Vector, bounds: Vector, out: Vector) -> None:
    """Write clip(y + gain slope) to out: a step of exponential Euler."""
    lower, upper = bounds[0], bounds[1]
    for i in range(y.size):
        value = y[i] + gain[i] * slope[i]
        value = lower if value < lower else value
        out[i] = upper if value > upper else value


@njit(cache=True, fastmath=REORDER, error_model="numpy")
def error_norm(
    y: Vector,
    new: Vector,
    h: float,
    weights: Vector,
    slopes: Vector,
    bounds: Vector,
    rtol: float,
    atol: float,
) -> float:
    """Return the root mean square of h sum_j weights_j slopes_j over atol + rtol max(|y|, |new|).

    The sum is the error estimate of `new`, cut where the companion solution would leave the bounds.
    """
    scaled = (h * weights).astype(y.dtype)
    tolerances = np.array([rtol, atol]).astype(y.dtype)
    relative, absolute = tolerances[0], tolerances[1]
    lower, upper = bounds[0], bounds[1]
    errors = np.empty(min(BLOCK, y.size), y.dtype)
    total = 0.0
    for start in range(0, y.size, BLOCK):
        before, after = y[start : start + BLOCK], new[start : start + BLOCK]
        error = errors[: before.size]
        error[:] = 0
        for j in range(scaled.size):
            weight = scaled[j]
            if weight != 0:
                slope = slopes[j, start : start + BLOCK]
                for i in range(error.size):
                    error[i] += weight * slope[i]
        block_total = y.dtype.type(0)
        for i in range(error.size):
            cut = error[i]
            cut = after[i] - upper if cut < after[i] - upper else cut
            cut = after[i] - lower if cut > after[i] - lower else cut
            ratio = cut / (absolute + relative * max(abs(before[i]), abs(after[i])))
            block_total += ratio * ratio
        total += block_total
    return math.sqrt(total / y.size)


@njit(cache=True, fastmath=REORDER, error_model="numpy")
def is_finite(x: Vector) -> bool:
    """Return whether no component is infinite or NaN: x - x is then 0, and NaN otherwise."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] - x[i]
    return total == 0


@njit(cache=True, fastmath=REORDER | {"nnan", "nsz"}, error_model="numpy")
def residual_norm(y: Vector, slope: Vector, bounds: Vector) -> float:
    """Return max|slope| / max(1, max|y|) of finite vectors; a slope into the bound that y is at counts as 0."""
    lower, upper = bounds[0], bounds[1]
    zero = y.dtype.type(0)
    largest, scale = zero, y.dtype.type(1)
    for i in range(y.size):
        falling = -slope[i] if y[i] > lower else zero
        rising = slope[i] if y[i] < upper else zero
        largest = max(largest, max(falling, rising))
        scale = max(scale, abs(y[i]))
    return largest / scale


@njit(cache=True)
def first_trial(y: Vector, slopes: Vector, bounds: Vector, control: Control) -> float:
    """Return the size of the explicit Euler step that probes how fast the slope changes.

    Hairer, Norsett & Wanner II.4, with 1e-4 of the span in place of their absolute 1e-6 where the state or
    its slope is next to nothing.
    """
    unbounded = np.array([-np.inf, np.inf]).astype(y.dtype)
    one = np.ones(1)
    size = error_norm(y, y, 1.0, one, y.reshape(1, y.size), unbounded, control.rtol, control.atol)
    speed = error_norm(y, y, 1.0, one, slopes, bounds, control.rtol, control.atol)
    span = control.end - control.start
    return min(0.01 * size / speed if size > 1e-5 and speed > 1e-5 else 1e-4 * span, span)


@njit(cache=True)
def first_step(y: Vector, trial: float, slopes: Vector, bounds: Vector, control: Control, exponent: float) -> float:
    """Return the step whose error, judged by the slope and its change over the trial, is 1 % of the tolerance.

    Hairer, Norsett & Wanner II.4, in units of the time in which the slope changes: theirs depends on the unit.
    """
    speed = error_norm(y, y, 1.0, np.ones(1), slopes, bounds, control.rtol, control.atol)
    bend = error_norm(y, y, 1.0 / trial, np.array([-1.0, 1.0]), slopes, bounds, control.rtol, control.atol)
    if not 0 < bend < np.inf:
        return 100 * trial if bend == 0 else trial
    unit = max(speed / bend, trial)
    return min(100 * trial, unit * (0.01 / (unit * max(speed, bend * trial))) ** exponent)


@njit(cache=True)
def fill(
    y: Vector,
    new: Vector,
    time: float,
    h: float,
    after: float,
    slopes: Vector,
    scheme: Scheme,
    bounds: Vector,
    times: Vector,
    states: Vector,
    reached: int,
) -> int:
    """Write the states at the asked times from number `reached` on up to `after`; return how many are done."""
    dense, gain = scheme.dense, np.empty(scheme.leak.size)
    while reached < times.size and times[reached] <= after:
        if times[reached] == after:
            states[reached] = new
        elif scheme.leak.size == 0:
            x = (times[reached] - time) / h
            weights = x * (dense[:, 0] + x * (dense[:, 1] + x * (dense[:, 2] + x * dense[:, 3])))
            combine(y, h, weights, slopes, bounds, states[reached])
        else:
            leak_gain(times[reached] - time, scheme.leak, gain)
            relax(y, gain, slopes[0], bounds, states[reached])
        reached += 1
    return reached


def drive(
    field: Callable[..., None],
    parameters: Vector,
    layout: Vector,
    y: Vector,
    scheme: Scheme,
    control: Control,
    bounds: Vector,
    times: Vector,
    states: Vector,
) -> tuple[Vector, Outcome]:
    """Integrate from y, which is overwritten, and fill `states` at the asked `times` on the way.

    Row 0 of `slopes` is the field at the state reached, the last row the field at the state tried.
    """
    stages = scheme.b.size
    slopes = np.full((stages + 1, y.size), np.nan, y.dtype)
    stage, new = np.empty_like(y), np.empty_like(y)
    gain, gain_step = np.empty(scheme.leak.size), 0.0
    adaptive = control.steps == 0
    smallest = RESOLUTION * max(abs(control.start), abs(control.end))
    time, h = control.start, control.step
    evaluations, accepted, rejected = 1, 0, 0
    error, error_before, growth = 0.0, SMALLEST_ERROR, GROW

    field(time, y, slopes[0], parameters, layout)
    sound = is_finite(slopes[0])
    status = STEP_CAP if sound else NOT_FINITE
    if adaptive and sound:
        trial = first_trial(y, slopes, bounds, control)
        combine(y, trial, np.ones(1), slopes, bounds, new)
        field(time + trial, new, slopes[1], parameters, layout)
        evaluations += 1
        h = max(first_step(y, trial, slopes, bounds, control, scheme.exponent), smallest)
    reached = fill(y, y, time, h, time, slopes, scheme, bounds, times, states, 0)

    while sound:
        if control.residual_tolerance >= 0 and residual_norm(y, slopes[0], bounds) <= control.residual_tolerance:
            status = SUCCESS
            break
        if time >= control.end:
            status = SUCCESS if control.residual_tolerance < 0 else NOT_CONVERGED
            break
        if accepted + rejected >= control.max_steps:
            break

        if adaptive:
            final = time + 1.01 * h >= control.end
            h = control.end - time if final else h
            after = control.end if final else time + h
        else:
            final = accepted + 1 == control.steps
            h = control.last if final else control.step
            after = control.end if final else control.start + (accepted + 1) * control.step

        for s in range(1, stages):
            combine(y, h, scheme.a[s], slopes, bounds, stage)
            field(time + scheme.c[s] * h, stage, slopes[s], parameters, layout)
        if scheme.leak.size == 0:
            combine(y, h, scheme.b, slopes, bounds, new)
        else:
            if h != gain_step:
                leak_gain(h, scheme.leak, gain)
                gain_step = h
            relax(y, gain, slopes[0], bounds, new)
        field(after, new, slopes[stages], parameters, layout)
        evaluations += stages

        finite = is_finite(new) and is_finite(slopes[stages])
        if adaptive:
            error = error_norm(y, new, h, scheme.error, slopes, bounds, control.rtol, control.atol)
            finite = finite and math.isfinite(error)
            if not finite or error > 1:
                rejected += 1
                growth = 1.0
                h *= max(SHRINK, SAFETY * error**-scheme.exponent) if finite else SHRINK
                if h < smallest:
                    status = STEP_UNDERFLOW if finite else NOT_FINITE
                    break
                continue
        elif not finite:
            status = NOT_FINITE
            break

        if reached < times.size and times[reached] <= after:
            reached = fill(y, new, time, h, after, slopes, scheme, bounds, times, states, reached)
        y, new = new, y
        slopes[0] = slopes[stages]
        time = after
        accepted += 1
        if adaptive:
            error = max(error, SMALLEST_ERROR)
            factor = SAFETY * error ** (0.75 * MEMORY - scheme.exponent) * error_before**MEMORY
            h *= min(max(factor, SHRINK), growth)
            error_before, growth = error, GROW

    residual = residual_norm(y, slopes[0], bounds) if is_finite(slopes[0]) else np.nan
    return y, Outcome(status, time, residual, evaluations, accepted, rejected, reached)


@cache
def compiled_drive(dtype: np.dtype[Any]) -> Callable[..., tuple[Vector, Outcome]]:
    """Return `drive` compiled for jitted fields on states of this dtype, out of Numba's cache if it can be."""
    return njit(drive_signature(dtype), cache=True, nogil=True, error_model="numpy")(drive)
