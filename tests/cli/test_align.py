"""`ctsigprop align`: the angles of a finished run, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from ctsigprop.analysis.measures.alignment import angles, sample_angles
from ctsigprop.analysis.measures.displacement import displacement
from ctsigprop.continuous.trained import load_trained
from ctsigprop.runs import RunFolder

Command = Callable[..., Any]


def test_training_logs_the_angles_of_every_epoch(run: Path) -> None:
    folder = RunFolder.open(run)
    rows = folder.metrics()
    assert [list(row["angles"]) for row in rows] == [["W12 vs W21"]] * 2
    assert rows[-1]["angles"] == angles(load_trained(folder, "last").network)


@pytest.mark.parametrize("checkpoint", ["last", "best"])
def test_it_reports_angles_over_epochs_and_over_samples(ctsigprop: Command, run: Path, checkpoint: str) -> None:
    answer = ctsigprop("align", "run", "--checkpoint", checkpoint)
    assert (answer.status, answer.err) == (0, "")
    report = json.loads((run / "alignment.json").read_text())
    folder = RunFolder.open(run)
    trained = load_trained(folder, checkpoint)
    assert (report["checkpoint"], report["epoch"], report["samples"]) == (checkpoint, trained.epoch, 300)
    assert [row["epoch"] for row in report["history"]] == [0, 1, 2]
    assert [row["angles"] for row in report["history"][1:]] == [row["angles"] for row in folder.metrics()]
    of_samples = sample_angles(trained.network, displacement(trained, 300).rates)
    for name, degrees in angles(trained.network).items():
        assert report["angles"][name]["matrices"] == degrees
        signals = report["angles"][name]["signals"]
        assert signals["samples"] == len(of_samples[name]) > 0
        assert signals["mean"] == pytest.approx(np.mean(of_samples[name]))
        assert signals["standard_deviation"] == pytest.approx(np.std(of_samples[name]))
        assert f"{name}  matrices" in answer.out
    assert imread(run / "figures" / "angles.png").std() > 0.01


def test_a_run_whose_metrics_have_no_angles(ctsigprop: Command, run: Path) -> None:
    folder = RunFolder.open(run)
    folder.write_metrics([row | {"angles": {}} for row in folder.metrics()])
    assert ctsigprop("align", "run").status == 0
    assert [row["epoch"] for row in json.loads((run / "alignment.json").read_text())["history"]] == [0, 2]


@pytest.mark.parametrize("checkpoint", ["last", "best"])
def test_the_mean_of_the_weights_is_not_taken_for_the_weights_of_its_epoch(
    ctsigprop: Command, tmp_path: Path, checkpoint: str
) -> None:
    flags = ("--data.limit", "60", "--network.hidden", "[8]", "--training.epochs", "3", "--training.threads", "1")
    assert ctsigprop("train", *flags, "--learning.average", "1.5", "--run-dir", "run", "--quiet").status == 0
    answer = ctsigprop("align", "run", "--checkpoint", checkpoint)
    report = json.loads((tmp_path / "run/alignment.json").read_text())
    logged = [row["angles"] for row in RunFolder.open(tmp_path / "run").metrics()]
    assert [row["angles"] for row in report["history"]][1:] == logged
    of_checkpoint = {name: one["matrices"] for name, one in report["angles"].items()}
    averaged = checkpoint == "best"
    assert report["averaged"] is averaged
    assert (of_checkpoint in logged) is not averaged
    assert ("mean of the weights" in answer.out) is averaged


def test_a_run_that_was_stopped_within_an_epoch(ctsigprop: Command, run: Path, stopping_before: Any) -> None:
    with stopping_before(3):
        answer = ctsigprop("train", "--resume", "--run-dir", "run", "--training.epochs", "3", "--quiet")
    assert answer.status == 130
    answer = ctsigprop("align", "run")
    assert "degrees after epoch 2.66667, 300 test samples" in answer.out
    report = json.loads((run / "alignment.json").read_text())
    assert report["epoch"] == pytest.approx(2 + 2 / 3)
    assert [row["epoch"] for row in report["history"]] == [0, 1, 2, report["epoch"]]
    assert report["history"][-1]["angles"] == {name: one["matrices"] for name, one in report["angles"].items()}


def test_phases_that_do_not_converge_are_told(ctsigprop: Command, tmp_path: Path) -> None:
    flags = ("--data.limit", "60", "--network.hidden", "[8]", "--training.epochs", "1", "--training.threads", "1")
    hasty = ("--solver.method", "sweeps", "--solver.max_sweeps", "1", "--network.output_gain", "0.3")
    assert ctsigprop("train", *flags, *hasty, "--run-dir", "hasty", "--quiet").status == 0
    answer = ctsigprop("align", "hasty", "--samples", "10")
    unconverged = json.loads((tmp_path / "hasty" / "alignment.json").read_text())["unconverged"]
    assert unconverged > 0
    assert f"{unconverged} phases did not converge: train anew, and raise solver.max_sweeps = 1" in answer.out


def test_a_run_in_which_the_nudge_moves_nothing(ctsigprop: Command, run: Path) -> None:
    folder = RunFolder.open(run)
    arrays, meta = folder.load_checkpoint("last")
    arrays["W12"][...] = 0
    arrays["b2"][...] = -100
    folder.save_checkpoint("last", arrays, meta)
    answer = ctsigprop("align", "run")
    assert answer.status == 0
    assert "signals none: the nudge moves no sample" in answer.out
    report = json.loads((run / "alignment.json").read_text())
    nothing = {"samples": 0, "mean": None, "standard_deviation": None}
    everywhere = {"samples": 300, "mean": 90.0, "standard_deviation": 0.0}
    assert report["angles"] == {"W12 vs W21": {"matrices": 90.0, "signals": nothing, "slopes": everywhere}}


REFUSED = [
    ("align", "align: does not say which run: give its folder"),
    ("align nowhere", "nowhere: no such folder"),
    ("align run --samples 0", "--samples = 0: must be a whole number from 1 to 300"),
    ("align run --samples 301", "--samples = 301: must be a whole number from 1 to 300"),
    ("align run --checkpoint first", "--checkpoint = first: must be one of last, best"),
    ("align run --network.hidden [3]", "--network.hidden: no such flag"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_wrong_use_is_one_line(ctsigprop: Command, run: Path, case: tuple[str, str]) -> None:
    arguments, message = case
    answer = ctsigprop(*arguments.split())
    assert (answer.status, answer.out) == (2, "")
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert not (run / "alignment.json").exists()


def test_a_run_without_checkpoint_is_one_line(ctsigprop: Command, run: Path) -> None:
    (run / "checkpoint-last.npz").unlink()
    answer = ctsigprop("align", "run")
    assert answer.status == 2
    assert "checkpoint-last.npz: no such checkpoint" in answer.err
    assert answer.err.count("\n") == 1
