"""Inputs that vary in time, beside the exact solution of a linear network and beside constant ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import ctsigprop as ct

X = np.random.default_rng(1).uniform(size=(3, 4))
TARGET = np.array([0, 1, 0])


def drawn(rho: str = "hard_sigmoid") -> ct.Network:
    return ct.Network.sigprop_loop([4, 5, 2], rho=rho, output_gain=1.0, precision="float64", seed=2)


def test_neurons_follow_a_sine_as_their_equation_says() -> None:
    """s' = a sin(t) - s from 0: s = a (sin t - cos t + exp(-t)) / 2, of the first layer without a loop."""
    network = drawn("linear")
    network.weights["W21"][...] = 0
    wave = ct.simulate(network, lambda t: np.sin(t) * X, TARGET, duration=(6.0, 3.0), solver=ct.InTime("dopri5"))
    t = wave.times
    expected = (np.sin(t) - np.cos(t) + np.exp(-t))[:, None, None] / 2 * (X @ network.weights["W01"])
    assert_allclose(wave.states[0], expected, atol=1e-5)
    assert wave.times[-1] == pytest.approx(9.0)
    assert wave.residual.shape == (len(t), 3)


@pytest.mark.parametrize("solver", ["dopri5", "euler"])
def test_a_function_that_does_not_vary_is_a_constant_input(solver: str) -> None:
    network, how = drawn(), {"duration": (5.0, 5.0), "solver": ct.InTime(solver, step=0.1)}
    constant, function = (ct.simulate(network, x, TARGET, **how) for x in (X, lambda t: X))
    for one, other in zip(constant.states, function.states, strict=True):
        assert_allclose(one, other, atol=1e-5)
    assert_allclose(constant.residual, function.residual, atol=1e-4, equal_nan=True)


def test_samples_on_a_grid_are_joined_by_straight_lines() -> None:
    grid = ct.Sampled([0.0, 2.0, 3.0], np.stack([0 * X, X, 3 * X]))
    for t, factor in ((-1.0, 0.0), (0.0, 0.0), (1.0, 0.5), (2.0, 1.0), (2.5, 2.0), (3.0, 3.0), (9.0, 3.0)):
        assert_allclose(grid(t), factor * X)
    assert_allclose(ct.Sampled([1.0], X[None])(5.0), X)
    network = drawn()

    def line(t: float) -> np.ndarray:
        return np.interp(t, [0.0, 2.0, 3.0], [0.0, 1.0, 3.0]) * X

    sampled, function = (ct.simulate(network, x, TARGET, duration=(4.0, 2.0)) for x in (grid, line))
    for one, other in zip(sampled.states, function.states, strict=True):
        assert_allclose(one, other, atol=1e-4)


def test_a_short_pulse_of_samples_is_not_stepped_over() -> None:
    network = drawn("linear")
    network.weights["W21"][...] = 0
    pulse = ct.Sampled([50.0, 50.1, 50.2, 50.3], np.stack([0 * X, 100 * X, 100 * X, 0 * X]))
    states = ct.simulate(network, pulse, TARGET, duration=(200.0, 10.0)).states[0]
    assert np.abs(states).max() > 1


def test_whole_numbers_do_not_wrap_around() -> None:
    bytes_ = np.array([[[200, 10, 0, 255]], [[50, 2, 0, 63]]], np.uint8)
    assert_allclose(ct.Sampled([0.0, 1.0], bytes_)(0.5), [[125, 6, 0, 159]])


def test_noise_and_inputs_that_vary_go_together() -> None:
    network = drawn()
    how = {"duration": (2.0, 1.0), "solver": ct.InTime("heun", step=0.1), "seed": 3}
    quiet, noisy = (ct.simulate(network, lambda t: t * X, TARGET, noise=noise, **how) for noise in (0.0, 1e-9))
    for one, other in zip(quiet.states, noisy.states, strict=True):
        assert_allclose(one[-1], other[-1], atol=1e-2)


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(
        ct.InputError, match="x: varies in time, so that a phase does not come to rest: give a duration"
    ):
        ct.simulate(drawn(), lambda t: X, TARGET)
    with pytest.raises(ct.InputError, match=r"x: has 2 samples at t = 0\.0"):
        ct.simulate(drawn(), lambda t: X[: 3 - (t > 0)], TARGET, duration=(1.0, 1.0))
    with pytest.raises(ct.InputError, match="times: must be an array of numbers"):
        ct.Sampled(["noon"], X[None])
    with pytest.raises(ct.InputError, match="x: must be finite numbers"):
        ct.Sampled([0.0], np.nan * X[None])
    with pytest.raises(ct.InputError, match="times: must be in ascending order"):
        ct.Sampled([1.0, 0.0], np.stack([X, X]))
    with pytest.raises(ct.InputError, match=r"x: of shape \(1, 3, 4\): must be \(2, samples, ...\)"):
        ct.Sampled([0.0, 1.0], X[None])
    with pytest.raises(ct.InputError, match=r"x has samples of shape \(2,\): must be \(4,\)"):
        ct.simulate(drawn(), lambda t: X[:, :2], TARGET, duration=(1.0, 1.0))


