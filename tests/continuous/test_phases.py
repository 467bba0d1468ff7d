"""The clamped phase and the contrast: who moves, how far, and that centered nudging is both one-sided phases."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.continuous.learning.phases import Batch, Contrast, clamped_phase, contrast
from ctsigprop.settings import NudgingSettings, SolverSettings

SOLVER = SolverSettings("anderson", 1e-12, 2000)


def contrasted(problem, kind: str, beta: float, seed: int = 0) -> Contrast:
    rng = np.random.default_rng(seed)
    nudging = NudgingSettings(kind, beta)
    return contrast(
        Batch(problem.sweeps, problem.inputs, problem.target, problem.drive, problem.relax(), nudging, SOLVER, rng)
    )


def sure_of_class_0(make_problem: Callable, precision: str = "float64"):
    """Six samples whose outputs are exactly at 1, 0, 0: the first three targets agree, the others do not."""
    problem = make_problem(samples=6, precision=precision)
    problem.network.parameters()["b3"][...] = [3, -3, -3]
    problem.target[...] = np.eye(3)[[0, 0, 0, 1, 2, 1]]
    return problem


@pytest.mark.parametrize("kind", ["positive", "centered", "random-sign"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_sample_that_no_nudge_moves_is_left_out(make_problem: Callable, kind: str, precision: str) -> None:
    problem = sure_of_class_0(make_problem, precision)
    free = problem.relax(tolerance=1e-6)
    pair = contrasted(problem, kind, 0.3)
    assert not set(pair.rows.tolist()) & {0, 1, 2}
    for beta in (0.3, -0.3):
        clamped = problem.relax(problem.nudge(beta), free.states, tolerance=1e-6)
        for layer, at_rest in zip(clamped.states, free.states, strict=True):
            assert_array_equal(layer[:3], at_rest[:3])
    assert_array_equal(pair.sweeps[:3], 0)


def test_who_moves_depends_on_the_side(make_problem: Callable) -> None:
    """An output at its bound, just inside the pull's reach, moves under one sign alone."""
    problem = sure_of_class_0(make_problem)
    problem.network.parameters()["W23"][...] = 0
    problem.network.parameters()["b3"][...] = [0.9, -3, -0.2]
    problem.target[...] = np.eye(3)[[1, 1, 2, 2, 0, 0]]
    free = problem.relax()
    moved = {}
    for beta in (0.3, -0.3):
        moved[beta], _ = clamped_phase(problem.sweeps, problem.drive, free, problem.nudge(beta), SOLVER)
    assert_array_equal(moved[0.3], range(6))
    problem.network.parameters()["b3"][...] = [1.1, -3, -0.2]
    free = problem.relax()
    for beta in (0.3, -0.3):
        moved[beta], _ = clamped_phase(problem.sweeps, problem.drive, free, problem.nudge(beta), SOLVER)
    assert_array_equal(moved[0.3], [0, 1, 2, 3])
    assert_array_equal(moved[-0.3], [])
    pair = contrasted(problem, "centered", 0.3)
    assert_array_equal(pair.rows, [0, 1, 2, 3])
    for layer, at_rest in zip(pair.minus, pair.free, strict=True):
        assert_array_equal(layer, at_rest)


@pytest.mark.parametrize("rho", ["hard_sigmoid", "tanh"])
@pytest.mark.parametrize("architecture", ["sigprop_loop", "symmetric_ep", "random_feedback_ep"])
def test_centered_nudging_is_both_one_sided_phases(make_problem: Callable, architecture: str, rho: str) -> None:
    problem = make_problem(architecture, rho=rho, samples=8, scale=0.8)
    free = problem.relax()
    pair = contrasted(problem, "centered", 0.3)
    assert_array_equal(pair.span, 0.6)
    for side, beta in ((pair.plus, 0.3), (pair.minus, -0.3)):
        expected = problem.relax(problem.nudge(beta), free.states)
        for found, layer in zip(side, expected.states, strict=True):
            assert_allclose(found, layer[pair.rows], atol=1e-10)
    for found, layer in zip(pair.free, free.states, strict=True):
        assert_array_equal(found, layer[pair.rows])


