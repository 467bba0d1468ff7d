"""The command line, called in this process, and small runs to try it on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ctsigprop.experiments.cli import main

SMALL = ("--network.hidden", "[8]", "--data.limit", "60", "--training.epochs", "2", "--training.threads", "1")


class Answer(NamedTuple):
    """What a command left behind: its exit status, its output, its errors."""

    status: int
    out: str
    err: str


Command = Callable[..., Answer]


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
