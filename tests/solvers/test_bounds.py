"""Bounds on the state: every stage and every new state is projected onto them."""

import numpy as np
import pytest

from ctsigprop.solvers import METHODS, Status, integrate


def options(method):
    given = {} if METHODS[method].error.size else {"step": 0.1}
    return {"method": method, **given, **({"leak": 1.0} if METHODS[method].exact_leak else {})}


@pytest.mark.parametrize("method", METHODS)
def test_the_field_never_sees_a_state_outside(method):
    seen = []

    def field(t, y, dydt, parameters, layout):
        seen.append(y.copy())
        dydt[:] = np.array([3.0, -3.0, 6 * np.cos(9 * t)]) - y

    times = np.linspace(0.0, 3.0, 301)
    result = integrate(field, np.full(3, 0.5), (0.0, 3.0), lower=0.0, upper=1.0, times=times, **options(method))
    for states in (np.array(seen), result.states):
        assert states.min() == 0.0
        assert states.max() == 1.0
    np.testing.assert_array_equal(result.y[:2], [1.0, 0.0])


@pytest.mark.parametrize("method", METHODS)
def test_a_network_with_a_hard_sigmoid_settles_where_the_state_is_its_clipped_input(method):
    rng = np.random.default_rng(0)
    weights, drive = rng.uniform(-0.3, 0.3, (8, 8)), rng.uniform(-1.0, 2.0, 8)

    def field(t, y, dydt, parameters, layout):
        dydt[:] = y @ weights + drive - y

    result = integrate(
        field, np.zeros(8), (0.0, 100.0), lower=0.0, upper=1.0, residual_tolerance=1e-9, **options(method)
    )
    assert result.status is Status.SUCCESS
    assert {0.0, 1.0} < set(result.y)
    np.testing.assert_allclose(result.y, np.clip(result.y @ weights + drive, 0.0, 1.0), atol=1e-8)


def test_what_a_bound_holds_counts_as_at_rest():
    def field(t, y, dydt, parameters, layout):
        dydt[:] = [2.0, -2.0, 0.25, 0.0]

    y0 = np.array([1.0, 0.0, 0.5, 0.5])
    result = integrate(field, y0, (0.0, 1e-3), method="euler", step=1e-3, lower=0.0, upper=1.0)
    assert result.residual == 0.25


def test_one_bound_alone():
    def falling(t, y, dydt, parameters, layout):
        dydt[:] = -1.0

    result = integrate(falling, np.array([0.5, 3.0]), (0.0, 1.0), lower=0.0, rtol=1e-8)
    np.testing.assert_allclose(result.y, [0.0, 2.0], atol=1e-12)


def test_error_control_across_the_moment_at_which_a_bound_is_met():
    """y' = 1 from 1/4 under a bound of 1 drives z' = y / 3: 3 z = 15/32 at t = 3/4, then + 1 a unit."""

    def field(t, y, dydt, parameters, layout):
        dydt[0], dydt[1] = 1.0, y[0] / 3

    result = integrate(field, np.array([0.25, 0.0]), (0.0, 2.0), upper=1.0, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(result.y, [1.0, (15 / 32 + 1.25) / 3], atol=3e-5)
