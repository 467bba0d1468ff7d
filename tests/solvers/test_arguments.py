"""What `integrate` refuses: a ValueError of one line with the name, the value and what is allowed."""

import re

import numpy as np
import pytest
from numba import float64, int64, njit, void

from ctsigprop.solvers import Status, integrate

ONES = np.ones(2)


def decaying(t, y, dydt, parameters, layout):
    dydt[:] = -y


def refusal(**changed):
    given = {"field": decaying, "y0": ONES, "t_span": (0.0, 1.0), **changed}
    with pytest.raises(ValueError) as caught:
        integrate(given.pop("field"), given.pop("y0"), given.pop("t_span"), **given)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"field": 3}, "field: 3 given, a function"),
        ({"method": "dopri8"}, "method: 'dopri8' given, one of euler, heun, rk4, dopri5, exponential_euler is needed"),
        ({"y0": [1, 2]}, "y0: dtype int64 given, float32 or float64"),
        ({"y0": ONES.astype(np.float16)}, "y0: dtype float16 given"),
        ({"y0": ONES.astype(complex)}, "y0: dtype complex128 given"),
        ({"y0": ["a"]}, "y0: dtype <U1 given"),
        ({"y0": np.ones((2, 2))}, r"y0: shape \(2, 2\) given, a flat"),
        ({"y0": 1.0}, r"y0: shape \(\) given, a flat"),
        ({"y0": np.ones(4)[::2]}, "y0: strided array given, a contiguous one"),
        ({"y0": np.ones(0)}, "y0: empty"),
        ({"y0": np.array([1.0, np.nan, np.inf])}, "y0: component 1 is nan, finite"),
        ({"y0": np.array([1.0, 3.0]), "upper": 2.0}, r"y0: from 1.0 to 3.0, outside the bounds \[-inf, 2.0\]"),
        ({"lower": 1.0, "upper": 1.0}, "lower, upper: 1.0 and 1.0 given, lower must be less"),
        ({"lower": np.nan}, "lower: nan given"),
        ({"upper": "high"}, "upper: 'high' given, a number"),
        ({"t_span": (1.0, 1.0)}, r"t_span: \(1.0, 1.0\) given, a finite start and another finite end"),
        ({"t_span": (0.0, np.inf)}, "t_span: .* finite"),
        ({"t_span": (0.0, np.nan)}, "t_span: .* two numbers"),
        ({"t_span": 5.0}, "t_span: 5.0 given, two numbers"),
        ({"t_span": (0.0, 1.0, 2.0)}, "t_span: .* two numbers"),
        ({"parameters": np.ones(2, np.float32)}, "parameters: dtype float32 given, float64 is needed"),
        ({"parameters": [1, 2]}, "parameters: dtype int64 given, float64"),
        ({"parameters": np.ones((2, 2))}, r"parameters: shape \(2, 2\)"),
        ({"parameters": np.ones(4)[::2]}, "parameters: strided"),
        ({"layout": [1.0]}, "layout: dtype float64 given, int64 is needed"),
        ({"method": "rk4"}, "step: missing, rk4 needs one"),
        ({"method": "rk4", "step": 0.0}, "step: 0.0 given, a positive number"),
        ({"method": "rk4", "step": -0.1}, "step: -0.1 given"),
        ({"method": "rk4", "step": np.inf}, "step: inf given"),
        ({"step": np.nan}, "step: nan given"),
        ({"step": "small"}, "step: 'small' given, a number"),
        ({"rtol": 0.0}, "rtol: 0.0 given, a positive number"),
        ({"rtol": 1e-16}, "rtol: 1e-16 given, at least 1.8e-15 is needed in float64"),
        ({"atol": -1.0}, "atol: -1.0 given, a positive number"),
        ({"y0": ONES.astype(np.float32), "rtol": 1e-7}, "rtol: 1e-07 given, at least 9.5e-07 is needed in float32"),
        ({"y0": ONES.astype(np.float32), "atol": 1e-40}, "atol: 1e-40 given, at least 1.2e-38 is needed in float32"),
        ({"times": [0.5, 0.2]}, "times: not in ascending order"),
        ({"times": [0.5, np.nan]}, "times: not in ascending order"),
        ({"times": [0.5, 1.5]}, r"times: from 0.5 to 1.5, outside t_span \(0, 1\)"),
        ({"times": [-1.0]}, "times: from -1 to -1, outside"),
        ({"times": [0.5, 1 + 1e-12]}, r"times: from 0.5 to 1.000000000001, outside t_span \(0, 1\)"),
        ({"times": np.array([0.5, 1 + 3e-6], np.float32)}, r"times: from 0.5 to 1.00000298\d+, outside t_span"),
        ({"times": [[0.5]]}, r"times: shape \(1, 1\)"),
        ({"times": ["noon"]}, "times: .* numbers"),
        ({"leak": 1.0}, "leak: given, but dopri5 does not use it"),
        ({"method": "exponential_euler", "step": 0.1}, "leak: missing"),
        ({"method": "exponential_euler", "step": 0.1, "leak": np.ones(3)}, r"leak: shape \(3,\) given, .* 2 of them"),
        ({"method": "exponential_euler", "step": 0.1, "leak": np.nan}, "leak: .* finite"),
        ({"method": "exponential_euler", "step": 0.1, "leak": "fast"}, "leak: .* number"),
        ({"layout": np.array([1], np.uint64)}, "layout: dtype uint64 given, int64 is needed"),
        ({"jumps": [[0.5]]}, r"jumps: shape \(1, 1\) given, a flat"),
        ({"jumps": [0.5, np.nan]}, "jumps: nan given"),
        ({"jumps": ["noon"]}, "jumps: .* numbers"),
        ({"max_step": 0.0}, "max_step: 0.0 given, a positive number"),
        ({"max_step": np.nan}, "max_step: nan given"),
        ({"method": "rk4", "step": 0.1, "max_step": 0.2}, "max_step: 0.2 given beside step"),
        ({"max_steps": 0}, "max_steps: 0 given, a whole number of at least 1"),
        ({"max_steps": 10.0}, "max_steps: 10.0 given"),
        ({"max_steps": 10**30}, r"max_steps: 1e\+30 given, at most 2\*\*53 is allowed"),
        ({"max_steps": True}, "max_steps: True given"),
        ({"residual_tolerance": 0.0}, "residual_tolerance: 0.0 given, a positive number"),
    ],
)
def test_one_line_names_the_argument(changed, message):
    assert re.search("^" + message, refusal(**changed))


