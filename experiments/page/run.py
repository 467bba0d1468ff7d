"""A run as the page shows it: settings, epochs, and what came out; read from its folder with every check."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctsigprop.config import CONFIG
from ctsigprop.errors import InputError
from ctsigprop.metrics import best_row
from ctsigprop.runs import METRICS, OUTCOME, SUMMARY, RunFolder, covers
from ctsigprop.settings import AnySettings

FILES = frozenset((CONFIG, METRICS, SUMMARY))
ALWAYS = ("angles", "warnings")  # what the page takes a row to have
REMEDY = "restore it from a copy, or train anew"


@dataclass(frozen=True)
class Outcome:
    """What a run has reached; errors in percent.

    Attributes:
        epochs: finished.
        best_epoch: the last of the epochs with the smallest validation error.
        validation: error after that epoch.
        test: error after that epoch.
        train: error of the last epoch.
        seconds: of all epochs.
    """

    epochs: int
    best_epoch: int
    validation: float
    test: float
    train: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        name: from the folder that was searched down to its own.
        path: its folder.
        settings: None where config.yaml was not kept.
        rows: a mapping an epoch, as metrics.jsonl holds them.
        summary: as summary.json holds it; empty before the run has ended.
        outcome: None before the first epoch has ended.
        figures: its PNG files.
    """

    name: str
    path: Path
    settings: AnySettings | None
    rows: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Any]
    outcome: Outcome | None
    figures: tuple[Path, ...]

    @property
    def planned(self) -> int | None:
        """Epochs that the run was asked for."""
        return self.settings.training.epochs if self.settings else None

    @property
    def finished(self) -> bool:
        """Whether the run has ended with all the epochs that it was asked for."""
        return covers(self.summary, self.settings) if self.settings else bool(self.summary)

    @property
    def warnings(self) -> dict[str, tuple[int, str]]:
        """By kind: in how many epochs it was given, and its last sentence."""
        found: dict[str, tuple[int, str]] = {}
        for row in self.rows:
            for kind, sentence in row["warnings"].items():
                found[kind] = (found.get(kind, (0, ""))[0] + 1, str(sentence))
        return found


def read_run(path: Path, name: str) -> Run:
    """Reads a folder that holds at least one of FILES; nothing is written.

    Raises:
        InputError: one of the files is not as a run wrote it, or cannot be read.
    """
    folder = RunFolder(path)
    try:
        settings = folder.settings() if (path / CONFIG).exists() else None
        rows = tuple({**row, **{name: row.get(name) or {} for name in ALWAYS}} for row in folder.metrics())
        summary = folder.summary()
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error
    outcome = _reached(rows) if rows else Outcome(*(summary[one] for one in OUTCOME)) if summary else None
    return Run(name, path, settings, rows, summary, outcome, figures(path / "figures"))


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object.

    Raises:
        InputError: it cannot be read, or holds anything else.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {REMEDY}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no JSON object: {REMEDY}")
    return content


def figures(folder: Path) -> tuple[Path, ...]:
    """The PNG files of a folder, which need not exist."""
    return tuple(sorted(path for path in folder.glob("*.png") if not path.name.startswith(".")))


def _reached(rows: tuple[Mapping[str, Any], ...]) -> Outcome:
    best = best_row(rows)
    return Outcome(
        epochs=rows[-1]["epoch"],
        best_epoch=best["epoch"],
        validation=best["validation_error"],
        test=best["test_error"],
        train=rows[-1]["train_error"],
        seconds=sum(row["seconds"] for row in rows),
    )
