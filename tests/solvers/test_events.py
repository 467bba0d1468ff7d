"""Events and time that runs backwards, against closed forms and SciPy."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from ctsigprop.solvers import METHODS, Status, integrate


def oscillator(t, y, dydt, parameters, layout):
    dydt[0] = y[1]
    dydt[1] = -y[0]


def through_zero(t, y, values, parameters, layout):
    values[0] = y[0]


def both(t, y, values, parameters, layout):
    values[0] = y[0] - 0.5
    values[1] = y[1]


def decaying(t, y, dydt, parameters, layout):
    for i in range(y.size):
        dydt[i] = -y[i]


KINDS = pytest.mark.parametrize("make", [lambda function: function, njit], ids=["plain", "jitted"])
FIXED = [name for name, method in METHODS.items() if name not in ("dopri5", "exponential_euler")]


@KINDS
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_solve_ends_at_its_first_event(make, dtype):
    result = integrate(
        make(oscillator), np.array([1, 0], dtype), (0, 10), events=make(through_zero), rtol=1e-6, times=[1.0, 1.5, 2.0]
    )
    assert result.status is Status.SUCCESS
    tolerance = 2e-6 if dtype is np.float64 else 1e-5
    assert_allclose(result.time, np.pi / 2, rtol=tolerance)
    assert_allclose(result.event_times, [np.pi / 2], rtol=tolerance)
    assert result.events.tolist() == [0]
    assert_allclose(result.y, [0, -1], atol=tolerance)
    assert_allclose(result.event_states, [result.y])
    assert_allclose(result.states[:, 0], np.cos([1.0, 1.5]), atol=10 * tolerance)


@KINDS
def test_events_are_noted_in_order_and_by_direction(make):
    result = integrate(
        make(oscillator),
        np.array([1.0, 0.0]),
        (0, 4 * np.pi - 0.1),
        events=make(both),
        directions=(0, 1),
        stop_at_event=False,
        rtol=1e-9,
        atol=1e-12,
        check=True,
    )
    x = [np.pi / 3, 5 * np.pi / 3, 7 * np.pi / 3, 11 * np.pi / 3]  # cos t = 1/2
    v = [np.pi, 3 * np.pi]  # -sin t rises through 0
    expected = sorted([(time, 0) for time in x] + [(time, 1) for time in v])
    assert_allclose(result.event_times, [time for time, _ in expected], atol=1e-7)
    assert result.events.tolist() == [event for _, event in expected]
    assert_allclose(result.event_states[:, 0], np.cos(result.event_times), atol=1e-7)
    assert result.time == 4 * np.pi - 0.1


@pytest.mark.parametrize("method", FIXED)
def test_an_event_is_found_to_the_order_of_the_method(method):
    """A falling number is found where SciPy finds it on its own interpolant, up to the steps' error."""
    missed = []
    for step in (0.1, 0.05):
        found = integrate(
            oscillator, np.array([1.0, 0.0]), (0, 3), method=method, step=step, events=through_zero, directions=-1
        )
        missed.append(abs(found.event_times[0] - np.pi / 2))
    order = min(METHODS[method].order, 4)
    assert missed[1] < missed[0] * 2.0 ** (0.6 - order) + 1e-12


def test_events_are_those_of_scipy():
    def pendulum(t, y, dydt, parameters, layout):
        dydt[0] = y[1]
        dydt[1] = -np.sin(y[0]) - 0.1 * y[1] + 0.2 * np.cos(2.3 * t)

    how = {"rtol": 1e-10, "atol": 1e-12}
    ours = integrate(pendulum, np.array([1.0, 0.0]), (0, 30), events=through_zero, stop_at_event=False, **how)
    theirs = solve_ivp(
        lambda t, y: [y[1], -np.sin(y[0]) - 0.1 * y[1] + 0.2 * np.cos(2.3 * t)],
        (0, 30),
        [1, 0],
        events=lambda t, y: y[0],
        **how,
    )
    assert len(ours.event_times) > 5
    assert_allclose(ours.event_times, theirs.t_events[0], atol=1e-6)


@KINDS
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_events_at_once_all_happen(make, dtype):
    def halves(t, y, values, parameters, layout):
        for k in range(3):
            values[k] = y[k] - 0.5

    result = integrate(
        make(decaying),
        np.array([1.0, 1.0, 0.9], dtype),
        (0, 3),
        events=make(halves),
        directions=(0, 0, 0),
        stop_at_event=False,
    )
    assert result.events.tolist() == [2, 0, 1]
    assert_allclose(result.event_times, np.log([1.8, 2, 2]), rtol=1e-5)


@pytest.mark.parametrize("watch", [lambda t: t - 1.0, lambda t: -1.0 if t < 1 else 1.0])
def test_an_event_at_a_jump_happens_once(watch):
    def events(t, y, values, parameters, layout):
        values[0] = watch(t)

    how = {"jumps": [1.0], "events": events}
    stopped = integrate(decaying, np.ones(1), (0, 2), **how)
    assert stopped.event_times.tolist() == [1.0]
    assert stopped.time == 1.0
    noted = integrate(decaying, np.ones(1), (0, 2), stop_at_event=False, **how)
    assert noted.event_times.tolist() == [1.0]
    assert noted.time == 2.0


