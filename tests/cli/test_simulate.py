"""`ctsigprop simulate`: time courses of a finished run, and what it refuses."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.image import imread

from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.trained import load_trained
from ctsigprop.runs import RunFolder
from ctsigprop.settings import SolverSettings

Command = Callable[..., Any]


def record(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "figures" / "time-courses.npz") as content:
        return {name: content[name] for name in content.files}


def test_it_prints_draws_and_records(ctsigprop: Command, run: Path) -> None:
    answer = ctsigprop("simulate", "run")
    assert (answer.status, answer.err) == (0, "")
    found = record(run)
    lines = answer.out.splitlines()
    assert len(lines) == 4
    for sample, (line, label) in enumerate(zip(lines, found["labels"], strict=False)):
        figure = Path("run/figures") / f"time-course-{sample}.png"
        assert line.startswith(f"test sample {sample}: label {label}, predicted ")
        assert line.endswith(f": {figure}")
        assert imread(figure).std() > 0.01
    points = len(found["times"])
    assert found["layer1"].shape == (points, 3, 8)
    assert found["outputs"].shape == found["layer2"].shape == (points, 3, 10)
    assert found["residual"].shape == (points, 3)
    assert found["times"][0] < found["nudged"] < found["times"][-1]
    np.testing.assert_array_equal(found["targets"].argmax(axis=1), found["labels"])
    np.testing.assert_array_equal(found["samples"], [0, 1, 2])
    assert yaml.safe_load(str(found["settings"]))["solver"]["method"] == "dopri5"


@pytest.mark.parametrize("method", ["dopri5", "exponential_euler"])
def test_it_ends_at_the_fixed_point_of_the_sweeps(ctsigprop: Command, run: Path, method: str) -> None:
    assert ctsigprop("simulate", "run", "--samples", "2", "--first", "7", "--solver.method", method).status == 0
    found = record(run)
    trained = load_trained(RunFolder.open(run))
    sweeps = LayerSweeps(trained.network)
    drive = sweeps.drive(trained.data.test.inputs()[7:9])
    swept = relax(sweeps, drive, sweeps.at_rest(2), SolverSettings(tolerance=1e-6))
    end = np.flatnonzero(found["times"] == found["nudged"])[0]
    for layer, states in enumerate(swept.states, start=1):
        np.testing.assert_allclose(found[f"layer{layer}"][end], states, atol=1e-4)


def test_settings_come_from_the_run_and_yield_to_flags(ctsigprop: Command, run: Path) -> None:
    before = yaml.safe_load((run / "config.yaml").read_text())
    given = ("--samples", "1", "--nudging.beta", "0.25", "--solver.method", "rk4", "--solver.step", "0.5")
    assert ctsigprop("simulate", "run", *given).status == 0
    after = yaml.safe_load(str(record(run)["settings"]))
    assert (after["nudging"]["beta"], after["solver"]["method"], after["solver"]["step"]) == (0.25, "rk4", 0.5)
    for group in ("data", "network", "learning", "training"):
        assert after[group] == before[group]
    assert after["solver"]["tolerance"] == before["solver"]["tolerance"]


def test_it_says_what_never_rests(ctsigprop: Command, run: Path) -> None:
    answer = ctsigprop("simulate", "run", "--samples", "1", "--solver.longest", "0.3")
    assert answer.status == 0
    assert "free phase never at rest, clamped phase never at rest" in answer.out


def test_a_symmetric_network_has_an_energy(ctsigprop: Command, tmp_path: Path) -> None:
    small = ("--network.hidden", "[8]", "--data.limit", "60", "--training.epochs", "1", "--learning.rates", "[0.1]")
    train = ("train", *small, "--network.architecture", "symmetric_ep", "--run-dir", "symmetric", "--quiet")
    assert ctsigprop(*train).status == 0
    assert ctsigprop("simulate", "symmetric", "--samples", "1").status == 0
    assert record(tmp_path / "symmetric")["energy"].shape == record(tmp_path / "symmetric")["residual"].shape


def test_from_another_process(run: Path) -> None:
    command = [sys.executable, "-m", "ctsigprop", "simulate", str(run), "--samples", "1"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=run)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("test sample 0: label ")


REFUSED = [
    ("simulate", "simulate: does not say which run: give its folder"),
    ("simulate nowhere", "nowhere: no such folder: give a folder that `ctsigprop train` made"),
    ("simulate .", "holds no run"),
    ("simulate run --samples 0", "--samples = 0: must be a whole number from 1 to 100"),
    ("simulate run --samples 101", "--samples = 101: must be a whole number from 1 to 100"),
    ("simulate run --samples 2.5", "--samples = 2.5: must be a whole number"),
    ("simulate run --samples=-3", "--samples = -3: must be a whole number"),
    (f"simulate run --samples {5000 * '9'}", "must be a whole number from 1 to 100"),
    ("simulate run --samples many", "--samples = many: must be a whole number"),
    ("simulate run --samples 11 --first 290", "--samples = 11: must be a whole number from 1 to 10"),
    ("simulate run --first 300", "--first = 300: must be a whole number from 0 to 299"),
    ("simulate run --solver.method anderson", "solver.method = 'anderson': sweeps have no time: must be one of euler"),
    ("simulate run --solver.method sweeps", "solver.method = 'sweeps': sweeps have no time"),
    ("simulate run --solver.method newton", "solver.method = 'newton': must be one of"),
    ("simulate run --nudging.beta -1", "nudging.beta = -1.0: must be a finite number greater than 0"),
    ("simulate run --solver.steps 3", "--solver.steps: no such flag: did you mean --solver.step?"),
    (
        "simulate run --solver.step 0.1",
        "--solver.step: nothing depends on it where solver.method = dopri5: leave it out",
    ),
    ("simulate run run", "run: one argument too many"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_wrong_use_is_one_line(ctsigprop: Command, run: Path, case: tuple[str, str]) -> None:
    arguments, message = case
    answer = ctsigprop(*arguments.split())
    assert (answer.status, answer.out) == (2, "")
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert not list((run / "figures").glob("time-course*"))


def test_weights_that_are_not_finite_are_one_line(ctsigprop: Command, run: Path) -> None:
    folder = RunFolder.open(run)
    arrays, meta = folder.load_checkpoint("best")
    arrays["W12"][3, 2] = np.nan
    folder.save_checkpoint("best", arrays, meta)
    for command in ("simulate", "align --checkpoint best"):
        answer = ctsigprop(*command.split(), "run")
        assert answer.status == 2
        assert "checkpoint-best.npz: W12 holds NaN or infinity" in answer.err
        assert answer.err.count("\n") == 1


def test_a_run_that_has_not_ended_an_epoch_is_to_be_trained_on(ctsigprop: Command, run: Path) -> None:
    (run / "checkpoint-best.npz").unlink()
    answer = ctsigprop("simulate", "run")
    assert answer.status == 2
    assert "checkpoint-best.npz: no such checkpoint: train on with --resume" in answer.err


def test_more_steps_than_can_be_taken_are_refused(ctsigprop: Command, run: Path) -> None:
    answer = ctsigprop("simulate", "run", "--solver.method", "euler", "--solver.step", "1e-4")
    assert answer.status == 2
    assert "solver.longest = 200.0: must be at most a million times solver.step = 0.0001" in answer.err
    assert answer.err.count("\n") == 1


IN_TIME = ("--solver.method", "euler", "--solver.step", "0.25", "--phases.free", "4", "--phases.clamped", "2")


def test_phases_that_end_have_noise_and_late_outputs(ctsigprop: Command, run: Path) -> None:
    found = []
    for flags in (
        (),
        ("--device.noise", "0.1"),
        ("--device.noise", "0.1", "--seed", "1"),
        ("--device.loop_delay", "2"),
    ):
        assert ctsigprop("simulate", "run", "--samples", "1", *IN_TIME, *flags).status == 0
        found.append(record(run))
    assert all((one["nudged"], one["times"][-1]) == (4, 6) for one in found)
    quiet, noisy, other, late = (one["layer2"] for one in found)
    assert (noisy != other).any()
    assert np.abs(noisy - quiet).max() > 0.01
    assert (late != quiet).any()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--device.noise", "0.1"), "phases.free = None: must be a time, as phases.clamped, with device.noise"),
        ((*IN_TIME, "--device.weight_bits", "4"), "device.weight_bits: the network of a run is as it was built"),
        ((*IN_TIME, "--phases.window", "0.1"), "phases.window: simulate starts from rest"),
        ((*IN_TIME, "--device.loop_delay", "0.3"), "device.loop_delay = 0.3: must be a multiple of solver.step = 0.25"),
        ((*IN_TIME, "--device.noise", "0.1", "--seed", "x"), "--seed = x"),
    ],
)
def test_what_phases_cannot_have_is_refused(ctsigprop: Command, run: Path, flags: tuple[str, ...], says: str) -> None:
    answer = ctsigprop("simulate", "run", *flags)
    assert answer.status == 2
    assert says in answer.err
    assert answer.err.count("\n") == 1
