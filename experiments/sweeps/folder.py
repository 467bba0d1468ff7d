"""The folder of a sweep, whose files are the truth about what is done.

    sweep.yaml                what is swept, resolved
    points/HASH/              the run folder of a point
    points/HASH.error.json    why a point failed, its settings
    results.csv, summary.csv  a row a point; means and standard deviations over seeds
    figures/

Workers write into `points` alone, and any process may read the folder at any time.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctsigprop.core.files import atomic, made, read_json, remove_temporary, to_json, write_failures
from ctsigprop.core.locks import LOCK, wait_for_folder
from ctsigprop.core.yaml_text import written
from ctsigprop.errors import InputError
from ctsigprop.experiments.sweeps.specification import Point
from ctsigprop.runs import RunFolder
from ctsigprop.settings import AnySettings, as_begun
from ctsigprop.settings.config import CONFIG, to_values

CONTENT = "sweep.yaml"
POINTS = "points"
FAILURE = ".error.json"
BUSY = "another process is at this sweep: wait for it to end, or choose another folder for the output"


@dataclass(frozen=True)
class SweepFolder:
    """A folder that holds a sweep, or will."""

    path: Path

    @property
    def figures(self) -> Path:
        """Folder of the figures, made where it is missing."""
        return made(self.path / "figures")

    @property
    def begun(self) -> bool:
        """Whether it is written down what is swept."""
        return (self.path / CONTENT).exists()

    def begin(self, content: Mapping[str, Any]) -> None:
        """Makes the folder, without what a kill left half-written, and writes down what is swept.

        Raises:
            RunFailure: it cannot be written.
        """
        with write_failures(self.path):
            (self.path / POINTS).mkdir(parents=True, exist_ok=True)
            remove_temporary(self.path, self.path / POINTS, self.path / "figures")
        with atomic(self.path / CONTENT) as file:
            file.write(written(dict(content)).encode())

    def point(self, name: str) -> Path:
        """Folder of a point's run, which need not exist."""
        return self.path / POINTS / name

    def failure(self, name: str) -> Path:
        """File that says why a point failed, which need not exist."""
        return self.path / POINTS / f"{name}{FAILURE}"

    def names(self) -> set[str]:
        """Every point that the folder holds anything of."""
        return {path.name.partition(".")[0] for path in (self.path / POINTS).glob("[!.]*")}

    def summary(self, point: Point) -> dict[str, Any] | None:
        """What came out of a point; None before all its epochs are done.

        Raises:
            InputError: it was finished, and its settings are gone or its metrics are damaged.
        """
        run = RunFolder(self.point(point.name))
        with suppress(OSError):
            if (found := run.finished(point.settings)) is not None:
                return found if RunFolder.open(run.path).metrics() else None
        return None

    def missing(self, points: Iterable[Point]) -> list[Point]:
        """Points that are not finished; only those that have a folder are looked into."""
        there = self.names()
        return [point for point in points if point.name not in there or self.summary(point) is None]

    def reason(self, name: str) -> str | None:
        """Why a point failed when it was last tried, in one line."""
        record = read_json(self.failure(name), self.path)
        return str(record["error"]) if isinstance(record, dict) and "error" in record else None

    def fail(self, name: str, settings: AnySettings, reason: str) -> None:
        """Writes down why a point failed.

        Raises:
            RunFailure: the disk is full or fails.
        """
        record = {"point": name, "error": " ".join(reason.split()), "settings": to_values(settings)}
        with atomic(self.failure(name)) as file:
            file.write((to_json(record, indent=2) + "\n").encode())

    def run(self, point: Point) -> RunFolder:
        """The run of a point, begun or gone on with; waits while another process holds it.

        Raises:
            InputError: the folder holds a run with other settings, or cannot be used.
            RunFailure: it cannot be written.
        """
        path = self.point(point.name)
        wait_for_folder(path)
        if not (path / CONFIG).exists():
            return RunFolder.create(path, point.settings)
        run = RunFolder.resume(path)
        settings = run.settings()
        if settings != as_begun(point.settings, settings):
            run.close()
            raise InputError(f"{path}: holds a run with other settings than its name says: move it away")
        return run


def check_free(path: Path) -> None:
    """Passes a folder that is new, empty or a sweep's.

    Raises:
        InputError: it holds something else.
    """
    try:
        others = {entry.name for entry in path.iterdir()} - {LOCK} if path.exists() else set()
    except OSError as error:
        raise InputError(f"{path}: cannot be used ({error.strerror}): choose another folder for the output") from error
    if others and CONTENT not in others:
        raise InputError(f"{path}: is not empty and holds no sweep: choose a new folder for the output")
