"""Dormand-Prince with error control: its steps, its first step, its dense output and its counts."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit
from scipy.integrate import solve_ivp

from ctsigprop.solvers import Status, integrate


@njit
def van_der_pol(t, y, dydt, parameters, layout):
    dydt[0] = y[1]
    dydt[1] = parameters[0] * (1 - y[0] ** 2) * y[1] - y[0]


def reference(mu, y0, times):
    def field(t, y):
        return [y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]]

    span = (times[0], times[-1])
    return solve_ivp(field, span, y0, method="DOP853", rtol=1e-12, atol=1e-12, t_eval=times).y.T


def test_no_more_evaluations_than_scipy_for_the_same_error():
    mu, y0, times = 5.0, np.array([2.0, 0.0]), np.linspace(0.0, 20.0, 201)
    truth = reference(mu, y0, times)
    ours = integrate(van_der_pol, y0, (0.0, 20.0), parameters=[mu], rtol=1e-6, atol=1e-6, times=times, check=True)

    def field(t, y):
        dydt = np.empty(2)
        van_der_pol(t, y, dydt, np.array([mu]), np.empty(0, np.int64))
        return dydt

    theirs = solve_ivp(field, (0.0, 20.0), y0, rtol=1e-6, atol=1e-6, t_eval=times)
    error, their_error = np.abs(ours.states - truth).max(), np.abs(theirs.y.T - truth).max()
    assert ours.evaluations * error**0.2 < 1.05 * theirs.nfev * their_error**0.2


def test_counts_agree_with_one_another_and_with_the_field():
    calls = []

    def field(t, y, dydt, parameters, layout):
        calls.append(t)
        van_der_pol.py_func(t, y, dydt, parameters, layout)

    result = integrate(field, np.array([2.0, 0.0]), (0.0, 20.0), parameters=[5.0], check=True)
    assert result.rejected > 0
    assert result.evaluations == len(calls) == 2 + 6 * (result.accepted + result.rejected)
    assert (min(calls), max(calls), result.time) == (0.0, 20.0, 20.0)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_first_step_suits_the_scale_of_time(scale):
    """Time measured in other units: the same steps."""

    def field(t, y, dydt, parameters, layout):
        dydt[0], dydt[1] = -y[1] / scale, y[0] / scale

    result = integrate(field, np.array([1.0, 0.0]), (0.0, 10.0 * scale), check=True)
    in_unit_time = integrate(field_of_unit_time, np.array([1.0, 0.0]), (0.0, 10.0), check=True)
    assert result.accepted + result.rejected == in_unit_time.accepted + in_unit_time.rejected
    np.testing.assert_allclose(result.y, in_unit_time.y, rtol=1e-9)


def field_of_unit_time(t, y, dydt, parameters, layout):
    dydt[0], dydt[1] = -y[1], y[0]


@pytest.mark.parametrize("y0", [np.zeros(3), np.ones(3)])
def test_a_field_at_rest_is_crossed_in_few_steps(y0):
    def rest(t, y, dydt, parameters, layout):
        dydt[:] = 0

    result = integrate(rest, y0, (0.0, 1e6), check=True)
    assert result.accepted < 10
    assert result.residual == 0
    np.testing.assert_array_equal(result.y, y0)


def test_times_at_both_ends_and_twice_are_the_states_there():
    y0 = np.array([2.0, 0.0])
    times = [0.0, 0.0, 3.3, 3.3, 10.0, 10.0]
    result = integrate(van_der_pol, y0, (0.0, 10.0), parameters=[1.0], times=times)
    np.testing.assert_array_equal(result.times, times)
    np.testing.assert_array_equal(result.states[:2], [y0, y0])
    np.testing.assert_array_equal(result.states[2], result.states[3])
    np.testing.assert_array_equal(result.states[4:], [result.y, result.y])


def test_asking_for_times_changes_no_step():
    y0 = np.array([2.0, 0.0])
    plain = integrate(van_der_pol, y0, (0.0, 10.0), parameters=[1.0])
    asked = integrate(van_der_pol, y0, (0.0, 10.0), parameters=[1.0], times=np.linspace(0.0, 10.0, 999))
    np.testing.assert_array_equal(plain.y, asked.y)
    assert (plain.evaluations, plain.states.shape) == (asked.evaluations, (0, 2))


def test_memory_of_the_last_error_spares_rejections_where_stability_bounds_the_step():
    """Hairer & Wanner II, IV.2: the eigenvalue -50 bounds the step by 3.3 / 50."""

    def stiff(t, y, dydt, parameters, layout):
        dydt[0] = -50.0 * (y[0] - np.cos(t))

    result = integrate(stiff, np.zeros(1), (0.0, 10.0), rtol=1e-4, atol=1e-4, check=True)
    assert result.accepted < 220
    assert result.rejected < 0.08 * result.accepted


def test_float32_is_kept_and_resolved():
    y0, times = np.array([2.0, 0.0], np.float32), np.linspace(0.0, 5.0, 51)
    result = integrate(
        van_der_pol, y0, (0.0, 5.0), parameters=np.ones(1, np.float32), rtol=1e-5, atol=1e-5, times=times, check=True
    )
    assert (result.y.dtype, result.states.dtype, result.times.dtype) == (np.float32, np.float32, np.float64)
    assert np.abs(result.states - reference(1.0, [2.0, 0.0], times)).max() < 1e-4


def test_y0_is_left_alone():
    y0 = np.array([2.0, 0.0])
    integrate(van_der_pol, y0, (0.0, 1.0), parameters=[1.0])
    np.testing.assert_array_equal(y0, [2.0, 0.0])


def test_steady_state_stops_early():
    result = integrate(relaxing, np.array([2.0, -1.0]), (0.0, 1e3), residual_tolerance=1e-4, times=[1.0, 500.0])
    assert result.status is Status.SUCCESS
    assert result.residual <= 1e-4
    assert 5 < result.time < 50
    np.testing.assert_array_equal(result.times, [1.0])
    np.testing.assert_allclose(result.y, 3.0, atol=1e-3)


def relaxing(t, y, dydt, parameters, layout):
    dydt[:] = 3.0 - y


def test_residual_is_the_scaled_maximum_of_the_field():
    result = integrate(relaxing, np.array([2.0, -1.0]), (0.0, 1.0))
    np.testing.assert_allclose(result.residual, np.abs(3.0 - result.y).max() / np.abs(result.y).max(), rtol=1e-15)


def test_solves_in_threads_do_not_meet():
    starts = [np.array([2.0, 0.1 * k]) for k in range(16)]

    def solve(y0):
        return integrate(van_der_pol, y0, (0.0, 50.0), parameters=[3.0]).y

    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(solve, starts)), [solve(y0) for y0 in starts])
