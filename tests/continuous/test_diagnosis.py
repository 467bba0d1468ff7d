"""What the program notices while it trains, and what it says: from counts made up, and from runs that go wrong."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctsigprop.continuous.architectures import build
from ctsigprop.continuous.diagnostics.diagnosis import lost_classes, refuse_lost_weights, warnings_of
from ctsigprop.continuous.epoch import Outputs, Tally, refuse_lost_states
from ctsigprop.continuous.equilibrium import Equilibrium
from ctsigprop.continuous.learning.phases import Contrast
from ctsigprop.continuous.samples import Samples
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
    NetworkSettings(hidden=(12, 10), output_gain=0.3),
    learning=LearningSettings(rates=(0.2, 0.1, 0.05), feedback_rate=0.02),
    training=TrainingSettings(epochs=1, threads=1),
)
HEALTHY = Tally(samples=1000, highest=[0.2, 1.0])
OUTPUTS = Outputs(np.zeros((600, 2)), 0, 1e-5)


def test_nothing_is_said_of_a_healthy_epoch() -> None:
    assert warnings_of(HEALTHY, OUTPUTS, 0.99, SETTINGS) == {}


def test_silent_outputs_are_named() -> None:
    tally = replace(HEALTHY, highest=[0.5, 0.0, 0.3, -0.1])
    (sentence,) = warnings_of(tally, OUTPUTS, 0.5, SETTINGS).values()
    assert "output units [1, 3] were silent" in sentence
    assert "lower the last of learning.rates = [0.2, 0.1, 0.05] or network.output_gain = 0.3" in sentence


@pytest.mark.parametrize("rho", ["tanh", "logistic"])
def test_outputs_below_zero_are_not_dead_where_rho_is_smooth(rho: str) -> None:
    smooth = replace(SETTINGS, network=replace(SETTINGS.network, rho=rho))
    assert warnings_of(replace(HEALTHY, highest=[0.5, -0.1]), OUTPUTS, 0.5, smooth) == {}


def test_phases_that_did_not_converge_are_counted() -> None:
    tally = replace(HEALTHY, unconverged=12, free_residual=0.003, clamped_residual=0.25)
    (sentence,) = warnings_of(tally, OUTPUTS, 0.5, SETTINGS).values()
    assert "12 phases of 1000 samples did not converge (residual up to 2.5e-01)" in sentence
    assert f"raise solver.max_sweeps = {SETTINGS.solver.max_sweeps}" in sentence


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("dopri5", "): raise solver.longest = 200 or"),
        ("rk4", "): lower solver.step = 0.2 or raise solver.longest = 200 or"),
    ],
)
def test_the_remedy_is_the_method_s(method: str, words: str) -> None:
    settings = replace(SETTINGS, solver=SolverSettings(method))
    (sentence,) = warnings_of(replace(HEALTHY, unconverged=12), OUTPUTS, 0.5, settings).values()
    assert words in sentence


def test_samples_judged_where_they_were_not_at_rest_are_counted() -> None:
    judged = Outputs.of(
        [replace(OUTPUTS, unconverged=3, residual=0.02), replace(OUTPUTS, unconverged=4, residual=0.25)]
    )
    (sentence,) = warnings_of(HEALTHY, judged, 0.5, SETTINGS).values()
    assert "7 free phases of 1200 validation and test samples did not converge (residual up to 2.5e-01)" in sentence
    assert f"raise solver.max_sweeps = {SETTINGS.solver.max_sweeps}" in sentence


def test_a_loop_gain_above_one_is_told() -> None:
    (sentence,) = warnings_of(HEALTHY, OUTPUTS, 1.234, SETTINGS).values()
    assert "the loop gain has passed 1 (1.23)" in sentence
    assert "lower learning.feedback_rate = 0.02" in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"network": replace(SETTINGS.network, architecture="symmetric_ep")},
        {"learning": replace(SETTINGS.learning, fixed=("loop",))},
    ],
    ids=("symmetric", "fixed"),
)
def test_a_loop_gain_above_one_names_rates_that_count(changes: dict[str, Any]) -> None:
    (sentence,) = warnings_of(HEALTHY, OUTPUTS, 1.234, replace(SETTINGS, **changes)).values()
    assert "lower learning.rates = [0.2, 0.1, 0.05] or raise learning.weight_decay" in sentence


def test_every_trouble_is_told_in_one_line_of_its_own() -> None:
    tally = replace(HEALTHY, highest=[0.0, 1.0], unconverged=500)
    found = warnings_of(tally, replace(OUTPUTS, unconverged=500), 2.0, SETTINGS)
    assert len(found) == 4
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
        tally.add(free, pair, outputs[batch].argmax(axis=1) != labels[batch], 1e-4)
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


@pytest.mark.parametrize(
    ("epoch", "seen", "method", "words"),
    [
        (1, 40, "rk4", "40 samples into epoch 1: lower learning.rates or nudging.beta and train anew"),
        (2, 0, "rk4", "0 samples into epoch 2: lower learning.rates"),
        (1, 0, "anderson", "before anything was learned: lower network.output_gain, network.feedback_gain"),
        (1, 0, "dopri5", "before anything was learned: lower network.output_gain"),
        (1, 0, "rk4", "before anything was learned: lower solver.step = 0.2, network.output_gain"),
    ],
)
def test_states_that_are_lost_are_refused(epoch: int, seen: int, method: str, words: str) -> None:
    states = (np.array([[0.5, np.nan]]),)
    nothing = np.empty(0)
    free = Equilibrium(states, states[0], np.ones(1, int), np.array([np.nan]), Status.NOT_FINITE)
    pair = Contrast(nothing, states, states, states, nothing, np.zeros(1, int), nothing)
    settings = replace(SETTINGS, solver=SolverSettings(method))
    with pytest.raises(RunFailure, match=f"^states are no longer finite, {words}"):
        refuse_lost_states(free, pair, settings, epoch, seen)


TROUBLES = {
    "silent_outputs": {
        "network": replace(SETTINGS.network, output_gain=0.0),
        "learning": replace(SETTINGS.learning, rates=(0.0,)),
    },
    "not_converged": {"solver": SolverSettings("sweeps", max_sweeps=1)},
    "not_judged": {"solver": SolverSettings("sweeps", max_sweeps=1)},
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


def test_a_class_that_is_never_recognised_is_named() -> None:
    labels = np.repeat(np.arange(3), 40)
    samples = Samples(np.zeros((120, 1)), np.eye(3)[labels], labels)

    def lost(answers: np.ndarray) -> list[int]:
        return lost_classes(Outputs(np.eye(3)[answers], 0, 0.0), samples)

    assert lost(labels) == []
    assert lost(np.where(labels == 1, 2, labels)) == [1]
    assert lost(np.zeros(120, int)) == []  # all but one: nothing is learned yet
    (sentence,) = warnings_of(HEALTHY, OUTPUTS, 0.5, SETTINGS, [1]).values()
    assert sentence.startswith("classes [1] were recognised in none of their validation samples")
    assert "learning.rates = [0.2, 0.1, 0.05]" in sentence


def test_a_regression_has_no_classes_to_lose() -> None:
    assert lost_classes(OUTPUTS, Samples(np.zeros((600, 1)), np.zeros((600, 2)))) == []
