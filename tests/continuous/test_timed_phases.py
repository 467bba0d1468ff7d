"""Phases that end after a time: what they tend to, noise, outputs that come late, weights that move meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import ctsigprop as ct
from ctsigprop.continuous.diagnostics.stability import decay
from ctsigprop.continuous.learning.optimizers import Sgd
from ctsigprop.continuous.learning.pace import Pace
from ctsigprop.continuous.learning.phases import Batch
from ctsigprop.continuous.learning.rules import RULES
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.stepping import Timed
from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder
from ctsigprop.settings import LearningSettings, NudgingSettings, Settings, SolverSettings
from ctsigprop.settings.device import DeviceSettings, PhaseSettings

Array = NDArray[np.float64]
RATES = LearningSettings(rates=(1.0,), feedback_rate=1.0)
BETA = 0.4


def batch_of(problem: Any, solver: SolverSettings, phases: PhaseSettings, **device: Any) -> Batch:
    rng, nudging = np.random.default_rng(0), NudgingSettings("positive", BETA)
    how = nudging, solver, rng, None, phases, DeviceSettings(**device)
    return Batch.relaxed(problem.sweeps, problem.inputs, problem.target, *how)


def change_of(problem: Any, batch: Batch, rule: str = "eq14", factor: float = 1.0) -> Array:
    """All that learning adds to weights and biases, flat; the network is as it was afterwards."""
    network, chosen, pace = problem.network, RULES[rule], Pace(Sgd(), factor)
    before = {name: array.copy() for name, array in network.parameters().items()}
    if chosen.within:
        chosen.within(batch, chosen, pace)
    else:
        learn(network, problem.inputs, chosen.contrast(batch), chosen, pace)
    changes = [(array - before[name]).ravel() for name, array in network.parameters().items()]
    network.load(before)
    return np.concatenate(changes)


@pytest.fixture
def smooth(make_problem: Callable[..., Any]) -> Any:
    """A loop network of tanh, whose phases die out at one slowest rate."""
    return make_problem(rho="tanh", scale=0.6, learning=RATES)


def test_updates_tend_to_the_equilibrium_s_as_phases_grow(smooth: Any) -> None:
    """The error falls as exp(-T / tau), tau the slowest time constant of the phase that is cut off."""
    exact = change_of(smooth, batch_of(smooth, SolverSettings("anderson", 1e-14, 2000), PhaseSettings()))
    solver = SolverSettings("rk4", step=0.05)
    free = relax(smooth.sweeps, smooth.drive, smooth.sweeps.at_rest(4), SolverSettings("anderson", 1e-14, 2000))
    slowest = float(decay(smooth.sweeps, free.states).time_constant.max())
    durations = np.array([8.0, 11.0, 14.0, 17.0]) * slowest
    errors = [
        np.abs(change_of(smooth, batch_of(smooth, solver, PhaseSettings(float(T), float(T)))) - exact).max()
        for T in durations
    ]
    assert errors[-1] < 1e-5
    rate = -np.polyfit(durations, np.log(errors), 1)[0]
    assert rate == pytest.approx(1 / slowest, rel=0.15)


@pytest.mark.parametrize("method", ["euler", "heun"])
def test_a_phase_without_noise_is_that_of_the_plain_integrator(smooth: Any, method: str) -> None:
    solver, start = SolverSettings(method, step=0.1), smooth.sweeps.at_rest(4)
    plain = relax(smooth.sweeps, smooth.drive, start, solver, timed=Timed(3.0))
    stepped = relax(smooth.sweeps, smooth.drive, start, solver, timed=Timed(3.0, noise=1e-300))
    for one, other in zip(
        relax(smooth.sweeps, smooth.drive, start, solver, timed=Timed(3.0, 1e-300, window=0.0)).states,
        plain.states,
        strict=True,
    ):
        assert_allclose(one, other, atol=1e-13)
    assert not np.allclose(stepped.states[0], plain.states[0])  # the mean over the window is not the end


def test_late_outputs_are_those_of_a_delay_ago(smooth: Any) -> None:
    """Beside SciPy, which goes from one delay to the next with the outputs of the one before (method of steps)."""
    delay, duration, network = 0.5, 2.0, smooth.network
    ends = np.cumsum([0, *network.sizes[1:]])
    x, w = smooth.inputs[0], network.weights

    def late(t: float) -> Array:
        return np.tanh(pieces[min(int((t - delay) / delay), len(pieces) - 1)](t - delay)[ends[2] :]) if t > delay else 0

    def flow(t: float, y: Array) -> Array:
        one, two, out = (y[ends[k] : ends[k + 1]] for k in range(3))
        nets = x @ w["W01"] + late(t) @ w["W31"] if t > delay else x @ w["W01"]
        nets = [nets, np.tanh(one) @ w["W12"], np.tanh(two) @ w["W23"]]
        parts = zip((one, two, out), nets, network.biases, strict=True)
        return np.concatenate([(1 - np.tanh(s) ** 2) * (net + b) - s for s, net, b in parts])

    pieces: list[Any] = []
    y = np.zeros(ends[-1])
    for piece in range(round(duration / delay)):
        span = (piece * delay, (piece + 1) * delay)
        found = solve_ivp(flow, span, y, "DOP853", rtol=1e-9, atol=1e-11, dense_output=True)
        pieces.append(found.sol)
        y = found.y[:, -1]
    solver, start = SolverSettings("heun", step=0.005), smooth.sweeps.at_rest(4)
    timed = relax(smooth.sweeps, smooth.drive, start, solver, timed=Timed(duration, loop_delay=delay))
    found_states = np.concatenate([layer[0] for layer in timed.states])
    assert_allclose(found_states, y, atol=1e-4)
    prompt = relax(smooth.sweeps, smooth.drive, start, solver, timed=Timed(duration))
    assert np.abs(found_states - np.concatenate([layer[0] for layer in prompt.states])).max() > 1e-3


def test_noise_averages_out_over_the_window(smooth: Any) -> None:
    """The mean state of a long window lies within the noise's standard error of the state without noise."""
    noise, duration, solver = 0.02, 400.0, SolverSettings("heun", step=0.1)
    start = smooth.sweeps.at_rest(4)
    free = relax(smooth.sweeps, smooth.drive, start, SolverSettings("anderson", 1e-12, 2000))
    noisy = relax(smooth.sweeps, smooth.drive, start, solver, timed=Timed(duration, noise))
    slowest = float(decay(smooth.sweeps, free.states).time_constant.max())
    error = noise * slowest / np.sqrt(duration / 2)  # of the mean of an Ornstein-Uhlenbeck process over half the time
    for mean, rest in zip(noisy.states, free.states, strict=True):
        assert np.abs(mean - rest).max() < 5 * error


