"""The displacement by nudging, against phases run sample by sample."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ctsigprop.analysis.measures.displacement import displacement
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Nudge
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.trained import Trained
from ctsigprop.settings import NetworkSettings, NudgingSettings, SolverSettings

SOLVER = SolverSettings(tolerance=1e-12, max_sweeps=500)


@pytest.mark.parametrize("rho", ["hard_sigmoid", "logistic"])
@pytest.mark.parametrize("kind", ["positive", "centered"])
def test_displacement_is_that_of_each_sample_alone(make_trained: Callable[..., Trained], kind: str, rho: str) -> None:
    nudging = NudgingSettings(kind, 0.3)
    network = NetworkSettings(hidden=(8, 6), precision="float64", rho=rho)
    trained = make_trained(solver=SOLVER, nudging=nudging, network=network)
    sweeps, test = LayerSweeps(trained.network), trained.data.test
    inputs, target = test.inputs(np.float64), np.eye(3)[test.labels]
    smooth = (lambda s: 1 / (1 + np.exp(2 - 4 * s))) if rho == "logistic" else (lambda s: s)

    def clamped(sample: slice, beta: float) -> list[np.ndarray]:
        drive = sweeps.drive(inputs[sample])
        free = relax(sweeps, drive, sweeps.at_rest(1), SOLVER)
        nudge = Nudge(np.array([beta]), target[sample])
        return [smooth(layer) for layer in relax(sweeps, drive, free.states, SOLVER, nudge).states]

    samples = 12
    low = -0.3 if kind == "centered" else 0.0
    differences = [
        [plus - minus for plus, minus in zip(clamped(one, 0.3), clamped(one, low), strict=True)]
        for one in (slice(sample, sample + 1) for sample in range(samples))
    ]
    expected = [np.concatenate(layer) for layer in zip(*differences, strict=True)]
    moved = np.abs(expected[-1]).max(axis=1) > 1e-9
    assert moved.any()
    for layer, found in zip(expected, displacement(trained, samples).rates, strict=True):
        np.testing.assert_allclose(found, layer[moved], atol=1e-9)


def test_the_same_signs_are_drawn_each_time(make_trained: Callable[..., Trained]) -> None:
    trained = make_trained(nudging=NudgingSettings("random-sign", 0.3))
    first, second = displacement(trained, 20).rates, displacement(trained, 20).rates
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    other = replace(trained.settings.training, seed=7)
    settings = replace(trained.settings, training=other)
    assert not np.array_equal(displacement(replace(trained, settings=settings), 20).rates[-1], first[-1])


def test_phases_that_do_not_converge_are_counted(make_trained: Callable[..., Trained]) -> None:
    assert displacement(make_trained(solver=SOLVER), 20).unconverged == 0
    hasty = displacement(make_trained(solver=SolverSettings("sweeps", tolerance=1e-12, max_sweeps=1)), 20)
    assert 20 < hasty.unconverged <= 40