@pytest.mark.parametrize("field", [decaying, njit(decaying)], ids=["plain", "jitted"])
@pytest.mark.parametrize("step", [1e-30, 1e-320])
def test_steps_beyond_count_meet_the_cap(field, step):
    assert integrate(field, ONES, (0.0, 1.0), method="euler", step=step, max_steps=5).status is Status.STEP_CAP


@njit
def returning(t, y, dydt, parameters, layout):
    return -y


@njit
def of_three(t, y, dydt):
    dydt[:] = -y


@njit
def misspelt(t, y, dydt, parameters, layout):
    dydt[:] = y.negated


@njit(void(float64, float64[:], float64[:], float64[:], int64[:]))
def of_strided_arrays(t, y, dydt, parameters, layout):
    dydt[:] = -y


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (returning.py_func, "it returned a value; write the derivative to dydt"),
        (returning, "conversion from array"),
        (of_three, "too many positional arguments"),
        (misspelt, "Unknown attribute 'negated'"),
        (of_strided_arrays, "jitted for other types; jit it without a signature"),
    ],
)
def test_fields_that_do_not_fit(field, reason):
    message = refusal(field=field)
    assert message.startswith("field: ")
    assert reason in message


def test_a_field_compiled_before_for_returning():
    returning(0.0, ONES, ONES, ONES, np.ones(1, np.int64))
    assert "write the derivative to dydt" in refusal(field=returning)


def test_read_only_arrays_are_taken():
    weights, sizes = np.full(2, 3.0), np.arange(2)
    for array in (weights, sizes):
        array.setflags(write=False)

    @njit
    def scaled(t, y, dydt, parameters, layout):
        dydt[:] = parameters * layout - y

    result = integrate(scaled, ONES, (0.0, 50.0), parameters=weights, layout=sizes)
    np.testing.assert_allclose(result.y, [0.0, 3.0], atol=1e-5)


@pytest.mark.parametrize(
    ("times", "span"),
    [
        ([0.1, 0.2, 3 * 0.1], (0.0, 0.3)),
        (np.linspace(0, 0.1, 5, dtype=np.float32), (0.0, 0.1)),
        ([1.1 - 1.0, 0.5], (0.1 + 1e-16, 0.5)),
        ([-1e-17, 1.0], (0.0, 1.0)),
        (0.1 * np.arange(11), (0.0, sum([0.1] * 10))),
    ],
)
def test_times_outside_by_rounding_are_the_ends(times, span):
    result = integrate(decaying, ONES, span, times=times, check=True)
    assert len(result.times) == len(times)
    assert span[0] <= result.times[0] <= result.times[-1] <= span[1]
    np.testing.assert_array_equal(result.states[-1], result.y)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint32, ">i8"])
@pytest.mark.parametrize("jitted", [True, False])
def test_whole_numbers_of_any_size_are_a_layout(dtype, jitted):
    def repeated(t, y, dydt, parameters, layout):
        dydt[:] = layout[1]

    layout = np.array([1, 3], dtype)
    result = integrate(njit(repeated) if jitted else repeated, np.zeros(2), (0.0, 1.0), layout=layout)
    np.testing.assert_allclose(result.y, 3.0)
