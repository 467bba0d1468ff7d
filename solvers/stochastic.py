"""`integrate_stochastic`: dy = field(t, y) dt + noise dW in fixed steps, W independent Brownian motions.

The noise is additive, so Ito's and Stratonovich's readings agree, and a Runge-Kutta method that takes the increment of
W into its stages is of strong order 1 (Kloeden & Platen 1992, ch. 10): Euler's is Euler-Maruyama, Heun's the
stochastic Heun method, whose drift is of second order where the noise is small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.solvers import arguments
from ctsigprop.solvers.euler import EULER
from ctsigprop.solvers.heun import HEUN
from ctsigprop.solvers.result import Status

Vector = NDArray[Any]

STOCHASTIC_METHODS = {"euler_maruyama": EULER, "stochastic_heun": HEUN}


@dataclass(frozen=True, eq=False, kw_only=True)
class StochasticResult:
    """One path of a stochastic differential equation.

    Attributes:
        y: final state, (n,).
        mean: mean of the states at the ends of the steps from `average_from` on, (n,).
        status: SUCCESS, or NOT_FINITE.
        evaluations: of the field.
        time: reached.
        times: the asked times, (k,).
        states: at the first end of a step that is no earlier than each of them, (k, n).
    """

    y: Vector
    mean: Vector
    status: Status
    evaluations: int
    time: float
    times: Vector
    states: Vector

    def __repr__(self) -> str:
        return f"StochasticResult({self.status.name}, t = {self.time:g}, {self.y.size} components)"


def integrate_stochastic(
    field: Callable[..., None],
    y0: ArrayLike,
    t_span: tuple[float, float],
    *,
    noise: ArrayLike,
    step: float,
    seed: int = 0,
    method: str = "stochastic_heun",
    parameters: ArrayLike | None = None,
    layout: ArrayLike | None = None,
    times: ArrayLike | None = None,
    average_from: float | None = None,
    lower: ArrayLike = -inf,
    upper: ArrayLike = inf,
    substeps: int = 1,
    after_step: Callable[[float, Vector], None] | None = None,
) -> StochasticResult:
    """Integrate one path in steps of one size.

    Its random numbers are a function of seed, step and component alone (Philox): a path is the same to the bit
    whatever the threads. A step of size h with 2 k substeps sees the same path as two of size h / 2 with k.

    Args:
        field: as for `integrate`.
        y0: initial state, (n,), float32 or float64; the whole solve keeps its dtype.
        t_span: start and end.
        noise: standard deviation of the white noise, that of W's increments over a unit of time: one number at least
            0, or one a component, (n,).
        step: size of every step but the last, which is shortened to land on the end.
        seed: of the path, from 0 to 2^64 - 1.
        method: euler_maruyama or stochastic_heun.
        parameters: as for `integrate`.
        layout: as for `integrate`.
        times: ascending, inside the span, at which to return the state, (k,).
        average_from: time from which states are averaged; the end alone by default.
        lower: bound onto which every stage and state is projected from below, one or one a component.
        upper: the same from above.
        substeps: increments of W of which a step takes the sum.
        after_step: called with the time and the state, which it may change in place, at the end of each step.

    Raises:
        ValueError: an argument that cannot be meant.
    """
    if method not in STOCHASTIC_METHODS:
        raise ValueError(f"method: {method!r} given, one of {', '.join(STOCHASTIC_METHODS)} is needed")
    tableau = STOCHASTIC_METHODS[method]
    y = arguments.state(y0)
    edges = arguments.bounds(lower, upper, y)
    low, high = edges[: edges.size // 2], edges[edges.size // 2 :]
    constants = arguments.vector("parameters", parameters, y.dtype)
    offsets = arguments.vector("layout", layout, np.dtype(np.int64))
    start, end = arguments.span(t_span)
    if end < start:
        raise ValueError(f"t_span: {t_span!r} given, a start before the end is needed: a path has no way back")
    steps, last = arguments.whole_steps(start, end, size := arguments.positive("step", step))
    arguments.count("substeps", substeps)
    scale, key = _scale(noise, y), _key(seed)
    asked = arguments.asked_times(times, start, end)
    averaged = end if average_from is None else arguments.real("average_from", average_from)

    from ctsigprop.solvers.philox import add_normal

    slopes = np.empty((len(tableau.b), y.size), y.dtype)
    states, total, summed, reached = np.empty((asked.size, y.size), y.dtype), np.zeros(y.size), 0, 0
    status, t = Status.SUCCESS, start
    while reached < asked.size and asked[reached] <= start:
        states[reached] = y
        reached += 1
    for number in range(steps):
        h = last if number == steps - 1 else size
        moved = np.zeros_like(y)
        if scale.any():
            for sub in range(substeps):
                add_normal(key, np.uint64(number * substeps + sub), scale * sqrt(h / substeps), moved)
        for stage, (weights, c) in enumerate(zip(tableau.a, tableau.c, strict=True)):
            drift = y.dtype.type(h) * (weights[:stage].astype(y.dtype) @ slopes[:stage]) if stage else 0
            here = (y + drift + y.dtype.type(c) * moved).clip(low, high) if stage else y
            field(t + c * h, here, slopes[stage], constants, offsets)
        y = (y + y.dtype.type(h) * (tableau.b.astype(y.dtype) @ slopes) + moved).clip(low, high)
        t = end if number == steps - 1 else start + (number + 1) * size
        if not np.isfinite(y).all():
            status = Status.NOT_FINITE
            break
        if after_step is not None:
            after_step(t, y)
        if t >= averaged - h / 2:
            total, summed = total + y, summed + 1
        while reached < asked.size and asked[reached] <= t:
            states[reached] = y
            reached += 1
    return StochasticResult(
        y=y,
        mean=(total / summed).astype(y.dtype) if summed else y.copy(),
        status=status,
        evaluations=len(tableau.b) * (number + 1),
        time=t,
        times=asked[:reached],
        states=states[:reached],
    )


def _scale(noise: ArrayLike, y: Vector) -> Vector:
    scale = np.atleast_1d(np.asarray(noise, np.float64))
    if scale.shape not in ((1,), (y.size,)) or not (np.isfinite(scale) & (scale >= 0)).all():
        raise ValueError(
            f"noise: shape {np.shape(noise)} given, one finite number of at least 0 or {y.size} are needed"
        )
    return scale


def _key(seed: int) -> np.uint64:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
        raise ValueError(f"seed: {seed!r} given, a whole number from 0 to 2**64 - 1 is needed")
    return np.uint64(seed)