def test_late_outputs_follow_eulers_steps_written_out() -> None:
    network, step, delay = drawn(), 0.25, 4
    w = network.weights
    course = ct.simulate(
        network, X, TARGET, duration=(4.0, 2.0), solver=ct.InTime("euler", step=step), loop_delay=step * delay
    )
    hidden, outputs = np.zeros((3, 5)), [np.zeros((3, 2))]
    for number in range(16):
        seen = outputs[max(0, number - delay)]
        net_1, net_2 = X @ w["W01"] + seen @ w["W21"], hidden @ w["W12"]
        outputs.append((outputs[-1] + step * (net_2 - outputs[-1])).clip(0, 1))
        hidden = (hidden + step * (net_1 - hidden)).clip(0, 1)
    at_nudge = int(np.flatnonzero(course.times == 4.0)[0])
    assert_allclose(course.states[0][at_nudge], hidden, atol=1e-12)
    assert_allclose(course.states[1][at_nudge], outputs[-1], atol=1e-12)


def test_a_delay_that_cannot_be_followed_is_refused() -> None:
    network = drawn()
    euler = ct.InTime("euler", step=0.25)
    with pytest.raises(ct.InputError, match=r"loop_delay = 0\.3: must be a multiple of the solver's step = 0\.25"):
        ct.simulate(network, X, TARGET, loop_delay=0.3, duration=(4.0, 2.0), solver=euler)
    with pytest.raises(ct.InputError, match=r"loop_delay = 1\.0: needs a duration"):
        ct.simulate(network, X, TARGET, loop_delay=1.0)


def test_a_time_is_there_at_most_twice() -> None:
    with pytest.raises(ct.InputError, match="times: must be in ascending order, none of them more than twice"):
        ct.Sampled([1.0, 1.0, 1.0], np.stack([X, X, X]))


def test_a_step_is_a_time_that_is_there_twice() -> None:
    step = ct.Sampled([0.0, 5.0, 5.0, 9.0], np.stack([0 * X, 0 * X, X, X]))
    for t, factor in ((4.99, 0.0), (5.0, 1.0), (8.0, 1.0), (20.0, 1.0)):
        assert_allclose(step(t), factor * X)
    network = drawn("linear")
    network.weights["W21"][...] = 0
    course = ct.simulate(network, step, TARGET, duration=(9.0, 1.0))
    expected = (1 - np.exp(-(course.times - 5).clip(0)))[:, None, None] * (X @ network.weights["W01"])
    assert_allclose(course.states[0], expected, atol=1e-5)


def test_jumps_of_a_function_are_heeded() -> None:
    network = drawn("linear")
    network.weights["W21"][...] = 0

    def pulse(t: float) -> np.ndarray:
        return X if 50 <= t < 50.1 else 0 * X

    course = ct.simulate(network, pulse, TARGET, duration=(51.0, 1.0), jumps=[50.0, 50.1])
    at_nudge = int(np.flatnonzero(course.times == 51.0)[0])
    expected = (1 - np.exp(-0.1)) * np.exp(-0.9) * (X @ network.weights["W01"])
    assert_allclose(course.states[0][at_nudge], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"duration": (10.0, -1.0)}, r"duration = -1\.0: must be a finite number greater than 0"),
        ({"duration": (10.0, 0.0)}, r"duration = 0\.0"),
        ({"duration": 10.0}, r"duration = 10\.0: must be two times"),
        ({"duration": (1.0, 2.0, 3.0)}, "must be two times"),
        ({"duration": "ab"}, "duration = 'ab': must be two times"),
        ({"duration": (float("nan"), 1.0)}, "duration = nan"),
        ({"beta": -1.0}, r"beta = -1\.0: must be a finite number greater than -1"),
        ({"beta": "big"}, "beta = 'big': must be a finite number"),
        ({"seed": "a"}, "seed = 'a': must be a whole number"),
        ({"jumps": ["noon"]}, "jumps: must be an array of numbers"),
    ],
)
def test_what_cannot_be_meant_is_one_line(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ct.InputError, match=says):
        ct.simulate(drawn(), X, TARGET, **wrong)  # type: ignore[arg-type]


def test_a_run_is_no_network() -> None:
    data = ct.Dataset.from_arrays(np.tile(X, (4, 1)), np.arange(12) % 2)
    run = ct.fit(ct.Network.sigprop_loop([4, 5, 2]), data, epochs=1, fixed="loop", quiet=True)
    assert run.settings.learning.fixed == ("loop",)
    for use in (lambda: ct.simulate(run, X, TARGET), lambda: ct.angles(run)):
        with pytest.raises(ct.InputError, match=r"network: is of type Run: must be a Network: give its \.network"):
            use()
