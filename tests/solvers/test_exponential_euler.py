"""Exponential Euler: exact in the leak, whatever its size, at the end and between."""

import numpy as np
import pytest
from numba import njit

from ctsigprop.solvers import integrate

TIMES = np.array([0.0, 0.1, 0.25, 0.9, 1.7, 2.0])


@njit
def leaking(t, y, dydt, parameters, layout):
    """y' = -leak y + drive, with both in `parameters`."""
    n = y.size
    dydt[:] = -parameters[:n] * y + parameters[n:]


def exact(t, y0, leak, drive):
    z = -np.multiply.outer(t, leak)
    phi = np.where(z == 0, 1.0, np.expm1(z) / np.where(z == 0, 1.0, z))
    return y0 + np.multiply.outer(t, np.ones_like(leak)) * phi * (drive - leak * y0)


@pytest.mark.parametrize("step", [0.01, 0.3, 2.0, 50.0])
def test_a_constant_drive_is_integrated_exactly_by_any_step(step):
    leak, drive = np.array([0.0, 1e-12, 1.0, 300.0, -0.5]), np.array([1.0, 2.0, -1.0, 10.0, 0.3])
    y0 = np.array([0.3, -1.0, 2.0, 5.0, 1.0])
    result = integrate(
        leaking,
        y0,
        (0.0, 2.0),
        method="exponential_euler",
        parameters=np.concatenate([leak, drive]),
        leak=leak,
        step=step,
        times=TIMES,
    )
    np.testing.assert_allclose(result.states, exact(TIMES, y0, leak, drive), rtol=1e-12, atol=1e-12)


def test_one_rate_serves_all_components():
    y0, drive = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    parameters = np.concatenate([np.full(2, 40.0), drive])
    given = {"method": "exponential_euler", "parameters": parameters, "step": 0.5}
    one = integrate(leaking, y0, (0.0, 2.0), leak=40.0, **given)
    each = integrate(leaking, y0, (0.0, 2.0), leak=[40.0, 40.0], **given)
    np.testing.assert_array_equal(one.y, each.y)
    np.testing.assert_allclose(one.y, exact(2.0, y0, np.full(2, 40.0), drive), rtol=1e-13)


def test_without_a_leak_it_is_euler():
    y0, parameters = np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0])
    exponential = integrate(
        leaking, y0, (0.0, 1.0), method="exponential_euler", parameters=parameters, step=0.1, leak=0.0, times=[0.55]
    )
    plain = integrate(leaking, y0, (0.0, 1.0), method="euler", parameters=parameters, step=0.1)
    np.testing.assert_allclose(exponential.y, plain.y, rtol=1e-15)


def test_float32_and_a_stiff_leak():
    leak, drive, y0 = np.array([1e4, 1.0]), np.array([1e4, 0.5]), np.array([0.0, 1.0])
    result = integrate(
        leaking,
        y0.astype(np.float32),
        (0.0, 2.0),
        method="exponential_euler",
        parameters=np.concatenate([leak, drive]).astype(np.float32),
        leak=leak,
        step=0.5,
    )
    assert result.y.dtype == np.float32
    np.testing.assert_allclose(result.y, exact(2.0, y0, leak, drive), rtol=1e-6)
