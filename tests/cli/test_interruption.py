"""Runs that are stopped: killed, interrupted, out of disk. Each goes on as if nothing had happened."""

import json
import os
import pty
import random
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctsigprop.runs import RunFolder

SameRun = Callable[[RunFolder, RunFolder], None]

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


@pytest.fixture(scope="module")
def undisturbed(processes: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    processes.finish(run, *FLAGS)
    assert processes.epochs(run) == EPOCHS
    return run


def test_killed_at_random_moments_and_resumed_it_is_bit_for_bit_the_same_run(
    processes: Any, assert_same_run: SameRun, undisturbed: Path, tmp_path: Path
) -> None:
    run, moments = tmp_path / "run", random.Random(1)
    flags = FLAGS
    for epoch in (0, 0, 1, 2, 3, 4, 6, 7, 9, 10):
        process = processes.start(run, *flags)
        processes.wait_for_epoch(run, process, epoch)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        flags = ["--resume", "--quiet"] if (run / "config.yaml").exists() else FLAGS
    processes.finish(run, *flags)
    assert_same_run(RunFolder.open(run), RunFolder.open(undisturbed))
    assert [path.name for path in run.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_saves_says_how_to_go_on_and_goes_on(
    processes: Any, assert_same_run: SameRun, undisturbed: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "a run"
    process = processes.start(run, *FLAGS)
    processes.wait_for_epoch(run, process, 2)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130
    advice = f"ctsigprop: interrupted: go on with `ctsigprop train --resume --run-dir '{run}'`"
    assert err.splitlines()[-1] == advice
    assert processes.epochs(run) < EPOCHS
    processes.finish(run, "--resume", "--quiet")
    assert_same_run(RunFolder.open(run), RunFolder.open(undisturbed))


def test_a_terminal_that_closes_stops_it_after_saving(
    processes: Any, assert_same_run: SameRun, undisturbed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [str(Path(sys.executable).with_name("ctsigprop")), "train", "--run-dir", str(run), *FLAGS[:-1]]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    while processes.epochs(run) < 2:
        if select.select([terminal], [], [], 0.01)[0]:
            os.read(terminal, 1024)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert 2 <= processes.epochs(run) < EPOCHS
    assert (run / "checkpoint-last.npz").exists()
    processes.finish(run, "--resume", "--quiet")
    assert_same_run(RunFolder.open(run), RunFolder.open(undisturbed))


def test_under_nohup_it_ends_undisturbed(
    processes: Any, assert_same_run: SameRun, undisturbed: Path, tmp_path: Path
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = processes.start(tmp_path / "run", *FLAGS)
    finally:
        signal.signal(signal.SIGHUP, before)
    processes.wait_for_epoch(tmp_path / "run", process, 2)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert_same_run(RunFolder.open(tmp_path / "run"), RunFolder.open(undisturbed))


def test_out_of_disk_it_fails_in_one_line_and_goes_on_when_there_is_room(
    processes: Any, assert_same_run: SameRun, undisturbed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = processes.start(run, *FLAGS)
    processes.wait_for_epoch(run, process, 2)
    size = (run / "checkpoint-last.npz").stat().st_size
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size // 2, hard))
    _, err = process.communicate()
    assert process.returncode == 1
    refusal = err.splitlines()[-1]
    assert refusal.startswith(f"ctsigprop: error: {run}/checkpoint-")
    assert "cannot be written (File too large): make room" in refusal
    assert "Traceback" not in err
    kept = processes.epochs(run)
    assert 0 < kept < EPOCHS
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["epoch"] == kept
    assert np.load(run / "checkpoint-last.npz").files
    processes.finish(run, "--resume", "--quiet")
    assert_same_run(RunFolder.open(run), RunFolder.open(undisturbed))
