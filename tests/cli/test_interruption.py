"""Runs that are stopped: killed, interrupted, out of disk. Each goes on as if nothing had happened."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctsigprop.runs import RunFolder

CTSIGPROP = Path(sys.executable).with_name("ctsigprop")
EPOCHS = 12
FLAGS = [
    *("--network.hidden", "[24]", "--data.limit", "300", "--training.batch_size", "2"),
    *(
        "--nudging.kind",
        "random-sign",
        "--nudging.beta",
        "0.5",
        "--training.epochs",
        str(EPOCHS),
        "--training.threads",
        "1",
        "--quiet",
    ),
]
CLOCK = ("seconds", "training_seconds")


def start(run: Path, *flags: str) -> subprocess.Popen[str]:
    command = [str(CTSIGPROP), "train", "--run-dir", str(run), *flags]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(run: Path, *flags: str) -> None:
    process = start(run, *flags)
    _, err = process.communicate()
    assert process.returncode == 0, err


def wait_for_epoch(run: Path, process: subprocess.Popen[str], epoch: int) -> None:
    """Returns while the run is between epochs `epoch` and EPOCHS, or fails."""
    while epochs(run) < epoch:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def epochs(run: Path) -> int:
    path = run / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def metrics(run: Path) -> list[dict[str, Any]]:
    """Every epoch's metrics but what the clock says."""
    rows = RunFolder.open(run).metrics()
    return [{key: value for key, value in row.items() if key not in CLOCK} for row in rows]


def assert_same_run(run: Path, other: Path) -> None:
    assert metrics(run) == metrics(other)
    for kind in ("last", "best"):
        arrays, _ = RunFolder.open(run).load_checkpoint(kind)
        expected, _ = RunFolder.open(other).load_checkpoint(kind)
        assert arrays.keys() == expected.keys()
        for name in arrays:
            assert_array_equal(arrays[name], expected[name])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(run, *FLAGS)
    assert len(metrics(run)) == EPOCHS
    return run


def test_killed_at_random_moments_and_resumed_it_is_bit_for_bit_the_same_run(undisturbed: Path, tmp_path: Path) -> None:
    run, moments = tmp_path / "run", random.Random(1)
    flags = FLAGS
    for epoch in (0, 0, 1, 2, 3, 4, 6, 7, 9, 10):
        process = start(run, *flags)
        wait_for_epoch(run, process, epoch)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        flags = ["--resume", "--quiet"] if (run / "config.yaml").exists() else FLAGS
    finish(run, *flags)
    assert_same_run(run, undisturbed)
    assert [path.name for path in run.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_saves_says_how_to_go_on_and_goes_on(
    undisturbed: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "a run"
    process = start(run, *FLAGS)
    wait_for_epoch(run, process, 2)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130
    advice = f"ctsigprop: interrupted: go on with `ctsigprop train --resume --run-dir '{run}'`"
    assert err.splitlines()[-1] == advice
    assert epochs(run) < EPOCHS
    finish(run, "--resume", "--quiet")
    assert_same_run(run, undisturbed)


def test_out_of_disk_it_fails_in_one_line_and_goes_on_when_there_is_room(undisturbed: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(run, *FLAGS)
    wait_for_epoch(run, process, 2)
    size = (run / "checkpoint-last.npz").stat().st_size
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size // 2, hard))
    _, err = process.communicate()
    assert process.returncode == 1
    refusal = err.splitlines()[-1]
    assert refusal.startswith(f"ctsigprop: error: {run}/checkpoint-")
    assert "cannot be written (File too large): make room" in refusal
    assert "Traceback" not in err
    kept = epochs(run)
    assert 0 < kept < EPOCHS
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["epoch"] == kept
    assert np.load(run / "checkpoint-last.npz").files
    finish(run, "--resume", "--quiet")
    assert_same_run(run, undisturbed)
