"""Fields that jump: no step crosses a jump, and a largest step sees what is short."""

import numpy as np
import pytest
from numba import njit

from ctsigprop.solvers import METHODS, Status, integrate
from ctsigprop.solvers.pieces import pieces


@njit
def pulse(t, y, dydt, parameters, layout):
    """A drive of parameters[2] between parameters[0] and parameters[1]."""
    dydt[:] = parameters[2] if parameters[0] < t < parameters[1] else 0.0


@njit
def switching(t, y, dydt, parameters, layout):
    """y' = -y before t = 1 and y' = y from there on."""
    dydt[:] = y if t >= 1.0 else -y


BOTH = pytest.mark.parametrize("jitted", [True, False], ids=["jitted", "plain"])


def given(method, step=0.07):
    options = {} if METHODS[method].error.size else {"step": step}
    return {"method": method, **options, **({"leak": 0.0} if METHODS[method].exact_leak else {})}


@BOTH
@pytest.mark.parametrize("method", METHODS)
def test_a_narrow_pulse_is_integrated_exactly(jitted, method):
    result = integrate(
        pulse if jitted else pulse.py_func,
        np.zeros(2),
        (0.0, 1000.0),
        parameters=[500.0, 500.001, 1000.0],
        jumps=[500.001, 500.0, 500.0],
        times=[500.0, 500.001, 1000.0],
        **given(method, step=100.0),
    )
    assert (result.status, result.time) == (Status.SUCCESS, 1000.0)
    np.testing.assert_allclose(result.states, [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]], atol=1e-9)
    assert result.accepted < 40


def test_a_largest_step_sees_a_short_pulse():
    span, parameters = (0.0, 1000.0), [500.0, 501.0, 1.0]
    result = integrate(pulse, np.zeros(1), span, parameters=parameters, max_step=0.5, times=np.arange(1001.0))
    np.testing.assert_allclose(result.y, 1.0, atol=1e-5)
    assert result.accepted >= 2000


def test_no_step_is_larger_than_the_largest():
    seen = []

    def still(t, y, dydt, parameters, layout):
        seen.append(t)
        dydt[:] = 0.0

    assert integrate(still, np.ones(1), (0.0, 10.0), max_step=0.3).accepted >= 34
    assert np.diff(np.unique(seen)).max() <= 0.3 * (1 + 1e-12)


@BOTH
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_fixed_steps_keep_their_order_across_a_jump(jitted, method, order):
    field = switching if jitted else switching.py_func
    errors = []
    for step in (0.07, 0.035):
        result = integrate(field, np.ones(1), (0.0, 2.0), method=method, step=step, jumps=[1.0])
        errors.append(abs(result.y[0] - 1.0))
    assert np.log2(errors[0] / errors[1]) > order - 0.35


def test_error_control_meets_its_tolerance_across_a_jump_with_fewer_evaluations():
    exact = np.exp([-1.0, 0.5 - 1.0, 0.0])
    known, unknown = (
        integrate(switching, np.ones(1), (0.0, 2.0), jumps=jumps, times=[1.0, 1.5, 2.0], rtol=1e-8, atol=1e-8)
        for jumps in ([1.0], None)
    )
    np.testing.assert_allclose(known.states[:, 0], exact, atol=1e-7)
    assert known.evaluations < unknown.evaluations
    assert known.rejected == 0


def test_a_steady_state_counts_behind_the_last_jump():
    result = integrate(
        pulse, np.zeros(1), (0.0, 9.0), parameters=[2.0, 3.0, 1.0], jumps=[2.0, 3.0], residual_tolerance=1e-6
    )
    assert result.status is Status.SUCCESS
    assert 3.0 <= result.time < 3.1
    np.testing.assert_allclose(result.y, 1.0)


def test_jumps_at_the_ends_and_outside():
    """y' = 1 inside the open span alone: at its ends the field is NaN."""

    def inside(t, y, dydt, parameters, layout):
        dydt[:] = 1.0 if 0.0 < t < 1.0 else np.nan

    result = integrate(inside, np.zeros(1), (0.0, 1.0), jumps=[-3.0, 0.0, 1.0, np.inf], times=[0.0, 1.0])
    assert (result.status, result.time) == (Status.SUCCESS, 1.0)
    np.testing.assert_allclose(result.states[:, 0], [0.0, 1.0], atol=1e-12)
    np.testing.assert_array_equal(result.times, [0.0, 1.0])


def test_the_cap_is_on_the_steps_of_all_parts():
    result = integrate(
        pulse, np.zeros(1), (0.0, 1.0), method="euler", step=0.1, jumps=[0.5], parameters=[2.0, 3.0, 1.0]
    )
    assert (result.accepted, result.evaluations) == (10, 12)
    capped = integrate(
        pulse, np.zeros(1), (0.0, 1.0), method="euler", step=0.1, jumps=[0.5], parameters=[2.0, 3.0, 1.0], max_steps=7
    )
    assert (capped.status, capped.accepted) == (Status.STEP_CAP, 7)
    np.testing.assert_allclose(capped.time, 0.7)


def test_the_parts_of_a_span():
    parts = pieces(0.0, 2.0, np.array([-1.0, 1.0, np.nextafter(1.0, 2.0), 2.0, 5.0]))
    assert [part.edge for part in parts] == [1.0, 2.0]
    assert parts[0].start == 0.0
    assert parts[0].end < 1.0 < parts[1].start
    assert parts[1].end < 2.0
    assert pieces(0.0, 1.0, np.empty(0)) == [(0.0, 1.0, 1.0)]
