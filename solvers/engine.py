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

from ctsigprop.core.compilation import compiled
from ctsigprop.solvers.records import BLOCK, Control, Outcome, Scheme, Vector, Work, drive_signature
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
BISECTIONS = 52  # halvings of a step in which an event lies

# Close to a steady state the error estimate lets the steps grow to the edge of stability, 3.3 over the fastest rate,
# where the state trembles by several step errors and never rests. Where a steady state is asked for, the steps stay
# below DAMPING over that rate, estimated as by Hairer & Wanner II, IV.2; the estimate fades by FORGETTING a step.
DAMPING = 1.5
FORGETTING = 0.9

REORDER = {"contract", "reassoc"}
# No kernel allocates, so none counts references: that halves what there is to compile.
KERNEL: dict[str, Any] = {"error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}


@compiled(fastmath=REORDER, **KERNEL)
def combine(y: Vector, h: float, weights: Vector, slopes: Vector, bounds: Vector, out: Vector) -> None:
    """Write clip(y + h sum_j weights_j slopes_j) to out, in blocks that stay in the first-level cache.

    Bounds are those below and then those above: one of each for all components, or one for each component.
    """
    lower, upper = bounds[0], bounds[bounds.size // 2]
    bounded = bounds.size == 2 and (lower > -np.inf or upper < np.inf)
    for start in range(0, y.size, BLOCK):
        base, block = y[start : start + BLOCK], out[start : start + BLOCK]
        weight, slope = y.dtype.type(h * weights[0]), slopes[0, start : start + BLOCK]
        for i in range(block.size):
            block[i] = base[i] + weight * slope[i]
        for j in range(1, weights.size):
            weight = y.dtype.type(h * weights[j])
            if weight != 0:
                slope = slopes[j, start : start + BLOCK]
                for i in range(block.size):
                    block[i] += weight * slope[i]
        if bounded:
            for i in range(block.size):
                value = block[i]
                value = lower if value < lower else value
                block[i] = upper if value > upper else value
    if bounds.size > 2:
        own_lower, own_upper = bounds[: y.size], bounds[y.size :]
        for i in range(y.size):
            value = max(out[i], own_lower[i])
            out[i] = min(value, own_upper[i])


@compiled(**KERNEL)
def leak_gain(h: float, leak: Vector, gain: Vector) -> None:
    """Write h phi_1(-h leak), the reach of a slope over a step of exponential Euler, to gain."""
    for i in range(leak.size):
        z = -h * leak[i]
        gain[i] = h * math.expm1(z) / z if z != 0 else h


@compiled(**KERNEL)
def relax(y: Vector, gain: Vector, slope: Vector, bounds: Vector, out: Vector) -> None:
    """Write clip(y + gain slope) to out: a step of exponential Euler."""
    half = bounds.size // 2
    stride = half > 1
    for i in range(y.size):
        lower, upper = bounds[i * stride], bounds[half + i * stride]
        value = y[i] + gain[i] * slope[i]
        value = lower if value < lower else value
        out[i] = upper if value > upper else value


@compiled(**KERNEL)
def copy(source: Vector, target: Vector) -> None:
    """Write source to target: an assignment of slices takes ten times as long to compile."""
    for i in range(source.size):
        target[i] = source[i]


@compiled(fastmath=REORDER, **KERNEL)
def error_norm(
    y: Vector,
    new: Vector,
    h: float,
    weights: Vector,
    slopes: Vector,
    bounds: Vector,
    rtol: float,
    atol: float,
    errors: Vector,
) -> float:
    """Return the root mean square of h sum_j weights_j slopes_j over atol + rtol max(|y|, |new|).

    The sum is the error estimate of `new`, cut where the companion solution would leave the bounds; `errors` holds a
    block of it.
    """
    relative, absolute = y.dtype.type(rtol), y.dtype.type(atol)
    half = bounds.size // 2
    lower, upper = bounds[0], bounds[half]
    total = 0.0
    for start in range(0, y.size, BLOCK):
        before, after = y[start : start + BLOCK], new[start : start + BLOCK]
        error = errors[: before.size]
        weight, slope = y.dtype.type(h * weights[0]), slopes[0, start : start + BLOCK]
        for i in range(error.size):
            error[i] = weight * slope[i]
        for j in range(1, weights.size):
            weight = y.dtype.type(h * weights[j])
            if weight != 0:
                slope = slopes[j, start : start + BLOCK]
                for i in range(error.size):
                    error[i] += weight * slope[i]
        if half > 1:
            own_lower, own_upper = bounds[start : start + BLOCK], bounds[half + start : half + start + BLOCK]
            for i in range(error.size):
                cut = max(error[i], after[i] - own_upper[i])
                error[i] = min(cut, after[i] - own_lower[i])
            lower, upper = -y.dtype.type(np.inf), y.dtype.type(np.inf)
        block_total = y.dtype.type(0)
        for i in range(error.size):
            cut = error[i]
            cut = after[i] - upper if cut < after[i] - upper else cut
            cut = after[i] - lower if cut > after[i] - lower else cut
            ratio = cut / (absolute + relative * max(abs(before[i]), abs(after[i])))
            block_total += ratio * ratio
        total += block_total
    return math.sqrt(total / y.size)


@compiled(fastmath=REORDER, **KERNEL)
def is_finite(x: Vector) -> bool:
    """Return whether no component is infinite or NaN: x - x is then 0, and NaN otherwise."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] - x[i]
    return total == 0


@compiled(fastmath=REORDER | {"nnan", "nsz"}, **KERNEL)
def residual_norm(y: Vector, slope: Vector, bounds: Vector) -> float:
    """Return max|slope| / max(1, max|y|) of finite vectors; a slope into the bound that y is at counts as 0."""
    half = bounds.size // 2
    lower, upper = bounds[0], bounds[half]
    zero = y.dtype.type(0)
    largest, scale = zero, y.dtype.type(1)
    if half > 1:
        own_lower, own_upper = bounds[:half], bounds[half:]
        for i in range(y.size):
            falling = -slope[i] if y[i] > own_lower[i] else zero
            rising = slope[i] if y[i] < own_upper[i] else zero
            largest = max(largest, max(falling, rising))
            scale = max(scale, abs(y[i]))
        return largest / scale
    for i in range(y.size):
        falling = -slope[i] if y[i] > lower else zero
        rising = slope[i] if y[i] < upper else zero
        largest = max(largest, max(falling, rising))
        scale = max(scale, abs(y[i]))
    return largest / scale


@compiled(fastmath=REORDER, **KERNEL)
def fastest_rate(y: Vector, other: Vector, slope: Vector, other_slope: Vector, bounds: Vector) -> float:
    """Return |slope - other slope| / |y - other|, the rate at which two close states part, inside the bounds."""
    half = bounds.size // 2
    stride = half > 1
    apart, parting = 0.0, 0.0
    for i in range(y.size):
        if bounds[i * stride] < y[i] < bounds[half + i * stride]:
            distance, speed = float(y[i] - other[i]), float(slope[i] - other_slope[i])
            apart += distance * distance
            parting += speed * speed
    return math.sqrt(parting / apart) if apart > 0 else 0.0


@compiled(**KERNEL)
def first_trial(size: float, speed: float, longest: float) -> float:
    """Return the size of the explicit Euler step that probes how fast the slope changes.

    Hairer, Norsett & Wanner II.4, with 1e-4 of the longest step in place of their absolute 1e-6 where the state or
    its slope, measured in tolerances, is next to nothing.
    """
    return min(0.01 * size / speed if size > 1e-5 and speed > 1e-5 else 1e-4 * longest, longest)


@compiled(**KERNEL)
def first_step(trial: float, speed: float, bend: float, exponent: float) -> float:
    """Return the step whose error, judged by the slope and its change over the trial, is 1 % of the tolerance.

    Hairer, Norsett & Wanner II.4, in units of the time in which the slope changes: theirs depends on the unit.
    """
    if not 0 < bend < np.inf:
        return 100 * trial if bend == 0 else trial
    unit = max(speed / bend, trial)
    return min(100 * trial, unit * (0.01 / (unit * max(speed, bend * trial))) ** exponent)


@compiled(**KERNEL)
def dense_weights(x: float, dense: Vector, weights: Vector) -> None:
    """Write the weights of the slopes at the fraction x of a step."""
    for j in range(weights.size):
        weights[j] = x * (dense[j, 0] + x * (dense[j, 1] + x * (dense[j, 2] + x * dense[j, 3])))


@compiled(**KERNEL)
def interpolate(
    y: Vector,
    h: float,
    x: float,
    leak: Vector,
    gain: Vector,
    dense: Vector,
    weights: Vector,
    slopes: Vector,
    bounds: Vector,
    out: Vector,
) -> None:
    """Write the state at the fraction x of a step of size h from y to out; `gain` and `weights` are overwritten."""
    if leak.size > 0:
        leak_gain(x * h, leak, gain)
        relax(y, gain, slopes[0], bounds, out)
    else:
        dense_weights(x, dense, weights)
        combine(y, h, weights, slopes, bounds, out)


@compiled(**KERNEL)
def negate(x: Vector) -> None:
    """Turn the sign of every component in place: a slope as it is seen by a time that runs backwards."""
    for i in range(x.size):
        x[i] = -x[i]


@compiled(**KERNEL)
def crosses(before: float, after: float, direction: float) -> bool:
    """Return whether a value has gone through zero in the direction asked for: 1 rising, -1 falling, 0 either."""
    return (before < 0 <= after and direction >= 0) or (before > 0 >= after and direction <= 0)


def drive(
    field: Callable[..., None],
    watch: Callable[..., None],
    parameters: Vector,
    layout: Vector,
    y: Vector,
    work: Work,
    scheme: Scheme,
    control: Control,
    bounds: Vector,
    times: Vector,
    states: Vector,
    directions: Vector,
) -> Outcome:
    """Integrate from y and fill `states` at the asked `times` on the way, up to the first event that `watch` sees.

    Time runs forwards from control.start to control.end; where control.sign is -1, the field sees it with that sign,
    and its slopes are turned. At an event, `work.before` and `work.values` are what `watch` wrote before and at it. The
    states reached and tried take turns in y and `work.new`: after an odd number of steps
    the last is in the latter. Row 0 of the slopes is the field at the state reached, the last row the field at the
    state tried.
    """
    slopes, weights, stage, new = work.slopes, work.weights, work.stage, work.new
    leak, gain, dense = scheme.leak, work.dense_gain, scheme.dense
    last = scheme.c.size - 1
    here, there = slopes[0], slopes[last]
    gain_step = 0.0
    leaky = leak.size > 0
    adaptive = control.steps == 0
    settling = control.residual_tolerance >= 0
    smallest = RESOLUTION * max(abs(control.start), abs(control.end))
    time, h, sign = control.start, control.step, control.sign
    evaluations, accepted, rejected, reached = 1, 0, 0, 0
    error, error_before, growth, fastest = 0.0, SMALLEST_ERROR, GROW, 0.0

    event, earliest, watched = -1, 1.0, directions.size > 0
    before, values, trial_values = work.before, work.values, work.trial_values
    field(sign * time, y, here, parameters, layout)
    if sign < 0:
        negate(here)
    if watched:
        watch(sign * time, y, before, parameters, layout)
    sound = is_finite(here) and is_finite(before)
    status = STEP_CAP if sound else NOT_FINITE
    if adaptive and sound:
        copy(y, there)
        weights[0], weights[last] = 0.0, 1.0
        size = error_norm(y, y, 1.0, weights, slopes, bounds, control.rtol, control.atol, work.errors)
        weights[0], weights[last] = 1.0, 0.0
        speed = error_norm(y, y, 1.0, weights, slopes, bounds, control.rtol, control.atol, work.errors)
        trial = first_trial(size, speed, min(control.end - control.start, control.step))
        combine(y, trial, weights, slopes, bounds, new)
        field(sign * (time + trial), new, there, parameters, layout)
        if sign < 0:
            negate(there)
        evaluations += 1
        weights[0], weights[last] = -1.0, 1.0
        bend = error_norm(y, y, 1.0 / trial, weights, slopes, bounds, control.rtol, control.atol, work.errors)
        h = first_step(trial, speed, bend, scheme.exponent)
    while reached < times.size and times[reached] <= time:
        copy(y, states[reached])
        reached += 1

    while sound:
        if settling and residual_norm(y, here, bounds) <= control.residual_tolerance:
            status = SUCCESS
            break
        if time >= control.end:
            status = NOT_CONVERGED if settling else SUCCESS
            break
        if accepted + rejected >= control.max_steps:
            break

        if adaptive:
            h = max(min(h, control.step), smallest)
            final = time + min(1.01 * h, control.step) >= control.end
            h = control.end - time if final else h
            after = control.end if final else time + h
        else:
            final = accepted + 1 == control.steps
            h = control.last if final else control.step
            after = control.end if final else control.start + (accepted + 1) * control.step

        for s in range(1, last + 1):
            state = new if s == last else stage
            if leaky:
                if h != gain_step:
                    leak_gain(h, leak, work.gain)
                    gain_step = h
                relax(y, work.gain, here, bounds, state)
            else:
                combine(y, h, scheme.a[s], slopes, bounds, state)
            field(sign * (after if s == last else time + scheme.c[s] * h), state, slopes[s], parameters, layout)
            if sign < 0:
                negate(slopes[s])
        evaluations += last

        finite = is_finite(new) and is_finite(there)
        if adaptive:
            error = error_norm(y, new, h, scheme.error, slopes, bounds, control.rtol, control.atol, work.errors)
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

        if watched:
            watch(sign * after, new, values, parameters, layout)
            if not is_finite(values):
                status = NOT_FINITE
                break
            for k in range(directions.size):
                if crosses(before[k], values[k], directions[k]):
                    low, high = 0.0, 1.0
                    for _ in range(BISECTIONS):
                        middle = 0.5 * (low + high)
                        interpolate(y, h, middle, leak, gain, dense, weights, slopes, bounds, stage)
                        watch(sign * (time + middle * h), stage, trial_values, parameters, layout)
                        if crosses(before[k], trial_values[k], directions[k]):
                            high = middle
                        else:
                            low = middle
                    if event < 0 or high < earliest:
                        event, earliest = k, high
            if event < 0:
                copy(values, before)
        end_of_step = after
        if event >= 0 and earliest < 1:
            after = time + earliest * h
            interpolate(y, h, earliest, leak, gain, dense, weights, slopes, bounds, stage)
            watch(sign * after, stage, values, parameters, layout)
        while reached < times.size and times[reached] <= after:
            asked = states[reached]
            if times[reached] == end_of_step:
                copy(new, asked)
            else:
                x = (times[reached] - time) / h
                interpolate(y, h, x, leak, gain, dense, weights, slopes, bounds, asked)
            reached += 1
        if event >= 0 and earliest < 1:
            copy(stage, new)
            field(sign * after, new, there, parameters, layout)
            if sign < 0:
                negate(there)
            evaluations += 1
        y, new = new, y
        copy(there, here)
        time = after
        accepted += 1
        if event >= 0:
            status = SUCCESS
            break
        if adaptive:
            error = max(error, SMALLEST_ERROR)
            factor = SAFETY * error ** (0.75 * MEMORY - scheme.exponent) * error_before**MEMORY
            h *= min(max(factor, SHRINK), growth)
            error_before, growth = error, GROW
            if settling:
                rate = fastest_rate(y, stage, there, slopes[last - 1], bounds)
                fastest = max(rate, FORGETTING * fastest)
                h = min(h, DAMPING / fastest) if fastest > 0 else h

    residual = residual_norm(y, here, bounds) if is_finite(here) else np.nan
    return Outcome(status, time, residual, evaluations, accepted, rejected, reached, event)


@cache
def compiled_drive(dtype: np.dtype[Any]) -> Callable[..., Outcome]:
    """Return `drive` compiled for jitted fields on states of this dtype, out of the cache if it can be."""
    return compiled(drive_signature(dtype), nogil=True, **KERNEL)(drive)
