"""Both phases in time: exact solutions, fixed points, descent of the energy."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ctsigprop.analysis.measures.time_courses import rest_times, time_courses
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.relaxation import relax
from ctsigprop.errors import RunFailure
from ctsigprop.settings import SolverSettings
from ctsigprop.solvers import METHODS

MakeNetwork = Callable[..., Network]

RNG = np.random.default_rng(8)
INPUTS, TARGET = RNG.random((3, 6)), np.eye(4)[[1, 3, 0]]
DOPRI5 = SolverSettings("dopri5", tolerance=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rho", ["hard_sigmoid", "tanh"])
def test_every_integrator_ends_where_sweeps_do(make_network: MakeNetwork, method: str, rho: str) -> None:
    sweeps = LayerSweeps(make_network(rho=rho))
    solver = replace(DOPRI5, method=method)
    courses = time_courses(sweeps, INPUTS, TARGET, 0.4, solver)
    for course in (courses.free, courses.clamped):
        assert course.miss.max() < 1e-6
        assert np.isfinite(course.rest).all()
        assert course.residual[-1].max() <= solver.tolerance
    swept = relax(sweeps, sweeps.drive(INPUTS), sweeps.at_rest(3), SolverSettings(tolerance=1e-10))
    for end, state in zip(courses.free.end, swept.states, strict=True):
        np.testing.assert_allclose(end, state, atol=1e-6)


def test_without_feedback_the_first_layer_relaxes_exponentially(make_network: MakeNetwork) -> None:
    network = make_network(feedback_gain=0.0, time_constant=2.0)
    network.biases[0][...] = 0.2
    network.connections[0].weight[...] *= 0.1
    sweeps = LayerSweeps(network)
    courses = time_courses(sweeps, INPUTS, TARGET, 0.4, DOPRI5)
    drive = sweeps.drive(INPUTS)[0]
    assert (drive > 0).all()
    assert (2 * drive < 1).all()
    times = courses.free.times[:, None, None]
    np.testing.assert_allclose(courses.free.states[0], 2 * drive * (1 - np.exp(-times / 2)), atol=1e-6)
    np.testing.assert_allclose(courses.clamped.states[0], np.broadcast_to(2 * drive, (201, 3, 12)), atol=1e-6)


def test_a_clamped_output_without_input_relaxes_to_its_weighted_target(make_network: MakeNetwork) -> None:
    network = make_network(output_gain=0.0)
    courses = time_courses(LayerSweeps(network), INPUTS, TARGET, 0.5, DOPRI5)
    times = courses.clamped.times[:, None, None]
    assert not courses.free.states[-1].any()
    np.testing.assert_allclose(courses.clamped.states[-1], TARGET / 3 * (1 - np.exp(-1.5 * times)), atol=1e-6)


def test_phases_are_joined_at_the_moment_of_nudging(make_network: MakeNetwork) -> None:
    courses = time_courses(LayerSweeps(make_network()), INPUTS, TARGET, 0.4, DOPRI5)
    points = len(courses.free.times)
    assert courses.times[points - 1] == courses.times[points] == courses.nudged
    assert (np.diff(courses.times) >= 0).all()
    assert courses.times[0] == 0
    for layer in courses.states:
        assert not layer[0].any()
        assert np.array_equal(layer[points - 1], layer[points])
    assert np.isnan(courses.residual[0]).all()
    assert (courses.residual[points] > courses.residual[points - 1]).all()


@pytest.mark.parametrize("rho", ["hard_sigmoid", "logistic"])
def test_energy_descends_in_both_phases(make_network: MakeNetwork, rho: str) -> None:
    network = make_network(architecture="symmetric_ep", rho=rho)
    courses = time_courses(LayerSweeps(network), INPUTS, TARGET, 0.4, DOPRI5)
    for course in (courses.free, courses.clamped):
        assert course.energy is not None
        assert course.energy.shape == course.residual.shape
        assert np.diff(course.energy, axis=0).max() < 1e-8
        assert (course.energy[0] > course.energy[-1]).all()


def test_a_directed_loop_has_no_energy(make_network: MakeNetwork) -> None:
    assert time_courses(LayerSweeps(make_network()), INPUTS, TARGET, 0.4, DOPRI5).free.energy is None


def test_a_phase_that_is_too_short_is_never_at_rest(make_network: MakeNetwork) -> None:
    courses = time_courses(LayerSweeps(make_network()), INPUTS, TARGET, 0.4, replace(DOPRI5, longest=0.5))
    assert np.isnan(courses.free.rest).all()
    assert courses.free.times[-1] == 0.5


def test_an_integration_that_breaks_off_is_one_line(make_network: MakeNetwork) -> None:
    network = make_network(rho="tanh", precision="float32")
    solver = SolverSettings("euler", step=40.0, longest=20_000.0)
    inputs, target = INPUTS.astype(np.float32), TARGET.astype(np.float32)
    with pytest.raises(RunFailure, match=r"solver\.method = 'euler': .* no longer finite: take smaller steps"):
        time_courses(LayerSweeps(network), inputs, target, 0.4, solver)


@pytest.mark.parametrize("time_constant", [0.05, 20.0])
def test_a_slow_and_a_fast_network_rest_after_as_many_time_constants(
    make_network: MakeNetwork, time_constant: float
) -> None:
    """The same network in another unit of time: weights, biases and the nudge are in that of 1 / r."""
    found = []
    for r in (1.0, time_constant):
        network = make_network(time_constant=r)
        for values in network.parameters().values():
            values /= r
        solver = replace(DOPRI5, tolerance=1e-4, longest=200 * r)
        courses = time_courses(LayerSweeps(network), INPUTS, TARGET, 0.4 / r, solver)
        found.append(courses.free.rest / r)
        assert courses.free.miss.max() < 1e-3
        assert courses.nudged / r < 40
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[1], found[0], rtol=0.1)


def test_rest_begins_after_the_last_residual_above_the_tolerance() -> None:
    residual = np.array([[np.nan, np.nan, 9, 0], [2, 0, 9, 0], [0, 0, 9, 2], [2, 0, 9, 0], [0, 0, 9, 1]])
    found = rest_times(np.array([0.0, 1.0, 2.0, 3.0, 5.0]), residual, 1.0)
    np.testing.assert_array_equal(found, [5.0, 0.0, np.nan, 3.0])
