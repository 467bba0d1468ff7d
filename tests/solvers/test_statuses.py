"""Every way in which a solve can end, as a status and, where asked for, as an exception."""

import pickle

import numpy as np
import pytest
from numba import njit

from ctsigprop.solvers import METHODS, SolveError, Status, integrate


@njit
def exploding(t, y, dydt, parameters, layout):
    """y' = y^2: y = 1 / (1 - t) has no state at t = 1."""
    dydt[:] = y * y


@njit
def breaking(t, y, dydt, parameters, layout):
    """A field that is not finite after t = 0.5."""
    dydt[:] = -y * (1.0 if t <= 0.5 else np.nan)


@njit
def broken(t, y, dydt, parameters, layout):
    dydt[:] = np.inf


@njit
def oscillating(t, y, dydt, parameters, layout):
    dydt[0], dydt[1] = -y[1], y[0]


BOTH = pytest.mark.parametrize("jitted", [True, False], ids=["jitted", "plain"])


def either(field, jitted):
    return field if jitted else field.py_func


@BOTH
def test_success(jitted):
    result = integrate(either(oscillating, jitted), np.array([1.0, 0.0]), (0.0, 1.0), check=True)
    assert result.status is Status.SUCCESS
    assert result.check() is result


@BOTH
@pytest.mark.parametrize("given", [{}, {"method": "rk4", "step": 0.01}], ids=["dopri5", "rk4"])
def test_step_cap(jitted, given):
    result = integrate(either(oscillating, jitted), np.array([1.0, 0.0]), (0.0, 1e3), max_steps=7, **given)
    assert result.status is Status.STEP_CAP
    assert result.accepted + result.rejected == 7
    assert 0 < result.time < 1e3
    np.testing.assert_allclose(result.y, [np.cos(result.time), np.sin(result.time)], atol=1e-5)


@BOTH
def test_singularity_is_a_step_underflow(jitted):
    result = integrate(either(exploding, jitted), np.ones(1), (0.0, 2.0), times=[0.5, 0.9, 1.5])
    assert result.status is Status.STEP_UNDERFLOW
    assert abs(result.time - 1.0) < 1e-4
    np.testing.assert_array_equal(result.times, [0.5, 0.9])
    np.testing.assert_allclose(result.states[:, 0], [2.0, 10.0], rtol=1e-4)


@BOTH
@pytest.mark.parametrize("method", METHODS)
def test_a_field_that_turns_nan_keeps_the_last_finite_state(jitted, method):
    given = {} if METHODS[method].error.size else {"step": 0.05}
    leak = {"leak": 1.0} if METHODS[method].exact_leak else {}
    result = integrate(either(breaking, jitted), np.ones(2), (0.0, 1.0), method=method, **given, **leak)
    assert result.status is Status.NOT_FINITE
    assert 0.4 < result.time <= 0.5
    np.testing.assert_allclose(result.y, np.exp(-result.time), rtol=0.05)
    assert np.isfinite(result.residual)


@BOTH
@pytest.mark.parametrize("given", [{}, {"method": "euler", "step": 0.1}], ids=["dopri5", "euler"])
def test_a_field_that_is_never_finite(jitted, given):
    result = integrate(either(broken, jitted), np.ones(2), (0.0, 1.0), times=[0.0, 1.0], **given)
    assert (result.status, result.time, result.evaluations) == (Status.NOT_FINITE, 0.0, 1)
    assert np.isnan(result.residual)
    np.testing.assert_array_equal(result.states, [[1.0, 1.0]])


@njit
def forgetful(t, y, dydt, parameters, layout):
    dydt[0] = -y[0]


@BOTH
def test_a_component_that_the_field_does_not_write_is_noticed(jitted):
    assert integrate(either(forgetful, jitted), np.ones(2), (0.0, 1.0)).status is Status.NOT_FINITE


def test_bounds_do_not_hide_what_is_not_finite():
    result = integrate(breaking, np.ones(2), (0.0, 1.0), method="heun", step=0.1, lower=0.0, upper=1.0)
    assert result.status is Status.NOT_FINITE


def test_overflow_by_too_large_a_fixed_step():
    result = integrate(exploding, np.full(1, 2.0), (0.0, 50.0), method="rk4", step=0.5)
    assert result.status is Status.NOT_FINITE
    assert np.isfinite(result.y).all()


@BOTH
def test_steady_state_not_reached(jitted):
    result = integrate(either(oscillating, jitted), np.array([1.0, 0.0]), (0.0, 5.0), residual_tolerance=1e-3)
    assert (result.status, result.time) == (Status.NOT_CONVERGED, 5.0)
    assert 0.9 < result.residual < 1.1


def test_steady_from_the_start():
    result = integrate(exploding, np.zeros(3), (0.0, 1.0), residual_tolerance=1e-12, times=[0.0, 0.5])
    assert (result.status, result.accepted, result.time) == (Status.SUCCESS, 0, 0.0)
    np.testing.assert_array_equal(result.times, [0.0])
    assert "steady state" in result.status.sentence


@pytest.mark.parametrize(("dtype", "tolerances"), [(np.float32, [1e-4, 1e-5, 2e-6]), (np.float64, [1e-6, 1e-9, 1e-12])])
def test_error_control_comes_to_rest_whatever_its_own_tolerance(dtype, tolerances):
    """At the edge of stability, where the error estimate alone would hold the steps, the state trembles for ever."""
    rng = np.random.default_rng(0)
    n = 40
    weights, drive = 0.8 * rng.normal(size=(n, n)) / np.sqrt(n), rng.uniform(-1, 1, n)
    parameters = np.concatenate([weights.ravel(), drive]).astype(dtype)
    for tolerance in tolerances:
        result = integrate(
            rate_network, np.zeros(n, dtype), (0.0, 200.0), parameters=parameters, rtol=1e-4, atol=1e-5,
            residual_tolerance=tolerance,
        )  # fmt: skip
        assert result.status is Status.SUCCESS
        assert result.residual <= tolerance
        assert result.time < 100


@njit
def rate_network(t, y, dydt, parameters, layout):
    n = y.size
    for i in range(n):
        total = parameters[n * n + i] - y[i]
        for j in range(n):
            total += parameters[n * i + j] * np.tanh(y[j])
        dydt[i] = total


def test_check_raises_one_line_with_the_remedy_and_the_result():
    with pytest.raises(
        SolveError, match=r"step_cap at t = 0\.\d+ after \d+ evaluations, .*: .*raise max_steps"
    ) as caught:
        integrate(oscillating, np.array([1.0, 0.0]), (0.0, 9.0), max_steps=3, check=True)
    assert "\n" not in str(caught.value)
    assert caught.value.result.accepted == 3
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    np.testing.assert_array_equal(copy.result.y, caught.value.result.y)


def test_statuses_carry_sentences():
    assert [status.value for status in Status] == list(range(len(Status)))
    assert all(len(status.sentence.split()) > 4 and "\n" not in status.sentence for status in Status)
