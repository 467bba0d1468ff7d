"""Properties that hold for whatever problem is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit
from scipy.linalg import expm

from ctsigprop.solvers import METHODS, integrate

quickly = settings(max_examples=25, derandomize=True)
entries = st.floats(-1.0, 1.0, width=32)
vectors = arrays(np.float64, 4, elements=entries)
matrices = arrays(np.float64, (4, 4), elements=entries)
fixed_step = pytest.mark.parametrize("method", [name for name in METHODS if name != "dopri5"])
every_method = pytest.mark.parametrize("method", METHODS)
precision = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@njit
def linear(t, y, dydt, parameters, layout):
    """y' = A y, A read from `parameters`, its size from `layout`."""
    n = layout[0]
    dydt[:] = np.dot(parameters[: n * n].reshape((n, n)), y)


@njit
def driven(t, y, dydt, parameters, layout):
    """A field that depends on time and bends, with a phase in `parameters`."""
    dydt[:] = np.sin(y + 2.0 * t - parameters[0]) - 0.5 * y


LAYOUT = np.array([4])


def solve(matrix, y0, end, method, **options):
    if METHODS[method].exact_leak:
        options["leak"] = 0.7
    options.setdefault("step", None if method == "dopri5" else 0.125)
    return integrate(linear, y0, (0.0, end), method=method, parameters=matrix.ravel(), layout=LAYOUT, **options)


@quickly
@given(matrices, vectors)
def test_a_linear_field_is_a_matrix_exponential(matrix, y0):
    result = solve(matrix, y0, 2.0, "dopri5", rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(result.y, expm(2.0 * matrix) @ y0, atol=1e-6)


@every_method
@quickly
@given(matrices, vectors, vectors, st.floats(-2.0, 2.0))
def test_fixed_steps_of_a_linear_field_are_linear_in_the_start(method, matrix, first, second, factor):
    one, other, both = (solve(matrix, y0, 1.0, method, step=0.125).y for y0 in (first, second, first + factor * second))
    np.testing.assert_allclose(both, one + factor * other, atol=1e-12)


@fixed_step
@quickly
@given(matrices, vectors, st.integers(1, 15))
def test_two_legs_of_whole_steps_are_exactly_one(method, matrix, y0, steps):
    middle = solve(matrix, y0, 0.125 * steps, method).y
    both = solve(matrix, middle, 0.125 * (16 - steps), method)
    np.testing.assert_array_equal(both.y, solve(matrix, y0, 2.0, method).y)


@quickly
@given(matrices, vectors, st.floats(0.1, 1.9))
def test_two_legs_under_error_control_are_one_to_tolerance(matrix, y0, middle):
    whole = solve(matrix, y0, 2.0, "dopri5", rtol=1e-8, atol=1e-8, times=[middle])
    first = solve(matrix, y0, middle, "dopri5", rtol=1e-8, atol=1e-8)
    second = solve(matrix, first.y, 2.0 - middle, "dopri5", rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(first.y, whole.states[0], atol=1e-6)
    np.testing.assert_allclose(second.y, whole.y, atol=1e-6)


@every_method
@quickly
@given(vectors, st.floats(-100.0, 100.0))
def test_time_may_start_anywhere(method, y0, shift):
    options = {"step": None if method == "dopri5" else 0.125, "leak": 0.5 if METHODS[method].exact_leak else None}
    here = integrate(driven, y0, (0.0, 1.5), method=method, parameters=[0.0], times=[0.3, 1.0], **options)
    span, times = (shift, shift + 1.5), [shift + 0.3, shift + 1.0]
    there = integrate(driven, y0, span, method=method, parameters=[2.0 * shift], times=times, **options)
    np.testing.assert_allclose(there.y, here.y, atol=1e-9)
    np.testing.assert_allclose(there.states, here.states, atol=1e-9)


def by_both(y0, **options):
    """Integrate the same field jitted and plain."""
    parameters = np.zeros(1, y0.dtype)
    return [
        integrate(field, y0, (0.0, 2.0), parameters=parameters, times=[0.7, 2.0], **options)
        for field in (driven, driven.py_func)
    ]


@fixed_step
@precision
@quickly
@given(y0=arrays(np.float64, 4, elements=st.floats(-0.75, 1.25, width=32)))
def test_jitted_and_plain_fields_take_the_same_fixed_steps(method, dtype, y0):
    leak = 0.5 if METHODS[method].exact_leak else None
    jitted, plain = by_both(y0.astype(dtype), method=method, step=0.13, leak=leak, lower=-0.75, upper=1.25)
    assert jitted.y.dtype == plain.y.dtype == jitted.states.dtype == plain.states.dtype == dtype
    assert (jitted.accepted, jitted.evaluations) == (plain.accepted, plain.evaluations) == (16, plain.evaluations)
    np.testing.assert_allclose(jitted.states, plain.states, atol=50 * np.finfo(dtype).eps)
    np.testing.assert_allclose(jitted.residual, plain.residual, atol=100 * np.finfo(dtype).eps)


@precision
@quickly
@given(y0=vectors)
def test_jitted_and_plain_fields_agree_under_error_control(dtype, y0):
    jitted, plain = by_both(y0.astype(dtype), rtol=1e-5, atol=1e-5)
    assert jitted.y.dtype == plain.y.dtype == dtype
    assert jitted.status == plain.status
    assert dtype == np.float32 or (jitted.accepted, jitted.rejected) == (plain.accepted, plain.rejected)
    np.testing.assert_allclose(jitted.states, plain.states, atol=1e-4 if dtype == np.float32 else 1e-12)


@quickly
@given(vectors, vectors)
def test_a_sample_beside_copies_of_itself_takes_the_steps_it_takes_alone(y0, drive):
    """The error is a root mean square: copies change neither it nor the steps."""

    def field(t, y, dydt, parameters, layout):
        dydt[:] = np.tanh(parameters) - y * np.abs(y)

    alone = integrate(field, y0, (0.0, 3.0), parameters=drive)
    beside = integrate(field, np.tile(y0, 3), (0.0, 3.0), parameters=np.tile(drive, 3))
    assert alone.evaluations == beside.evaluations
    np.testing.assert_allclose(beside.y, np.tile(alone.y, 3), atol=1e-12)
