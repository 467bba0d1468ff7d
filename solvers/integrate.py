"""`integrate`: checks what it is asked, runs the engine on it and says how that ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.solvers import arguments
from ctsigprop.solvers.events import POLES, Watch, crossed_by, read_only
from ctsigprop.solvers.methods import METHODS
from ctsigprop.solvers.pieces import pieces
from ctsigprop.solvers.result import Result, Status
from ctsigprop.solvers.tableau import Tableau

if TYPE_CHECKING:
    from ctsigprop.solvers.records import Control, Outcome, Scheme

Vector = NDArray[Any]
Field = Callable[[float, Vector, Vector, Vector, NDArray[np.int64]], None]


def integrate(
    field: Field,
    y0: ArrayLike,
    t_span: tuple[float, float],
    *,
    method: str | Tableau = "dopri5",
    parameters: ArrayLike | None = None,
    layout: ArrayLike | None = None,
    step: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    times: ArrayLike | None = None,
    jumps: ArrayLike | None = None,
    events: Field | None = None,
    directions: ArrayLike | None = None,
    stop_at_event: bool = True,
    leak: ArrayLike | None = None,
    lower: ArrayLike = -inf,
    upper: ArrayLike = inf,
    max_step: float = inf,
    max_steps: int = 100_000,
    residual_tolerance: float | None = None,
    check: bool = False,
) -> Result:
    """Integrate y' = field(t, y) from y0 over a span of time.

    The batch is one flat vector with one step size; its error is the root mean square over the components of
    the local error divided by atol + rtol |y|.

    Args:
        field: `field(t, y, dydt, parameters, layout)` writes the derivative to dydt and returns nothing. A
            function jitted by Numba runs inside a compiled loop, one in plain Python inside an interpreted one.
        y0: initial state, shape (n,), float32 or float64; the whole solve keeps its dtype.
        t_span: start and end; where the end is before the start, time runs backwards.
        method: a name in METHODS, or a Tableau of one's own.
        parameters: what the field computes with, shape (any,), of y0's dtype; empty by default.
        layout: sizes and offsets for the field, shape (any,), int64; empty by default.
        step: size of every step but the final one, which is shortened to land on the end. Left out, the method
            controls its steps, which dopri5 alone can.
        rtol: relative tolerance of a step, where the method controls its steps.
        atol: absolute tolerance of a step, where the method controls its steps.
        times: times inside the span at which to return the state, in the order in which they are passed, shape (k,).
            One outside by rounding alone is the end that it missed.
        jumps: times at which the field jumps, shape (any,): a step ends at each and the solve starts anew behind it.
            Those outside the span are of no effect.
        events: `events(t, y, values, parameters, layout)` writes a number for each event to `values`, of y0's dtype,
            which happens where the number goes through zero. Each step is looked at as a whole: an event that comes and
            goes within one is missed; see max_step. It is located on the method's interpolant. The function must leave
            y as it is: to reset a state, stop at the event and start again. Numba compiles it where it has jitted both
            functions.
        directions: of each event, one for each number, shape (events,): 1 where it rises through zero, in the order of
            passing, -1 where it falls, 0 either; by default there is one event, in either direction.
        stop_at_event: end the solve at the first event; otherwise events are noted, and the solve starts anew behind
            each.
        leak: rate of the linear leak, one or one a component, for exponential_euler alone.
        lower: bound onto which every stage and every new state is projected from below, one or one a component.
        upper: the same from above.
        max_step: the largest step, where the method controls its steps; less than the shortest event that the
            field holds, which a longer step may cross unseen.
        max_steps: the most steps to try.
        residual_tolerance: stop as soon as `Result.residual` is no larger, behind the last of the jumps: the state is
            steady. Reaching the end of the span first is then NOT_CONVERGED.
        check: raise where the solve does not succeed.

    Raises:
        ValueError: an argument that cannot be meant; one line with its name, its value and what is allowed.
        SolveError: `check` is set and the status is not SUCCESS; the error holds the result.
    """
    arguments.require_call(field, arguments.FIELD)
    if not isinstance(method, Tableau):
        if method not in METHODS:
            raise ValueError(f"method: {method!r} given, one of {', '.join(METHODS)} is needed")
        method = METHODS[method]
    y = arguments.state(y0)
    bounds = arguments.bounds(lower, upper, y)
    constants = arguments.vector("parameters", parameters, y.dtype)
    offsets = arguments.vector("layout", layout, np.dtype(np.int64))
    control = _control(method, t_span, step, rtol, atol, residual_tolerance, max_step, max_steps, y.dtype)
    sign = control.sign
    asked = sign * arguments.asked_times(times, *arguments.span(t_span))
    states = np.empty((asked.size, y.size), y.dtype)
    scheme = _scheme(method, leak, y.size, sign)
    ways = arguments.event_directions(events, directions, stop_at_event)
    parts = pieces(control.start, control.end, np.sort(sign * arguments.jump_times(jumps)))
    last = parts[-1].end

    watch = Watch(events, ways, sign, constants, offsets)
    watch.require_numbers(parts[0].start, y)
    run = _run(field, events, y.dtype)
    reached = evaluations = accepted = rejected = 0
    happened: list[tuple[int, float, Vector]] = []
    while parts:
        part = parts.pop(0)
        until = int(np.searchsorted(asked, part.edge, "right"))
        within = asked[reached:until].clip(part.start, part.end)
        here = control.over(part, control.max_steps - accepted - rejected, part.end == last)
        y, outcome, crossed = run(constants, offsets, y, scheme, here, bounds, within, states[reached:until], ways)
        reached += outcome.reached
        evaluations += outcome.evaluations
        accepted += outcome.accepted
        rejected += outcome.rejected
        status = Status(outcome.status)
        happened += [(event, sign * outcome.time, y) for event in crossed]
        if crossed and not stop_at_event:
            if outcome.time < part.end:
                parts.insert(0, part._replace(start=outcome.time))
            elif not parts and outcome.residual > control.residual_tolerance >= 0:
                status = Status.NOT_CONVERGED
        elif status is Status.SUCCESS and parts and not crossed:
            happened += [(event, sign * part.edge, y) for event in watch.across(part.end, parts[0].start, y)]
        if status is not Status.SUCCESS or (happened and stop_at_event):
            break
    result = Result(
        y=y,
        status=status,
        residual=outcome.residual,
        evaluations=evaluations,
        accepted=accepted,
        rejected=rejected,
        time=sign * (part.edge if outcome.time == part.end else outcome.time),
        times=sign * asked[:reached],
        states=states[:reached],
        events=np.array([event for event, _, _ in happened], np.int64),
        event_times=np.array([time for _, time, _ in happened], np.float64),
        event_states=np.array([state for _, _, state in happened], y.dtype).reshape(-1, y.size),
    )
    return result.check() if check else result


def _scheme(method: Tableau, leak: ArrayLike | None, n: int, sign: float) -> Scheme:
    from ctsigprop.solvers.records import Scheme

    if leak is not None and not method.exact_leak:
        raise ValueError(f"leak: given, but {method.name} does not use it (exponential_euler does)")
    rates = sign * arguments.leak_rates(leak, n) if method.exact_leak else np.empty(0)
    return Scheme(
        a=method.closed_a.copy(),
        c=np.append(method.c, 1.0),
        error=method.error.copy(),
        dense=method.dense.copy(),
        leak=rates,
        exponent=1.0 / (method.embedded_order + 1),
    )


def _control(
    method: Tableau,
    t_span: tuple[float, float],
    step: float | None,
    rtol: float,
    atol: float,
    residual_tolerance: float | None,
    max_step: float,
    max_steps: int,
    dtype: np.dtype[Any],
) -> Control:
    from ctsigprop.solvers.records import Control

    first, final = arguments.span(t_span)
    sign = 1.0 if first < final else -1.0
    start, end = sign * first, sign * final
    if step is None and not method.error.size:
        raise ValueError(f"step: missing, {method.name} needs one (dopri5 alone chooses its own)")
    if step is not None and max_step != inf:
        raise ValueError(f"max_step: {max_step!r} given beside step, which is the size of every step: leave one out")
    longest = inf if max_step == inf else arguments.positive("max_step", max_step)
    size = longest if step is None else arguments.positive("step", step)
    steps, last = (0, 0.0) if step is None else arguments.whole_steps(start, end, size)
    relative, absolute = arguments.tolerances(rtol, atol, dtype)
    steady = -1.0 if residual_tolerance is None else arguments.positive("residual_tolerance", residual_tolerance)
    most = arguments.count("max_steps", max_steps)
    return Control(start, end, steps, size, last, relative, absolute, steady, most, sign)


def _run(field: Field, events: Field | None, dtype: np.dtype[Any]) -> Callable[..., tuple[Vector, Outcome, list[int]]]:
    """Return the engine set on the field and its events: compiled for jitted functions, interpreted for plain ones.

    A jitted field that meets a pole raises ZeroDivisionError, which compiled code cannot tell from errors that are
    meant for the field's author. The solve is then done again, interpreted.
    """
    from numba.extending import is_jitted

    from ctsigprop.solvers.engine import compiled_drive, drive
    from ctsigprop.solvers.records import compile_field

    watch = events or field  # is not called where nothing is watched
    interpreted = partial(
        _attempt,
        partial(drive, _nan_at_poles(field, arguments.FIELD), _nan_at_poles(read_only(watch), arguments.EVENTS)),
    )
    if not (is_jitted(field) and is_jitted(watch)):
        return interpreted
    compile_field(field, dtype)
    compile_field(watch, dtype, arguments.FIELD if events is None else arguments.EVENTS)
    compiled = partial(_attempt, partial(compiled_drive(dtype), field, watch))

    def run(*arguments: Any) -> tuple[Vector, Outcome, list[int]]:
        with suppress(*POLES):
            return compiled(*arguments)
        return interpreted(*arguments)

    return run


def _attempt(
    engine: Callable[..., Outcome],
    parameters: Vector,
    layout: NDArray[np.int64],
    y0: Vector,
    scheme: Scheme,
    control: Control,
    bounds: Vector,
    times: Vector,
    states: Vector,
    directions: Vector,
) -> tuple[Vector, Outcome, list[int]]:
    from ctsigprop.solvers.records import Work

    y, work = y0.copy(), Work.of(y0, scheme, directions.size)
    outcome = engine(parameters, layout, y, work, scheme, control, bounds, times, states, directions)
    crossed = crossed_by(work.before, work.values, directions) if outcome.event >= 0 else []
    return (work.new if outcome.accepted % 2 else y), outcome, crossed


def _nan_at_poles(field: Field, role: arguments.Role) -> Field:
    """Return the field with NaN where it divides by zero or overflows, and an error where it returns a value."""

    def guarded(t: float, y: Vector, dydt: Vector, parameters: Vector, layout: NDArray[np.int64]) -> None:
        try:
            returned = field(t, y, dydt, parameters, layout)  # type: ignore[func-returns-value]
        except POLES:
            dydt.fill(np.nan)
            return
        if returned is not None:
            raise ValueError(f"{role.name}: it returned a value; {role.duty}")

    return guarded