def test_samples_that_one_side_alone_moves_keep_their_free_states_on_the_other(make_problem: Callable) -> None:
    problem = make_problem(samples=40, feedback_gain=0.02)
    problem.network.parameters()["W23"][...] *= 8
    problem.network.parameters()["b3"][...] -= problem.relax().output_net.mean(axis=0)
    free = problem.relax()
    moved = {
        beta: clamped_phase(problem.sweeps, problem.drive, free, problem.nudge(beta), SOLVER)[0].tolist()
        for beta in (0.5, -0.5)
    }
    assert 5 < len(moved[-0.5]) < len(moved[0.5])
    assert moved[-0.5] != moved[0.5][: len(moved[-0.5])]
    pair = contrasted(problem, "centered", 0.5)
    assert pair.rows.tolist() == sorted({*moved[0.5], *moved[-0.5]})
    for side, beta in ((pair.plus, 0.5), (pair.minus, -0.5)):
        expected = problem.relax(problem.nudge(beta), free.states)
        for found, layer in zip(side, expected.states, strict=True):
            assert_allclose(found, layer[pair.rows], atol=1e-10)


def test_positive_nudging_is_the_papers_phase(make_problem: Callable) -> None:
    problem = make_problem(samples=8)
    free, pair = problem.relax(), contrasted(problem, "positive", 0.5)
    expected = problem.relax(problem.nudge(0.5), free.states)
    assert_array_equal(pair.span, 0.5)
    for plus, minus, layer, at_rest in zip(pair.plus, pair.minus, expected.states, free.states, strict=True):
        assert_allclose(plus, layer[pair.rows], atol=1e-10)
        assert_array_equal(minus, at_rest[pair.rows])


def test_random_signs_are_drawn_for_each_sample(make_problem: Callable) -> None:
    problem = make_problem(samples=400, rho="tanh")
    pair = contrasted(problem, "random-sign", 0.3)
    assert_array_equal(pair.rows, range(400))
    assert set(pair.span.tolist()) == {0.3, -0.3}
    assert 160 < (pair.span > 0).sum() < 240
    expected = problem.relax(problem.nudge(*pair.span), problem.relax().states)
    for plus, layer in zip(pair.plus, expected.states, strict=True):
        assert_allclose(plus, layer, atol=1e-10)
    assert_array_equal(pair.span, contrasted(problem, "random-sign", 0.3).span)
    assert not np.array_equal(pair.span, contrasted(problem, "random-sign", 0.3, seed=1).span)


@pytest.mark.parametrize("beta", [0.5, 4.0, -0.4])
@pytest.mark.parametrize("time_constant", [1.0, 1.5])
def test_a_nudged_hard_sigmoid_output_is_the_clipped_mean_of_input_and_target(
    make_problem: Callable, beta: float, time_constant: float
) -> None:
    problem = make_problem(time_constant=time_constant, samples=30)
    clamped = problem.relax(problem.nudge(beta), problem.relax().states)
    weights = problem.network.parameters()
    net = clamped.states[1] @ weights["W23"] + weights["b3"]
    expected = np.clip((net + beta * problem.target) / (1 / time_constant + beta), 0, 1)
    assert_allclose(clamped.output, expected, atol=1e-11)
    assert_allclose(clamped.output_net, net, atol=1e-11)
    assert np.any((expected > 0) & (expected < 1))


def test_clamped_sweeps_and_residuals_are_counted_for_their_samples(make_problem: Callable) -> None:
    problem = sure_of_class_0(make_problem)
    free = problem.relax()
    rows, clamped = clamped_phase(problem.sweeps, problem.drive, free, problem.nudge(0.5), SOLVER)
    pair = contrasted(problem, "positive", 0.5)
    assert_array_equal(pair.sweeps[rows], clamped.sweeps)
    assert pair.sweeps.sum() == clamped.sweeps.sum()
    assert_array_equal(pair.residual, clamped.residual)
    centered = contrasted(problem, "centered", 0.5)
    assert len(centered.residual) >= len(rows)
    assert centered.sweeps.sum() >= pair.sweeps.sum()


@pytest.mark.parametrize("kind", ["positive", "centered"])
def test_a_batch_in_which_nothing_moves(make_problem: Callable, kind: str) -> None:
    problem = sure_of_class_0(make_problem).part([0, 1, 2])
    pair = contrasted(problem, kind, 0.5)
    assert [layer.shape for layer in pair.plus] == [(0, 6), (0, 5), (0, 3)]
    assert_array_equal(pair.sweeps, [0, 0, 0])
    assert pair.residual.size == pair.rows.size == 0
