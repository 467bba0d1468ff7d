"""A folder of small valid files of every kind, and the attack: a command over it, judged by what it leaves."""

import contextlib
import io
import json
import os
import shutil
import signal
import stat
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from types import FrameType
from typing import NoReturn

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure

from ctsigprop.experiments import finishing
from ctsigprop.experiments.cli import main, sweep
from ctsigprop.experiments.paper import scheduling
from ctsigprop.experiments.sweeps.folder import SweepFolder
from ctsigprop.experiments.sweeps.specification import read_sweep
from ctsigprop.experiments.sweeps.training import Workers
from ctsigprop.runs import trainer
from ctsigprop.settings.config import read_settings, to_yaml

Damage = Callable[[Path], None]
Attack = Callable[[Sequence[str], Damage, int], int]

RESULTS = Path(__file__).parents[2] / "experiments" / "results"
ONCE = ("--data.limit", "60", "--training.threads", "1", "--quiet")
FAMILIES = {
    "continuous": ("--network.hidden", "[8]", "--training.epochs", "2"),
    "discrete": ("--network.hidden", "[8,6]", "--training.epochs", "1"),
    "spiking": (
        "--network.channels",
        "[2,2]",
        "--network.units",
        "4",
        "--network.steps",
        "2",
        "--training.epochs",
        "1",
    ),
}
SWEEP = {
    "base": {"data": {"limit": 60}, "network": {"hidden": [4]}, "training": {"epochs": 1}},
    "grid": {"nudging.beta": [0.5], "training.seed": [0, 1]},
    "sample": {"points": 1, "seed": 0, "settings": {"learning.decay": {"low": 0.9, "high": 1.0}}},
}
SECONDS = 10
"""Of one command."""
WAITING = 0.01
"""Share of a processor below which a command waits."""
LARGE = 1 << 20
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200014898"
    "9e710000000049454e44ae426082"
)
LONGEST_LINE = 1100


class Hung(BaseException):
    """A command that is not done within its seconds."""


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of three families, a sweep, reproductions, and files of settings, sweeps, recordings and data."""
    folder = tmp_path_factory.mktemp("world")
    for family, flags in FAMILIES.items():
        assert main(["train", "--family", family, *flags, *ONCE, "--run-dir", str(folder / family)]) == 0
        (folder / f"{family}.yaml").write_text(to_yaml(read_settings(folder / family / "config.yaml")))
    (folder / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    points = read_sweep(folder / "sweep.yaml")
    swept = SweepFolder(folder / "swept")
    swept.begin(points.resolved)
    finishing.finish(swept.point(points.points[0].name), points.points[0].settings, quiet=True)
    swept.fail(points.points[1].name, points.points[1].settings, "no luck")
    for name in ("figure-4/figure-4.json", "table-6/table-6.json"):
        (folder / name).parent.mkdir()
        shutil.copy(RESULTS / name, folder / name)
    random = np.random.default_rng(0)
    np.savez(folder / "events.npz", frames=random.poisson(0.5, (4, 3, 1, 8, 8)), labels=[1, 2, 3, 4])
    for part in ("train", "test"):
        (folder / "recordings").mkdir(exist_ok=True)
        frames = random.poisson(0.5, (20, 2, 1, 8, 8))
        np.savez(folder / "recordings" / f"{part}.npz", frames=frames, labels=np.arange(20) % 4)
    np.savez(folder / "data.npz", x=random.random((40, 5)), y=np.arange(40) % 3)
    return folder


@pytest.fixture(scope="module")  # what it patches must not outlive the fuzzing
def attack(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    """Damages a copy of the world, calls a command over it and asserts that it ends as it should; see `_judge`.

    Training stops before the given batch as by Ctrl-C; a sweep trains in this process, a reproduction starts none.
    Figures are made of what was read, but their pixels, nine tenths of the time, are not.
    """
    base = tmp_path_factory.mktemp("attack")
    outside = base / "temporary"
    outside.mkdir()
    number = count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(outside))
        patch.setenv("CTSIGPROP_DATA", str(base / "nothing"))
        patch.setattr(sweep, "_workers", lambda *_: Workers(0))
        patch.setattr(scheduling, "finish", _interrupt)
        patch.setattr(Figure, "savefig", lambda _, file, **__: file.write(PIXEL))

        def call(arguments: Sequence[str], damage: Damage, batch: int = 1) -> int:
            place = base / str(next(number)) / "here"
            shutil.copytree(world, place)
            try:
                damage(place)
                patch.setattr(trainer, "deferred_interrupt", _stopping_before(batch))
                before = _listed(place.parent)
                with contextlib.chdir(place):
                    status, err = _called(arguments)
                _judge(status, err, before, _listed(place.parent), place.parent)
                assert not list(outside.iterdir()), "a temporary file is left"
            finally:
                shutil.rmtree(place.parent)
            return status

        yield call


def _interrupt(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def _stopping_before(batch: int) -> Callable[[], contextlib.AbstractContextManager[Callable[[], bool]]]:
    @contextlib.contextmanager
    def interrupt() -> Iterator[Callable[[], bool]]:
        asked = count(1)
        yield lambda: next(asked) >= batch

    return interrupt


def _called(arguments: Sequence[str]) -> tuple[int, str]:
    """Exit status and errors of a command, within its seconds."""
    out, err = io.StringIO(), io.StringIO()
    with _limited(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return status, err.getvalue()


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Stops a block that computes for longer than SECONDS, or waits for as long: a machine under load does neither."""
    spent = time.process_time()

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal spent
        before, spent = spent, time.process_time()
        if number == signal.SIGPROF or spent - before < WAITING * SECONDS:
            raise Hung("".join(traceback.format_stack(frame, limit=6)))

    timers = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGALRM: signal.ITIMER_REAL}
    previous = {number: signal.signal(number, stop) for number in timers}
    for timer in timers.values():
        signal.setitimer(timer, SECONDS, SECONDS)
    try:
        yield
    finally:
        for number, timer in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, previous[number])


