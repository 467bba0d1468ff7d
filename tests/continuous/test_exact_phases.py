"""Phases that are exact enough: updates of samples that a nudge hardly moves, and states that sweeps do not find."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ctsigprop as ct
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning.phases import Batch, contrast
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.relaxation import relax
from ctsigprop.settings import NudgingSettings, SolverSettings

GRAPHS, TOLERANCE = 40, 1e-6
BACK = [(3, 1), (3, 2), (2, 1), (1, 1), (2, 2), (0, 2), (1, 3)]


def wild(seed: int) -> tuple[Network, NDArray[np.float64]]:
    """A random graph of hard sigmoids whose weights are twice Glorot's, and an input."""
    rng = np.random.default_rng(seed)
    edges = [(0, 1), (1, 2), (2, 3), *(edge for edge in BACK if rng.random() < 0.5)]
    connections = [ct.Dense(source, target, rate=0.1, gain=2.0) for source, target in edges]
    return ct.Network([6, 9, 7, 4], connections, precision="float64", seed=seed), rng.random((1, 6))


def test_what_rests_in_time_is_found() -> None:
    rests = found = alone = 0
    for seed in range(GRAPHS):
        network, x = wild(seed)
        sweeps = LayerSweeps(network)
        drive, start = sweeps.drive(x), sweeps.at_rest(1)
        if relax(sweeps, drive, start, SolverSettings("dopri5", TOLERANCE, longest=500.0)).residual[0] > TOLERANCE:
            continue
        rests += 1
        solver = SolverSettings(tolerance=TOLERANCE, longest=500.0)
        found += relax(sweeps, drive, start, solver).residual[0] <= TOLERANCE
        alone += relax(sweeps, drive, start, replace(solver, rescue=False)).residual[0] <= TOLERANCE
    assert rests >= GRAPHS / 2
    assert found == rests
    assert alone < rests


def test_only_the_lost_samples_of_a_batch_are_integrated() -> None:
    """A state that sweeps have found is kept to the bit."""
    seed = next(seed for seed in range(GRAPHS) if _mixed(seed))
    network, _ = wild(seed)
    sweeps, x = LayerSweeps(network), _inputs()
    drive, start, solver = sweeps.drive(x), sweeps.at_rest(len(x)), SolverSettings(tolerance=TOLERANCE)
    alone = relax(sweeps, drive, start, replace(solver, rescue=False))
    found = relax(sweeps, drive, start, solver)
    kept = alone.residual <= TOLERANCE
    for one, other in zip(alone.states, found.states, strict=True):
        np.testing.assert_array_equal(one[kept], other[kept])
    assert (found.residual <= TOLERANCE).sum() > kept.sum()


def _inputs() -> NDArray[np.float64]:
    return np.random.default_rng(0).random((12, 6))


def _mixed(seed: int) -> bool:
    network, _ = wild(seed)
    sweeps, x = LayerSweeps(network), _inputs()
    drive, start = sweeps.drive(x), sweeps.at_rest(len(x))
    alone = relax(sweeps, drive, start, SolverSettings(tolerance=TOLERANCE, rescue=False)).residual <= TOLERANCE
    return 0 < alone.sum() < len(x) and bool(
        (relax(sweeps, drive, start, SolverSettings("dopri5", 1e-6)).residual <= 1e-6).all()
    )


@pytest.mark.parametrize("displacement", [1e-2, 1e-3, 1e-4])
def test_the_error_of_an_update_is_that_fraction_whatever_the_nudge_does(
    make_problem: Callable[..., Any], displacement: float
) -> None:
    """Targets are brought ever closer to the free outputs: the update shrinks, its relative error does not grow."""
    problem = make_problem(scale=0.5, samples=40, rho="tanh")
    free = problem.relax(tolerance=1e-14).output
    for closeness in (1.0, 1e-2, 1e-4):
        target = free + closeness * (problem.target - free)

        def change(solver: SolverSettings, target: NDArray[np.float64] = target) -> NDArray[np.float64]:
            nudging, rng = NudgingSettings("positive", 0.5), np.random.default_rng(0)
            pair = contrast(Batch.relaxed(problem.sweeps, problem.inputs, target, nudging, solver, rng))
            moves = [high - low for high, low in zip(pair.plus, pair.minus, strict=True)]
            return np.concatenate(moves, axis=1)

        exact = change(SolverSettings(tolerance=1e-14, max_sweeps=2000, displacement=0.0))
        found = change(SolverSettings(tolerance=1e-3, displacement=displacement))
        norms = np.linalg.norm(exact[:, -3:], axis=1)
        assert np.median(np.linalg.norm(found - exact, axis=1) / norms) <= 5 * displacement
