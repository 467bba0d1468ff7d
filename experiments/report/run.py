"""A run as the page shows it: settings, epochs, and what came out; read from its folder with every check."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ctsigprop.core.files import parse_json, read_bytes
from ctsigprop.errors import InputError
from ctsigprop.runs import METRICS, OUTCOME, SUMMARY, RunFolder, covers
from ctsigprop.runs.metrics import REGRESSION, Row, best_row
from ctsigprop.settings import AnySettings
from ctsigprop.settings.config import CONFIG

FILES = frozenset((CONFIG, METRICS, SUMMARY))
FIGURES = "figures"
ALWAYS = ("angles", "warnings")  # what the page takes a row to have
REMEDY = "restore it from a copy, or train anew"
MOST_OF_AN_OBJECT = 1 << 24
"""Bytes of a JSON file that is no run's."""


@dataclass(frozen=True)
class Outcome:
    """What a run has reached; errors in percent, of a regression mean squares.

    Attributes:
        epochs: finished.
        best_epoch: the last of the epochs with the smallest validation error.
        validation: error after that epoch.
        test: error after that epoch.
        train: error of the last epoch.
        seconds: of all epochs.
        regression: whether errors are mean squares.
    """

    epochs: int
    best_epoch: int
    validation: float
    test: float
    train: float
    seconds: float
    regression: bool = False


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        name: from the folder that was searched down to its own.
        path: its folder.
        settings: None where config.yaml was not kept.
        rows: a mapping an epoch, as metrics.jsonl holds them; none where only the table shows the run.
        summary: as summary.json holds it; empty before the run has ended.
        outcome: None before the first epoch has ended.
        figures: its PNG files; none where only the table shows the run.
        warnings: by kind, in how many epochs it was given, and its last sentence.
        warned: epochs with a warning; None where there are no metrics to tell.
        detailed: whether the page may show more of it than a row of the table.
    """

    name: str
    path: Path
    settings: AnySettings | None
    rows: tuple[Row, ...]
    summary: Mapping[str, Any]
    outcome: Outcome | None
    figures: tuple[Path, ...]
    warnings: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    warned: int | None = None
    detailed: bool = True

    @property
    def planned(self) -> int | None:
        """Epochs that the run was asked for."""
        return self.settings.training.epochs if self.settings else None

    @property
    def finished(self) -> bool:
        """Whether the run has ended with all the epochs that it was asked for."""
        return covers(self.summary, self.settings) if self.settings else bool(self.summary)


def read_run(path: Path, name: str, *, detailed: bool = True) -> Run:
    """Reads a folder that holds at least one of FILES; nothing is written.

    Args:
        path: of the folder.
        name: that the page calls it by.
        detailed: keep the rows of its metrics, and look for its figures.

    Raises:
        InputError: one of the files is not as a run wrote it, or cannot be read.
    """
    folder = RunFolder(path)
    settings = folder.settings() if (path / CONFIG).exists() else None
    rows = tuple({**row, **{name: row.get(name) or {} for name in ALWAYS}} for row in folder.metrics())
    summary = folder.summary()
    return Run(
        name=name,
        path=path,
        settings=settings,
        rows=rows if detailed else (),
        summary=summary,
        outcome=_reached(rows) if rows else _kept(summary) if summary else None,
        figures=figures(path / FIGURES) if detailed else (),
        warnings=_warnings(rows),
        warned=sum(bool(row["warnings"]) for row in rows) if rows else None,
        detailed=detailed,
    )


def read_object(path: Path, inside: Path) -> dict[str, Any]:
    """A JSON file that holds an object.

    Args:
        path: of the file.
        inside: folder that links may not leave.

    Raises:
        InputError: it cannot be read, or holds anything else.
    """
    try:
        content = parse_json(read_bytes(path, inside, MOST_OF_AN_OBJECT))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON as this program writes it: {REMEDY}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no JSON object: {REMEDY}")
    return content


def figures(folder: Path) -> tuple[Path, ...]:
    """The PNG files of a folder, which need not exist."""
    try:
        names = os.listdir(folder)
    except OSError:
        return ()
    return tuple(folder / name for name in sorted(names) if name.endswith(".png") and not name.startswith("."))


def _warnings(rows: Sequence[Row]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for row in rows:
        for kind, sentence in row["warnings"].items():
            found[kind] = (found.get(kind, (0, ""))[0] + 1, str(sentence))
    return found


def _kept(summary: Mapping[str, Any]) -> Outcome:
    return Outcome(*(summary[one] for one in OUTCOME), bool(summary.get(REGRESSION)))


def _reached(rows: Sequence[Row]) -> Outcome:
    best = best_row(rows)
    return Outcome(
        epochs=rows[-1]["epoch"],
        best_epoch=best["epoch"],
        validation=best["validation_error"],
        test=best["test_error"],
        train=rows[-1]["train_error"],
        seconds=sum(row["seconds"] for row in rows),
        regression=bool(best.get(REGRESSION)),
    )
