"""The command line, called in this process or in one of its own, and small runs to try it on."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from ctsigprop.experiments.cli import main
from ctsigprop.experiments.paper import scheduling
from ctsigprop.runs import OUTCOME, RunFolder
from ctsigprop.settings import AnySettings

SMALL = ("--network.hidden", "[8]", "--data.limit", "60", "--training.epochs", "2", "--training.threads", "1")


class Answer(NamedTuple):
    """What a command left behind: its exit status, its output, its errors."""

    status: int
    out: str
    err: str


Command = Callable[..., Answer]
Refuse = Callable[..., None]
Finish = Callable[..., None]


@pytest.fixture
def ctsigprop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `ctsigprop ARGUMENTS` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        try:
            status = main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
        return Answer(status, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert main(["train", *SMALL, "--run-dir", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, in ./run."""
    return shutil.copytree(finished, tmp_path / "run")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and every folder, with what it holds."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


@pytest.fixture
def refused(ctsigprop: Command, tmp_path: Path) -> Refuse:
    """Asserts that a command fails in one line that holds all of `words`, and leaves every file as it was."""

    def check(arguments: list[str], *words: str, status: int = 2) -> None:
        before = tree(tmp_path)
        found, _, err = ctsigprop(*arguments)
        assert found == status, err
        assert err.startswith("ctsigprop: error: ")
        assert err.count("\n") == 1
        assert [word for word in words if word not in err] == [], err
        assert tree(tmp_path) == before

    return check


@pytest.fixture(scope="session")
def fabricating() -> Callable[[Callable[[AnySettings], Sequence[float]]], Finish]:
    """Makes stand-ins for `finishing.finish` that train nothing.

    They leave what a run leaves whose test errors, an epoch each, are a function of its settings; its first epoch is
    the best, and each has taken two seconds.
    """

    def make(errors_of: Callable[[AnySettings], Sequence[float]]) -> Finish:
        def fabricate(folder: Path, settings: AnySettings, *, quiet: bool) -> None:
            errors = errors_of(settings)
            rows = [
                {
                    "epoch": epoch,
                    "validation_error": 3.0 if epoch == 1 else 4.0,
                    "test_error": error,
                    "train_error": 1 / epoch,
                    "seconds": 2.0,
                }
                for epoch, error in enumerate(errors, start=1)
            ]
            with RunFolder.create(folder, settings) as run:
                run.write_metrics(rows)
                run.write_summary(dict.fromkeys(OUTCOME, errors[0]) | {"epochs": settings.training.epochs})

        return fabricate

    return make


@pytest.fixture
def trained(fabricate: Finish, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs as reproductions begin them; nothing is trained, the test file's `fabricate` is called."""
    begun: list[str] = []

    def finish(folder: Path, settings: AnySettings, *, quiet: bool) -> None:
        begun.append(folder.name)
        fabricate(folder, settings, quiet=quiet)

    monkeypatch.setattr(scheduling, "finish", finish)
    return begun


@pytest.fixture
def stop_after(fabricate: Finish, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets reproductions finish so many runs, by the test file's `fabricate`, and stops them as Ctrl-C does."""

    def stop(runs: int) -> None:
        left = iter(range(runs))

        def finish(folder: Path, settings: AnySettings, *, quiet: bool) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            fabricate(folder, settings, quiet=quiet)

        monkeypatch.setattr(scheduling, "finish", finish)

    return stop


class Processes:
    """Trains in a process of its own."""

    def start(self, run: Path, *flags: str) -> subprocess.Popen[str]:
        """Begins or resumes a run."""
        command = [str(Path(sys.executable).with_name("ctsigprop")), "train", "--run-dir", str(run), *flags]
        return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, run: Path, *flags: str) -> None:
        """Begins or resumes a run and sees it end well."""
        process = self.start(run, *flags)
        _, err = process.communicate()
        assert process.returncode == 0, err

    def wait_for_epoch(self, run: Path, process: subprocess.Popen[str], epoch: int) -> None:
        """Returns once a run has finished so many epochs, or fails."""
        while self.epochs(run) < epoch:
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)

    def epochs(self, run: Path) -> int:
        """Finished epochs of a run, which need not exist."""
        path = run / "metrics.jsonl"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture(scope="session")
def processes() -> Processes:
    """Runs in processes of their own."""
    return Processes()
