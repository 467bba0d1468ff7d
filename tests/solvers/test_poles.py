"""A field that divides by zero is not finite there, whether it is compiled or not."""

import numpy as np
import pytest
from numba import njit

from ctsigprop.solvers import METHODS, Status, integrate

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
BOTH = pytest.mark.parametrize("jitted", [True, False], ids=["jitted", "plain"])


@njit
def at_one(t, y, dydt, parameters, layout):
    dydt[0] = 1.0 / (y[0] - 1.0)


@njit
def reciprocal(x):
    return 1.0 / x


@njit
def behind_a_call(t, y, dydt, parameters, layout):
    """y' = -y, but at t = 1, which is a pole."""
    dydt[0] = reciprocal(t - 1.0) * (t - 1.0) - 1.0 - y[0]


@njit
def floored(t, y, dydt, parameters, layout):
    """y' = -(y + 1/5), which rests at -1/5; from -1/4 down it divides by zero."""
    dydt[0] = (1.0 / layout[0] if y[0] <= -0.25 else 0.0) - (y[0] + 0.2)


def given(method):
    options = {} if METHODS[method].error.size else {"step": 0.05}
    return {"method": method, **options, **({"leak": 1.0} if METHODS[method].exact_leak else {})}


@BOTH
@pytest.mark.parametrize("method", METHODS)
def test_a_pole_at_the_start(jitted, method):
    field = at_one if jitted else at_one.py_func
    result = integrate(field, np.ones(1), (0.0, 1.0), times=[0.0, 0.5], **given(method))
    assert (result.status, result.time, result.evaluations) == (Status.NOT_FINITE, 0.0, 1)
    np.testing.assert_array_equal(result.states, [[1.0]])


@BOTH
@pytest.mark.parametrize("step", [0.25, 0.5])
def test_a_pole_in_time_that_a_fixed_step_meets(jitted, step):
    field = behind_a_call if jitted else behind_a_call.py_func
    result = integrate(field, np.ones(1), (0.0, 2.0), method="heun", step=step)
    assert (result.status, result.time) == (Status.NOT_FINITE, 1.0 - step)
    assert np.isfinite(result.y).all()


@BOTH
def test_a_trial_step_that_meets_a_pole_is_made_smaller(jitted):
    field = floored if jitted else floored.py_func
    result = integrate(field, np.ones(1), (0.0, 40.0), layout=[0], rtol=1e-2, atol=1e-2)
    assert result.status is Status.SUCCESS
    assert result.rejected > 0
    np.testing.assert_allclose(result.y, -0.2, atol=1e-2)


def test_both_take_the_same_steps():
    jitted, plain = (
        integrate(field, np.ones(1), (0.0, 40.0), layout=[0], rtol=1e-2, atol=1e-2)
        for field in (floored, floored.py_func)
    )
    assert (jitted.accepted, jitted.rejected) == (plain.accepted, plain.rejected)
    np.testing.assert_array_equal(jitted.y, plain.y)


@BOTH
def test_other_errors_reach_the_author(jitted):
    @njit
    def forbidding(t, y, dydt, parameters, layout):
        if t > 0.5:
            raise ValueError("only the first half is known")
        dydt[0] = 1.0

    with pytest.raises(ValueError, match="only the first half is known"):
        integrate(forbidding if jitted else forbidding.py_func, np.ones(1), (0.0, 1.0))


def test_an_overflow_of_a_plain_field_is_not_finite():
    def overflowing(t, y, dydt, parameters, layout):
        dydt[0] = 10.0 ** int(400 * t)

    result = integrate(overflowing, np.ones(1), (0.0, 2.0), method="euler", step=0.5)
    assert (result.status, result.time) == (Status.NOT_FINITE, 0.5)
