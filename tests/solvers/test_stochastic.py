"""Stochastic integrators: strong order, the Ornstein-Uhlenbeck process's moments, numbers that are known."""

from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from ctsigprop.core.threads import set_threads
from ctsigprop.solvers import STOCHASTIC_METHODS, Status, integrate, integrate_stochastic
from ctsigprop.solvers.philox import add_normal, philox

METHODS = list(STOCHASTIC_METHODS)

KNOWN = {  # Random123's own known answers: counter, key, words
    "zeros": ([0] * 4, 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    "ones": ([0xFFFFFFFF] * 4, 2**64 - 1, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    "pi": (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        0x299F31D0A4093822,
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
}


def decay(t: float, y: Any, dydt: Any, parameters: Any, layout: Any) -> None:
    dydt[:] = -y


def bent(t: float, y: Any, dydt: Any, parameters: Any, layout: Any) -> None:
    dydt[:] = np.sin(y) - y**3 + np.cos(3 * t)


@pytest.mark.parametrize("known", KNOWN)
def test_philox_gives_the_numbers_that_are_known(known: str) -> None:
    counter, key, words = KNOWN[known]
    found = np.empty(4, np.uint64)
    philox(np.array(counter, np.uint64), np.uint64(key), found)
    assert found.tolist() == words


def normals(key: int, step: int, size: int) -> np.ndarray:
    out = np.zeros(size)
    add_normal(np.uint64(key), np.uint64(step), np.ones(1), out)
    return out


def test_the_numbers_are_normal_and_independent() -> None:
    first, second, other = normals(1, 0, 100_000), normals(1, 1, 100_000), normals(2, 0, 100_000)
    assert stats.kstest(first, "norm").pvalue > 1e-4
    for one, two in ((first, second), (first, other), (first[1:], first[:-1]), (first[::2], first[1::2])):
        assert abs(stats.pearsonr(one, two).statistic) < 4.5 / sqrt(len(one))


def test_a_component_s_number_does_not_depend_on_the_others() -> None:
    assert_array_equal(normals(7, 3, 1001)[:10], normals(7, 3, 10))


@pytest.mark.parametrize("field", [decay, bent])
@pytest.mark.parametrize("method", METHODS)
def test_the_strong_order_is_1(method: str, field: Any) -> None:
    """Root mean square of 5,000 paths' errors at the end, against the same paths in steps of 1 / 1024."""
    finest, start = 1024, np.full(5_000, 0.5)

    def end(steps: int) -> np.ndarray:
        result = integrate_stochastic(
            field, start, (0.0, 1.0), noise=0.5, step=1 / steps, substeps=finest // steps, method=method
        )
        return result.y

    exact, steps = end(finest), np.array([4, 8, 16, 32, 64])
    errors = [sqrt(((end(int(count)) - exact) ** 2).mean()) for count in steps]
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("method", METHODS)
def test_ornstein_uhlenbeck(method: str) -> None:
    """dy = -y dt + s dW from 1: mean e^-t, variance s^2 (1 - e^-2t) / 2, and correlation e^-lag once it is stationary.

    Steps are so small that their bias, at most half a step, is below the standard errors of 40,000 paths.
    """
    paths, s, times = 40_000, 0.7, np.array([0.5, 3.0, 4.0])
    result = integrate_stochastic(
        decay, np.ones(paths), (0.0, 4.0), noise=s, step=1 / 256, times=times, seed=5, method=method
    )
    for t, states in zip(times, result.states, strict=True):
        variance = s**2 * (1 - exp(-2 * t)) / 2
        assert abs(states.mean() - exp(-t)) < 3 * sqrt(variance / paths)
        assert abs(states.var() - variance) < 3 * variance * sqrt(2 / paths)
    stationary = s**2 / 2
    lagged = stats.pearsonr(result.states[1], result.states[2]).statistic
    expected = exp(-1) * sqrt((1 - exp(-6.0)) / (1 - exp(-8.0)))
    assert abs(lagged - expected) < 3 * (1 - expected**2) / sqrt(paths)
    assert result.mean == pytest.approx(result.y)
    assert result.states[2].var() == pytest.approx(stationary, rel=0.05)


def test_the_mean_is_that_of_the_window() -> None:
    seen = []
    result = integrate_stochastic(
        decay,
        np.zeros(5),
        (0.0, 10.0),
        noise=1.0,
        step=0.1,
        average_from=5.0,
        after_step=lambda t, y: seen.append((t, y.copy())),
    )
    assert_allclose(result.mean, np.mean([y for t, y in seen if t >= 5 - 0.05], axis=0))


@pytest.mark.parametrize(("method", "plain"), [("euler_maruyama", "euler"), ("stochastic_heun", "heun")])
def test_without_noise_it_is_the_plain_method(method: str, plain: str) -> None:
    span, y0 = (0.0, 1.05), np.array([0.2, -0.4, 0.9])
    found = integrate_stochastic(bent, y0, span, noise=0.0, step=0.1, method=method, lower=-0.5, upper=1.0)
    assert_allclose(found.y, integrate(bent, y0, span, step=0.1, method=plain, lower=-0.5, upper=1.0).y, atol=1e-14)


def test_a_path_depends_on_its_seed_alone() -> None:
    def end(seed: int, threads: int) -> np.ndarray:
        set_threads(threads)
        return integrate_stochastic(decay, np.zeros(5000), (0.0, 1.0), noise=1.0, step=0.1, seed=seed).y

    assert_array_equal(end(3, 1), end(3, 2))
    assert not np.array_equal(end(3, 2), end(4, 2))


def test_what_is_no_longer_finite_is_said() -> None:
    def growing(t: float, y: Any, dydt: Any, parameters: Any, layout: Any) -> None:
        dydt[:] = y**3

    with np.errstate(over="ignore", invalid="ignore"):
        result = integrate_stochastic(growing, np.full(2, 10.0), (0.0, 9.0), noise=1.0, step=1.0)
    assert result.status is Status.NOT_FINITE
    assert result.time < 9


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"method": "euler"}, "method: 'euler' given, one of euler_maruyama, stochastic_heun is needed"),
        ({"noise": -1.0}, "one finite number of at least 0 or 3 are needed"),
        ({"noise": [1.0, 2.0]}, r"noise: shape \(2,\) given"),
        ({"seed": -1}, "seed: -1 given"),
        ({"step": 0.0}, "step: 0.0 given, a positive number is needed"),
        ({"substeps": 0}, "substeps: 0 given"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        integrate_stochastic(decay, np.zeros(3), (0.0, 1.0), **{"noise": 1.0, "step": 0.1} | wrong)


def test_a_path_has_no_way_back() -> None:
    with pytest.raises(ValueError, match=r"t_span: \(1.0, 0.0\) given, a start before the end"):
        integrate_stochastic(lambda *_: None, [0.0], (1.0, 0.0), noise=1.0, step=0.1)
