"""What only some systems have is done without elsewhere: modules, functions and signals of POSIX are hidden."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ctsigprop.core import threads
from ctsigprop.core.files import atomic
from ctsigprop.core.locks import lock_folder, one_at_a_time, wait_for_folder
from ctsigprop.errors import Busy

HIDE = """
import os, signal, sys
for name in ("grp", "pty", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("fork", "getuid", "killpg", "sched_getaffinity", "setsid"):
    delattr(os, name)
for name in ("pthread_sigmask", "SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1"):
    delattr(signal, name)
opened = os.open
def open_no_folder(path, flags, *more, **named):
    if os.path.isdir(path) and not flags & os.O_CREAT:
        raise PermissionError(13, "Permission denied", path)
    return opened(path, flags, *more, **named)
os.open = open_no_folder
from ctsigprop.experiments.cli import main
for flags in {runs!r}:
    assert main(["train", *flags]) == 0
"""
DIGITS = ["--data.limit", "60", "--training.epochs", "1", "--training.threads", "1", "--quiet"]
RUNS = {
    "continuous": ["--network.hidden", "[6]", "--network.output_gain", "0.3", "--learning.rates", "[0.1,0.01]"],
    "discrete": ["--family", "discrete", "--network.hidden", "[6]"],
    "spiking": ["--family", "spiking", "--network.channels", "[2,2]", "--network.units", "4", "--network.steps", "2"],
}


def test_runs_need_nothing_of_posix(tmp_path: Path) -> None:
    """As on Windows: no user, no fork, few signals, and a folder cannot be opened."""
    runs = [[*flags, *DIGITS, "--run-dir", family] for family, flags in RUNS.items()]
    command = [sys.executable, "-c", HIDE.format(runs=runs)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert all((tmp_path / family / "summary.json").is_file() for family in RUNS)
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_cores_are_counted_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5})
        assert threads.cores() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert threads.cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads.cores() == 1


def test_a_file_is_written_where_its_folder_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system_open = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if path == tmp_path:
            raise PermissionError
        return system_open(path, flags, mode)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with atomic(tmp_path / "file") as file:
            file.write(b"whole")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"whole"}


HOLD = """
import sys
from pathlib import Path
from ctsigprop.core.locks import lock_folder
held = lock_folder(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_is_held_until_its_process_is_killed(tmp_path: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Busy, match="another process is training"):
            lock_folder(tmp_path)
        process.kill()
    wait_for_folder(tmp_path)
    with lock_folder(tmp_path):
        pass
    with one_at_a_time(tmp_path):
        pass
    wait_for_folder(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_held_here_is_busy_too_and_free_once_closed(tmp_path: Path) -> None:
    held = lock_folder(tmp_path)
    with pytest.raises(Busy, match="in these words"):
        lock_folder(tmp_path, "in these words")
    held.close()
    lock_folder(tmp_path).close()
