"""Fixed points: every way to reach one ends at the same states, and the residual says how far they are."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.solvers import Status

INTEGRATORS = ["euler", "heun", "rk4", "dopri5", "exponential_euler"]
GRAPHS = {
    "loop": {"architecture": "sigprop_loop", "hidden": (6, 5), "time_constant": 1.2},
    "loops": {"architecture": "sigprop_loop", "hidden": (6, 5, 4), "loops": (1, 3)},
    "symmetric": {"architecture": "symmetric_ep", "hidden": (6, 5), "time_constant": 0.8},
    "random feedback": {"architecture": "random_feedback_ep", "hidden": (6, 5, 4), "feedback_gain": 0.6},
}


def assert_same_states(found, expected, tolerance: float) -> None:
    for one, other in zip(found.states, expected.states, strict=True):
        assert_allclose(one, other, atol=tolerance)


@pytest.mark.parametrize("nudged", [False, True])
@pytest.mark.parametrize("rho", ["hard_sigmoid", "tanh", "logistic", "rectifier"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_solver_ends_at_the_same_fixed_point(make_problem: Callable, graph: str, rho: str, nudged: bool) -> None:
    problem = make_problem(**GRAPHS[graph], rho=rho, scale=0.6)
    nudge = problem.nudge(0.6, -0.3, 0.2, 1.5) if nudged else None
    start = problem.relax().states if nudged else None
    expected = problem.relax(nudge, start)
    assert expected.status is Status.SUCCESS
    assert expected.residual.max() <= 1e-12
    for method in ("sweeps", *INTEGRATORS):
        found = problem.relax(nudge, start, method=method, tolerance=1e-9)
        assert found.status is Status.SUCCESS, method
        assert found.residual.max() <= 1e-9
        assert_same_states(found, expected, 1e-7)
        assert_allclose(found.output_net, expected.output_net, atol=1e-7)


@pytest.mark.parametrize("rho", ["hard_sigmoid", "tanh"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_reported_residual_is_that_of_the_states(make_problem: Callable, graph: str, rho: str) -> None:
    problem = make_problem(**GRAPHS[graph], rho=rho)
    nudge = problem.nudge(0.7)
    for method, limits in (("anderson", {"max_sweeps": 3}), ("sweeps", {"max_sweeps": 2}), ("rk4", {"longest": 2.0})):
        found = problem.relax(nudge, method=method, **limits)
        assert found.status is Status.NOT_CONVERGED
        net, residual = problem.sweeps.balance_of(problem.drive, found.states, nudge)
        assert residual.min() > 1e-6
        assert_allclose(found.residual, residual, rtol=1e-8)
        if method != "rk4":
            assert_array_equal(found.sweeps, limits["max_sweeps"])
        else:
            assert_allclose(found.output_net, net, rtol=1e-12)


def test_residual_is_the_distance_to_the_balance_of_every_neuron(make_problem: Callable) -> None:
    problem = make_problem("sigprop_loop", (6, 5), time_constant=1.5)
    rng, weights = np.random.default_rng(8), problem.network.parameters()
    s1, s2, s3 = (rng.uniform(0, 1, (4, units)) for units in (6, 5, 3))
    nets = (
        problem.inputs @ weights["W01"] + s3 @ weights["W31"] + weights["b1"],
        s1 @ weights["W12"] + weights["b2"],
        s2 @ weights["W23"] + weights["b3"],
    )
    pulled = (nets[2] + 0.4 * problem.target) / (1 / 1.5 + 0.4)
    balanced = [np.clip(net, 0, 1) for net in (1.5 * nets[0], 1.5 * nets[1], pulled)]
    squares = sum(((there - here) ** 2).sum(axis=1) for there, here in zip(balanced, (s1, s2, s3), strict=True))
    norms = sum((here**2).sum(axis=1) for here in (s1, s2, s3))
    net, residual = problem.sweeps.balance_of(problem.drive, (s1, s2, s3), problem.nudge(0.4))
    assert_allclose(net, nets[2], rtol=1e-12)
    assert_allclose(residual, np.sqrt(squares / norms), rtol=1e-12)


@pytest.mark.parametrize("method", ["anderson", "sweeps"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_a_batch_is_its_samples_solved_one_by_one(make_problem: Callable, graph: str, method: str) -> None:
    problem = make_problem(**GRAPHS[graph], samples=7)
    nudge = problem.nudge(*np.linspace(-0.5, 1, 7))
    together = problem.relax(nudge, method=method)
    assert len(set(together.sweeps.tolist())) > 1
    for sample in range(7):
        alone = problem.part([sample]).relax(nudge[np.array([sample])], method=method)
        assert_same_states(alone, together[np.array([sample])], 1e-11)
        assert abs(int(alone.sweeps[0]) - int(together.sweeps[sample])) <= 1


@pytest.mark.parametrize("method", ["anderson", "sweeps"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_a_start_at_the_solution_takes_one_sweep(make_problem: Callable, graph: str, method: str) -> None:
    problem = make_problem(**GRAPHS[graph])
    cold = problem.relax(method=method)
    warm = problem.relax(method=method, start=cold.states, tolerance=1e-11)
    assert cold.sweeps.min() > 1
    assert_array_equal(warm.sweeps, 1)
    assert_same_states(warm, cold, 1e-11)


@pytest.mark.parametrize("method", ["anderson", "sweeps"])
def test_a_cap_that_is_reached_is_reported(make_problem: Callable, method: str) -> None:
    problem = make_problem()
    found = problem.relax(method=method, max_sweeps=2)
    assert found.status is Status.NOT_CONVERGED
    assert_array_equal(found.sweeps, 2)
    assert problem.relax(method=method, max_sweeps=2, tolerance=0.1).status is Status.SUCCESS


@pytest.mark.parametrize("method", INTEGRATORS)
def test_a_time_that_is_too_short_is_reported(make_problem: Callable, method: str) -> None:
    found = make_problem().relax(method=method, longest=1.0, tolerance=1e-6)
    assert found.status is Status.NOT_CONVERGED
    assert found.residual.max() > 1e-6


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("method", INTEGRATORS)
def test_integration_ends_when_the_network_rests(make_problem: Callable, method: str, precision: str) -> None:
    """Not when the time is over, which would be three times the steps; rounding may move the end by a few."""
    problem = make_problem(hidden=(30, 30), samples=40, precision=precision)
    for tolerance in (1e-2, 1e-3) if precision == "float32" else (1e-3, 1e-5, 1e-7):
        short, long = (problem.relax(method=method, tolerance=tolerance, longest=longest) for longest in (100, 300))
        assert short.status is Status.SUCCESS
        assert_allclose(short.sweeps, long.sweeps, rtol=0.3)


@pytest.mark.parametrize("method", INTEGRATORS)
@pytest.mark.parametrize("time_constant", [0.05, 20.0])
def test_slow_and_fast_leaks_rest_where_sweeps_end(make_problem: Callable, time_constant: float, method: str) -> None:
    problem = make_problem(time_constant=time_constant)
    for parameter in problem.network.parameters().values():
        parameter /= time_constant
    expected = problem.relax()
    found = problem.relax(method=method, tolerance=1e-7, step=0.2 * time_constant, longest=100 * time_constant)
    assert found.status is Status.SUCCESS
    assert found.sweeps.max() < 3000
    assert_same_states(found, expected, 1e-6)


def test_acceleration_pays_on_a_tight_loop(make_problem: Callable) -> None:
    problem = make_problem("sigprop_loop", (8, 8), rho="tanh", feedback_gain=4.0, samples=20)
    plain = problem.relax(method="sweeps", tolerance=1e-8)
    accelerated = problem.relax(method="anderson", tolerance=1e-8)
    assert plain.status is accelerated.status is Status.SUCCESS
    slow = plain.sweeps > 20
    assert slow.sum() > 10, "the loop is not tight"
    assert np.all(accelerated.sweeps[slow] < plain.sweeps[slow])
    assert accelerated.sweeps.mean() < plain.sweeps.mean() / 2
    assert_same_states(accelerated, plain, 1e-6)


@pytest.mark.parametrize("graph", GRAPHS)
def test_float32_reaches_the_default_tolerance_and_the_same_states(make_problem: Callable, graph: str) -> None:
    single, double = (make_problem(**GRAPHS[graph], precision=precision) for precision in ("float32", "float64"))
    found, expected = single.relax(tolerance=1e-6), double.relax()
    assert found.status is Status.SUCCESS
    assert {layer.dtype for layer in (*found.states, found.output_net, found.residual)} == {np.dtype(np.float32)}
    assert_same_states(found, expected, 2e-5)


def test_a_nudged_output_of_two_balances_stays_on_the_side_where_it_started(make_problem: Callable) -> None:
    """As the flow of Eq. 13 does: a logistic output pushed away from its target has a second balance below zero."""
    problem = make_problem("sigprop_loop", (6, 5), rho="logistic", feedback_gain=0.1)
    problem.network.parameters()["W23"][...] = 0
    problem.network.parameters()["b3"][...] = 0.9
    free, nudge = problem.relax(), problem.nudge(-0.4)
    flow = problem.relax(nudge, free.states, method="dopri5", tolerance=1e-9)
    swept = problem.relax(nudge, free.states)
    from_rest = problem.relax(nudge)
    assert_same_states(swept, flow, 1e-7)
    assert np.abs(from_rest.output - swept.output).max() > 0.5


def test_a_loop_that_silences_the_network_is_no_overflow(make_problem: Callable) -> None:
    """At zero, the first sweep of strong inhibition, |F(s) - s| / |s| has the smallest number for |s|."""
    problem = make_problem("sigprop_loop", (32,), precision="float32", features=64, classes=10, samples=5)
    for name, worth in (("W01", 0.1), ("W12", 0.1), ("W21", -20.0), ("b1", 0.0), ("b2", 0.0)):
        problem.network.parameters()[name][...] = worth
    for method in ("anderson", "sweeps"):
        found = problem.relax(method=method, tolerance=1e-4, max_sweeps=30)
        assert found.status is not Status.NOT_FINITE
        assert np.isfinite(found.residual).all()
        assert (found.sweeps == 30).all()


@pytest.mark.parametrize("method", ["anderson", "dopri5"])
def test_no_samples_are_no_trouble(make_problem: Callable, method: str) -> None:
    found = make_problem().part([]).relax(method=method)
    assert found.status is Status.SUCCESS
    assert [layer.shape for layer in found.states] == [(0, 6), (0, 5), (0, 3)]