Listed = dict[str, tuple[str, bytes]]


def _listed(folder: Path) -> Listed:
    """Every entry below a folder but locks, with its kind and what it holds; of a large file, its size and time."""
    return {
        os.path.relpath(os.path.join(where, name), folder): _entry(os.path.join(where, name))
        for where, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if name != ".lock"
    }


def _entry(path: str) -> tuple[str, bytes]:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return "link", os.fsencode(os.readlink(path))
    if not stat.S_ISREG(status.st_mode):
        return str(stat.S_IFMT(status.st_mode)), b""
    if status.st_size > LARGE:
        return "large file", f"{status.st_size} {status.st_mtime_ns}".encode()
    with open(path, "rb") as file:
        return "file", file.read()


def _judge(status: int, err: str, before: Listed, after: Listed, folder: Path) -> None:
    """Assert a clean end: one line where it is no success, and what was written is whole and is a command's own."""
    assert status in (0, 1, 2, 130), status
    lines = err.splitlines()
    assert all(line.isprintable() and len(line) <= LONGEST_LINE for line in lines), err
    if status:
        assert lines and lines[-1].startswith("ctsigprop: "), err
        assert sum(line.startswith("ctsigprop: ") for line in lines) == 1, err
    if status == 2:
        assert len(lines) == 1, err
        assert after == before, {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    gone = {name for name in before.keys() - after.keys() if status or not name.endswith(".error.json")}
    assert not gone, gone  # a sweep takes back what it said of a point that failed, once the point is trained
    for name in (name for name in after if before.get(name) != after[name]):
        kind, content = after[name]
        assert not os.path.basename(name).startswith("."), f"{name} is left"
        assert name.startswith("here/") or name == "here", f"{name} is outside"
        assert kind != "link" and _whole(folder / name, content), f"{name} is not whole"


def _whole(path: Path, content: bytes) -> bool:
    """Whether a file that a command has written is a whole one of its kind."""
    match path.suffix:
        case ".json":
            json.loads(content)
        case ".jsonl":
            assert content.endswith(b"\n") or not content
            [json.loads(line) for line in content.splitlines()]
        case ".yaml":
            yaml.safe_load(content)
        case ".npz":
            with zipfile.ZipFile(path) as archive:
                return archive.testzip() is None
        case ".png":
            return content.startswith(b"\x89PNG") and content.rstrip(b"\0").endswith(b"IEND\xaeB`\x82")
        case ".html":
            return path.read_bytes().rstrip().endswith(b"</html>")
    return True
