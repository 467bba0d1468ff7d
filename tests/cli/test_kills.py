"""kill -9 at any moment, drawing included: what is resumed ends in the same bits, and nothing else is left.

A few kills in the suite; CTSIGPROP_KILLS=200 asks for as many, CTSIGPROP_KILLS_SEED for other moments. Processes are
forked from one that has loaded the code, so that the moments fall on the work and not on its imports.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from ctsigprop.runs import RunFolder

SameRun = Callable[[RunFolder, RunFolder], None]

KILLS = int(os.environ.get("CTSIGPROP_KILLS", "3"))
SEED = int(os.environ.get("CTSIGPROP_KILLS_SEED", "1"))
CHAIN = 4
"""Kills of one run before it is let finish."""
SECONDS = 60

SWEEP = """
base: {data: {limit: 100}, network: {hidden: [8]}, training: {epochs: 4, batch_size: 4}}
grid: {nudging.beta: [0.5, 1], training.seed: [0, 1]}
"""
DISCRETE = ["--config", "digits-sp", "--network.hidden", "[16,16]"]
PARALLEL = ["--parallel", "layers=2"]
KINDS = {
    "continuous": ["--network.hidden", "[24]", "--training.batch_size", "2", "--training.epochs", "8"],
    "discrete": [*DISCRETE, "--training.epochs", "8"],
    "spiking": ["--family", "spiking", "--network.channels", "[2,2]", "--network.units", "8", "--training.epochs", "4"],
    "sweep": ["--workers", "2"],
    "parallel": [*DISCRETE, "--training.epochs", "8", *PARALLEL],
}
SMALL = ["--data.limit", "200", "--training.threads", "1"]


def command(kind: str, folder: Path) -> list[str]:
    """Begins what is in the folder, or goes on with it."""
    if kind == "sweep":
        file = folder.parent / "sweep.yaml"
        file.write_text(SWEEP)
        return ["sweep", str(file), "--output", str(folder), "--quiet", *KINDS[kind]]
    place = ["train", "--run-dir", str(folder), "--quiet"]
    if (folder / "config.yaml").exists():
        return [*place, "--resume", *(PARALLEL if kind == "parallel" else [])]
    return [*place, *KINDS[kind], *SMALL]


FORKING = """
import json, os, sys
from ctsigprop.analysis.plots import curves, layers, weights as learned; from ctsigprop.continuous import trained
from ctsigprop.continuous import training
from ctsigprop.discrete.parallel import training as parallel
from ctsigprop.experiments.sweeps import cluster; from ctsigprop.experiments.cli import sweep
from ctsigprop.experiments.cli import main
from ctsigprop.spiking import training
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        status = main(json.loads(line))
        sys.stderr.flush()
        os._exit(status)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Forking:
    """Starts the command line in one process after another."""

    def __init__(self, temporary: Path) -> None:
        self.errors = temporary.with_name("errors")
        environment = os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, "-c", FORKING]
        with self.errors.open("w") as errors:
            self._process = subprocess.Popen(command, text=True, env=environment, stderr=errors, **pipes)  # type: ignore[call-overload]

    def start(self, arguments: list[str]) -> int:
        """Begins a command; its process."""
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def status(self) -> int:
        """How it ended, once it has."""
        return int(self._process.stdout.readline())

    def finish(self, arguments: list[str]) -> float:
        """Lets a command come to its end; the seconds that it took."""
        self.start(arguments)
        before = time.monotonic()
        assert self.status() == 0, self.errors.read_text()
        return time.monotonic() - before

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def forking(tmp_path: Path) -> Iterator[Forking]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    forking = Forking(temporary)
    yield forking
    forking.close()
    left = time.monotonic() + SECONDS
    while list(temporary.glob("ctsigprop-*")) and time.monotonic() < left:
        time.sleep(0.1)  # processes whose parent was killed remove it
    assert list(temporary.glob("ctsigprop-*")) == []


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def assert_same(kind: str, folder: Path, undisturbed: Path, assert_same_run: SameRun) -> None:
    assert names(folder) == names(undisturbed)
    runs = [path.parent.relative_to(undisturbed) for path in undisturbed.rglob("config.yaml")]
    for run in runs:
        assert_same_run(RunFolder.open(folder / run), RunFolder.open(undisturbed / run))
    if kind == "sweep":
        tables = [pd.read_csv(one / "results.csv").drop(columns="seconds") for one in (folder, undisturbed)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.parametrize("kind", list(KINDS)[:KILLS])
def test_killed_and_resumed_it_is_the_same_and_nothing_is_left(
    kind: str, tmp_path: Path, forking: Forking, assert_same_run: SameRun
) -> None:
    kills = KILLS // len(KINDS) + (list(KINDS).index(kind) < KILLS % len(KINDS))
    moments = random.Random(f"{kind} {SEED}")
    undisturbed = tmp_path / "undisturbed"
    forking.finish(command(kind, tmp_path / "first"))  # compiles
    life = forking.finish(command(kind, undisturbed))
    run = killed = chain = 0
    while killed < kills or chain:
        folder = tmp_path / f"run-{run}"
        if killed < kills and chain < CHAIN:
            process = forking.start(command(kind, folder))
            time.sleep(moments.uniform(0, life))
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            if (status := forking.status()) == -signal.SIGKILL:
                killed, chain = killed + 1, chain + 1
                continue
            assert status == 0, forking.errors.read_text()  # it was quicker
        forking.finish(command(kind, folder))
        assert_same(kind, folder, undisturbed, assert_same_run)
        run, chain = run + 1, 0
    print(f"{kind}: {killed} kills, {run} runs the same to the bit, no file left")