@KINDS
def test_a_number_that_is_none_ends_the_solve(make):
    def pole(t, y, values, parameters, layout):
        values[0] = np.nan if t > 1 else 1.0

    result = integrate(make(decaying), np.ones(1), (0, 5), events=make(pole))
    assert result.status is Status.NOT_FINITE
    assert result.time <= 1


def test_an_event_is_no_steady_state():
    how = {"method": "euler", "step": 0.5, "residual_tolerance": 1e-9}
    noted = integrate(
        decaying, np.ones(1), (0, 1), events=lambda t, y, v, p, q: v.fill(t - 1), stop_at_event=False, **how
    )
    assert noted.status is Status.NOT_CONVERGED
    assert noted.event_times.tolist() == [1.0]


def test_a_solve_that_is_reset_goes_on_behind_an_event():
    """An integrate-and-fire neuron driven by hand: from each event with its state reset."""

    def leaking(t, y, dydt, parameters, layout):
        dydt[0] = 1.5 - y[0]

    def threshold(t, y, values, parameters, layout):
        values[0] = y[0] - 1

    spikes, t, y = [], 0.0, np.zeros(1)
    while True:
        result = integrate(leaking, y, (t, 10.0), events=threshold, directions=1, rtol=1e-9, atol=1e-12)
        if not result.events.size:
            break
        spikes.append(result.time)
        t, y = result.time, np.zeros(1)
    period = np.log(3)  # 1.5 (1 - exp(-t)) = 1
    assert_allclose(spikes, period * np.arange(1, len(spikes) + 1), rtol=1e-7)
    assert len(spikes) == int(10 / period)


def test_events_at_jumps_and_asked_times_are_all_there():
    def switched(t, y, dydt, parameters, layout):
        dydt[0] = 1.0 if t < 1 else -1.0

    def half(t, y, values, parameters, layout):
        values[0] = y[0] - 0.5

    result = integrate(
        switched, np.zeros(1), (0, 2), jumps=[1.0], events=half, stop_at_event=False, times=np.linspace(0, 2, 21)
    )
    assert_allclose(result.event_times, [0.5, 1.5], atol=1e-9)
    assert_allclose(result.states[:, 0], np.minimum(result.times, 2 - result.times), atol=1e-9)


@pytest.mark.parametrize("method", list(METHODS))
@KINDS
def test_time_runs_backwards(make, method):
    """There and back again, by the field as it is; and to the closed form."""
    how = {} if method == "dopri5" else {"step": 0.001}
    if method == "exponential_euler":
        how["leak"] = 1.0
    start, field = np.array([1.0, 0.5]), make(decaying)
    asked = np.array([2.0, 1.25, 0.5])
    back = integrate(field, start * np.exp(-2.0), (2, 0), method=method, times=asked, check=True, **how)
    tolerance = {"euler": 5e-3}.get(method, 1e-5)
    assert back.time == 0
    assert_allclose(back.y, start, rtol=tolerance)
    assert_allclose(back.times, asked)
    assert_allclose(back.states, start * np.exp(-asked)[:, None], rtol=tolerance)


def test_a_field_of_time_sees_the_time_that_runs_backwards():
    def rising(t, y, dydt, parameters, layout):
        dydt[0] = 2 * t if t < 1 else 5.0

    result = integrate(rising, np.array([6.0]), (2, 0), jumps=[1.0], events=None, rtol=1e-10, check=True)
    assert_allclose(result.y, 6 - 5 - 1, atol=1e-8)
    falling = integrate(
        rising, np.array([6.0]), (2, 0), jumps=[1.0], events=lambda t, y, v, p, q: v.fill(y[0] - 3.5), directions=-1
    )
    assert_allclose(falling.time, 1.5)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"events": 3}, "events: 3 given, a function"),
        ({"events": through_zero, "directions": (2,)}, r"directions: \(2,\) given, -1, 0 or 1"),
        ({"events": through_zero, "directions": ()}, r"directions: \(\) given, -1, 0 or 1"),
        ({"directions": (1,)}, "directions: given without events"),
        ({"stop_at_event": False}, "stop_at_event: given without events"),
        ({"events": both}, "directions: 1 given, one for each number that events writes is needed"),
        ({"events": njit(both)}, "directions: 1 given, one for each number that events writes is needed"),
        (
            {"events": lambda t, y: y[0]},
            r"events: not to be called as events\(t, y, values, parameters, layout\): too many",
        ),
        ({"events": through_zero, "directions": (0, 0)}, "directions: 2 given: number 1 is nan at the start"),
        ({"events": lambda t, y, values, parameters, layout: y[0]}, "events: it returned a value; write its numbers"),
    ],
)
def test_what_cannot_be_meant_is_refused(asked, says):
    with pytest.raises(ValueError, match=says):
        integrate(oscillator, np.array([1.0, 0.0]), (0, 1), **asked)


def test_times_out_of_the_order_of_a_backward_span_are_refused():
    with pytest.raises(ValueError, match="times: not in descending order"):
        integrate(oscillator, np.array([1.0, 0.0]), (1, 0), times=[0.2, 0.8])


@KINDS
def test_events_do_not_change_the_state(make):
    def resetting(t, y, values, parameters, layout):
        values[0] = y[0] - 0.5
        y[0] = 2.0

    with pytest.raises(ValueError, match="read-only"):
        integrate(make(decaying), np.ones(1), (0, 5), events=make(resetting))
