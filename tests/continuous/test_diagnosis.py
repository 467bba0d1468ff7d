"""What the program notices while it trains, and what it says: from counts made up, and from runs that go wrong."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ctsigprop.continuous.diagnosis import refuse_lost_weights, warnings_of
from ctsigprop.continuous.epoch import Tally
from ctsigprop.continuous.equilibrium import Equilibrium
from ctsigprop.continuous.network import build
from ctsigprop.continuous.phases import Contrast
from ctsigprop.continuous.training import train
from ctsigprop.errors import RunFailure
from ctsigprop.runs import RunFolder
from ctsigprop.settings import (
    DataSettings,
    LearningSettings,
    NetworkSettings,
    Settings,
    SolverSettings,
    TrainingSettings,
)
from ctsigprop.solvers import Status

SETTINGS = Settings(
    DataSettings("digits", limit=60),
    NetworkSettings(hidden=(12, 10)),
    learning=LearningSettings(rates=(0.2, 0.1, 0.05), feedback_rate=0.02),
    training=TrainingSettings(epochs=1, threads=1),
)
HEALTHY = Tally(samples=1000, highest=[0.2, 1.0])


def test_nothing_is_said_of_a_healthy_epoch() -> None:
    assert warnings_of(HEALTHY, 0.99, SETTINGS) == {}


def test_silent_outputs_are_named() -> None:
    tally = replace(HEALTHY, highest=[0.5, 0.0, 0.3, -0.1])
    (sentence,) = warnings_of(tally, 0.5, SETTINGS).values()
    assert "output units [1, 3] were silent" in sentence
    assert "lower the last of learning.rates = [0.2, 0.1, 0.05] or network.output_gain = 0.3" in sentence


@pytest.mark.parametrize("rho", ["tanh", "logistic"])
def test_outputs_below_zero_are_not_dead_where_rho_is_smooth(rho: str) -> None:
    smooth = replace(SETTINGS, network=replace(SETTINGS.network, rho=rho))
    assert warnings_of(replace(HEALTHY, highest=[0.5, -0.1]), 0.5, smooth) == {}


def test_phases_that_did_not_converge_are_counted() -> None:
    tally = replace(HEALTHY, unconverged=12, free_residual=0.003, clamped_residual=0.25)
    (sentence,) = warnings_of(tally, 0.5, SETTINGS).values()
    assert "12 phases of 1000 samples did not converge (residual up to 2.5e-01)" in sentence
    assert f"raise solver.max_sweeps = {SETTINGS.solver.max_sweeps}" in sentence


def test_a_loop_gain_above_one_is_told() -> None:
    (sentence,) = warnings_of(HEALTHY, 1.234, SETTINGS).values()
    assert "the loop gain has passed 1 (1.23)" in sentence
    assert "lower learning.feedback_rate = 0.02" in sentence


def test_every_trouble_is_told_in_one_line_of_its_own() -> None:
    tally = replace(HEALTHY, highest=[0.0, 1.0], unconverged=500)
    found = warnings_of(tally, 2.0, SETTINGS)
    assert len(found) == 3
    assert all("\n" not in sentence for sentence in found.values())


@pytest.mark.parametrize(("name", "worth"), [("W12", np.nan), ("b3", np.inf), ("W31", -np.inf)])
def test_lost_weights_are_refused_by_name(name: str, worth: float) -> None:
    network = build(4, 3, SETTINGS.network, SETTINGS.learning, np.random.default_rng(0))
    refuse_lost_weights(network, 7)
    network.parameters()[name].flat[1] = worth
    with pytest.raises(RunFailure, match=f"^{name} is no longer finite in epoch 7: lower learning.rates"):
        refuse_lost_weights(network, 7)


def test_a_tally_adds_up_what_the_batches_did() -> None:
    rng, tally = np.random.default_rng(0), Tally()
    outputs, labels = rng.uniform(-0.2, 1, (3, 10, 4)), rng.integers(4, size=(3, 10))
    residuals, sweeps = rng.uniform(0, 2e-4, (3, 2, 10)), rng.integers(1, 9, (3, 2, 10))
    empty = np.empty((10, 0))
    for batch in range(3):
        states = (outputs[batch],)
        free = Equilibrium(states, empty, sweeps[batch, 0], residuals[batch, 0], Status.SUCCESS)
        pair = Contrast(np.arange(batch), states, states, states, empty, sweeps[batch, 1], residuals[batch, 1, :batch])
        tally.add(free, pair, labels[batch], 1e-4)
    assert tally.samples == 30
    assert tally.errors == sum(
        int(np.argmax(o) != c) for o, c in zip(outputs.reshape(30, 4), labels.ravel(), strict=True)
    )
    assert tally.moved == 0 + 1 + 2
    clamped = np.concatenate([residuals[batch, 1, :batch] for batch in range(3)])
    assert tally.unconverged == np.sum(residuals[:, 0] > 1e-4) + np.sum(clamped > 1e-4)
    assert (tally.free_sweeps, tally.clamped_sweeps) == (sweeps[:, 0].sum(), sweeps[:, 1].sum())
    assert (tally.free_residual, tally.clamped_residual) == (residuals[:, 0].max(), clamped.max())
    assert tally.highest == outputs.reshape(30, 4).max(axis=0).tolist()


def test_a_tally_refuses_states_that_are_lost() -> None:
    states = (np.array([[0.5, np.nan]]),)
    nothing = np.empty(0)
    free = Equilibrium(states, states[0], np.ones(1, int), np.array([np.nan]), Status.NOT_FINITE)
    pair = Contrast(nothing, states, states, states, nothing, np.zeros(1, int), nothing)
    with pytest.raises(RunFailure, match=r"^states are no longer finite, 40 samples into the epoch: lower"):
        Tally(samples=40).add(free, pair, np.zeros(1, int), 1e-4)


TROUBLES = {
    "silent_outputs": {
        "network": replace(SETTINGS.network, output_gain=0.0),
        "learning": replace(SETTINGS.learning, rates=(0.0,)),
    },
    "not_converged": {"solver": SolverSettings("sweeps", max_sweeps=1)},
    "loop_gain": {
        "network": replace(SETTINGS.network, output_gain=1.0, feedback_gain=300.0, rho="tanh"),
        "learning": replace(SETTINGS.learning, rates=(0.0,), feedback_rate=0.0),
        "solver": SolverSettings(max_sweeps=20),
    },
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_run_in_trouble_says_so_in_its_log_and_metrics(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    settings = replace(SETTINGS, **TROUBLES[trouble])
    with RunFolder.create(tmp_path / "run", settings) as run, caplog.at_level(logging.WARNING, "ctsigprop"):
        train(settings, run, quiet=True)
    (row,) = run.metrics()
    assert trouble in row["warnings"]
    assert f"epoch 1: {row['warnings'][trouble]}" in caplog.messages
    assert (row["loop_gain"] > 1) == ("loop_gain" in row["warnings"])