def test_noise_depends_on_the_seed_alone(smooth: Any) -> None:
    solver, start = SolverSettings("euler", step=0.1), smooth.sweeps.at_rest(4)

    def end(seed: int) -> Array:
        return relax(smooth.sweeps, smooth.drive, start, solver, timed=Timed(3.0, 0.1, seed=seed)).states[0]

    assert_array_equal(end(1), end(1))
    assert not np.array_equal(end(1), end(2))


@pytest.mark.parametrize("architecture", ["sigprop_loop", "symmetric_ep", "random_feedback_ep"])
def test_continual_learning_tends_to_eq_14_in_proportion_to_its_rate(
    make_problem: Callable[..., Any], architecture: str
) -> None:
    problem = make_problem(architecture, rho="tanh", scale=0.6, learning=RATES)
    solver, phases = SolverSettings("euler", step=0.1), PhaseSettings(60.0, 60.0)
    exact = change_of(problem, batch_of(problem, solver, phases))
    rates = np.array([0.004, 0.002, 0.001, 0.0005])
    errors = [
        np.abs(change_of(problem, batch_of(problem, solver, phases), "continual", rate) / rate - exact).max()
        for rate in rates
    ]
    assert np.polyfit(np.log(rates), np.log(errors), 1)[0] == pytest.approx(1.0, abs=0.1)


SHORT = PhaseSettings(6.0, 4.0)
EULER = SolverSettings("euler", step=0.25)


@pytest.mark.parametrize(
    ("rule", "device"),
    [
        ("eq14", {}),
        ("continual", {}),
        ("eq14", {"noise": 0.05}),
        ("eq14", {"loop_delay": 1.0}),
        ("continual", {"noise": 0.05, "loop_delay": 0.5, "weight_spread": 0.1, "update_bits": 12}),
    ],
)
def test_it_learns_and_resumes_to_the_same_bits(
    tmp_path: Any, assert_same_run: Callable[..., None], rule: str, device: dict[str, Any]
) -> None:
    """A network that stops after its second epoch and goes on is the one that never stopped."""
    data = ct.load_dataset("digits", limit=600)

    def trained(name: str, epochs: int, resume: bool = False) -> Any:
        network = ct.Network.sigprop_loop([64, 48, 10])
        return ct.fit(
            network,
            data,
            rule=rule,
            epochs=epochs,
            solver=EULER,
            phases=SHORT,
            device=ct.Device(**device),
            run_dir=tmp_path / name,
            resume=resume,
            quiet=True,
            threads=1,
        )

    whole = trained("whole", 4)
    assert whole.metrics[-1]["validation_error"] <= 60  # of ten classes: 90 by chance
    assert whole.metrics[-1]["unconverged"] == 0
    trained("parts", 2)
    config = tmp_path / "parts" / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 2", "epochs: 4"))
    trained("parts", 4, resume=True)
    assert_same_run(RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "parts"))


def test_what_cannot_be_run_in_time_is_refused() -> None:
    timed = PhaseSettings(5.0, 3.0)
    euler = SolverSettings("euler")
    for wrong, sentence in (
        ({"phases": timed}, "solver.method = 'anderson': must be an integrator, such as euler, with phases.free"),
        (
            {"device": DeviceSettings(noise=0.1)},
            "phases.free = None: must be a time, as phases.clamped, with device.noise",
        ),
        (
            {"phases": timed, "device": DeviceSettings(noise=0.1), "solver": SolverSettings("rk4")},
            "solver.method = 'rk4': must be euler or heun with device.noise",
        ),
        (
            {"phases": timed, "device": DeviceSettings(loop_delay=0.3), "solver": euler},
            "device.loop_delay = 0.3: must be a multiple of solver.step = 0.2",
        ),
        ({"learning": LearningSettings(rule="continual")}, "phases.free = None: must be a time"),
        (
            {
                "learning": LearningSettings(rule="continual"),
                "phases": timed,
                "solver": euler,
                "nudging": NudgingSettings("centered", 0.5),
            },
            "nudging.kind = 'centered': must be one of positive, negative, random-sign with continual",
        ),
    ):
        with pytest.raises(InputError) as refusal:
            replace(Settings(), **wrong)
        assert sentence in str(refusal.value)
    with pytest.raises(InputError, match=r"phases\.clamped = None: must be a time, as phases\.free is"):
        PhaseSettings(free=3.0)


def test_held_outputs_stay_where_they_are_under_noise(smooth: Any) -> None:
    batch = batch_of(smooth, SolverSettings("euler", step=0.1), PhaseSettings(4.0, 4.0), noise=0.3)
    assert_allclose(RULES["contrastive"].contrast(batch).plus[-1], smooth.target, atol=1e-12)


def test_states_that_are_lost_in_the_free_phase_end_the_run_in_a_sentence() -> None:
    network = ct.Network.sigprop_loop([64, 32, 10], rho="rectifier", output_gain=30, feedback_gain=30)
    how = {"solver": ct.InTime("euler"), "phases": ct.Phases(300.0, 5.0), "device": ct.Device(noise=0.01)}
    with pytest.raises(ct.RunFailure, match="states are no longer finite"):
        ct.fit(network, ct.load_dataset("digits", limit=60), epochs=1, quiet=True, **how)
